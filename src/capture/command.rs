//! The command that made a capture: typed at a prompt, or given with `--command`.

use super::FORMATS;

/// One program call, with what stood around it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Invocation {
    /// Base name of the program: `ss`, `netstat`.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// The first program behind a pipe that can drop or change rows.
    pub filter: Option<String>,
    /// Run as root: `sudo`, `doas`, or a `#` prompt.
    pub root: bool,
    /// Run in other namespaces: their name, or `*` for all named ones.
    pub netns: Option<String>,
    /// On which machine and in which namespace it ran, as the wrappers name them; `None` for here.
    /// What tables of different places show does not add up.
    pub place: Option<String>,
    /// Shown through a program that cuts at the screen's end (`watch`).
    pub watched: bool,
    /// Changes nothing on the way but an applet name, such as `busybox`.
    pub multicall: Option<String>,
}

/// Programs behind a pipe that pass every row on. A pager does not: what is copied from it is a page.
const HARMLESS: &[&str] =
    &["cat", "column", "sort", "tee", "tr", "unexpand", "expand", "xclip", "pbcopy"];

/// Takes a command line apart into its program calls, one for each list element (`;`, `&&`, `||`).
///
/// Wrappers (`sudo`, `env`, `ip netns exec`, `nsenter`, `docker exec`, `ssh`, `watch`, `time`,
/// `sh -c`, ...) are looked through. What cannot be understood comes out as a program call of its
/// first word, which no reader claims.
#[must_use]
pub fn parse(line: &str) -> Vec<Invocation> {
    let mut calls = parse_nested(line, 0);
    if goes_on(line) {
        for call in &mut calls {
            call.filter.get_or_insert_with(|| "\\".to_owned());
        }
    }
    calls
}

/// Whether the command goes on in the next line, which may hold a filter: a backslash at the end, or an
/// open quote.
fn goes_on(line: &str) -> bool {
    let mut quote = None;
    let mut blank = true;
    let mut chars = line.trim_end().chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '#') if blank => return false,
            (None | Some('"'), '\\') => {
                let Some(_) = chars.next() else { return true };
            }
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
        blank = c.is_whitespace() || matches!(c, ';' | '|' | '&');
    }
    quote.is_some()
}

/// Cmdlets of PowerShell behind a pipe that pass every object on, in lower case, with their aliases.
const CMDLETS: &[&str] = &[
    "format-table",
    "ft",
    "format-list",
    "fl",
    "select-object",
    "select",
    "sort-object",
    "convertto-csv",
    "convertto-json",
    "export-csv",
    "epcsv",
    "out-file",
    "out-string",
    "out-host",
    "tee-object",
];

/// Whether a program behind a pipe passes every row on.
fn is_harmless(program: &str, args: &[&str]) -> bool {
    let option = |arg: &&str| arg.starts_with('-');
    let cmdlet = program.to_ascii_lowercase();
    if CMDLETS.contains(&cmdlet.as_str()) {
        // `-First`, `-Last`, `-Skip`, `-Index` and `-Unique` drop objects, and what stands in braces is
        // not read here.
        let keeps = |arg: &&str| {
            let drops = ["-f", "-l", "-sk", "-i", "-u", "-t"];
            let arg = arg.to_ascii_lowercase();
            !(drops.iter().any(|option| arg.starts_with(option)) || arg.contains(['{', '(', '$']))
        };
        let limits = matches!(cmdlet.as_str(), "select-object" | "select" | "sort-object");
        return args.iter().all(|arg| !arg.contains(['{', '$']))
            && (!limits || args.iter().all(keeps));
    }
    HARMLESS.contains(&program)
        && match program {
            "sort" => !args.iter().any(|arg| arg.starts_with("-u")),
            "cat" => args.iter().all(option),
            // Only blanks for blanks, or fewer of them.
            "tr" => args.iter().all(|arg| {
                *arg == "-s" || arg.replace("\\t", "").chars().all(|c| matches!(c, ' ' | '\t'))
            }),
            _ => true,
        }
}

fn parse_nested(line: &str, depth: usize) -> Vec<Invocation> {
    let words = words(line);
    let mut calls = Vec::new();
    for list in words.split(|word| matches!(word, Word::Operator(op) if op != "|" && op != "|&")) {
        let mut stages = list.split(|word| matches!(word, Word::Operator(_)));
        let Some(first) = stages.next() else { continue };
        let mut call = call(&plain(first), depth);
        for stage in stages {
            let stage = plain(stage);
            let mut stage = stage.iter().map(String::as_str);
            let program = stage.next().map(base_name).unwrap_or_default();
            if call.filter.is_none() && !is_harmless(program, &stage.collect::<Vec<_>>()) {
                call.filter = Some(program.to_owned());
            }
        }
        if !call.program.is_empty() {
            calls.push(call);
        }
    }
    calls
}

