//! `process`: every process that holds the socket has such a name.

use super::{ConditionKey, Facts, Test, of_every_holder};
use crate::policy::value::{Globs, Name, Reading, Value};
use crate::snapshot::{At, NameKind, Owner, Socket};
use crate::truth::{Missing, Truth};

pub(super) struct Key;

impl ConditionKey for Key {
    fn name(&self) -> &'static str {
        "process"
    }

    fn about(&self) -> &'static str {
        "every process that holds the socket has such a name"
    }

    fn read(&self, value: Value<'_>, reading: &mut Reading) -> Option<Vec<Box<dyn Test>>> {
        Some(vec![Box::new(ProcessTest(Globs::read(value, self.name(), reading)?))])
    }
}

#[derive(Debug)]
struct ProcessTest(Globs);

impl Test for ProcessTest {
    fn holds(&self, socket: &Socket, facts: &Facts<'_>) -> Truth {
        of_every_holder(socket, facts, |owner| self.of_owner(owner, facts))
    }

    fn phrase(&self) -> String {
        format!("be held by {}", self.0.words())
    }

    fn instead(&self, socket: &Socket, facts: &Facts<'_>) -> String {
        let mut names: Vec<&str> = facts
            .snapshot
            .owners(socket)
            .iter()
            .filter_map(|owner| owner.name)
            .map(|name| facts.snapshot.text(name))
            .collect();
        names.dedup();
        match names.as_slice() {
            [] => "held by no process".to_owned(),
            names => {
                let names: Vec<String> = names.iter().map(|name| super::quoted(name)).collect();
                format!("held by {}", names.join(", "))
            }
        }
    }

    fn excludes(&self, name: &str, kind: NameKind) -> bool {
        self.of_name(name, kind) == Truth::No
    }

    fn at(&self, socket: &Socket, facts: &Facts<'_>) -> At {
        let owners = facts.snapshot.owners(socket);
        let wrong = owners.iter().find(|owner| self.of_owner(owner, facts) == Truth::No);
        wrong.or(owners.first()).map_or(socket.address_at, |owner| owner.at)
    }
}

impl ProcessTest {
    fn of_owner(&self, owner: &Owner, facts: &Facts<'_>) -> Truth {
        let Some(name) = owner.name else { return Truth::missing(Missing::OwnerHidden) };
        self.of_name(facts.snapshot.text(name), owner.kind)
    }

    fn of_name(&self, name: &str, kind: NameKind) -> Truth {
        match kind {
            NameKind::Comm => self.0.holds(Name::Whole(name)),
            NameKind::CommCut => self.0.holds(Name::Beginning(name)),
            NameKind::Argv | NameKind::ArgvCut => self.of_argument(name, kind),
        }
    }

    /// A first argument is set by the program and often decorated: `nginx: master process`,
    /// `sshd: /usr/sbin/sshd -D`, `./server`. It matches as it is or by its first word's base name;
    /// only a plain word that does not match is a no. Under some words programs of any name run: the kernel names a
    /// script after its file and not after its interpreter, and `init` is a link to it.
    fn of_argument(&self, text: &str, kind: NameKind) -> Truth {
        let word = text.split([' ', '\t']).next().unwrap_or(text);
        let word = word.trim_end_matches(':');
        let word = word.rsplit('/').next().unwrap_or(word);
        if self.0.is_match(text) || self.0.is_match(word) {
            return Truth::Yes;
        }
        let plain = text == word && kind == NameKind::Argv && !runs_others(word);
        if plain { Truth::No } else { Truth::missing(Missing::NameCut) }
    }
}

/// Whether a first argument is that of an interpreter, of a program of many names or of a link to one: the name of
/// the kernel is another one then. Source: execve(2), "Interpreter scripts"; proc(5), `/proc/pid/comm`.
fn runs_others(word: &str) -> bool {
    const NAMES: &[&str] = &[
        "ash", "bash", "busybox", "dash", "init", "ksh", "lua", "node", "nodejs", "perl", "php",
        "pypy", "python", "ruby", "sh", "tclsh", "toybox", "wish", "zsh",
    ];
    // `python3.11`, `php8.2`, `lua5.4`.
    let base = word.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
    NAMES.contains(&base)
}
