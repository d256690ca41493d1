//! `socklint verify`.

use std::cell::RefCell;
use std::io::Write as _;
use std::path::Path;

use clap::Parser as _;
use serde_json::Value;

use super::args::{KeptArgs, VerifyArgs};
use super::bundle::{judge, read_text, statement};
use super::error::{CliError, CliErrorKind};
use super::input::{Piece, Source, options};
use super::output::Screen;
use super::session::Session;
use crate::bundle::{
    ENVELOPE, EvidencePart, MANIFEST, Manifest, Members, REPORT, Replay, STATEMENT, WAIVERS, dsse,
    restore, unpack,
};
use crate::capture::Options;
use crate::policy::load_with;
use crate::safe;

/// How many differences are shown.
const SHOWN: usize = 10;

/// Runs the command and says its exit code: 0, 1 when something is not as the bundle says, 2 when it cannot
/// be read.
pub(super) fn run(args: &VerifyArgs, screen: &Screen) -> u8 {
    let (faults, facts) = match verify(args, screen) {
        Ok(verified) => verified,
        Err(error) => {
            screen.complain(&error);
            return 2;
        }
    };
    for fault in faults.iter().take(SHOWN) {
        screen.complain(&CliError::new(
            CliErrorKind::Bundle,
            fault.as_str(),
            "the bundle was changed after it was made: ask for the one that was handed out",
        ));
    }
    if faults.len() > SHOWN {
        screen.note(&format!("and {} more", faults.len() - SHOWN));
    }
    let name = args.bundle.to_string_lossy();
    let mut text = String::new();
    for fact in facts {
        text.push_str(&format!("{}: {}\n", safe::line(&name), safe::line(&fact)));
    }
    let word = if faults.is_empty() { "verified" } else { "NOT verified" };
    text.push_str(&format!("{}: {word}\n", safe::line(&name)));
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    u8::from(!faults.is_empty())
}

/// What is wrong, and what was found to be so.
type Verified = (Vec<String>, Vec<String>);

fn verify(args: &VerifyArgs, screen: &Screen) -> Result<Verified, CliError> {
    let key = args.key.as_deref().map(read_text).transpose()?;
    let members = open(&args.bundle)?;
    let mut facts = Vec::new();
    let manifest = match Manifest::check(&members) {
        Ok(manifest) => manifest,
        Err(faults) if members.contains_key(MANIFEST) => return Ok((faults, facts)),
        Err(faults) => return Err(broken(&args.bundle, &faults.join("; "))),
    };
    facts.push(format!("{} members, with the hashes of the manifest", manifest.members.len()));
    let mut faults = Vec::new();
    signature(&members, key.as_deref(), &mut faults, &mut facts);
    again(args, &members, &manifest, screen, &mut faults, &mut facts)?;
    Ok((faults, facts))
}

fn open(path: &Path) -> Result<Members, CliError> {
    #[expect(clippy::disallowed_methods, reason = "the command line reads bundles")]
    let file = std::fs::File::open(path).map_err(|fault| CliError::unreadable(path, &fault))?;
    unpack(std::io::BufReader::new(file)).map_err(|why| broken(path, &why))
}

fn broken(path: &Path, why: &str) -> CliError {
    CliError::new(
        CliErrorKind::Bundle,
        format!("`{}` is no whole bundle: {why}", path.display()),
        "`socklint bundle -o audit.tar` makes one",
    )
}

/// Compares the signed statement with the statement, and asks whose signature it is.
fn signature(
    members: &Members,
    key: Option<&str>,
    faults: &mut Vec<String>,
    facts: &mut Vec<String>,
) {
    let Some(bytes) = members.get(ENVELOPE) else {
        match key {
            Some(_) => faults.push("the bundle is not signed, and a key is given".to_owned()),
            None => facts.push("not signed".to_owned()),
        }
        return;
    };
    let envelope: dsse::Envelope = match serde_json::from_slice(bytes) {
        Ok(envelope) => envelope,
        Err(fault) => return faults.push(format!("`{ENVELOPE}` cannot be read: {fault}")),
    };
    let payload = match key {
        Some(key) => dsse::verify(&envelope, key),
        None => dsse::payload(&envelope),
    };
    match payload {
        Err(why) => faults.push(format!("`{ENVELOPE}` is not to be trusted: {why}")),
        Ok(payload) if Some(&payload) != members.get(STATEMENT) => {
            faults.push(format!("`{ENVELOPE}` signs another statement than `{STATEMENT}`"));
        }
        Ok(_) => {
            let by = envelope.signatures.first().map_or("", |signature| signature.keyid.as_str());
            facts.push(match key {
                Some(_) => "signed by the key that was given".to_owned(),
                None => format!("signed by the key {by}, not checked: name the key with `--key`"),
            });
        }
    }
}

