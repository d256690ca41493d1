//! `inventory -f json`: schema `socklint/inventory/1`.

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;

use super::{Counts, Inventory, Listed, Register, Standing};
use crate::policy::document::{PolicyDocument, ToolDocument};
use crate::safe;
use crate::snapshot::document::{SocketDocument, SourceDocument, coverage_key};
use crate::style::Style;
use crate::truth::{Missing, Truth};

/// The value of `schema`.
const SCHEMA: &str = "socklint/inventory/1";

/// One document; keys are only ever added.
#[derive(Debug)]
pub(super) struct Json;

/// The whole register.
#[derive(Serialize)]
struct InventoryDocument<'a> {
    schema: &'static str,
    tool: ToolDocument,
    policy: PolicyDocument<'a>,
    /// The moment that reviews and waivers are judged by, RFC 3339 in UTC.
    now: String,
    /// The hosts, in the order of the evidence.
    hosts: Vec<HostDocument<'a>>,
    /// The rules that any host names, in the order of the policy.
    rules: Vec<RuleDocument<'a>>,
    /// All hosts together.
    summary: SummaryDocument,
}

/// A host: its name or `null`, and where the evidence is from.
#[derive(Serialize)]
struct HostDocument<'a> {
    host: Option<&'a str>,
    source: SourceDocument<'a>,
    /// Every listener of the evidence, once, in its order.
    listeners: Vec<ListenerDocument<'a>>,
    /// Rules with `allow`, `require` or `expect` for this host that no listener surely matches.
    unseen: Vec<UnseenDocument<'a>>,
    /// What of TCP and UDP the evidence does not cover, so that listeners may be missing here:
    /// `tcp/ipv4` and so on to the id of the reason.
    uncovered: BTreeMap<String, &'static str>,
    summary: SummaryDocument,
}

/// A listener.
#[derive(Serialize)]
struct ListenerDocument<'a> {
    /// As in `socklint/snapshot/1`.
    socket: SocketDocument<'a>,
    /// `listed`, `perhaps-listed` or `unlisted`.
    state: &'static str,
    /// `fail`, `unknown`, `waived`, `unlisted` (no rule speaks of it and the policy does not mind) or
    /// `pass`.
    verdict: &'static str,
    /// The rules that speak of it; `rules` of the document has what they say.
    rules: Vec<MentionDocument<'a>>,
    /// The waivers that accept its violations.
    waivers: Vec<WaiverDocument<'a>>,
}

/// A rule whose `match` is true of a listener (`yes`) or unknown (`perhaps`), and then for want of
/// `missing`: ids of facts.
#[derive(Serialize)]
struct MentionDocument<'a> {
    rule: &'a str,
    matches: &'static str,
    missing: Vec<&'static str>,
}

#[derive(Serialize)]
struct WaiverDocument<'a> {
    reason: &'a str,
    owner: &'a str,
    expires: &'a str,
    approved_by: Option<&'a str>,
}

/// A rule that no listener surely matches.
#[derive(Serialize)]
struct UnseenDocument<'a> {
    rule: &'a str,
    /// `unseen`; `perhaps-seen` when listeners may match; `not-covered` when the evidence would not
    /// show all of them.
    state: &'static str,
    /// How many listeners may match.
    possible: u64,
    /// What the evidence does not cover: `tcp/ipv4` and so on.
    uncovered: Vec<String>,
}

/// What a rule says; keys that the policy does not have are `null`.
#[derive(Serialize)]
struct RuleDocument<'a> {
    rule: &'a str,
    /// `allow`, `require`, `forbid` or `expect`.
    action: &'static str,
    severity: &'static str,
    summary: &'a str,
    because: Option<&'a str>,
    owner: Option<&'a str>,
    approved_by: Option<&'a str>,
    /// The date or moment, as written.
    review_by: Option<&'a str>,
    /// Whether `review_by` is past.
    overdue: bool,
    controls: &'a [String],
    tags: &'a [String],
    /// How many listeners surely match, on all hosts.
    seen: usize,
}

/// Counts. `listed`, `perhaps_listed` and `unlisted` add up to `listeners`, and so do the verdicts.
#[derive(Serialize)]
struct SummaryDocument {
    listeners: usize,
    listed: usize,
    perhaps_listed: usize,
    unlisted: usize,
    verdicts: VerdictsDocument,
    /// Entries of `unseen`, whatever their state.
    unseen: usize,
}

#[derive(Serialize)]
struct VerdictsDocument {
    fail: usize,
    unknown: usize,
    waived: usize,
    unlisted: usize,
    pass: usize,
}