/// Whether any option of a cluster (`-lntup`) is `letter`, or `long` is given.
impl Invocation {
    /// Whether the short option `letter` or the long option `long` (`--listening`) is given.
    #[must_use]
    pub fn has(&self, letter: char, long: &str) -> bool {
        self.args.iter().any(|arg| match arg.strip_prefix("--") {
            Some(name) => {
                let name = name.split('=').next().unwrap_or(name);
                !long.is_empty() && name == long
            }
            None => arg.strip_prefix('-').is_some_and(|cluster| cluster.contains(letter)),
        })
    }

    /// The command again, for people.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = self.program.clone();
        for arg in &self.args {
            line.push(' ');
            line.push_str(arg);
        }
        if let Some(filter) = &self.filter {
            line.push_str(" | ");
            line.push_str(filter);
        }
        line
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    Plain(String),
    Operator(String),
}

fn plain(words: &[Word]) -> Vec<String> {
    words
        .iter()
        .filter_map(|word| match word {
            Word::Plain(word) => Some(word.clone()),
            Word::Operator(_) => None,
        })
        .collect()
}

/// Splits as a shell does, far enough: quotes, backslashes, comments, operators; redirections are
/// dropped with their targets.
fn words(line: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut redirect = false;
    let mut chars = line.chars().peekable();
    let flush = |word: &mut Option<String>, redirect: &mut bool, words: &mut Vec<Word>| {
        if let Some(done) = word.take() {
            if *redirect {
                *redirect = false;
            } else {
                words.push(Word::Plain(done));
            }
        }
    };
    while let Some(c) = chars.next() {
        match c {
            '\'' | '"' => {
                let quoted = word.get_or_insert_default();
                for next in chars.by_ref() {
                    if next == c {
                        break;
                    }
                    quoted.push(next);
                }
            }
            '\\' => word.get_or_insert_default().extend(chars.next()),
            '#' if word.is_none() => break,
            '>' | '<' => {
                // `2>` and `&>`: the number is part of the redirection.
                if word
                    .as_deref()
                    .is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit()))
                {
                    word = None;
                }
                flush(&mut word, &mut redirect, &mut words);
                while chars.next_if(|&next| matches!(next, '>' | '|')).is_some() {}
                if chars.next_if_eq(&'&').is_some() {
                    while chars.next_if(|next| next.is_ascii_digit() || *next == '-').is_some() {}
                } else {
                    redirect = true;
                }
            }
            ';' | '|' | '&' => {
                if c == '&' && chars.peek() == Some(&'>') {
                    continue;
                }
                flush(&mut word, &mut redirect, &mut words);
                let mut operator = c.to_string();
                if let Some(next) = chars.next_if(|&next| next == c || (c == '|' && next == '&')) {
                    operator.push(next);
                }
                words.push(Word::Operator(operator));
            }
            c if c.is_whitespace() => flush(&mut word, &mut redirect, &mut words),
            c => word.get_or_insert_default().push(c),
        }
    }
    flush(&mut word, &mut redirect, &mut words);
    words
}

fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// How deep wrappers may nest.
const DEPTH: usize = 8;

/// What wrappers say of the call inside them.
#[derive(Default)]
struct Wrapped {
    root: bool,
    netns: Option<String>,
    places: Vec<String>,
    watched: bool,
}

/// What stands behind a wrapper.
enum Behind<'a> {
    /// Words that are a call again.
    Words(&'a [String]),
    /// A call that was taken apart already.
    Call(Invocation),
}

/// The program call behind wrappers.
fn call(words: &[String], depth: usize) -> Invocation {
    let mut wrapped = Wrapped::default();
    let mut rest = words;
    let mut inner = loop {
        let Some((first, after)) = rest.split_first() else { break bare(rest) };
        if is_assignment(first) {
            rest = after;
            continue;
        }
        let name = base_name(first);
        let behind = wrapped
            .prefix(name, after)
            .map(Behind::Words)
            .or_else(|| wrapped.elsewhere(name, rest, after).map(Behind::Words))
            .or_else(|| wrapped.shell(name, rest, after, depth));
        match behind {
            Some(Behind::Words(behind)) => rest = behind,
            Some(Behind::Call(call)) => break call,
            None => break bare(rest),
        }
    };
    inner.root |= wrapped.root;
    inner.watched |= wrapped.watched;
    let mut places = wrapped.places;
    places.extend(wrapped.netns.clone());
    places.extend(inner.place.take());
    let format = FORMATS.iter().find(|format| format.claims(&inner));
    places.extend(format.and_then(|format| format.namespace(&inner)));
    inner.place = (!places.is_empty()).then(|| places.join(", "));
    inner.netns = inner.netns.or(wrapped.netns);
    inner
}

