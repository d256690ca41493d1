//! Rules that name no port, by the process that holds a socket.
//!
//! Most rules without a port name a process, and a host has few names: what a name rules out is found
//! out once, so that thousands of such rules cost little on each socket.

use std::collections::BTreeMap;

use crate::policy::{Facts, Policy};
use crate::snapshot::{NameKind, Socket};

/// How many names are remembered: evidence may have any number of them.
const NAMES: usize = 1024;

/// How many of them are found without a look-up; a power of two.
const RECENT: usize = 16;

/// A process by its name, and what the name is.
type Named<'s> = (&'s str, NameKind);

/// The rules without a port that can match a socket.
pub(super) struct Residual<'p, 's> {
    policy: &'p Policy,
    /// Whether any of them names a process.
    by_name: bool,
    /// Which of [`Residual::lists`] is that of a process, the first one that holds a socket.
    known: BTreeMap<Named<'s>, usize>,
    recent: [Option<(Named<'s>, usize)>; RECENT],
    /// Rules that a name leaves, ascending.
    lists: Vec<Vec<u32>>,
}

impl<'p, 's> Residual<'p, 's> {
    pub(super) fn new(policy: &'p Policy) -> Self {
        let mut rules = policy.index.residual().iter();
        let by_name = rules.any(|&number| {
            policy.rules.get(number as usize).is_some_and(|rule| rule.matches.asks(&["process"]))
        });
        Self { policy, by_name, known: BTreeMap::new(), recent: [None; RECENT], lists: Vec::new() }
    }

    /// The rules to ask about a socket, ascending: all but those that are false of it for the name of a
    /// process that holds it.
    #[inline]
    pub(super) fn of(&mut self, socket: &Socket, facts: &Facts<'s>) -> &[u32] {
        let all = self.policy.index.residual();
        // With owners that are missing, what a condition on them comes to is theirs to say.
        if !self.by_name || socket.owners_missing.is_some() {
            return all;
        }
        let Some(owner) = facts.snapshot.owners(socket).first() else { return all };
        let Some(name) = owner.name else { return all };
        let named = (facts.snapshot.text(name), owner.kind);
        match self.list(named) {
            Some(list) => self.lists.get(list).map_or(all, Vec::as_slice),
            None => all,
        }
    }

    /// Which list is that of a process; `None` when no more are remembered.
    #[inline]
    fn list(&mut self, named: Named<'s>) -> Option<usize> {
        let name = named.0.as_bytes();
        let slot = usize::from(name.first().copied().unwrap_or_default()) + 3 * name.len();
        if let Some(Some((known, list))) = self.recent.get(slot % RECENT)
            && *known == named
        {
            return Some(*list);
        }
        let list = self.look_up(named)?;
        if let Some(recent) = self.recent.get_mut(slot % RECENT) {
            *recent = Some((named, list));
        }
        Some(list)
    }

    fn look_up(&mut self, named: Named<'s>) -> Option<usize> {
        if let Some(list) = self.known.get(&named) {
            return Some(*list);
        }
        if self.lists.len() >= NAMES {
            return None;
        }
        let rule = |number: u32| self.policy.rules.get(number as usize);
        let out = |number| rule(number).is_some_and(|rule| rule.matches.excludes(named.0, named.1));
        let all = self.policy.index.residual().iter().copied();
        self.lists.push(all.filter(|&number| !out(number)).collect());
        self.known.insert(named, self.lists.len() - 1);
        Some(self.lists.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::audit::{Verdict, audit};
    use crate::capture::{Options, read};
    use crate::policy::load;
    use crate::snapshot::Grade;
    use crate::source::SourceFile;

    const NAMES: &[&str] = &["sshd", "nginx", "ng*", "*", "systemd-resolved", "java", "[a-m]*"];

    fn rules() -> Vec<String> {
        let mut rules = Vec::new();
        for name in NAMES {
            for condition in [
                format!("{{ process = \"{name}\" }}"),
                format!("{{ not = {{ process = \"{name}\" }} }}"),
                format!("{{ any = [{{ process = \"{name}\" }}, {{ bind = \"loopback\" }}] }}"),
            ] {
                let id = rules.len();
                rules.push(format!(
                    "[[rule]]\nid = \"r{id}\"\nmatch = {condition}\nforbid = true\n"
                ));
            }
        }
        rules
    }

    fn verdicts(policy: &str, evidence: &str) -> Vec<(Verdict, usize, usize)> {
        let policy = load(vec![Arc::new(SourceFile::new("p.toml", policy))]).policy.unwrap();
        let evidence = Arc::new(SourceFile::new("e.txt", evidence));
        let capture = read(evidence, &Options::default()).remove(0);
        audit(&policy, &capture.snapshot, Grade::Presumed)
            .into_iter()
            .map(|one| (one.verdict, one.violations.len(), one.undecided.sockets.len()))
            .collect()
    }

    #[test]
    fn a_rule_comes_to_the_same_alone_and_among_many() {
        let evidence = "$ ss -lntup\n\
            Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n\
            tcp   LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:((\"sshd\",pid=1,fd=3))\n\
            tcp   LISTEN 0 128 0.0.0.0:80 0.0.0.0:* users:((\"nginx\",pid=2,fd=3),(\"nginx\",pid=3,fd=3))\n\
            tcp   LISTEN 0 128 0.0.0.0:81 0.0.0.0:* users:((\"systemd\",pid=1,fd=9),(\"nginx\",pid=3,fd=4))\n\
            udp   UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:* users:((\"systemd-resolve\",pid=4,fd=3))\n\
            udp   UNCONN 0 0 0.0.0.0:2049 0.0.0.0:*\n\
            tcp   LISTEN 0 128 127.0.0.1:9 0.0.0.0:* users:((\"\",pid=5,fd=3))\n";
        let rules = rules();
        let mut evidence = evidence.to_owned();
        // More processes than are remembered, each twice.
        for port in 0..2 * (super::NAMES + 100) {
            let name = ["p", "ngin", "java", "sshd-"][port % 4];
            let number = port / 2;
            evidence.push_str(&format!(
                "tcp   LISTEN 0 128 127.0.0.1:{} 0.0.0.0:* users:((\"{name}{number}\",pid=9,fd=3))\n",
                port + 1000
            ));
        }
        let evidence = evidence.as_str();
        let together = verdicts(&rules.concat(), evidence);
        let alone: Vec<_> = rules.iter().flat_map(|rule| verdicts(rule, evidence)).collect();
        assert_eq!(together, alone);
    }
}
