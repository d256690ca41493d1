//! The objects of SARIF that reports have, as they are written.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use super::super::Run;
use super::super::finding::{Finding, RuleView, Standing, justification};
use super::super::place::{Location, clip, uri};
use crate::audit::Summary;
use crate::policy::Severity;
use crate::safe;

/// Who reads the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// Any viewer.
    Full,
    /// GitHub code scanning.
    Github,
}

/// Under this rule GitHub is told of evidence that could not be used, and of what was left out.
pub(super) const INCOMPLETE: &str = "socklint/incomplete";

impl Detail {
    /// GitHub takes so many rules of a run.
    pub(super) fn most_rules(self) -> usize {
        match self {
            Self::Full => usize::MAX,
            // One is its own.
            Self::Github => 24_999,
        }
    }

    /// GitHub takes at most ten tags of a rule.
    fn most_tags(self) -> usize {
        match self {
            Self::Full => usize::MAX,
            Self::Github => 10,
        }
    }

    /// Rules that no policy has.
    pub(super) fn own_rules(self) -> Option<Rule> {
        (self == Self::Github).then(|| Rule {
            id: INCOMPLETE.to_owned(),
            short_description: text("the audit must be whole"),
            full_description: text("What could not be audited may hide violations."),
            help: Help {
                text: "look at the message, and capture the evidence again".to_owned(),
                markdown: None,
            },
            help_uri: None,
            default_configuration: Configuration { level: "error" },
            properties: RuleProperties {
                tags: vec!["security".to_owned()],
                precision: "very-high",
                security_severity: severity_score(Severity::Error),
            },
        })
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Message {
    text: String,
}

fn text(text: &str) -> Message {
    Message { text: clip(text, 1024).into_owned() }
}

/// 3.49, reportingDescriptor.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rule {
    id: String,
    short_description: Message,
    full_description: Message,
    help: Help,
    #[serde(skip_serializing_if = "Option::is_none")]
    help_uri: Option<String>,
    default_configuration: Configuration,
    properties: RuleProperties,
}

#[derive(Debug, Serialize)]
struct Help {
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    markdown: Option<String>,
}

#[derive(Debug, Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Debug, Serialize)]
struct RuleProperties {
    tags: Vec<String>,
    precision: &'static str,
    #[serde(rename = "security-severity")]
    security_severity: &'static str,
}

/// What GitHub sorts alerts by: over 7.0 is high, over 4.0 medium, below low.
fn severity_score(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "8.0",
        Severity::Warning => "5.5",
        Severity::Note => "2.0",
    }
}

impl Rule {
    pub(super) fn new(rule: RuleView<'_>, detail: Detail) -> Self {
        let summary = rule.summary();
        let because = rule.because().map(safe::lines);
        let requirement = format!("A listener that matches: {}.", rule.requirement());
        let help = rule.help().map(safe::lines).unwrap_or(Cow::Borrowed(&requirement));
        let parts = [because.as_deref(), rule.help(), rule.url()];
        let markdown: Vec<String> = parts
            .into_iter()
            .flatten()
            .map(|part| part.lines().map(safe::markdown::text).collect::<Vec<_>>().join("  \n"))
            .collect();
        let controls = rule.controls().iter().map(|control| match control.split_once(':') {
            Some((framework, id)) => format!("external/{framework}/{id}"),
            None => format!("external/{control}"),
        });
        let mut tags = vec!["security".to_owned()];
        for tag in controls.chain(rule.tags().iter().cloned()) {
            if tags.len() < detail.most_tags() && !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        Self {
            id: rule.id().to_owned(),
            short_description: text(&summary),
            full_description: text(because.as_deref().unwrap_or(&summary)),
            help: Help {
                text: help.clone().into_owned(),
                markdown: Some(markdown.join("\n\n")).filter(|markdown| !markdown.is_empty()),
            },
            help_uri: rule.url().filter(|url| is_uri(url)).map(str::to_owned),
            default_configuration: Configuration { level: rule.severity().name() },
            properties: RuleProperties {
                tags,
                precision: "very-high",
                security_severity: severity_score(rule.severity()),
            },
        }
    }
}

/// Whether a text is a URI of the web: the schema wants one, and a policy may hold anything.
fn is_uri(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#@!$&'()*+,;=%".contains(c);
    rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(allowed))
        && text.matches('#').count() < 2
}

