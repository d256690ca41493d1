//! What is wrong with a policy, as diagnostics at its keys.

use crate::source::Span;

/// The kinds of policy errors and warnings; the codes are interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyErrorKind {
    /// The file is no TOML.
    Syntax,
    /// A key that the language does not have.
    UnknownKey,
    /// A key that must be there is not.
    MissingKey,
    /// A value of the wrong type.
    WrongType,
    /// A value that its key does not take.
    BadValue,
    /// A set that no `[sets]` table defines.
    UnknownSet,
    /// Two rules with one id.
    DuplicateId,
    /// A rule with no action, or with more than one.
    Action,
    /// A rule that no socket can match.
    NeverMatches,
    /// A language version that this program does not read.
    Version,
    /// A policy without any rule.
    NoRule,
    /// A built-in policy that does not exist.
    UnknownPack,
    /// A file that cannot be extended, or that extends itself.
    Extends,
    /// An override of a rule that is not inherited.
    OverrideOfNothing,
    /// Warning: a rule that another one repeats.
    Repeated,
    /// Warning: a rule about outside addresses that leaves out listeners on all of them.
    WildcardMissed,
    /// Warning: a control of no framework, or one that its framework does not have.
    UnknownControl,
    /// Warning: a rule whose review is overdue.
    ReviewDue,
    /// Warning: a waiver that is past its end.
    WaiverExpired,
    /// Warning: a waiver that ends within 14 days.
    WaiverExpires,
    /// Warning: a waiver that runs longer than the policy allows.
    WaiverTooLong,
}

impl PolicyErrorKind {
    /// Every kind.
    pub const ALL: [Self; 21] = [
        Self::Syntax,
        Self::UnknownKey,
        Self::MissingKey,
        Self::WrongType,
        Self::BadValue,
        Self::UnknownSet,
        Self::DuplicateId,
        Self::Action,
        Self::NeverMatches,
        Self::Version,
        Self::NoRule,
        Self::UnknownPack,
        Self::Extends,
        Self::OverrideOfNothing,
        Self::Repeated,
        Self::WildcardMissed,
        Self::UnknownControl,
        Self::ReviewDue,
        Self::WaiverExpired,
        Self::WaiverExpires,
        Self::WaiverTooLong,
    ];

    /// The diagnostic code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Syntax => "socklint::policy::syntax",
            Self::UnknownKey => "socklint::policy::unknown_key",
            Self::MissingKey => "socklint::policy::missing_key",
            Self::WrongType => "socklint::policy::wrong_type",
            Self::BadValue => "socklint::policy::bad_value",
            Self::UnknownSet => "socklint::policy::unknown_set",
            Self::DuplicateId => "socklint::policy::duplicate_id",
            Self::Action => "socklint::policy::action",
            Self::NeverMatches => "socklint::policy::never_matches",
            Self::Version => "socklint::policy::version",
            Self::NoRule => "socklint::policy::no_rule",
            Self::UnknownPack => "socklint::policy::unknown_pack",
            Self::Repeated => "socklint::policy::repeated",
            Self::WildcardMissed => "socklint::policy::wildcard_missed",
            Self::UnknownControl => "socklint::policy::unknown_control",
            Self::ReviewDue => "socklint::policy::review_due",
            Self::Extends => "socklint::policy::extends",
            Self::OverrideOfNothing => "socklint::policy::override_of_nothing",
            Self::WaiverExpired => "socklint::policy::waiver_expired",
            Self::WaiverExpires => "socklint::policy::waiver_expires",
            Self::WaiverTooLong => "socklint::policy::waiver_too_long",
        }
    }

    /// Whether it is a warning; the others keep the policy from being used.
    #[must_use]
    pub fn is_warning(self) -> bool {
        matches!(
            self,
            Self::Repeated
                | Self::WildcardMissed
                | Self::UnknownControl
                | Self::ReviewDue
                | Self::WaiverExpired
                | Self::WaiverExpires
                | Self::WaiverTooLong
        )
    }
}

/// One thing that is wrong, at its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    /// What kind of thing.
    pub kind: PolicyErrorKind,
    /// Where; `None` when no text is at fault (an unknown pack on the command line).
    pub at: Option<Span>,
    /// What is so, in one clause.
    pub message: String,
    /// What the marked text is, in a few words.
    pub label: String,
    /// What to do.
    pub help: Option<String>,
    /// Other places that belong to it, with words.
    pub related: Vec<(Span, String)>,
}

/// The name among `known` that is nearest to `name`, if one is near enough to be meant.
///
/// Damerau-Levenshtein distance (a transposition counts as one), at most a third of the length; a
/// common beginning of three letters also counts.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let mut best: Option<(usize, &str)> = None;
    for candidate in known {
        let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
        if best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    let (distance, candidate) = best?;
    let longest = lower.chars().count().max(candidate.chars().count());
    let head = lower.get(..3).is_some_and(|head| candidate.to_lowercase().starts_with(head));
    (distance * 3 <= longest || head && distance * 2 <= longest).then_some(candidate)
}

/// `did you mean ...?` before the list of all that is known.
#[must_use]
pub fn suggestion(name: &str, known: &[&str], what: &str) -> String {
    let all = known.join("`, `");
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? {what} are `{all}`"),
        None => format!("{what} are `{all}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_is_named() {
        let keys = ["port", "process", "transport", "bind", "family"];
        assert_eq!(nearest("prot", keys), Some("port"));
        assert_eq!(nearest("proces", keys), Some("process"));
        assert_eq!(nearest("Bind", keys), Some("bind"));
        assert_eq!(nearest("zebra", keys), None);
        assert_eq!(nearest("", keys), None);
    }
}
