//! Policy times snapshot: a verdict for every rule.
//!
//! [`audit`] is a pure function. A missing row is only a fact where the snapshot's coverage says so;
//! a missing fact makes a verdict unknown, never pass. All decisions on coverage are in `needs`.

mod fingerprint;
mod residual;
mod waive;
mod words;

pub use waive::waive;
pub use words::{Missed, asked, headline, label, message, missed, requirement, tables};

use self::residual::Residual;
use crate::capture;
use crate::policy::{Action, Facts, Policy, Rule, Severity};
use crate::snapshot::{Cell, Family, Grade, Port, Snapshot, Socket, Transport};
use crate::source::Span;
use crate::truth::{Missing, MissingSet, Truth};

/// What a rule comes to on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Everything that the rule asks is so, and the evidence covers it.
    Pass,
    /// At least one violation counts.
    Fail,
    /// It could not be decided from this evidence.
    Unknown,
    /// Every violation is waived.
    Waived,
    /// The rule is for other hosts.
    NotApplicable,
}

impl Verdict {
    /// All verdicts, in the order of the summary.
    pub const ALL: [Self; 5] =
        [Self::Pass, Self::Fail, Self::Unknown, Self::Waived, Self::NotApplicable];

    /// The name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
            Self::Waived => "waived",
            Self::NotApplicable => "not-applicable",
        }
    }
}

/// Which rule a result is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleRef {
    /// Index in [`Policy::rules`].
    Rule(usize),
    /// The reserved rule `unlisted`.
    Unlisted,
}

impl RuleRef {
    /// The rule, unless it is `unlisted`.
    #[must_use]
    pub fn rule(self, policy: &Policy) -> Option<&Rule> {
        match self {
            Self::Rule(index) => policy.rules.get(index),
            Self::Unlisted => None,
        }
    }

    /// The rule's id.
    #[must_use]
    pub fn id(self, policy: &Policy) -> &str {
        self.rule(policy).map_or(crate::policy::UNLISTED, |rule| &rule.id)
    }

    /// The rule's severity.
    #[must_use]
    pub fn severity(self, policy: &Policy) -> Severity {
        match self.rule(policy) {
            Some(rule) => rule.severity,
            None => policy.unlisted.map_or(Severity::Error, |unlisted| unlisted.severity),
        }
    }
}

/// One failing socket, or a count that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Index in the snapshot's sockets; `None` when too few listeners match.
    pub socket: Option<usize>,
    /// What of the evidence is at fault; `None` when something is not there.
    pub evidence: Option<Span>,
    /// The key of the policy that failed.
    pub policy: Span,
    /// The same from run to run while host, rule and endpoint are: 32 hex digits.
    pub fingerprint: String,
    /// Index of the waiver that accepts it in [`Policy::waivers`].
    pub waiver: Option<usize>,
    /// Index of an expired waiver that accepted it.
    pub expired: Option<usize>,
}

impl Violation {
    fn new(socket: Option<usize>, evidence: Option<Span>, policy: Span) -> Self {
        Self { socket, evidence, policy, fingerprint: String::new(), waiver: None, expired: None }
    }
}

/// What could not be decided, and for want of what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Undecided {
    /// Facts about sockets (and the host) that are missing.
    pub facts: MissingSet,
    /// The sockets whose facts are missing.
    pub sockets: Vec<usize>,
    /// Transports and families that the evidence does not cover, with the reason.
    pub coverage: Vec<(Transport, Family, Missing)>,
    /// What supplies the missing facts where the evidence comes from, by kind; those that are not here
    /// have their common cure ([`Missing::cure`]).
    pub cures: Vec<(Missing, &'static str)>,
}

