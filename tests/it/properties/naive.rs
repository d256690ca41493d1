//! A second opinion: policies and sockets as plain lists, judged by the definitions as they are
//! written, slowly. It shares no code with the engine; the two must agree.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use socklint::audit::Verdict;
use socklint::snapshot::Grade;

use super::cases;
use crate::support::{policy, snapshot, verdicts};

/// Yes, no, or not known.
type Three = Option<bool>;

fn and(a: Three, b: Three) -> Three {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn or(a: Three, b: Three) -> Three {
    not(and(not(a), not(b)))
}

fn not(a: Three) -> Three {
    a.map(|a| !a)
}

const TRANSPORTS: [&str; 4] = ["tcp", "udp", "sctp", "raw"];

/// Addresses with their scopes, as the definitions have them.
const ADDRESSES: [(&str, &str); 12] = [
    ("127.0.0.1", "loopback"),
    ("127.0.0.53", "loopback"),
    ("::1", "loopback"),
    ("10.0.0.5", "private"),
    ("192.168.100.10", "private"),
    ("fd00::5", "private"),
    ("169.254.1.1", "link-local"),
    ("fe80::10", "link-local"),
    ("203.0.113.9", "public"),
    ("2001:db8::1", "public"),
    ("0.0.0.0", "wildcard"),
    ("::", "wildcard"),
];

/// What can stand behind `bind`.
const BINDS: [&str; 17] = [
    "loopback",
    "private",
    "link-local",
    "public",
    "wildcard",
    "127.0.0.1",
    "127.0.0.0/8",
    "10.0.0.0/8",
    "0.0.0.0/0",
    "::/0",
    "0.0.0.0",
    "::",
    "::1",
    "fe80::/10",
    "192.168.100.10/32",
    "fd00::/8",
    "shared",
];

const PORTS: [u16; 6] = [22, 23, 80, 443, 5432, 40000];
const NAMES: [&str; 5] = ["sshd", "nginx", "postgres", "java", "systemd-resolve"];
const NAME_GLOBS: [&str; 8] =
    ["sshd", "nginx", "postgres", "systemd-resolve", "systemd-resolved", "*", "n*", "*d"];
const USERS: [&str; 3] = ["root", "postgres", "www"];
const USER_GLOBS: [&str; 6] = ["root", "postgres", "26", "0", "p*", "2?"];
const DEVICES: [&str; 3] = ["eth0", "lo", "wg0"];
const DEVICE_GLOBS: [&str; 5] = ["eth0", "eth*", "lo", "*", "w?0"];
const HOSTS: [&str; 2] = ["db-1", "web-1"];
const HOST_GLOBS: [&str; 4] = ["db-*", "web-1", "*", "other"];

/// A socket with facts that may be missing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plain {
    pub(super) transport: &'static str,
    /// `*` is the dual-stack wildcard.
    pub(super) address: Option<&'static str>,
    pub(super) v6only: Option<bool>,
    pub(super) port: Option<u16>,
    /// Known to have none, or this one.
    pub(super) device: Option<Option<&'static str>>,
    pub(super) owners: Option<Vec<&'static str>>,
    /// There may be more owners than those.
    pub(super) more_owners: bool,
    pub(super) user: Option<&'static str>,
    pub(super) uid: Option<u32>,
}

/// A host with facts that may be missing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Host {
    pub(super) name: Option<&'static str>,
    pub(super) label: Option<&'static str>,
    /// `tcp/ipv4`: whether its listeners are all there.
    pub(super) covered: BTreeMap<(&'static str, &'static str), bool>,
    pub(super) sockets: Vec<Plain>,
}

