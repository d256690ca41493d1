//! Conditions: what `match`, `require` and waivers say of a socket.
//!
//! Keys are joined by *and*, values in a list by *or*; `not` negates, `any` joins tables by *or*. A
//! condition on a socket is yes, no or unknown (Kleene's logic, [`crate::truth`]). To add a key, write
//! `src/policy/condition/<name>.rs` with a [`ConditionKey`], and add one line to [`KEYS`].

mod bind;
mod cgroup;
mod exe;
mod family;
mod host;
mod interface;
mod port;
mod process;
mod transport;
mod uid;
mod user;

use std::fmt;

use super::error::{PolicyErrorKind, suggestion};
use super::value::{PortSet, Reading, Value};
use crate::snapshot::{At, Family, Grade, NameKind, Owner, Snapshot, Socket, Transport};
use crate::source::Span;
use crate::truth::{Missing, MissingSet, Truth};

/// One key of the vocabulary.
pub trait ConditionKey: Sync {
    /// The key as written.
    fn name(&self) -> &'static str;

    /// What it is true of, in a sentence.
    fn about(&self) -> &'static str;

    /// Reads its value; faults are recorded in `reading`.
    fn read(&self, value: Value<'_>, reading: &mut Reading) -> Option<Vec<Box<dyn Test>>>;
}

/// Every key, in the order of the documentation.
pub static KEYS: &[&dyn ConditionKey] = &[
    &port::Key,
    &transport::Key,
    &family::Key,
    &bind::Key,
    &interface::Key,
    &process::Key,
    &exe::Key,
    &user::Key,
    &uid::Key,
    &cgroup::UnitKey,
    &cgroup::ContainerKey,
    &cgroup::CgroupKey,
    &host::HostKey,
    &host::LabelKey,
];

/// A key with its value, ready to run.
pub trait Test: fmt::Debug + Send + Sync {
    /// Whether it is true of a socket.
    fn holds(&self, socket: &Socket, facts: &Facts<'_>) -> Truth;

    /// Whether it can be true of any socket of this transport in the table of this family: `No` only
    /// where it is false of every such socket. Decides which coverage a rule needs.
    fn possible(&self, transport: Transport, family: Family, facts: &Facts<'_>) -> Truth {
        let _ = (transport, family, facts);
        Truth::Unknown(MissingSet::NONE)
    }

    /// What it says, to follow "must": `bind loopback`.
    fn phrase(&self) -> String;

    /// What the socket does instead, to follow "is": `bound to 0.0.0.0 (wildcard)`.
    fn instead(&self, socket: &Socket, facts: &Facts<'_>) -> String;

    /// Which part of the row it looks at.
    fn at(&self, socket: &Socket, facts: &Facts<'_>) -> At {
        let _ = facts;
        socket.address_at
    }

    /// The ports outside of which it is false, if it is a condition on ports.
    fn ports(&self) -> Option<&PortSet> {
        None
    }

    /// Transports that it names: a rule that names one asks for its coverage.
    fn transports(&self) -> &[Transport] {
        &[]
    }

    /// Whether it is false of every socket that a process of this name holds, when it is known which
    /// processes hold it.
    fn excludes(&self, name: &str, kind: NameKind) -> bool {
        let _ = (name, kind);
        false
    }

    /// What it says of a listener on every address; `None` where it does not look at addresses.
    fn of_wildcard(&self) -> Option<OfWildcard> {
        None
    }

    /// Whether it looks at the host only.
    fn is_of_host(&self) -> bool {
        false
    }
}

/// What a condition on addresses says of a listener on every address of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfWildcard {
    /// It is true of one.
    Holds,
    /// It is false of one, and true of listeners on single addresses at which the same would be reached from
    /// outside.
    Misses,
    /// It is false of one, and true of no such single address.
    Excludes,
}

/// What a test may look at beside the socket.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The host's snapshot.
    pub snapshot: &'a Snapshot,
    /// What counts.
    pub grade: Grade,
}

/// A condition, ready to run.
#[derive(Debug)]
pub enum Condition {
    /// All of them; true when there is none.
    All(Vec<Self>),
    /// At least one of them.
    Any(Vec<Self>),
    /// Not this.
    Not(Box<Self>),
    /// One key.
    Test {
        /// The key as written; `label` for each of its labels.
        key: &'static str,
        /// The key's test.
        test: Box<dyn Test>,
        /// Key and value in the policy.
        at: Span,
    },
}

/// The deepest that `not` and `any` may nest.
const DEPTH: usize = 64;

impl Condition {
    /// Reads a table of conditions; faults are recorded in `reading`.
    pub fn read(value: Value<'_>, key: &str, reading: &mut Reading) -> Option<Self> {
        Self::read_nested(value, key, reading, 0)
    }

