//! Taking sockets of one snapshot over into another, for several captures of one host.

use std::cell::OnceCell;
use std::sync::Arc;

use super::{Builder, Details, Owner, OwnerDetails, Snapshot, Socket, Text};
use crate::source::{MAX_TEXT, SourceId};

/// The texts of a snapshot, as they stand in the one that is being built.
#[derive(Debug)]
pub struct Adopted {
    sources: Vec<SourceId>,
    /// What the evidence of the snapshot is called.
    path: OnceCell<Text>,
}

impl Builder {
    /// Adds the texts of a snapshot, so that its sockets can be taken over.
    pub fn adopt(&mut self, other: &Snapshot) -> Adopted {
        let files = other.sources.files().iter();
        let sources = files.map(|file| self.add_source(Arc::clone(file))).collect();
        Adopted { sources, path: OnceCell::new() }
    }

    /// The string of `other` as one of this snapshot.
    pub fn adopt_text(&mut self, other: &Snapshot, adopted: &Adopted, text: Text) -> Text {
        if let Some((id, inside)) = other.place_of(text)
            && let Some(&source) = adopted.sources.get(id.0 as usize)
        {
            let start = self.snapshot().sources.base(source).saturating_add(inside);
            if start.saturating_add(text.len) as usize <= MAX_TEXT {
                return Text { start, len: text.len };
            }
        }
        self.pooled(other.text(text))
    }

    /// Adds an owner of `other` to the socket that comes next, with these facts.
    pub fn adopt_owner(
        &mut self,
        other: &Snapshot,
        adopted: &Adopted,
        owner: &Owner,
        details: OwnerDetails,
    ) {
        let mut owner = *owner;
        owner.name = owner.name.map(|name| self.adopt_text(other, adopted, name));
        owner.details = None;
        self.owner_details(&mut owner, details);
        self.owner(owner);
    }

    /// The facts of a process of `other`.
    pub fn adopt_owner_details(
        &mut self,
        other: &Snapshot,
        adopted: &Adopted,
        owner: &Owner,
    ) -> OwnerDetails {
        let details = other.owner_details(owner);
        let mut text = |text: Option<Text>| Some(self.adopt_text(other, adopted, text?));
        OwnerDetails {
            exe: text(details.exe),
            cmdline: text(details.cmdline),
            uid: details.uid,
            user: text(details.user),
            cgroup: text(details.cgroup),
            unit: text(details.unit),
            container: text(details.container),
        }
    }

    /// A socket of `other` without its owners, and its rarer facts, which are to be given to it.
    pub fn adopt_socket(
        &mut self,
        other: &Snapshot,
        adopted: &Adopted,
        socket: &Socket,
    ) -> (Socket, Details) {
        let details = other.details(socket);
        let mut text = |text: Option<Text>| Some(self.adopt_text(other, adopted, text?));
        let details = Details {
            uid: details.uid,
            user: text(details.user),
            inode: details.inode,
            cgroup: text(details.cgroup),
            unit: text(details.unit),
            container: text(details.container),
            netns: text(details.netns),
            address_text: text(details.address_text),
            port_text: text(details.port_text),
            line: details.line,
            path: text(details.path),
        };
        // The line of a snapshot document is one of the capture that it was made from.
        let named =
            details.line.is_none() || details.path.is_some() || other.origin.path.is_empty();
        let path = (!named).then(|| *adopted.path.get_or_init(|| self.pooled(&other.origin.path)));
        let details = Details { path: details.path.or(path), ..details };
        let mut socket = *socket;
        if let super::Device::Named(name) = socket.device {
            socket.device = super::Device::Named(self.adopt_text(other, adopted, name));
        }
        socket.details = None;
        socket.source = adopted.source(socket.source);
        (socket, details)
    }
}

impl Adopted {
    /// Whether the snapshot had any text.
    #[must_use]
    pub fn has_texts(&self) -> bool {
        !self.sources.is_empty()
    }

    /// The id in the new snapshot of a text of the old one.
    #[must_use]
    pub fn source(&self, id: SourceId) -> SourceId {
        self.sources.get(id.0 as usize).copied().unwrap_or_default()
    }
}

impl Snapshot {
    /// The text that a string stands in, and where in it; `None` for a pooled one.
    fn place_of(&self, text: Text) -> Option<(SourceId, u32)> {
        if text.start & Text::POOLED != 0 {
            return None;
        }
        let (id, base) = self.sources.holder(text.start);
        Some((id, text.start - base))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{At, Device, NameKind, Transport};
    use crate::source::SourceFile;

    #[test]
    fn strings_and_places_are_the_same_in_the_new_snapshot() {
        let other = {
            let mut builder = Builder::new(Arc::new(SourceFile::new("a", "first text")));
            let source = builder.add_source(Arc::new(SourceFile::new("b", "row eth0 sshd")));
            let mut socket = Socket::new(Transport::Tcp, source, At::new(0..13));
            socket.device = Device::Named(builder.text(At::new(4..8)));
            let name = Some(builder.text(At::new(9..13)));
            let kind = NameKind::Comm;
            let mut owner =
                Owner { name, pid: Some(1), fd: None, kind, details: None, at: At::default() };
            let user = Some(builder.pooled("root"));
            builder.owner_details(&mut owner, OwnerDetails { user, ..OwnerDetails::default() });
            builder.owner(owner);
            builder.socket(socket);
            builder.finish()
        };
        let mut builder = Builder::new(Arc::new(SourceFile::new("c", "before")));
        builder.pooled("something");
        let adopted = builder.adopt(&other);
        let socket = other.sockets()[0];
        let owner = other.owners(&socket)[0];
        let details = builder.adopt_owner_details(&other, &adopted, &owner);
        builder.adopt_owner(&other, &adopted, &owner, details);
        let (socket, _) = builder.adopt_socket(&other, &adopted, &socket);
        builder.socket(socket);
        let new = builder.finish();
        let socket = new.sockets()[0];
        let owner = new.owners(&socket)[0];
        assert_eq!(new.device(&socket), Some("eth0"));
        assert_eq!(owner.name.map(|name| new.text(name)), Some("sshd"));
        assert_eq!(new.owner_details(&owner).user.map(|user| new.text(user)), Some("root"));
        assert_eq!(new.sources.slice(socket.span()), "row eth0 sshd");
        assert_eq!(new.sources.place(socket.span()).map(|(name, _)| name), Some("b"));
    }
}
