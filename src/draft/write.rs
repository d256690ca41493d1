//! The text of a draft.
//!
//! ```toml
//! # sshd
//! # Seen: 0.0.0.0:22 (db1.txt:4)
//! [[rule]]
//! id = "sshd"
//! match = { port = 22, transport = "tcp", bind = "0.0.0.0", process = "sshd" }
//! allow = true
//! because = "TODO"
//! ```
//!
//! Texts from evidence stand in comments with every harmful character escaped, and in strings as TOML
//! escapes, glob characters in brackets. Source: TOML 1.0, "String"; the documentation of globset.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::entry::{Entry, Product, Section};
use super::pin::{Bind, Holder, PortPin};
use super::{Coverage, Covered};
use crate::capture::cure;
use crate::safe;
use crate::snapshot::{Address, Cell, Family, Port, Snapshot, Transport};
use crate::truth::Missing;

/// How many places a comment names.
const PLACES: usize = 4;

/// Columns of a comment.
const WIDTH: usize = 100;

/// The whole draft.
pub(super) fn policy(snapshots: &[&Snapshot], entries: &[Entry], coverage: &Coverage) -> String {
    let mut text = String::new();
    head(&mut text, snapshots, entries, coverage);
    for section in Section::ALL {
        let mut first = true;
        for entry in entries.iter().filter(|entry| entry.section() == section) {
            if std::mem::take(&mut first) {
                line(&mut text, "");
                line(&mut text, &format!("# ---- {} ----", section.title()));
            }
            rule(&mut text, entry, coverage);
        }
    }
    closing(&mut text, entries, coverage);
    text
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// A comment, broken between words.
fn comment(text: &mut String, words: &str) {
    let mut row = "#".to_owned();
    for word in safe::line(words).split(' ') {
        if row.len() > 1 && row.len() + 1 + word.len() > WIDTH {
            line(text, &row);
            row = "#".to_owned();
        }
        row.push(' ');
        row.push_str(word);
    }
    line(text, row.trim_end());
}

/// The comments at the top, and `[policy]`.
fn head(text: &mut String, snapshots: &[&Snapshot], entries: &[Entry], coverage: &Coverage) {
    comment(text, "A first policy, drafted by `socklint init` from this evidence:");
    for snapshot in snapshots {
        let path = match snapshot.origin.path.as_str() {
            "-" => "standard input",
            path => path,
        };
        let count = match snapshot.sockets().len() {
            1 => "1 listener".to_owned(),
            count => format!("{count} listeners"),
        };
        let host =
            snapshot.host.name.as_deref().map_or_else(String::new, |name| format!("host {name}, "));
        comment(text, &format!("- {path}: {host}{count}"));
    }
    line(text, "#");
    comment(
        text,
        "It lists what was seen; whether that should be is for you to say. For each entry: write in \
         `because` why it has to listen, or remove it and close the port. Useful keys beside it: `owner`, \
         `approved_by`, `review_by = 2027-01-31`.",
    );
    line(text, "#");
    if coverage.is_whole() {
        comment(
            text,
            "Under this policy the evidence passes, and any other listener is an error (`unlisted`).",
        );
    } else if coverage.is_nothing() {
        comment(
            text,
            "The evidence does not show that it is complete, so it cannot pass: `socklint check` says what \
             is missing and exits with 3.",
        );
    } else {
        comment(
            text,
            "Under this policy the evidence passes, and any other listener of what it covers is an error \
             (the rules `no-other-...` at the end).",
        );
    }
    gaps(text, snapshots);
    if entries.iter().flat_map(|entry| &entry.pins).any(|pin| pin.bind.accepts_v4().is_some()) {
        line(text, "#");
        comment(
            text,
            "Of the IPv6 wildcard `::`: `family = \"ipv4\"` says that it accepts IPv4 too (ss shows it as \
             `*`), and under `not` that it does not.",
        );
    }
    if entries.iter().any(|entry| entry.is_counted(coverage)) {
        line(text, "#");
        comment(
            text,
            "Where facts are missing that would tell a listener from others, the number of sockets stands \
             in for them: `expect = { max = 1 }` in place of `allow = true`.",
        );
    }
    line(text, "version = 1");
    line(text, "");
    line(text, "[policy]");
    let names: BTreeSet<&str> =
        snapshots.iter().filter_map(|snapshot| snapshot.host.name.as_deref()).collect();
    let name = match (names.len(), snapshots.len()) {
        (1, 1) => names.first().map_or_else(|| "draft".to_owned(), |name| (*name).to_owned()),
        _ => "draft".to_owned(),
    };
    line(text, &format!("name = {}", string(&name)));
    line(text, "description = \"TODO\"");
    if coverage.is_whole() || coverage.is_nothing() {
        line(text, "unlisted = \"error\"");
    }
}

/// What the evidence lacks, each with its cure.
fn gaps(text: &mut String, snapshots: &[&Snapshot]) {
    // Hosts of different platforms have different cures.
    type Gap = ((Missing, &'static str), BTreeSet<Transport>, BTreeSet<Family>);
    let mut uncovered: Vec<Gap> = Vec::new();
    let mut facts: BTreeSet<(Missing, &'static str)> = BTreeSet::new();
    for snapshot in snapshots {
        for (transport, family, cell) in snapshot.coverage.iter() {
            let Cell::Absent(reason) = cell else { continue };
            if !matches!(transport, Transport::Tcp | Transport::Udp) {
                continue;
            }
            let reason = (reason, cure(snapshot, reason));
            let at =
                uncovered.iter().position(|(known, ..)| *known == reason).unwrap_or_else(|| {
                    uncovered.push((reason, BTreeSet::new(), BTreeSet::new()));
                    uncovered.len() - 1
                });
            if let Some((_, transports, families)) = uncovered.get_mut(at) {
                transports.insert(transport);
                families.insert(family);
            }
        }
        for socket in snapshot.sockets() {
            let mut add = |reason| {
                facts.insert((reason, cure(snapshot, reason)));
            };
            socket.owners_missing.into_iter().for_each(&mut add);
            match socket.address {
                Address::Missing(reason) => add(reason),
                Address::Star => add(Missing::AddressStar),
                Address::Reached(_) => add(Missing::SeenFromOutside),
                Address::Ip(_) | Address::Dual => {}
            }
            if let Port::Missing(reason) = socket.port {
                add(reason);
            }
        }
    }
    for ((reason, cure), transports, families) in uncovered {
        let transports: Vec<String> =
            transports.into_iter().map(|transport| transport.name().to_uppercase()).collect();
        let family = match (families.contains(&Family::Ipv4), families.contains(&Family::Ipv6)) {
            (true, false) => " over IPv4",
            (false, true) => " over IPv6",
            _ => "",
        };
        line(text, "#");
        let what = transports.join(" and ");
        comment(text, &format!("Not covered: {what}{family}: {}. Cure: {cure}.", reason.what()));
    }
    for (reason, cure) in facts {
        line(text, "#");
        comment(text, &format!("Not known: {}. Cure: {cure}.", reason.what()));
    }
}

/// One entry.
fn rule(text: &mut String, entry: &Entry, coverage: &Coverage) {
    line(text, "");
    comment(text, &title(entry));
    let more = entry.seen.len().saturating_sub(PLACES);
    let mut seen: Vec<String> = entry.seen.iter().take(PLACES).cloned().collect();
    if more > 0 {
        seen.push(format!("and {more} more"));
    }
    comment(text, &format!("Seen: {}", seen.join(", ")));
    for note in notes(entry, coverage) {
        comment(text, &note);
    }
    line(text, "[[rule]]");
    line(text, &format!("id = {}", string(&entry.id)));
    line(text, &format!("match = {}", matches(entry)));
    if entry.is_counted(coverage) {
        line(text, &format!("expect = {{ max = {} }}", entry.most));
    } else {
        line(text, "allow = true");
    }
    line(text, "because = \"TODO\"");
}

fn title(entry: &Entry) -> String {
    let mut title = match &entry.service.holder {
        Holder::Named(names) => {
            let names: Vec<&str> =
                names.iter().map(|name| if name.is_empty() { "\"\"" } else { name }).collect();
            names.join(" and ")
        }
        Holder::Nobody => "The kernel (no process)".to_owned(),
        Holder::Uid(uid) => format!("A process of user number {uid}"),
        Holder::Unknown if entry.hints.is_empty() => "Owner not known".to_owned(),
        Holder::Unknown => {
            let hints: Vec<&str> = entry.hints.iter().map(String::as_str).collect();
            format!("{}, perhaps with others", hints.join(" or "))
        }
    };
    if let Some(PortPin::Number(port)) = entry.service.port {
        let transports: Vec<&str> = entry.transports().into_iter().map(Transport::name).collect();
        let _ = write!(title, ", port {port}/{}", transports.join(" and "));
    }
    title
}

/// What a reader should know of an entry.
fn notes(entry: &Entry, coverage: &Coverage) -> Vec<String> {
    let mut notes = Vec::new();
    if entry.service.clients {
        notes.push(
            "Ports of a client. When one of them is a server's, give it an entry with its port."
                .to_owned(),
        );
    }
    if entry.has_ephemeral_port() {
        notes.push(match (&entry.service.holder, entry.transports().contains(&Transport::Udp)) {
            (Holder::Unknown | Holder::Uid(_), true) => {
                "A port of the ephemeral range whose owner is not known: perhaps a client's, and then it \
                 changes. With the owner it would be told apart."
                    .to_owned()
            }
            _ => "A port of the ephemeral range: it may be another one after a restart.".to_owned(),
        });
    }
    if entry.cut {
        notes.push("A name of 15 bytes may be cut: the kernel keeps no more.".to_owned());
    }
    let pins = || entry.pins.iter();
    if pins().any(|pin| pin.bind == Bind::Unknown) {
        notes.push("The address is not known, so the rule does not ask for one.".to_owned());
    }
    if pins().any(|pin| pin.transport == Transport::Raw) {
        notes.push(
            "Raw sockets have no port; the rule cannot ask for their IP protocol.".to_owned(),
        );
    }
    if pins().any(|pin| pin.port == PortPin::Nothing && pin.transport != Transport::Raw) {
        notes.push("The port is not known, so the rule does not ask for one.".to_owned());
    }
    let loose = pins().any(|pin| pin.port == PortPin::Nothing || pin.bind == Bind::Unknown);
    if loose && !entry.is_counted(coverage) {
        notes.push(
            "It is wider than what was seen: the evidence does not cover enough to count."
                .to_owned(),
        );
    }
    if !entry.namespaces.is_empty() {
        let names: Vec<&str> = entry.namespaces.iter().map(String::as_str).collect();
        notes.push(format!(
            "Network namespaces, which a rule cannot tell apart: {}",
            names.join(", ")
        ));
    }
    notes
}

/// A table of conditions on its way.
#[derive(Default)]
struct Table {
    keys: Vec<String>,
    nots: Vec<String>,
}

impl Table {
    fn key(&mut self, key: &str, value: &str) {
        self.keys.push(format!("{key} = {value}"));
    }

    fn finish(mut self) -> String {
        match self.nots.as_slice() {
            [] => {}
            [only] => self.keys.push(format!("not = {{ {only} }}")),
            many => {
                let many: Vec<String> = many.iter().map(|not| format!("{{ {not} }}")).collect();
                self.keys.push(format!("not = {{ any = [{}] }}", many.join(", ")));
            }
        }
        format!("{{ {} }}", self.keys.join(", "))
    }
}

/// The condition of an entry.
fn matches(entry: &Entry) -> String {
    let products = entry.products();
    let mut table = Table::default();
    if let [product] = products.as_slice() {
        product_keys(&mut table, product, true);
        holder_keys(&mut table, &entry.service.holder);
        return table.finish();
    }
    let transports = entry.transports();
    let same = products.iter().all(|product| product.transports == transports);
    if same {
        transport_key(&mut table, &transports);
    }
    holder_keys(&mut table, &entry.service.holder);
    let mut any = String::from("[\n");
    for product in &products {
        let mut table = Table::default();
        product_keys(&mut table, product, !same);
        let _ = writeln!(any, "  {},", table.finish());
    }
    any.push(']');
    table.key("any", &any);
    table.finish()
}

fn holder_keys(table: &mut Table, holder: &Holder) {
    match holder {
        Holder::Named(names) => {
            let globs: Vec<String> = names.iter().map(|name| string(&glob(name))).collect();
            table.key("process", &one_or_list(&globs));
        }
        Holder::Nobody => table.nots.push("process = \"*\"".to_owned()),
        Holder::Uid(uid) => table.key("uid", &uid.to_string()),
        Holder::Unknown => {}
    }
}

fn product_keys(table: &mut Table, product: &Product, with_transport: bool) {
    if let Some(ports) = ports(&product.ports) {
        table.key("port", &ports);
    }
    if with_transport {
        transport_key(table, &product.transports);
    }
    let binds: Vec<String> =
        product.binds.iter().filter_map(Bind::text).map(|text| string(&text)).collect();
    if !binds.is_empty() {
        table.key("bind", &one_or_list(&binds));
    }
    match product.accepts_v4 {
        Some(true) => table.key("family", "\"ipv4\""),
        Some(false) => table.nots.push("family = \"ipv4\"".to_owned()),
        None => {}
    }
    if let Some(device) = &product.device {
        table.key("interface", &string(&glob(device)));
    }
}

fn transport_key(table: &mut Table, transports: &BTreeSet<Transport>) {
    let names: Vec<String> = transports.iter().map(|transport| string(transport.name())).collect();
    table.key("transport", &one_or_list(&names));
}

/// Ports as a policy has them, runs of three and more as ranges; `None` where none is asked for.
fn ports(pins: &BTreeSet<PortPin>) -> Option<String> {
    let mut runs: Vec<(u16, u16)> = Vec::new();
    for pin in pins {
        match (*pin, runs.last_mut()) {
            (PortPin::Ephemeral, _) => return Some("\"@ephemeral\"".to_owned()),
            (PortPin::Nothing, _) => {}
            (PortPin::Number(port), Some((_, high))) if high.checked_add(1) == Some(port) => {
                *high = port
            }
            (PortPin::Number(port), _) => runs.push((port, port)),
        }
    }
    let mut items = Vec::new();
    for (low, high) in runs {
        match high - low {
            0 => items.push(low.to_string()),
            1 => items.extend([low.to_string(), high.to_string()]),
            _ => items.push(format!("\"{low}-{high}\"")),
        }
    }
    (!items.is_empty()).then(|| one_or_list(&items))
}

fn one_or_list(items: &[String]) -> String {
    match items {
        [only] => only.clone(),
        items => format!("[{}]", items.join(", ")),
    }
}

/// Rules against all other listeners, transport by transport, where the evidence does not cover enough
/// for `unlisted`.
fn closing(text: &mut String, entries: &[Entry], coverage: &Coverage) {
    if coverage.is_whole() {
        return;
    }
    let mut first = true;
    for transport in Transport::ALL {
        let covered = coverage.get(transport);
        if covered == Covered::No {
            continue;
        }
        if std::mem::take(&mut first) {
            line(text, "");
            line(text, "# ---- Everything else ----");
            line(text, "#");
            comment(
                text,
                "Keep these lists like the entries above. With evidence that covers TCP and UDP \
                 (`ss -lntup`), `unlisted = \"error\"` in `[policy]` takes their place.",
            );
        }
        // An entry that asks for nothing but the transport lists all of it: no other is left.
        let Some(listed) = listed(entries, transport) else { continue };
        let mut table = Table::default();
        table.key("transport", &string(transport.name()));
        if covered == Covered::Ipv6 {
            table.key("family", "\"ipv6\"");
        }
        if !listed.is_empty() {
            let rows: Vec<String> = listed.iter().map(|row| format!("  {row},\n")).collect();
            table.key("not", &format!("{{ any = [\n{}] }}", rows.concat()));
        }
        line(text, "");
        line(text, "[[rule]]");
        line(text, &format!("id = \"no-other-{}\"", transport.name()));
        line(text, "summary = \"listeners must be listed in this policy\"");
        line(text, &format!("match = {}", table.finish()));
        line(text, "forbid = true");
    }
}

/// The conditions of all entries that speak of a transport, without the transport; `None` when one of
/// them is empty.
fn listed(entries: &[Entry], transport: Transport) -> Option<Vec<String>> {
    let mut listed = Vec::new();
    for entry in entries {
        for product in
            entry.products().iter().filter(|product| product.transports.contains(&transport))
        {
            let mut table = Table::default();
            product_keys(&mut table, product, false);
            holder_keys(&mut table, &entry.service.holder);
            if table.keys.is_empty() && table.nots.is_empty() {
                return None;
            }
            let table = table.finish();
            if !listed.contains(&table) {
                listed.push(table);
            }
        }
    }
    Some(listed)
}

/// A glob that matches this name and no other.
fn glob(name: &str) -> String {
    let mut glob = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '*' | '?' | '[' | ']' | '{' | '}' | '\\' => {
                glob.push('[');
                glob.push(c);
                glob.push(']');
            }
            c => glob.push(c),
        }
    }
    glob
}

/// A TOML basic string.
fn string(text: &str) -> String {
    let mut string = String::with_capacity(text.len() + 2);
    string.push('"');
    for c in text.chars() {
        match c {
            '"' => string.push_str("\\\""),
            '\\' => string.push_str("\\\\"),
            c if safe::is_harmful(c) && u32::from(c) <= 0xFFFF => {
                // Writing to a String cannot fail.
                let _ = write!(string, "\\u{:04X}", u32::from(c));
            }
            c if safe::is_harmful(c) => {
                let _ = write!(string, "\\U{:08X}", u32::from(c));
            }
            c => string.push(c),
        }
    }
    string.push('"');
    string
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Globs;

    #[test]
    fn escaped_names_match_themselves_and_nothing_else() {
        for name in [
            "a*b",
            "[x]",
            "{a,b}",
            "a\\b",
            "?",
            "]",
            "kworker/u8:3",
            "[kthreadd]",
            "a\nb",
            "!",
            "[!a]",
            "^",
            "",
            "a]b[c",
        ] {
            let globs = Globs::new([glob(name).as_str()]).unwrap();
            assert!(globs.is_match(name), "{name} {}", glob(name));
            for other in ["ab", "axb", "x", "a", "b", "/", "[", "kworker"] {
                assert_eq!(globs.is_match(other), other == name, "{name} {other}");
            }
        }
    }

    #[test]
    fn ports_are_few_items() {
        let set = |ports: &[u16]| ports.iter().map(|&port| PortPin::Number(port)).collect();
        assert_eq!(ports(&set(&[22])).unwrap(), "22");
        assert_eq!(ports(&set(&[80, 81, 443])).unwrap(), "[80, 81, 443]");
        assert_eq!(ports(&set(&[8000, 8001, 8002, u16::MAX])).unwrap(), "[\"8000-8002\", 65535]");
        assert_eq!(ports(&BTreeSet::from([PortPin::Nothing])), None);
    }

    #[test]
    fn strings_are_toml() {
        assert_eq!(
            string("a\"b\\c\u{1b}\u{202e}\u{E0001}"),
            "\"a\\\"b\\\\c\\u001B\\u202E\\U000E0001\""
        );
    }
}