/// A call without wrappers.
fn bare(words: &[String]) -> Invocation {
    Invocation {
        program: words.first().map(|word| base_name(word).to_owned()).unwrap_or_default(),
        args: words.get(1..).unwrap_or_default().to_vec(),
        ..Invocation::default()
    }
}

impl Wrapped {
    /// A wrapper that runs its words here; what follows its own options.
    fn prefix<'a>(&mut self, name: &str, after: &'a [String]) -> Option<&'a [String]> {
        Some(match name {
            "sudo" | "doas" => {
                self.root = true;
                skip_options(after, &["-u", "-g", "-h", "-p", "-C", "-r", "-t", "-U", "-T"])
            }
            "env" | "nohup" | "time" | "command" | "exec" | "setsid" => {
                skip_options(after, &["-u"])
            }
            "nice" | "ionice" | "stdbuf" | "chrt" => {
                skip_options(after, &["-n", "-c", "-i", "-o", "-e"])
            }
            "timeout" => skip_options(after, &["-k", "-s"]).get(1..).unwrap_or_default(),
            "watch" => {
                self.watched = true;
                skip_options(after, &["-n", "--interval", "-d"])
            }
            "chroot" => skip_options(after, &[]).get(1..).unwrap_or_default(),
            _ => return None,
        })
    }

    /// A wrapper that runs its words in another namespace.
    fn elsewhere<'a>(
        &mut self,
        name: &str,
        rest: &'a [String],
        after: &'a [String],
    ) -> Option<&'a [String]> {
        Some(match name {
            "ip" if after.iter().any(|word| word == "netns")
                && after.iter().any(|word| word == "exec") =>
            {
                let all = after
                    .iter()
                    .take_while(|word| *word != "netns")
                    .any(|word| word == "-all" || word == "-a" || word == "--all");
                let exec = after.iter().position(|word| word == "exec").unwrap_or_default();
                let behind = after.get(exec + 1..).unwrap_or_default();
                if all {
                    self.netns = Some("*".to_owned());
                    behind
                } else {
                    self.netns = behind.first().cloned();
                    behind.get(1..).unwrap_or_default()
                }
            }
            "nsenter" => {
                self.netns = Some("nsenter".to_owned());
                let behind = skip_options(after, &["-t", "--target", "-S", "-G"]);
                self.places.push(before(rest, behind));
                behind
            }
            "docker" | "podman" | "nerdctl" | "lxc" | "incus" | "pct" | "crictl"
            | "docker-compose"
                if is_exec(after) =>
            {
                let exec = after.iter().position(|word| word == "exec").unwrap_or_default();
                let behind = skip_options(
                    after.get(exec + 1..).unwrap_or_default(),
                    &["-u", "--user", "-e", "--env", "-w", "--workdir"],
                );
                self.netns = behind.first().cloned();
                let behind = behind.get(1..).unwrap_or_default();
                behind.strip_prefix(["--".to_owned()].as_slice()).unwrap_or(behind)
            }
            "kubectl" | "oc" if after.first().is_some_and(|word| word == "exec") => {
                self.netns = Some("pod".to_owned());
                let behind = match after.iter().position(|word| word == "--") {
                    Some(at) => after.get(at + 1..).unwrap_or_default(),
                    None => after.get(2..).unwrap_or_default(),
                };
                self.places.push(before(rest, behind));
                behind
            }
            _ => return None,
        })
    }

    /// A wrapper that takes a command line, or the name of an applet.
    fn shell<'a>(
        &mut self,
        name: &str,
        rest: &[String],
        after: &'a [String],
        depth: usize,
    ) -> Option<Behind<'a>> {
        let one = |calls: Vec<Invocation>| match <[Invocation; 1]>::try_from(calls) {
            Ok([call]) => call,
            Err(_) => bare(rest),
        };
        Some(match name {
            // A remote shell gets the words joined and takes them apart again.
            "ssh" if depth < DEPTH => {
                let options = ["-p", "-i", "-l", "-o", "-F", "-J"];
                let behind = skip_options(after, &options);
                self.places.extend(behind.first().map(|host| format!("ssh {host}")));
                let remote = behind.get(1..).unwrap_or_default();
                Behind::Call(one(parse_nested(&remote.join(" "), depth + 1)))
            }
            "sh" | "bash" | "dash" | "ash" | "zsh" | "script" if depth < DEPTH => {
                let at =
                    after.iter().position(|word| word.starts_with('-') && word.ends_with('c'))?;
                let script = after.get(at + 1).map(String::as_str).unwrap_or_default();
                Behind::Call(one(parse_nested(script, depth + 1)))
            }
            "busybox" | "toybox" if !after.is_empty() => {
                let mut applet = call(after, DEPTH);
                applet.multicall = Some(name.to_owned());
                Behind::Call(applet)
            }
            _ => return None,
        })
    }
}

