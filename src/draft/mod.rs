//! From evidence to a first policy: `socklint init`.
//!
//! [`draft`] is a pure function from snapshots to the text of a policy. Under that policy the evidence
//! passes and nothing is unknown, as far as the evidence covers anything; every other listener is
//! rejected. Rules use the facts only that the evidence has (`pin`); sockets of one service share an
//! entry (`entry`); the text is for people to go on with (`write`).

mod entry;
mod pin;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::audit::{Verdict, audit};
use crate::policy::{self, Action, Policy};
use crate::snapshot::{Cell, Family, Grade, Snapshot, Transport};
use crate::source::SourceFile;

/// A policy that was drafted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The policy, in TOML.
    pub text: String,
    /// What the evidence comes to under it: pass; unknown where the evidence covers too little; fail
    /// and not-applicable never.
    pub verdict: Verdict,
}

/// Drafts one policy that fits all of `snapshots`.
#[must_use]
pub fn draft(snapshots: &[&Snapshot]) -> Draft {
    let coverage = Coverage::of(snapshots);
    let mut entries = entry::entries(snapshots);
    let mut text = write::policy(snapshots, &entries, &coverage);
    // How many sockets a counted rule matches is asked of the audit itself: other sockets than those of
    // its entry may match, and some only may.
    if entries.iter().any(|entry| entry.is_counted(&coverage))
        && let Some(policy) = load(&text)
    {
        let most = counts(&policy, snapshots);
        for entry in &mut entries {
            entry.most = most.get(entry.id.as_str()).copied().unwrap_or(1);
        }
        text = write::policy(snapshots, &entries, &coverage);
    }
    let verdict = load(&text).map_or(Verdict::Unknown, |policy| verdict(&policy, snapshots));
    Draft { text, verdict }
}

/// Compiles a draft.
fn load(text: &str) -> Option<Policy> {
    policy::load(vec![Arc::new(SourceFile::new("draft.toml", text))]).policy
}

/// The most listeners that each `expect` rule may match on a host.
fn counts(policy: &Policy, snapshots: &[&Snapshot]) -> BTreeMap<String, u64> {
    let mut most = BTreeMap::new();
    for snapshot in snapshots {
        for result in audit(policy, snapshot, Grade::Presumed) {
            let Some(rule) = result.rule.rule(policy) else { continue };
            if matches!(rule.action, Action::Expect { .. }) {
                let known = most.entry(rule.id.clone()).or_insert(1);
                *known = (*known).max(result.matched + result.possible);
            }
        }
    }
    most
}

/// The worst verdict of all rules on all hosts.
fn verdict(policy: &Policy, snapshots: &[&Snapshot]) -> Verdict {
    let mut worst = Verdict::Pass;
    for snapshot in snapshots {
        for result in audit(policy, snapshot, Grade::Presumed) {
            worst = match (worst, result.verdict) {
                (Verdict::Fail, _) | (_, Verdict::Fail) => Verdict::Fail,
                (Verdict::Unknown, _) | (_, Verdict::Unknown) => Verdict::Unknown,
                (known, _) => known,
            };
        }
    }
    worst
}

/// Of which socket tables a policy can say that no other listener is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Covered {
    /// The tables of both families.
    Whole,
    /// The IPv6 table alone. The IPv4 table alone is of no use: an IPv6 socket may accept IPv4.
    Ipv6,
    /// None.
    No,
}

/// What all snapshots cover.
#[derive(Debug)]
struct Coverage([Covered; 6]);

impl Coverage {
    fn of(snapshots: &[&Snapshot]) -> Self {
        let covers = |transport, family| {
            snapshots.iter().all(|snapshot| {
                !matches!(snapshot.coverage.get(transport, family), Cell::Absent(_))
            })
        };
        Self(Transport::ALL.map(|transport| {
            match (covers(transport, Family::Ipv4), covers(transport, Family::Ipv6)) {
                (true, true) => Covered::Whole,
                (false, true) => Covered::Ipv6,
                (_, false) => Covered::No,
            }
        }))
    }

    fn get(&self, transport: Transport) -> Covered {
        self.0.get(transport as usize).copied().unwrap_or(Covered::No)
    }

    /// Whether `unlisted` can be decided.
    fn is_whole(&self) -> bool {
        [Transport::Tcp, Transport::Udp]
            .into_iter()
            .all(|transport| self.get(transport) == Covered::Whole)
    }

    /// Whether nothing can be said to be all there.
    fn is_nothing(&self) -> bool {
        self.0.iter().all(|&covered| covered == Covered::No)
    }
}

#[cfg(test)]
mod tests;
