//! What a policy says of one endpoint, rule by rule and key by key.

use jiff::Timestamp;

use super::{Binder, Endpoint};
use crate::audit::{self, RuleRef, RuleResult, Verdict};
use crate::policy::{Action, Condition, Facts, Policy, Rule};
use crate::safe;
use crate::snapshot::{Grade, Snapshot, Socket};
use crate::source::Span;
use crate::truth::{Missing, MissingSet, Truth};

/// One line of the way to a verdict: a key of a condition, or what joins keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// How deep it is nested in `not` and `any`.
    pub depth: usize,
    /// Whether it is so of the endpoint.
    pub truth: Truth,
    /// What is asked, as the policy writes it where that fits a line; made safe.
    pub text: String,
    /// What the endpoint is instead, where it is not so; made safe.
    pub instead: Option<String>,
    /// The key and its value in the policy.
    pub at: Option<Span>,
}

/// What a rule comes to for the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The rule is violated.
    Violates,
    /// The rule is violated and a waiver accepts it.
    Waived,
    /// Whether the rule is violated depends on what was not said.
    MayViolate,
    /// The rule is about the endpoint, and satisfied.
    Satisfies,
    /// The endpoint is approved.
    Approved,
    /// Whether the endpoint is approved depends on what was not said.
    MayBeApproved,
    /// The endpoint counts for an `expect`.
    Counts,
    /// Whether the endpoint counts depends on what was not said.
    MayCount,
    /// The rule is not about such an endpoint.
    NotAbout,
    /// The rule is for other hosts.
    OtherHost,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 10] = [
        Self::Violates,
        Self::Waived,
        Self::MayViolate,
        Self::Satisfies,
        Self::Approved,
        Self::MayBeApproved,
        Self::Counts,
        Self::MayCount,
        Self::NotAbout,
        Self::OtherHost,
    ];

    /// The name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Violates => "violates",
            Self::Waived => "waived",
            Self::MayViolate => "may-violate",
            Self::Satisfies => "satisfies",
            Self::Approved => "approved",
            Self::MayBeApproved => "may-be-approved",
            Self::Counts => "counts",
            Self::MayCount => "may-count",
            Self::NotAbout => "not-about",
            Self::OtherHost => "other-host",
        }
    }

    /// Whether the rule has nothing to do with the endpoint.
    #[must_use]
    pub fn is_elsewhere(self) -> bool {
        matches!(self, Self::NotAbout | Self::OtherHost)
    }
}

/// One rule, judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct What {
    /// The rule, by its index in the policy.
    pub rule: usize,
    /// What it comes to.
    pub outcome: Outcome,
    /// The waiver that accepts a violation, by its index in the policy.
    pub waiver: Option<usize>,
    /// The keys of `match`.
    pub matches: Vec<Step>,
    /// The keys of `require`, where the rule has one.
    pub require: Vec<Step>,
    /// What would decide.
    pub missing: MissingSet,
}

/// What a policy says of an endpoint.
#[derive(Debug)]
pub struct Judged {
    /// The endpoint, normalised: `tcp/0.0.0.0:5432`.
    pub endpoint: String,
    /// The snapshot that was judged: one socket.
    pub snapshot: Snapshot,
    /// Every rule, in the order of the policy.
    pub rules: Vec<What>,
    /// Whether any rule speaks of it.
    pub listed: Truth,
    /// Whether `unlisted` catches it; `None` where the policy has none. [`Outcome::Satisfies`] when
    /// a rule speaks of it, [`Outcome::OtherHost`] when it is for other hosts.
    pub unlisted: Option<Outcome>,
    /// What would decide whether `unlisted` catches it.
    pub unlisted_missing: MissingSet,
    /// The waiver of `unlisted`.
    pub unlisted_waiver: Option<usize>,
}

impl Judged {
    /// The worst that any rule or `unlisted` comes to; `None` when nothing objects.
    #[must_use]
    pub fn worst(&self) -> Option<Outcome> {
        let outcomes = self.rules.iter().map(|what| what.outcome).chain(self.unlisted);
        outcomes.filter(|outcome| *outcome <= Outcome::MayViolate).min()
    }

