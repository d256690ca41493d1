//! `hostname`, `hostname -f` and `/etc/hostname`: the name alone on a line.
//!
//! ```text
//! db1.example.org
//! ```
//!
//! Source: hostname(1), hostname(5): a comment begins with `#`.

use std::ops::Range;

use super::{ContextFormat, Facts, bad, lines};

pub(super) struct Hostname;

impl ContextFormat for Hostname {
    fn name(&self) -> &'static str {
        "hostname"
    }

    fn names(&self, name: &str) -> bool {
        matches!(name, "hostname" | "hostname_-f" | "hostname-f" | "hostnamectl_hostname")
    }

    /// A word alone could be anything: only the file's name tells.
    fn begins(&self, _head: &str) -> bool {
        false
    }

    fn read(&self, text: &str, facts: &mut Facts) -> Result<(), Range<usize>> {
        let mut lines = lines(text).filter(|(_, line)| !line.starts_with('#'));
        let Some((start, line)) = lines.next() else { return Ok(()) };
        let name = line.trim();
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if !name.chars().all(good) || name.len() > 253 || name.is_empty() {
            return Err(bad(start, line));
        }
        facts.host.get_or_insert_with(|| name.to_owned());
        Ok(())
    }
}
