//! Facts of Ansible's `community.general.listen_ports_facts`, nested anywhere.
//!
//! ```json
//! {"ansible_facts": {"tcp_listen": [{"address": "0.0.0.0", "name": "sshd", "pid": 964, "port": 22,
//!  "protocol": "tcp", "stime": "Sun Jul  4 18:12:31 2021", "user": "root"}], "udp_listen": []}}
//! ```
//!
//! Read are the module's result, registered variables, `hostvars` of several hosts, fact caches, the
//! output of `ansible -m` with its banners (`web1 | SUCCESS => {`), and the same as YAML. The module
//! runs `netstat -p -l -u -n -t`, else `ss` with these options, and does not say which: so an address may
//! be cut at the width of netstat's column, `*` may be of one family or both, and a name may be the
//! kernel's or the program's own. One entry is one process; `"pid": 0` is an owner that was not shown.
//! ss of iproute2 3.7 to 3.13 calls UDP sockets `tcp`, and the module puts them into `tcp_listen`.
//! Source: community.general, plugins/modules/listen_ports_facts.py.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::document::{Draft, Line, banner, quote};
use super::tree::{Kind, Tree, Value};
use super::{Capture, CaptureFormat, Document, IssueKind, yaml};
use crate::snapshot::{
    Address, At, Cell, Coverage, Details, Family, NameKind, Owner, OwnerDetails, Transport, Vantage,
};
use crate::truth::Missing;

/// The format `ansible`.
pub struct Ansible;

/// The two lists, and what they hold.
const LISTS: [(&str, Transport); 2] =
    [("tcp_listen", Transport::Tcp), ("udp_listen", Transport::Udp)];

/// Where the name of the host stands, best first.
const NAMES: &[&str] = &[
    "inventory_hostname",
    "ansible_hostname",
    "ansible_nodename",
    "ansible_fqdn",
    "nodename",
    "hostname",
    "fqdn",
    "host",
];

/// What netstat shows of address and port at most: a longer address is cut.
/// Source: net-tools, `addr_do_one` in netstat.c.
const NETSTAT_WIDTH: usize = 22;

impl CaptureFormat for Ansible {
    fn name(&self) -> &'static str {
        "ansible"
    }

    fn about(&self) -> &'static str {
        "facts of Ansible's listen_ports_facts, JSON or YAML"
    }

    fn document(&self, document: &Document) -> Option<Vec<Capture>> {
        let bare = document.holds_key(&["stime"]) && document.holds_key(&["protocol"]);
        if !LISTS.iter().any(|(name, _)| document.holds(name)) && !bare {
            return unreachable(document);
        }
        let text = document.text();
        let values = document.json_values();
        if !values.is_empty() {
            let captures = read(document, &values);
            return (!captures.is_empty()).then(|| document.finish(captures));
        }
        let tree: Tree;
        let (printed, hosts) = results(document);
        let values: Vec<(Value<'_>, Option<&str>)> = if hosts.is_empty() {
            tree = yaml::read(text, &YAML_KEYS)?;
            vec![(tree.value(text, 0), None)]
        } else {
            tree = yaml::read(&printed, &YAML_KEYS)?;
            let found: Vec<_> = tree.value(text, 0).items().collect();
            (found.len() == hosts.len()).then_some(())?;
            found.into_iter().zip(hosts).map(|(value, host)| (value, Some(host))).collect()
        };
        let mut captures = read(document, &values);
        if let Some(last) = captures.last_mut().filter(|_| !text.ends_with('\n')) {
            last.snapshot.coverage = last.snapshot.coverage.spoiled(Missing::CutOff);
        }
        (!captures.is_empty()).then_some(captures)
    }
}

/// The keys of the lists in YAML; the longer ones are of `debug: var=ansible_facts.tcp_listen`.
const YAML_KEYS: [&str; 4] =
    ["tcp_listen", "udp_listen", "ansible_facts.tcp_listen", "ansible_facts.udp_listen"];

/// A host of which there is nothing but that it could not be reached or that the module failed, as `--tree` and
/// `ansible -m` leave it in a file of its own.
fn unreachable(document: &Document) -> Option<Vec<Capture>> {
    if !document.holds_key(&["unreachable", "failed"]) || !document.holds_key(&["msg"]) {
        return None;
    }
    let values = document.json_values();
    let failed = |root: Value<'_>| {
        let is = |name: &str| root.get(&[name]).is_some_and(|told| told.is("true"));
        (is("unreachable") || is("failed")) && root.has("changed") && root.has("msg")
    };
    if values.is_empty() || !values.iter().all(|&(root, _)| failed(root)) {
        return None;
    }
    let of = |(root, banner): (Value<'_>, Option<&str>)| {
        let mut host = Host::without(banner.unwrap_or_default().into(), Some(root), 0);
        host.name = host.name.filter(|name| !name.is_empty());
        capture(document, &host)
    };
    Some(values.iter().copied().map(of).collect())
}