    fn read_nested(
        value: Value<'_>,
        key: &str,
        reading: &mut Reading,
        depth: usize,
    ) -> Option<Self> {
        if depth > DEPTH {
            let message = format!("`{key}` nests deeper than {DEPTH} levels");
            reading.error(PolicyErrorKind::BadValue, value.range(), message, "too deep", None);
            return None;
        }
        let table = value.table(reading, key)?;
        let before = reading.errors.len();
        let mut all = Vec::with_capacity(table.entries().len());
        for entry in table.entries() {
            let at = reading.span(entry.range());
            match entry.name {
                "not" => {
                    let inner = Self::read_nested(entry.value, "not", reading, depth + 1);
                    all.extend(inner.map(|inner| Self::Not(Box::new(inner))));
                }
                "any" => {
                    let Some(items) = entry.value.some_items(reading, "any") else { continue };
                    let any =
                        items.filter_map(|item| Self::read_nested(item, "any", reading, depth + 1));
                    all.push(Self::Any(any.collect()));
                }
                name => match KEYS.iter().find(|key| key.name() == name) {
                    Some(known) => {
                        let tests = known.read(entry.value, reading).unwrap_or_default();
                        all.extend(tests.into_iter().map(|test| Self::Test {
                            key: known.name(),
                            test,
                            at,
                        }));
                    }
                    None => unknown_key(name, entry.key, key, reading),
                },
            }
        }
        (reading.errors.len() == before).then_some(Self::All(all))
    }

    /// Whether the condition is true of a socket.
    #[must_use]
    pub fn holds(&self, socket: &Socket, facts: &Facts<'_>) -> Truth {
        // The same as `fold`, without a call through a pointer more for each test.
        match self {
            Self::Test { test, .. } => test.holds(socket, facts),
            Self::Not(inner) => !inner.holds(socket, facts),
            Self::All(all) => {
                let mut truth = Truth::Yes;
                for condition in all {
                    truth = truth.and(condition.holds(socket, facts));
                    if truth == Truth::No {
                        break;
                    }
                }
                truth
            }
            Self::Any(_) => self.fold(&|test| test.holds(socket, facts)),
        }
    }

    /// Whether it can be true of any socket of this transport in the table of this family.
    #[must_use]
    pub fn possible(&self, transport: Transport, family: Family, facts: &Facts<'_>) -> Truth {
        self.fold(&|test| test.possible(transport, family, facts))
    }

    /// Whether it is true whatever the facts are: of nothing that can be false.
    #[must_use]
    pub fn is_always_so(&self) -> bool {
        self.fold(&|_| Truth::Unknown(MissingSet::NONE)) == Truth::Yes
    }

    /// The test that makes the condition false of every listener on a wildcard, though it is true of some on the
    /// outside addresses that such a listener takes too: what `match = { bind = "public" }` is rarely meant to
    /// leave out.
    #[must_use]
    pub fn misses_wildcard(&self) -> Option<Span> {
        match self {
            Self::Test { test, at, .. } => {
                (test.of_wildcard() == Some(OfWildcard::Misses)).then_some(*at)
            }
            Self::All(all) => {
                // Of a listener that cannot be outside nothing is missed.
                let inside = all.iter().any(|part| part.excludes_wildcard());
                all.iter().find_map(Self::misses_wildcard).filter(|_| !inside)
            }
            Self::Any(any) => {
                let mut missed = any.iter().map(Self::misses_wildcard);
                let first = missed.next()?;
                if missed.all(|missed| missed.is_some()) { first } else { None }
            }
            Self::Not(_) => None,
        }
    }

    /// The same of a condition that must hold: the `not` by which it holds of every listener on a wildcard, and
    /// not of some on single outside addresses.
    #[must_use]
    pub fn lets_wildcard_pass(&self) -> Option<Span> {
        match self {
            Self::Not(inner) => inner.misses_wildcard(),
            Self::All(all) => {
                let caught = all.iter().any(|part| {
                    matches!(part, Self::Test { test, .. }
                        if matches!(test.of_wildcard(), Some(OfWildcard::Misses | OfWildcard::Excludes)))
                });
                all.iter().find_map(Self::lets_wildcard_pass).filter(|_| !caught)
            }
            Self::Test { .. } | Self::Any(_) => None,
        }
    }

