//! `transport`: the transport protocol is one of them.

use super::{ConditionKey, Facts, Test};
use crate::policy::value::{Reading, Value};
use crate::snapshot::{At, Family, Grade, Socket, Transport};
use crate::truth::{Missing, Truth};

pub(super) struct Key;

impl ConditionKey for Key {
    fn name(&self) -> &'static str {
        "transport"
    }

    fn about(&self) -> &'static str {
        "the transport protocol is one of them; MPTCP is TCP"
    }

    fn read(&self, value: Value<'_>, reading: &mut Reading) -> Option<Vec<Box<dyn Test>>> {
        let known = Transport::ALL.map(Transport::name);
        let from_name = Transport::from_name;
        let names =
            super::read_names(value, self.name(), "the transports", &known, from_name, reading)?;
        Some(vec![Box::new(TransportTest(names))])
    }
}

#[derive(Debug)]
struct TransportTest(Vec<Transport>);

impl Test for TransportTest {
    fn holds(&self, socket: &Socket, facts: &Facts<'_>) -> Truth {
        if socket.transport_unknown {
            return Truth::missing(Missing::TransportNotTold);
        }
        if socket.transport_inferred && facts.grade == Grade::Proven {
            return Truth::missing(Missing::TransportInferred);
        }
        self.0.contains(&socket.transport).into()
    }

    fn possible(&self, transport: Transport, _: Family, _: &Facts<'_>) -> Truth {
        self.0.contains(&transport).into()
    }

    fn phrase(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|transport| transport.name()).collect();
        format!("use {}", names.join(" or "))
    }

    fn instead(&self, socket: &Socket, _: &Facts<'_>) -> String {
        format!("a {} socket", socket.transport.name())
    }

    fn at(&self, socket: &Socket, _: &Facts<'_>) -> At {
        socket.row
    }

    fn transports(&self) -> &[Transport] {
        &self.0
    }
}
