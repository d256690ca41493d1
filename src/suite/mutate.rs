//! Changing a policy rule by rule, to find out whether its tests would notice.

use super::run::judge;
use super::{Suite, SuiteRun};
use crate::policy::index::PortIndex;
use crate::policy::{Action, Condition, Policy, Rule, UNLISTED};
use crate::source::Span;

/// One change of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutant {
    /// The rule that is changed.
    pub rule: String,
    /// Its place in the policy.
    pub at: Span,
    /// What is done to it, to follow "when": `the rule is removed`.
    pub change: String,
    /// The tests, by their places in the suite, that come to something else then.
    pub noticed: Vec<usize>,
}

/// Removes each of the policy's own rules in turn, then turns round what it asks, and says which tests
/// notice; `base` is what the tests come to without a change.
///
/// - `require` asks for the contrary;
/// - `forbid` becomes `allow`;
/// - `expect` asks for fewer than `min` or more than `max`; where both are given, each is dropped in turn;
/// - `allow` becomes `forbid`. Without `unlisted` its removal changes no verdict, so it is not tried.
///
/// The policy is the same afterwards.
pub fn mutate(policy: &mut Policy, suite: &Suite, base: &SuiteRun) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for index in 0..policy.rules.len() {
        let Some(rule) = policy.rules.get(index).filter(|rule| rule.id == rule.local_id) else {
            continue;
        };
        let (id, at) = (rule.id.clone(), rule.at);
        let without_effect = matches!(rule.action, Action::Allow) && policy.unlisted.is_none();
        let mut add = |change: &str, noticed: Vec<usize>| {
            mutants.push(Mutant { rule: id.clone(), at, change: change.to_owned(), noticed });
        };
        if !without_effect {
            let rule = policy.rules.remove(index);
            policy.index = PortIndex::new(&policy.rules);
            add("it is removed", noticed(policy, suite, base));
            policy.rules.insert(index, rule);
            policy.index = PortIndex::new(&policy.rules);
        }
        flip(policy, index, suite, base, &mut add);
    }
    if let Some(unlisted) = policy.unlisted.take() {
        let noticed = noticed(policy, suite, base);
        policy.unlisted = Some(unlisted);
        let change = "it is set to `ignore`".to_owned();
        mutants.push(Mutant { rule: UNLISTED.to_owned(), at: unlisted.at, change, noticed });
    }
    mutants
}

/// Turns round what a rule asks, in every way that fits its action.
fn flip(
    policy: &mut Policy,
    index: usize,
    suite: &Suite,
    base: &SuiteRun,
    add: &mut dyn FnMut(&str, Vec<usize>),
) {
    match set(policy, index, Action::Allow) {
        Some(Action::Require(condition)) => {
            set(policy, index, Action::Require(Condition::Not(Box::new(condition))));
            add("it requires the contrary", noticed(policy, suite, base));
            // The condition went into its negation, and comes out of it again.
            if let Some(Action::Require(Condition::Not(condition))) =
                set(policy, index, Action::Allow)
            {
                set(policy, index, Action::Require(*condition));
            }
        }
        Some(Action::Forbid) => {
            add("`forbid` becomes `allow`", noticed(policy, suite, base));
            set(policy, index, Action::Forbid);
        }
        Some(Action::Expect { min, max }) => {
            for (min, max, change) in other_counts(min, max) {
                set(policy, index, Action::Expect { min, max });
                add(&change, noticed(policy, suite, base));
            }
            set(policy, index, Action::Expect { min, max });
        }
        Some(Action::Allow) => {
            set(policy, index, Action::Forbid);
            add("`allow` becomes `forbid`", noticed(policy, suite, base));
            set(policy, index, Action::Allow);
        }
        None => {}
    }
}

/// Gives a rule another action; says which one it had.
fn set(policy: &mut Policy, index: usize, action: Action) -> Option<Action> {
    let rule: &mut Rule = policy.rules.get_mut(index)?;
    Some(std::mem::replace(&mut rule.action, action))
}

/// What else could be expected.
fn other_counts(min: u64, max: Option<u64>) -> Vec<(u64, Option<u64>, String)> {
    match max {
        None => vec![(0, min.checked_sub(1), format!("it expects fewer than {min}"))],
        Some(max) if min == 0 => {
            vec![(max.saturating_add(1), None, format!("it expects more than {max}"))]
        }
        Some(max) => vec![
            (0, Some(max), format!("`min = {min}` is dropped")),
            (min, None, format!("`max = {max}` is dropped")),
        ],
    }
}

/// The tests that come to something else than without a change.
fn noticed(policy: &Policy, suite: &Suite, base: &SuiteRun) -> Vec<usize> {
    let tests = suite.tests.iter().zip(&base.results).enumerate();
    let differs =
        tests.filter(|(_, (test, before))| judge(policy, test).differences != before.differences);
    differs.map(|(index, _)| index).collect()
}