    /// Whether a part that must hold is false of every listener on a wildcard.
    #[must_use]
    pub fn excludes_wildcard(&self) -> bool {
        match self {
            Self::Test { test, .. } => test.of_wildcard() == Some(OfWildcard::Excludes),
            Self::All(all) => all.iter().any(Self::excludes_wildcard),
            Self::Any(any) => !any.is_empty() && any.iter().all(Self::excludes_wildcard),
            Self::Not(_) => false,
        }
    }

    /// Whether it speaks of every listener of a table but for exceptions: `{ transport = "tcp", not = { port = 22 } }`.
    #[must_use]
    pub fn is_of_many(&self) -> bool {
        match self {
            Self::Test { key, .. } => ["transport", "family", "host", "label"].contains(key),
            Self::Not(inner) => !inner.names_wildcard(),
            Self::All(all) => all.iter().all(Self::is_of_many),
            Self::Any(_) => false,
        }
    }

    /// Whether a test in it names the wildcard.
    #[must_use]
    pub fn names_wildcard(&self) -> bool {
        match self {
            Self::Test { test, .. } => test.of_wildcard() == Some(OfWildcard::Holds),
            Self::Not(inner) => inner.names_wildcard(),
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::names_wildcard),
        }
    }

    /// What it says of the host alone: `No` when it is false whatever the sockets are.
    #[must_use]
    pub fn of_host(&self, facts: &Facts<'_>) -> Truth {
        let nobody = Socket::new(Transport::Tcp, crate::source::SourceId(0), At::default());
        self.fold(&|test| match test.is_of_host() {
            true => test.holds(&nobody, facts),
            false => Truth::Unknown(MissingSet::NONE),
        })
    }

    /// Whether a test of one of these keys is in it.
    #[must_use]
    pub fn asks(&self, keys: &[&str]) -> bool {
        match self {
            Self::Test { key, .. } => keys.contains(key),
            Self::Not(inner) => inner.asks(keys),
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.asks(keys)),
        }
    }

    fn fold(&self, of_test: &dyn Fn(&dyn Test) -> Truth) -> Truth {
        match self {
            Self::Test { test, .. } => of_test(test.as_ref()),
            Self::Not(inner) => !inner.fold(of_test),
            Self::All(all) => {
                let mut truth = Truth::Yes;
                for condition in all {
                    truth = truth.and(condition.fold(of_test));
                    if truth == Truth::No {
                        break;
                    }
                }
                truth
            }
            Self::Any(any) => {
                let mut truth = Truth::No;
                for condition in any {
                    truth = truth.or(condition.fold(of_test));
                    if truth == Truth::Yes {
                        break;
                    }
                }
                truth
            }
        }
    }

    /// The first test that makes a false condition false, for diagnostics: of an *and*, the first part
    /// that is not true. `None` when the fault is in a `not` or `any` as a whole.
    #[must_use]
    pub fn failing(&self, socket: &Socket, facts: &Facts<'_>) -> Option<(&dyn Test, Span)> {
        match self {
            Self::Test { test, at, .. } => {
                (test.holds(socket, facts) == Truth::No).then_some((test.as_ref(), *at))
            }
            Self::All(all) => all
                .iter()
                .find(|condition| condition.holds(socket, facts) == Truth::No)
                .and_then(|condition| condition.failing(socket, facts)),
            Self::Any(any) => match any.as_slice() {
                [only] => only.failing(socket, facts),
                _ => None,
            },
            Self::Not(_) => None,
        }
    }

    /// The ports outside of which the condition is false, as far as its *and* tells.
    #[must_use]
    pub fn ports(&self) -> Option<PortSet> {
        match self {
            Self::Test { test, .. } => test.ports().cloned(),
            Self::All(all) => {
                let mut ports: Option<PortSet> = None;
                for condition in all {
                    let Some(of_part) = condition.ports() else { continue };
                    ports = Some(match ports {
                        None => of_part,
                        Some(known) => known.without(&known.without(&of_part)),
                    });
                }
                let mut ports = ports?;
                for condition in all {
                    if let Self::Not(inner) = condition
                        && let Some(excluded) = inner.only_ports()
                    {
                        ports = ports.without(excluded);
                    }
                }
                Some(ports)
            }
            Self::Any(any) => {
                let mut ranges = Vec::new();
                for condition in any {
                    ranges.extend_from_slice(condition.ports()?.ranges());
                }
                Some(PortSet::new(ranges))
            }
            Self::Not(_) => None,
        }
    }

    /// The ports, when the condition is on ports and nothing else.
    fn only_ports(&self) -> Option<&PortSet> {
        match self {
            Self::Test { test, .. } => test.ports(),
            Self::All(one) | Self::Any(one) => match one.as_slice() {
                [only] => only.only_ports(),
                _ => None,
            },
            Self::Not(_) => None,
        }
    }

    /// Whether it is surely false of every socket that a process of this name holds, when it is known
    /// which processes hold it.
    #[must_use]
    pub fn excludes(&self, name: &str, kind: NameKind) -> bool {
        match self {
            Self::Test { test, .. } => test.excludes(name, kind),
            Self::All(all) => all.iter().any(|part| part.excludes(name, kind)),
            Self::Any(any) => any.iter().all(|part| part.excludes(name, kind)),
            Self::Not(_) => false,
        }
    }

    /// The transports that it names anywhere.
    pub fn transports(&self, names: &mut Vec<Transport>) {
        match self {
            Self::Test { test, .. } => names.extend_from_slice(test.transports()),
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().for_each(|part| part.transports(names));
            }
            Self::Not(inner) => inner.transports(names),
        }
    }

    /// What it says, to follow "must".
    #[must_use]
    pub fn phrase(&self) -> String {
        let join = |parts: &[Self], word: &str| {
            let phrases: Vec<String> = parts.iter().map(Self::phrase).collect();
            phrases.join(word)
        };
        match self {
            Self::Test { test, .. } => test.phrase(),
            Self::All(all) if all.is_empty() => "be there".to_owned(),
            Self::All(all) => join(all, " and "),
            Self::Any(any) => format!("({})", join(any, " or ")),
            Self::Not(inner) => format!("not {}", inner.phrase()),
        }
    }
}

