//! `user`: the user that the socket belongs to.

use super::{ConditionKey, Facts, Test, of_every_holder};
use crate::policy::value::{Globs, Reading, Value};
use crate::snapshot::{At, Socket};
use crate::truth::{Missing, Truth};

pub(super) struct Key;

impl ConditionKey for Key {
    fn name(&self) -> &'static str {
        "user"
    }

    fn about(&self) -> &'static str {
        "the user that the socket belongs to matches, by name or by number"
    }

    fn read(&self, value: Value<'_>, reading: &mut Reading) -> Option<Vec<Box<dyn Test>>> {
        Some(vec![Box::new(UserTest(Globs::read(value, self.name(), reading)?))])
    }
}

#[derive(Debug)]
struct UserTest(Globs);

impl Test for UserTest {
    /// Number 0 is `root` on every system that socklint reads. Another number says nothing of a name,
    /// nor a name of a number.
    fn holds(&self, socket: &Socket, facts: &Facts<'_>) -> Truth {
        let details = facts.snapshot.details(socket);
        if details.user.is_none() && details.uid.is_none() && socket.owners_len > 0 {
            return of_every_holder(socket, facts, |owner| {
                let details = facts.snapshot.owner_details(owner);
                self.is(details.user.map(|user| facts.snapshot.text(user)), details.uid)
            });
        }
        self.is(details.user.map(|user| facts.snapshot.text(user)), details.uid)
    }

    fn phrase(&self) -> String {
        format!("belong to user {}", self.0.words())
    }

    fn instead(&self, socket: &Socket, facts: &Facts<'_>) -> String {
        let Facts { snapshot, .. } = facts;
        let details = snapshot.details(socket);
        let of_socket = std::iter::once((details.user, details.uid));
        let of_owners = snapshot.owners(socket).iter().map(|owner| {
            let details = snapshot.owner_details(owner);
            (details.user, details.uid)
        });
        let mut users: Vec<String> = of_socket
            .chain(of_owners)
            .filter_map(|who| match who {
                (Some(user), _) => Some(super::quoted(snapshot.text(user))),
                (None, Some(uid)) => Some(uid.to_string()),
                (None, None) => None,
            })
            .collect();
        users.dedup();
        match users.as_slice() {
            [] => "of an unknown user".to_owned(),
            [user] => format!("of user {user}"),
            users => format!("of users {}", users.join(", ")),
        }
    }

    fn at(&self, socket: &Socket, _: &Facts<'_>) -> At {
        socket.row
    }
}

impl UserTest {
    /// Whether a user of whom the name or the number or both are known matches.
    fn is(&self, name: Option<&str>, uid: Option<u32>) -> Truth {
        let name = name.or((uid == Some(0)).then_some("root"));
        let uid = uid.or((name == Some("root")).then_some(0));
        let by_number = uid.map(|uid| self.0.is_match(&uid.to_string()));
        let by_name = name.map(|name| self.0.is_match(name));
        match (by_name, by_number) {
            (Some(true), _) | (_, Some(true)) => Truth::Yes,
            (Some(false), Some(false)) => Truth::No,
            // Half of the identity is known and does not match: the other half may, unless no pattern
            // speaks of it.
            (None, Some(false)) if self.0.texts().all(is_told_by_number) => Truth::No,
            (Some(false), None) if !self.0.texts().any(could_be_number) => Truth::No,
            (None, None) => Truth::missing(Missing::UserNotShown),
            _ => Truth::missing(Missing::UserName),
        }
    }
}

/// Whether the number alone decides: another number than 0 is not root's.
fn is_told_by_number(text: &str) -> bool {
    text == "root" || text.bytes().all(|byte| byte.is_ascii_digit())
}

fn could_be_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '*' | '?' | '[' | '{' | '\\'))
}
