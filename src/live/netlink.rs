//! A netlink socket and the dumps that are asked of it.

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};

use super::wire::{self, Message};

/// The kernel fills at most 32 KiB at a time, and as much as the reader has shown to take. Source:
/// Linux 6.1 `net/netlink/af_netlink.c`, `netlink_dump`.
const BUFFER: usize = 64 << 10;

/// How often a table is asked for again when it changed while it was read.
const TRIES: u32 = 4;

/// What came of a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dump {
    /// Every entry was handed over.
    Whole,
    /// The table kept changing: entries may be missing or stand twice.
    Torn,
    /// There is no such table, or it may not be read: the number of an error, see errno(3).
    Failed(i32),
}

/// A netlink socket of one protocol, in the network namespace in which it was opened.
#[derive(Debug)]
pub(super) struct Netlink {
    socket: OwnedFd,
    buffer: Vec<u8>,
    sequence: u32,
}

impl Netlink {
    /// Opens a socket; no protocol is `NETLINK_ROUTE`, whose number is 0.
    ///
    /// # Errors
    ///
    /// What socket(2) says: `EAFNOSUPPORT` and `EPROTONOSUPPORT` of kernels without it, `EPERM` of
    /// sandboxes.
    pub(super) fn open(protocol: Option<Protocol>) -> Result<Self, Errno> {
        let kind = SocketType::RAW;
        let socket = socket_with(AddressFamily::NETLINK, kind, SocketFlags::CLOEXEC, protocol)?;
        Ok(Self { socket, buffer: vec![0; BUFFER], sequence: 0 })
    }

    /// Asks for a table and hands over its entries: message type and body. When the table changed
    /// meanwhile it is read again, and `restart` is called before the first entry comes once more.
    pub(super) fn dump<T>(
        &mut self,
        kind: u16,
        body: &[u8],
        state: &mut T,
        mut each: impl FnMut(&mut T, u16, &[u8]),
        mut restart: impl FnMut(&mut T),
    ) -> Dump {
        for _ in 0..TRIES {
            match self.dump_once(kind, body, state, &mut each) {
                Ok(false) => return Dump::Whole,
                // A full receive buffer loses messages as a changing table does.
                Ok(true) => restart(state),
                Err(fault) if fault == Errno::NOBUFS.raw_os_error() => restart(state),
                Err(fault) => return Dump::Failed(fault),
            }
        }
        match self.dump_once(kind, body, state, &mut each) {
            Ok(false) => Dump::Whole,
            Ok(true) => Dump::Torn,
            Err(fault) => Dump::Failed(fault),
        }
    }

    /// Whether the table changed meanwhile.
    fn dump_once<T>(
        &mut self,
        kind: u16,
        body: &[u8],
        state: &mut T,
        each: &mut impl FnMut(&mut T, u16, &[u8]),
    ) -> Result<bool, i32> {
        self.sequence = self.sequence.wrapping_add(1);
        let request = wire::dump_request(kind, self.sequence, body);
        rustix::io::retry_on_intr(|| send(&self.socket, &request, SendFlags::empty()))
            .map_err(Errno::raw_os_error)?;
        let mut interrupted = false;
        let mut end = None;
        while end.is_none() {
            // TRUNC gives the length of the datagram, not of what fitted.
            let read = || recv(&self.socket, self.buffer.as_mut_slice(), RecvFlags::TRUNC);
            let (_, len) = rustix::io::retry_on_intr(read).map_err(Errno::raw_os_error)?;
            let bytes = self.buffer.get(..len).ok_or(Errno::MSGSIZE.raw_os_error())?;
            wire::messages(bytes, self.sequence, &mut interrupted, |message| match message {
                Message::Entry(kind, body) => each(state, kind, body),
                Message::Done(code) | Message::Error(code) => end = Some(code),
            })
            .ok_or(Errno::BADMSG.raw_os_error())?;
        }
        match end {
            None | Some(0) => Ok(interrupted),
            Some(code) => Err(i32::try_from(code).unwrap_or(i32::MAX)),
        }
    }
}
