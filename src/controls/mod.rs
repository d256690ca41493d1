//! Compliance controls: for each control that rules name, what they come to over the hosts.
//!
//! A control is never better than the worst of its rules on any host, and never passed while a host
//! could not be judged. Whether a control is met is for an assessor to say: listeners are a part of
//! the proof.

pub mod document;

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::audit::{RuleRef, RuleResult, Verdict};
use crate::frameworks;
use crate::policy::Policy;

/// How many results came to each verdict, by [`Verdict::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts(pub [u64; 5]);

impl Counts {
    /// How many came to a verdict.
    #[must_use]
    pub fn of(&self, verdict: Verdict) -> u64 {
        self.0.get(verdict as usize).copied().unwrap_or_default()
    }

    /// Counts one more.
    pub fn add(&mut self, verdict: Verdict) {
        if let Some(count) = self.0.get_mut(verdict as usize) {
            *count += 1;
        }
    }

    fn join(&mut self, other: &Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count += more;
        }
    }

    /// The worst of them: fail, then unknown, waived, pass; not applicable when there is no other.
    #[must_use]
    pub fn worst(&self) -> Verdict {
        [Verdict::Fail, Verdict::Unknown, Verdict::Waived, Verdict::Pass]
            .into_iter()
            .find(|&verdict| self.of(verdict) > 0)
            .unwrap_or(Verdict::NotApplicable)
    }
}

/// Counts the results of rules, host by host.
#[derive(Debug, Default)]
pub struct Tally {
    rules: Vec<Counts>,
    judged: u64,
    unread: u64,
}

impl Tally {
    /// Counts nothing yet.
    #[must_use]
    pub fn new(policy: &Policy) -> Self {
        Self { rules: vec![Counts::default(); policy.rules.len()], judged: 0, unread: 0 }
    }

    /// Adds a host; `None` when its evidence could not be used.
    pub fn add(&mut self, results: Option<&[RuleResult]>) {
        let Some(results) = results else {
            self.unread += 1;
            return;
        };
        self.judged += 1;
        for result in results {
            if let RuleRef::Rule(index) = result.rule
                && let Some(counts) = self.rules.get_mut(index)
            {
                counts.add(result.verdict);
            }
        }
    }

    /// What a rule came to.
    #[must_use]
    pub fn rule(&self, index: usize) -> Counts {
        self.rules.get(index).copied().unwrap_or_default()
    }

    /// Hosts whose evidence could not be used.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.unread
    }

    /// The controls of a policy, by framework; `broken` is how many pieces of evidence could not be
    /// used, as the summary has it.
    #[must_use]
    pub fn table(&self, policy: &Policy, broken: u64) -> Vec<FrameworkTable> {
        let whole = self.judged > 0 && self.unread == 0 && broken == 0;
        let mut found: Vec<Control> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (index, rule) in policy.rules.iter().enumerate() {
            for (nth, text) in rule.controls.iter().enumerate() {
                let again = rule.controls.iter().take(nth).any(|before| before == text);
                let Some((framework, id)) = frameworks::split(text).filter(|_| !again) else {
                    continue;
                };
                let at = *places.entry(text.as_str()).or_insert_with(|| {
                    found.push(Control {
                        framework: framework.to_owned(),
                        id: id.to_owned(),
                        title: frameworks::title(text),
                        rules: Vec::new(),
                        counts: Counts::default(),
                        whole,
                    });
                    found.len() - 1
                });
                if let Some(control) = found.get_mut(at) {
                    control.rules.push(index);
                    control.counts.join(&self.rule(index));
                }
            }
        }
        found.sort_by(|a, b| {
            a.framework.cmp(&b.framework).then_with(|| natural(&a.id, &b.id)).then(a.id.cmp(&b.id))
        });
        let mut tables: Vec<FrameworkTable> = Vec::new();
        for control in found {
            match tables.last_mut().filter(|table| table.name == control.framework) {
                Some(table) => table.controls.push(control),
                None => tables.push(FrameworkTable {
                    title: frameworks::framework(&control.framework).map(|known| known.title),
                    name: control.framework.clone(),
                    controls: vec![control],
                }),
            }
        }
        tables
    }
}

/// The controls of a framework that rules name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameworkTable {
    /// Its name in control ids: `pci-dss-4.0.1`.
    pub name: String,
    /// Its name for people, where known.
    pub title: Option<&'static str>,
    /// Its controls, in the order of their numbers.
    pub controls: Vec<Control>,
}

impl FrameworkTable {
    /// The name for people, or the one in control ids.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.title.unwrap_or(&self.name)
    }
}

/// One control.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// Its framework.
    pub framework: String,
    /// Its id in the framework.
    pub id: String,
    /// What it is about, where known.
    pub title: Option<&'static str>,
    /// The rules that name it, by their index in the policy.
    pub rules: Vec<usize>,
    /// What these rules came to, each on each host.
    pub counts: Counts,
    /// All evidence could be used, and there was some.
    whole: bool,
}

