//! What every JSON document says of controls.

use serde::Serialize;

use super::{Control, Counts, FrameworkTable, Tally};
use crate::audit::Verdict;
use crate::policy::Policy;

/// The controls of a framework that rules name.
#[derive(Debug, Serialize)]
pub struct FrameworkDocument<'a> {
    /// Its name in control ids: `pci-dss-4.0.1`.
    pub framework: &'a str,
    /// Its name for people, or `null`.
    pub title: Option<&'static str>,
    /// Its controls, in the order of their numbers.
    pub controls: Vec<ControlDocument<'a>>,
}

/// A control.
#[derive(Debug, Serialize)]
pub struct ControlDocument<'a> {
    /// Its id in the framework.
    pub id: &'a str,
    /// What it is about, or `null`.
    pub title: Option<&'static str>,
    /// What it comes to: that of the worst of its rules, no better than `unknown` where a host could
    /// not be judged.
    pub verdict: &'static str,
    /// What its rules came to, each on each host.
    pub results: CountsDocument,
    /// The rules that name it.
    pub rules: Vec<ControlRuleDocument<'a>>,
}

/// A rule of a control.
#[derive(Debug, Serialize)]
pub struct ControlRuleDocument<'a> {
    /// Its id.
    pub rule: &'a str,
    /// What it came to on the hosts.
    pub results: CountsDocument,
}

/// How many results came to each verdict.
#[derive(Debug, Serialize)]
pub struct CountsDocument {
    /// Passed.
    pub pass: u64,
    /// Failed.
    pub fail: u64,
    /// Could not be decided.
    pub unknown: u64,
    /// Every violation is waived.
    pub waived: u64,
    /// For other hosts.
    pub not_applicable: u64,
}

impl CountsDocument {
    /// The document of counts.
    #[must_use]
    pub fn new(counts: &Counts) -> Self {
        Self {
            pass: counts.of(Verdict::Pass),
            fail: counts.of(Verdict::Fail),
            unknown: counts.of(Verdict::Unknown),
            waived: counts.of(Verdict::Waived),
            not_applicable: counts.of(Verdict::NotApplicable),
        }
    }
}

/// The documents of a table.
#[must_use]
pub fn documents<'a>(
    tables: &'a [FrameworkTable],
    tally: &Tally,
    policy: &'a Policy,
) -> Vec<FrameworkDocument<'a>> {
    let rule = |index: usize| {
        Some(ControlRuleDocument {
            rule: &policy.rules.get(index)?.id,
            results: CountsDocument::new(&tally.rule(index)),
        })
    };
    let control = |control: &'a Control| ControlDocument {
        id: &control.id,
        title: control.title,
        verdict: control.verdict().name(),
        results: CountsDocument::new(&control.counts),
        rules: control.rules.iter().filter_map(|&index| rule(index)).collect(),
    };
    let framework = |table: &'a FrameworkTable| FrameworkDocument {
        framework: &table.name,
        title: table.title,
        controls: table.controls.iter().map(control).collect(),
    };
    tables.iter().map(framework).collect()
}
