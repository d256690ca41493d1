//! What shells, wrappers, pagers and people put around tables, told by its words.

use crate::capture::FORMATS;
use crate::capture::command::{self, Invocation};

/// A prefix that stands before every line: `node7: ` (clush, pdsh), `> ` (mail quotes), `web01 | `.
pub(super) fn common_prefix(text: &str) -> &str {
    let lines = || text.lines().filter(|line| !line.trim().is_empty()).take(200);
    let Some(first) = lines().next() else { return "" };
    let candidate = if let Some(rest) = first.trim_start_matches([' ', '\t']).strip_prefix('>') {
        // A quote stands behind blanks where it is in a list.
        let quotes = first.len() - rest.trim_start_matches(['>', ' ']).len();
        first.get(..quotes).unwrap_or_default()
    } else {
        let end = first.find([' ', '\t']).unwrap_or(first.len());
        let word = first.get(..end).unwrap_or_default();
        let after = first.get(end..).unwrap_or_default();
        let blanks = after.len() - after.trim_start_matches(' ').len();
        let host = |name: &str| !name.is_empty() && !name.contains([':', '/', '@', '$', '#']);
        if word.strip_suffix(':').is_some_and(host) {
            first.get(..end + blanks.min(1)).unwrap_or_default()
        } else if host(word) && after.trim_start().starts_with("| ") && !first.ends_with(">>") {
            let bar = first.find("| ").unwrap_or_default();
            first.get(..bar + 2).unwrap_or_default()
        } else {
            ""
        }
    };
    if candidate.is_empty() {
        return "";
    }
    let bare = candidate.trim_end();
    let all = lines().all(|line| line.starts_with(candidate) || line == bare);
    if all && lines().count() > 1 { candidate } else { "" }
}

/// The host that a common prefix names.
pub(super) fn host_of_prefix(prefix: &str) -> Option<&str> {
    let name = prefix.trim_end().trim_end_matches([':', '|']).trim();
    (!name.is_empty() && !name.starts_with('>')).then_some(name)
}

/// `web01 | CHANGED | rc=0 >>` and `web01 | UNREACHABLE! => {`, as `ansible` prints before each host's
/// output.
pub(super) fn banner_host(line: &str) -> Option<&str> {
    let (host, rest) = line.split_once(" | ")?;
    let known = ["CHANGED", "SUCCESS", "FAILED", "UNREACHABLE", "SKIPPED"];
    let state = rest.split([' ', '!']).next().unwrap_or_default();
    ((rest.ends_with(">>") || rest.ends_with("=> {"))
        && known.contains(&state)
        && !host.is_empty()
        && !host.contains(' '))
    .then_some(host)
}

/// The line above and below the names of hosts in `clush -b` and `dshbak`.
pub(super) const GATHERED: &str = "---------------";

/// Whether a text can be the name of a host or of several: `db1`, `db[2-4] (3)`.
pub(super) fn is_gathered(text: &str) -> bool {
    let name = match text.rsplit_once(" (") {
        Some((name, count)) if count.ends_with(')') => name,
        _ => text,
    };
    !name.is_empty() && !name.contains(char::is_whitespace)
}

/// The name in `==> NAME <==`, as head(1) and tail(1) print before each of several files. Each may be of
/// another host.
pub(super) fn file_marker(line: &str) -> Option<&str> {
    line.strip_prefix("==> ")?.strip_suffix(" <==")
}

/// The name in `netns: NAME`. Source: iproute2, ip/ipnetns.c `on_netns_exec`.
pub(in crate::capture) fn netns_marker(line: &str) -> Option<&str> {
    let name = line.strip_prefix("netns: ")?;
    (!name.is_empty() && !name.contains(char::is_whitespace)).then_some(name)
}

/// Lines on standard error that mean that a table was not, or not wholly, read.
pub(super) fn is_tool_error(line: &str) -> bool {
    FORMATS.iter().any(|format| format.tool_error(line))
        || line.ends_with(": command not found")
        || line.ends_with(": not found")
}

