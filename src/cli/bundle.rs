//! `socklint bundle`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::ValueEnum as _;
use serde::Serialize;
use serde_json::{Value, json};

use super::args::{AuditArgs, BundleArgs, InputArgs};
use super::error::{CliError, CliErrorKind};
use super::input::{Inputs, Jobs, Piece, Source};
use super::output::{Screen, distinct, write_file};
use super::policies;
use super::session::{self, Outcome, Session, Telling};
use crate::bundle::{
    ENVELOPE, EvidencePart, MANIFEST, Manifest, MemberPart, Members, REPORT, SCHEMA, STATEMENT,
    WAIVERS, dsse, json as member, keep, pack,
};
use crate::capture::{Capture, Options};
use crate::evidence::layout::{Layout, Role};
use crate::evidence::{Evidence, Raw};
use crate::report::{self, HostReport, Run, Style};
use crate::snapshot::document;

/// Runs the command and says its exit code: that of the audit, when the bundle is written.
pub(super) fn run(args: &BundleArgs, screen: &Screen) -> u8 {
    bundle(args, screen).unwrap_or_else(|error| {
        screen.complain(&error);
        2
    })
}

fn bundle(args: &BundleArgs, screen: &Screen) -> Result<u8, CliError> {
    let key = args.sign.as_deref().map(read_text).transpose()?;
    // Whoever judges it again judges by the same moment.
    let now = session::now(args.audit.now.as_deref())?;
    let audit = AuditArgs { now: Some(now.to_string()), ..args.audit.clone() };
    let mut members = Members::new();
    let (loaded, policy) = policies::find_for_bundle(&audit.policy, &mut members)?;
    let policies = loaded.sources.files().iter().map(|source| Path::new(source.name()));
    let inputs = args.input.inputs.iter().chain(&args.sign).map(PathBuf::as_path);
    distinct([args.output.as_path()], policies.chain(inputs))?;
    let Some(session) = Session::new(&audit, loaded, &|_| Ok(()), screen)? else { return Ok(2) };
    let inputs = Inputs::new(&args.input)?;
    let tap = Tap { inputs: &inputs, kept: RefCell::default() };
    let judged = judge(&session, &tap, args.input.lenient)?;
    let Taken { texts, evidence, unread } = tap.kept.into_inner();
    members.extend(texts);
    members.insert(REPORT.to_owned(), judged.report);
    members.insert(WAIVERS.to_owned(), judged.waivers);
    let exit_code = judged.outcome.summary.exit_code();
    let manifest = Manifest {
        schema: SCHEMA.to_owned(),
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        arguments: arguments(&args.input, &audit),
        judged_at: now.to_string(),
        exit_code,
        policy,
        evidence,
        unread,
        members: members
            .iter()
            .map(|(name, bytes)| (name.clone(), MemberPart::of(bytes)))
            .collect(),
    };
    let manifest = member(&manifest).map_err(|fault| fault_of(&args.output, &fault))?;
    let statement = statement(&judged.statement, &manifest)?;
    if let Some(key) = key {
        let envelope = dsse::sign(&statement, &key).map_err(|why| {
            CliError::new(
                CliErrorKind::Usage,
                format!("the bundle cannot be signed: {why}"),
                "make a key: `openssl genpkey -algorithm ed25519 -out key.pem`",
            )
        })?;
        let envelope = member(&envelope).map_err(|fault| fault_of(&args.output, &fault))?;
        members.insert(ENVELOPE.to_owned(), envelope);
    }
    members.insert(MANIFEST.to_owned(), manifest);
    members.insert(STATEMENT.to_owned(), statement);
    let mut archive = Vec::new();
    pack(&members, &mut archive).map_err(|fault| fault_of(&args.output, &fault))?;
    write_file(&args.output, &archive)?;
    judged.outcome.found.tell(screen);
    for error in &judged.outcome.errors {
        screen.complain(error);
    }
    let signed = if args.sign.is_some() { "signed" } else { "not signed" };
    screen.note(&format!(
        "{}: {} members, {signed}; the audit ended with exit code {exit_code}",
        args.output.display(),
        members.len()
    ));
    Ok(exit_code)
}

