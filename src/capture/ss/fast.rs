//! The fast reader: clean rows, one physical line each, straight from the bytes.
//!
//! Takes `[tcp|udp] LISTEN|UNCONN n n ADDRESS[%device]:PORT PEER:* [users:((...))]` in ASCII with plain
//! process names, and nothing else; what it does not take goes to the exact reader of
//! [`super::row`], which reads these rows to the same result. No allocation; a hundred bytes cost some
//! tens of nanoseconds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::row::Host;
use super::signs::Peer;
use crate::snapshot::{At, Builder, NameKind, Owner};

/// A clean row; offsets are those of the text.
#[derive(Debug, Clone)]
pub(super) struct Fast {
    /// `Some(true)` for `tcp`, `Some(false)` for `udp`, `None` without a netid.
    pub(super) tcp: Option<bool>,
    /// LISTEN, else UNCONN.
    pub(super) listen: bool,
    pub(super) host: Host,
    pub(super) host_at: Range<usize>,
    pub(super) zone: Option<Range<usize>>,
    pub(super) port: u16,
    pub(super) port_at: Range<usize>,
    pub(super) peer: Peer,
    /// Whether users are shown; they are added to the builder.
    pub(super) users: bool,
    /// End of the row's last text.
    pub(super) end: usize,
    /// Start of the next line.
    pub(super) next: usize,
}

/// The beginning of the row before, up to the blank behind its queues: a row that begins with the same
/// bytes has the same transport, state and queues.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Hint {
    start: usize,
    len: usize,
    tcp: Option<bool>,
    listen: bool,
}

impl Hint {
    /// Moves behind the beginning of the row at `cursor` when it is that of the row before.
    #[inline]
    fn takes(&self, cursor: &mut Cursor<'_>) -> bool {
        let known = self.bytes(cursor.bytes, self.start);
        let same = self.len > 0 && known.is_some() && known == self.bytes(cursor.bytes, cursor.at);
        if same {
            cursor.at += self.len;
        }
        same
    }

    #[inline]
    fn bytes<'a>(&self, bytes: &'a [u8], start: usize) -> Option<&'a [u8]> {
        bytes.get(start..start + self.len)
    }
}

/// A place in the bytes.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Bytes that a plain process name is made of: printable, no quote and no parenthesis.
#[expect(
    clippy::indexing_slicing,
    reason = "a constant: an index that is too great does not compile"
)]
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = b' ' as usize;
    while byte <= b'~' as usize {
        plain[byte] = !matches!(byte as u8, b'"' | b'(' | b')');
        byte += 1;
    }
    plain
};

