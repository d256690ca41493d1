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
