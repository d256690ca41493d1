//! Shell prompts.

use std::ops::Range;

use super::Prompt;

/// Takes a prompt off a line: `$ `, `# `, `user@host:~$ `, `[user@host dir]# `, `/ # `, `❯ `, `➜ `,
/// `PS C:\> `, `host# `; markdown escapes in it are read through.
#[must_use]
pub(in crate::capture) fn prompt(line: &str) -> Option<Prompt<'_>> {
    let line = line.trim_start();
    let mark = |c: char| matches!(c, '$' | '#' | '%' | '❯' | '➜' | 'λ');
    let found = |head: &str, mark: char, command| {
        let host = prompt_host(head);
        Some(Prompt { host: host.and_then(|host| line.get(host)), root: mark == '#', command })
    };
    // A remote session puts `[HOST]: ` before it.
    let remote = line.strip_prefix('[').and_then(|rest| rest.split_once("]: "));
    let (host, local) = match remote {
        Some((host, rest)) if rest.starts_with("PS ") => (Some(host), rest),
        _ => (None, line),
    };
    if let Some(rest) = local.strip_prefix("PS ")
        && let Some((_, command)) = rest.split_once('>').filter(|(path, command)| {
            command.is_empty() || command.starts_with(' ') || path.contains(":\\")
        })
    {
        return Some(Prompt { host, root: false, command: command.trim() });
    }
    if let Some(found) = windows(line) {
        return Some(found);
    }
    for (at, c) in line.char_indices().take(120) {
        if !mark(c) {
            continue;
        }
        let after = line.get(at + c.len_utf8()..).unwrap_or_default();
        if !(after.is_empty() || after.starts_with(' ')) {
            continue;
        }
        let head = line.get(..at).unwrap_or_default();
        let plain = head.trim_end().trim_end_matches('\\');
        // A prompt is short and names a user, a place or nothing; a sentence or a row does not.
        let looks = plain.is_empty()
            || plain.ends_with([']', ')', '~', '/', '>'])
            || plain.contains('@') && plain.split_whitespace().count() <= 3
            || plain.starts_with(['/', '~', '(']) && plain.split_whitespace().count() <= 2
            || !plain.contains(char::is_whitespace) && !plain.contains('"') && plain.len() <= 40;
        if !looks {
            return None;
        }
        // `➜  ~ cmd` names the place after the mark.
        return found(head, c, after.trim());
    }
    None
}

/// The prompt of cmd.exe, `C:\\Users\\ada>`, which a command follows with no blank between, and that of
/// its remote shell, `ada@WEB1 C:\\Users\\ada>`.
fn windows(line: &str) -> Option<Prompt<'_>> {
    let (head, command) = line.split_once('>')?;
    let (login, path) = match head.split_once(' ') {
        Some((login, path)) if login.contains('@') => (Some(login), path),
        _ => (None, head),
    };
    let mut drive = path.chars();
    let letter = drive.next()?.is_ascii_alphabetic();
    if !letter || !drive.as_str().starts_with(":\\") || path.len() > 260 {
        return None;
    }
    let host = login.and_then(|login| login.rsplit_once('@')).map(|(_, host)| host);
    let host = host.filter(|host| !host.is_empty());
    Some(Prompt { host, root: false, command: command.trim() })
}

/// Range of the host name in what stands before a prompt's mark.
fn prompt_host(head: &str) -> Option<Range<usize>> {
    let at = head.find('@')?;
    let start = at + 1;
    let rest = head.get(start..)?;
    let len = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')))
        .unwrap_or(rest.len());
    (len > 0).then_some(start..start + len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts() {
        for (line, host, root, command) in [
            ("$ ss -ltn", None, false, "ss -ltn"),
            ("# ss -ltn", None, true, "ss -ltn"),
            ("root@vagrant:~# ss  -ntlp", Some("vagrant"), true, "ss  -ntlp"),
            ("mike@host2:~$ ss -tulwn", Some("host2"), false, "ss -tulwn"),
            (
                "[root@localhost vagrant]# semodule -l | grep nginx",
                Some("localhost"),
                true,
                "semodule -l | grep nginx",
            ),
            ("[chenchen@dev3_10.211.21.18 ~]$ ", Some("dev3_10.211.21.18"), false, ""),
            ("/ # netstat -tulpn", None, true, "netstat -tulpn"),
            (
                "david\\@david-vm-ether:\\~\\$ netstat -tnlp",
                Some("david-vm-ether"),
                false,
                "netstat -tnlp",
            ),
            ("PS C:\\> netstat -ano", None, false, "netstat -ano"),
            ("PS C:\\>netstat -ano", None, false, "netstat -ano"),
            ("[web1]: PS C:\\> netstat -ano", Some("web1"), false, "netstat -ano"),
            ("C:\\Users\\ada b>netstat -ano", None, false, "netstat -ano"),
            ("C:\\>", None, false, ""),
            (
                "ada@WEB1 C:\\Users\\ada>netstat -an | more",
                Some("WEB1"),
                false,
                "netstat -an | more",
            ),
            ("❯ ss -ltn", None, false, "ss -ltn"),
            ("web01$ ss -ltn", None, false, "ss -ltn"),
        ] {
            let found = prompt(line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!((found.host, found.root, found.command), (host, root, command), "{line}");
        }
        for line in [
            "tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:((\"a # b\",pid=1,fd=3))",
            "tcp   0  0 0.0.0.0:22  0.0.0.0:*  LISTEN  485/sshd -D # x",
            "this costs 5 $ or so",
            "Netid State",
        ] {
            assert_eq!(prompt(line), None, "{line}");
        }
    }
}