/// Whether a line says that the output before it ended early, that some of it was left out by whoever
/// copied it, or that a system call failed. Sources: strsignal(3), strerror(3), ssh(1), less(1), more(1).
pub(super) fn is_break(line: &str) -> bool {
    const WHOLE: &[&str] = &[
        "Killed",
        "Terminated",
        "Aborted",
        "Hangup",
        "Quit",
        "Alarm clock",
        "Broken pipe",
        "[...]",
        "(...)",
        "<...>",
        "\u{2026}",
        "[\u{2026}]",
        "<snip>",
        "[snip]",
        "(snip)",
        "(END)",
    ];
    const STARTS: &[&str] = &[
        "^C",
        "^Z",
        "^\\",
        "--More--",
        "Segmentation fault",
        "Bus error",
        "client_loop: ",
        "packet_write_wait: ",
        "ssh: ",
        "kex_exchange_identification: ",
        "ssh_exchange_identification: ",
        "Host key verification failed",
        "Permission denied",
        "Timeout, server",
        "Read from remote host",
        "command terminated with",
        "timeout: ",
    ];
    const ENDS: &[&str] = &[
        ": Permission denied",
        ": Operation not permitted",
        ": Operation not supported",
        ": Protocol not supported",
        ": Address family not supported by protocol",
        ": No such file or directory",
        ": Cannot allocate memory",
        ": Device or resource busy",
        ": Interrupted system call",
        ": Input/output error",
        ": Connection refused",
        ": Connection timed out",
        ": Connection reset by peer",
        ": No route to host",
        ": Broken pipe",
        "(core dumped)",
        "closed by remote host.",
    ];
    let paged = line
        .strip_prefix("lines ")
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    WHOLE.contains(&line)
        || STARTS.iter().any(|start| line.starts_with(start))
        || ENDS.iter().any(|end| line.ends_with(end))
        || paged
        || line.len() > 2 && line.bytes().all(|byte| byte == b'.')
        || line.len() < 100 && (tells_of_loss(&line.to_lowercase()) || marks_a_gap(line))
}

/// Whether a line is what people put in the place of lines that they took out: `... and 3 more`, `-- snip --`,
/// `[[ rest removed ]]`.
fn marks_a_gap(line: &str) -> bool {
    const GONE: &[&str] =
        &["removed", "hidden", "snip", "snipped", "omitted", "skipped", "more", "cut", "elided"];
    if line.starts_with("...") || line.starts_with('…') {
        return true;
    }
    let bare = line.trim_matches(|c: char| "-=*#~_[](){}<>! ".contains(c));
    let marked = bare.len() < line.len() && bare.len() < 60;
    marked
        && bare
            .to_lowercase()
            .split(|c: char| !c.is_alphanumeric())
            .any(|word| GONE.contains(&word))
}

/// Whether a line, in lower case, says that lines are missing, or that whoever wrote them gave up. Counters
/// of `netstat -s` speak of lost packets and entries that timed out.
fn tells_of_loss(line: &str) -> bool {
    const ALWAYS: &[&str] =
        &["truncated", "truncating", "omitted", "snipped", "unexpected eof", "nlmsg_error"];
    const LOST: &[&str] =
        &["skipped", "lost", "dropped", "missing", "hidden", "not shown", "more", "limited"];
    let word = |word: &str| line.split(|c: char| !c.is_alphabetic()).any(|found| found == word);
    let lines = ["line", "lines", "row", "rows"].into_iter().any(word);
    ALWAYS.iter().any(|sign| line.contains(sign))
        || (lines && LOST.iter().any(|sign| line.contains(sign)))
        || line.starts_with("timed out")
        || line.ends_with(": timed out")
}

