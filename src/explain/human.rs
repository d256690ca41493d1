//! Explanations for people.

use std::fmt::Write as _;

use super::rule::shown;
use super::{
    Endpoint, Judged, Needs, Origin, Outcome, Page, Place, RuleExplanation, Step, What, depends,
};
use crate::audit::{RuleRef, headline, requirement};
use crate::policy::{Action, Policy, Rule};
use crate::style::Style;
use crate::truth::{MissingSet, Truth};

/// A code: its section of the page.
#[must_use]
pub fn code(page: Page, style: Style) -> String {
    format!("{}\n\n{}\n", bold(page.code, style), page.text)
}

/// A rule: what it asks, where its values come from, waivers, and what decides it.
#[must_use]
pub fn rule(rule: &RuleExplanation, style: Style) -> String {
    let mut text = bold(&shown(&rule.id), style);
    if !rule.summary.is_empty() {
        text.push_str(&format!(": {}", shown(&rule.summary)));
    }
    text.push_str("\n\n");
    paragraph(&mut text, &rule.sentence, "", style);
    if let Some((reason, place)) = &rule.disabled {
        let words = format!(
            "An override switched it off, so it is not asked: {reason}{}",
            in_brackets(place.as_ref())
        );
        paragraph(&mut text, &words, "", style);
    }
    if let Some((name, place)) = &rule.inherited {
        let words = format!("It is inherited from `{name}`{}.", in_brackets(place.as_ref()));
        paragraph(&mut text, &words, "", style);
    }
    text.push_str("\nWhere its values come from:\n");
    let width = rule.values.iter().map(|value| value.key.chars().count()).max().unwrap_or(0);
    for value in &rule.values {
        let place = place_text(value.place.as_ref());
        let origin = match &value.origin {
            Origin::Own => place,
            Origin::Inherited => format!("inherited, {place}"),
            Origin::Override { reason } => format!("override, {place}: {reason}"),
            Origin::File if value.place.is_none() => "[policy] of several files".to_owned(),
            Origin::File => format!("[policy], {place}"),
            Origin::Default => "default".to_owned(),
        };
        let key = &value.key;
        let line = format!(
            "  {key:<width$}  {}  {}\n",
            shown(&value.text),
            dim(&format!("({})", shown(&origin)), style)
        );
        text.push_str(&line);
    }
    if !rule.waivers.is_empty() {
        text.push_str("\nWaivers:\n");
    }
    for waiver in &rule.waivers {
        let until = if waiver.expired { "expired, was until" } else { "until" };
        let words = format!("{until} {}, {}: {}", waiver.expires, waiver.matches, waiver.reason);
        let words = format!("{words} ({}; {})", waiver.owner, place_text(waiver.place.as_ref()));
        paragraph(&mut text, &words, "  ", style);
    }
    text.push('\n');
    text.push_str(&needs_text(&rule.needs));
    text
}

fn needs_text(needs: &Needs) -> String {
    let Some(command) = &needs.command else {
        return "It needs no evidence: it asks nothing.\n".to_owned();
    };
    let mut text = format!(
        "To decide it the evidence must show every listener of {}: `{command}`\n",
        needs.words
    );
    for (what, how) in &needs.facts {
        let _ = writeln!(text, "  {what}: {how}");
    }
    text
}

/// An endpoint: each rule that has to do with it, key by key, and what that comes to.
#[must_use]
pub fn endpoint(
    policy: &Policy,
    asked: &Endpoint,
    judged: &Judged,
    all: bool,
    style: Style,
) -> String {
    let mut text = bold(&shown(&judged.endpoint), style);
    text.push_str(&format!(", under the policy `{}`\n", shown(&policy.name)));
    if !asked.transport_named {
        text.push_str("No transport is named: TCP is taken.\n");
    }
    let (near, far): (Vec<&What>, Vec<&What>) =
        judged.rules.iter().partition(|what| !what.outcome.is_elsewhere());
    for what in near {
        if let Some(rule) = policy.rules.get(what.rule) {
            text.push('\n');
            text.push_str(&rule_steps(policy, rule, what, style));
        }
    }
    if all && !far.is_empty() {
        text.push_str("\nNot about it:\n");
    }
    for what in far.iter().filter(|_| all) {
        if let Some(rule) = policy.rules.get(what.rule) {
            let why = match what.outcome {
                Outcome::OtherHost => "for other hosts".to_owned(),
                _ => first_no(&what.matches),
            };
            text.push_str(&format!("  {}: {why}\n", shown(&rule.id)));
        }
    }
    if !all && !far.is_empty() {
        let rules = if far.len() == 1 {
            "1 rule is".to_owned()
        } else {
            format!("{} rules are", far.len())
        };
        text.push_str(&format!("\n{rules} not about it (`--verbose` says why).\n"));
    }
    text.push('\n');
    text.push_str(&listing(policy, judged, style));
    text.push_str(&closing(policy, judged, style));
    text
}

