//! Netlink messages and attributes as bytes: written, and walked without trust.
//!
//! Everything is in the byte order of the machine unless it says otherwise. Lengths in a message are
//! checked against the bytes that are there; what does not fit ends the walk.
//!
//! Sources: RFC 3549 section 2.3; netlink(7), linux-manual 6.03; Linux 6.1
//! `include/uapi/linux/netlink.h`.

/// A request is one of ours.
const NLM_F_REQUEST: u16 = 0x1;
/// All entries are wanted (`NLM_F_ROOT | NLM_F_MATCH`).
const NLM_F_DUMP: u16 = 0x300;
/// The table changed while it was dumped.
const NLM_F_DUMP_INTR: u16 = 0x10;
/// `NLMSG_ERROR`.
const ERROR: u16 = 0x2;
/// `NLMSG_DONE`.
const DONE: u16 = 0x3;
/// Length of `struct nlmsghdr`.
const HEADER: usize = 16;
/// Attribute types are the low 14 bits; the others are flags.
const TYPE_MASK: u16 = 0x3fff;

/// The `N` bytes at an offset.
#[inline]
pub(super) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// A number of 16 bits at an offset.
#[inline]
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_ne_bytes)
}

/// A number of 32 bits at an offset.
#[inline]
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_ne_bytes)
}

/// A number of 64 bits at an offset.
#[inline]
pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_ne_bytes)
}

/// A message that asks for a whole table; `body` is what follows the header, with its attributes.
pub(super) fn dump_request(kind: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
    let len = HEADER + body.len();
    let mut bytes = Vec::with_capacity(len);
    bytes.extend(u32::try_from(len).unwrap_or(u32::MAX).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend((NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend(body);
    bytes
}

/// One message of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Message<'a> {
    /// An entry: its type and what follows the header.
    Entry(u16, &'a [u8]),
    /// The end of the answer. Beside the end it can hold an error, as a positive number: that the
    /// kernel has no such table is told so by some versions.
    Done(u32),
    /// An error, as a positive number (errno(3)).
    Error(u32),
}

/// The messages of one datagram that answer `sequence`; `interrupted` is set when one says that the
/// table changed meanwhile. Ends early, with `None`, where the bytes are no messages.
pub(super) fn messages<'a>(
    bytes: &'a [u8],
    sequence: u32,
    interrupted: &mut bool,
    mut each: impl FnMut(Message<'a>),
) -> Option<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let len = u32_at(rest, 0)? as usize;
        let (kind, flags) = (u16_at(rest, 4)?, u16_at(rest, 6)?);
        let own = u32_at(rest, 8)? == sequence;
        let body = rest.get(HEADER..len)?;
        let next = len.checked_add(3)? & !3;
        rest = rest.get(next..).unwrap_or_default();
        if !own {
            continue;
        }
        *interrupted |= flags & NLM_F_DUMP_INTR != 0;
        let code = || array(body, 0).map_or(0, i32::from_ne_bytes).unsigned_abs();
        match kind {
            ERROR => each(Message::Error(code())),
            DONE => each(Message::Done(code())),
            kind => each(Message::Entry(kind, body)),
        }
    }
    Some(())
}

/// The attributes in `bytes`, type and value; ends where the bytes are none.
pub(super) fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let len = usize::from(u16_at(rest, 0)?);
        let kind = u16_at(rest, 2)? & TYPE_MASK;
        let value = rest.get(4..len)?;
        rest = rest.get((len + 3) & !3..).unwrap_or_default();
        Some((kind, value))
    })
}

/// Appends an attribute.
pub(super) fn push_attribute(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let len = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    bytes.extend(len.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, flags: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
        let mut bytes = dump_request(kind, sequence, body);
        bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn read(bytes: &[u8]) -> (Vec<Message<'_>>, bool, bool) {
        let (mut found, mut interrupted) = (Vec::new(), false);
        let whole = messages(bytes, 7, &mut interrupted, |message| found.push(message)).is_some();
        (found, interrupted, whole)
    }

    #[test]
    fn messages_are_walked_and_those_of_others_left_out() {
        let mut bytes = message(20, 2, 7, b"abcde");
        bytes.extend(message(20, 2, 6, b"older"));
        bytes.extend(message(DONE, 2, 7, &0_i32.to_ne_bytes()));
        let expected = vec![Message::Entry(20, b"abcde".as_slice()), Message::Done(0)];
        assert_eq!(read(&bytes), (expected, false, true));
    }

    #[test]
    fn an_error_inside_of_the_end_is_seen() {
        let bytes = message(DONE, 2 | NLM_F_DUMP_INTR, 7, &(-2_i32).to_ne_bytes());
        assert_eq!(read(&bytes), (vec![Message::Done(2)], true, true));
        let bytes = message(ERROR, 0, 7, &(-22_i32).to_ne_bytes());
        assert_eq!(read(&bytes), (vec![Message::Error(22)], false, true));
    }

    #[test]
    fn broken_bytes_end_the_walk() {
        let good = message(20, 0, 7, b"abcd");
        for len in 1..good.len() {
            assert!(!read(&good[..len]).2, "{len}");
        }
        let mut zero = good.clone();
        zero[..4].fill(0);
        assert!(!read(&zero).2);
        let mut huge = good;
        huge[..4].fill(0xff);
        assert!(!read(&huge).2);
    }

    #[test]
    fn attributes_are_walked() {
        let mut bytes = Vec::new();
        push_attribute(&mut bytes, 11, &[1]);
        push_attribute(&mut bytes, 21 | 0x8000, &7_u64.to_ne_bytes());
        let found: Vec<_> = attributes(&bytes).collect();
        assert_eq!(found, [(11, [1].as_slice()), (21, 7_u64.to_ne_bytes().as_slice())]);
        for len in 0..bytes.len() {
            assert!(attributes(&bytes[..len]).count() < 2);
        }
        assert_eq!(attributes(&[3, 0, 1, 0, 9]).count(), 0, "shorter than its own header");
    }
}
