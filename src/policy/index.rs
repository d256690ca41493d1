//! Rules by port, so that unrelated rules cost nothing.

use super::Rule;

/// How many ports a rule may name before it is cheaper to ask it about every socket.
const MOST_PORTS: usize = 4096;

/// For each port the rules that can match it.
///
/// Two levels of 256 entries; pages exist only where a rule names a port, so that building and
/// reading the table touches little memory. Rules that name no ports, or very many, are asked about
/// every socket.
#[derive(Debug, Default)]
pub struct PortIndex {
    /// Number of a page plus one, by the high byte of the port; empty when no rule names a port.
    high: Vec<u16>,
    pages: Vec<Page>,
    /// Ranges of the lists in `rules`.
    lists: Vec<(u32, u32)>,
    /// Rules of each list, ascending, all lists after one another.
    rules: Vec<u32>,
    /// Rules to ask about every socket, ascending.
    residual: Vec<u32>,
}

/// Number of a list plus one for each low byte; 0 for none.
#[derive(Debug)]
struct Page {
    lists: [u32; 256],
}

impl PortIndex {
    /// Builds the table.
    #[must_use]
    pub fn new(rules: &[Rule]) -> Self {
        let mut residual = Vec::new();
        let mut pairs: Vec<(u16, u32)> = Vec::new();
        for (number, rule) in (0_u32..).zip(rules) {
            match rule.matches.ports() {
                Some(ports) => {
                    let wide: usize =
                        ports.ranges().iter().map(|&(low, high)| usize::from(high - low) + 1).sum();
                    if wide > MOST_PORTS {
                        residual.push(number);
                        continue;
                    }
                    for &(low, high) in ports.ranges() {
                        pairs.extend((low..=high).map(|port| (port, number)));
                    }
                }
                None => residual.push(number),
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        let mut index = Self { residual, ..Self::default() };
        if !pairs.is_empty() {
            index.high = vec![0; 256];
        }
        for group in pairs.chunk_by(|(a, _), (b, _)| a == b) {
            let Some(&(port, _)) = group.first() else { continue };
            let before = index.lists.last().copied().unwrap_or_default();
            let known = index.rules.get(before.0 as usize..before.1 as usize).unwrap_or_default();
            if known.iter().copied().eq(group.iter().map(|&(_, number)| number)) {
                index.set(port, before);
                continue;
            }
            let start = u32::try_from(index.rules.len()).unwrap_or(u32::MAX);
            index.rules.extend(group.iter().map(|&(_, number)| number));
            let end = u32::try_from(index.rules.len()).unwrap_or(u32::MAX);
            index.set(port, (start, end));
        }
        index
    }

    fn set(&mut self, port: u16, list: (u32, u32)) {
        let [high, low] = port.to_be_bytes();
        let Some(page) = self.high.get_mut(usize::from(high)) else { return };
        if *page == 0 {
            self.pages.push(Page { lists: [0; 256] });
            *page = u16::try_from(self.pages.len()).unwrap_or(0);
        }
        let page = usize::from(*page).checked_sub(1).and_then(|page| self.pages.get_mut(page));
        if let Some(place) = page.and_then(|page| page.lists.get_mut(usize::from(low))) {
            // Neighbours often have the same list: a range of a rule is one.
            if self.lists.last() != Some(&list) {
                self.lists.push(list);
            }
            *place = u32::try_from(self.lists.len()).unwrap_or(u32::MAX);
        }
    }

    /// Rules that name this port, ascending.
    #[must_use]
    pub fn of_port(&self, port: u16) -> &[u32] {
        let [high, low] = port.to_be_bytes();
        let page =
            self.high.get(usize::from(high)).and_then(|page| usize::from(*page).checked_sub(1));
        let list = page
            .and_then(|page| self.pages.get(page))
            .and_then(|page| page.lists.get(usize::from(low)))
            .and_then(|list| (*list as usize).checked_sub(1))
            .and_then(|list| self.lists.get(list));
        list.and_then(|&(start, end)| self.rules.get(start as usize..end as usize))
            .unwrap_or_default()
    }

    /// Rules to ask about every socket, ascending.
    #[must_use]
    pub fn residual(&self) -> &[u32] {
        &self.residual
    }
}
