//! Waivers: violations that someone answers for until a day.

use jiff::{SignedDuration, Timestamp};

use super::condition::Condition;
use super::error::{PolicyError, PolicyErrorKind};
use super::value::{Deadline, Globs, Reading, Table};
use super::{Policy, Rule, Severity};
use crate::source::Span;

/// One waiver, ready to run.
#[derive(Debug)]
pub struct Waiver {
    /// Which rules, by their ids as the waiver's own file sees them.
    pub rules: Globs,
    /// Which listeners, on which hosts.
    pub matches: Condition,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Until when.
    pub expires: Deadline,
    /// Key and value of `expires`.
    pub expires_at: Span,
    /// Who approved it.
    pub approved_by: Option<String>,
    /// A ticket.
    pub ticket: Option<String>,
    /// What keeps the host safe meanwhile.
    pub compensating: Option<String>,
    /// The waiver's header.
    pub at: Span,
    /// The file that it stands in, by its place in the load order.
    pub layer: usize,
}

/// How long before its end a waiver is warned of.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The longest that waivers of a policy may run, in days from now, by [`Severity::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WaiverLimits {
    /// `None` where the policy sets no limit.
    pub days: [Option<u32>; 3],
}

impl Waiver {
    /// Whether the waiver is about a rule.
    #[must_use]
    pub fn is_about(&self, rule: &Rule) -> bool {
        self.rules.is_match(if rule.layer == self.layer { &rule.local_id } else { &rule.id })
    }
}

/// Reads one `[[waiver]]`.
pub(super) fn read(mut table: Table<'_>, layer: usize, reading: &mut Reading) -> Option<Waiver> {
    let before = reading.errors.len();
    let header = table.range();
    let at = reading.span(header.clone());
    let entry = table.take("rule");
    if entry.is_none() {
        missing(&header, "rule", "a glob of rule ids", reading);
    }
    let rules = entry.and_then(|entry| Globs::read(entry.value, "rule", reading));
    let entry = table.take("match");
    if entry.is_none() {
        missing(
            &header,
            "match",
            "conditions that say which listeners, such as `{ port = 5432 }`",
            reading,
        );
    }
    let matches = entry.and_then(|entry| Condition::read(entry.value, "match", reading));
    let reason = required_text(&mut table, "reason", "why the violation is accepted", reading);
    let owner = required_text(&mut table, "owner", "who answers for it", reading);
    let entry = table.take("expires");
    if entry.is_none() {
        missing(&header, "expires", "a date such as `2027-01-31`", reading);
    }
    let expires = entry.and_then(|entry| {
        let at = reading.span(entry.range());
        Some((Deadline::read(entry.value, "expires", reading)?, at))
    });
    let approved_by = table.take_text("approved_by", reading);
    let ticket = table.take_text("ticket", reading);
    let compensating = table.take_text("compensating", reading);
    table.finish(reading, "a waiver");
    if reading.errors.len() > before {
        return None;
    }
    let (expires, expires_at) = expires?;
    Some(Waiver {
        rules: rules?,
        matches: matches?,
        reason: reason?,
        owner: owner?,
        expires,
        expires_at,
        approved_by,
        ticket,
        compensating,
        at,
        layer,
    })
}

/// Takes a key that must hold a string that says something.
pub(super) fn required_text(
    table: &mut Table<'_>,
    key: &'static str,
    what: &str,
    reading: &mut Reading,
) -> Option<String> {
    let Some(entry) = table.take(key) else {
        missing(&table.range(), key, what, reading);
        return None;
    };
    let text = entry.value.text(reading, key)?;
    if text.trim().is_empty() {
        let message = format!("`{key}` is empty");
        let help = Some(format!("`{key}` says {what}"));
        reading.error(PolicyErrorKind::BadValue, entry.value.range(), message, "empty", help);
        return None;
    }
    Some(text.to_owned())
}

/// Records that a key is not there.
fn missing(header: &std::ops::Range<usize>, key: &str, what: &str, reading: &mut Reading) {
    let message = format!("`{key}` is missing");
    let help = Some(format!("`{key}` gives {what}"));
    reading.error(PolicyErrorKind::MissingKey, header.clone(), message, "here", help);
}

impl Policy {
    /// Warnings for waivers that are expired, expire soon, or run longer than the policy allows.
    #[must_use]
    pub fn waiver_warnings(&self, now: Timestamp) -> Vec<PolicyError> {
        self.waivers.iter().filter_map(|waiver| self.waiver_warning(waiver, now)).collect()
    }

    fn waiver_warning(&self, waiver: &Waiver, now: Timestamp) -> Option<PolicyError> {
        let left = waiver.expires.ends.duration_since(now);
        let rules = waiver.rules.words();
        let most = self.rules.iter().filter(|rule| waiver.is_about(rule)).filter_map(|rule| {
            self.waiver_limits.days.get(rule.severity as usize).copied().flatten()
        });
        let too_long =
            most.min().filter(|&days| left > SignedDuration::from_hours(i64::from(days) * 24));
        let (kind, message, label, help) = match too_long {
            _ if waiver.expires.is_past(now) => (
                PolicyErrorKind::WaiverExpired,
                format!("the waiver of `{rules}` is expired, so its violations count again"),
                "past",
                "mend what it waived, or agree on a later date".to_owned(),
            ),
            _ if left <= SOON => (
                PolicyErrorKind::WaiverExpires,
                format!("the waiver of `{rules}` expires within 14 days"),
                "soon",
                "mend what it waives, or agree on a later date".to_owned(),
            ),
            Some(days) => (
                PolicyErrorKind::WaiverTooLong,
                format!(
                    "the waiver of `{rules}` runs longer than the {days} days that the policy allows"
                ),
                "too long",
                "agree on an earlier date".to_owned(),
            ),
            None => return None,
        };
        Some(PolicyError {
            kind,
            at: Some(waiver.expires_at),
            message,
            label: label.to_owned(),
            help: Some(help),
            related: Vec::new(),
        })
    }
}

/// Reads `waiver_max_days`: one number for all severities, or a table by severity.
pub(super) fn read_limits(table: &mut Table<'_>, reading: &mut Reading) -> Option<WaiverLimits> {
    const KEY: &str = "waiver_max_days";
    let entry = table.take(KEY)?;
    let days = |value: super::value::Value<'_>, reading: &mut Reading| {
        let days =
            value.integer().and_then(|days| u32::try_from(days).ok()).filter(|days| *days > 0);
        if days.is_none() {
            let message = format!("`{KEY}` takes a number of days");
            reading.error(
                PolicyErrorKind::BadValue,
                value.range(),
                message,
                "no number of days",
                None,
            );
        }
        days
    };
    let mut limits = WaiverLimits::default();
    if entry.value.integer().is_some() {
        limits.days = [days(entry.value, reading); 3];
        return Some(limits);
    }
    let mut by_severity = entry.value.table(reading, KEY)?;
    for (severity, place) in Severity::ALL.into_iter().zip(&mut limits.days) {
        if let Some(entry) = by_severity.take(severity.name()) {
            *place = days(entry.value, reading);
        }
    }
    by_severity.finish(reading, "`waiver_max_days`");
    Some(limits)
}
