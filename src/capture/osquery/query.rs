//! What the query says of the rows that are there.

use std::collections::BTreeMap;

use super::super::{Document, transcript};
use crate::truth::Missing;

/// The query that made the rows.
#[derive(Debug, Default)]
pub(super) struct Query {
    /// As typed; `None` when it is not known.
    pub(super) text: Option<String>,
    filtered: bool,
}

impl Query {
    /// The queries of osqueryi's prompt, which may go on over several lines, or of a shell's, by the host that the
    /// prompts around name.
    pub(super) fn typed(document: &Document) -> BTreeMap<Option<&str>, Self> {
        let mut typed: BTreeMap<Option<&str>, (Option<String>, bool)> = BTreeMap::new();
        let mut here = None;
        for (_, line) in document.lines() {
            let line = line.trim();
            let prompt = transcript::prompt(line);
            here = prompt.as_ref().and_then(|prompt| prompt.host).or(here);
            let (text, answered) = typed.entry(here).or_default();
            if *answered {
                continue;
            }
            if let Some(sql) = line.strip_prefix("osquery> ") {
                // Commands such as `.mode csv` change how rows are written only.
                if sql.to_ascii_lowercase().contains("select") {
                    *text = Some(sql.to_owned());
                }
            } else if let (Some(rest), Some(sql)) = (line.strip_prefix("...> "), text.as_mut()) {
                sql.push(' ');
                sql.push_str(rest);
            } else if let Some(prompt) = prompt
                && prompt.command.contains("osquery")
                && is_query(prompt.command)
            {
                *text = Some(prompt.command.to_owned());
            } else {
                *answered = line.starts_with(['|', '{', '[']) && text.is_some();
            }
        }
        let of = |(text, _): (Option<String>, bool)| {
            let text = text.filter(|text| is_query(text));
            let filtered = text.as_deref().is_some_and(filters);
            Self { text, filtered }
        };
        typed.into_iter().map(|(host, found)| (host, of(found))).collect()
    }

    /// Why rows may be left out.
    pub(super) fn fault(&self) -> Option<Missing> {
        self.filtered.then_some(Missing::Filtered)
    }
}

fn is_query(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.contains("select") && (text.contains("listening_ports") || text.contains("open_sockets"))
}

/// Whether a query, or a program behind it, leaves rows out. A join that is no left one leaves out
/// the sockets whose process is not known; a join that begins with the processes does too.
fn filters(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let words: Vec<&str> = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).collect();
    let word = |word: &str| words.contains(&word);
    let mut joins = words.iter().enumerate().filter(|(_, word)| **word == "join");
    let left = |at: usize| {
        let before = words.get(at.saturating_sub(2)..at).unwrap_or_default();
        matches!(before, [.., "left"] | ["left", "outer"])
    };
    let left_only = joins.all(|(at, _)| left(at));
    let from = words.iter().position(|word| *word == "from");
    let table = from.and_then(|from| words.get(from + 1)).copied().unwrap_or_default();
    let rows_of = matches!(table, "listening_ports" | "process_open_sockets");
    let several = text.split(" from ").nth(1).is_some_and(|tables| {
        tables.split([';', '"', '\'']).next().is_some_and(|tables| tables.contains(','))
    });
    ["where", "limit", "group", "having", "intersect", "except"].into_iter().any(word)
        || !left_only
        || text.contains('|') && !text.contains("||")
        || !rows_of
        || several
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_rows_out() {
        for (query, filtered) in [
            ("SELECT * FROM listening_ports;", false),
            (
                "select pid, port, protocol, family, address from listening_ports order by port;",
                false,
            ),
            ("osqueryi --json \"select * from listening_ports\"", false),
            ("SELECT * FROM listening_ports l LEFT JOIN processes p ON l.pid = p.pid;", false),
            ("SELECT * FROM listening_ports l LEFT OUTER JOIN processes p USING (pid)", false),
            ("SELECT * FROM listening_ports WHERE port = 22;", true),
            ("SELECT * FROM listening_ports JOIN processes USING (pid);", true),
            ("SELECT * FROM processes LEFT JOIN listening_ports USING (pid);", true),
            ("SELECT * FROM listening_ports l, processes p;", true),
            ("SELECT * FROM listening_ports LIMIT 5", true),
            ("osqueryi --csv 'select * from listening_ports' | grep 22", true),
        ] {
            assert_eq!(filters(query), filtered, "{query}");
        }
    }
}
