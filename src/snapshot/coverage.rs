//! For each transport and family: are its listeners all in the evidence?

use super::{Family, Transport};
use crate::truth::Missing;

/// What evidence shows of one transport and family.
///
/// Families here are those of the *socket*: an IPv6 socket that also accepts IPv4 stands in the IPv6
/// table, so whoever asks about IPv4 needs both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// Every listener is there: the command is known and selects them without a filter.
    Proven,
    /// Every listener is there if the text is what it looks like.
    Presumed,
    /// A listener that is not there may still exist, for this reason.
    Absent(Missing),
}

impl Cell {
    /// The name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Presumed => "presumed",
            Self::Absent(_) => "absent",
        }
    }

    /// Proven over presumed over absent; of two absences, the one that comes first as a reason.
    fn rank(self) -> u8 {
        match self {
            Self::Proven => 0,
            Self::Presumed => 1,
            Self::Absent(reason) => 2 + reason as u8,
        }
    }

    fn best(self, other: Self) -> Self {
        match (self, other) {
            // That a table was not asked for tells less than why one that was asked for fails.
            (Self::Absent(Missing::TransportNotShown), Self::Absent(_)) => other,
            (Self::Absent(_), Self::Absent(Missing::TransportNotShown)) => self,
            _ if self.rank() <= other.rank() => self,
            _ => other,
        }
    }

    fn worst(self, other: Self) -> Self {
        if self.rank() >= other.rank() { self } else { other }
    }
}

/// A [`Cell`] for every transport and family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coverage {
    cells: [[Cell; 2]; 6],
}

impl Default for Coverage {
    fn default() -> Self {
        Self::uniform(Cell::Absent(Missing::TransportNotShown))
    }
}

impl Coverage {
    /// The same cell everywhere.
    #[must_use]
    pub fn uniform(cell: Cell) -> Self {
        Self { cells: [[cell; 2]; 6] }
    }

    /// What is shown of a transport and family.
    #[must_use]
    pub fn get(&self, transport: Transport, family: Family) -> Cell {
        let row = self.cells.get(transport as usize).copied();
        row.and_then(|row| row.get(family as usize).copied())
            .unwrap_or(Cell::Absent(Missing::TransportNotShown))
    }

    /// Says what is shown of a transport and family.
    pub fn set(&mut self, transport: Transport, family: Family, cell: Cell) {
        let row = self.cells.get_mut(transport as usize);
        if let Some(place) = row.and_then(|row| row.get_mut(family as usize)) {
            *place = cell;
        }
    }

    /// All transports and families with their cells, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Transport, Family, Cell)> + '_ {
        Transport::ALL.into_iter().flat_map(move |transport| {
            Family::ALL.map(|family| (transport, family, self.get(transport, family)))
        })
    }

    /// Whether nothing is covered.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.iter().all(|(.., cell)| matches!(cell, Cell::Absent(_)))
    }

    /// Two captures of the same sockets together: what either shows is shown.
    #[must_use]
    pub fn best(self, other: Self) -> Self {
        self.zip(other, Cell::best)
    }

    /// Two captures of different sockets (two namespaces) together: only what both show is shown.
    #[must_use]
    pub fn worst(self, other: Self) -> Self {
        self.zip(other, Cell::worst)
    }

    /// Nothing that was shown counts any more, for `reason`.
    #[must_use]
    pub fn spoiled(self, reason: Missing) -> Self {
        let mut cells = self.cells;
        for cell in cells.as_flattened_mut() {
            if !matches!(cell, Cell::Absent(_)) {
                *cell = Cell::Absent(reason);
            }
        }
        Self { cells }
    }

    /// What was proven is only presumed.
    #[must_use]
    pub fn doubted(self) -> Self {
        let mut cells = self.cells;
        for cell in cells.as_flattened_mut() {
            if *cell == Cell::Proven {
                *cell = Cell::Presumed;
            }
        }
        Self { cells }
    }

    fn zip(mut self, other: Self, join: fn(Cell, Cell) -> Cell) -> Self {
        for (mine, theirs) in
            self.cells.as_flattened_mut().iter_mut().zip(other.cells.as_flattened())
        {
            *mine = join(*mine, *theirs);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_of_two_captures_and_the_worse_of_two_namespaces() {
        let mut tcp = Coverage::default();
        tcp.set(Transport::Tcp, Family::Ipv4, Cell::Proven);
        let mut udp = Coverage::default();
        udp.set(Transport::Udp, Family::Ipv4, Cell::Presumed);
        let both = tcp.best(udp);
        assert_eq!(both.get(Transport::Tcp, Family::Ipv4), Cell::Proven);
        assert_eq!(both.get(Transport::Udp, Family::Ipv4), Cell::Presumed);
        assert!(tcp.worst(udp).is_absent());
        let spoiled = both.spoiled(Missing::CutOff);
        assert_eq!(spoiled.get(Transport::Tcp, Family::Ipv4), Cell::Absent(Missing::CutOff));
        assert_eq!(
            spoiled.get(Transport::Raw, Family::Ipv4),
            Cell::Absent(Missing::TransportNotShown)
        );
        assert_eq!(both.doubted().get(Transport::Tcp, Family::Ipv4), Cell::Presumed);
    }
}