impl Undecided {
    /// Whether everything was decided.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty() && self.coverage.is_empty()
    }

    fn new(
        facts: MissingSet,
        sockets: Vec<usize>,
        coverage: Vec<(Transport, Family, Missing)>,
        snapshot: &Snapshot,
    ) -> Self {
        let kinds =
            coverage.iter().fold(facts, |kinds, &(.., kind)| kinds.union(MissingSet::of(kind)));
        if kinds.is_empty() {
            return Self::default();
        }
        let format = capture::format(&snapshot.origin.format);
        let cure = |kind| Some((kind, format?.cure(kind)?));
        let cures = kinds.iter().filter_map(cure).collect();
        Self { facts, sockets, coverage, cures }
    }
}

/// One rule on one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleResult {
    /// The rule.
    pub rule: RuleRef,
    /// What it comes to.
    pub verdict: Verdict,
    /// The violations, in the order of the evidence.
    pub violations: Vec<Violation>,
    /// What could not be decided, also beside violations.
    pub undecided: Undecided,
    /// How many listeners surely match.
    pub matched: u64,
    /// How many more may match.
    pub possible: u64,
}

/// Judges a host. Results are in the order of the policy, `unlisted` last.
#[must_use]
pub fn audit(policy: &Policy, snapshot: &Snapshot, grade: Grade) -> Vec<RuleResult> {
    let facts = Facts { snapshot, grade };
    let mut states: Vec<State> =
        policy.rules.iter().map(|rule| State::new(applies(rule, &facts))).collect();
    let name = snapshot.host.name.as_deref();
    let mut unlisted = State::new(match policy.unlisted {
        Some(_) => policy.unlisted_reach.holds(name),
        None => Truth::No,
    });
    let mut residual = Residual::new(policy);
    for (index, socket) in snapshot.sockets().iter().enumerate() {
        let residual = residual.of(socket, &facts);
        let listed = judge_socket(policy, &facts, residual, &mut states, index, socket);
        if policy.unlisted.is_some() {
            unlisted.judge(unlisted.applies.and(!listed), index);
        }
    }
    let mut results: Vec<RuleResult> = states
        .into_iter()
        .zip(&policy.rules)
        .enumerate()
        .map(|(index, (state, rule))| {
            state.conclude(RuleRef::Rule(index), Some(rule), policy, &facts)
        })
        .collect();
    if policy.unlisted.is_some() {
        results.push(unlisted.conclude(RuleRef::Unlisted, None, policy, &facts));
    }
    results
}

/// Asks every rule that can match a socket; says whether any rule's `match` is true of it.
fn judge_socket(
    policy: &Policy,
    facts: &Facts<'_>,
    residual: &[u32],
    states: &mut [State],
    index: usize,
    socket: &Socket,
) -> Truth {
    let mut listed = Truth::No;
    let mut ask = |number: usize| {
        let (Some(rule), Some(state)) = (policy.rules.get(number), states.get_mut(number)) else {
            return;
        };
        if state.applies == Truth::No {
            return;
        }
        let matches = state.applies.and(rule.matches.holds(socket, facts));
        if matches == Truth::No {
            return;
        }
        listed = listed.or(matches);
        // What may be the socket of an earlier row again is not surely one more.
        let matches = match (&rule.action, matches) {
            (Action::Expect { .. }, Truth::Yes) if socket.again => {
                Truth::missing(Missing::OthersNotShown)
            }
            _ => matches,
        };
        match matches {
            Truth::Yes => state.matched += 1,
            Truth::Unknown(_) | Truth::No => state.possible += 1,
        }
        match &rule.action {
            Action::Require(condition) => {
                state.judge(matches.and(!condition.holds(socket, facts)), index);
            }
            Action::Forbid => state.judge(matches, index),
            Action::Expect { .. } => state.count(matches, index),
            Action::Allow => {}
        }
    };
    candidates(policy, facts, socket, residual, &mut ask);
    listed
}