fn unknown_key(name: &str, at: std::ops::Range<usize>, place: &str, reading: &mut Reading) {
    let mut known: Vec<&str> = KEYS.iter().map(|key| key.name()).collect();
    known.extend(["not", "any"]);
    let help = match name {
        "address" | "addr" | "ip" => {
            "did you mean `bind`, the addresses that a socket is bound to?".to_owned()
        }
        "protocol" | "proto" => "did you mean `transport`?".to_owned(),
        "device" | "iface" => "did you mean `interface`?".to_owned(),
        "ports" => "did you mean `port`? It takes a list too".to_owned(),
        _ => suggestion(name, &known, "the conditions"),
    };
    let message = format!("unknown condition `{name}` in `{place}`");
    reading.error(PolicyErrorKind::UnknownKey, at, message, "unknown", help);
}

/// Words from evidence, made safe and quoted, for messages.
fn quoted(text: &str) -> String {
    format!("`{}`", crate::safe::line(text))
}

/// Reads a string or list of strings that are names of a fixed vocabulary.
fn read_names<T>(
    value: Value<'_>,
    key: &str,
    what: &str,
    known: &[&str],
    from_name: impl Fn(&str) -> Option<T>,
    reading: &mut Reading,
) -> Option<Vec<T>> {
    let texts = value.some_texts(reading, key)?;
    let before = reading.errors.len();
    let mut names = Vec::new();
    for (text, range) in texts {
        match from_name(text) {
            Some(name) => names.push(name),
            None => {
                let message = format!("`{text}` is no {key}");
                let help = suggestion(text, known, what);
                reading.error(PolicyErrorKind::BadValue, range, message, "not known", help);
            }
        }
    }
    (reading.errors.len() == before).then_some(names)
}

/// Whether something is so of every process that holds the socket.
fn of_every_holder(
    socket: &Socket,
    facts: &Facts<'_>,
    mut holds: impl FnMut(&Owner) -> Truth,
) -> Truth {
    let owners = facts.snapshot.owners(socket);
    let mut every = Truth::Yes;
    for owner in owners {
        every = every.and(holds(owner));
        if every == Truth::No {
            break;
        }
    }
    match socket.owners_missing {
        // A text that can be read in two ways decides nothing.
        Some(reason @ Missing::OwnerAmbiguous) => Truth::missing(reason),
        None if owners.is_empty() => Truth::No,
        missing => unless_missing(every, missing),
    }
}

/// Unknown for a reason, or what is known.
fn unless_missing(known: Truth, missing: Option<Missing>) -> Truth {
    missing.map_or(known, |reason| known.and(Truth::missing(reason)))
}
