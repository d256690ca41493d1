//! Changing a policy rule by rule, to find out whether its tests would notice.

use super::run::{aspects, results};
use super::{Suite, SuiteRun};
use crate::audit::RuleResult;
use crate::policy::index::PortIndex;
use crate::policy::{Action, Condition, Policy, Reach, UNLISTED, WaiverLimits};
use crate::source::{SourceMap, Span};

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
        let mut add = |change: String, noticed: Vec<usize>| {
            mutants.push(Mutant { rule: id.clone(), at, change, noticed });
        };
        if !matches!(rule.action, Action::Allow) || policy.unlisted.is_some() {
            add("it is removed".to_owned(), without(policy, index, suite, base));
        }
        let Some(mut alone) = Alone::take(policy, index) else { continue };
        alone.flip(index, suite, base, &mut add);
        alone.put_back(policy, index);
    }
    if let Some(unlisted) = policy.unlisted {
        let told = |result: &RuleResult| aspects(result).contains(&true);
        let tests = base.results.iter().enumerate();
        let noticed = tests.filter(|(_, before)| before.results.last().is_some_and(told));
        mutants.push(Mutant {
            rule: UNLISTED.to_owned(),
            at: unlisted.at,
            change: "it is set to `ignore`".to_owned(),
            noticed: noticed.map(|(index, _)| index).collect(),
        });
    }
    mutants
}

/// The tests that come to something else without a rule: those that tell something of it, and those
/// in which a listener is unlisted then.
fn without(policy: &mut Policy, index: usize, suite: &Suite, base: &SuiteRun) -> Vec<usize> {
    let of_rule = |number: &usize| base.results.get(*number)?.results.get(index);
    let (mut noticed, others): (Vec<usize>, Vec<usize>) = (0..suite.tests.len())
        .partition(|number| of_rule(number).is_some_and(|result| aspects(result).contains(&true)));
    let matched =
        |number: &usize| of_rule(number).is_some_and(|result| result.matched + result.possible > 0);
    let others: Vec<usize> = others.into_iter().filter(matched).collect();
    if policy.unlisted.is_none() || others.is_empty() {
        return noticed;
    }
    let rule = policy.rules.remove(index);
    policy.index = PortIndex::new(&policy.rules);
    let unlisted = |results: &[RuleResult]| results.last().map(aspects);
    noticed.extend(others.into_iter().filter(|&number| {
        let before = base.results.get(number).and_then(|before| unlisted(&before.results));
        suite.tests.get(number).is_some_and(|test| unlisted(&results(policy, test)) != before)
    }));
    policy.rules.insert(index, rule);
    policy.index = PortIndex::new(&policy.rules);
    noticed.sort_unstable();
    noticed
}

/// A policy of one rule, taken out of its policy: rules are independent, so that what becomes of one
/// is found without asking the others.
struct Alone(Policy);

impl Alone {
    fn take(policy: &mut Policy, index: usize) -> Option<Self> {
        if index >= policy.rules.len() {
            return None;
        }
        let rules = vec![policy.rules.swap_remove(index)];
        Some(Self(Policy {
            name: String::new(),
            descriptions: Vec::new(),
            index: PortIndex::new(&rules),
            rules,
            unlisted: None,
            unlisted_reach: Reach::default(),
            files: Vec::new(),
            waivers: std::mem::take(&mut policy.waivers),
            waiver_limits: WaiverLimits::default(),
            disabled: Vec::new(),
            sources: SourceMap::default(),
        }))
    }

    fn put_back(mut self, policy: &mut Policy, index: usize) {
        policy.rules.append(&mut self.0.rules);
        // The last rule took its place meanwhile.
        let last = policy.rules.len().saturating_sub(1);
        if index < last {
            policy.rules.swap(index, last);
        }
        policy.waivers = self.0.waivers;
    }

    /// Turns round what the rule asks, in every way that fits its action.
    fn flip(
        &mut self,
        index: usize,
        suite: &Suite,
        base: &SuiteRun,
        add: &mut dyn FnMut(String, Vec<usize>),
    ) {
        match self.set(Action::Allow) {
            Some(Action::Require(condition)) => {
                self.set(Action::Require(Condition::Not(Box::new(condition))));
                add("it requires the contrary".to_owned(), self.noticed(index, suite, base));
                // The condition went into its negation, and comes out of it again.
                if let Some(Action::Require(Condition::Not(condition))) = self.set(Action::Allow) {
                    self.set(Action::Require(*condition));
                }
            }
            Some(Action::Forbid) => {
                add("`forbid` becomes `allow`".to_owned(), self.noticed(index, suite, base));
                self.set(Action::Forbid);
            }
            Some(Action::Expect { min, max }) => {
                for (min, max, change) in other_counts(min, max) {
                    self.set(Action::Expect { min, max });
                    add(change, self.noticed(index, suite, base));
                }
                self.set(Action::Expect { min, max });
            }
            Some(Action::Allow) => {
                self.set(Action::Forbid);
                add("`allow` becomes `forbid`".to_owned(), self.noticed(index, suite, base));
                self.set(Action::Allow);
            }
            None => {}
        }
    }

    /// Gives the rule another action; says which one it had.
    fn set(&mut self, action: Action) -> Option<Action> {
        let rule = self.0.rules.first_mut()?;
        Some(std::mem::replace(&mut rule.action, action))
    }

    /// The tests in which something else becomes of the rule than without a change.
    fn noticed(&self, index: usize, suite: &Suite, base: &SuiteRun) -> Vec<usize> {
        let tests = suite.tests.iter().zip(&base.results).enumerate();
        let differs = tests.filter(|(_, (test, before))| {
            let now = results(&self.0, test).first().map(aspects);
            now != before.results.get(index).map(aspects)
        });
        differs.map(|(number, _)| number).collect()
    }
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
