//! The fast reader: clean rows, one physical line each, straight from the bytes.
//!
//! Takes `[tcp|udp] LISTEN|UNCONN n n ADDRESS[%device]:PORT PEER:* [users:((...))]` in ASCII with plain
//! process names, and nothing else; what it does not take goes to the exact reader of
//! [`super::row`], which reads these rows to the same result. No allocation; a hundred bytes cost some
//! tens of nanoseconds.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::row::Host;
use super::signs::Peer;
use crate::snapshot::{At, Builder, NameKind, Owner};
use crate::source::to_u32;

/// A clean row; places are those of the text.
#[derive(Debug, Clone)]
pub(super) struct Fast {
    /// `Some(true)` for `tcp`, `Some(false)` for `udp`, `None` without a netid.
    pub(super) tcp: Option<bool>,
    /// LISTEN, else UNCONN.
    pub(super) listen: bool,
    pub(super) host: Host,
    /// The address with its device.
    pub(super) address_at: At,
    pub(super) zone: Option<At>,
    pub(super) port: u16,
    pub(super) port_at: At,
    pub(super) peer: Peer,
    /// Whether users are shown; they are added to the builder.
    pub(super) users: bool,
    /// The row, to the end of its last text.
    pub(super) at: At,
    /// Start of the next line.
    pub(super) next: usize,
}

/// How far a row can reach to be a clean one, in bytes; a power of two less one, so that a place in it is one by
/// its bits and needs no check.
const REACH: usize = 1023;

/// What is looked at of a row: up to where it can reach, with the longest thing that is read at once behind it.
const WINDOW: usize = REACH + 33;

type Window = [u8; WINDOW];

/// Each byte of a word.
const fn all(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The first `len` bytes of a word.
const fn first(len: usize) -> u64 {
    match len {
        0 => 0,
        1..8 => u64::MAX >> (64 - 8 * len),
        _ => u64::MAX,
    }
}

/// A text of at most eight bytes as a word.
const fn text<const N: usize>(text: &[u8; N]) -> u64 {
    let mut word = 0;
    let mut rest = text.as_slice();
    while let [before @ .., byte] = rest {
        word = word << 8 | *byte as u64;
        rest = before;
    }
    word
}

/// Whether a word begins with a text.
macro_rules! begins {
    ($word:expr, $text:literal) => {
        ($word ^ const { text($text) }) & const { first($text.len()) } == 0
    };
}

const TOPS: u64 = all(0x80);

/// How many of the first bytes of a word a plain process name can be made of: printable, no quote and no
/// parenthesis.
#[inline]
const fn plain(word: u64) -> usize {
    /// The top bit of each byte that is zero, and of some behind it.
    const fn zero(word: u64) -> u64 {
        word.wrapping_sub(const { all(1) }) & !word
    }
    // Above `~`; below a blank; `"`; and `(` or `)`, which differ in the lowest bit. Borrows and carries
    // reach only bytes behind the first that is found.
    let above = word | word.wrapping_add(const { all(1) });
    let below = word.wrapping_sub(const { all(b' ') }) & !word;
    let quote = zero(word ^ const { all(b'"') });
    let parenthesis = zero((word ^ const { all(b'(') }) & const { all(0xFE) });
    ((above | below | quote | parenthesis) & TOPS).trailing_zeros() as usize / 8
}

/// The bytes of a word without what makes digits characters, and how many of the first ones are digits. The
/// first byte that is none has its top bit set behind the sum; a carry out of it reaches only later bytes.
#[inline]
const fn digits(word: u64) -> (u64, usize) {
    let digits = word ^ const { all(b'0') };
    let others = (digits.wrapping_add(const { all(0x76) }) | digits) & TOPS;
    (digits, others.trailing_zeros() as usize / 8)
}

/// The beginning of an earlier row, up to its second queue: a row that begins with the same bytes has the same
/// transport and state.
#[derive(Debug, Clone, Copy, Default)]
struct Beginning {
    /// The bytes, those behind them zero, and which they are.
    bytes: [u64; 4],
    mask: [u64; 4],
    /// How many they are; zero for one that is too long to be known again.
    len: usize,
    tcp: Option<bool>,
    listen: bool,
}

/// A place in a row.
struct Cursor<'w> {
    window: &'w Window,
    /// Bytes from the start of the row.
    at: usize,
    /// Where the row starts in the text.
    start: u32,
}