    /// Everything that would decide, of the rules that are open.
    #[must_use]
    pub fn missing(&self) -> MissingSet {
        self.rules.iter().map(|what| what.missing).fold(self.unlisted_missing, MissingSet::union)
    }
}

/// Judges an endpoint as if it were the only listener of a host; waivers are judged by `now`.
///
/// The verdicts are those of [`audit::audit`] on that host, so that this can never say anything else.
#[must_use]
pub fn judge(policy: &Policy, endpoint: &Endpoint, binder: &Binder, now: Timestamp) -> Judged {
    let snapshot = binder.snapshot(endpoint);
    let mut results = audit::audit(policy, &snapshot, Grade::Presumed);
    audit::waive(policy, &snapshot, Grade::Presumed, now, &mut results);
    let facts = Facts { snapshot: &snapshot, grade: Grade::Presumed };
    let mut rules = Vec::new();
    let mut listed = Truth::No;
    let mut unlisted = None;
    let mut unlisted_waiver = None;
    let mut unlisted_missing = MissingSet::NONE;
    for result in &results {
        let socket_is = matched(result);
        match (result.rule, result.rule.rule(policy)) {
            (RuleRef::Rule(index), Some(rule)) => {
                listed = listed.or(socket_is);
                rules.extend(
                    snapshot
                        .sockets()
                        .first()
                        .map(|socket| what(index, rule, result, socket, policy, &facts)),
                );
            }
            _ => {
                unlisted_waiver = waiver(result);
                unlisted = Some(match () {
                    () if unlisted_waiver.is_some() => Outcome::Waived,
                    () if !result.violations.is_empty() => Outcome::Violates,
                    () if !result.undecided.is_empty() => Outcome::MayViolate,
                    () if result.verdict == Verdict::NotApplicable => Outcome::OtherHost,
                    () => Outcome::Satisfies,
                });
                if unlisted == Some(Outcome::MayViolate) {
                    unlisted_missing = result.undecided.facts;
                }
            }
        }
    }
    let text =
        snapshot.sockets().first().map_or_else(String::new, |socket| snapshot.endpoint(socket));
    let endpoint = format!("{}/{text}", endpoint.transport.name());
    Judged { endpoint, rules, listed, unlisted, unlisted_missing, unlisted_waiver, snapshot }
}

/// Whether the rule's `match` is true of the only socket.
fn matched(result: &RuleResult) -> Truth {
    match (result.matched, result.possible) {
        (0, 0) => Truth::No,
        (0, _) => Truth::Unknown(MissingSet::NONE),
        _ => Truth::Yes,
    }
}

fn waiver(result: &RuleResult) -> Option<usize> {
    let violation = result.violations.iter().find(|violation| violation.socket.is_some())?;
    violation.waiver
}

fn what(
    index: usize,
    rule: &Rule,
    result: &RuleResult,
    socket: &Socket,
    policy: &Policy,
    facts: &Facts<'_>,
) -> What {
    let is = matched(result);
    let violated = result.violations.iter().any(|violation| violation.socket.is_some());
    let waiver = waiver(result);
    let outcome = match &rule.action {
        _ if result.verdict == Verdict::NotApplicable => Outcome::OtherHost,
        _ if is == Truth::No => Outcome::NotAbout,
        _ if waiver.is_some() => Outcome::Waived,
        _ if violated => Outcome::Violates,
        Action::Require(_) | Action::Forbid if !result.undecided.facts.is_empty() => {
            Outcome::MayViolate
        }
        Action::Require(_) | Action::Forbid => Outcome::Satisfies,
        Action::Expect { max: Some(0), .. } => Outcome::MayViolate,
        Action::Expect { .. } if is == Truth::Yes => Outcome::Counts,
        Action::Expect { .. } => Outcome::MayCount,
        Action::Allow if is == Truth::Yes => Outcome::Approved,
        Action::Allow => Outcome::MayBeApproved,
    };
    let walk = |condition: &Condition| {
        let mut walker = Walker { policy, socket, facts, steps: Vec::new() };
        walker.condition(condition, 0);
        walker.steps
    };
    let require = match &rule.action {
        Action::Require(condition) if !outcome.is_elsewhere() => walk(condition),
        Action::Require(_) | Action::Forbid | Action::Expect { .. } | Action::Allow => Vec::new(),
    };
    let mut missing = MissingSet::NONE;
    if matches!(outcome, Outcome::MayViolate | Outcome::MayBeApproved | Outcome::MayCount) {
        let whole = match &rule.action {
            Action::Require(condition) => {
                rule.matches.holds(socket, facts).and(!condition.holds(socket, facts))
            }
            Action::Forbid | Action::Expect { .. } | Action::Allow => {
                rule.matches.holds(socket, facts)
            }
        };
        for truth in [audit::applies(rule, facts), whole] {
            if let Truth::Unknown(facts) = truth {
                missing = missing.union(facts);
            }
        }
    }
    What { rule: index, outcome, waiver, matches: walk(&rule.matches), require, missing }
}

