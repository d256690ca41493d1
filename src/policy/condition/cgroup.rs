//! `cgroup`, `unit` and `container`: where the socket belongs in the tree of control groups.

use super::{ConditionKey, Facts, Test, of_every_holder};
use crate::policy::value::{Globs, Reading, Value};
use crate::snapshot::{At, Details, Owner, OwnerDetails, Socket, Text, cgroup};
use crate::truth::{Missing, Truth};

pub(super) struct CgroupKey;
pub(super) struct UnitKey;
pub(super) struct ContainerKey;

impl ConditionKey for CgroupKey {
    fn name(&self) -> &'static str {
        "cgroup"
    }

    fn about(&self) -> &'static str {
        "the path of the socket's control group matches"
    }

    fn read(&self, value: Value<'_>, reading: &mut Reading) -> Option<Vec<Box<dyn Test>>> {
        read(Part::Path, value, self.name(), reading)
    }
}

impl ConditionKey for UnitKey {
    fn name(&self) -> &'static str {
        "unit"
    }

    fn about(&self) -> &'static str {
        "the systemd unit that the socket belongs to matches"
    }

    fn read(&self, value: Value<'_>, reading: &mut Reading) -> Option<Vec<Box<dyn Test>>> {
        read(Part::Unit, value, self.name(), reading)
    }
}

impl ConditionKey for ContainerKey {
    fn name(&self) -> &'static str {
        "container"
    }

    fn about(&self) -> &'static str {
        "the container that the socket belongs to matches, by name or id"
    }

    fn read(&self, value: Value<'_>, reading: &mut Reading) -> Option<Vec<Box<dyn Test>>> {
        read(Part::Container, value, self.name(), reading)
    }
}

fn read(
    part: Part,
    value: Value<'_>,
    key: &str,
    reading: &mut Reading,
) -> Option<Vec<Box<dyn Test>>> {
    Some(vec![Box::new(CgroupTest { part, globs: Globs::read(value, key, reading)? })])
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Path,
    Unit,
    Container,
}

#[derive(Debug)]
struct CgroupTest {
    part: Part,
    globs: Globs,
}

impl CgroupTest {
    /// What the evidence says: `None` when it does not say, `Some(None)` when there is none.
    fn value<'a>(&self, socket: &Socket, facts: &Facts<'a>) -> Option<Option<&'a str>> {
        let Details { cgroup, unit, container, .. } = facts.snapshot.details(socket);
        self.pick([cgroup, unit, container], facts)
    }

    /// The same of a process that holds it.
    fn value_of_owner<'a>(&self, owner: &Owner, facts: &Facts<'a>) -> Option<Option<&'a str>> {
        let OwnerDetails { cgroup, unit, container, .. } = facts.snapshot.owner_details(owner);
        self.pick([cgroup, unit, container], facts)
    }

    fn pick<'a>(
        &self,
        [path, unit, container]: [Option<Text>; 3],
        facts: &Facts<'a>,
    ) -> Option<Option<&'a str>> {
        let path = path.map(|path| facts.snapshot.text(path));
        let named = |name: Option<Text>| name.map(|name| Some(facts.snapshot.text(name)));
        match self.part {
            Part::Path => path.map(Some),
            Part::Unit => named(unit).or_else(|| path.map(cgroup::unit)),
            Part::Container => named(container).or_else(|| path.map(cgroup::container)),
        }
    }

    fn is(&self, value: Option<Option<&str>>) -> Truth {
        match value {
            Some(Some(value)) => self.globs.is_match(value).into(),
            Some(None) => Truth::No,
            None => Truth::missing(Missing::CgroupNotShown),
        }
    }
}

impl Test for CgroupTest {
    fn holds(&self, socket: &Socket, facts: &Facts<'_>) -> Truth {
        match self.value(socket, facts) {
            None if socket.owners_len > 0 => {
                of_every_holder(socket, facts, |owner| self.is(self.value_of_owner(owner, facts)))
            }
            value => self.is(value),
        }
    }

    fn phrase(&self) -> String {
        let what = match self.part {
            Part::Path => "control group",
            Part::Unit => "unit",
            Part::Container => "container",
        };
        format!("belong to {what} {}", self.globs.words())
    }

    fn instead(&self, socket: &Socket, facts: &Facts<'_>) -> String {
        let what = match self.part {
            Part::Path => "control group",
            Part::Unit => "unit",
            Part::Container => "container",
        };
        let owners = facts.snapshot.owners(socket).iter();
        let of_owner = || owners.filter_map(|owner| self.value_of_owner(owner, facts)).next();
        match self.value(socket, facts).or_else(of_owner).flatten() {
            Some(value) => format!("of {what} {}", super::quoted(value)),
            None => format!("of no {what}"),
        }
    }

    fn at(&self, socket: &Socket, _: &Facts<'_>) -> At {
        socket.row
    }
}
