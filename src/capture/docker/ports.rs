//! The text of published ports: `0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 443/tcp`.

use std::ops::{Range, RangeInclusive};

/// Ports that an engine publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Published {
    /// As written; empty for every address.
    pub(super) address: String,
    pub(super) address_at: Range<usize>,
    pub(super) ports: RangeInclusive<u16>,
    pub(super) port_at: Range<usize>,
    pub(super) transport: String,
}

/// One entry of the text.
#[derive(Debug)]
pub(super) struct Entry {
    start: usize,
    len: usize,
    /// Nothing for what is exposed and not published.
    pub(super) parsed: Result<Option<Published>, &'static str>,
}

impl Entry {
    pub(super) fn row(&self) -> Range<usize> {
        self.start..self.start + self.len
    }
}

/// The entries of a text that begins at `start`.
pub(super) fn of_text(text: &str, start: usize) -> Vec<Entry> {
    let mut at = start;
    let mut entries = Vec::new();
    for part in text.split(',') {
        let trimmed = part.trim();
        let from = at + part.len() - part.trim_start().len();
        if !trimmed.is_empty() {
            let parsed = entry(trimmed, from);
            entries.push(Entry { start: from, len: trimmed.len(), parsed });
        }
        at += part.len() + 1;
    }
    entries
}

fn entry(text: &str, at: usize) -> Result<Option<Published>, &'static str> {
    let Some((host, inside)) = text.split_once("->") else {
        let exposed = text.split('/').next().and_then(range).is_some();
        return exposed.then_some(None).ok_or("this is no published port");
    };
    let transport = inside.rsplit_once('/').map_or("tcp", |(_, transport)| transport);
    endpoint(host, at, transport).map(Some)
}

/// `0.0.0.0:8080`, which begins at `at`.
pub(super) fn endpoint(host: &str, at: usize, transport: &str) -> Result<Published, &'static str> {
    let (address, port) = host.rsplit_once(':').unwrap_or(("", host));
    let ports = range(port).ok_or("this is no port")?;
    let from = at + host.len() - port.len();
    Ok(Published {
        address: address.to_owned(),
        address_at: at..at + address.len(),
        ports,
        port_at: from..from + port.len(),
        transport: transport.to_owned(),
    })
}

/// `8080`, `8000-8010`
pub(super) fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let number = super::super::document::port_number;
    match text.split_once('-') {
        Some((first, last)) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(first..=last)
        }
        None => number(text).map(|port| port..=port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_writing() {
        let one = |text: &str| {
            let entries = of_text(text, 10);
            assert_eq!(entries.len(), 1, "{text}");
            entries.into_iter().next().unwrap().parsed
        };
        for (text, address, ports, transport) in [
            ("0.0.0.0:8080->80/tcp", "0.0.0.0", 8080..=8080, "tcp"),
            ("[::]:8080->80/tcp", "[::]", 8080..=8080, "tcp"),
            (":::53->53/udp", "::", 53..=53, "udp"),
            ("127.0.0.1:8000-8002->8000-8002/tcp", "127.0.0.1", 8000..=8002, "tcp"),
            ("8080->80/sctp", "", 8080..=8080, "sctp"),
        ] {
            let published = one(text).unwrap().unwrap();
            assert_eq!((published.address.as_str(), published.ports), (address, ports), "{text}");
            assert_eq!(published.transport, transport);
            assert_eq!(published.address_at, 10..10 + address.len());
        }
        assert_eq!(one("80/tcp"), Ok(None));
        assert_eq!(one("8000-8010/udp"), Ok(None));
        assert!(one("->80/tcp").is_err());
        assert!(one("0.0.0.0:99999->80/tcp").is_err());
        assert!(one("9-8->80/tcp").is_err());
        assert!(one("web").is_err());
        assert_eq!(of_text("0.0.0.0:80->80/tcp, 443/tcp,", 0).len(), 2);
    }
}