/// What the callbacks print as YAML below a banner (`ok: [web1] => changed=false`), with a document for each
/// banner and blanks for all other lines, byte for byte as long as the text; and the hosts of the banners.
/// Source: community.general, plugins/callback/yaml.py; ansible-core, plugins/callback/__init__.py, `result_format`.
fn results(document: &Document) -> (String, Vec<&str>) {
    let text = document.text();
    let mut printed = String::with_capacity(text.len());
    let mut hosts = Vec::new();
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\n', '\r']);
        let told = content.contains(" => ") || content.ends_with("=>");
        let host = banner(content).filter(|_| told).and_then(|range| content.get(range));
        let inside = content.starts_with([' ', '\t']) && !hosts.is_empty();
        let kept = match host {
            Some(_) => "---",
            None if inside => content,
            None => "",
        };
        hosts.extend(host);
        printed.push_str(kept);
        printed.extend(std::iter::repeat_n(' ', content.len().saturating_sub(kept.len())));
        printed.push_str(line.get(content.len()..).unwrap_or_default());
    }
    (printed, hosts)
}

/// The lists of one host.
struct Host<'a> {
    name: Option<Cow<'a, str>>,
    lists: Vec<(Value<'a>, Option<Transport>)>,
    /// Where it is told that nothing could be read, and why.
    failed: Option<(Range<usize>, Cow<'a, str>)>,
    /// Where the first that is of this host stands.
    first: usize,
}

impl<'a> Host<'a> {
    /// A host that the text names, and none of whose listeners it has.
    fn without(name: Cow<'a, str>, told: Option<Value<'a>>, first: usize) -> Self {
        let why = |told: Value<'a>| told.get(&["msg"]).and_then(Value::string).unwrap_or_default();
        let at = |told: Value<'_>| told.range().start..told.range().start + 1;
        let failed = told.map(|told| (at(told), why(told)));
        Self { name: Some(name), lists: vec![], failed, first }
    }
}

/// The names of the maps whose keys are hosts: of the JSON callbacks, of `hostvars`.
const MAPS: &[&str] = &["hosts", "hostvars", "contacted", "dark"];

/// The hosts of maps that have no listeners there: those that failed or could not be reached, and those beside
/// hosts that have some. `told` are the lists and all that is around them.
fn left_out<'a>(root: Value<'a>, told: &BTreeSet<u32>) -> Vec<Host<'a>> {
    let is_map = |map: &Value<'_>| {
        map.kind() == Kind::Object
            && map.key().is_some_and(|key| MAPS.iter().any(|name| key.is(name)))
    };
    let mut hosts = Vec::new();
    for map in root.all().filter(is_map) {
        let beside = told.contains(&map.id());
        for (key, value) in map.entries().filter(|(_, value)| value.kind() == Kind::Object) {
            let is = |name: &str| value.get(&[name]).is_some_and(|told| told.is("true"));
            let empty = beside && !told.contains(&value.id());
            if let (true, Some(name)) = (empty || is("unreachable") || is("failed"), key.string()) {
                hosts.push(Host::without(name, Some(value), key.range().start));
            }
        }
    }
    hosts
}