/// 3.28, location.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Place {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message>,
    physical_location: Physical,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logical_locations: Vec<Logical>,
}

#[derive(Debug, Serialize)]
struct Logical {
    name: String,
    kind: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: ArtifactLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Debug, Serialize)]
struct ArtifactLocation {
    uri: String,
}

/// 3.30, region.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
    start_column: usize,
    end_line: usize,
    end_column: usize,
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    offsets: Option<Offsets>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snippet: Option<Message>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Offsets {
    char_offset: usize,
    char_length: usize,
    byte_offset: usize,
    byte_length: usize,
}

/// The longest snippet, in Unicode scalar values: a place may be all of a text.
const SNIPPET: usize = 2_000;

pub(super) fn location(at: Location<'_>, detail: Detail) -> Place {
    let full = detail == Detail::Full;
    let whole = full && at.snippet().len() <= SNIPPET;
    let offsets = at.offsets().filter(|_| whole).map(|[bytes, chars]| Offsets {
        char_offset: chars.0,
        char_length: chars.1,
        byte_offset: bytes.0,
        byte_length: bytes.1,
    });
    Place {
        id: None,
        message: None,
        physical_location: Physical {
            artifact_location: ArtifactLocation { uri: uri(at.path()) },
            region: Some(Region {
                start_line: at.place.line,
                start_column: at.place.column,
                end_line: at.place.end_line,
                end_column: at.place.end_column,
                offsets,
                snippet: whole.then(|| Message { text: at.snippet().to_owned() }),
            }),
        },
        logical_locations: Vec::new(),
    }
}

/// 3.27, result.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outcome<'a> {
    rule_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_index: Option<usize>,
    kind: &'static str,
    level: &'static str,
    message: Message,
    locations: Vec<Place>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Place>,
    partial_fingerprints: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suppressions: Vec<Suppression>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    properties: BTreeMap<&'static str, String>,
}

/// 3.35, suppression.
#[derive(Debug, Serialize)]
struct Suppression {
    kind: &'static str,
    status: &'static str,
    justification: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<Place>,
}

/// A finding as a result. GitHub reads no `kind`, so an undecided rule is one that fails there.
pub(super) fn result<'a>(run: &Run<'_>, finding: &Finding<'a>, detail: Detail) -> Outcome<'a> {
    let rule = finding.rule();
    let level = rule.severity().name();
    let (kind, level) = match finding.standing {
        Standing::Violation | Standing::Waived => ("fail", level),
        Standing::Unknown if detail == Detail::Github => ("fail", level),
        Standing::Unknown => ("open", "none"),
        Standing::Pass => ("pass", "none"),
        Standing::NotApplicable => ("notApplicable", "none"),
    };
    let decided = matches!(finding.standing, Standing::Pass | Standing::NotApplicable);
    let at = finding.anchor().map(|at| location(at, detail));
    let at = at.or_else(|| Some(whole_file(&finding.host.snapshot.origin.path)));
    let mut at = match decided {
        true => whole_file(&finding.host.snapshot.origin.path),
        false => at.unwrap_or_else(|| whole_file("-")),
    };
    at.logical_locations = vec![Logical { name: finding.host.title().to_owned(), kind: "module" }];
    let related = finding.policy().filter(|_| !decided).map(|at| Place {
        id: Some(1),
        message: Some(text("the key of the policy that asks for it")),
        ..location(at, detail)
    });
    let print = finding.fingerprint();
    let message = format!("{}: {}", safe::line(finding.host.title()), finding.sentence());
    let help = rule.help().filter(|_| detail == Detail::Github && !decided);
    let message = match help {
        Some(help) => format!("{message}\n{}", safe::lines(help)),
        None => message,
    };
    let mut properties = BTreeMap::from([("verdict", finding.standing.name().to_owned())]);
    properties.insert("host", finding.host.title().to_owned());
    if let Some(endpoint) = finding.endpoint() {
        properties.insert("endpoint", endpoint);
    }
    let index = rule.index();
    Outcome {
        rule_id: rule.id(),
        rule_index: (index < detail.most_rules()).then_some(index),
        kind,
        level,
        message: Message { text: message },
        locations: vec![at],
        related_locations: related.into_iter().collect(),
        partial_fingerprints: BTreeMap::from([
            ("primaryLocationLineHash", format!("{print}:1")),
            ("socklint/v1", print.into_owned()),
        ]),
        suppressions: finding
            .waiver()
            .map(|waiver| Suppression {
                kind: "external",
                status: "accepted",
                justification: justification(waiver),
                location: Location::new(&run.policy.sources, waiver.at)
                    .map(|at| location(at, detail)),
            })
            .into_iter()
            .collect(),
        properties,
    }
}

