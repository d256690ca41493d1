//! The policy: TOML to rules that are ready to run, plus everything that is wrong with it.
//!
//! [`load`] takes texts and does no I/O. Every error of every file is found in one run, each at its
//! key. Shapes as written are walked key by key ([`value::Table`]); what comes out is compiled: globs
//! and sets built, rules found by port through [`index::PortIndex`].

pub mod condition;
pub mod document;
mod error;
pub mod index;
mod layer;
mod load;
pub mod packs;
mod pieces;
pub mod value;
mod waiver;

use std::sync::Arc;

pub use condition::{Condition, Facts};
pub use error::{PolicyError, PolicyErrorKind, nearest, suggestion};
pub use layer::Override;
pub use load::{Library, Loaded, Packs, builtin, load, load_with};
pub use value::{Deadline, Globs};
pub use waiver::{Waiver, WaiverLimits};

use crate::snapshot::Transport;
use crate::source::{SourceId, SourceMap, Span};
use crate::truth::{Missing, Truth};

/// The reserved id under which listeners that no rule speaks of are reported.
pub const UNLISTED: &str = "unlisted";

/// How bad a violation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// For information.
    Note,
    /// Should be looked at.
    Warning,
    /// Must not be.
    Error,
}

impl Severity {
    /// All severities, mildest first.
    pub const ALL: [Self; 3] = [Self::Note, Self::Warning, Self::Error];

    /// The name in the policy language and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// The severity with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.name() == name)
    }
}

/// What a rule asks of the listeners that it is about.
#[derive(Debug)]
pub enum Action {
    /// Each must satisfy this.
    Require(Condition),
    /// There must be none.
    Forbid,
    /// There must be so many.
    Expect {
        /// At least.
        min: u64,
        /// At most.
        max: Option<u64>,
    },
    /// They are approved; nothing is asked.
    Allow,
}

impl Rule {
    /// Whether it looks at one of these keys of a listener.
    #[must_use]
    pub fn asks(&self, keys: &[&str]) -> bool {
        let required = match &self.action {
            Action::Require(required) => required.asks(keys),
            Action::Forbid | Action::Expect { .. } | Action::Allow => false,
        };
        required || self.matches.asks(keys)
    }
}

impl Action {
    /// The key in the policy language.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Require(_) => "require",
            Self::Forbid => "forbid",
            Self::Expect { .. } => "expect",
            Self::Allow => "allow",
        }
    }
}

/// One rule, ready to run.
#[derive(Debug)]
pub struct Rule {
    /// Its id, unique in the policy: `baseline/telnet` for an inherited rule.
    pub id: String,
    /// Its id in its own file.
    pub local_id: String,
    /// Its file, by its place in the load order.
    pub layer: usize,
    /// One line for people; empty when the policy gives none.
    pub summary: String,
    /// How bad a violation is.
    pub severity: Severity,
    /// Which listeners it is about.
    pub matches: Condition,
    /// What it asks of them.
    pub action: Action,
    /// Key and value of the action.
    pub action_at: Span,
    /// The id, or the rule's header.
    pub at: Span,
    /// Key and value of `match`, where written.
    pub match_at: Option<Span>,
    /// Why the rule is.
    pub because: Option<String>,
    /// What to do about a violation.
    pub help: Option<String>,
    /// Where to read more.
    pub url: Option<String>,
    /// Compliance controls: `framework:id`.
    pub controls: Vec<String>,
    /// Words to select rules by.
    pub tags: Vec<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Who approved it.
    pub approved_by: Option<String>,
    /// When it must be looked at again, with the key's place.
    pub review_by: Option<(Deadline, Span)>,
    /// Transports that the rule names; where it names none, TCP and UDP must be covered.
    pub transports: Vec<Transport>,
    /// Its own `hosts`.
    pub hosts: Option<Globs>,
    /// The hosts that its file is for.
    pub reach: Reach,
    /// What changed it, in order.
    pub overrides: Vec<Override>,
    /// The severity before any override: as its file gives it, or the default.
    pub own_severity: Severity,
    /// Every key that its file writes, in that order: name, and key with value.
    pub keys: Vec<(&'static str, Span)>,
}

impl Rule {
    /// Whether `hosts`, its own and those of its file, leave no host out.
    #[must_use]
    pub fn is_for_all(&self) -> bool {
        self.hosts.is_none() && self.reach.is_everywhere()
    }

    /// Whether `hosts`, its own and those of its file, match; `name` is that of the host, where known.
    #[must_use]
    pub fn is_for_host(&self, name: Option<&str>) -> Truth {
        let own = self.hosts.as_ref().map_or(Truth::Yes, |globs| is_for_host(globs, name));
        own.and(self.reach.holds(name))
    }
}

/// The hosts that a file is for, by the ways in which it is part of the policy.
///
/// A way is the `hosts` of the file and of those that extend it, one by one, down from a file that the
/// user named. A host is reached when every one of them matches it on at least one way.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    ways: Arc<[Vec<Globs>]>,
}

/// With more ways than these a file is for all hosts: nothing that is asked may get lost.
const MOST_WAYS: usize = 64;

