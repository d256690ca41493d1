//! `port`: the local port is one of them.

use super::{ConditionKey, Facts, Test};
use crate::policy::value::{PortSet, Reading, Value};
use crate::snapshot::{At, Family, Grade, Port, Socket, Transport};
use crate::truth::{Missing, MissingSet, Truth};

pub(super) struct Key;

impl ConditionKey for Key {
    fn name(&self) -> &'static str {
        "port"
    }

    fn about(&self) -> &'static str {
        "the local port is one of them; raw sockets have none"
    }

    fn read(&self, value: Value<'_>, reading: &mut Reading) -> Option<Vec<Box<dyn Test>>> {
        Some(vec![Box::new(PortTest(PortSet::read(value, self.name(), reading)?))])
    }
}

#[derive(Debug)]
struct PortTest(PortSet);

impl Test for PortTest {
    fn holds(&self, socket: &Socket, facts: &Facts<'_>) -> Truth {
        if socket.transport == Transport::Raw {
            return Truth::No;
        }
        match socket.port {
            Port::Number(_) if socket.port_resolved && facts.grade == Grade::Proven => {
                Truth::missing(Missing::PortResolved)
            }
            Port::Number(port) => self.0.contains(port).into(),
            Port::Missing(_) if self.0.is_full() => Truth::Yes,
            Port::Missing(reason) => Truth::missing(reason),
        }
    }

    fn possible(&self, transport: Transport, _: Family, _: &Facts<'_>) -> Truth {
        match transport {
            Transport::Raw => Truth::No,
            _ => Truth::Unknown(MissingSet::NONE),
        }
    }

    fn phrase(&self) -> String {
        format!("use port {}", self.0)
    }

    fn instead(&self, socket: &Socket, facts: &Facts<'_>) -> String {
        format!("on port {}", super::quoted(&facts.snapshot.port_text(socket)))
    }

    fn at(&self, socket: &Socket, _: &Facts<'_>) -> At {
        socket.port_at
    }

    fn ports(&self) -> Option<&PortSet> {
        Some(&self.0)
    }
}
