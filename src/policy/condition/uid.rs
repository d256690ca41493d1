//! `uid`: the numeric user that the socket belongs to.

use super::{ConditionKey, Facts, Test};
use crate::policy::PolicyErrorKind;
use crate::policy::value::{Data, Reading, Value};
use crate::snapshot::{At, Socket};
use crate::truth::{Missing, Truth};

pub(super) struct Key;

impl ConditionKey for Key {
    fn name(&self) -> &'static str {
        "uid"
    }

    fn about(&self) -> &'static str {
        "the number of the user that the socket belongs to is one of them: `0`, `\"1000-59999\"`, a list"
    }

    fn read(&self, value: Value<'_>, reading: &mut Reading) -> Option<Vec<Box<dyn Test>>> {
        let items = value.some_items(reading, self.name())?;
        let mut ranges = Vec::new();
        let mut whole = true;
        for item in items {
            match range(item) {
                Some(range) => ranges.push(range),
                None => {
                    whole = false;
                    let help = Some(
                        "write `0`, `\"1000-59999\"` or a list of these; names are for `user`"
                            .to_owned(),
                    );
                    let message = "`uid` takes user numbers";
                    reading.error(
                        PolicyErrorKind::BadValue,
                        item.range(),
                        message,
                        "no user number",
                        help,
                    );
                }
            }
        }
        whole.then(|| vec![Box::new(UidTest(ranges)) as Box<dyn Test>])
    }
}

/// A number, or an inclusive range of two.
fn range(item: Value<'_>) -> Option<(u32, u32)> {
    match item.get() {
        Data::Integer(..) => {
            let number = u32::try_from(item.integer()?).ok()?;
            Some((number, number))
        }
        Data::String(text) => {
            let (low, high) = text.split_once('-').unwrap_or((text, text));
            let (low, high) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
            (low <= high).then_some((low, high))
        }
        _ => None,
    }
}

#[derive(Debug)]
struct UidTest(Vec<(u32, u32)>);

impl Test for UidTest {
    fn holds(&self, socket: &Socket, facts: &Facts<'_>) -> Truth {
        let details = facts.snapshot.details(socket);
        let is_root = || details.user.is_some_and(|user| facts.snapshot.text(user) == "root");
        match details.uid.or_else(|| is_root().then_some(0)) {
            Some(uid) => self.0.iter().any(|&(low, high)| low <= uid && uid <= high).into(),
            None if details.user.is_some() => Truth::missing(Missing::UserNumber),
            None => Truth::missing(Missing::UserNotShown),
        }
    }

    fn phrase(&self) -> String {
        let ranges: Vec<String> = self
            .0
            .iter()
            .map(|(low, high)| if low == high { low.to_string() } else { format!("{low}-{high}") })
            .collect();
        format!("belong to user number {}", ranges.join(" or "))
    }

    fn instead(&self, socket: &Socket, facts: &Facts<'_>) -> String {
        let uid = facts.snapshot.details(socket).uid;
        uid.map_or_else(|| "of another user".to_owned(), |uid| format!("of user number {uid}"))
    }

    fn at(&self, socket: &Socket, _: &Facts<'_>) -> At {
        socket.row
    }
}