/// Judges the evidence of a bundle again and compares everything that follows from it.
fn again(
    args: &VerifyArgs,
    members: &Members,
    manifest: &Manifest,
    screen: &Screen,
    faults: &mut Vec<String>,
    facts: &mut Vec<String>,
) -> Result<(), CliError> {
    let kept = KeptArgs::try_parse_from(&manifest.arguments).map_err(|fault| {
        broken(&args.bundle, &format!("its arguments are none: {}", fault.kind()))
    })?;
    if kept.audit.now.as_deref() != Some(manifest.judged_at.as_str()) {
        faults.push("the moment of the audit is not that of its arguments".to_owned());
    }
    let library =
        Replay::new(&manifest.policy, members).map_err(|why| broken(&args.bundle, &why))?;
    let loaded = load_with(library.named(), &library);
    let Some(session) = Session::new(&kept.audit, loaded, &|_| Ok(()), screen)? else {
        return Err(broken(&args.bundle, "its policy does not load"));
    };
    let source = Kept {
        options: options(&kept.input)?,
        parts: &manifest.evidence,
        unread: &manifest.unread,
        members,
        faults: RefCell::default(),
    };
    let judged = judge(&session, &source, kept.input.lenient)?;
    faults.extend(source.faults.into_inner());
    let version = env!("CARGO_PKG_VERSION");
    if manifest.tool != version {
        facts.push(format!("made by socklint {}, judged again by {version}", manifest.tool));
    }
    let before = faults.len();
    let bytes = |name: &str| members.get(name).map(Vec::as_slice).unwrap_or_default();
    if bytes(REPORT) != judged.report {
        differences(bytes(REPORT), &judged.report, manifest.tool == version, faults);
    }
    if bytes(WAIVERS) != judged.waivers {
        faults.push(format!("`{WAIVERS}` is not what follows from the evidence and the policy"));
    }
    let exit_code = judged.outcome.summary.exit_code();
    if manifest.exit_code != exit_code {
        faults.push(format!(
            "the exit code was {}, and judged again it is {exit_code}",
            manifest.exit_code
        ));
    }
    let statement = statement(&judged.statement, bytes(MANIFEST))?;
    if manifest.tool == version && bytes(STATEMENT) != statement {
        faults.push(format!("`{STATEMENT}` is not what follows from the evidence and the policy"));
    }
    if faults.len() == before {
        facts.push(format!(
            "judged again by the moment {}: the same report, exit code {exit_code}",
            manifest.judged_at
        ));
    }
    Ok(())
}

/// Names what a report says otherwise than it comes out.
fn differences(said: &[u8], found: &[u8], same_version: bool, faults: &mut Vec<String>) {
    let before = faults.len();
    let (Ok(said), Ok(found)) =
        (serde_json::from_slice::<Value>(said), serde_json::from_slice::<Value>(found))
    else {
        return faults.push(format!("`{REPORT}` cannot be read"));
    };
    let hosts = |report: &Value| report["hosts"].as_array().cloned().unwrap_or_default();
    let (old, new) = (hosts(&said), hosts(&found));
    if old.len() != new.len() {
        faults.push(format!(
            "`{REPORT}` is of {} hosts, and the evidence of {}",
            old.len(),
            new.len()
        ));
    }
    for (old, new) in old.iter().zip(&new) {
        let name = new["host"].as_str().unwrap_or("a host without a name");
        let results = |host: &Value| host["results"].as_array().cloned().unwrap_or_default();
        for (old, new) in results(old).iter().zip(&results(new)) {
            if old == new {
                continue;
            }
            let (rule, was, is) = (&new["rule"], &old["verdict"], &new["verdict"]);
            let rule = rule.as_str().unwrap_or_default();
            faults.push(match was == is {
                true => format!("{name}: what the report says of `{rule}` is not what follows"),
                false => format!("{name}: the report says {was} of `{rule}`, and it is {is}"),
            });
        }
    }
    let same_summary = said.get("summary") == found.get("summary");
    if faults.len() == before && (same_version || !same_summary) {
        faults.push(format!("`{REPORT}` is not what follows from the evidence and the policy"));
    }
}

/// The evidence of a bundle.
struct Kept<'a> {
    options: Options,
    parts: &'a [EvidencePart],
    unread: &'a [String],
    members: &'a Members,
    faults: RefCell<Vec<String>>,
}

impl Source for Kept<'_> {
    fn options(&self) -> &Options {
        &self.options
    }

    fn pieces(
        &self,
        each: &mut dyn FnMut(Piece),
        error: &mut dyn FnMut(CliError),
        _: &mut dyn FnMut(String),
    ) {
        for part in self.parts {
            match restore(part, self.members) {
                Ok(evidence) => each(Piece::Evidence(evidence)),
                Err(why) => self.faults.borrow_mut().push(why),
            }
        }
        for message in self.unread {
            error(CliError::new(CliErrorKind::Unreadable, message.as_str(), "see the manifest"));
        }
    }
}
