//! The result of tests for people.

use super::run::GRADE;
use super::{
    Aspect, Difference, Mutant, RuleUse, Suite, SuiteFinding, SuiteRun, TestCase, TestResult,
};
use crate::audit::{RuleResult, Verdict, Violation, label, message, missed, requirement};
use crate::policy::{Action, Facts, Policy};
use crate::report::diagnostic::{Level, Shown};
use crate::safe;
use crate::style::Style;

/// How many places a diagnostic shows.
const PLACES: usize = 8;

/// Puts the results of one policy into words.
#[derive(Debug, Clone, Copy)]
pub struct Human<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// Its tests.
    pub suite: &'a Suite,
    /// What they came to.
    pub run: &'a SuiteRun,
    /// What became of changes, when they were tried.
    pub mutants: Option<&'a [Mutant]>,
    /// `--strict`: warnings are errors.
    pub strict: bool,
    /// Width and colour.
    pub style: Style,
}

impl Human<'_> {
    /// Every diagnostic: failed tests, rules that are not covered, changes that are not noticed.
    #[must_use]
    pub fn diagnostics(&self) -> Vec<Shown> {
        let mut shown = Vec::new();
        for (test, result) in self.suite.tests.iter().zip(&self.run.results) {
            let differences = result.differences.iter();
            shown.extend(differences.map(|difference| self.failed(test, result, difference)));
        }
        for rule in &self.run.rules {
            shown.extend(self.uncovered(rule));
        }
        let unnoticed =
            self.mutants.unwrap_or_default().iter().filter(|mutant| mutant.noticed.is_empty());
        shown.extend(unnoticed.map(|mutant| self.unnoticed(mutant)));
        shown
    }

    /// One line with the counts, without a line end.
    #[must_use]
    pub fn summary(&self) -> String {
        let count = |count: usize, one: &str, many: &str| {
            format!("{count} {}", if count == 1 { one } else { many })
        };
        let (tests, failed) = (self.run.results.len(), self.run.failed());
        let mut line = format!("{}: ", safe::line(&self.policy.name));
        line.push_str(&match failed {
            0 => format!("{} passed", count(tests, "test", "tests")),
            failed => format!("{failed} of {} failed", count(tests, "test", "tests")),
        });
        line.push_str(&format!(", {}", count(self.run.rules.len(), "rule", "rules")));
        match self.run.uncovered() {
            0 => line.push_str(" covered"),
            uncovered => line.push_str(&format!(", {uncovered} of them not covered")),
        }
        if let Some(mutants) = self.mutants {
            let unnoticed = mutants.iter().filter(|mutant| mutant.noticed.is_empty()).count();
            line.push_str(&format!(", {} tried", count(mutants.len(), "change", "changes")));
            match unnoticed {
                0 => line.push_str(" and noticed"),
                unnoticed => line.push_str(&format!(", {unnoticed} not noticed")),
            }
        }
        line
    }

    /// Every test with what it came to, for `--verbose`.
    #[must_use]
    pub fn tests(&self) -> String {
        let mut text = String::new();
        for (test, result) in self.suite.tests.iter().zip(&self.run.results) {
            let word = if result.passed() { "pass" } else { "FAIL" };
            text.push_str(&format!("  {word}  {}\n", safe::line(&test.name)));
        }
        text
    }

    fn failed(&self, test: &TestCase, result: &TestResult, difference: &Difference) -> Shown {
        let key = difference.aspect.key();
        let mut parts = Vec::new();
        if !difference.missing.is_empty() {
            parts.push(format!("{} {}", list(&difference.missing), is(difference, false)));
        }
        if !difference.unexpected.is_empty() {
            parts.push(format!("{} {}", list(&difference.unexpected), is(difference, true)));
        }
        let expected =
            test.expected.get(difference.aspect as usize).and_then(|expected| expected.at);
        let label = match expected {
            Some(_) => "exactly these are expected".to_owned(),
            None => format!("the test names none under `{key}`"),
        };
        let message = format!("test `{}` fails: {}", test.name, parts.join("; "));
        let mut shown = Shown::new(Level::Error, message).code(SuiteFinding::Failed.code()).at(
            &self.suite.sources,
            Some(expected.unwrap_or(test.at)),
            label,
            self.style,
        );
        let of = |id: &String| {
            result.results.iter().find(|result| result.rule.id(self.policy) == id.as_str())
        };
        let missing = difference.missing.iter().filter_map(of);
        shown.related.extend(missing.map(|result| self.instead(result)));
        for result in difference.unexpected.iter().filter_map(of) {
            shown.related.extend(self.reasons(test, result, difference.aspect));
        }
        let more = shown.related.len().saturating_sub(PLACES);
        if more > 0 {
            shown.related.truncate(PLACES);
            shown.related.push(Shown::new(Level::Note, format!("and {more} more")));
        }
        shown
    }

    /// What a rule came to that was expected to come to something else, at the rule.
    fn instead(&self, result: &RuleResult) -> Shown {
        let id = result.rule.id(self.policy);
        let so = match result.verdict {
            Verdict::Pass if result.matched == 0 => {
                "passes: no listener of the evidence matches it".to_owned()
            }
            Verdict::Pass => format!("passes; it matches {}", listeners(result.matched)),
            Verdict::Fail => "is violated".to_owned(),
            Verdict::Unknown => format!("is unknown: {}", why_unknown(result)),
            Verdict::Waived => "is violated, and waived".to_owned(),
            Verdict::NotApplicable => "is for other hosts".to_owned(),
        };
        let at = result.rule.rule(self.policy).map(|rule| rule.at);
        let at = at.or(self.policy.unlisted.map(|unlisted| unlisted.at));
        let asks = requirement(result.rule, self.policy);
        Shown::new(Level::Note, format!("`{id}` {so}")).at(
            &self.policy.sources,
            at,
            asks,
            self.style,
        )
    }

    /// Why a rule came to what it was not expected to come to, at the evidence.
    fn reasons(&self, test: &TestCase, result: &RuleResult, aspect: Aspect) -> Vec<Shown> {
        let id = result.rule.id(self.policy);
        if aspect == Aspect::Unknown {
            return vec![self.instead(result)];
        }
        let facts = Facts { snapshot: &test.snapshot, grade: GRADE };
        let wanted =
            |violation: &&Violation| violation.waiver.is_some() == (aspect == Aspect::Waived);
        let shown = result.violations.iter().filter(wanted).map(|violation| {
            let message = format!("`{id}`: {}", message(result, violation, self.policy, &facts));
            let note = Shown::new(Level::Note, message);
            let label = label(result, violation, self.policy, &facts);
            match violation.evidence {
                Some(at) => match test.in_file(at) {
                    Some(at) => note.at(&self.suite.sources, Some(at), label, self.style),
                    None => note.at(&test.snapshot.sources, Some(at), label, self.style),
                },
                None => note.at(&self.policy.sources, Some(violation.policy), label, self.style),
            }
        });
        shown.collect()
    }

    fn uncovered(&self, rule: &RuleUse) -> Vec<Shown> {
        let level = if self.strict { Level::Error } else { Level::Warning };
        let compiled = self.policy.rules.iter().find(|known| known.id == rule.id);
        let to_pass = match compiled.map(|rule| &rule.action) {
            Some(Action::Require(_)) => {
                "add a test with a listener that matches the rule and is as it requires"
            }
            Some(Action::Allow) => "add a test with a listener that matches the rule",
            Some(Action::Forbid) => "add a test without a listener that matches the rule",
            Some(Action::Expect { .. }) => "add a test with as many listeners as the rule expects",
            None => "add a test in which every listener is listed by a rule",
        };
        let to_fail = "add a test whose `violates` names the rule";
        let kinds = [
            (rule.never_fails(), SuiteFinding::NeverFails, "fail", to_fail),
            (rule.never_passes(), SuiteFinding::NeverPasses, "pass", to_pass),
        ];
        let told = kinds.into_iter().filter(|(so, ..)| *so).map(|(_, finding, word, help)| {
            Shown::new(level, format!("no test makes the rule `{}` {word}", rule.id))
                .code(finding.code())
                .help(help)
                .at(&self.policy.sources, Some(rule.at), "not covered", self.style)
        });
        told.collect()
    }

    fn unnoticed(&self, mutant: &Mutant) -> Shown {
        let message = format!(
            "no test notices when the rule `{}` is changed: {}",
            mutant.rule, mutant.change
        );
        Shown::new(Level::Error, message)
            .code(SuiteFinding::Unnoticed.code())
            .help("add a test that comes out otherwise then")
            .at(&self.policy.sources, Some(mutant.at), "", self.style)
    }
}

/// `is violated`, `are not unknown`, to follow the rules of a difference.
fn is(difference: &Difference, so: bool) -> String {
    let rules = if so { &difference.unexpected } else { &difference.missing };
    let verb = if rules.len() == 1 { "is" } else { "are" };
    let word = match difference.aspect {
        Aspect::Violates => "violated",
        Aspect::Unknown => "unknown",
        Aspect::Waived => "waived",
    };
    match so {
        true => format!("{verb} {word} and not expected to be"),
        false => format!("{verb} not {word}"),
    }
}

fn list(ids: &[String]) -> String {
    let ids: Vec<String> = ids.iter().map(|id| format!("`{id}`")).collect();
    ids.join(", ")
}

fn listeners(count: u64) -> String {
    format!("{count} {}", if count == 1 { "listener" } else { "listeners" })
}

fn why_unknown(result: &RuleResult) -> String {
    let missed = missed(result).into_iter();
    let reasons: Vec<String> =
        missed.map(|missed| format!("{} ({})", missed.what(), missed.cure())).collect();
    reasons.join("; ")
}