/// A host that a line without JSON says failed: `web2 | UNREACHABLE!: Failed to connect`.
/// Source: ansible-core, plugins/callback/oneline.py.
fn failed_line((at, line): Line<'_>) -> Option<Host<'_>> {
    let (name, status) = line.split_once(" | ")?;
    let bare = status.strip_prefix("UNREACHABLE!").or_else(|| status.strip_prefix("FAILED"))?;
    if name.is_empty() || name.contains(char::is_whitespace) || bare.trim_end().ends_with('{') {
        return None;
    }
    let why = bare.trim_start_matches(['!', ':', ' ']).into();
    let failed = Some((at..at + line.len(), why));
    Some(Host { name: Some(name.into()), lists: vec![], failed, first: at })
}

fn read(document: &Document, values: &[(Value<'_>, Option<&str>)]) -> Vec<Capture> {
    let mut hosts: Vec<Host<'_>> = Vec::new();
    let mut order: BTreeMap<Option<Cow<'_, str>>, usize> = BTreeMap::new();
    let mut names = Names::new();
    let mut facts = Vec::new();
    let mut without: Vec<Host<'_>> = Vec::new();
    for &(root, banner) in values {
        let before = facts.len();
        facts.extend(root.all().filter_map(|value| Some((value, list(value)?, banner))));
        if let (true, Some(banner)) = (facts.len() == before, banner) {
            let told = Some(root).filter(|root| root.get(&["msg", "unreachable"]).is_some());
            without.push(Host::without(banner.into(), told, root.range().start));
        }
    }
    let mut told = BTreeSet::new();
    for &(list, ..) in &facts {
        let mut around = Some(list);
        while let Some(value) = around.filter(|value| told.insert(value.id())) {
            around = value.parent();
        }
    }
    let forks = forks(&facts.iter().map(|&(list, ..)| list).collect::<Vec<_>>());
    for (index, &(list, transport, banner)) in facts.iter().enumerate() {
        let fork = forks.get(index).copied().flatten();
        let own = || host_name(list, &mut names).or_else(|| fork.and_then(Value::string));
        let name = banner.map(Cow::Borrowed).or_else(own);
        let at = *order.entry(name.clone()).or_insert(hosts.len());
        match hosts.get_mut(at) {
            Some(host) => host.lists.push((list, transport)),
            None => {
                let (lists, first) = (vec![(list, transport)], list.range().start);
                hosts.push(Host { name, lists, failed: None, first });
            }
        }
    }
    if hosts.is_empty() {
        return Vec::new();
    }
    // A host that has listeners in one place is not without them for what another place says.
    without.extend(values.iter().flat_map(|&(root, _)| left_out(root, &told)));
    without.extend(document.lines().filter_map(failed_line));
    for host in without {
        if !order.contains_key(&host.name) {
            order.insert(host.name.clone(), hosts.len());
            hosts.push(host);
        }
    }
    hosts.sort_by_key(|host| host.first);
    hosts.iter().map(|host| capture(document, host)).collect()
}

/// Whether a value is one of the two lists; a list that stands alone tells its transport row by row.
fn list(value: Value<'_>) -> Option<Option<Transport>> {
    if value.kind() != Kind::Array {
        return None;
    }
    // `debug` writes what it was asked for: `ansible_facts.tcp_listen`, or a list in its `msg`.
    let key = value.key().and_then(Value::string);
    let last = key.as_deref().and_then(|key| key.rsplit('.').next()).unwrap_or_default();
    if let Some(&(_, transport)) = LISTS.iter().find(|(name, _)| *name == last) {
        return Some(Some(transport));
    }
    let first = value.items().next()?;
    let entry = first.has("stime") && first.has("port") && first.has("address");
    let alone = value.parent().is_none() || last == "msg";
    (entry && alone && first.get(&["protocol"])?.string().is_some()).then_some(None)
}

/// The names that objects give, by object: a map of many hosts is asked once.
type Names<'a> = BTreeMap<u32, Option<Cow<'a, str>>>;

/// The name that an object around a list gives its host.
fn host_name<'a>(list: Value<'a>, names: &mut Names<'a>) -> Option<Cow<'a, str>> {
    let mut around = list.parent();
    while let Some(object) = around {
        let own = names.entry(object.id()).or_insert_with(|| own_name(object));
        if let Some(name) = own {
            return Some(name.clone());
        }
        // `hosts` of the JSON callback, `hostvars`: the key is the host.
        if let Some(key) = object.key()
            && let Some(map) = object.parent().and_then(Value::key)
            && ["hosts", "hostvars", "contacted"].iter().any(|name| map.is(name))
        {
            return key.string();
        }
        around = object.parent();
    }
    None
}

/// The name that an object itself gives its host.
fn own_name(object: Value<'_>) -> Option<Cow<'_, str>> {
    let inner = object.get(&["ansible_facts"]);
    let own = [Some(object), inner].into_iter().flatten();
    let mut names = own.filter_map(|object| object.get(NAMES).and_then(Value::string));
    names.find(|name| !name.trim().is_empty())
}

/// For each list the key at which its path leaves that of the others: in a map of hosts, the host.
fn forks<'a>(lists: &[Value<'a>]) -> Vec<Option<Value<'a>>> {
    let path = |list: Value<'a>| {
        let mut path: Vec<Value<'a>> = Vec::new();
        let mut around = list.parent();
        while let Some(object) = around {
            path.push(object);
            around = object.parent();
        }
        path.reverse();
        path
    };
    let paths: Vec<Vec<Value<'a>>> = lists.iter().map(|&list| path(list)).collect();
    let Some(first) = paths.first() else { return Vec::new() };
    let shared = |depth: &usize| paths.iter().all(|path| path.get(*depth) == first.get(*depth));
    let depth = (0..first.len()).take_while(shared).count();
    paths.iter().map(|path| path.get(depth).and_then(|object| object.key())).collect()
}