fn first_no(steps: &[Step]) -> String {
    let step = steps.iter().find(|step| step.truth == Truth::No);
    step.map_or_else(
        || "its `match` is not so".to_owned(),
        |step| match &step.instead {
            Some(instead) => format!("{} is not so, it is {}", step.text, shown(instead)),
            None => format!("{} is not so", step.text),
        },
    )
}

fn rule_steps(policy: &Policy, rule: &Rule, what: &What, style: Style) -> String {
    let severity = rule.severity.name();
    let title = headline(RuleRef::Rule(what.rule), policy);
    let mut text = format!("{} ({severity}): {title}\n", bold(&shown(&rule.id), style));
    if what.matches.is_empty() {
        text.push_str("  match    every listener\n");
    }
    steps(&mut text, "match", &what.matches, style);
    match &rule.action {
        Action::Require(_) => steps(&mut text, "require", &what.require, style),
        action => {
            let words = requirement(RuleRef::Rule(what.rule), policy);
            text.push_str(&format!("  {:<8} {words}\n", action.name()));
        }
    }
    let (word, colour) = match what.outcome {
        Outcome::Violates => ("violates it", "31"),
        Outcome::Waived => ("violates it, and a waiver accepts that", "33"),
        Outcome::MayViolate => ("may violate it", "33"),
        Outcome::Satisfies => ("satisfies it", "32"),
        Outcome::Approved => ("is approved by it", "32"),
        Outcome::MayBeApproved => ("may be approved by it", "33"),
        Outcome::Counts => ("counts for it", "32"),
        Outcome::MayCount => ("may count for it", "33"),
        Outcome::NotAbout | Outcome::OtherHost => ("has nothing to do with it", "2"),
    };
    text.push_str(&format!("  = {}\n", coloured(word, colour, style)));
    if let Some(waiver) = what.waiver.and_then(|index| policy.waivers.get(index)) {
        let words =
            format!("waived until {} by {}: {}", waiver.expires.text, waiver.owner, waiver.reason);
        text.push_str(&format!("    {}\n", shown(&words)));
    }
    text.push_str(&open_ends(what.missing, "    "));
    if matches!(what.outcome, Outcome::Violates | Outcome::MayViolate) {
        for (name, words) in [("because", &rule.because), ("help", &rule.help)] {
            if let Some(words) = words {
                text.push_str(&format!("    {name}: {}\n", shown(words)));
            }
        }
    }
    text
}

fn steps(text: &mut String, key: &str, steps: &[Step], style: Style) {
    for (number, step) in steps.iter().enumerate() {
        let key = if number == 0 { key } else { "" };
        let (word, colour) = match step.truth {
            Truth::Yes => ("yes    ", "32"),
            Truth::No => ("no     ", "31"),
            Truth::Unknown(_) => ("unknown", "33"),
        };
        let indent = "  ".repeat(step.depth);
        let instead =
            step.instead.as_ref().map_or_else(String::new, |is| format!(" (it is {})", shown(is)));
        let line = format!(
            "  {key:<8} {} {indent}{}{instead}\n",
            coloured(word, colour, style),
            step.text
        );
        text.push_str(&line);
    }
}

fn open_ends(missing: MissingSet, indent: &str) -> String {
    let line = |(what, how): (&str, &str)| format!("{indent}depends on {what}: say {how}\n");
    missing.iter().map(|missing| line(depends(missing))).collect()
}

