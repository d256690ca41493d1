//! Waivers over verdicts.

use jiff::Timestamp;

use super::{RuleResult, Verdict, Violation};
use crate::policy::{Facts, Policy, Waiver};
use crate::snapshot::{Grade, Snapshot};
use crate::truth::Truth;

/// Marks the violations that a waiver accepts at `now`, and those that an expired one did; a rule all
/// of whose violations are waived comes to [`Verdict::Waived`], unless more could not be decided.
/// Says for each waiver of the policy whether it matched a violation.
///
/// A waiver whose `match` is unknown of a socket waives nothing.
pub fn waive(
    policy: &Policy,
    snapshot: &Snapshot,
    grade: Grade,
    now: Timestamp,
    results: &mut [RuleResult],
) -> Vec<bool> {
    let mut used = vec![false; policy.waivers.len()];
    let facts = Facts { snapshot, grade };
    for result in results.iter_mut().filter(|result| !result.violations.is_empty()) {
        let about: Vec<(usize, &Waiver)> = policy
            .waivers
            .iter()
            .enumerate()
            .filter(|(_, waiver)| match result.rule.rule(policy) {
                Some(rule) => waiver.is_about(rule),
                None => waiver.rules.is_match(crate::policy::UNLISTED),
            })
            .collect();
        if about.is_empty() {
            continue;
        }
        for violation in &mut result.violations {
            for &(index, waiver) in &about {
                if !covers(waiver, violation, &facts) {
                    continue;
                }
                if let Some(used) = used.get_mut(index) {
                    *used = true;
                }
                if waiver.expires.is_past(now) {
                    violation.expired = Some(index);
                } else {
                    violation.waiver = Some(index);
                    break;
                }
            }
        }
        if result.violations.iter().all(|violation| violation.waiver.is_some()) {
            result.verdict = match result.undecided.is_empty() {
                true => Verdict::Waived,
                false => Verdict::Unknown,
            };
        }
    }
    used
}

/// Whether a waiver's `match` is surely true of what violates: of the socket, or of the host when too
/// few listeners match.
fn covers(waiver: &Waiver, violation: &Violation, facts: &Facts<'_>) -> bool {
    let truth = match violation.socket.and_then(|index| facts.snapshot.sockets().get(index)) {
        Some(socket) => waiver.matches.holds(socket, facts),
        None => waiver.matches.of_host(facts),
    };
    truth == Truth::Yes
}