/// Calls `ask` with every rule that can match a socket: those of its port, and those of `residual`, which
/// name no port.
fn candidates(
    policy: &Policy,
    facts: &Facts<'_>,
    socket: &Socket,
    residual: &[u32],
    mut ask: impl FnMut(usize),
) {
    let port = match socket.port {
        Port::Number(port) if !(socket.port_resolved && facts.grade == Grade::Proven) => Some(port),
        Port::Number(_) | Port::Missing(_) => None,
    };
    match port {
        Some(port) => {
            policy.index.of_port(port).iter().for_each(|&number| ask(number as usize));
            residual.iter().for_each(|&number| ask(number as usize));
        }
        None => (0..policy.rules.len()).for_each(ask),
    }
}

/// The rules that speak of a socket: those whose `match` is true of it, or unknown, in the order of the
/// policy.
#[must_use]
pub fn speaking(policy: &Policy, facts: &Facts<'_>, socket: &Socket) -> Vec<(usize, Truth)> {
    let mut rules = Vec::new();
    candidates(policy, facts, socket, policy.index.residual(), |number| {
        if let Some(rule) = policy.rules.get(number) {
            let matches = applies(rule, facts).and(rule.matches.holds(socket, facts));
            if matches != Truth::No {
                rules.push((number, matches));
            }
        }
    });
    rules.sort_unstable_by_key(|&(number, _)| number);
    rules
}

/// Whether a rule is for this host: by its file's `hosts`, and by what its `match` says of the host.
#[must_use]
pub fn applies(rule: &Rule, facts: &Facts<'_>) -> Truth {
    let by_file = rule.is_for_host(facts.snapshot.host.name.as_deref());
    match rule.matches.of_host(facts) {
        Truth::No => Truth::No,
        Truth::Unknown(missing) if !missing.is_empty() => by_file.and(Truth::Unknown(missing)),
        Truth::Yes | Truth::Unknown(_) => by_file,
    }
}

/// The transports and families whose listeners must all be in the evidence before a rule can pass.
///
/// A rule that names no transport speaks of TCP and UDP. A family that the rule cannot match needs no
/// coverage; families are those of the socket tables, and an IPv6 socket may accept IPv4.
#[must_use]
pub fn needs(rule: Option<&Rule>, facts: &Facts<'_>) -> Vec<(Transport, Family)> {
    let named = rule.map(|rule| rule.transports.as_slice()).unwrap_or_default();
    let usual = [Transport::Tcp, Transport::Udp];
    Transport::ALL
        .into_iter()
        .filter(|transport| usual.contains(transport) || named.contains(transport))
        .flat_map(|transport| Family::ALL.map(|family| (transport, family)))
        .filter(|&(transport, family)| {
            rule.is_none_or(|rule| rule.matches.possible(transport, family, facts) != Truth::No)
        })
        .collect()
}

/// What of it the evidence does not cover; of what `unlisted` asks for when there is no rule.
pub(crate) fn uncovered(
    rule: Option<&Rule>,
    facts: &Facts<'_>,
) -> Vec<(Transport, Family, Missing)> {
    // The usual case, told at once: all of TCP and UDP is there, and the rule asks for nothing else.
    let usual = [Transport::Tcp, Transport::Udp];
    let named = rule.map(|rule| rule.transports.as_slice()).unwrap_or_default();
    let shown = |transport| {
        Family::ALL.into_iter().all(|family| {
            let cell = facts.snapshot.coverage.get(transport, family);
            cell == Cell::Proven || (cell == Cell::Presumed && facts.grade == Grade::Presumed)
        })
    };
    if usual.into_iter().all(shown) && named.iter().all(|transport| usual.contains(transport)) {
        return Vec::new();
    }
    needs(rule, facts)
        .into_iter()
        .filter_map(|(transport, family)| {
            let missing = match (facts.snapshot.coverage.get(transport, family), facts.grade) {
                (Cell::Proven, _) | (Cell::Presumed, Grade::Presumed) => return None,
                (Cell::Presumed, Grade::Proven) => Missing::NotProven,
                (Cell::Absent(reason), _) => reason,
            };
            Some((transport, family, missing))
        })
        .collect()
}