impl SummaryDocument {
    fn new(counts: &Counts) -> Self {
        let listed =
            |listed: Listed| counts.listed.get(listed as usize).copied().unwrap_or_default();
        let standing = |standing: Standing| {
            counts.standings.get(standing as usize).copied().unwrap_or_default()
        };
        Self {
            listeners: counts.listeners,
            listed: listed(Listed::Yes),
            perhaps_listed: listed(Listed::Perhaps),
            unlisted: listed(Listed::No),
            verdicts: VerdictsDocument {
                fail: standing(Standing::Fail),
                unknown: standing(Standing::Unknown),
                waived: standing(Standing::Waived),
                unlisted: standing(Standing::Unlisted),
                pass: standing(Standing::Pass),
            },
            unseen: counts.unseen,
        }
    }
}

impl Register for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn about(&self) -> &'static str {
        "the register as JSON, for programs"
    }

    fn write(
        &self,
        out: &mut dyn io::Write,
        inventory: &Inventory<'_>,
        _: &Style,
    ) -> io::Result<()> {
        let policy = inventory.policy;
        let document = InventoryDocument {
            schema: SCHEMA,
            tool: ToolDocument::THIS,
            policy: PolicyDocument::new(policy),
            now: inventory.now.to_string(),
            hosts: inventory.hosts.iter().map(|host| host_document(inventory, host)).collect(),
            rules: inventory
                .rules()
                .into_iter()
                .filter_map(|(index, seen)| {
                    let rule = policy.rules.get(index)?;
                    Some(RuleDocument {
                        rule: &rule.id,
                        action: rule.action.name(),
                        severity: rule.severity.name(),
                        summary: &rule.summary,
                        because: rule.because.as_deref(),
                        owner: rule.owner.as_deref(),
                        approved_by: rule.approved_by.as_deref(),
                        review_by: rule.review_by.as_ref().map(|(by, _)| by.text.as_str()),
                        overdue: inventory.is_overdue(rule),
                        controls: &rule.controls,
                        tags: &rule.tags,
                        seen,
                    })
                })
                .collect(),
            summary: SummaryDocument::new(&inventory.counts()),
        };
        safe::json(out, &document, true)?;
        out.write_all(b"\n")
    }
}

fn host_document<'a>(
    inventory: &Inventory<'a>,
    host: &super::HostRegister<'a>,
) -> HostDocument<'a> {
    let (policy, snapshot) = (inventory.policy, host.snapshot);
    let id = |index: usize| policy.rules.get(index).map_or("", |rule| rule.id.as_str());
    let listeners = host.listeners.iter().filter_map(|listener| {
        let socket = snapshot.sockets().get(listener.socket)?;
        let rules = listener.rules.iter().map(|&(index, matches)| MentionDocument {
            rule: id(index),
            matches: if matches == Truth::Yes { "yes" } else { "perhaps" },
            missing: match matches {
                Truth::Unknown(facts) => facts.iter().map(Missing::id).collect(),
                Truth::Yes | Truth::No => Vec::new(),
            },
        });
        let waivers = listener.waivers.iter().filter_map(|&index| policy.waivers.get(index));
        let waivers = waivers.map(|waiver| WaiverDocument {
            reason: &waiver.reason,
            owner: &waiver.owner,
            expires: &waiver.expires.text,
            approved_by: waiver.approved_by.as_deref(),
        });
        Some(ListenerDocument {
            socket: SocketDocument::new(snapshot, socket),
            state: listener.listed().name(),
            verdict: listener.standing.name(),
            rules: rules.collect(),
            waivers: waivers.collect(),
        })
    });
    let listeners = listeners.collect();
    let unseen = host.unseen.iter().map(|unseen| UnseenDocument {
        rule: id(unseen.rule),
        state: unseen.state(),
        possible: unseen.possible,
        uncovered: unseen
            .uncovered
            .iter()
            .map(|&(transport, family, _)| coverage_key(transport, family))
            .collect(),
    });
    let unseen = unseen.collect();
    let mut counts = Counts::default();
    counts.add(host);
    HostDocument {
        host: snapshot.host.name.as_deref(),
        source: SourceDocument::new(snapshot),
        listeners,
        unseen,
        uncovered: host
            .uncovered
            .iter()
            .map(|&(transport, family, reason)| (coverage_key(transport, family), reason.id()))
            .collect(),
        summary: SummaryDocument::new(&counts),
    }
}
