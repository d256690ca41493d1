//! `ps` of procps and busybox: users and command lines of processes.
//!
//! ```text
//! USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND
//! postgres     812  0.0  0.1 213536 27812 ?        Ss   09:29   0:00 /usr/lib/postgresql/15/bin/postgres -D /var
//! ```
//!
//! Read are tables with a header of which PID is a column and the command the last one. A name of a user
//! that ends in `+` is cut, and one of digits is a number. Source: ps(1) of procps-ng 4.0.

use std::ops::Range;

use super::{ContextFormat, Facts, Process, bad, lines};

pub(super) struct Ps;

/// The columns of a header.
struct Columns {
    count: usize,
    pid: usize,
    user: Option<usize>,
    exe: Option<usize>,
    /// A column of five words before which the others stand as counted.
    started: Option<usize>,
    /// The command is the kernel's name of the process.
    comm: bool,
}

fn columns(line: &str) -> Option<Columns> {
    let names: Vec<&str> = line.split_whitespace().collect();
    let at = |wanted: &str| names.iter().position(|name| *name == wanted);
    let command = |name: &str| matches!(name, "COMMAND" | "CMD" | "ARGS");
    let last = names.last().is_some_and(|name| command(name));
    let one = names.iter().filter(|name| command(name)).count() == 1;
    let pid = at("PID")?;
    // lsof and sockstat have both words, and others behind them.
    (last && one && names.len() >= 2).then(|| Columns {
        count: names.len(),
        pid,
        user: at("USER").or(at("EUSER")).or(at("UID")).or(at("EUID")),
        exe: at("EXE"),
        started: at("STARTED"),
        comm: names == ["PID", "TTY", "TIME", "CMD"],
    })
}

/// The words before the last column, and what that holds.
fn cells<'a>(line: &'a str, columns: &Columns) -> Option<(Vec<&'a str>, &'a str)> {
    let more = if columns.started.is_some() { 4 } else { 0 };
    let mut rest = line;
    let mut words = Vec::with_capacity(columns.count);
    for index in 0..columns.count - 1 + more {
        rest = rest.trim_start();
        let end = rest.find(char::is_whitespace)?;
        // Of a moment the first word stands for all five.
        if columns.started.is_none_or(|at| index <= at || index > at + 4) {
            words.push(rest.get(..end)?);
        }
        rest = rest.get(end..)?;
    }
    Some((words, rest.trim()))
}

impl ContextFormat for Ps {
    fn name(&self) -> &'static str {
        "ps"
    }

    fn names(&self, name: &str) -> bool {
        let Some(options) = name.strip_prefix("ps") else { return false };
        options.starts_with(['_', '-', ' '])
            && options.chars().all(|c| matches!(c, '_' | '-' | ' ') || c.is_ascii_alphabetic())
            || options.is_empty()
    }

    fn begins(&self, head: &str) -> bool {
        lines(head).next().is_some_and(|(_, line)| columns(line).is_some())
    }

    fn read(&self, text: &str, facts: &mut Facts) -> Result<(), Range<usize>> {
        let mut lines = lines(text);
        let Some((start, header)) = lines.next() else { return Ok(()) };
        let columns = columns(header).ok_or_else(|| bad(start, header))?;
        let mut found = Vec::new();
        for (start, line) in lines {
            let Some((cells, command)) = cells(line, &columns) else {
                return Err(bad(start, line));
            };
            // A thread's row has `-` for its number.
            let Some(pid) = cells.get(columns.pid).and_then(|pid| pid.parse().ok()) else {
                continue;
            };
            let cell = |at: Option<usize>| at.and_then(|at| cells.get(at).copied());
            let user = cell(columns.user).filter(|user| !user.ends_with('+') && *user != "-");
            let uid = user.and_then(|user| user.parse().ok());
            let first = command.split_whitespace().next().unwrap_or_default();
            found.push((
                pid,
                Process {
                    name: match columns.comm {
                        true => command.to_owned(),
                        false => first.trim_end_matches(':').to_owned(),
                    },
                    is_comm: columns.comm,
                    cmdline: (!columns.comm && !command.starts_with('['))
                        .then(|| command.to_owned()),
                    exe: cell(columns.exe).filter(|exe| exe.starts_with('/')).map(str::to_owned),
                    uid,
                    user: user.filter(|_| uid.is_none()).map(str::to_owned),
                },
            ));
        }
        for (pid, process) in found {
            let known = facts.processes.entry(pid).or_default();
            if known.name.is_empty() {
                *known = process;
            } else {
                known.exe = known.exe.take().or(process.exe);
                known.cmdline = known.cmdline.take().or(process.cmdline);
                known.uid = known.uid.or(process.uid);
                known.user = known.user.take().or(process.user);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::facts;

    #[test]
    fn shapes_of_ps() {
        for (text, name, user, uid, cmdline) in [
            (
                "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND\n\
                 postgres 812 0.0 0.1 2 3 ? Ss 09:29 0:00 /usr/bin/postgres -D /var/lib\n",
                "/usr/bin/postgres",
                Some("postgres"),
                None,
                Some("/usr/bin/postgres -D /var/lib"),
            ),
            (
                "UID          PID    PPID  C STIME TTY          TIME CMD\n\
                 root         812       1  0 09:29 ?        00:00:00 nginx: master process nginx\n",
                "nginx",
                Some("root"),
                None,
                Some("nginx: master process nginx"),
            ),
            (
                "    PID TTY          TIME CMD\n    812 ?        00:00:01 Web Content\n",
                "Web Content",
                None,
                None,
                None,
            ),
            (
                "PID   USER     TIME  COMMAND\n  812 systemd+  0:01 /sbin/x\n",
                "/sbin/x",
                None,
                None,
                Some("/sbin/x"),
            ),
            (
                "F UID PID PPID STARTED CMD\n4 26 812 1 Sun Nov 22 09:29:29 2026 postgres -D x\n",
                "postgres",
                None,
                Some(26),
                Some("postgres -D x"),
            ),
        ] {
            let facts = facts("ps", text);
            let process = &facts.processes[&812];
            assert_eq!(process.name, name);
            assert_eq!(process.user.as_deref(), user, "{text}");
            assert_eq!(process.uid, uid, "{text}");
            assert_eq!(process.cmdline.as_deref(), cmdline, "{text}");
        }
    }
}