/// What makes two entries one: transport, address, port, process.
type Key<'a> = (Transport, Cow<'a, str>, u16, u32);

fn capture(document: &Document, host: &Host<'_>) -> Capture {
    let mut draft = Draft::new(document, "ansible", Vantage::Observed);
    draft.host(host.name.as_deref());
    let mut coverage = Coverage::default();
    let shown = Shown::of(&host.lists);
    let mut seen: BTreeSet<Key<'_>> = BTreeSet::new();
    for &(list, transport) in &host.lists {
        let mut pending: Option<Entry<'_>> = None;
        for value in list.items() {
            let entry = match entry(value, transport) {
                Ok(Some(entry)) => entry,
                Ok(None) => continue,
                Err(why) => {
                    draft.unread(value.range(), why);
                    continue;
                }
            };
            for family in Family::ALL {
                coverage.set(entry.transport, family, Cell::Presumed);
            }
            let key = (entry.transport, entry.address.clone(), entry.port, entry.pid);
            if !seen.insert(key) && host.lists.len() > 1 {
                continue;
            }
            // Entries of one socket stand behind one another, one for each process.
            if let Some(before) = pending.as_mut().filter(|before| before.shares(&entry)) {
                before.more.push(value);
                continue;
            }
            if let Some(before) = pending.replace(entry) {
                add(&mut draft, &before, &shown);
            }
        }
        if let Some(last) = pending {
            add(&mut draft, &last, &shown);
        }
        if let Some(transport) = transport {
            for family in Family::ALL {
                coverage.set(transport, family, Cell::Presumed);
            }
        }
    }
    if udp_may_be_tcp(&host.lists) {
        for family in Family::ALL {
            coverage.set(Transport::Udp, family, Cell::Absent(Missing::TransportNotShown));
        }
    }
    if host.lists.is_empty() {
        let name = host.name.as_deref().map(|name| format!(" of host `{}`", quote(name)));
        let name = name.unwrap_or_default();
        let failed = host.failed.as_ref();
        let why = failed.map(|(_, why)| quote(why)).filter(|why| !why.is_empty());
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        let at = failed.map_or(0..0, |(at, _)| at.clone());
        let message = format!("there are no listeners{name}{why}");
        draft.issue(IssueKind::NotSockets, at, message);
    }
    draft.capture(coverage, "lists `tcp_listen` and `udp_listen`")
}

/// Whether the lists may be of ss 3.7 to 3.13, whose UDP rows say `tcp`: no UDP, addresses as they were printed
/// before 4.14, and no process, since the module's pattern does not fit what those versions print of it.
fn udp_may_be_tcp(lists: &[(Value<'_>, Option<Transport>)]) -> bool {
    let of = |transport: Transport| {
        let own = lists.iter().filter(move |(_, own)| *own == Some(transport));
        own.flat_map(|(list, _)| list.items())
    };
    let address = |entry: &Value<'_>| {
        entry.get(&["address"]).and_then(Value::string).unwrap_or_default().into_owned()
    };
    let star = |entry: Value<'_>| address(&entry).starts_with('*');
    let old = |entry: Value<'_>| {
        address(&entry) != "0.0.0.0" && entry.get(&["pid"]).is_none_or(|pid| pid.is("0"))
    };
    let tcp = || of(Transport::Tcp);
    of(Transport::Udp).next().is_none() && tcp().any(star) && tcp().all(old)
}

/// One entry that can be read.
struct Entry<'a> {
    value: Value<'a>,
    transport: Transport,
    address: Cow<'a, str>,
    address_value: Value<'a>,
    port: u16,
    port_value: Value<'a>,
    pid: u32,
    /// Entries of further processes of the same socket.
    more: Vec<Value<'a>>,
}

impl Entry<'_> {
    fn shares(&self, other: &Self) -> bool {
        let one = (self.transport, &self.address, self.port)
            == (other.transport, &other.address, other.port);
        one && self.pid != 0 && other.pid != 0 && self.pid != other.pid
    }
}

