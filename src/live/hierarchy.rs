//! Paths of control groups: by the id that the kernel sends with a socket, and of processes.
//!
//! The id of a group is the inode of its directory in the unified hierarchy (64-bit kernels; see
//! `kernfs_ino` and `cgroup_id`). Hosts with the first version of control groups, or both, have all
//! sockets in the root of the unified hierarchy, which tells nothing: there the processes tell.
//!
//! Sources: cgroups(7), linux-manual 6.03; Linux 6.1 `include/linux/kernfs.h`,
//! `Documentation/admin-guide/cgroup-v2.rst`.

use std::collections::BTreeMap;
use std::mem::MaybeUninit;

use rustix::fd::{AsFd as _, OwnedFd};
use rustix::fs::{AtFlags, CWD, FileType, RawDir, fstat, statat};

use super::files;

/// More levels than systemd, an engine and a nested one make together.
const DEEPEST: usize = 32;

/// The paths of control groups by id. Ids that are not found (groups that are gone, or outside of
/// what this process sees) are left out, and so is the root.
pub(super) fn paths(ids: &[u64]) -> BTreeMap<u64, String> {
    let mut walk = Walk { wanted: ids.to_vec(), found: BTreeMap::new(), path: String::new() };
    walk.wanted.sort_unstable();
    walk.wanted.dedup();
    let Some(root) = mount_point().and_then(|path| files::directory(CWD, path.as_str()).ok())
    else {
        return BTreeMap::new();
    };
    if let Ok(stat) = fstat(&root)
        && let Ok(at) = walk.wanted.binary_search(&stat.st_ino)
    {
        walk.wanted.remove(at);
    }
    if !walk.wanted.is_empty() {
        walk.directory(&root, 0);
    }
    walk.found
}

struct Walk {
    /// Ascending.
    wanted: Vec<u64>,
    found: BTreeMap<u64, String>,
    path: String,
}

impl Walk {
    fn directory(&mut self, directory: &OwnedFd, depth: usize) {
        let mut buffer = [MaybeUninit::uninit(); 8 << 10];
        let mut children = Vec::new();
        let mut entries = RawDir::new(directory, &mut buffer);
        while let Some(Ok(entry)) = entries.next() {
            let name = entry.file_name();
            if entry.file_type() == FileType::Directory && name != c"." && name != c".." {
                children.push((name.to_owned(), entry.ino()));
            }
        }
        for (name, id) in children {
            if self.found.len() == self.wanted.len() {
                return;
            }
            let len = self.path.len();
            self.path.push('/');
            self.path.push_str(&name.to_string_lossy());
            if self.wanted.binary_search(&id).is_ok() {
                self.found.insert(id, self.path.clone());
            }
            // The links of such a directory are its own two and one of each directory in it.
            let leaf = statat(directory.as_fd(), &name, AtFlags::SYMLINK_NOFOLLOW)
                .map_or(true, |stat| stat.st_nlink == 2);
            if !leaf
                && depth < DEEPEST
                && let Ok(child) = files::directory(directory.as_fd(), &name)
            {
                self.directory(&child, depth + 1);
            }
            self.path.truncate(len);
        }
    }
}

/// Where the unified hierarchy is mounted.
fn mount_point() -> Option<String> {
    mount_point_in(&files::text("/proc/self/mountinfo").ok()?)
}

/// `36 35 98:0 /root /mount/point options - cgroup2 source options`, proc(5). Only a mount of the
/// whole hierarchy gives paths that are those of `/proc/PID/cgroup`.
fn mount_point_in(mounts: &str) -> Option<String> {
    mounts.lines().find_map(|line| {
        let (mount, file_system) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        (file_system.starts_with("cgroup2 ") && root == "/").then(|| unescaped(point))
    })
}

/// Blanks, tabs, line feeds and backslashes stand as octal numbers in mountinfo.
fn unescaped(text: &str) -> String {
    let codes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    codes.iter().fold(text.to_owned(), |text, (code, sign)| text.replace(code, sign))
}

/// The path of a process from its `/proc/PID/cgroup`: that of the unified hierarchy, or where that
/// is the root, of systemd's, else the longest of the others. `None` when all are roots.
pub(super) fn path_of_process(text: &str) -> Option<String> {
    let rows = || {
        text.lines().filter_map(|line| {
            let (_, rest) = line.split_once(':')?;
            rest.split_once(':').filter(|(_, path)| path.len() > 1)
        })
    };
    let of = |wanted: &str| rows().find(|(name, _)| *name == wanted).map(|(_, path)| path);
    let longest = || rows().map(|(_, path)| path).max_by_key(|path| path.len());
    of("").or_else(|| of("name=systemd")).or_else(longest).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unified_hierarchy_wherever_it_is_mounted() {
        let pure = "25 30 0:23 / /proc rw - proc proc rw\n\
                    34 25 0:29 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
        assert_eq!(mount_point_in(pure).as_deref(), Some("/sys/fs/cgroup"));
        let hybrid = "33 25 0:27 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n\
                      34 25 0:29 / /mnt/a\\040b rw - cgroup2 cgroup2 rw\n";
        assert_eq!(mount_point_in(hybrid).as_deref(), Some("/mnt/a b"));
        let part = "34 25 0:29 /system.slice /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        assert_eq!(mount_point_in(part), None, "paths would lack their beginning");
    }

    #[test]
    fn paths_of_processes_of_both_versions() {
        for (text, path) in [
            ("0::/system.slice/ssh.service\n", Some("/system.slice/ssh.service")),
            ("0::/\n", None),
            ("", None),
            (
                "4:memory:/docker/0123\n1:name=systemd:/system.slice/ssh.service\n0::/\n",
                Some("/system.slice/ssh.service"),
            ),
            (
                "12:pids:/docker/0123456789abcdef\n1:name=systemd:/\n",
                Some("/docker/0123456789abcdef"),
            ),
            ("2:cpu,cpuacct:/a:b\n", Some("/a:b")),
        ] {
            assert_eq!(path_of_process(text).as_deref(), path, "{text}");
        }
    }
}
