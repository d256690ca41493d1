//! `host` and `label.KEY`: the host that the evidence is of.

use super::{ConditionKey, Facts, Test};
use crate::policy::value::{Globs, Reading, Value};
use crate::snapshot::{At, Family, Socket, Transport};
use crate::truth::{Missing, Truth};

pub(super) struct HostKey;

impl ConditionKey for HostKey {
    fn name(&self) -> &'static str {
        "host"
    }

    fn about(&self) -> &'static str {
        "the name of the host matches"
    }

    fn read(&self, value: Value<'_>, reading: &mut Reading) -> Option<Vec<Box<dyn Test>>> {
        let globs = Globs::read(value, self.name(), reading)?;
        Some(vec![Box::new(HostTest { label: None, globs })])
    }
}

pub(super) struct LabelKey;

impl ConditionKey for LabelKey {
    fn name(&self) -> &'static str {
        "label"
    }

    fn about(&self) -> &'static str {
        "a label of the host matches: `label.env = \"prod\"`"
    }

    fn read(&self, value: Value<'_>, reading: &mut Reading) -> Option<Vec<Box<dyn Test>>> {
        let table = value.table(reading, self.name())?;
        let mut tests: Vec<Box<dyn Test>> = Vec::new();
        for entry in table.entries() {
            let globs = Globs::read(entry.value, entry.name, reading)?;
            tests.push(Box::new(HostTest { label: Some(entry.name.to_owned()), globs }));
        }
        Some(tests)
    }
}

/// The name of the host, or one of its labels, matches.
#[derive(Debug)]
struct HostTest {
    label: Option<String>,
    globs: Globs,
}

impl HostTest {
    fn truth(&self, facts: &Facts<'_>) -> Truth {
        let host = &facts.snapshot.host;
        match &self.label {
            _ if self.globs.is_full() && self.label.is_none() => Truth::Yes,
            None => match &host.name {
                Some(name) => self.globs.is_match(name).into(),
                None => Truth::missing(Missing::HostName),
            },
            Some(key) => match host.labels.get(key) {
                Some(value) => self.globs.is_match(value).into(),
                None => Truth::missing(Missing::Label),
            },
        }
    }
}

impl Test for HostTest {
    fn holds(&self, _: &Socket, facts: &Facts<'_>) -> Truth {
        self.truth(facts)
    }

    fn possible(&self, _: Transport, _: Family, facts: &Facts<'_>) -> Truth {
        self.truth(facts)
    }

    fn phrase(&self) -> String {
        match &self.label {
            None => format!("be on host {}", self.globs.words()),
            Some(key) => format!("be on a host with label {key} = {}", self.globs.words()),
        }
    }

    fn instead(&self, _: &Socket, facts: &Facts<'_>) -> String {
        let host = &facts.snapshot.host;
        match &self.label {
            None => format!("on host {}", super::quoted(host.name.as_deref().unwrap_or("?"))),
            Some(key) => {
                let value = host.labels.get(key).map_or("?", String::as_str);
                format!("on a host with label {key} = {}", super::quoted(value))
            }
        }
    }

    fn at(&self, socket: &Socket, _: &Facts<'_>) -> At {
        socket.row
    }

    fn is_of_host(&self) -> bool {
        true
    }
}