/// Reads an entry; nothing for a socket that does not listen (`include_non_listening`).
fn entry<'a>(
    value: Value<'a>,
    transport: Option<Transport>,
) -> Result<Option<Entry<'a>>, &'static str> {
    let own = value.get(&["protocol"]).and_then(Value::string);
    let own = own.as_deref().map(|name| name.trim_end_matches('6'));
    let transport =
        own.and_then(Transport::from_name).or(transport).ok_or("it names no known protocol")?;
    let address_value = value.get(&["address"]).ok_or("it has no `address`")?;
    let address = address_value.string().ok_or("its address is no string")?;
    let port_value = value.get(&["port"]).ok_or("it has no `port`")?;
    let port = port_value.number().ok_or("its port is no number up to 65535")?;
    let state = value.get(&["state"]).and_then(Value::string).unwrap_or_default();
    let foreign = value.get(&["foreign_address"]).and_then(Value::string).unwrap_or_default();
    let anyone = ["", "0.0.0.0", "::", "[::]", "*"];
    let peer = !anyone.contains(&foreign.trim_end_matches(":*").trim());
    // The module loses the state where the name of the program has blanks.
    let connected = match (transport.is_stream(), state.as_ref()) {
        (true, "") => peer,
        (true, state) => state != "LISTEN",
        (false, state) => peer || matches!(state, "ESTAB" | "ESTABLISHED"),
    };
    if connected {
        return Ok(None);
    }
    let pid = value.get(&["pid"]).and_then(Value::number).unwrap_or_default();
    let more = Vec::new();
    Ok(Some(Entry { value, transport, address, address_value, port, port_value, pid, more }))
}

/// What the whole of a host's lists tells of the tool behind them.
struct Shown {
    /// `0.0.0.0` is printed, so a `*` beside it is of ss 4.14 or newer: both families.
    star_is_dual: bool,
    /// An address is longer than netstat shows: none is cut.
    whole: bool,
}

impl Shown {
    fn of(lists: &[(Value<'_>, Option<Transport>)]) -> Self {
        let mut shown = Self { star_is_dual: false, whole: false };
        for entry in lists.iter().flat_map(|(list, _)| list.items()) {
            let Some(address) = entry.get(&["address"]).and_then(Value::string) else { continue };
            let port = entry.get(&["port"]).and_then(Value::scalar).unwrap_or_default();
            shown.star_is_dual |= address == "0.0.0.0";
            shown.whole |= address.len() + port.len() > NETSTAT_WIDTH || address.contains('%');
        }
        shown
    }
}

fn add(draft: &mut Draft<'_>, entry: &Entry<'_>, shown: &Shown) {
    let mut socket = draft.new_socket(entry.transport, entry.value.range());
    let port_at = entry.port_value.range();
    Draft::port(&mut socket, entry.port, port_at);
    let printed = mended(&entry.address);
    let at = entry.address_value.range();
    let mut details = Details::default();
    let digits = entry.port.to_string().len();
    let v6 = printed.contains(':');
    if v6 && !shown.whole && entry.address.len() + digits == NETSTAT_WIDTH
        || entry.address.ends_with(':') && entry.address.as_ref() != "::"
    {
        socket.address = Address::Missing(Missing::AddressCut);
        socket.address_at = At::new(at);
        details.address_text = draft.handle(Some(entry.address_value));
    } else if let Some(odd) = draft.address(&mut socket, &printed, at, Missing::AddressNotShown) {
        details = odd;
    }
    if socket.address == Address::Star && shown.star_is_dual {
        socket.address = Address::Dual;
    }
    let mut named = false;
    for value in std::iter::once(entry.value).chain(entry.more.iter().copied()) {
        named |= owner(draft, value);
    }
    socket.owners_missing =
        Some(if named { Missing::OthersNotShown } else { Missing::OwnerHidden });
    draft.socket(socket, details);
}

/// The module's pattern leaves `fe80::1]%eth0` of ss's `[fe80::1]%eth0`.
fn mended(address: &str) -> Cow<'_, str> {
    match address.split_once(']') {
        Some((ip, zone)) if !ip.starts_with('[') => Cow::Owned(format!("{ip}{zone}")),
        _ => Cow::Borrowed(address),
    }
}

fn owner(draft: &mut Draft<'_>, value: Value<'_>) -> bool {
    let pid: Option<u32> = value.get(&["pid"]).and_then(Value::number).filter(|&pid| pid != 0);
    let name_value = value.get(&["name"]);
    let name = draft.handle(name_value);
    if pid.is_none() && name.is_none() {
        return false;
    }
    let at = name_value.map(Value::at).unwrap_or_default();
    // netstat cuts names, and ss shows those of the kernel; which of them ran is not told.
    let owner = Owner { name, pid, fd: None, kind: NameKind::ArgvCut, details: None, at };
    let user = draft.handle(value.get(&["user"]));
    draft.owner(owner, OwnerDetails { user, ..OwnerDetails::default() });
    true
}