/// What is known of a rule while the sockets are read.
struct State {
    applies: Truth,
    matched: u64,
    possible: u64,
    violating: Vec<usize>,
    facts: MissingSet,
    undecided: Vec<usize>,
}

impl State {
    fn new(applies: Truth) -> Self {
        let facts = match applies {
            Truth::Unknown(facts) => facts,
            Truth::Yes | Truth::No => MissingSet::NONE,
        };
        Self {
            applies,
            matched: 0,
            possible: 0,
            violating: Vec::new(),
            facts,
            undecided: Vec::new(),
        }
    }

    /// Takes note of whether a socket violates the rule.
    fn judge(&mut self, violates: Truth, socket: usize) {
        match violates {
            Truth::Yes => self.violating.push(socket),
            Truth::No => {}
            Truth::Unknown(facts) => {
                self.facts = self.facts.union(facts);
                self.undecided.push(socket);
            }
        }
    }

    /// Takes note of a socket that is to be counted: those that surely match could be too many.
    fn count(&mut self, matches: Truth, socket: usize) {
        self.judge(matches, socket);
    }

    fn conclude(
        self,
        rule: RuleRef,
        compiled: Option<&Rule>,
        policy: &Policy,
        facts: &Facts<'_>,
    ) -> RuleResult {
        let mut result = RuleResult {
            rule,
            verdict: Verdict::NotApplicable,
            violations: Vec::new(),
            undecided: Undecided::default(),
            matched: self.matched,
            possible: self.possible,
        };
        if self.applies == Truth::No {
            return result;
        }
        match compiled.map(|rule| &rule.action) {
            Some(Action::Allow) => {}
            Some(Action::Expect { min, max }) => {
                self.conclude_count(*min, *max, compiled, facts, &mut result);
            }
            Some(Action::Require(_) | Action::Forbid) | None => {
                let coverage = uncovered(compiled, facts);
                result.undecided =
                    Undecided::new(self.facts, self.undecided, coverage, facts.snapshot);
                result.violations = self
                    .violating
                    .iter()
                    .map(|&socket| violation(compiled, policy, facts, socket))
                    .collect();
            }
        }
        fingerprint::number(&mut result.violations, rule.id(policy), facts.snapshot);
        result.verdict = match () {
            () if !result.violations.is_empty() => Verdict::Fail,
            () if !result.undecided.is_empty() => Verdict::Unknown,
            () => Verdict::Pass,
        };
        result
    }

    /// `expect`: sure matches against `max`, possible ones against `min`. What is not covered may
    /// hold any number of matches more.
    fn conclude_count(
        self,
        min: u64,
        max: Option<u64>,
        rule: Option<&Rule>,
        facts: &Facts<'_>,
        result: &mut RuleResult,
    ) {
        let policy = rule.map_or_else(Span::default, |rule| rule.action_at);
        let applies = self.applies == Truth::Yes;
        let coverage = uncovered(rule, facts);
        let (sure, most) = (self.matched, self.matched + self.possible);
        if applies && max.is_some_and(|max| sure > max) {
            let keep = usize::try_from(max.unwrap_or(0)).unwrap_or(usize::MAX);
            let sockets = facts.snapshot.sockets();
            // Tools list sockets in no order that stays, and the same ones should be too many in each
            // run: those whose endpoints come last.
            let mut matching = self.violating;
            matching.sort_by_cached_key(|&socket| {
                (
                    sockets.get(socket).map(|socket| fingerprint::endpoint(facts.snapshot, socket)),
                    socket,
                )
            });
            let mut extra = matching.split_off(keep.min(matching.len()));
            extra.sort_unstable();
            let extra = extra.into_iter().filter_map(|socket| {
                let evidence = Some(sockets.get(socket)?.endpoint_span());
                Some(Violation::new(Some(socket), evidence, policy))
            });
            result.violations = extra.collect();
        } else if applies && most < min && coverage.is_empty() {
            result.violations = vec![Violation::new(None, None, policy)];
        }
        let enough = sure >= min;
        let bounded = max.is_none_or(|max| most <= max && coverage.is_empty());
        if !(enough && bounded && applies) {
            result.undecided = Undecided::new(self.facts, self.undecided, coverage, facts.snapshot);
        }
    }
}

