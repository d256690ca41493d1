//! Judging the evidence of tests.

use std::collections::BTreeSet;

use super::{Aspect, Suite, TestCase};
use crate::audit::{RuleResult, Verdict, audit, waive};
use crate::policy::{Action, Policy, UNLISTED};
use crate::snapshot::Grade;
use crate::source::Span;

/// What is presumed counts, as it does for `check` when nothing else is asked for.
pub(super) const GRADE: Grade = Grade::Presumed;

/// Rules that a test names and that are not so, and the other way round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The key.
    pub aspect: Aspect,
    /// Named, and not so.
    pub missing: Vec<String>,
    /// So, and not named.
    pub unexpected: Vec<String>,
}

/// What a test came to.
#[derive(Debug, Clone)]
pub struct TestResult {
    /// Where the evidence comes to something else than the test says; empty when the test passes.
    pub differences: Vec<Difference>,
    /// A result for every rule of the policy.
    pub results: Vec<RuleResult>,
}

impl TestResult {
    /// Whether everything is as the test says.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.differences.is_empty()
    }
}

/// How often the tests make a rule fail and pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleUse {
    /// Its id.
    pub id: String,
    /// Its place in the policy.
    pub at: Span,
    /// Tests in which it has a violation, waived or not.
    pub fails: usize,
    /// Tests in which it passes and has something to say: a listener matches a `require` or `allow`
    /// (any listener is there, for `unlisted`).
    pub passes: usize,
    /// Whether it can fail: `allow` asks nothing.
    pub can_fail: bool,
}

impl RuleUse {
    /// Whether no test makes it fail although it can.
    #[must_use]
    pub fn never_fails(&self) -> bool {
        self.can_fail && self.fails == 0
    }

    /// Whether no test makes it pass.
    #[must_use]
    pub fn never_passes(&self) -> bool {
        self.passes == 0
    }
}

/// What the tests of a policy came to.
#[derive(Debug, Clone)]
pub struct SuiteRun {
    /// In the order of the tests.
    pub results: Vec<TestResult>,
    /// The policy's own rules, in its order; inherited ones are tested where they are written.
    pub rules: Vec<RuleUse>,
}

impl SuiteRun {
    /// How many tests failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.results.iter().filter(|result| !result.passed()).count()
    }

    /// How many rules lack a test that makes them fail, or one that makes them pass.
    #[must_use]
    pub fn uncovered(&self) -> usize {
        self.rules.iter().filter(|rule| rule.never_fails() || rule.never_passes()).count()
    }
}

/// Judges the evidence of every test.
#[must_use]
pub fn run(policy: &Policy, suite: &Suite) -> SuiteRun {
    let results: Vec<TestResult> = suite.tests.iter().map(|test| judge(policy, test)).collect();
    let mut rules: Vec<RuleUse> = Vec::new();
    for (index, rule) in
        policy.rules.iter().enumerate().filter(|(_, rule)| rule.id == rule.local_id)
    {
        let speaks = |result: &RuleResult| match &rule.action {
            Action::Require(_) | Action::Allow => result.matched > 0,
            Action::Forbid | Action::Expect { .. } => true,
        };
        let of_rule: Vec<&RuleResult> =
            results.iter().filter_map(|result| result.results.get(index)).collect();
        rules.push(RuleUse {
            id: rule.id.clone(),
            at: rule.at,
            fails: of_rule.iter().filter(|result| !result.violations.is_empty()).count(),
            passes: of_rule
                .iter()
                .filter(|result| result.verdict == Verdict::Pass && speaks(result))
                .count(),
            can_fail: !matches!(rule.action, Action::Allow),
        });
    }
    if let Some(unlisted) = policy.unlisted {
        let all = || {
            suite
                .tests
                .iter()
                .zip(&results)
                .filter_map(|(test, result)| Some((test, result.results.last()?)))
        };
        let passes = |(test, result): &(&TestCase, &RuleResult)| {
            result.verdict == Verdict::Pass && !test.snapshot.sockets().is_empty()
        };
        rules.push(RuleUse {
            id: UNLISTED.to_owned(),
            at: unlisted.at,
            fails: all().filter(|(_, result)| !result.violations.is_empty()).count(),
            passes: all().filter(passes).count(),
            can_fail: true,
        });
    }
    SuiteRun { results, rules }
}

/// A result for every rule, waivers applied.
pub(super) fn results(policy: &Policy, test: &TestCase) -> Vec<RuleResult> {
    let mut results = audit(policy, &test.snapshot, GRADE);
    waive(policy, &test.snapshot, GRADE, test.now, &mut results);
    results
}

/// Judges the evidence of a test.
fn judge(policy: &Policy, test: &TestCase) -> TestResult {
    let results = results(policy, test);
    let differences =
        Aspect::ALL.into_iter().zip(&test.expected).filter_map(|(aspect, expected)| {
            let so: BTreeSet<&str> = results
                .iter()
                .filter(|result| is_so(aspect, result))
                .map(|result| result.rule.id(policy))
                .collect();
            let named: BTreeSet<&str> = expected.ids.iter().map(String::as_str).collect();
            let only = |these: &BTreeSet<&str>, others: &BTreeSet<&str>| -> Vec<String> {
                these.difference(others).map(|id| (*id).to_owned()).collect()
            };
            let (missing, unexpected) = (only(&named, &so), only(&so, &named));
            (!missing.is_empty() || !unexpected.is_empty()).then_some(Difference {
                aspect,
                missing,
                unexpected,
            })
        });
    let differences = differences.collect();
    TestResult { differences, results }
}

/// Under which keys of a test a result belongs, by [`Aspect::ALL`].
pub(super) fn aspects(result: &RuleResult) -> [bool; 3] {
    Aspect::ALL.map(|aspect| is_so(aspect, result))
}

/// Whether a result belongs under a key of a test.
fn is_so(aspect: Aspect, result: &RuleResult) -> bool {
    let waived = |wanted: bool| {
        result.violations.iter().any(|violation| violation.waiver.is_some() == wanted)
    };
    match aspect {
        Aspect::Violates => waived(false),
        Aspect::Unknown => result.verdict == Verdict::Unknown,
        Aspect::Waived => waived(true),
    }
}
