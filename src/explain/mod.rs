//! `explain`: what a rule means, what a diagnostic code means, and what a policy says of an endpoint
//! that nobody has bound yet. Pure: texts in, plain values out; `human.rs` and `json.rs` write them.

mod codes;
mod endpoint;
mod human;
mod json;
mod judge;
mod rule;

pub use codes::{Page, page, pages};
pub use endpoint::{Binder, Endpoint, EndpointError};
pub use human::{
    code as code_for_people, endpoint as endpoint_for_people, rule as rule_for_people,
};
pub use json::{code as code_as_json, endpoint as endpoint_as_json, rule as rule_as_json};
pub use judge::{Judged, Outcome, Step, What, depends, judge};
pub use rule::{Needs, Origin, Place, RuleExplanation, Value, WaiverLine, rule};

/// The value of `schema` in JSON.
pub const SCHEMA: &str = "socklint/explanation/1";

/// What the argument of `explain` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A diagnostic code: `socklint::policy::unknown_key`, or its last part or parts.
    Code(&'a str),
    /// An endpoint: `tcp/0.0.0.0:5432`.
    Endpoint(&'a str),
    /// The id of a rule.
    Rule(&'a str),
}

impl<'a> Subject<'a> {
    /// Tells the three apart: rule ids hold no `:`, and codes are known or begin with `socklint::`.
    #[must_use]
    pub fn of(text: &'a str) -> Self {
        // `policy::unknown_key` is no IPv6 address: a letter beyond `f` is in it.
        let word = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ':';
        let beyond = |c: char| c.is_ascii_alphabetic() && !c.is_ascii_hexdigit();
        let code = text.contains("::") && text.chars().all(word) && text.contains(beyond);
        match () {
            () if code => Self::Code(text),
            () if text.contains(':') => Self::Endpoint(text),
            () => Self::Rule(text),
        }
    }
}

#[cfg(test)]
mod tests;