impl Cursor<'_> {
    /// The eight bytes from `at` on. Behind [`REACH`] it is something else; a row that ends there is not taken.
    #[inline]
    fn word_at(&self, at: usize) -> u64 {
        let rest = self.window.get(at & REACH..).unwrap_or_default();
        rest.first_chunk::<8>().map_or(0, |chunk| u64::from_le_bytes(*chunk))
    }

    /// The next eight bytes.
    #[inline]
    fn word(&self) -> u64 {
        self.word_at(self.at)
    }

    #[inline]
    fn peek(&self) -> u8 {
        self.window.get(self.at & REACH).copied().unwrap_or_default()
    }

    #[inline]
    fn eat(&mut self, byte: u8) -> Option<()> {
        if self.peek() != byte {
            return None;
        }
        self.at += 1;
        Some(())
    }

    /// Place of the bytes from `start` on.
    #[inline]
    fn since(&self, start: usize) -> At {
        At { start: self.start.saturating_add(start as u32), len: (self.at - start) as u32 }
    }

    /// Skips blanks; padding is long, so eight at a time.
    #[inline]
    fn skip_blanks(&mut self) {
        while self.at <= REACH {
            let other = self.word() ^ const { all(b' ') };
            if other != 0 {
                self.at += other.trailing_zeros() as usize / 8;
                return;
            }
            self.at += 8;
        }
    }

    /// A decimal number of at most nine digits.
    #[inline]
    fn number(&mut self) -> Option<u32> {
        match digits(self.word()) {
            // Three products add the digits up by twos, fours and eights.
            (digits, len @ 1..8) => {
                self.at += len;
                let value = digits << (64 - 8 * len);
                let value = value.wrapping_mul(2561) >> 8 & 0x00FF_00FF_00FF_00FF;
                let value = value.wrapping_mul(6_553_601) >> 16 & 0x0000_FFFF_0000_FFFF;
                Some((value.wrapping_mul(42_949_672_960_001) >> 32) as u32)
            }
            (_, 0) => None,
            _ => self.long_number(),
        }
    }

    #[cold]
    fn long_number(&mut self) -> Option<u32> {
        let mut value: u32 = 0;
        let start = self.at;
        while self.at - start < 10 && self.peek().is_ascii_digit() {
            value = value.wrapping_mul(10).wrapping_add(u32::from(self.peek() - b'0'));
            self.at += 1;
        }
        (1..=9).contains(&(self.at - start)).then_some(value)
    }

    #[inline]
    fn ipv4(&mut self) -> Option<Ipv4Addr> {
        let mut octets = [0; 4];
        for (index, octet) in octets.iter_mut().enumerate() {
            if index > 0 {
                self.eat(b'.')?;
            }
            let [a, b, c, ..] = self.word().to_le_bytes().map(|byte| byte.wrapping_sub(b'0'));
            let (value, len) = match (a, b, c) {
                (0..=9, 10.., _) => (u32::from(a), 1),
                // A leading zero is no decimal octet to `Ipv4Addr`.
                (1..=9, _, 10..) => (u32::from(a) * 10 + u32::from(b), 2),
                (1..=9, _, _) => (u32::from(a) * 100 + u32::from(b) * 10 + u32::from(c), 3),
                _ => return None,
            };
            *octet = u8::try_from(value).ok()?;
            self.at += len;
        }
        Some(Ipv4Addr::from(octets))
    }

    /// An address in brackets.
    #[inline]
    fn ipv6(&mut self) -> Option<Ipv6Addr> {
        let start = self.at;
        if let Some(ip) = self.ipv6_groups() {
            return Some(ip);
        }
        self.at = start;
        self.any_ipv6()
    }

    /// The same of nothing but groups of hex digits; what it takes is what `Ipv6Addr` makes of it.
    fn ipv6_groups(&mut self) -> Option<Ipv6Addr> {
        let mut groups = [0_u16; 8];
        let mut count = 0;
        // How many groups stand before `::`.
        let mut gap = None;
        self.at += 1;
        if begins!(self.word(), b"::") {
            gap = Some(0);
            self.at += 2;
        }
        while self.peek() != b']' {
            let start = self.at;
            let mut value = 0_u16;
            while let Some(digit) = char::from(self.peek()).to_digit(16) {
                if self.at - start == 4 {
                    return None;
                }
                value = value << 4 | digit as u16;
                self.at += 1;
            }
            if self.at == start {
                return None;
            }
            *groups.get_mut(count)? = value;
            count += 1;
            let word = self.word();
            if begins!(word, b"::") && gap.is_none() {
                gap = Some(count);
                self.at += 2;
            } else if begins!(word, b":") && !begins!(word, b":]") {
                self.at += 1;
            } else if !begins!(word, b"]") {
                return None;
            }
        }
        self.at += 1;
        match gap {
            None => (count == 8).then(|| Ipv6Addr::from(groups)),
            // `::` stands for one group at least.
            Some(before) => (count < 8).then(|| {
                if let Some(behind) = groups.get_mut(before..) {
                    behind.rotate_right(8 - count);
                }
                Ipv6Addr::from(groups)
            }),
        }
    }

    fn any_ipv6(&mut self) -> Option<Ipv6Addr> {
        let inside = self.window.get((self.at & REACH) + 1..)?;
        let inside = inside.get(..inside.len().min(48))?;
        let len = memchr::memchr(b']', inside)?;
        let ip = std::str::from_utf8(inside.get(..len)?).ok()?.parse().ok()?;
        self.at += len + 2;
        Some(ip)
    }

    #[inline]
    fn host(&mut self) -> Option<Host> {
        let word = self.word();
        let (host, len) = match () {
            () if begins!(word, b"0.0.0.0:") => (Host::Ip(Ipv4Addr::UNSPECIFIED.into(), false), 7),
            () if begins!(word, b"[::]") => (Host::Ip(Ipv6Addr::UNSPECIFIED.into(), true), 4),
            () if begins!(word, b"*") => (Host::Star, 1),
            () if begins!(word, b"[") => return Some(Host::Ip(self.ipv6()?.into(), true)),
            () => return Some(Host::Ip(self.ipv4()?.into(), false)),
        };
        self.at += len;
        Some(host)
    }

    /// A device between `%` and `:`.
    #[inline]
    fn zone(&mut self) -> Option<Option<At>> {
        if self.peek() != b'%' {
            return Some(None);
        }
        self.at += 1;
        let start = self.at;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        while self.at - start < 16 && plain(self.peek()) {
            self.at += 1;
        }
        (self.at > start).then(|| Some(self.since(start)))
    }

    #[inline]
    fn peer(&mut self) -> Option<Peer> {
        let word = self.word();
        let (peer, len) = match () {
            () if begins!(word, b"0.0.0.0:") => (Peer::Zero, 8),
            () if begins!(word, b"[::]:*") => (Peer::Bracketed, 5),
            () if begins!(word, b"*:*") => (Peer::Star, 2),
            () if begins!(word, b":::*") => (Peer::Bare, 3),
            () => return None,
        };
        self.at += len;
        self.eat(b'*')?;
        Some(peer)
    }

    /// One `("name",pid=1,fd=2`, without its closing parenthesis.
    #[inline]
    fn owner(&mut self, builder: &mut Builder) -> Option<Owner> {
        if !begins!(self.word(), b"(\"") {
            return None;
        }
        self.at += 2;
        let start = self.at;
        // No longer name is the kernel's; see proc(5).
        let len = match plain(self.word()) {
            8 => 8 + plain(self.word_at(start + 8)),
            len => len,
        };
        if len > 15 {
            return None;
        }
        self.at += len;
        let at = self.since(start);
        if !begins!(self.word(), b"\",pid=") {
            return None;
        }
        self.at += 6;
        let pid = self.number()?;
        if !begins!(self.word(), b",fd=") {
            return None;
        }
        self.at += 4;
        let fd = self.number()?;
        // A name of 15 bytes may be cut by the kernel, an empty one by ss.
        let kind = if len == 15 || len == 0 { NameKind::CommCut } else { NameKind::Comm };
        let name = Some(builder.text(at));
        Some(Owner { name, pid: Some(pid), fd: Some(fd), kind, details: None, at })
    }

    #[inline]
    fn users(&mut self, builder: &mut Builder) -> Option<()> {
        if !begins!(self.word(), b"users:((") {
            return None;
        }
        self.at += 7;
        while self.at <= REACH {
            let owner = self.owner(builder)?;
            builder.owner(owner);
            let word = self.word();
            self.at += 2;
            match () {
                () if begins!(word, b"))") => return Some(()),
                () if begins!(word, b"),(") => {}
                () => return None,
            }
        }
        None
    }

    /// Netid, state and the first queue, with the blanks behind them.
    fn beginning(&mut self) -> Option<Beginning> {
        let word = self.word();
        let tcp = match () {
            () if begins!(word, b"tcp ") => Some(true),
            () if begins!(word, b"udp ") => Some(false),
            () => None,
        };
        if tcp.is_some() {
            self.at += 4;
            self.skip_blanks();
        }
        let word = self.word();
        let listen = begins!(word, b"LISTEN ");
        if !listen && !begins!(word, b"UNCONN ") {
            return None;
        }
        self.at += 7;
        self.skip_blanks();
        self.number()?;
        self.eat(b' ')?;
        self.skip_blanks();
        let beginning = Beginning { tcp, listen, ..Beginning::default() };
        let len = self.at;
        if len > 32 {
            return Some(beginning);
        }
        let mask = [0, 8, 16, 24].map(|from| first(len.saturating_sub(from)));
        let bytes = [0, 8, 16, 24].map(|at| self.word_at(at) & first(len.saturating_sub(at)));
        Some(Beginning { bytes, mask, len, ..beginning })
    }

    /// Moves behind the beginning of the row when it is that of an earlier one.
    #[inline]
    fn begins_as(&mut self, known: &Beginning) -> bool {
        let [a, b, c, d] = [0, 8, 16, 24].map(|at| self.word_at(at));
        let ([e, f, g, h], [k, l, m, n]) = (known.bytes, known.mask);
        let same =
            known.len > 0 && ((a & k) ^ e) | ((b & l) ^ f) | ((c & m) ^ g) | ((d & n) ^ h) == 0;
        if same {
            self.at = known.len;
        }
        same
    }
}

