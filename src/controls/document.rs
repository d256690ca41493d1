//! What every JSON document says of controls.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Control, Counts, FrameworkTable, Tally, comes_to};
use crate::audit::Verdict;
use crate::policy::Policy;

/// The controls of a framework that rules name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameworkDocument<'a> {
    /// Its name in control ids: `pci-dss-4.0.1`.
    pub framework: Cow<'a, str>,
    /// Its name for people, or `null`.
    pub title: Option<Cow<'a, str>>,
    /// Its controls, in the order of their numbers.
    pub controls: Vec<ControlDocument<'a>>,
}

/// A control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlDocument<'a> {
    /// Its id in the framework.
    pub id: Cow<'a, str>,
    /// What it is about, or `null`.
    pub title: Option<Cow<'a, str>>,
    /// What it comes to: that of the worst of its rules, no better than `unknown` where a host could
    /// not be judged.
    pub verdict: Cow<'a, str>,
    /// What its rules came to, each on each host.
    pub results: CountsDocument,
    /// The rules that name it.
    pub rules: Vec<ControlRuleDocument<'a>>,
}

/// A rule of a control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlRuleDocument<'a> {
    /// Its id.
    pub rule: Cow<'a, str>,
    /// What it came to on the hosts.
    pub results: CountsDocument,
}

/// How many results came to each verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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

impl CountsDocument {
    fn add(&mut self, more: &Self) {
        for (count, more) in [
            (&mut self.pass, more.pass),
            (&mut self.fail, more.fail),
            (&mut self.unknown, more.unknown),
            (&mut self.waived, more.waived),
            (&mut self.not_applicable, more.not_applicable),
        ] {
            *count = count.saturating_add(more);
        }
    }

    fn counts(&self) -> Counts {
        Counts([self.pass, self.fail, self.unknown, self.waived, self.not_applicable])
    }
}

/// Adds the documents of other hosts. False when they are not about the same controls and rules.
#[must_use]
pub fn add(all: &mut [FrameworkDocument<'_>], more: &[FrameworkDocument<'_>]) -> bool {
    let mut same = all.len() == more.len();
    for (all, more) in all.iter_mut().zip(more) {
        same &= all.framework == more.framework && all.controls.len() == more.controls.len();
        for (all, more) in all.controls.iter_mut().zip(&more.controls) {
            same &= all.id == more.id && all.rules.len() == more.rules.len();
            all.results.add(&more.results);
            for (all, more) in all.rules.iter_mut().zip(&more.rules) {
                same &= all.rule == more.rule;
                all.results.add(&more.results);
            }
        }
    }
    same
}

/// Says anew what each control comes to; `whole` when there are hosts and all could be judged.
pub fn conclude(all: &mut [FrameworkDocument<'_>], whole: bool) {
    for control in all.iter_mut().flat_map(|framework| &mut framework.controls) {
        control.verdict = Cow::Borrowed(comes_to(&control.results.counts(), whole).name());
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
            rule: Cow::Borrowed(&policy.rules.get(index)?.id),
            results: CountsDocument::new(&tally.rule(index)),
        })
    };
    let control = |control: &'a Control| ControlDocument {
        id: Cow::Borrowed(&control.id),
        title: control.title.map(Cow::Borrowed),
        verdict: Cow::Borrowed(control.verdict().name()),
        results: CountsDocument::new(&control.counts),
        rules: control.rules.iter().filter_map(|&index| rule(index)).collect(),
    };
    let framework = |table: &'a FrameworkTable| FrameworkDocument {
        framework: Cow::Borrowed(&table.name),
        title: table.title.map(Cow::Borrowed),
        controls: table.controls.iter().map(control).collect(),
    };
    tables.iter().map(framework).collect()
}
