//! What the path of a control group tells: the systemd unit and the container.
//!
//! Sources: systemd, "Control Group Interface" and cg_path_get_unit in src/basic/cgroup-util.c; the
//! cgroup drivers of runc (`docker-ID.scope`, `/docker/ID`), containerd (`cri-containerd-ID.scope`),
//! CRI-O (`crio-ID.scope`), Podman (`libpod-ID.scope`), LXC (`lxc.payload.NAME`, `/lxc/NAME`) and
//! systemd-nspawn (`machine-NAME.scope`).

/// The innermost systemd unit of a path that is no slice: `/system.slice/ssh.service` is of
/// `ssh.service`, and a user's service is named rather than the user manager that runs it.
#[must_use]
pub fn unit(path: &str) -> Option<&str> {
    const KINDS: [&str; 5] = [".service", ".socket", ".scope", ".mount", ".swap"];
    path.rsplit('/')
        .find(|part| KINDS.iter().any(|kind| part.len() > kind.len() && part.ends_with(kind)))
}

/// The container of a path, by id or name as the path has it.
#[must_use]
pub fn container(path: &str) -> Option<&str> {
    const SCOPES: [&str; 6] =
        ["docker-", "cri-containerd-", "crio-", "libpod-", "nerdctl-", "containerd-"];
    let mut before = "";
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let scope = part.strip_suffix(".scope").unwrap_or(part);
        if let Some(id) =
            SCOPES.iter().find_map(|prefix| scope.strip_prefix(prefix)).filter(|id| is_id(id))
        {
            return Some(id);
        }
        if let Some(name) = part.strip_prefix("lxc.payload.") {
            return Some(name);
        }
        if let Some(name) = scope.strip_prefix("machine-").filter(|_| part.ends_with(".scope")) {
            return Some(name);
        }
        if before == "lxc"
            || is_id(part)
                && (before == "docker" || before.starts_with("pod") || before == "default")
        {
            return Some(part);
        }
        before = part;
    }
    None
}

/// Whether a text is the id of a container: 64 hex digits, or a beginning of at least 12.
fn is_id(text: &str) -> bool {
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
}