impl Host {
    /// The snapshot document.
    pub(super) fn document(&self) -> String {
        let socket = |plain: &Plain| {
            let mut socket =
                json!({"transport": plain.transport, "address": plain.address, "port": plain.port});
            if let Some(device) = plain.device {
                socket["interface"] = json!(device);
            }
            let mut missing = json!({});
            match &plain.owners {
                None => missing["processes"] = json!("owner-hidden"),
                Some(owners) => {
                    let kind =
                        |name: &str| if name.len() == 15 { json!("comm-cut") } else { Value::Null };
                    let process = |name: &&str| json!({"name": name, "pid": 7, "fd": 3, "name_kind": kind(name)});
                    socket["processes"] = owners.iter().map(process).collect();
                    if plain.more_owners {
                        missing["processes"] = json!("others-not-shown");
                    }
                }
            }
            socket["missing"] = missing;
            for (key, value) in [
                ("v6only", json!(plain.v6only)),
                ("user", json!(plain.user)),
                ("uid", json!(plain.uid)),
            ] {
                if !value.is_null() {
                    socket[key] = value;
                }
            }
            socket
        };
        let mut labels = json!({});
        if let Some(label) = self.label {
            labels["env"] = json!(label);
        }
        let mut coverage = json!({});
        for ((transport, family), covered) in &self.covered {
            coverage[format!("{transport}/{family}")] =
                json!(if *covered { "presumed" } else { "absent" });
        }
        json!({
            "schema": "socklint/snapshot/1",
            "host": {"name": self.name, "labels": labels},
            "coverage": coverage,
            "sockets": self.sockets.iter().map(socket).collect::<Vec<_>>(),
        })
        .to_string()
    }
}

