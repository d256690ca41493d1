//! Explanations for machines, schema `socklint/explanation/1`; `kind` is `rule`, `code` or `endpoint`.

use serde::Serialize;

use super::{Judged, Outcome, Page, Place, RuleExplanation, SCHEMA, Step, WaiverLine, depends};
use crate::policy::Policy;
use crate::safe;
use crate::snapshot::document::{SocketDocument, coverage_key};
use crate::source::SourceMap;
use crate::truth::{MissingSet, Truth};

#[derive(Serialize)]
struct PlaceDocument<'a> {
    path: &'a str,
    line: usize,
    column: usize,
}

impl<'a> PlaceDocument<'a> {
    fn of(place: &'a Place) -> Self {
        Self { path: &place.path, line: place.line, column: place.column }
    }
}

#[derive(Serialize)]
struct CodeDocument {
    schema: &'static str,
    kind: &'static str,
    code: &'static str,
    /// Markdown.
    text: &'static str,
}

#[derive(Serialize)]
struct RuleDocument<'a> {
    schema: &'static str,
    kind: &'static str,
    rule: &'a str,
    summary: &'a str,
    sentence: &'a str,
    /// `null`, or why and where an override switched the rule off.
    disabled: Option<CauseDocument<'a>>,
    /// `null`, or the name of the inherited file, and where it is extended.
    inherited: Option<InheritedDocument<'a>>,
    values: Vec<ValueDocument<'a>>,
    controls: &'a [String],
    waivers: Vec<WaiverDocument<'a>>,
    needs: NeedsDocument<'a>,
}

#[derive(Serialize)]
struct CauseDocument<'a> {
    reason: &'a str,
    place: Option<PlaceDocument<'a>>,
}

#[derive(Serialize)]
struct InheritedDocument<'a> {
    from: &'a str,
    place: Option<PlaceDocument<'a>>,
}

/// A later value of the same key wins; `hosts` must all match.
#[derive(Serialize)]
struct ValueDocument<'a> {
    key: &'a str,
    value: &'a str,
    /// `own`, `inherited`, `override`, `file` or `default`.
    origin: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    place: Option<PlaceDocument<'a>>,
}

#[derive(Serialize)]
struct WaiverDocument<'a> {
    rule: &'a str,
    matches: &'a str,
    reason: &'a str,
    owner: &'a str,
    expires: &'a str,
    expired: bool,
    place: Option<PlaceDocument<'a>>,
}

#[derive(Serialize)]
struct NeedsDocument<'a> {
    /// `transport/family`.
    coverage: Vec<String>,
    command: Option<&'a str>,
    facts: Vec<FactDocument>,
}

/// A fact that decides, and what supplies it.
#[derive(Serialize)]
struct FactDocument {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'static str>,
    what: &'static str,
    cure: &'static str,
}

#[derive(Serialize)]
struct EndpointDocument<'a> {
    schema: &'static str,
    kind: &'static str,
    endpoint: &'a str,
    policy: &'a str,
    socket: Option<SocketDocument<'a>>,
    /// Every rule, in the order of the policy.
    rules: Vec<JudgedDocument<'a>>,
    /// Whether a rule speaks of it: `yes`, `no`, `unknown`.
    listed: &'static str,
    /// `null` without `unlisted`; else `violates`, `waived`, `may-violate`, `satisfies` or
    /// `other-host`.
    unlisted: Option<&'static str>,
    /// `rejected`, `open`, `waived` or `accepted`.
    result: &'static str,
    /// What would decide.
    missing: Vec<FactDocument>,
}

#[derive(Serialize)]
struct JudgedDocument<'a> {
    rule: &'a str,
    severity: &'static str,
    action: &'static str,
    /// An outcome: `violates`, `waived`, `may-violate`, `satisfies`, `approved`, `may-be-approved`,
    /// `counts`, `may-count`, `not-about`, `other-host`.
    outcome: &'static str,
    #[serde(rename = "match")]
    matches: Vec<StepDocument<'a>>,
    require: Vec<StepDocument<'a>>,
    missing: Vec<FactDocument>,
    waiver: Option<&'a str>,
}

#[derive(Serialize)]
struct StepDocument<'a> {
    depth: usize,
    text: &'a str,
    truth: &'static str,
    instead: Option<&'a str>,
    place: Option<PlaceDocument<'a>>,
}

fn write<T: Serialize>(document: &T) -> String {
    let mut out = Vec::new();
    // Writing to a Vec cannot fail, and the documents hold nothing that JSON does not have.
    let _ = safe::json(&mut out, document, true);
    out.push(b'\n');
    String::from_utf8(out).unwrap_or_default()
}