impl Cursor<'_> {
    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    fn eat(&mut self, text: &[u8]) -> Option<()> {
        let end = self.at + text.len();
        if self.bytes.get(self.at..end)? != text {
            return None;
        }
        self.at = end;
        Some(())
    }

    /// The same without the last byte, which must be there too.
    #[inline]
    fn eat_but_last(&mut self, text: &[u8]) -> Option<()> {
        self.eat(text)?;
        self.at -= 1;
        Some(())
    }

    /// Skips blanks; at least one must be there.
    #[inline]
    fn blanks(&mut self) -> Option<()> {
        let start = self.at;
        self.skip_blanks();
        (self.at > start).then_some(())
    }

    #[inline]
    fn skip_blanks(&mut self) {
        const BLANKS: u64 = u64::from_le_bytes(*b"        ");
        // Padding is long: eight bytes at a time.
        while let Some(chunk) = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk::<8>) {
            let other = u64::from_le_bytes(*chunk) ^ BLANKS;
            if other != 0 {
                self.at += other.trailing_zeros() as usize / 8;
                return;
            }
            self.at += 8;
        }
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

    /// A decimal number of at most nine digits.
    #[inline]
    fn number(&mut self) -> Option<u32> {
        const ZEROS: u64 = u64::from_le_bytes(*b"00000000");
        const TOPS: u64 = 0x8080_8080_8080_8080;
        // Up to seven digits at once: the first byte that is none has its top bit set behind the sum
        // (a carry out of it reaches only later bytes), and three products add the digits up by twos,
        // fours and eights.
        if let Some(chunk) = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk::<8>) {
            let digits = u64::from_le_bytes(*chunk) ^ ZEROS;
            let others = (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & TOPS;
            if others != 0 {
                let len = others.trailing_zeros() / 8;
                if len == 0 {
                    return None;
                }
                self.at += len as usize;
                let value = digits << (64 - 8 * len);
                let value = value.wrapping_mul(2561) >> 8 & 0x00FF_00FF_00FF_00FF;
                let value = value.wrapping_mul(6_553_601) >> 16 & 0x0000_FFFF_0000_FFFF;
                return u32::try_from(value.wrapping_mul(42_949_672_960_001) >> 32).ok();
            }
        }
        self.long_number()
    }

    /// The same for what is longer or stands at the end of the text.
    #[cold]
    fn long_number(&mut self) -> Option<u32> {
        let mut value: u32 = 0;
        let mut len = 0;
        for byte in self.bytes.get(self.at..)?.iter().take(10) {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            value = value.wrapping_mul(10).wrapping_add(u32::from(digit));
            len += 1;
        }
        self.at += len;
        (1..=9).contains(&len).then_some(value)
    }

    #[inline]
    fn ipv4(&mut self) -> Option<Ipv4Addr> {
        // The two that most rows have.
        if self.eat_but_last(b"0.0.0.0:").is_some() {
            return Some(Ipv4Addr::UNSPECIFIED);
        }
        if self.eat_but_last(b"127.0.0.1:").is_some() {
            return Some(Ipv4Addr::LOCALHOST);
        }
        let mut octets = [0; 4];
        for (index, octet) in octets.iter_mut().enumerate() {
            if index > 0 {
                self.eat(b".")?;
            }
            let start = self.at;
            let value = self.number()?;
            // A leading zero is no decimal octet to `Ipv4Addr`.
            if self.at - start > 1 && self.bytes.get(start) == Some(&b'0') {
                return None;
            }
            *octet = u8::try_from(value).ok()?;
        }
        Some(Ipv4Addr::from(octets))
    }

    #[inline]
    fn host(&mut self) -> Option<Host> {
        match self.peek()? {
            b'*' => {
                self.at += 1;
                Some(Host::Star)
            }
            b'[' => {
                if self.eat(b"[::]").is_some() {
                    return Some(Host::Ip(IpAddr::V6(Ipv6Addr::UNSPECIFIED), true));
                }
                let inside = self.bytes.get(self.at + 1..)?;
                let inside = inside.get(..inside.len().min(48))?;
                let len = memchr::memchr(b']', inside)?;
                let ip: Ipv6Addr = std::str::from_utf8(inside.get(..len)?).ok()?.parse().ok()?;
                self.at += len + 2;
                Some(Host::Ip(IpAddr::V6(ip), true))
            }
            _ => Some(Host::Ip(IpAddr::V4(self.ipv4()?), false)),
        }
    }

    /// A device between `%` and `:`.
    #[inline]
    fn zone(&mut self) -> Option<Option<Range<usize>>> {
        if self.peek() != Some(b'%') {
            return Some(None);
        }
        let start = self.at + 1;
        let name = self.bytes.get(start..)?;
        let len = name
            .iter()
            .take(16)
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
            .count();
        self.at = start + len;
        (len > 0).then_some(Some(start..start + len))
    }

    #[inline]
    fn peer(&mut self) -> Option<Peer> {
        match self.peek()? {
            b'0' => self.eat(b"0.0.0.0:*").map(|()| Peer::Zero),
            b'[' => self.eat(b"[::]:*").map(|()| Peer::Bracketed),
            b'*' => self.eat(b"*:*").map(|()| Peer::Star),
            b':' => self.eat(b":::*").map(|()| Peer::Bare),
            _ => None,
        }
    }

    /// One `("name",pid=1,fd=2)`, without its closing parenthesis.
    #[inline]
    fn owner(&mut self) -> Option<Owner> {
        self.eat(b"(\"")?;
        let start = self.at;
        let name = self.bytes.get(start..)?;
        let plain = |byte: &&u8| PLAIN.get(usize::from(**byte)).is_some_and(|plain| *plain);
        let len = name.iter().take(17).take_while(plain).count();
        if len > 15 {
            return None;
        }
        self.at = start + len;
        self.eat(b"\",pid=")?;
        let pid = self.number()?;
        self.eat(b",fd=")?;
        let fd = self.number()?;
        let at = At::new(start..start + len);
        // A name of 15 bytes may be cut by the kernel, an empty one by ss; see proc(5).
        let kind = if len == 15 || len == 0 { NameKind::CommCut } else { NameKind::Comm };
        Some(Owner { name: None, pid: Some(pid), fd: Some(fd), kind, details: None, at })
    }

    #[inline]
    fn users(&mut self, builder: &mut Builder) -> Option<()> {
        self.eat(b"users:(")?;
        loop {
            let mut owner = self.owner()?;
            owner.name = Some(builder.text(owner.at));
            builder.owner(owner);
            if self.eat(b"),").is_none() {
                return self.eat(b"))");
            }
        }
    }
}

