//! Sets of transports and families: what a command asks for, what rows show.

use crate::snapshot::{Cell, Coverage, Family, Transport};
use crate::truth::Missing;

/// A set of transports or families, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Seen {
    /// By [`Transport`].
    transports: u8,
    /// By [`Family`].
    families: u8,
}

impl Seen {
    pub(super) fn transport(&mut self, transport: Transport) {
        self.transports |= 1 << transport as u8;
    }

    pub(super) fn family(&mut self, family: Family) {
        self.families |= 1 << family as u8;
    }

    pub(super) fn has(self, transport: Transport) -> bool {
        self.transports & 1 << transport as u8 != 0
    }

    pub(super) fn has_family(self, family: Family) -> bool {
        self.families & 1 << family as u8 != 0
    }

    /// Whether no transport is in the set.
    pub(super) fn no_transport(self) -> bool {
        self.transports == 0
    }

    /// Whether no family is in the set.
    pub(super) fn no_family(self) -> bool {
        self.families == 0
    }

    /// This transport alone, with the families of the set.
    pub(super) fn only(self, transport: Transport) -> Self {
        Self { transports: 1 << transport as u8, ..self }
    }

    /// These transports with the families of another set.
    pub(super) fn of_families(self, other: Self) -> Self {
        Self { families: other.families, ..self }
    }

    pub(super) fn within(self, other: Self) -> bool {
        self.transports & !other.transports == 0 && self.families & !other.families == 0
    }

    pub(super) fn coverage(self, cell: Cell) -> Coverage {
        let mut coverage = Coverage::default();
        for transport in Transport::ALL.into_iter().filter(|&transport| self.has(transport)) {
            for family in Family::ALL {
                let cell = match self.has_family(family) {
                    true => cell,
                    false => Cell::Absent(Missing::FamilyNotShown),
                };
                coverage.set(transport, family, cell);
            }
        }
        coverage
    }
}