/// Text around tables that carries no row.
pub(super) fn is_chatter(line: &str) -> bool {
    const STARTS: &[&str] = &[
        "[sudo] ",
        "Password:",
        "password for ",
        "Every ",
        "Script started on ",
        "Script done on ",
        "Last login:",
        "Connection to ",
        "Shared connection to ",
        "Defaulted container ",
        "Warning: Permanently added ",
        "Pseudo-terminal will not be allocated",
        "```",
        "~~~",
        "sudo: unable to resolve host",
        "total 0",
    ];
    STARTS.iter().any(|start| line.starts_with(start))
        || FORMATS.iter().any(|format| format.chatter(line))
        || line.chars().all(|c| matches!(c, '-' | '=' | '_' | '*' | '#' | '.')) && line.len() > 2
}

/// What other programs and shells print, with nothing to do with a table above it: notices of mail and of
/// script(1), times, answers of service managers, beginnings of other tools' output.
pub(super) fn is_of_others(line: &str) -> bool {
    const STARTS: &[&str] = &[
        "You have ",
        "Script ",
        "real ",
        "real\t",
        "user ",
        "user\t",
        "sys ",
        "sys\t",
        "Chain ",
        "default via ",
        "Status: ",
        "Filesystem ",
        "total ",
        "Cleaning up project directory",
        "Job succeeded",
    ];
    const WHOLE: &[&str] = &[
        "active", "inactive", "enabled", "disabled", "OK", "ok", "Done.", "Done", "done",
        "Finished",
    ];
    STARTS.iter().any(|start| line.starts_with(start)) || WHOLE.contains(&line)
}

/// The command of `Every 2.0s: ss -tln    host: date`, as watch(1) prints it.
pub(super) fn watched_command(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("Every ")?.split_once(": ")?.1;
    Some(rest.split("  ").next().unwrap_or(rest).trim())
}

/// Output that is known to be no list of sockets: what it is.
#[must_use]
pub(in crate::capture) fn other_output(line: &str) -> Option<&'static str> {
    let told = FORMATS.iter().find_map(|format| format.other_output(line));
    told.or_else(|| {
        Some(match () {
            () if line.starts_with("Usage:") || line.starts_with("usage:") => "usage text",
            () if line.starts_with("NS TYPE ") => "a list of namespaces",
            () if is_interface(line) => "the addresses of interfaces",
            () => return None,
        })
    })
}

/// `2: eth0: <BROADCAST,MULTICAST,UP> mtu 1500 ...` of ip(8).
fn is_interface(line: &str) -> bool {
    let Some((number, rest)) = line.split_once(": ") else { return false };
    let flags = rest.split_once(": <").map(|(_, flags)| flags);
    !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && flags.is_some_and(|flags| flags.contains("> mtu "))
}

/// A line that is nothing but a call of a tool whose output some format reads, as an echo of what was
/// typed.
pub(super) fn bare_command(line: &str) -> Option<Invocation> {
    if line.len() >= 200 {
        return None;
    }
    let mut calls = command::parse(line).into_iter();
    calls.find_map(|call| {
        let format = FORMATS.iter().find(|format| !call.silent && format.claims(&call))?;
        format.echoes(&call).then_some(call)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes() {
        assert_eq!(common_prefix("node7: a\nnode7: b\n"), "node7: ");
        assert_eq!(common_prefix("> a\n> b\n>\n"), "> ");
        assert_eq!(common_prefix("    > a\n    >  b\n    >\n"), "    > ");
        assert_eq!(common_prefix("\t>> a\n\t>> b\n"), "\t>> ");
        assert_eq!(common_prefix("    > a\n  > b\n"), "");
        assert_eq!(common_prefix("node7: a\nb\n"), "");
        assert_eq!(common_prefix("tcp a\ntcp b\n"), "");
        assert_eq!(host_of_prefix("node7: "), Some("node7"));
        assert_eq!(host_of_prefix("> "), None);
    }

    #[test]
    fn banners_and_markers() {
        assert_eq!(banner_host("web01 | CHANGED | rc=0 >>"), Some("web01"));
        assert_eq!(banner_host("a | b"), None);
        assert_eq!(netns_marker("netns: red"), Some("red"));
        assert_eq!(
            watched_command("Every 2.0s: netstat -ntlpu      Tue May  3 15:56:11 2022"),
            Some("netstat -ntlpu")
        );
    }
}