/// Reads the row that begins at `start`, if it is a clean one and nothing on the next line can belong
/// to it. Its users are added to `builder`, which forgets them when this is `None`.
#[inline]
pub(super) fn row(
    bytes: &[u8],
    start: usize,
    hint: &mut Hint,
    builder: &mut Builder,
) -> Option<Fast> {
    let found = read(bytes, start, hint, builder);
    if found.is_none() {
        builder.forget_owners();
    }
    found
}

#[inline]
fn read(bytes: &[u8], start: usize, hint: &mut Hint, builder: &mut Builder) -> Option<Fast> {
    let mut cursor = Cursor { bytes, at: start };
    if !hint.takes(&mut cursor) {
        *hint = beginning(&mut cursor)?;
    }
    let Hint { tcp, listen, .. } = *hint;
    cursor.skip_blanks();
    let host_start = cursor.at;
    let host = cursor.host()?;
    let host_at = host_start..cursor.at;
    let zone = cursor.zone()?;
    cursor.eat(b":")?;
    let port_start = cursor.at;
    let port = u16::try_from(cursor.number()?).ok()?;
    let port_at = port_start..cursor.at;
    cursor.blanks()?;
    let peer = cursor.peer()?;
    let mut end = cursor.at;
    cursor.skip_blanks();
    let mut users = false;
    if cursor.peek() == Some(b'u') && cursor.at > end {
        cursor.users(builder)?;
        users = true;
        end = cursor.at;
        cursor.skip_blanks();
    }
    if cursor.peek() == Some(b'\r') {
        cursor.at += 1;
    }
    cursor.eat(b"\n")?;
    let next = cursor.at;
    stands_alone(bytes.get(next..).unwrap_or_default()).then_some(())?;
    Some(Fast { tcp, listen, host, host_at, zone, port, port_at, peer, users, end, next })
}

/// Netid, state and queues, with one blank behind them.
#[inline]
fn beginning(cursor: &mut Cursor<'_>) -> Option<Hint> {
    let start = cursor.at;
    let tcp = match cursor.peek()? {
        b't' => cursor.eat(b"tcp ").map(|()| Some(true))?,
        b'u' => cursor.eat(b"udp ").map(|()| Some(false))?,
        b'L' => None,
        _ => return None,
    };
    cursor.skip_blanks();
    let listen = match cursor.peek()? {
        b'L' => cursor.eat(b"LISTEN ").map(|()| true)?,
        _ => cursor.eat(b"UNCONN ").map(|()| false)?,
    };
    cursor.skip_blanks();
    cursor.number()?;
    cursor.blanks()?;
    cursor.number()?;
    cursor.eat(b" ")?;
    Some(Hint { start, len: cursor.at - start, tcp, listen })
}

/// Whether what follows a row cannot belong to it: the text ends, or a line begins that is no
/// continuation. What is doubtful is left to the exact reader.
#[inline]
pub(super) fn stands_alone(rest: &[u8]) -> bool {
    match rest {
        [] | [b'\n' | b'L' | b'U' | b'E' | b'N' | b'S' | b'R' | b'[' | b'$' | b'r', ..] => true,
        [b'u', second, ..] => *second == b'd' || *second == b'_',
        [b't', second, third, ..] => (*second, *third) == (b'c', b'p'),
        _ => false,
    }
}