/// A code.
#[must_use]
pub fn code(page: Page) -> String {
    write(&CodeDocument { schema: SCHEMA, kind: "code", code: page.code, text: page.text })
}

/// A rule.
#[must_use]
pub fn rule(rule: &RuleExplanation) -> String {
    write(&RuleDocument {
        schema: SCHEMA,
        kind: "rule",
        rule: &rule.id,
        summary: &rule.summary,
        sentence: &rule.sentence,
        disabled: rule.disabled.as_ref().map(|(reason, place)| CauseDocument {
            reason,
            place: place.as_ref().map(PlaceDocument::of),
        }),
        inherited: rule.inherited.as_ref().map(|(from, place)| InheritedDocument {
            from,
            place: place.as_ref().map(PlaceDocument::of),
        }),
        values: rule
            .values
            .iter()
            .map(|value| ValueDocument {
                key: &value.key,
                value: &value.text,
                origin: value.origin.name(),
                reason: match &value.origin {
                    super::Origin::Override { reason } => Some(reason),
                    super::Origin::Own
                    | super::Origin::Inherited
                    | super::Origin::File
                    | super::Origin::Default => None,
                },
                place: value.place.as_ref().map(PlaceDocument::of),
            })
            .collect(),
        controls: &rule.controls,
        waivers: rule.waivers.iter().map(waiver).collect(),
        needs: NeedsDocument {
            coverage: rule
                .needs
                .tables
                .iter()
                .map(|&(transport, family)| coverage_key(transport, family))
                .collect(),
            command: rule.needs.command.as_deref(),
            facts: rule
                .needs
                .facts
                .iter()
                .map(|&(what, cure)| FactDocument { id: None, what, cure })
                .collect(),
        },
    })
}

fn waiver(waiver: &WaiverLine) -> WaiverDocument<'_> {
    WaiverDocument {
        rule: &waiver.rules,
        matches: &waiver.matches,
        reason: &waiver.reason,
        owner: &waiver.owner,
        expires: &waiver.expires,
        expired: waiver.expired,
        place: waiver.place.as_ref().map(PlaceDocument::of),
    }
}

/// An endpoint.
#[must_use]
pub fn endpoint(policy: &Policy, judged: &Judged) -> String {
    let socket = judged.snapshot.sockets().first();
    let rules = judged.rules.iter().filter_map(|what| {
        let rule = policy.rules.get(what.rule)?;
        Some(JudgedDocument {
            rule: &rule.id,
            severity: rule.severity.name(),
            action: rule.action.name(),
            outcome: what.outcome.name(),
            matches: what.matches.iter().map(|step| step_document(step, &policy.sources)).collect(),
            require: what.require.iter().map(|step| step_document(step, &policy.sources)).collect(),
            missing: facts(what.missing),
            waiver: what
                .waiver
                .and_then(|index| policy.waivers.get(index))
                .map(|waiver| waiver.reason.as_str()),
        })
    });
    write(&EndpointDocument {
        schema: SCHEMA,
        kind: "endpoint",
        endpoint: &judged.endpoint,
        policy: &policy.name,
        socket: socket.map(|socket| SocketDocument::new(&judged.snapshot, socket)),
        rules: rules.collect(),
        listed: truth(judged.listed),
        unlisted: judged.unlisted.map(Outcome::name),
        result: result(judged),
        missing: facts(judged.missing()),
    })
}

fn result(judged: &Judged) -> &'static str {
    let any = |outcome| {
        judged.rules.iter().any(|what| what.outcome == outcome) || judged.unlisted == Some(outcome)
    };
    match () {
        () if any(Outcome::Violates) => "rejected",
        () if any(Outcome::MayViolate) => "open",
        () if any(Outcome::Waived) => "waived",
        () => "accepted",
    }
}

fn truth(truth: Truth) -> &'static str {
    match truth {
        Truth::Yes => "yes",
        Truth::No => "no",
        Truth::Unknown(_) => "unknown",
    }
}

fn facts(missing: MissingSet) -> Vec<FactDocument> {
    let fact = |missing: crate::truth::Missing| {
        let (what, cure) = depends(missing);
        FactDocument { id: Some(missing.id()), what, cure }
    };
    missing.iter().map(fact).collect()
}

fn step_document<'a>(step: &'a Step, sources: &'a SourceMap) -> StepDocument<'a> {
    StepDocument {
        depth: step.depth,
        text: &step.text,
        truth: truth(step.truth),
        instead: step.instead.as_deref(),
        place: step.at.and_then(|at| sources.place(at)).map(|(path, place)| PlaceDocument {
            path,
            line: place.line,
            column: place.column,
        }),
    }
}
