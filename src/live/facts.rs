//! What is known of the host and of this process: names, moments, privileges, users.

use std::collections::BTreeMap;

use super::files;

/// `CAP_SYS_PTRACE`: other users' processes may be looked at. Source: capabilities(7).
const SYS_PTRACE: u32 = 19;

/// The capabilities that decide what a capture can see, by number.
const CAPABILITIES: [(u32, &str); 5] = [
    (1, "dac_override"),
    (2, "dac_read_search"),
    (12, "net_admin"),
    (SYS_PTRACE, "sys_ptrace"),
    (21, "sys_admin"),
];

/// What this process may do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Privilege {
    /// Effective user id.
    pub(super) uid: u32,
    /// Effective capabilities, a bit each; `None` when they cannot be read.
    mask: Option<u64>,
    /// It is in the first user namespace, so that user ids are those of the host.
    pub(super) first_user_namespace: bool,
}

impl Privilege {
    pub(super) fn read() -> Self {
        let status = files::text("/proc/thread-self/status").unwrap_or_default();
        let map = files::text("/proc/thread-self/uid_map").unwrap_or_default();
        Self {
            uid: rustix::process::geteuid().as_raw(),
            mask: effective(&status),
            first_user_namespace: maps_all(&map),
        }
    }

    /// Whether the list of processes is that of all in this pid namespace: `hidepid` of proc(5) hides
    /// those of others from whoever may not trace them.
    pub(super) fn sees_all_processes(&self) -> bool {
        self.has(SYS_PTRACE)
            || files::text("/proc/thread-self/mountinfo").is_ok_and(|mounts| !hides(&mounts))
    }

    /// Those of [`CAPABILITIES`] that it has.
    pub(super) fn capabilities(&self) -> Option<Vec<String>> {
        self.mask?;
        let held = CAPABILITIES.iter().filter(|(bit, _)| self.has(*bit));
        Some(held.map(|(_, name)| (*name).to_owned()).collect())
    }

    fn has(&self, bit: u32) -> bool {
        self.mask.is_some_and(|mask| mask >> bit & 1 == 1)
    }
}

fn effective(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

/// `0 0 4294967295`: every id is itself.
fn maps_all(map: &str) -> bool {
    map.split_ascii_whitespace().eq(["0", "0", "4294967295"])
}

/// Whether `/proc` is mounted with another `hidepid` than none.
fn hides(mounts: &str) -> bool {
    mounts.lines().filter(|line| line.split(' ').nth(4) == Some("/proc")).any(|line| {
        let options = line.rsplit(' ').next().unwrap_or_default();
        options.split(',').any(|option| {
            option.strip_prefix("hidepid=").is_some_and(|how| !matches!(how, "0" | "off"))
        })
    })
}

/// The kernel's release, and its name of the machine's architecture.
pub(super) fn kernel() -> String {
    let name = rustix::system::uname();
    format!(
        "{} {} {}",
        name.sysname().to_string_lossy(),
        name.release().to_string_lossy(),
        name.machine().to_string_lossy()
    )
}

/// The name of the host.
pub(super) fn host_name() -> Option<String> {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Some(name).filter(|name| !name.is_empty() && name != "(none)")
}

/// The id that the host got when it was started.
pub(super) fn boot_id() -> Option<String> {
    files::value("/proc/sys/kernel/random/boot_id").filter(|id| !id.is_empty())
}

/// Names of users by number, of `/etc/passwd`; those of directory services are not looked up.
pub(super) fn users() -> BTreeMap<u32, String> {
    users_in(&files::text("/etc/passwd").unwrap_or_default())
}

/// `name:password:uid:gid:...`, passwd(5); the first name of a number counts.
fn users_in(text: &str) -> BTreeMap<u32, String> {
    let mut users = BTreeMap::new();
    for line in text.lines() {
        let mut fields = line.split(':');
        if let (Some(name), Some(Ok(uid))) = (fields.next(), fields.nth(1).map(str::parse)) {
            users.entry(uid).or_insert_with(|| name.to_owned());
        }
    }
    users
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn privileges() {
        let status = "Name:\tx\nCapPrm:\t000001ffffffffff\nCapEff:\t0000000000080002\n";
        let some = Privilege { uid: 0, mask: effective(status), first_user_namespace: true };
        assert_eq!(some.capabilities().unwrap(), ["dac_override", "sys_ptrace"]);
        assert_eq!(effective("Name:\tx\n"), None);
        assert!(maps_all("         0          0 4294967295\n"));
        assert!(!maps_all("         0       1000          1\n") && !maps_all(""));
    }

    #[test]
    fn processes_are_hidden_by_the_mount_of_proc() {
        let mount = |options: &str| {
            format!("22 28 0:20 / /proc rw,nosuid shared:12 - proc proc {options}\n")
        };
        assert!(
            !hides(&mount("rw"))
                && !hides(&mount("rw,hidepid=0"))
                && !hides(&mount("rw,hidepid=off"))
        );
        assert!(hides(&mount("rw,gid=4,hidepid=2")) && hides(&mount("rw,hidepid=invisible")));
    }

    #[test]
    fn users_have_names() {
        let users =
            users_in("root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:\nbad\npg:x:26:26::/:\n");
        assert_eq!(
            users.into_iter().collect::<Vec<_>>(),
            [(0, "root".to_owned()), (26, "pg".to_owned())]
        );
    }
}
