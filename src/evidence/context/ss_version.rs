//! `ss -V`, `ss --version`: what `*` means in its output.
//!
//! ```text
//! ss utility, iproute2-ss171112
//! ss utility, iproute2-5.15.0
//! ```
//!
//! Since iproute2 4.14 (2017-11-12, `ss171112`) `*` is the dual-stack IPv6 wildcard and `0.0.0.0` that of IPv4;
//! before, `*` was the wildcard of IPv4 and `:::` that of IPv6. Versions were dates until 5.7, and
//! numbers since. Source: iproute2, misc/ss.c `inet_addr_print`, include/SNAPSHOT.h.

use std::ops::Range;

use super::{ContextFormat, Facts, bad, lines};

pub(super) struct SsVersion;

/// Whether `*` is dual-stack in the version that a line names; `Some(None)` where that is not certain.
fn star(line: &str) -> Option<Option<bool>> {
    let version = line.strip_prefix("ss utility, iproute2-")?.split([',', ' ']).next()?;
    if let Some(date) = version.strip_prefix("ss") {
        let date: u32 = date.get(..6)?.parse().ok()?;
        // Distributions take patches over: the weeks around the release tell nothing certain.
        return Some(match date {
            ..=170_905 => Some(false),
            171_112.. => Some(true),
            _ => None,
        });
    }
    let mut numbers = version.trim_start_matches('v').split('.').map(str::parse::<u32>);
    let major = numbers.next()?.ok()?;
    let minor = numbers.next()?.ok()?;
    Some(Some((major, minor) >= (4, 14)))
}

impl ContextFormat for SsVersion {
    fn name(&self) -> &'static str {
        "ss --version"
    }

    fn names(&self, name: &str) -> bool {
        matches!(name, "ss-version" | "ss_--version" | "ss_-V" | "ss-V" | "ss--version")
    }

    fn begins(&self, head: &str) -> bool {
        lines(head).next().is_some_and(|(_, line)| star(line).is_some())
            && lines(head).nth(1).is_none()
    }

    fn read(&self, text: &str, facts: &mut Facts) -> Result<(), Range<usize>> {
        let Some((start, line)) = lines(text).next() else { return Ok(()) };
        let known = star(line).ok_or_else(|| bad(start, line))?;
        facts.star_is_dual = facts.star_is_dual.or(known);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::facts;

    #[test]
    fn versions_tell_what_a_star_is() {
        for (version, dual) in [
            ("ss130716", Some(false)),
            ("ss170905", Some(false)),
            ("ss171112", Some(true)),
            ("ss180129", Some(true)),
            ("5.15.0", Some(true)),
            ("6.1.0, libbpf 1.1.0", Some(true)),
        ] {
            let text = format!("ss utility, iproute2-{version}\n");
            assert_eq!(facts("ss --version", &text).star_is_dual, dual, "{version}");
        }
    }
}
