//! What the path of a control group tells: the systemd unit and the container.
//!
//! Sources: systemd, "Control Group Interface" and cg_path_get_unit in src/basic/cgroup-util.c; the
//! cgroup drivers of runc (`docker-ID.scope`, `/docker/ID`), containerd (`cri-containerd-ID.scope`,
//! `SLICE:cri-containerd:ID`), CRI-O (`crio-ID.scope`), Podman (`libpod-ID.scope`, `/libpod_parent/libpod-ID`), LXC
//! (`lxc.payload.NAME`, `/lxc/NAME`) and systemd-nspawn (`machine-NAME.scope`).

/// Engines by how the name of a control group begins that they make for a container.
const ENGINES: [&str; 7] = [
    "docker-",
    "cri-containerd-",
    "crio-",
    "libpod-payload-",
    "libpod-",
    "nerdctl-",
    "containerd-",
];

/// The innermost systemd unit of a path that is no slice: `/system.slice/ssh.service` is of
/// `ssh.service`, and a user's service is named rather than the user manager that runs it.
#[must_use]
pub fn unit(path: &str) -> Option<&str> {
    const KINDS: [&str; 5] = [".service", ".socket", ".scope", ".mount", ".swap"];
    path.rsplit('/')
        .find(|part| KINDS.iter().any(|kind| part.len() > kind.len() && part.ends_with(kind)))
}

/// The container of a path, by id or name as the path has it. Of containers in containers the outer
/// one: that is the host's.
#[must_use]
pub fn container(path: &str) -> Option<&str> {
    let mut before = "";
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let scope = part.strip_suffix(".scope").unwrap_or(part);
        if let Some(id) = ENGINES.iter().find_map(|prefix| scope.strip_prefix(prefix)).filter(is_id)
        {
            return Some(id);
        }
        // `kubepods-burstable-podX.slice:cri-containerd:ID`, `system.slice:docker:ID`: the form that
        // runc takes for its systemd driver, where another driver gets it.
        if let Some((_, id)) = part.rsplit_once(':').filter(|(_, id)| is_id(id)) {
            return Some(id);
        }
        if let Some(name) = part.strip_prefix("lxc.payload.") {
            return Some(name);
        }
        if let Some(name) = scope.strip_prefix("machine-").filter(|_| part.ends_with(".scope")) {
            return Some(name);
        }
        if let Some(name) = part.strip_prefix("systemd-nspawn@") {
            return name.strip_suffix(".service");
        }
        let in_engine = before == "docker" || before.starts_with("pod") || before == "default";
        if before == "lxc" || is_id(&part) && (in_engine || part.len() == 64) {
            return Some(part);
        }
        before = part;
    }
    None
}

/// Whether a text is the id of a container: 64 hex digits, or a beginning of at least 12.
fn is_id(text: &&str) -> bool {
    (12..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_systemd_and_container_engines() {
        const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        let docker = format!("/system.slice/docker-{ID}.scope");
        let cgroupfs = format!("/docker/{ID}");
        let kube = format!("/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope");
        let kube_v1 = format!("/kubepods/besteffort/pod7f3a/{ID}");
        let podman = format!("/machine.slice/libpod-{ID}.scope/container");
        for (path, of_unit, of_container) in [
            ("/system.slice/ssh.service", Some("ssh.service"), None),
            ("/system.slice/ssh.socket", Some("ssh.socket"), None),
            (
                "/user.slice/user-1002.slice/user@1002.service/app.slice/butchr.service",
                Some("butchr.service"),
                None,
            ),
            ("/init.scope", Some("init.scope"), None),
            ("/", None, None),
            ("", None, None),
            ("/lxc.payload.web/system.slice/nginx.service", Some("nginx.service"), Some("web")),
            ("/lxc/db", None, Some("db")),
            ("/machine.slice/machine-box.scope", Some("machine-box.scope"), Some("box")),
            (cgroupfs.as_str(), None, Some(ID)),
            (kube_v1.as_str(), None, Some(ID)),
        ] {
            assert_eq!(unit(path), of_unit, "{path}");
            assert_eq!(container(path), of_container, "{path}");
        }
        for path in [docker, kube, podman] {
            assert_eq!(container(&path), Some(ID), "{path}");
        }
    }

    /// Paths as the engines make them, of both versions of control groups.
    #[test]
    fn paths_of_container_engines() {
        let paths = include_str!("../../tests/fixtures/cgroups.tsv");
        let mut count = 0;
        for line in paths.lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<&str> = line.split('\t').collect();
            let [_, path, of_unit, of_container] = fields.as_slice() else { panic!("{line}") };
            let known = |field: &str| (field != "-").then(|| field.to_owned());
            assert_eq!(unit(path).map(str::to_owned), known(of_unit), "{line}");
            assert_eq!(container(path).map(str::to_owned), known(of_container), "{line}");
            count += 1;
        }
        assert!(count > 20);
    }
}
