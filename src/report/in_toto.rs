//! `in-toto`: a statement with a test-result predicate, for attestations of what a pipeline did.
//!
//! Source: in-toto attestation framework, Statement v1 and predicate test-result v0.1. Its
//! `warnedTests` are tests that passed with a warning, so nothing undecided is there: an unknown
//! result is a failed test whose name says so. What is for other hosts is no test. The statement is not
//! signed here.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use super::finding::shortfall;
use super::{HostReport, ReportFormat, Reporter, Run, Style, plain};
use crate::audit::{Summary, Verdict};
use crate::policy::Policy;
use crate::safe;

pub(super) struct InToto;

impl ReportFormat for InToto {
    fn name(&self) -> &'static str {
        "in-toto"
    }

    fn about(&self) -> &'static str {
        "attestation stores and policy engines (in-toto test-result v0.1, unsigned)"
    }

    fn reporter(&self, _: Style) -> Box<dyn Reporter> {
        Box::new(Statement::default())
    }
}

/// The evidence by path and hash, and the tests by name; names stand once, and in one list only.
#[derive(Default)]
struct Statement {
    evidence: BTreeSet<(String, String)>,
    /// Names with how often they were asked for.
    names: HashMap<String, u64>,
    passed: Vec<String>,
    warned: Vec<String>,
    failed: Vec<String>,
}

/// The predicate. Source: `spec/predicates/test-result.md`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Predicate {
    result: &'static str,
    configuration: Vec<Value>,
    passed_tests: Vec<String>,
    warned_tests: Vec<String>,
    failed_tests: Vec<String>,
}

impl Reporter for Statement {
    fn begin(&mut self, _: &Run<'_>, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn host(&mut self, run: &Run<'_>, host: &HostReport, _: &mut dyn Write) -> io::Result<()> {
        let sha256 = plain::sha256(host);
        if !sha256.is_empty() {
            self.evidence.insert((host.snapshot.origin.path.clone(), sha256));
        }
        let title = host.title();
        let Some(results) = &host.results else {
            let name = self.name(format!("not judged: {title}"));
            self.failed.push(name);
            return Ok(());
        };
        for result in results {
            let test = format!("{title}: {}", result.rule.id(run.policy));
            match result.verdict {
                Verdict::Pass => {
                    let name = self.name(test);
                    self.passed.push(name);
                }
                Verdict::Waived => {
                    let name = self.name(format!("waived: {test}"));
                    self.warned.push(name);
                }
                Verdict::Fail => {
                    let name = self.name(test);
                    self.failed.push(name);
                }
                Verdict::Unknown => {
                    let name = self.name(format!("unknown: {test}"));
                    self.failed.push(name);
                }
                Verdict::NotApplicable => {}
            }
        }
        Ok(())
    }

    fn finish(&mut self, run: &Run<'_>, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        if let Some(why) = shortfall(summary) {
            let name = self.name(why);
            self.failed.push(name);
        }
        let this = std::mem::take(self);
        let result = match () {
            () if !this.failed.is_empty() || summary.exit_code() != 0 => "FAILED",
            () if !this.warned.is_empty() => "WARNED",
            () => "PASSED",
        };
        let mut subject: Vec<Value> =
            this.evidence.iter().map(|(path, sha256)| descriptor(path, sha256)).collect();
        // A statement has a subject even where no evidence could be read.
        if subject.is_empty() {
            subject = policies(run.policy);
        }
        let document = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": subject,
            "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
            "predicate": Predicate {
                result,
                configuration: policies(run.policy),
                passed_tests: this.passed,
                warned_tests: this.warned,
                failed_tests: this.failed,
            },
        });
        safe::json(out, &document, false)?;
        out.write_all(b"\n")
    }
}

impl Statement {
    /// The name of a test; the second of two hosts with one name has a number.
    fn name(&mut self, name: String) -> String {
        let count = self.names.entry(name.clone()).or_insert(0);
        *count += 1;
        let mut number = *count;
        if number == 1 {
            return name;
        }
        loop {
            let unique = format!("{name} ({number})");
            if let Entry::Vacant(free) = self.names.entry(unique.clone()) {
                free.insert(1);
                self.names.insert(name, number);
                return unique;
            }
            number += 1;
        }
    }
}

/// The files of a policy.
fn policies(policy: &Policy) -> Vec<Value> {
    policy.sources.files().iter().map(|file| descriptor(file.name(), &file.sha256())).collect()
}

/// A ResourceDescriptor.
fn descriptor(name: &str, sha256: &str) -> Value {
    json!({ "name": name, "digest": { "sha256": sha256 } })
}
