//! `/etc/services`: the ports that service names stand for on the host.
//!
//! ```text
//! postgresql      5432/tcp        postgres        # PostgreSQL Database
//! ```
//!
//! Source: services(5). Of several lines with one name the first counts.

use std::ops::Range;

use super::{ContextFormat, Facts, bad, lines};
use crate::snapshot::Transport;

pub(super) struct Services;

/// Name, port and transport of a line, and its aliases.
fn service(line: &str) -> Option<(&str, u16, &str, impl Iterator<Item = &str>)> {
    let mut words = line.split('#').next()?.split_whitespace();
    let name = words.next()?;
    let (port, transport) = words.next()?.split_once('/')?;
    Some((name, port.parse().ok()?, transport, words))
}

impl ContextFormat for Services {
    fn name(&self) -> &'static str {
        "services"
    }

    fn names(&self, name: &str) -> bool {
        matches!(name, "services" | "etc-services" | "etc_services" | "getent_services")
    }

    fn begins(&self, head: &str) -> bool {
        lines(head)
            .find(|(_, line)| !line.starts_with('#'))
            .is_some_and(|(_, line)| service(line).is_some())
    }

    fn read(&self, text: &str, facts: &mut Facts) -> Result<(), Range<usize>> {
        let mut found = Vec::new();
        for (start, line) in lines(text).filter(|(_, line)| !line.trim_start().starts_with('#')) {
            let (name, port, transport, aliases) = service(line).ok_or_else(|| bad(start, line))?;
            // Transports that are not read (`ddp`) stand there too.
            let Some(transport) = Transport::from_name(transport) else { continue };
            for name in std::iter::once(name).chain(aliases) {
                found.push(((name.to_owned(), transport), port));
            }
        }
        for (key, port) in found {
            facts.services.entry(key).or_insert(port);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::facts;
    use crate::snapshot::Transport;

    #[test]
    fn names_and_aliases_have_ports() {
        let text = "# a comment\n\ntcpmux\t1/tcp\t# TCP port\nmyapp 7001/tcp my-app app\nrtmp 1/ddp\n\
                    myapp 7002/udp\n";
        let facts = facts("services", text);
        let port =
            |name: &str, transport| facts.services.get(&(name.to_owned(), transport)).copied();
        assert_eq!(port("my-app", Transport::Tcp), Some(7001));
        assert_eq!(port("myapp", Transport::Udp), Some(7002));
        assert_eq!(port("app", Transport::Udp), None);
    }
}