fn fault_of(path: &Path, fault: &std::io::Error) -> CliError {
    CliError::unwritable(&path.to_string_lossy(), fault)
}

/// A small text file, such as a key.
pub(super) fn read_text(path: &Path) -> Result<String, CliError> {
    #[expect(clippy::disallowed_methods, reason = "the command line reads keys")]
    std::fs::read_to_string(path).map_err(|fault| CliError::unreadable(path, &fault))
}

/// Evidence that is kept on its way to be judged.
struct Tap<'a> {
    inputs: &'a Inputs<'a>,
    kept: RefCell<Taken>,
}

#[derive(Default)]
struct Taken {
    texts: Members,
    evidence: Vec<EvidencePart>,
    /// What could not be read, and why.
    unread: Vec<String>,
}

impl Source for Tap<'_> {
    fn options(&self) -> &Options {
        self.inputs.options()
    }

    fn pieces(
        &self,
        each: &mut dyn FnMut(Piece),
        error: &mut dyn FnMut(CliError),
        note: &mut dyn FnMut(String),
    ) {
        let mut keep = |piece| {
            let evidence = match piece {
                Piece::Evidence(evidence) => evidence,
                Piece::Live(capture) => written(&capture),
            };
            let taken = &mut *self.kept.borrow_mut();
            taken.evidence.push(keep(&evidence, &mut taken.texts));
            each(Piece::Evidence(evidence));
        };
        let mut error = |fault: CliError| {
            self.kept.borrow_mut().unread.push(fault.message().to_owned());
            error(fault);
        };
        self.inputs.pieces(&mut keep, &mut error, note);
    }
}

/// The live host as a snapshot document: nobody can look at it again.
fn written(capture: &Capture) -> Evidence {
    let mut bytes = Vec::new();
    // Writing to memory cannot fail.
    let _ = document::write(&mut bytes, &capture.snapshot);
    Evidence {
        host: capture.snapshot.host.name.clone(),
        path: crate::live::NAME.to_owned(),
        layout: Layout::Alone,
        found: false,
        captured_at: None,
        obfuscated: false,
        texts: vec![Raw {
            name: crate::live::NAME.to_owned(),
            bytes,
            lines_before: 0,
            role: Role::PLAIN,
        }],
    }
}

/// What an audit gives to a bundle.
pub(super) struct Judged {
    pub(super) outcome: Outcome,
    pub(super) report: Vec<u8>,
    pub(super) waivers: Vec<u8>,
    /// The in-toto statement, without the manifest.
    pub(super) statement: Vec<u8>,
}

/// A waiver of the policy, and what it accepted.
#[derive(Serialize)]
struct WaiverDocument<'a> {
    reason: &'a str,
    owner: &'a str,
    expires: &'a str,
    expired: bool,
    approved_by: Option<&'a str>,
    ticket: Option<&'a str>,
    compensating: Option<&'a str>,
    /// Fingerprints of the violations that it accepts.
    accepted: Vec<String>,
}

