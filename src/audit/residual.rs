//! Rules that name no port, by the process that holds a socket.
//!
//! Most rules without a port name a process, and a host has few names: what a name rules out is found
//! out once, so that thousands of such rules cost little on each socket.

use std::collections::HashMap;

use crate::policy::{Facts, Policy};
use crate::snapshot::{NameKind, Socket};

/// Fewer rules than these are asked outright.
const FEW: usize = 16;

/// How many names are remembered: evidence may have any number of them.
const NAMES: usize = 1024;

/// The rules without a port that can match a socket.
pub(super) struct Residual<'p, 's> {
    policy: &'p Policy,
    /// By the name of the first process that holds a socket.
    known: HashMap<(&'s str, NameKind), Vec<u32>>,
}

impl<'p, 's> Residual<'p, 's> {
    pub(super) fn new(policy: &'p Policy) -> Self {
        Self { policy, known: HashMap::new() }
    }

    /// The rules to ask about a socket, ascending: all but those that are false of it for the name of a
    /// process that holds it.
    pub(super) fn of(&mut self, socket: &Socket, facts: &Facts<'s>) -> &[u32] {
        let all = self.policy.index.residual();
        // With owners that are missing, what a condition on them comes to is theirs to say.
        if all.len() < FEW || socket.owners_missing.is_some() {
            return all;
        }
        let Some(owner) = facts.snapshot.owners(socket).first() else { return all };
        let Some(name) = owner.name else { return all };
        let key = (facts.snapshot.text(name), owner.kind);
        if self.known.len() >= NAMES && !self.known.contains_key(&key) {
            return all;
        }
        let Self { policy, known } = self;
        known.entry(key).or_insert_with(|| {
            let rule = |number: u32| policy.rules.get(number as usize);
            let out = |number| rule(number).is_some_and(|rule| rule.matches.excludes(key.0, key.1));
            all.iter().copied().filter(|&number| !out(number)).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::FEW;
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
        assert!(rules.len() > FEW);
        let together = verdicts(&rules.concat(), evidence);
        let alone: Vec<_> = rules.iter().flat_map(|rule| verdicts(rule, evidence)).collect();
        assert_eq!(together, alone);
    }
}
