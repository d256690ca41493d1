//! Policy tests: captures, each with the rules that it must violate.
//!
//! They stand in `NAME.test.toml` beside the policy `NAME.toml`. [`read`] takes the texts and finds
//! everything that is wrong with them in one run, [`run`] judges the captures, [`mutate`] changes the
//! policy rule by rule and asks whether a test notices. All are pure: a test is judged at the moment
//! that it names, never at that of the clock.

mod human;
mod json;
mod mutate;
mod read;
mod run;

use std::collections::BTreeSet;

use jiff::Timestamp;

pub use human::Human;
pub use json::{Tested, write as write_json};
pub use mutate::{Mutant, mutate};
pub use read::read;
pub use run::{Difference, RuleUse, SuiteRun, TestResult, run};

use crate::policy::PolicyError;
use crate::snapshot::Snapshot;
use crate::source::{SourceMap, Span};

/// What a test says of a rule; each is a key of `[[test]]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    /// It has a violation that counts.
    Violates,
    /// It cannot be decided.
    Unknown,
    /// It has a violation that is waived.
    Waived,
}

impl Aspect {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::Violates, Self::Unknown, Self::Waived];

    /// The key in a test.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Violates => "violates",
            Self::Unknown => "unknown",
            Self::Waived => "waived",
        }
    }
}

/// The rules that a test names under one key: exactly these.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// Rule ids, `unlisted` among them.
    pub ids: BTreeSet<String>,
    /// Key and value, where written; a key that is left out names no rule.
    pub at: Option<Span>,
}

/// One test, its evidence read.
#[derive(Debug)]
pub struct TestCase {
    /// Its name, unique among the tests of a policy.
    pub name: String,
    /// Key and value of `name`.
    pub at: Span,
    /// What the evidence shows.
    pub snapshot: Snapshot,
    /// Where the evidence begins in the test file, when it stands there letter for letter.
    pub base: Option<Span>,
    /// By [`Aspect::ALL`].
    pub expected: [Expected; 3],
    /// The moment that waivers are judged by.
    pub now: Timestamp,
}

impl TestCase {
    /// A span of the evidence as one of the test file; `None` when it does not stand there letter for
    /// letter.
    #[must_use]
    pub fn in_file(&self, span: Span) -> Option<Span> {
        let base = self.base.filter(|_| span.source == crate::capture::first_source())?;
        let shift = |offset: u32| (offset + base.start).min(base.end) as usize;
        Some(Span::new(base.source, shift(span.start)..shift(span.end)))
    }
}

/// The tests of a policy.
#[derive(Debug, Default)]
pub struct Suite {
    /// The tests, in the order of the files.
    pub tests: Vec<TestCase>,
    /// Everything that is wrong with them.
    pub errors: Vec<PolicyError>,
    /// The texts.
    pub sources: SourceMap,
}

/// What a run of tests can have to say; the codes are interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SuiteFinding {
    /// A test whose evidence comes to something else than it says.
    Failed,
    /// Warning: a rule that no test makes fail.
    NeverFails,
    /// Warning: a rule that no test makes pass.
    NeverPasses,
    /// A change of a rule that no test notices.
    Unnoticed,
}

impl SuiteFinding {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Failed, Self::NeverFails, Self::NeverPasses, Self::Unnoticed];

    /// The diagnostic code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Failed => "socklint::test::failed",
            Self::NeverFails => "socklint::test::never_fails",
            Self::NeverPasses => "socklint::test::never_passes",
            Self::Unnoticed => "socklint::test::unnoticed",
        }
    }
}

#[cfg(test)]
mod tests;