struct Walker<'a> {
    policy: &'a Policy,
    socket: &'a Socket,
    facts: &'a Facts<'a>,
    steps: Vec<Step>,
}

impl Walker<'_> {
    fn condition(&mut self, condition: &Condition, depth: usize) {
        match condition {
            Condition::All(all) if depth == 0 => all.iter().for_each(|part| self.part(part, depth)),
            condition => self.part(condition, depth),
        }
    }

    fn part(&mut self, condition: &Condition, depth: usize) {
        let truth = condition.holds(self.socket, self.facts);
        let mut joined = |words: &str, inner: &[&Condition]| {
            let step = Step { depth, truth, text: words.to_owned(), instead: None, at: None };
            self.steps.push(step);
            inner.iter().for_each(|part| self.part(part, depth + 1));
        };
        match condition {
            Condition::Any(any) => joined("any of", &any.iter().collect::<Vec<_>>()),
            Condition::All(all) => match all.as_slice() {
                [only] => self.part(only, depth),
                all => joined("all of", &all.iter().collect::<Vec<_>>()),
            },
            Condition::Not(inner) => joined("not", &[inner]),
            Condition::Test { key, test, at } => {
                let written = self.policy.sources.slice(*at);
                let text = match written.contains('=') && !written.contains('\n') {
                    true => safe::line(written).into_owned(),
                    false => format!("{key}: {}", safe::line(&test.phrase())),
                };
                let instead = (truth == Truth::No).then(|| test.instead(self.socket, self.facts));
                self.steps.push(Step { depth, truth, text, instead, at: Some(*at) });
            }
        }
    }
}

/// What an open verdict depends on, as a clause, and the option that says it.
#[must_use]
pub fn depends(missing: Missing) -> (&'static str, &'static str) {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "an endpoint that is written out lacks nothing else"
    )]
    match missing {
        Missing::OwnerNotShown | Missing::OwnerHidden => {
            ("which process holds the socket", "`--process NAME`")
        }
        Missing::ExeNotShown => ("the executable of the process", "`--exe PATH`"),
        Missing::UserNotShown => ("the user that the socket belongs to", "`--user NAME`"),
        Missing::UserName | Missing::UserNumber => {
            ("both the name and the number of the user", "`--user NAME --user NUMBER`")
        }
        Missing::CgroupNotShown => (
            "the unit, container or control group of the socket",
            "`--unit NAME`, `--container NAME`",
        ),
        Missing::DualStack => (
            "whether the IPv6 wildcard also accepts IPv4",
            "`*` in place of `[::]` when it does, `--v6only` when not",
        ),
        Missing::InterfaceAddresses | Missing::DeviceNotShown => {
            ("the interface that owns the address", "`--interface DEVICE`")
        }
        Missing::HostName => ("the name of the host", "`--host NAME`"),
        Missing::Label => ("a label of the host", "`--label KEY=VALUE`"),
        other => (other.what(), other.cure()),
    }
}