/// Whether these words run a command in a container: `exec ...` or `compose exec ...`.
fn is_exec(words: &[String]) -> bool {
    let mut words = words.iter().map(String::as_str);
    match words.next() {
        Some("exec") => true,
        Some("compose") => words.next() == Some("exec"),
        _ => false,
    }
}

/// The words of `all` without its end `behind`, joined.
fn before(all: &[String], behind: &[String]) -> String {
    all.get(..all.len().saturating_sub(behind.len())).unwrap_or_default().join(" ")
}

/// `NAME=value` before a command.
fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

/// What follows the options of a wrapper; `with_value` are those whose value is the next word.
fn skip_options<'a>(mut words: &'a [String], with_value: &[&str]) -> &'a [String] {
    while let Some((first, after)) = words.split_first() {
        if first == "--" {
            return after;
        }
        if !first.starts_with('-') || first == "-" {
            break;
        }
        words = match with_value.contains(&first.as_str()) {
            true => after.get(1..).unwrap_or_default(),
            false => after,
        };
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> Invocation {
        let calls = parse(line);
        assert_eq!(calls.len(), 1, "{line}: {calls:?}");
        calls.into_iter().next().unwrap()
    }

    #[test]
    fn wrappers_are_looked_through() {
        for (line, program, args, root, netns) in [
            ("ss -lntup", "ss", "-lntup", false, None),
            ("sudo ss -ltn", "ss", "-ltn", true, None),
            ("sudo -u root -n /usr/sbin/ss -l -t", "ss", "-l -t", true, None),
            ("LC_ALL=C COLUMNS=70 ss -lntup", "ss", "-lntup", false, None),
            ("env LC_ALL=C ss -lntup 2>&1", "ss", "-lntup", false, None),
            ("ip netns exec red ss -ltn", "ss", "-ltn", false, Some("red")),
            ("ip -all netns exec ss -ltn", "ss", "-ltn", false, Some("*")),
            ("nsenter -t 33 -n netstat -tulpn", "netstat", "-tulpn", false, Some("nsenter")),
            ("docker exec -it web netstat -tulpn", "netstat", "-tulpn", false, Some("web")),
            ("kubectl exec -n prod web-0 -c app -- ss -ltn", "ss", "-ltn", false, Some("pod")),
            ("ssh -p 22 root@db1 'ss -ltn'", "ss", "-ltn", false, None),
            ("ssh db1 sudo ss -ltn", "ss", "-ltn", true, None),
            ("sh -c 'ss -ltn'", "ss", "-ltn", false, None),
            ("busybox netstat -ltn", "netstat", "-ltn", false, None),
            ("ss -ltn > /tmp/x 2>/dev/null", "ss", "-ltn", false, None),
            ("ss -ltn # all of them", "ss", "-ltn", false, None),
        ] {
            let call = one(line);
            assert_eq!(call.program, program, "{line}");
            assert_eq!(call.args.join(" "), args, "{line}");
            assert_eq!(call.root, root, "{line}");
            assert_eq!(call.netns.as_deref(), netns, "{line}");
            assert_eq!(call.filter, None, "{line}");
        }
    }

    #[test]
    fn filters_are_seen() {
        assert_eq!(one("ss -ltn | grep 22").filter.as_deref(), Some("grep"));
        assert_eq!(one("ss -ltn | sort | head").filter.as_deref(), Some("head"));
        assert_eq!(one("ss -ltn | sort -u").filter.as_deref(), Some("sort"));
        assert_eq!(one("ss -ltn 2>&1 | tee out.txt").filter, None);
        assert_eq!(one("ss -ltn |& cat").filter, None);
        assert!(one("watch -n 1 ss -ltn").watched);
        assert_eq!(parse("ss -s ; ss -l && netstat -an").len(), 3);
        assert_eq!(parse("").len(), 0);
        assert_eq!(parse("| ; &&").len(), 0);
        assert_eq!(one("ssh db1 'ss -ltn | grep 22'").filter.as_deref(), Some("grep"));
        assert_eq!(parse(&"ssh a ".repeat(100_000)).len(), 1);
    }

    #[test]
    fn options_are_found_in_clusters() {
        let call = one("ss -ltn --processes");
        assert!(call.has('l', "listening") && call.has('t', "tcp") && call.has('p', "processes"));
        assert!(!call.has('u', "udp"));
    }
}
