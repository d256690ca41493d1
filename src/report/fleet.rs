//! What people see first of many hosts: rules by how many hosts they fail on, the worst hosts, and the
//! evidence that could not be read. Memory grows with the policy, not with the fleet.

use std::cmp::Reverse;
use std::io::{self, Write};

use super::{HostReport, Run};
use crate::audit::{RuleRef, headline};
use crate::policy::Policy;
use crate::safe;
use crate::style::{Style, right, wrap};

/// So many hosts are shown one by one, as a single one is.
const FEW: u64 = 20;

/// How many rules are shown.
const RULES: usize = 20;

/// How many hosts are shown.
const WORST: usize = 10;

/// Counts over all hosts so far.
#[derive(Debug, Default)]
pub(super) struct Fleet {
    hosts: u64,
    failing: u64,
    /// By the index of the rule; the last one is `unlisted`.
    rules: Vec<Violated>,
    /// The worst first, [`WORST`] at most.
    worst: Vec<Host>,
    /// The first of those that could not be read: what they are called, and why.
    unread: Vec<String>,
    unread_count: u64,
}

/// How often a rule is violated.
#[derive(Debug, Clone, Copy, Default)]
struct Violated {
    hosts: u64,
    violations: u64,
}

/// A host with its violations: errors, warnings, notes.
#[derive(Debug)]
struct Host {
    counts: [u64; 3],
    title: String,
}

impl Fleet {
    /// Whether there are more than a few hosts.
    pub(super) fn is_one(&self) -> bool {
        self.hosts > FEW
    }

    /// Whether the last host made it so.
    pub(super) fn begins(&self) -> bool {
        self.hosts == FEW + 1
    }

    /// Adds a host.
    pub(super) fn add(&mut self, run: &Run<'_>, host: &HostReport) {
        self.hosts += 1;
        let Some(results) = &host.results else {
            self.unread_count += 1;
            if self.unread.len() < run.max_diagnostics {
                let worst = host.issues.iter().max_by_key(|issue| issue.kind.severity(run.lenient));
                let why = worst.map_or("", |issue| issue.message.as_str());
                self.unread.push(format!("{}: {why}", host.title()));
            }
            return;
        };
        self.rules.resize(run.policy.rules.len() + 1, Violated::default());
        let unlisted = run.policy.rules.len();
        let mut counts = [0; 3];
        for result in results {
            let counted = result.violations.iter().filter(|violation| violation.waiver.is_none());
            let count = counted.count() as u64;
            if count == 0 {
                continue;
            }
            let index = match result.rule {
                RuleRef::Rule(index) => index,
                RuleRef::Unlisted => unlisted,
            };
            if let Some(rule) = self.rules.get_mut(index) {
                rule.hosts += 1;
                rule.violations += count;
            }
            let severity = result.rule.severity(run.policy);
            if let Some(sum) = counts.iter_mut().rev().nth(severity as usize) {
                *sum += count;
            }
        }
        if counts == [0; 3] {
            return;
        }
        self.failing += 1;
        // Of two that are as bad, the first one stays before.
        let place = self.worst.partition_point(|other| other.counts >= counts);
        if place < WORST {
            self.worst.truncate(WORST - 1);
            self.worst.insert(place, Host { counts, title: host.title().to_owned() });
        }
    }

    /// Writes the tables.
    pub(super) fn write(
        &self,
        policy: &Policy,
        style: Style,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let mut table =
            Table { width: style.width.unwrap_or(80).max(40), colour: style.colour, out };
        if self.failing > 0 {
            self.rules(policy, &mut table)?;
            self.worst(&mut table)?;
        }
        if self.unread_count > 0 {
            table.title("not read")?;
            for unread in &self.unread {
                table.row("  ", unread)?;
            }
            table.more(self.unread_count, self.unread.len())?;
        }
        Ok(())
    }

    fn rules(&self, policy: &Policy, table: &mut Table<'_>) -> io::Result<()> {
        let rule = |index: usize| match index < policy.rules.len() {
            true => RuleRef::Rule(index),
            false => RuleRef::Unlisted,
        };
        let mut rules: Vec<(usize, Violated)> =
            self.rules.iter().copied().enumerate().filter(|(_, rule)| rule.hosts > 0).collect();
        rules.sort_by_key(|&(index, counts)| {
            (Reverse(counts.hosts), Reverse(counts.violations), index)
        });
        table.title("rules by number of hosts")?;
        table.row("    HOSTS  VIOLATIONS  SEVERITY  ", "RULE")?;
        for &(index, Violated { hosts, violations }) in rules.iter().take(RULES) {
            let rule = rule(index);
            let prefix = format!(
                "{}  {}  {:8}  ",
                right(&hosts.to_string(), 9),
                right(&violations.to_string(), 10),
                rule.severity(policy).name()
            );
            let (id, about) = (rule.id(policy), headline(rule, policy));
            let text = if about == id { about } else { format!("{id}: {about}") };
            table.row(&prefix, &text)?;
        }
        table.more(rules.len() as u64, RULES)
    }

    fn worst(&self, table: &mut Table<'_>) -> io::Result<()> {
        table.title("worst hosts")?;
        table.row("   ERRORS  WARNINGS     NOTES  ", "HOST")?;
        for Host { counts: [errors, warnings, notes], title } in &self.worst {
            let cell = |count: &u64, width| right(&count.to_string(), width);
            let prefix =
                format!("{}  {}  {}  ", cell(errors, 9), cell(warnings, 8), cell(notes, 8));
            table.row(&prefix, title)?;
        }
        table.more(self.failing, WORST)
    }
}

/// Where tables go.
struct Table<'a> {
    width: usize,
    colour: bool,
    out: &'a mut dyn Write,
}

impl Table<'_> {
    fn title(&mut self, text: &str) -> io::Result<()> {
        match self.colour {
            true => writeln!(self.out, "\u{1b}[1m{text}\u{1b}[0m"),
            false => writeln!(self.out, "{text}"),
        }
    }

    /// A row whose last cell is a text, which goes on below where it is too long.
    fn row(&mut self, prefix: &str, text: &str) -> io::Result<()> {
        let indent = " ".repeat(prefix.len().min(self.width / 2));
        let lines = wrap(prefix, &indent, &safe::line(text), Some(self.width));
        writeln!(self.out, "{}", safe::wrapped(&lines.join("\n")))
    }

    /// Ends a table of `count` rows, of which up to `shown` stand there.
    fn more(&mut self, count: u64, shown: usize) -> io::Result<()> {
        match count.saturating_sub(shown as u64) {
            0 => writeln!(self.out),
            more => writeln!(self.out, "  and {more} more\n"),
        }
    }
}