/// A result of [`INCOMPLETE`], for GitHub.
pub(super) fn incomplete(message: &str, at: Option<Place>, fingerprint: &str) -> Outcome<'static> {
    Outcome {
        rule_id: INCOMPLETE,
        rule_index: None,
        kind: "fail",
        level: "error",
        message: Message { text: message.to_owned() },
        locations: vec![at.unwrap_or_else(|| first_line("socklint.toml"))],
        related_locations: Vec::new(),
        partial_fingerprints: BTreeMap::from([(
            "primaryLocationLineHash",
            format!("{fingerprint}:1"),
        )]),
        suppressions: Vec::new(),
        properties: BTreeMap::new(),
    }
}

fn whole_file(path: &str) -> Place {
    Place {
        id: None,
        message: None,
        physical_location: Physical {
            artifact_location: ArtifactLocation { uri: uri(path) },
            region: None,
        },
        logical_locations: Vec::new(),
    }
}

/// The first line of a file whose text is not at hand.
pub(super) fn first_line(path: &str) -> Place {
    let mut place = whole_file(path);
    place.physical_location.region = Some(Region {
        start_line: 1,
        start_column: 1,
        end_line: 1,
        end_column: 1,
        offsets: None,
        snippet: None,
    });
    place
}

/// 3.24, artifact.
#[derive(Debug, Serialize)]
pub(super) struct Artifact {
    location: ArtifactLocation,
    hashes: BTreeMap<&'static str, String>,
    roles: [&'static str; 1],
}

pub(super) fn hashes(path: &str, sha256: String, role: &'static str) -> Artifact {
    Artifact {
        location: ArtifactLocation { uri: uri(path) },
        hashes: BTreeMap::from([("sha-256", sha256)]),
        roles: [role],
    }
}

/// 3.58, notification.
#[derive(Debug, Serialize)]
pub(super) struct Notification {
    level: &'static str,
    message: Message,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locations: Vec<Place>,
    descriptor: Descriptor,
}

#[derive(Debug, Serialize)]
struct Descriptor {
    id: &'static str,
}

impl Notification {
    pub(super) fn new(
        level: &'static str,
        code: &'static str,
        message: &str,
        at: Option<Place>,
    ) -> Self {
        Self {
            level,
            message: Message { text: safe::line(message).into_owned() },
            locations: at.into_iter().collect(),
            descriptor: Descriptor { id: code },
        }
    }
}

/// 3.20, invocation.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Invocation {
    execution_successful: bool,
    exit_code: u8,
    tool_execution_notifications: Vec<Notification>,
    tool_configuration_notifications: Vec<Notification>,
}

impl Invocation {
    pub(super) fn new(
        summary: &Summary,
        execution: Vec<Notification>,
        configuration: Vec<Notification>,
    ) -> Self {
        Self {
            execution_successful: summary.exit_code() != 2,
            exit_code: summary.exit_code(),
            tool_execution_notifications: execution,
            tool_configuration_notifications: configuration,
        }
    }
}

/// The members of a run behind its results.
#[derive(Debug, Serialize)]
pub(super) struct RunEnd {
    artifacts: Vec<Artifact>,
    invocations: [Invocation; 1],
}

impl RunEnd {
    pub(super) fn new(artifacts: Vec<Artifact>, invocation: Invocation) -> Self {
        Self { artifacts, invocations: [invocation] }
    }
}
