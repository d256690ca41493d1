//! `family`: the socket accepts that address family.

use super::{ConditionKey, Facts, Test};
use crate::policy::value::{Reading, Value};
use crate::snapshot::{Family, Socket, Transport};
use crate::truth::{MissingSet, Truth};

pub(super) struct Key;

impl ConditionKey for Key {
    fn name(&self) -> &'static str {
        "family"
    }

    fn about(&self) -> &'static str {
        "the socket accepts that address family; dual-stack wildcards accept both"
    }

    fn read(&self, value: Value<'_>, reading: &mut Reading) -> Option<Vec<Box<dyn Test>>> {
        let known = Family::ALL.map(Family::name);
        let names = super::read_names(
            value,
            self.name(),
            "the families",
            &known,
            Family::from_name,
            reading,
        )?;
        Some(vec![Box::new(FamilyTest(names))])
    }
}

#[derive(Debug)]
struct FamilyTest(Vec<Family>);

impl Test for FamilyTest {
    fn holds(&self, socket: &Socket, facts: &Facts<'_>) -> Truth {
        self.0.iter().map(|&family| socket.accepts(family, facts.grade)).fold(Truth::No, Truth::or)
    }

    /// A socket of the IPv4 table accepts IPv4 only; one of the IPv6 table may accept either.
    fn possible(&self, _: Transport, family: Family, _: &Facts<'_>) -> Truth {
        match family {
            Family::Ipv4 => self.0.contains(&Family::Ipv4).into(),
            Family::Ipv6 => Truth::Unknown(MissingSet::NONE),
        }
    }

    fn phrase(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|family| family.name()).collect();
        format!("accept {}", names.join(" or "))
    }

    fn instead(&self, socket: &Socket, facts: &Facts<'_>) -> String {
        let accepted: Vec<&str> = Family::ALL
            .into_iter()
            .filter(|&family| socket.accepts(family, facts.grade) == Truth::Yes)
            .map(Family::name)
            .collect();
        format!("open to {}", accepted.join(" and "))
    }
}
