//! How readers fill a [`Snapshot`].

use std::sync::Arc;

use super::{At, Details, Owner, OwnerDetails, Snapshot, Socket, Text};
use crate::source::{MAX_TEXT, SourceFile, SourceId, to_u32};

/// Fills a snapshot, row by row.
///
/// Owners are added before the socket that they hold: [`Builder::socket`] takes all that were added
/// since the last one.
#[derive(Debug, Default)]
pub struct Builder {
    snapshot: Snapshot,
    /// The text at work, and where it begins in [`SourceMap::base`].
    source: SourceId,
    base: u32,
    taken: usize,
}

impl Builder {
    /// A snapshot of `source`, which becomes the first text that spans and strings point into.
    #[must_use]
    pub fn new(source: Arc<SourceFile>) -> Self {
        let mut builder = Self::default();
        builder.snapshot.origin.path = source.name().to_owned();
        builder.snapshot.sources.add(source);
        builder
    }

    /// The snapshot so far.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Host, origin, coverage and interfaces, to be filled in.
    pub fn snapshot_mut(&mut self) -> &mut Snapshot {
        &mut self.snapshot
    }

    /// Goes on with a further text of the same host.
    pub fn add_source(&mut self, source: Arc<SourceFile>) -> SourceId {
        self.source = self.snapshot.sources.add(source);
        self.base = self.snapshot.sources.base(self.source);
        self.source
    }

    /// The text that is being read.
    #[must_use]
    pub fn source(&self) -> SourceId {
        self.source
    }

    /// A string that stands in the text of [`Builder::source`], by its byte range.
    pub fn text(&mut self, at: At) -> Text {
        let start = at.start.saturating_add(self.base);
        if start.saturating_add(at.len) as usize <= MAX_TEXT {
            return Text { start, len: at.len };
        }
        // Texts of a host that are longer together than handles reach.
        let from = at.start as usize;
        let file = self.snapshot.sources.get(self.source).map(Arc::clone);
        file.map_or_else(Text::default, |file| {
            self.pooled(file.slice(from..from + at.len as usize))
        })
    }

    /// A string that does not stand in the text as it is: it is copied.
    pub fn pooled(&mut self, text: &str) -> Text {
        let start = to_u32(self.snapshot.pool.len());
        self.snapshot.pool.push_str(text);
        Text { start: start | Text::POOLED, len: to_u32(text.len()) }
    }

    /// Makes room for so many sockets with one owner each.
    pub fn reserve(&mut self, sockets: usize) {
        self.snapshot.sockets.reserve(sockets);
        self.snapshot.owners.reserve(sockets);
    }

    /// Makes room for the rarer facts of so many sockets.
    pub fn reserve_details(&mut self, sockets: usize) {
        self.snapshot.details.reserve_exact(sockets);
    }

    /// Adds an owner of the socket that comes next.
    pub fn owner(&mut self, owner: Owner) {
        self.snapshot.owners.push(owner);
    }

    /// Forgets the owners that were added since the last socket.
    pub fn forget_owners(&mut self) {
        self.snapshot.owners.truncate(self.taken);
    }

    /// How many owners the socket that comes next has so far.
    #[must_use]
    pub fn pending_owners(&self) -> usize {
        self.snapshot.owners.len() - self.taken
    }

    /// Gives a socket its rarer facts.
    pub fn details(&mut self, socket: &mut Socket, details: Details) {
        if details != Details::default() {
            socket.details = Some(to_u32(self.snapshot.details.len()));
            self.snapshot.details.push(details);
        }
    }

    /// Gives a process its rarer facts.
    pub fn owner_details(&mut self, owner: &mut Owner, details: OwnerDetails) {
        if details != OwnerDetails::default() {
            owner.details = Some(to_u32(self.snapshot.owner_details.len()));
            self.snapshot.owner_details.push(details);
        }
    }

    /// Adds a socket with the owners that were added since the last one.
    pub fn socket(&mut self, mut socket: Socket) {
        socket.owners_start = to_u32(self.taken);
        socket.owners_len = to_u32(self.snapshot.owners.len() - self.taken);
        self.taken = self.snapshot.owners.len();
        self.snapshot.sockets.push(socket);
    }

    /// Gives the owners that were added since the last socket to that socket, which has none, for
    /// evidence that puts them behind it.
    pub fn own_last(&mut self, missing: Option<super::Missing>) {
        let owners = self.snapshot.owners.len();
        if let Some(socket) = self.snapshot.sockets.last_mut()
            && socket.owners_len == 0
        {
            socket.owners_start = to_u32(self.taken);
            socket.owners_len = to_u32(owners - self.taken);
            socket.owners_missing = missing;
            self.taken = owners;
        }
    }

    /// The sockets so far, for what only the whole capture tells (what `*` means in it).
    pub fn sockets_mut(&mut self) -> &mut [Socket] {
        &mut self.snapshot.sockets
    }

    /// The owners of a socket that was added, by its index, to be changed.
    pub fn owners_mut(&mut self, socket: usize) -> &mut [Owner] {
        let range = self.snapshot.sockets.get(socket).map(|socket| {
            let start = socket.owners_start as usize;
            start..start + socket.owners_len as usize
        });
        range.and_then(|range| self.snapshot.owners.get_mut(range)).unwrap_or_default()
    }

    /// The rarer facts of a socket, to be changed.
    pub fn details_mut(&mut self, index: u32) -> Option<&mut Details> {
        self.snapshot.details.get_mut(index as usize)
    }

    /// The snapshot.
    #[must_use]
    pub fn finish(mut self) -> Snapshot {
        self.forget_owners();
        self.snapshot
    }
}
