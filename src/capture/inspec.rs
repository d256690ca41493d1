//! Results of InSpec's `port` resource (`inspec exec --reporter json`).
//!
//! ```json
//! {"status": "passed", "code_desc": "Port 22 is expected to be listening"}
//! ```
//!
//! A test that passed says what is so: that a port listens, on which address, by which protocol and
//! process. Only the ports that a profile asks about are told, and one whose protocol no test names
//! is a note, since it may be of TCP or UDP.
//! Source: InSpec, resources "port" and "host"; docs, "reporters".

use std::collections::BTreeMap;

use super::document::{Draft, Prompts, port_number};
use super::tree::Value;
use super::{Capture, CaptureFormat, Document, IssueKind};
use crate::snapshot::{
    At, Cell, Coverage, Details, NameKind, Owner, OwnerDetails, Transport, Vantage,
};
use crate::truth::Missing;

/// The format `inspec`.
pub struct Inspec;

impl CaptureFormat for Inspec {
    fn name(&self) -> &'static str {
        "inspec"
    }

    fn about(&self) -> &'static str {
        "results of InSpec's tests of ports"
    }

    fn document(&self, document: &Document) -> Option<Vec<Capture>> {
        document.holds_key(&["code_desc"]).then_some(())?;
        let values = document.json_values();
        let prompts = Prompts::of(document);
        let read = values.iter().filter_map(|&(root, banner)| {
            let host = banner.or_else(|| prompts.before(root.range().start));
            capture(document, root, host)
        });
        let captures: Vec<Capture> = read.collect();
        (!captures.is_empty()).then(|| document.finish(captures))
    }
}

/// What passed tests say of one port.
#[derive(Default)]
struct Told<'a> {
    listens: Option<Value<'a>>,
    protocols: Vec<Transport>,
    addresses: Vec<(String, Value<'a>)>,
    processes: Vec<(String, Value<'a>)>,
}

fn capture(document: &Document, root: Value<'_>, host: Option<&str>) -> Option<Capture> {
    let mut ports: BTreeMap<u16, Told<'_>> = BTreeMap::new();
    let mut any = false;
    for result in root.all().filter(|value| value.has("code_desc")) {
        let Some(words) = result.get(&["code_desc"]) else { continue };
        let Some(text) = words.string() else { continue };
        let Some((port, said)) = text.strip_prefix("Port ").and_then(|rest| rest.split_once(' '))
        else {
            continue;
        };
        let Some(port) = port_number(port) else { continue };
        any = true;
        // That a port should not listen, and does.
        let negated =
            ["is expected not to be listening", "should not be listening"].contains(&said);
        if negated && result.get(&["status"]).is_some_and(|status| status.is("failed")) {
            let told = ports.entry(port).or_default();
            told.listens = told.listens.or(Some(words));
        }
        if !result.get(&["status"]).is_some_and(|status| status.is("passed")) {
            continue;
        }
        let told = ports.entry(port).or_default();
        if matches!(said, "is expected to be listening" | "should be listening") {
            told.listens = Some(words);
        }
        let Some((what, value)) = expected(said) else { continue };
        match what {
            "protocols" => {
                let transport = Transport::from_name(value.trim_end_matches('6'));
                let new = transport.filter(|transport| !told.protocols.contains(transport));
                told.protocols.extend(new);
            }
            "addresses" => told.addresses.push((value.to_owned(), words)),
            "processes" => told.processes.push((value.to_owned(), words)),
            _ => {}
        }
    }
    if !any {
        return None;
    }
    let mut draft = Draft::new(document, "inspec", Vantage::Observed);
    draft.host(host);
    for (port, told) in ports {
        let Some(at) = told.listens else { continue };
        if told.protocols.is_empty() {
            let message = "a port listens, and no test tells whether it is of TCP or UDP";
            draft.issue(IssueKind::Uncertain, at.range(), message);
        }
        for &transport in &told.protocols {
            listener(&mut draft, transport, port, at, &told);
        }
    }
    let coverage = Coverage::uniform(Cell::Absent(Missing::PartialTool));
    Some(draft.capture(coverage, "tests of ports by InSpec"))
}

/// `processes is expected to include "sshd"` and the older `processes should include "sshd"`.
fn expected(said: &str) -> Option<(&str, &str)> {
    let (what, rest) = said.split_once(' ')?;
    let rest = rest.strip_prefix("is expected to ").or_else(|| rest.strip_prefix("should "))?;
    let value = rest.strip_prefix("include ")?;
    Some((what, value.trim_matches('"')))
}

fn listener(
    draft: &mut Draft<'_>,
    transport: Transport,
    port: u16,
    at: Value<'_>,
    told: &Told<'_>,
) {
    let none = [None];
    let some: Vec<_> = told.addresses.iter().map(Some).collect();
    // The lists are of all sockets of the port: which socket has which address and process is told only
    // where there is one of the one or of the other.
    let told_apart = told.protocols.len() == 1 || some.len() == 1;
    let addresses: &[_] = if some.is_empty() || !told_apart { &none } else { &some };
    let processes: &[_] = match told.protocols.len() == 1 && some.len() <= 1 {
        true => &told.processes,
        false => &[],
    };
    for address in addresses {
        let mut socket = draft.new_socket(transport, at.range());
        Draft::port(&mut socket, port, at.range());
        let mut details = Details::default();
        if let Some((text, place)) = address {
            let missing = Missing::AddressResolved;
            let odd = draft.address(&mut socket, text, place.range(), missing);
            details = odd.unwrap_or_default();
        }
        for (name, place) in processes {
            let name = Some(draft.builder.pooled(name));
            let at = At::new(place.range());
            let kind = NameKind::ArgvCut;
            let owner = Owner { name, pid: None, fd: None, kind, details: None, at };
            draft.owner(owner, OwnerDetails::default());
        }
        let shown = !processes.is_empty();
        socket.owners_missing =
            Some(if shown { Missing::OthersNotShown } else { Missing::OwnerNotShown });
        draft.socket(socket, details);
    }
}