/// A socket that violates `require`, `forbid` or `unlisted`, at the key that failed.
fn violation(rule: Option<&Rule>, policy: &Policy, facts: &Facts<'_>, index: usize) -> Violation {
    let socket = facts.snapshot.sockets().get(index);
    let (mut at, mut key) = (
        socket.map(Socket::endpoint_span),
        match rule {
            Some(rule) => rule.action_at,
            None => policy.unlisted.map_or_else(Span::default, |unlisted| unlisted.at),
        },
    );
    if let (Some(Action::Require(condition)), Some(socket)) =
        (rule.map(|rule| &rule.action), socket)
        && let Some((test, test_at)) = condition.failing(socket, facts)
    {
        at = Some(socket.span_of(test.at(socket, facts)));
        key = test_at;
    }
    Violation::new(Some(index), at, key)
}

/// How many rules came to each verdict, over all hosts, and what the run comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// By [`Verdict::ALL`].
    pub verdicts: [u64; 5],
    /// Violations that count, by [`Severity::ALL`].
    pub violations: [u64; 3],
    /// Violations that are waived.
    pub waived: u64,
    /// Hosts judged.
    pub hosts: u64,
    /// Hosts whose evidence could not be used.
    pub broken: u64,
    /// There are warnings, and `--strict` is asked for.
    pub refused: bool,
    /// Reports that could not be written, as far as is known when this one ends.
    pub unwritten: u64,
    /// Listeners seen.
    pub listeners: u64,
    /// A rule at or above `--fail-on` is violated.
    pub failed: bool,
    /// A rule at or above `--fail-on` could not be decided.
    pub undecided: bool,
}

/// What decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threshold {
    /// `--fail-on`.
    pub fail_on: Severity,
    /// `--unknown allow`.
    pub allow_unknown: bool,
}

impl Summary {
    /// Adds the results of a host.
    pub fn add(
        &mut self,
        results: &[RuleResult],
        policy: &Policy,
        listeners: usize,
        threshold: Threshold,
    ) {
        self.hosts += 1;
        self.listeners += listeners as u64;
        for result in results {
            let severity = result.rule.severity(policy);
            let counts = severity >= threshold.fail_on;
            if let Some(count) = self.verdicts.get_mut(result.verdict as usize) {
                *count += 1;
            }
            if let Some(count) = self.violations.get_mut(severity as usize) {
                let waived =
                    result.violations.iter().filter(|violation| violation.waiver.is_some()).count();
                *count += (result.violations.len() - waived) as u64;
                self.waived += waived as u64;
            }
            self.failed |= counts && result.verdict == Verdict::Fail;
            let undecided = result.verdict == Verdict::Unknown;
            self.undecided |= counts && undecided && !threshold.allow_unknown;
        }
    }

    /// How many rules came to a verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> u64 {
        self.verdicts.get(verdict as usize).copied().unwrap_or_default()
    }

    /// Whether every rule was for other hosts, so that nothing was checked.
    #[must_use]
    pub fn is_vacuous(&self) -> bool {
        let all: u64 = self.verdicts.iter().sum();
        self.count(Verdict::NotApplicable) == all
    }

    /// 0, 1, 2 or 3: 2 wins over 1, 1 wins over 3.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match () {
            () if self.broken > 0 || self.unwritten > 0 || self.refused || self.is_vacuous() => 2,
            () if self.failed => 1,
            () if self.undecided => 3,
            () => 0,
        }
    }
}
