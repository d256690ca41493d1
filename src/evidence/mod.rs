//! Evidence of one host that is more than one text: trees of files, and facts beside the sockets.
//!
//! A member of a folder, an archive or a stream goes through three steps. [`layout`] says from its path which
//! host it is of and what it is. [`Gather`] puts the members of one host together, in a stream: no more
//! than the hosts at work are held. [`read`] makes snapshots of what was gathered, a pure function that can
//! run on any thread; several captures of one host become one snapshot in [`assemble`].

pub mod assemble;
pub mod context;
mod gather;
pub mod layout;
mod read;
mod record;

pub use gather::{Gather, Limit, Member, host_of_archive};
pub use read::read;

use layout::{Layout, Role};

/// Bytes that were read from somewhere, not decoded yet.
#[derive(Debug)]
pub struct Raw {
    /// What diagnostics call the text: `sos.tar.xz:sosreport-db1/proc/net/tcp`.
    pub name: String,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// How many lines stand before it in the stream that it was cut from.
    pub lines_before: usize,
    /// What it is, as its path says.
    pub role: Role,
}

/// All texts of one host, or one text that may hold several.
#[derive(Debug)]
pub struct Evidence {
    /// The name of the host as the paths tell it, for when no text does.
    pub host: Option<String>,
    /// What to call the evidence: the path of its file or folder.
    pub path: String,
    /// How its files are laid out.
    pub layout: Layout,
    /// It was found in a folder or archive: what is no evidence is passed over.
    pub found: bool,
    /// RFC 3339 moment of the capture, where the paths tell.
    pub captured_at: Option<String>,
    /// sosreport's cleaner has replaced addresses.
    pub obfuscated: bool,
    /// The texts, in the order of the input; never none.
    pub texts: Vec<Raw>,
}