impl Control {
    /// What the control comes to: that of the worst of its rules, but no better than unknown where a
    /// host could not be judged.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        comes_to(&self.counts, self.whole)
    }
}

/// What a control comes to by the results of its rules; `whole` when there are hosts and all were judged.
fn comes_to(counts: &Counts, whole: bool) -> Verdict {
    match counts.worst() {
        Verdict::Fail => Verdict::Fail,
        _ if !whole => Verdict::Unknown,
        verdict => verdict,
    }
}

/// Compares ids by their numbers: `2.1.9` before `2.1.11`.
fn natural(a: &str, b: &str) -> Ordering {
    parts(a).cmp(parts(b))
}

/// Runs of digits as numbers, each other character by itself; digits come first.
fn parts(text: &str) -> impl Iterator<Item = (Option<u64>, char)> + '_ {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, tail) = rest.split_at_checked(end)?;
        if digits.is_empty() {
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
            return Some((Some(u64::MAX), first));
        }
        rest = tail;
        Some((digits.parse().ok(), '0'))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::audit::audit;
    use crate::capture::{Options, read};
    use crate::policy::load;
    use crate::snapshot::Grade;
    use crate::source::SourceFile;

    const POLICY: &str = r#"
[[rule]]
id = "telnet"
match = { transport = "tcp", port = 23 }
forbid = true
controls = ["nist-800-53r5:CM-7", "nist-800-53r5:CM-7", "pci-dss-4.0.1:2.2.10.1"]
[[rule]]
id = "tftp"
match = { transport = "udp", port = 69 }
forbid = true
controls = ["nist-800-53r5:CM-7", "pci-dss-4.0.1:2.2.5"]
[[rule]]
id = "elsewhere"
hosts = ["other"]
match = { transport = "tcp", port = 24 }
forbid = true
controls = ["nist-800-53r5:AC-17"]
[[rule]]
id = "ssh"
match = { transport = "tcp", port = 22 }
require = { bind = "loopback" }
controls = ["x-acme:NET 1"]
"#;

    const TCP: &str = "$ ss -ltn\nState Recv-Q Send-Q Local Address:Port Peer Address:Port\n\
                       LISTEN 0 128 127.0.0.1:22 0.0.0.0:*\n";

    fn source(name: &str, text: &str) -> Arc<SourceFile> {
        Arc::new(SourceFile::new(name, text))
    }

    fn tables(texts: &[Option<&str>], broken: u64) -> Vec<(String, Verdict, [u64; 5])> {
        let policy = load(vec![source("policy.toml", POLICY)]).policy.expect("it loads");
        let mut tally = Tally::new(&policy);
        let options = Options { host: Some("web".to_owned()), ..Options::default() };
        for text in texts {
            let results = text.map(|text| {
                let mut captures = read(source("capture.txt", text), &options);
                audit(&policy, &captures.remove(0).snapshot, Grade::Presumed)
            });
            tally.add(results.as_deref());
        }
        let tables = tally.table(&policy, broken);
        let controls = tables.iter().flat_map(|table| &table.controls);
        let row = |control: &Control| {
            (format!("{}:{}", control.framework, control.id), control.verdict(), control.counts.0)
        };
        controls.map(row).collect()
    }

    #[test]
    fn a_control_is_as_good_as_the_worst_of_its_rules() {
        let telnet = format!("{TCP}LISTEN 0 128 0.0.0.0:23 0.0.0.0:*\n");
        let expected = [
            ("nist-800-53r5:AC-17", Verdict::NotApplicable, [0, 0, 0, 0, 2]),
            ("nist-800-53r5:CM-7", Verdict::Fail, [1, 1, 2, 0, 0]),
            ("pci-dss-4.0.1:2.2.5", Verdict::Unknown, [0, 0, 2, 0, 0]),
            ("pci-dss-4.0.1:2.2.10.1", Verdict::Fail, [1, 1, 0, 0, 0]),
            ("x-acme:NET 1", Verdict::Pass, [2, 0, 0, 0, 0]),
        ];
        let expected = expected.map(|(id, verdict, counts)| (id.to_owned(), verdict, counts));
        assert_eq!(tables(&[Some(TCP), Some(&telnet)], 0), expected);
    }

    #[test]
    fn nothing_passes_while_a_host_could_not_be_judged() {
        for (texts, broken) in
            [(&[Some(TCP), None][..], 1), (&[Some(TCP)][..], 1), (&[][..], 0), (&[None][..], 0)]
        {
            for (control, verdict, _) in tables(texts, broken) {
                assert_eq!(verdict, Verdict::Unknown, "{control} with {broken} broken");
            }
        }
    }
}