impl Reach {
    /// Adds a way.
    fn add(&mut self, way: Vec<Globs>) {
        let words = |way: &[Globs]| way.iter().map(Globs::words).collect::<Vec<_>>();
        if way.is_empty() || self.ways.len() >= MOST_WAYS {
            self.ways = Arc::from([Vec::new()]);
        } else if !self.is_everywhere()
            && !self.ways.iter().any(|known| words(known) == words(&way))
        {
            self.ways = self.ways.iter().cloned().chain([way]).collect();
        }
    }

    /// The ways; one without any `hosts` reaches all.
    #[must_use]
    pub fn ways(&self) -> &[Vec<Globs>] {
        &self.ways
    }

    /// Whether every host is reached.
    #[must_use]
    pub fn is_everywhere(&self) -> bool {
        self.ways.iter().any(Vec::is_empty)
    }

    /// Whether a host is reached; `name` is its name, where known.
    #[must_use]
    pub fn holds(&self, name: Option<&str>) -> Truth {
        let of_way = |way: &Vec<Globs>| {
            way.iter().map(|globs| is_for_host(globs, name)).fold(Truth::Yes, Truth::and)
        };
        match &*self.ways {
            [] => Truth::Yes,
            ways => ways.iter().map(of_way).fold(Truth::No, Truth::or),
        }
    }
}

/// Whether `hosts` match the name of a host.
fn is_for_host(globs: &Globs, name: Option<&str>) -> Truth {
    match name {
        _ if globs.is_full() => Truth::Yes,
        Some(name) => globs.is_match(name).into(),
        None => Truth::missing(Missing::HostName),
    }
}

/// One file of a policy, as its rules see it.
#[derive(Debug)]
pub struct PolicyFile {
    /// Its name: `name` in `[policy]`, else the file's.
    pub name: String,
    /// Its text.
    pub source: SourceId,
    /// Where the file that builds on it asks for it; `None` when the user named it.
    pub extended_at: Option<Span>,
    /// The hosts that the whole file is for, with the key's place.
    pub hosts: Option<(Globs, Span)>,
}

/// `unlisted` of a policy: the severity and the key's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unlisted {
    /// How bad an unlisted listener is.
    pub severity: Severity,
    /// Key and value in the policy.
    pub at: Span,
}

/// Rules of all files together, ready to run.
#[derive(Debug)]
pub struct Policy {
    /// Its name: that of the files, joined by `+`; the file name where a file gives none.
    pub name: String,
    /// The descriptions of its files.
    pub descriptions: Vec<String>,
    /// The rules, in the order of the files.
    pub rules: Vec<Rule>,
    /// What becomes of listeners that no rule speaks of.
    pub unlisted: Option<Unlisted>,
    /// The hosts that `unlisted` is for: those of its file.
    pub unlisted_reach: Reach,
    /// Accepted violations.
    pub waivers: Vec<Waiver>,
    /// How long waivers may run.
    pub waiver_limits: WaiverLimits,
    /// Inherited rules that an override switched off: the last one that has `enabled`.
    pub disabled: Vec<Rule>,
    /// The files, in the order of [`Rule::layer`].
    pub files: Vec<PolicyFile>,
    /// The texts.
    pub sources: SourceMap,
    /// Rules by port.
    pub index: index::PortIndex,
}

impl Policy {
    /// Whether a rule or a waiver looks at one of these keys of a listener.
    #[must_use]
    pub fn asks(&self, keys: &[&str]) -> bool {
        self.rules.iter().any(|rule| rule.asks(keys))
            || self.waivers.iter().any(|waiver| waiver.matches.asks(keys))
    }

    /// SHA-256 over the texts, in lower-case hex.
    #[must_use]
    pub fn sha256(&self) -> String {
        match self.sources.files() {
            [only] => only.sha256(),
            files => {
                let hashes: Vec<String> = files.iter().map(|file| file.sha256()).collect();
                crate::source::sha256_hex(hashes.join("\n").as_bytes())
            }
        }
    }

    /// Keeps only the rules that `keep` wants; `unlisted` is asked by its reserved id.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &[String]) -> bool) {
        let before = self.rules.len();
        self.rules.retain(|rule| keep(&rule.id, &rule.tags));
        if self.unlisted.is_some() && !keep(UNLISTED, &[]) {
            self.unlisted = None;
        }
        if self.rules.len() < before {
            self.index = index::PortIndex::new(&self.rules);
        }
    }

    /// Keeps only the controls that `keep` wants, and the rules that name one of them.
    pub fn retain_controls(&mut self, mut keep: impl FnMut(&str) -> bool) {
        for rule in &mut self.rules {
            rule.controls.retain(|control| keep(control));
        }
        self.rules.retain(|rule| !rule.controls.is_empty());
        self.unlisted = None;
        self.index = index::PortIndex::new(&self.rules);
    }

    /// Warnings for rules whose `review_by` is past at `now`.
    #[must_use]
    pub fn reviews(&self, now: jiff::Timestamp) -> Vec<PolicyError> {
        let due = |rule: &Rule| {
            let (deadline, at) = rule.review_by.as_ref().filter(|(by, _)| by.is_past(now))?;
            Some(PolicyError {
                kind: PolicyErrorKind::ReviewDue,
                at: Some(*at),
                message: format!("the review of rule `{}` is overdue", rule.id),
                label: format!("was due by {}", deadline.text),
                help: Some("look at the rule again and set a later date".to_owned()),
                related: Vec::new(),
            })
        };
        self.rules.iter().filter_map(due).collect()
    }

    /// Whether it asks anything of anyone.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.unlisted.is_none()
    }
}
