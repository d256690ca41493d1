//! `exe`: every process that holds the socket runs such an executable.

use super::{ConditionKey, Facts, Test, of_every_holder};
use crate::policy::value::{Globs, Reading, Value};
use crate::snapshot::{At, Owner, Socket};
use crate::truth::{Missing, Truth};

pub(super) struct Key;

impl ConditionKey for Key {
    fn name(&self) -> &'static str {
        "exe"
    }

    fn about(&self) -> &'static str {
        "every process that holds the socket runs such an executable, by its path"
    }

    fn read(&self, value: Value<'_>, reading: &mut Reading) -> Option<Vec<Box<dyn Test>>> {
        Some(vec![Box::new(ExeTest(Globs::read(value, self.name(), reading)?))])
    }
}

#[derive(Debug)]
struct ExeTest(Globs);

impl ExeTest {
    fn of_owner(&self, owner: &Owner, facts: &Facts<'_>) -> Truth {
        match facts.snapshot.owner_details(owner).exe {
            Some(exe) => self.0.is_match(facts.snapshot.text(exe)).into(),
            None => Truth::missing(Missing::ExeNotShown),
        }
    }
}

impl Test for ExeTest {
    fn holds(&self, socket: &Socket, facts: &Facts<'_>) -> Truth {
        of_every_holder(socket, facts, |owner| self.of_owner(owner, facts))
    }

    fn phrase(&self) -> String {
        format!("be held by executable {}", self.0.words())
    }

    fn instead(&self, socket: &Socket, facts: &Facts<'_>) -> String {
        let owners = facts.snapshot.owners(socket).iter();
        let mut exes: Vec<&str> = owners
            .filter_map(|owner| facts.snapshot.owner_details(owner).exe)
            .map(|exe| facts.snapshot.text(exe))
            .collect();
        exes.dedup();
        match exes.as_slice() {
            [] => "held by no process".to_owned(),
            exes => {
                let exes: Vec<String> = exes.iter().map(|exe| super::quoted(exe)).collect();
                format!("held by executable {}", exes.join(", "))
            }
        }
    }

    fn at(&self, socket: &Socket, facts: &Facts<'_>) -> At {
        let owners = facts.snapshot.owners(socket);
        let wrong = owners.iter().find(|owner| self.of_owner(owner, facts) == Truth::No);
        wrong.or(owners.first()).map_or(socket.address_at, |owner| owner.at)
    }
}
