//! The result of tests for machines, schema `socklint/test/1`.

use std::io::{self, Write};

use serde::Serialize;

use super::{Aspect, Mutant, Suite, SuiteRun, TestCase, TestResult};
use crate::policy::Policy;
use crate::safe;
use crate::source::{SourceMap, Span};

/// The value of `schema`.
const SCHEMA: &str = "socklint/test/1";

/// `{"schema", "tool", "policies", "summary"}`; one entry a policy.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    tool: Tool,
    policies: Vec<PolicyDocument<'a>>,
    summary: SummaryDocument,
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

/// A policy with its tests; `mutants` is `null` unless `--mutate` was asked for.
#[derive(Serialize)]
struct PolicyDocument<'a> {
    name: &'a str,
    sources: Vec<&'a str>,
    sha256: String,
    tests: Vec<TestDocument<'a>>,
    rules: Vec<RuleDocument<'a>>,
    mutants: Option<Vec<MutantDocument<'a>>>,
}

/// A test; `differences` is empty when it passed.
#[derive(Serialize)]
struct TestDocument<'a> {
    name: &'a str,
    passed: bool,
    place: Option<PlaceDocument<'a>>,
    differences: Vec<DifferenceDocument<'a>>,
}

/// Rules that the test names under `key` and that are not so, and the other way round.
#[derive(Serialize)]
struct DifferenceDocument<'a> {
    key: &'static str,
    missing: &'a [String],
    unexpected: &'a [String],
    place: Option<PlaceDocument<'a>>,
}

/// In how many tests a rule fails, and in how many it passes with something to say.
#[derive(Serialize)]
struct RuleDocument<'a> {
    rule: &'a str,
    fails: usize,
    passes: usize,
}

/// A change of a rule, and the names of the tests that notice it.
#[derive(Serialize)]
struct MutantDocument<'a> {
    rule: &'a str,
    change: &'a str,
    noticed_by: Vec<&'a str>,
}

/// Line and column are 1-based; columns count Unicode scalar values.
#[derive(Serialize)]
struct PlaceDocument<'a> {
    path: &'a str,
    line: usize,
    column: usize,
}

#[derive(Serialize)]
struct SummaryDocument {
    tests: usize,
    failed: usize,
    rules: usize,
    uncovered: usize,
    unnoticed: Option<usize>,
    exit_code: u8,
}

/// One policy with what its tests came to.
pub type Tested<'a> = (&'a Policy, &'a Suite, &'a SuiteRun, Option<&'a [Mutant]>);

/// Writes the result of all policies, indented, with a line end.
///
/// # Errors
///
/// What `out` says.
pub fn write(out: &mut dyn Write, tested: &[Tested<'_>], exit_code: u8) -> io::Result<()> {
    let mutants: Option<Vec<&[Mutant]>> = tested.iter().map(|(.., mutants)| *mutants).collect();
    let unnoticed = |mutants: Vec<&[Mutant]>| {
        mutants.into_iter().flatten().filter(|mutant| mutant.noticed.is_empty()).count()
    };
    let document = Document {
        schema: SCHEMA,
        tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
        policies: tested.iter().map(policy_document).collect(),
        summary: SummaryDocument {
            tests: tested.iter().map(|(_, suite, ..)| suite.tests.len()).sum(),
            failed: tested.iter().map(|(_, _, run, _)| run.failed()).sum(),
            rules: tested.iter().map(|(_, _, run, _)| run.rules.len()).sum(),
            uncovered: tested.iter().map(|(_, _, run, _)| run.uncovered()).sum(),
            unnoticed: mutants.map(unnoticed),
            exit_code,
        },
    };
    safe::json(out, &document, true)?;
    out.write_all(b"\n")
}

fn policy_document<'a>((policy, suite, run, mutants): &Tested<'a>) -> PolicyDocument<'a> {
    let of_mutant = |mutant: &'a Mutant| MutantDocument {
        rule: &mutant.rule,
        change: &mutant.change,
        noticed_by: mutant
            .noticed
            .iter()
            .filter_map(|&index| Some(suite.tests.get(index)?.name.as_str()))
            .collect(),
    };
    PolicyDocument {
        name: &policy.name,
        sources: policy.sources.files().iter().map(|file| file.name()).collect(),
        sha256: policy.sha256(),
        tests: suite
            .tests
            .iter()
            .zip(&run.results)
            .map(|(test, result)| test_document(suite, test, result))
            .collect(),
        rules: run
            .rules
            .iter()
            .map(|rule| RuleDocument { rule: &rule.id, fails: rule.fails, passes: rule.passes })
            .collect(),
        mutants: mutants.map(|mutants| mutants.iter().map(of_mutant).collect()),
    }
}

fn test_document<'a>(
    suite: &'a Suite,
    test: &'a TestCase,
    result: &'a TestResult,
) -> TestDocument<'a> {
    let key_at = |aspect: Aspect| {
        let expected = test.expected.get(aspect as usize).and_then(|expected| expected.at);
        place(&suite.sources, expected.unwrap_or(test.at))
    };
    TestDocument {
        name: &test.name,
        passed: result.passed(),
        place: place(&suite.sources, test.at),
        differences: result
            .differences
            .iter()
            .map(|difference| DifferenceDocument {
                key: difference.aspect.key(),
                missing: &difference.missing,
                unexpected: &difference.unexpected,
                place: key_at(difference.aspect),
            })
            .collect(),
    }
}

fn place(sources: &SourceMap, span: Span) -> Option<PlaceDocument<'_>> {
    let (path, place) = sources.place(span)?;
    Some(PlaceDocument { path, line: place.line, column: place.column })
}
