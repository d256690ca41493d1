//! Port numbers as a policy writes them.

use super::super::error::{PolicyErrorKind, nearest, suggestion};
use super::{Data, Reading, Value};
use crate::services;

/// Port numbers: `22`, `"8000-8100"`, `"postgresql"`, `"@web"`, or a list of these.
///
/// Sorted, disjoint, inclusive ranges of 1 to 65535; never empty when read from a policy.
/// `@privileged` is 1 to 1023 (RFC 6335 section 6 calls 0 to 1023 system ports); `@ephemeral` is 32768
/// to 60999, the default of Linux (`ip_local_port_range` in ip(7)).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PortSet {
    ranges: Vec<(u16, u16)>,
}

/// Sets that every policy has.
const BUILT_IN: [(&str, (u16, u16)); 2] =
    [("privileged", (1, 1023)), ("ephemeral", (32768, 60999))];

impl PortSet {
    /// The set of these inclusive ranges.
    #[must_use]
    pub fn new(mut ranges: Vec<(u16, u16)>) -> Self {
        ranges.sort_unstable();
        ranges.dedup_by(|&mut (low, high), (_, last)| {
            let touches = low <= last.saturating_add(1);
            if touches {
                *last = high.max(*last);
            }
            touches
        });
        Self { ranges }
    }

    /// Whether a port is in the set.
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        let at = self.ranges.partition_point(|&(low, _)| low <= port);
        at.checked_sub(1).and_then(|at| self.ranges.get(at)).is_some_and(|&(_, high)| port <= high)
    }

    /// The ranges, in order.
    #[must_use]
    pub fn ranges(&self) -> &[(u16, u16)] {
        &self.ranges
    }

    /// Whether no port is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether every port is in the set.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self.ranges.as_slice(), [(0 | 1, u16::MAX)])
    }

    /// What is in this set and not in the other.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let mut rest = Vec::new();
        for &(low, high) in &self.ranges {
            let mut low = u32::from(low);
            let high = u32::from(high);
            for &(from, to) in &other.ranges {
                let (from, to) = (u32::from(from), u32::from(to));
                if to < low || from > high {
                    continue;
                }
                if from > low {
                    rest.push((low, from - 1));
                }
                low = to + 1;
            }
            if low <= high {
                rest.push((low, high));
            }
        }
        let narrow = |port: u32| u16::try_from(port).unwrap_or(u16::MAX);
        Self::new(rest.into_iter().map(|(low, high)| (narrow(low), narrow(high))).collect())
    }

    /// Reads a value; every fault is recorded.
    pub fn read(value: Value<'_>, key: &str, reading: &mut Reading) -> Option<Self> {
        let items = value.some_items(reading, key)?;
        let before = reading.errors.len();
        let mut ranges = Vec::new();
        for item in items {
            Self::read_item(item, key, reading, &mut ranges);
        }
        (reading.errors.len() == before).then(|| Self::new(ranges))
    }

    fn read_item(item: Value<'_>, key: &str, reading: &mut Reading, ranges: &mut Vec<(u16, u16)>) {
        match item.get() {
            Data::Integer(digits, _) => match item.integer().map(u16::try_from) {
                Some(Ok(port)) if port > 0 => ranges.push((port, port)),
                _ => {
                    let message = format!("`{digits}` is no port");
                    let help = Some("ports are 1 to 65535".to_owned());
                    reading.error(
                        PolicyErrorKind::BadValue,
                        item.range(),
                        message,
                        "out of range",
                        help,
                    );
                }
            },
            Data::String(text) => Self::read_text(text, item, key, reading, ranges),
            _ => item.wrong_type(
                reading,
                key,
                "a port, a range, a service name, a set or a list of these",
            ),
        }
    }

    fn read_text(
        text: &str,
        item: Value<'_>,
        key: &str,
        reading: &mut Reading,
        ranges: &mut Vec<(u16, u16)>,
    ) {
        if let Some(name) = text.strip_prefix('@') {
            if let Some(set) = reading.sets.ports.get(name) {
                ranges.extend_from_slice(set.ranges());
                if set.is_empty() {
                    // The set itself is reported: whoever names it is not at fault.
                    ranges.push((1, u16::MAX));
                }
            } else if let Some((_, range)) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name)
            {
                ranges.push(*range);
            } else {
                let known: Vec<&str> = reading
                    .sets
                    .ports
                    .keys()
                    .map(String::as_str)
                    .chain(BUILT_IN.iter().map(|(name, _)| *name))
                    .collect();
                let help = suggestion(name, &known, "the sets of ports");
                let message = format!("unknown set of ports `@{name}`");
                reading.error(
                    PolicyErrorKind::UnknownSet,
                    item.range(),
                    message,
                    "no such set",
                    help,
                );
            }
            return;
        }
        if text.starts_with(|c: char| c.is_ascii_digit())
            && text.bytes().all(|b| b.is_ascii_digit() || b == b'-' || b == b' ')
        {
            match parse_range(text) {
                Ok(range) => ranges.push(range),
                Err(why) => {
                    let message = format!("`{text}` is no range of ports");
                    let help = Some(
                        "a range is written `\"8000-8099\"`, with ports from 1 to 65535".to_owned(),
                    );
                    reading.error(PolicyErrorKind::BadValue, item.range(), message, why, help);
                }
            }
            return;
        }
        let ports = services::ports(text);
        if ports.is_empty() {
            let message = format!("`{text}` is no port and no service name that is known");
            let help = match nearest(text, services::names()) {
                Some(near) => format!("did you mean `{near}`? A number always works"),
                None => "write the number; a set is written with `@`".to_owned(),
            };
            reading.error(
                PolicyErrorKind::BadValue,
                item.range(),
                message,
                format!("`{key}` takes ports"),
                help,
            );
        }
        ranges.extend(ports.into_iter().map(|port| (port, port)));
    }
}

impl std::fmt::Display for PortSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, (low, high)) in self.ranges.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            match low == high {
                true => write!(f, "{comma}{low}")?,
                false => write!(f, "{comma}{low}-{high}")?,
            }
        }
        Ok(())
    }
}

fn parse_range(text: &str) -> Result<(u16, u16), &'static str> {
    let port = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port > 0);
    match text.split_once('-') {
        None => port(text).map(|port| (port, port)).ok_or("out of range"),
        Some((low, high)) => match (port(low), port(high)) {
            (Some(low), Some(high)) if low <= high => Ok((low, high)),
            (Some(_), Some(_)) => Err("the range is inverted"),
            _ => Err("not two ports"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_merge_and_subtract() {
        let set = PortSet::new(vec![(80, 80), (8000, 8099), (81, 90), (8050, 8200)]);
        assert_eq!(set.to_string(), "80-90, 8000-8200");
        for (port, inside) in [(79, false), (80, true), (90, true), (91, false), (8200, true)] {
            assert_eq!(set.contains(port), inside, "{port}");
        }
        let rest = set.without(&PortSet::new(vec![(85, 8100)]));
        assert_eq!(rest.to_string(), "80-84, 8101-8200");
        assert!(set.without(&set).is_empty());
        assert!(PortSet::new(vec![(1, 100), (101, u16::MAX)]).is_full());
        assert!(!PortSet::default().contains(1));
    }
}
