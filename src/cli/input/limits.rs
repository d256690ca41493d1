//! How much of an input is read: what is longer, deeper or denser than evidence ever is was made to exhaust the
//! reader.

use std::cell::Cell;
use std::fmt;
use std::io::{self, Read};
use std::rc::Rc;

/// The longest text that is a file of its own, in bytes: as long as offsets reach, and one more, so that what
/// is too long is seen.
pub(super) const FILE: u64 = (1 << 31) + 1;

/// The longest text in an archive, a compressed file or a stream.
pub(super) const MEMBER: u64 = 1 << 29;

/// The most members of one archive.
pub(super) const MEMBERS: u64 = 1 << 24;

/// The longest name of a member, in bytes. Linux takes paths of 4096.
pub(super) const NAME: u64 = 4096;

/// How many archives and compressions lie in one another at most: a compressed archive in a compressed
/// archive is four.
pub(super) const DEPTH: usize = 4;

/// The most bytes that come out of one input.
const TOTAL: u64 = 1 << 42;

/// What comes out of a decompressor for each byte that goes in, at most, once [`FREE`] bytes came out. Captures of
/// a fleet that are nearly the same come to 100; gzip of zeros to 1,032, xz and zstd to more.
const RATIO: u64 = 500;

/// How much may come out whatever goes in.
const FREE: u64 = 1 << 26;

/// A limit that was hit, inside an [`io::Error`].
#[derive(Debug)]
pub(super) struct Hit(pub(super) String);

impl fmt::Display for Hit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Hit {}

/// Whether an error says that a limit was hit.
pub(super) fn is_hit(fault: &io::Error) -> bool {
    fault.get_ref().is_some_and(|inner| inner.is::<Hit>())
}

/// Counts what is read, and remembers whether the end was met.
pub(super) struct Counted<R> {
    inner: R,
    count: Rc<Cell<u64>>,
    ended: Rc<Cell<bool>>,
}

impl<R: Read> Counted<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, count: Rc::default(), ended: Rc::default() }
    }

    /// The same, counting what others count too.
    pub(super) fn into(inner: R, count: Rc<Cell<u64>>) -> Self {
        Self { inner, count, ended: Rc::default() }
    }

    /// How many bytes were read, kept up to date.
    pub(super) fn count(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.count)
    }

    /// Whether a read met the end, kept up to date.
    pub(super) fn ended(&self) -> Rc<Cell<bool>> {
        Rc::clone(&self.ended)
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count.set(self.count.get() + read as u64);
        if read == 0 && !buffer.is_empty() {
            self.ended.set(true);
        }
        Ok(read)
    }
}

/// Reads in small steps: of a decoder that gives a fault in place of all that a step gave before it.
pub(super) struct Steps<R>(pub(super) R);

impl<R: Read> Read for Steps<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        /// The most bytes of a step.
        const STEP: usize = 1 << 12;
        let len = buffer.len().min(STEP);
        self.0.read(buffer.get_mut(..len).unwrap_or_default())
    }
}

/// What comes out of a decompressor, as long as that is in proportion to what goes in.
pub(super) struct Measured<R> {
    inner: R,
    went_in: Rc<Cell<u64>>,
    came_out: u64,
}

impl<R: Read> Measured<R> {
    pub(super) fn new(inner: R, went_in: Rc<Cell<u64>>) -> Self {
        Self { inner, went_in, came_out: 0 }
    }
}

impl<R: Read> Read for Measured<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.came_out += read as u64;
        let (out, into) = (self.came_out, self.went_in.get());
        if out > FREE && out / RATIO > into {
            let message = format!("more than {RATIO} bytes come out for each byte in it");
            return Err(io::Error::other(Hit(message)));
        }
        if out > TOTAL {
            return Err(io::Error::other(Hit("more than 4 TiB come out".to_owned())));
        }
        Ok(read)
    }
}
