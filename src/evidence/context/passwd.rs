//! `/etc/passwd`, `getent passwd`: users and their numbers.
//!
//! ```text
//! postgres:x:26:26:PostgreSQL Server:/var/lib/pgsql:/bin/bash
//! ```
//!
//! Source: passwd(5). Of several names of one number the first counts, as for getpwuid(3).

use std::ops::Range;

use super::{ContextFormat, Facts, bad, lines};

pub(super) struct Passwd;

/// Name and user id of a line.
fn user(line: &str) -> Option<(&str, u32)> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|name| !name.is_empty())?;
    fields.next()?;
    let uid = fields.next()?.parse().ok()?;
    (fields.count() == 4).then_some((name, uid))
}

/// Lines of NIS (`+::::::`, `-user`) and comments name nobody.
fn is_other(line: &str) -> bool {
    line.starts_with(['+', '-', '#'])
}

impl ContextFormat for Passwd {
    fn name(&self) -> &'static str {
        "passwd"
    }

    fn names(&self, name: &str) -> bool {
        matches!(name, "passwd" | "etc-passwd" | "etc_passwd" | "getent_passwd" | "getent-passwd")
    }

    fn begins(&self, head: &str) -> bool {
        lines(head).find(|(_, line)| !is_other(line)).is_some_and(|(_, line)| user(line).is_some())
    }

    fn read(&self, text: &str, facts: &mut Facts) -> Result<(), Range<usize>> {
        let mut users = Vec::new();
        for (start, line) in lines(text).filter(|(_, line)| !is_other(line)) {
            users.push(user(line).ok_or_else(|| bad(start, line))?);
        }
        for (name, uid) in users {
            facts.users.entry(uid).or_insert_with(|| name.to_owned());
            facts.uids.entry(name.to_owned()).or_insert(uid);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::facts;

    #[test]
    fn users_have_their_first_names() {
        let text = "root:x:0:0:root:/root:/bin/bash\n+@nis::::::\ntoor:x:0:0::/root:/bin/sh\n\
                    postgres:x:26:26:PG, \u{e4}:/var:/bin/bash\n";
        let facts = facts("passwd", text);
        assert_eq!(facts.users.get(&0).map(String::as_str), Some("root"));
        assert_eq!(facts.uids.get("toor"), Some(&0));
        assert_eq!(facts.users.get(&26).map(String::as_str), Some("postgres"));
    }
}