/// Reads clean rows of a text.
pub(super) struct Rows<'a> {
    bytes: &'a [u8],
    /// The beginnings of the last row of TCP (or without a netid) and of UDP.
    known: [Beginning; 2],
    /// The end of the text, where it is shorter than a window, with zeros behind it; and where it starts.
    tail: [u8; 2 * WINDOW],
    tail_start: usize,
}

impl<'a> Rows<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let known = [Beginning::default(); 2];
        Self { bytes, known, tail: [0; 2 * WINDOW], tail_start: usize::MAX }
    }

    /// Reads the row that begins at `start`, if it is a clean one and nothing on the next line can belong
    /// to it. Its users are added to `builder`, which forgets them when this is `None`.
    #[inline]
    pub(super) fn row(&mut self, start: usize, builder: &mut Builder) -> Option<Fast> {
        let found = self.read(start, builder);
        if found.is_none() {
            builder.forget_owners();
        }
        found
    }

    #[inline]
    fn read(&mut self, start: usize, builder: &mut Builder) -> Option<Fast> {
        let rest = self.bytes.get(start..)?;
        let window = match rest.first_chunk::<WINDOW>() {
            Some(window) => window,
            None => {
                if start < self.tail_start {
                    self.tail_start = start;
                    self.tail.get_mut(..rest.len())?.copy_from_slice(rest);
                    self.tail.get_mut(rest.len()..)?.fill(0);
                }
                self.tail.get(start - self.tail_start..)?.first_chunk::<WINDOW>()?
            }
        };
        let mut cursor = Cursor { window, at: 0, start: to_u32(start) };
        let [other, udp] = &mut self.known;
        let known = if cursor.peek() == b'u' { udp } else { other };
        let (tcp, listen) = match cursor.begins_as(known) {
            true => (known.tcp, known.listen),
            false => {
                *known = cursor.beginning()?;
                (known.tcp, known.listen)
            }
        };
        let (_, len @ 1..8) = digits(cursor.word()) else { return None };
        cursor.at += len;
        cursor.eat(b' ')?;
        cursor.skip_blanks();
        let address = cursor.at;
        let host = cursor.host()?;
        let zone = cursor.zone()?;
        let address_at = cursor.since(address);
        cursor.eat(b':')?;
        let digits = cursor.at;
        let port = u16::try_from(cursor.number()?).ok()?;
        let port_at = cursor.since(digits);
        cursor.eat(b' ')?;
        cursor.skip_blanks();
        let peer = cursor.peer()?;
        let mut at = cursor.since(0);
        let mut users = false;
        if cursor.peek() == b' ' {
            cursor.skip_blanks();
            if cursor.peek() == b'u' {
                cursor.users(builder)?;
                users = true;
                at = cursor.since(0);
                if cursor.peek() == b' ' {
                    cursor.skip_blanks();
                }
            }
        }
        if cursor.peek() == b'\r' {
            cursor.at += 1;
        }
        cursor.eat(b'\n')?;
        let len = cursor.at;
        if len > REACH || len > rest.len() {
            return None;
        }
        let next = start + len;
        let alone = len == rest.len() || is_no_continuation(&cursor.word().to_le_bytes());
        alone.then_some(Fast {
            tcp,
            listen,
            host,
            address_at,
            zone,
            port,
            port_at,
            peer,
            users,
            at,
            next,
        })
    }
}