/// Which rules list it, and what `unlisted` makes of that.
fn listing(policy: &Policy, judged: &Judged, style: Style) -> String {
    let severity = policy.unlisted.map_or("", |unlisted| unlisted.severity.name());
    let waiver = judged.unlisted_waiver.and_then(|index| policy.waivers.get(index));
    let (words, colour) = match (judged.listed, judged.unlisted) {
        (Truth::Yes, _) => {
            ("A rule speaks of it, so `unlisted` does not catch it.".to_owned(), "32")
        }
        (_, Some(Outcome::Waived)) => {
            let until = waiver.map_or_else(String::new, |waiver| {
                format!(" until {}", shown(&waiver.expires.text))
            });
            let words = format!(
                "No rule speaks of it: `unlisted` ({severity}) catches it, and a waiver accepts that{until}."
            );
            (words, "33")
        }
        (_, Some(Outcome::OtherHost)) => ("`unlisted` is for other hosts.".to_owned(), "33"),
        (Truth::Unknown(_), Some(_)) => {
            let words = format!(
                "Whether a rule speaks of it is open; if none does, `unlisted` ({severity}) catches it."
            );
            (words, "33")
        }
        (Truth::No, Some(Outcome::MayViolate)) => {
            let words = format!(
                "No rule speaks of it; whether `unlisted` ({severity}) is for this host is open."
            );
            (words, "33")
        }
        (Truth::No, Some(_)) => {
            (format!("No rule speaks of it: `unlisted` ({severity}) catches it."), "31")
        }
        (Truth::Unknown(_), None) => {
            ("Whether a rule speaks of it is open; the policy has no `unlisted`.".to_owned(), "0")
        }
        (Truth::No, None) => (
            "No rule speaks of it, and the policy has no `unlisted`: it passes unseen.".to_owned(),
            "33",
        ),
    };
    let open = open_ends(judged.unlisted_missing, "  ");
    format!("{}\n{open}", coloured(&words, colour, style))
}

fn closing(policy: &Policy, judged: &Judged, style: Style) -> String {
    let ids = |outcome: Outcome| -> Vec<String> {
        let rules = judged.rules.iter().filter(|what| what.outcome == outcome);
        let mut ids: Vec<String> = rules
            .filter_map(|what| policy.rules.get(what.rule))
            .map(|rule| format!("`{}`", shown(&rule.id)))
            .collect();
        if judged.unlisted == Some(outcome) {
            ids.push("`unlisted`".to_owned());
        }
        ids
    };
    let (words, colour, outcome) = match judged.worst() {
        Some(Outcome::Violates) => ("Result: rejected by", "31", Outcome::Violates),
        Some(Outcome::MayViolate) => ("Result: open for", "33", Outcome::MayViolate),
        Some(Outcome::Waived) => {
            let open = ids(Outcome::MayViolate);
            match open.is_empty() {
                true => ("Result: accepted for a while by waivers of", "33", Outcome::Waived),
                false => ("Result: open for", "33", Outcome::MayViolate),
            }
        }
        _ => return format!("{}\n", coloured("Result: no rule objects.", "32", style)),
    };
    format!("{} {}.\n", coloured(words, colour, style), ids(outcome).join(", "))
}

fn place_text(place: Option<&Place>) -> String {
    place.map_or_else(|| "?".to_owned(), |place| format!("{}:{}", place.path, place.line))
}

fn in_brackets(place: Option<&Place>) -> String {
    place.map_or_else(String::new, |place| format!(" ({}:{})", place.path, place.line))
}

fn paragraph(text: &mut String, words: &str, indent: &str, style: Style) {
    let words = shown(words);
    let Some(width) = style.width else {
        text.push_str(&format!("{indent}{words}\n"));
        return;
    };
    let options =
        textwrap::Options::new(width.max(20)).initial_indent(indent).subsequent_indent(indent);
    text.push_str(&textwrap::fill(&words, options));
    text.push('\n');
}

fn bold(text: &str, style: Style) -> String {
    coloured(text, "1", style)
}

fn dim(text: &str, style: Style) -> String {
    coloured(text, "2", style)
}

fn coloured(text: &str, code: &str, style: Style) -> String {
    match style.colour {
        true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        false => text.to_owned(),
    }
}