/// A key with its values; one of them must fit.
#[derive(Debug, Clone)]
pub(super) enum Key {
    Port(Vec<(u16, u16)>),
    Transport(Vec<&'static str>),
    Family(Vec<&'static str>),
    Bind(Vec<&'static str>),
    Interface(Vec<&'static str>),
    Process(Vec<&'static str>),
    User(Vec<&'static str>),
    Host(Vec<&'static str>),
    Label(Vec<&'static str>),
}

/// A table of conditions, each key at most once.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    keys: Vec<Key>,
    not: Option<Box<Self>>,
    any: Option<Vec<Self>>,
}

#[derive(Debug, Clone)]
enum Action {
    Require(Table),
    Forbid,
    Expect(u64, Option<u64>),
    Allow,
}

#[derive(Debug, Clone)]
struct Rule {
    matches: Option<Table>,
    action: Action,
}

/// A policy as written.
#[derive(Debug, Clone)]
pub(super) struct Written {
    unlisted: bool,
    rules: Vec<Rule>,
}

impl Key {
    fn name(&self) -> &'static str {
        match self {
            Self::Port(_) => "port",
            Self::Transport(_) => "transport",
            Self::Family(_) => "family",
            Self::Bind(_) => "bind",
            Self::Interface(_) => "interface",
            Self::Process(_) => "process",
            Self::User(_) => "user",
            Self::Host(_) => "host",
            Self::Label(_) => "label.env",
        }
    }

    fn toml(&self) -> String {
        let values: Vec<String> = match self {
            Self::Port(ranges) => {
                ranges.iter().map(|(low, high)| format!("\"{low}-{high}\"")).collect()
            }
            Self::Transport(texts)
            | Self::Family(texts)
            | Self::Bind(texts)
            | Self::Interface(texts)
            | Self::Process(texts)
            | Self::User(texts)
            | Self::Host(texts)
            | Self::Label(texts) => texts.iter().map(|text| format!("\"{text}\"")).collect(),
        };
        format!("{} = [{}]", self.name(), values.join(", "))
    }

    fn holds(&self, socket: &Plain, host: &Host) -> Three {
        let one_of =
            |patterns: &[&str], text: &str| patterns.iter().any(|pattern| glob(pattern, text));
        match self {
            Self::Port(_) if socket.transport == "raw" => Some(false),
            Self::Port(ranges) => socket
                .port
                .map(|port| ranges.iter().any(|&(low, high)| (low..=high).contains(&port))),
            Self::Transport(names) => Some(names.contains(&socket.transport)),
            Self::Family(names) => {
                let accepts = |name: &&str| accepts(socket, name);
                names.iter().map(accepts).fold(Some(false), or)
            }
            Self::Bind(items) => bind(socket, items),
            Self::Interface(patterns) => interface(socket, patterns),
            Self::Process(patterns) => process(socket, patterns),
            Self::User(patterns) => user(socket, patterns),
            Self::Host(patterns) if patterns.contains(&"*") => Some(true),
            Self::Host(patterns) => host.name.map(|name| one_of(patterns, name)),
            Self::Label(patterns) => host.label.map(|label| one_of(patterns, label)),
        }
    }
}

fn accepts(socket: &Plain, family: &str) -> Three {
    let v4 = family == "ipv4";
    match socket.address? {
        "*" if !v4 => Some(true),
        // Presumed: a new ss prints `*` for what takes both.
        "*" => Some(!socket.v6only.unwrap_or(false)),
        "::" if v4 => not(socket.v6only),
        address => Some(address.contains(':') != v4),
    }
}

/// An address as 128 bits, IPv4 in the mapped block, and how many of the bits a prefix does not say.
fn bits(text: &str) -> u128 {
    match text.parse().unwrap() {
        IpAddr::V4(ip) => 0xFFFF_0000_0000 + u128::from(u32::from(ip)),
        IpAddr::V6(ip) => ip.into(),
    }
}

fn bind(socket: &Plain, items: &[&str]) -> Three {
    let listed = |text: &str| items.contains(&text);
    let everything = listed("0.0.0.0/0") && listed("::/0");
    let Some(address) = socket.address else { return if everything { Some(true) } else { None } };
    let v4_part = listed("wildcard") || listed("0.0.0.0/0");
    let v6_part = listed("wildcard") || listed("::/0") || listed("::");
    match address {
        "0.0.0.0" => Some(v4_part || listed("0.0.0.0")),
        "::" | "*" => {
            // `::` written out means such a socket whole, its IPv4 part too.
            let v4_part = v4_part || listed("::");
            and(Some(v6_part), or(Some(v4_part), not(accepts(socket, "ipv4"))))
        }
        address => {
            let scope = ADDRESSES.iter().find(|(text, _)| *text == address).unwrap().1;
            let inside = |item: &&str| {
                if *item == scope {
                    return true;
                }
                let (network, length) = item.split_once('/').unwrap_or((item, ""));
                let Ok(ip) = network.parse::<IpAddr>() else { return false };
                if ip.is_ipv4() == address.contains(':') {
                    return false;
                }
                let width = if ip.is_ipv4() { 32 } else { 128 };
                let rest = width - length.parse::<u32>().unwrap_or(width);
                let cut = |bits: u128| bits.checked_shr(rest).unwrap_or(0);
                cut(bits(network)) == cut(bits(address))
                    && !(ip.is_unspecified() && length.is_empty())
            };
            Some(items.iter().any(inside))
        }
    }
}

fn interface(socket: &Plain, patterns: &[&str]) -> Three {
    let one_of = |name: &str| patterns.iter().any(|pattern| glob(pattern, name));
    let any_name = patterns.contains(&"*");
    let without_device = match socket.address {
        None => None,
        Some("*" | "::" | "0.0.0.0") => Some(false),
        Some(address) if address == "::1" || address.starts_with("127.") => Some(one_of("lo")),
        Some(_) => any_name.then_some(true),
    };
    match socket.device {
        Some(Some(name)) => Some(one_of(name)),
        Some(None) => without_device,
        // Bound to a device of unknown name, or to none.
        None if any_name && without_device == Some(true) => Some(true),
        None => None,
    }
}

fn process(socket: &Plain, patterns: &[&str]) -> Three {
    let owners = socket.owners.as_ref()?;
    let one = |name: &&str| match patterns.iter().any(|pattern| glob(pattern, name)) {
        true => Some(true),
        // A name of 15 bytes may be the beginning of a longer one.
        false if name.len() == 15 && patterns.iter().any(|pattern| can_go_on(pattern, name)) => {
            None
        }
        false => Some(false),
    };
    if owners.is_empty() && !socket.more_owners {
        return Some(false);
    }
    let every = owners.iter().map(one).fold(Some(true), and);
    if socket.more_owners { and(every, None) } else { every }
}

fn user(socket: &Plain, patterns: &[&str]) -> Three {
    let one_of = |text: &str| patterns.iter().any(|pattern| glob(pattern, text));
    let name = socket.user.or(if socket.uid == Some(0) { Some("root") } else { None });
    let uid = socket.uid.or(if socket.user == Some("root") { Some(0) } else { None });
    let by_name = name.map(one_of);
    let by_number = uid.map(|uid| one_of(&uid.to_string()));
    let digits = |pattern: &&str| pattern.starts_with(|c: char| c.is_ascii_digit());
    match (by_name, by_number) {
        // Of the half that is not known: can any pattern be true of it?
        (None, Some(false))
            if patterns.iter().all(|pattern| {
                // A user of another number than 0 is not root.
                *pattern == "root" || pattern.bytes().all(|b| b.is_ascii_digit())
            }) =>
        {
            Some(false)
        }
        (Some(false), None) if !patterns.iter().any(digits) => Some(false),
        _ => or(by_name, by_number),
    }
}

/// `*` and `?`, by trying everything.
fn glob(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => {
            glob(&pattern[1..], text)
                || text.chars().next().is_some_and(|c| glob(pattern, &text[c.len_utf8()..]))
        }
        Some(p) => text.chars().next().is_some_and(|c| {
            (p == '?' || p == c) && glob(&pattern[p.len_utf8()..], &text[c.len_utf8()..])
        }),
    }
}

/// Whether a text that begins with `head` and goes on can match.
fn can_go_on(pattern: &str, head: &str) -> bool {
    match pattern.chars().next() {
        None => false,
        Some('*') => true,
        Some(_) if head.is_empty() => true,
        Some(p) => {
            let c = head.chars().next().unwrap();
            (p == '?' || p == c) && can_go_on(&pattern[p.len_utf8()..], &head[c.len_utf8()..])
        }
    }
}

impl Table {
    fn toml(&self) -> String {
        let mut parts: Vec<String> = self.keys.iter().map(Key::toml).collect();
        parts.extend(self.not.iter().map(|not| format!("not = {}", not.toml())));
        parts.extend(self.any.iter().map(|any| {
            let tables: Vec<String> = any.iter().map(Self::toml).collect();
            format!("any = [{}]", tables.join(", "))
        }));
        format!("{{ {} }}", parts.join(", "))
    }

    fn fold(&self, of_key: &dyn Fn(&Key) -> Three) -> Three {
        let keys = self.keys.iter().map(of_key).fold(Some(true), and);
        let negated = self.not.as_ref().map_or(Some(true), |inner| not(inner.fold(of_key)));
        let any = self.any.as_ref().map_or(Some(true), |any| {
            any.iter().map(|inner| inner.fold(of_key)).fold(Some(false), or)
        });
        and(and(keys, negated), any)
    }

    fn holds(&self, socket: &Plain, host: &Host) -> Three {
        self.fold(&|key| key.holds(socket, host))
    }

    /// What is so of every socket of a table of the kernel, whatever its address, port and owner.
    fn of_table(&self, transport: &'static str, family: &str, host: &Host) -> Three {
        self.fold(&|key| match key {
            Key::Transport(names) => Some(names.contains(&transport)),
            Key::Port(_) if transport == "raw" => Some(false),
            // What stands in the IPv4 table takes IPv4 alone; an IPv6 socket may take both.
            Key::Family(names) if family == "ipv4" => Some(names.contains(&"ipv4")),
            Key::Host(_) | Key::Label(_) => key.holds(&nobody(), host),
            _ => None,
        })
    }

    fn of_host(&self, host: &Host) -> Three {
        self.fold(&|key| match key {
            Key::Host(_) | Key::Label(_) => key.holds(&nobody(), host),
            _ => None,
        })
    }

    /// The transports that are named anywhere.
    fn named(&self, names: &mut Vec<&'static str>) {
        for key in &self.keys {
            if let Key::Transport(own) = key {
                names.extend(own);
            }
        }
        self.not.iter().for_each(|inner| inner.named(names));
        self.any.iter().flatten().for_each(|inner| inner.named(names));
    }

    fn asks_of_host(&self) -> bool {
        self.keys.iter().any(|key| matches!(key, Key::Host(_) | Key::Label(_)))
            || self.not.as_ref().is_some_and(|inner| inner.asks_of_host())
            || self.any.iter().flatten().any(Self::asks_of_host)
    }
}

fn nobody() -> Plain {
    Plain {
        transport: "tcp",
        address: None,
        v6only: None,
        port: None,
        device: None,
        owners: None,
        more_owners: false,
        user: None,
        uid: None,
    }
}

impl Written {
    pub(super) fn toml(&self) -> String {
        let mut text = String::new();
        if self.unlisted {
            text.push_str("[policy]\nunlisted = \"error\"\n");
        }
        for (number, rule) in self.rules.iter().enumerate() {
            writeln!(text, "[[rule]]\nid = \"r{number}\"").unwrap();
            if let Some(matches) = &rule.matches {
                writeln!(text, "match = {}", matches.toml()).unwrap();
            }
            match &rule.action {
                Action::Require(table) => writeln!(text, "require = {}", table.toml()).unwrap(),
                Action::Forbid => text.push_str("forbid = true\n"),
                Action::Allow => text.push_str("allow = true\n"),
                Action::Expect(min, None) => writeln!(text, "expect = {{ min = {min} }}").unwrap(),
                Action::Expect(min, Some(max)) => {
                    writeln!(text, "expect = {{ min = {min}, max = {max} }}").unwrap()
                }
            }
        }
        text
    }

    /// The verdicts by definition.
    fn verdicts(&self, host: &Host) -> Vec<Verdict> {
        let everything = Table::default();
        let mut verdicts: Vec<Verdict> = self
            .rules
            .iter()
            .map(|rule| rule.verdict(rule.matches.as_ref().unwrap_or(&everything), host))
            .collect();
        if self.unlisted {
            let listed = |socket: &Plain| {
                let matched =
                    |rule: &Rule| rule.matches.as_ref().unwrap_or(&everything).holds(socket, host);
                self.rules.iter().map(matched).fold(Some(false), or)
            };
            let wrong: Vec<Three> = host.sockets.iter().map(|socket| not(listed(socket))).collect();
            verdicts.push(each(&wrong, covers(&everything, host)));
        }
        verdicts
    }
}

/// Whether the evidence holds every listener that a table of conditions can be true of.
fn covers(matches: &Table, host: &Host) -> bool {
    let mut named = vec!["tcp", "udp"];
    matches.named(&mut named);
    named.iter().all(|transport| {
        ["ipv4", "ipv6"].iter().all(|family| {
            matches.of_table(transport, family, host) == Some(false)
                || host.covered.get(&(*transport, *family)).copied().unwrap_or(false)
        })
    })
}

/// One violation is enough to fail; to pass takes all sockets and all coverage.
fn each(wrong: &[Three], covered: bool) -> Verdict {
    if wrong.contains(&Some(true)) {
        Verdict::Fail
    } else if wrong.contains(&None) || !covered {
        Verdict::Unknown
    } else {
        Verdict::Pass
    }
}

impl Rule {
    fn verdict(&self, matches: &Table, host: &Host) -> Verdict {
        if matches.of_host(host) == Some(false) {
            return Verdict::NotApplicable;
        }
        let matched: Vec<Three> =
            host.sockets.iter().map(|socket| matches.holds(socket, host)).collect();
        let covered = covers(matches, host);
        match &self.action {
            Action::Allow => Verdict::Pass,
            Action::Forbid => each(&matched, covered),
            Action::Require(table) => {
                let wrong: Vec<Three> = matched
                    .iter()
                    .zip(&host.sockets)
                    .map(|(matched, socket)| and(*matched, not(table.holds(socket, host))))
                    .collect();
                each(&wrong, covered)
            }
            Action::Expect(min, max) => {
                let sure = matched.iter().filter(|truth| **truth == Some(true)).count() as u64;
                let most = sure + matched.iter().filter(|truth| truth.is_none()).count() as u64;
                if max.is_some_and(|max| sure > max) || most < *min && covered {
                    Verdict::Fail
                } else if sure >= *min && max.is_none_or(|max| most <= max && covered) {
                    Verdict::Pass
                } else {
                    Verdict::Unknown
                }
            }
        }
    }
}

fn some(texts: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    vec(select(texts), 1..3)
}

fn key() -> impl Strategy<Value = Key> {
    let range =
        (select(&PORTS[..]), 0..200_u16).prop_map(|(low, more)| (low, low.saturating_add(more)));
    prop_oneof![
        4 => vec(range, 1..3).prop_map(Key::Port),
        2 => some(&TRANSPORTS).prop_map(Key::Transport),
        2 => some(&["ipv4", "ipv6"]).prop_map(Key::Family),
        4 => some(&BINDS).prop_map(Key::Bind),
        1 => some(&DEVICE_GLOBS).prop_map(Key::Interface),
        3 => some(&NAME_GLOBS).prop_map(Key::Process),
        2 => some(&USER_GLOBS).prop_map(Key::User),
        1 => some(&HOST_GLOBS).prop_map(Key::Host),
        1 => some(&HOST_GLOBS).prop_map(Key::Label),
    ]
}

fn keys(least: usize) -> impl Strategy<Value = Vec<Key>> {
    vec(key(), least..3).prop_map(|mut keys| {
        keys.sort_by_key(Key::name);
        keys.dedup_by_key(|key| key.name());
        keys
    })
}

fn table() -> impl Strategy<Value = Table> {
    let leaf = keys(1).prop_map(|keys| Table { keys, not: None, any: None });
    leaf.prop_recursive(3, 8, 3, |inner| {
        (keys(0), option::of(inner.clone().prop_map(Box::new)), option::of(vec(inner, 1..3)))
            .prop_map(|(keys, not, any)| Table { keys, not, any })
            .prop_filter("an empty table asks nothing", |table| {
                !table.keys.is_empty() || table.not.is_some() || table.any.is_some()
            })
    })
}

fn rule() -> impl Strategy<Value = Rule> {
    let action = prop_oneof![
        3 => table().prop_map(Action::Require),
        3 => Just(Action::Forbid),
        1 => (1..4_u64).prop_map(|min| Action::Expect(min, None)),
        1 => (0..3_u64, 0..3_u64).prop_map(|(min, more)| Action::Expect(min, Some(min + more))),
        1 => Just(Action::Allow),
    ];
    (option::weighted(0.95, table()), action).prop_map(|(matches, action)| Rule { matches, action })
}

/// Policies that load: a rule that can never match is an error, so such a rule is left out.
pub(super) fn written() -> impl Strategy<Value = Written> {
    (any::<bool>(), vec(rule(), 1..5)).prop_map(|(unlisted, rules)| {
        let loads = |rule: &Rule| {
            let alone = Written { unlisted: false, rules: vec![rule.clone()] };
            let file = crate::support::source("policy.toml", &alone.toml());
            let loaded = socklint::policy::load(vec![file]);
            let never = socklint::policy::PolicyErrorKind::NeverMatches;
            let refused = loaded.errors.iter().any(|error| error.kind == never);
            assert!(refused || loaded.policy.is_some(), "{:#?}\n{}", loaded.errors, alone.toml());
            !refused
        };
        let rules: Vec<Rule> = rules.into_iter().filter(loads).collect();
        let unlisted = unlisted || rules.is_empty();
        Written { unlisted, rules }
    })
}

fn plain() -> impl Strategy<Value = Plain> {
    let addresses: Vec<&'static str> =
        ADDRESSES.iter().map(|(text, _)| *text).chain(["*"]).collect();
    (
        prop_oneof![4 => Just("tcp"), 3 => Just("udp"), 1 => Just("sctp"), 1 => Just("raw")],
        option::weighted(0.9, select(addresses)),
        any::<Option<bool>>(),
        option::weighted(0.9, select(&PORTS[..])),
        option::weighted(0.7, option::weighted(0.3, select(&DEVICES[..]))),
        option::weighted(0.7, vec(select(&NAMES[..]), 0..3)),
        proptest::bool::weighted(0.2),
        option::of(select(&USERS[..])),
        option::of(select(&[0_u32, 26, 33][..])),
    )
        .prop_map(
            |(transport, address, v6only, port, device, owners, more_owners, user, uid)| {
                let wildcard = matches!(address, Some("::" | "*"));
                // `root` and 0 are one user.
                let uid = if user == Some("root") {
                    uid.map(|_| 0)
                } else {
                    uid.filter(|uid| *uid != 0 || user.is_none())
                };
                Plain {
                    transport,
                    address,
                    v6only: v6only.filter(|_| wildcard),
                    port,
                    device,
                    more_owners: more_owners && owners.is_some(),
                    owners,
                    user,
                    uid,
                }
            },
        )
}

pub(super) fn host() -> impl Strategy<Value = Host> {
    let cells = vec(proptest::bool::weighted(0.8), 8);
    (
        option::weighted(0.8, select(&HOSTS[..])),
        option::of(select(&HOSTS[..])),
        cells,
        vec(plain(), 0..6),
    )
        .prop_map(|(name, label, cells, sockets)| {
            let places = TRANSPORTS
                .iter()
                .flat_map(|transport| [(*transport, "ipv4"), (*transport, "ipv6")]);
            Host { name, label, covered: places.zip(cells).collect(), sockets }
        })
}

/// Verdicts of the engine, in the order of the rules.
pub(super) fn engine(written: &Written, host: &Host) -> Vec<Verdict> {
    let snapshot = snapshot(&host.document());
    let policy = policy(&written.toml());
    verdicts(&policy, &snapshot, Grade::Presumed).into_iter().map(|(_, verdict)| verdict).collect()
}

/// Hosts with one fact less, each with words for what was forgotten.
pub(super) fn forgotten(host: &Host) -> Vec<(String, Host)> {
    let mut less = Vec::new();
    let mut add = |what: String, change: &dyn Fn(&mut Host)| {
        let mut other = host.clone();
        change(&mut other);
        if other != *host {
            less.push((what, other));
        }
    };
    add("the name of the host".to_owned(), &|host| host.name = None);
    add("the label".to_owned(), &|host| host.label = None);
    for place in host.covered.keys() {
        add(format!("coverage of {place:?}"), &|host| {
            host.covered.insert(*place, false);
        });
    }
    for index in 0..host.sockets.len() {
        let mut of = |what: &str, change: &dyn Fn(&mut Plain)| {
            add(format!("{what} of socket {index}"), &|host| change(&mut host.sockets[index]));
        };
        of("the address", &|socket| {
            socket.address = None;
            socket.v6only = None;
        });
        // `*` alone presumes that both families are taken, so that its flag is no fact to forget.
        if host.sockets[index].address != Some("*") {
            of("v6only", &|socket| socket.v6only = None);
        }
        of("the port", &|socket| socket.port = None);
        of("the device", &|socket| socket.device = None);
        of("the owners", &|socket| {
            socket.owners = None;
            socket.more_owners = false;
        });
        of("that these are all owners", &|socket| socket.more_owners = socket.owners.is_some());
        of("all owners but the first", &|socket| {
            socket.more_owners |= socket.owners.as_ref().is_some_and(|owners| owners.len() > 1);
            socket.owners.iter_mut().for_each(|owners| owners.truncate(1));
        });
        of("the user's name", &|socket| socket.user = None);
        of("the user's number", &|socket| socket.uid = None);
    }
    less
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn the_engine_agrees_with_the_definitions(written in written(), host in host()) {
        let found = engine(&written, &host);
        let expected = written.verdicts(&host);
        prop_assert_eq!(found.len(), expected.len());
        for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let rule = written.rules.get(index);
            let of_host = rule.and_then(|rule| rule.matches.as_ref()).is_some_and(Table::asks_of_host)
                || rule.is_none() && written.rules.iter().any(|rule| rule.matches.as_ref().is_some_and(Table::asks_of_host));
            // Whether a rule is for a host of unknown name may leave undecided what the sockets decide.
            let careful = of_host && (host.name.is_none() || host.label.is_none()) && *found == Verdict::Unknown;
            prop_assert!(
                found == expected || careful,
                "rule {}: the engine says {:?}, the definitions {:?}\n{}\n{}",
                index, found, expected, written.toml(), host.document()
            );
        }
    }
}

proptest! {
    #![proptest_config(cases(100))]

    /// Knowing less never makes a pass of what was none, nor a failure.
    #[test]
    fn a_forgotten_fact_decides_nothing(written in written(), host in host()) {
        let policy = policy(&written.toml());
        let judge = |host: &Host| verdicts(&policy, &snapshot(&host.document()), Grade::Presumed);
        let whole = judge(&host);
        for (what, less) in forgotten(&host) {
            for ((rule, before), (_, after)) in whole.iter().zip(judge(&less)) {
                let wrong = match before {
                    Verdict::Fail | Verdict::Unknown => after == Verdict::Pass,
                    Verdict::Pass => after == Verdict::Fail,
                    _ => false,
                };
                prop_assert!(!wrong, "without {}, {} goes from {:?} to {:?}\n{}\n{}", what, rule, before, after, written.toml(), host.document());
            }
        }
    }
}