/// Judges evidence for a bundle: when it is made, and when it is verified.
pub(super) fn judge(
    session: &Session<'_>,
    source: &dyn Source,
    lenient: bool,
) -> Result<Judged, CliError> {
    let run = session.run(Telling { lenient, verbose: false, quiet: false, max_diagnostics: 100 });
    let mut reports = [Written::new("json", &run)?, Written::new("in-toto", &run)?];
    let mut accepted: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let outcome = session.judge(&run, source, Jobs::new(None), &mut |host| {
        reports.iter_mut().for_each(|report| report.host(&run, host));
        let violations = host.results.iter().flatten().flat_map(|result| &result.violations);
        for violation in violations {
            if let Some(waiver) = violation.waiver {
                accepted.entry(waiver).or_default().push(violation.fingerprint.clone());
            }
        }
    });
    let waivers: Vec<WaiverDocument<'_>> = run
        .policy
        .waivers
        .iter()
        .enumerate()
        .map(|(index, waiver)| WaiverDocument {
            reason: &waiver.reason,
            owner: &waiver.owner,
            expires: &waiver.expires.text,
            expired: waiver.expires.is_past(run.judged_at),
            approved_by: waiver.approved_by.as_deref(),
            ticket: waiver.ticket.as_deref(),
            compensating: waiver.compensating.as_deref(),
            accepted: accepted.remove(&index).unwrap_or_default(),
        })
        .collect();
    let waivers = member(&waivers).map_err(|fault| fault_of(Path::new(WAIVERS), &fault))?;
    let [report, statement] = reports.map(|report| report.finish(&run, &outcome));
    Ok(Judged { report, waivers, statement, outcome })
}

/// A report that is written to memory, which cannot fail.
struct Written {
    reporter: Box<dyn report::Reporter>,
    text: Vec<u8>,
}

impl Written {
    fn new(name: &str, run: &Run<'_>) -> Result<Self, CliError> {
        let format = session::format(name, report::REPORTERS)?;
        let mut written = Self { reporter: format.reporter(Style::default()), text: Vec::new() };
        let _ = written.reporter.begin(run, &mut written.text);
        Ok(written)
    }

    fn host(&mut self, run: &Run<'_>, host: &HostReport) {
        let _ = self.reporter.host(run, host, &mut self.text);
    }

    fn finish(mut self, run: &Run<'_>, outcome: &Outcome) -> Vec<u8> {
        let _ = self.reporter.finish(run, &outcome.summary, &mut self.text);
        self.text
    }
}

/// The in-toto statement over the evidence, and over the manifest, which names everything else.
pub(super) fn statement(of_audit: &[u8], manifest: &[u8]) -> Result<Vec<u8>, CliError> {
    let unreadable = |fault: &dyn std::fmt::Display| {
        let message = format!("the statement cannot be written: {fault}");
        CliError::new(CliErrorKind::Bundle, message, "this is a fault of socklint: report it")
    };
    let mut statement: Value =
        serde_json::from_slice(of_audit).map_err(|fault| unreadable(&fault))?;
    if let Some(subject) = statement.get_mut("subject").and_then(Value::as_array_mut) {
        let sha256 = MemberPart::of(manifest).sha256;
        subject.insert(0, json!({"name": MANIFEST, "digest": {"sha256": sha256}}));
    }
    member(&statement).map_err(|fault| unreadable(&fault))
}

/// The options of an audit as a command line that gives the same again; inputs, policies and outputs are
/// kept as members.
fn arguments(input: &InputArgs, audit: &AuditArgs) -> Vec<String> {
    let mut words = Vec::new();
    let mut give = |name: &str, value: &str| words.push(format!("--{name}={value}"));
    for (name, value) in [("from", &input.from), ("command", &input.command), ("host", &input.host)]
    {
        value.iter().for_each(|value| give(name, value));
    }
    for (name, values) in
        [("label", &input.label), ("rule", &audit.rule), ("skip", &audit.skip), ("tag", &audit.tag)]
    {
        values.iter().for_each(|value| give(name, value));
    }
    audit.now.iter().for_each(|now| give("now", now));
    let name = |value: Option<clap::builder::PossibleValue>| {
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    };
    give("fail-on", &name(audit.fail_on.to_possible_value()));
    give("unknown", &name(audit.unknown.to_possible_value()));
    give("evidence", &name(audit.evidence.to_possible_value()));
    for (name, set) in
        [("lenient", input.lenient), ("no-waivers", audit.no_waivers), ("strict", audit.strict)]
    {
        if set {
            words.push(format!("--{name}"));
        }
    }
    words
}