/// Whether what follows a row cannot belong to it: the text ends, or a line begins that is no
/// continuation. What is doubtful is left to the exact reader.
pub(super) fn stands_alone(rest: &[u8]) -> bool {
    rest.is_empty() || is_no_continuation(rest)
}

#[inline]
fn is_no_continuation(line: &[u8]) -> bool {
    match line {
        [b'\n' | b'L' | b'U' | b'E' | b'N' | b'S' | b'R' | b'[' | b'$' | b'r', ..] => true,
        [b'u', second, ..] => *second == b'd' || *second == b'_',
        [b't', second, third, ..] => (*second, *third) == (b'c', b'p'),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn groups(text: &str) -> Option<(Ipv6Addr, usize)> {
        let mut window = [0; WINDOW];
        window[..text.len()].copy_from_slice(text.as_bytes());
        let mut cursor = Cursor { window: &window, at: 0, start: 0 };
        cursor.ipv6_groups().map(|ip| (ip, cursor.at))
    }

    #[test]
    fn plain_addresses_are_read() {
        for text in
            ["::", "::1", "fe80::1", "1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8"]
        {
            assert_eq!(
                groups(&format!("[{text}]:22")),
                Some((text.parse().unwrap(), text.len() + 2)),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_read_as_groups_is_what_the_standard_library_reads(
            text in prop_oneof!["[0-9a-fA-F:]{0,12}", "([0-9a-f]{0,5}:{1,2}){0,9}[0-9a-f]{0,4}", any::<Ipv6Addr>().prop_map(|ip| ip.to_string())]
        ) {
            let known = text.parse::<Ipv6Addr>().ok();
            let read = groups(&format!("[{text}]:22"));
            if let Some((ip, len)) = read {
                prop_assert_eq!((Some(ip), len), (known, text.len() + 2));
            } else {
                prop_assert!(known.is_none() || text.contains('.'), "{}", text);
            }
        }
    }
}
