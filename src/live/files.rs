//! Reading small files of `/proc` and `/sys`, relative to an open directory.

use std::mem::MaybeUninit;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, RawDir, openat};
use rustix::io::Errno;
use rustix::path::Arg;

/// How much of a file is read at most: files of `/proc/net` can be large, and none is endless.
const MOST: usize = 1 << 30;

/// Room for a small file.
const SMALL: usize = 256;

/// Opens a directory.
pub(super) fn directory<P: Arg>(at: impl AsFd, path: P) -> Result<OwnedFd, Errno> {
    open(at, path, OFlags::RDONLY | OFlags::DIRECTORY)
}

/// Opens a file or directory, for reading unless the flags say otherwise.
pub(super) fn open<P: Arg>(at: impl AsFd, path: P, flags: OFlags) -> Result<OwnedFd, Errno> {
    openat(at, path, flags | OFlags::CLOEXEC, Mode::empty())
}

/// Reads a whole file into `bytes`, which is emptied first.
pub(super) fn read_into<P: Arg>(at: impl AsFd, path: P, bytes: &mut Vec<u8>) -> Result<(), Errno> {
    bytes.clear();
    let file = open(at, path, OFlags::RDONLY)?;
    // Most files fit at the first try; the kernel's own say the end by giving less than there is room.
    let mut room = 1024;
    loop {
        let len = bytes.len();
        bytes.resize(len + room, 0);
        let target = bytes.get_mut(len..).unwrap_or_default();
        let read = rustix::io::retry_on_intr(|| rustix::io::read(&file, &mut *target));
        bytes.truncate(len + *read.as_ref().unwrap_or(&0));
        match read? {
            0 => return Ok(()),
            _ if bytes.len() >= MOST => return Err(Errno::FBIG),
            read if read == room && room < 1 << 20 => room *= 4,
            _ => {}
        }
    }
}

/// Reads a small file of `/proc` that the kernel makes at one go, such as `comm`: it is given whole to
/// whoever has room.
pub(super) fn read_small<P: Arg>(at: impl AsFd, path: P, bytes: &mut Vec<u8>) -> Result<(), Errno> {
    bytes.resize(SMALL, 0);
    let file = open(at, path, OFlags::RDONLY)?;
    let len = rustix::io::retry_on_intr(|| rustix::io::read(&file, bytes.as_mut_slice()))?;
    bytes.truncate(len);
    Ok(())
}

/// A whole file by its absolute path, as text; what is not UTF-8 in it is replaced.
pub(super) fn text(path: &str) -> Result<String, Errno> {
    let mut bytes = Vec::new();
    read_into(CWD, path, &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The one value in a file, without the line end; `None` when it cannot be read.
pub(super) fn value(path: &str) -> Option<String> {
    text(path).ok().map(|text| text.trim_end().to_owned())
}

/// The entries of a directory with their inodes, one by one, `.` and `..` left out.
pub(super) fn each_entry(
    directory: impl AsFd,
    buffer: &mut [MaybeUninit<u8>],
    mut each: impl FnMut(&[u8], u64),
) -> Result<(), Errno> {
    let mut entries = RawDir::new(directory, buffer);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            each(name, entry.ino());
        }
    }
    Ok(())
}

/// A decimal number that is the whole of `bytes`.
pub(super) fn number(bytes: &[u8]) -> Option<u32> {
    if bytes.is_empty() || bytes.len() > 10 {
        return None;
    }
    let mut number: u64 = 0;
    for &byte in bytes {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + u64::from(digit);
    }
    u32::try_from(number).ok()
}
