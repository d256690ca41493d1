//! The command that made a capture: typed at a prompt, or given with `--command`.

use std::borrow::Cow;

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
    /// What it printed went to a file: what is shown below it is the output of something else.
    pub silent: bool,
}

/// Takes a command line apart into its program calls, one for each list element (`;`, `&&`, `||`).
///
/// Wrappers (`sudo`, `env`, `ip netns exec`, `nsenter`, `docker exec`, `ssh`, `watch`, `time`,
/// `sh -c`, ...) are looked through. What cannot be understood comes out as a program call of its
/// first word, which no reader claims.
#[must_use]
pub fn parse(line: &str) -> Vec<Invocation> {
    let typed = edited(line);
    let line = typed.as_deref().unwrap_or(line);
    let mut calls = parse_nested(line, 0);
    if goes_on(line) || typed.is_none() {
        for call in &mut calls {
            call.filter.get_or_insert_with(|| "\\".to_owned());
        }
    }
    calls
}

/// What a terminal shows of a line that was typed, and corrected, in a log of script(1): backspaces move
/// back and what follows stands in place of what was there. `None` where that is not told: other
/// movements, and text behind the place where the line was ended, which may have been erased.
fn edited(line: &str) -> Option<Cow<'_, str>> {
    if !line.contains(|c: char| c.is_control() && !matches!(c, '\t' | '\n')) {
        return Some(Cow::Borrowed(line));
    }
    let mut shown: Vec<char> = Vec::with_capacity(line.len());
    let mut at: usize = 0;
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        rest = rest.get(c.len_utf8()..)?;
        match c {
            '\u{7}' => {}
            '\u{8}' => at = at.checked_sub(1)?,
            '\u{1B}' => {
                // Erase to the end of the line. Source: ECMA-48, 8.3.41.
                rest = rest.strip_prefix("[K").or_else(|| rest.strip_prefix("[0K"))?;
                shown.truncate(at);
            }
            c if c.is_control() && c != '\t' => return None,
            c => {
                match shown.get_mut(at) {
                    Some(place) => *place = c,
                    None => shown.push(c),
                }
                at += 1;
            }
        }
    }
    let behind = shown.get(at..)?.iter().all(|c| c.is_whitespace());
    behind.then(|| Cow::Owned(shown.into_iter().collect()))
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

/// Those of them that print nothing.
const TO_FILE: &[&str] = &["export-csv", "epcsv", "out-file"];

/// Whether a program behind a pipe passes every row on; `shell` when the pipe is one of PowerShell, whose
/// aliases are named as programs of Unix are.
///
/// An option passes only where it is known, since one that is not may drop rows (`sort --uniq`); a file as
/// argument is shown in place of the rows. A pager passes nothing: what is copied from it is a page.
/// Sources: coreutils and util-linux, their manual pages; the reference of Microsoft.PowerShell.Utility.
fn is_harmless(program: &str, args: &[&str], shell: bool) -> bool {
    let cmdlet = program.to_ascii_lowercase();
    let cmdlet = match cmdlet.as_str() {
        "sort" if shell => "sort-object",
        "tee" if shell => "tee-object",
        name => name,
    };
    if CMDLETS.contains(&cmdlet) {
        return keeps_objects(cmdlet, args);
    }
    if shell {
        return false;
    }
    match program {
        "cat" => args.iter().all(|arg| is_cluster(arg, "AbeEnstTuv")),
        "column" => args.iter().all(|arg| matches!(*arg, "-t" | "--table")),
        "sort" => sorts(args),
        "tee" => args
            .iter()
            .all(|arg| !arg.starts_with('-') || *arg == "--append" || is_cluster(arg, "aip")),
        // Only blanks for blanks, or fewer of them.
        "tr" => args.iter().all(|arg| {
            *arg == "-s" || arg.replace("\\t", "").chars().all(|c| matches!(c, ' ' | '\t'))
        }),
        "expand" | "unexpand" => args.iter().all(|arg| {
            matches!(*arg, "-" | "-a" | "-i" | "--all" | "--initial" | "--first-only")
                || ["-t", "--tabs=", "-"].iter().any(|option| {
                    arg.strip_prefix(option).is_some_and(|value| {
                        !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit())
                    })
                })
        }),
        "xclip" => args.iter().all(|arg| {
            arg.starts_with("-sel") || matches!(*arg, "-i" | "-in" | "clipboard" | "primary")
        }),
        "pbcopy" => args.is_empty(),
        _ => false,
    }
}

/// Whether a cmdlet that passes objects on is asked to drop none. `-First`, `-Last`, `-Top`, `-Skip`, `-Index`
/// and `-Unique` drop some, and what stands in braces is not read here. A parameter may be cut anywhere.
fn keeps_objects(cmdlet: &str, args: &[&str]) -> bool {
    let known: &[&str] = match cmdlet {
        "sort-object" => &["-property", "-descending", "-culture", "-casesensitive", "-stable"],
        "select-object" | "select" => &["-property", "-expandproperty", "-excludeproperty"],
        "out-host" => &[],
        _ => return args.iter().all(|arg| !arg.contains(['{', '(', '$'])),
    };
    args.iter().all(|arg| {
        let arg = arg.to_ascii_lowercase();
        let arg = arg.split(':').next().unwrap_or_default();
        !arg.contains(['{', '(', '$'])
            && (!arg.starts_with('-')
                || known.iter().any(|option| arg.len() > 1 && option.starts_with(arg)))
    })
}

/// Whether an argument is `-`, or options of one letter that are all among `letters`.
fn is_cluster(arg: &str, letters: &str) -> bool {
    arg.strip_prefix('-').is_some_and(|cluster| cluster.chars().all(|c| letters.contains(c)))
}

/// Whether sort(1) is asked to sort all that it reads.
fn sorts(args: &[&str]) -> bool {
    const FLAGS: &str = "bdfghiMnRrsV";
    const LONG: &[&str] = &[
        "--dictionary-order",
        "--general-numeric-sort",
        "--human-numeric-sort",
        "--ignore-case",
        "--ignore-leading-blanks",
        "--ignore-nonprinting",
        "--month-sort",
        "--numeric-sort",
        "--random-sort",
        "--reverse",
        "--stable",
        "--version-sort",
    ];
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let passes = match arg.strip_prefix("--") {
            Some("key" | "field-separator") => args.next().is_some(),
            Some(long) => {
                LONG.contains(arg)
                    || ["key=", "field-separator="].iter().any(|option| long.starts_with(option))
            }
            None => match arg.strip_prefix('-') {
                Some(cluster) => {
                    let rest = cluster.trim_start_matches(|c| FLAGS.contains(c));
                    // The value of a key or a separator is what follows, or the next word.
                    match rest.strip_prefix(['k', 't']) {
                        Some("") => args.next().is_some(),
                        Some(_) => true,
                        None => rest.is_empty(),
                    }
                }
                None => false,
            },
        };
        if !passes {
            return false;
        }
    }
    true
}

fn parse_nested(line: &str, depth: usize) -> Vec<Invocation> {
    let words = words(line);
    let mut calls: Vec<Invocation> = Vec::new();
    let mut all_silent = false;
    for list in words.split(|word| matches!(word, Word::Operator(op) if op != "|" && op != "|&")) {
        let redirected = list.contains(&Word::ToFile);
        let mut stages = list.split(|word| matches!(word, Word::Operator(_)));
        let Some(first) = stages.next() else { continue };
        let first = plain(first);
        // `exec > FILE` is for all that follows.
        all_silent |= redirected && first == ["exec"];
        let mut call = call(&first, depth);
        call.silent |= redirected || all_silent;
        let shell = call.program.to_ascii_lowercase().starts_with("get-");
        for stage in stages {
            let stage = plain(stage);
            let mut stage = stage.iter().map(String::as_str);
            let program = stage.next().map(base_name).unwrap_or_default();
            call.silent |= TO_FILE.contains(&program.to_ascii_lowercase().as_str());
            if call.filter.is_none() && !is_harmless(program, &stage.collect::<Vec<_>>(), shell) {
                call.filter = Some(program.to_owned());
            }
        }
        if !call.program.is_empty() || call.place.is_some() {
            calls.push(call);
        }
    }
    show_files(&mut calls);
    calls
}

/// What a call wrote into a file may be shown by a later one of the same line, and not all of it:
/// `ss -ltn > FILE; grep 22 FILE`.
fn show_files(calls: &mut [Invocation]) {
    let mut filter: Option<String> = None;
    for call in calls.iter_mut().rev() {
        if call.silent {
            if let (None, Some(filter)) = (&call.filter, &filter) {
                call.filter = Some(filter.clone());
            }
            // A filter that is known says more than that nothing is.
            call.silent = call.filter.is_none();
            continue;
        }
        let whole = matches!(
            call.program.to_ascii_lowercase().as_str(),
            "cat"
                | "type"
                | "gc"
                | "get-content"
                | "echo"
                | "cd"
                | "true"
                | "chmod"
                | "chown"
                | "ls"
        ) && (call.args.iter().all(|arg| !arg.starts_with('-')));
        let shown = match whole {
            true => call.filter.clone(),
            // It prints a table of its own.
            false if FORMATS.iter().any(|format| format.claims(call)) => None,
            false => Some(call.filter.clone().unwrap_or_else(|| call.program.clone())),
        };
        filter = shown.or(filter);
    }
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
    /// A redirection of standard output to a file.
    ToFile,
}

fn plain(words: &[Word]) -> Vec<String> {
    words
        .iter()
        .filter_map(|word| match word {
            Word::Plain(word) => Some(word.clone()),
            Word::Operator(_) | Word::ToFile => None,
        })
        .collect()
}

/// Splits as a shell does, far enough: quotes, backslashes, comments, operators; of redirections only stays
/// that standard output goes to a file.
fn words(line: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    // The next word is the target of a redirection; whether of standard output.
    let mut redirect: Option<bool> = None;
    let mut chars = line.chars().peekable();
    let flush = |word: &mut Option<String>, redirect: &mut Option<bool>, words: &mut Vec<Word>| {
        if let Some(done) = word.take() {
            match redirect.take() {
                Some(true) if !is_terminal(&done) => words.push(Word::ToFile),
                Some(_) => {}
                None => words.push(Word::Plain(done)),
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
                let mut output = c == '>';
                if let Some(number) = word.take_if(|word| word.parse::<u16>().is_ok()) {
                    output &= number == "1";
                }
                flush(&mut word, &mut redirect, &mut words);
                while chars.next_if(|&next| matches!(next, '>' | '|')).is_some() {}
                // `2>&1`, and `>&-`, which closes it; `>& FILE` is as `&> FILE`.
                let copied = chars.next_if_eq(&'&').is_some();
                let number = |next: &char| next.is_ascii_digit() || *next == '-';
                if copied && chars.peek().is_some_and(number) {
                    while let Some(next) = chars.next_if(number) {
                        if output && next == '-' {
                            words.push(Word::ToFile);
                        }
                    }
                } else {
                    redirect = Some(output);
                }
            }
            ';' | '|' | '&' => {
                if c == '&' && chars.peek() == Some(&'>') {
                    flush(&mut word, &mut redirect, &mut words);
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

/// Whether the target of a redirection is where standard output goes anyway, as a rule.
fn is_terminal(target: &str) -> bool {
    matches!(target, "/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1" | "/dev/tty" | "/dev/stderr")
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
        let after = match name {
            "kubectl" | "oc" => skip_options(
                after,
                &["-n", "--namespace", "--context", "--cluster", "-s", "--kubeconfig"],
            ),
            "docker" | "podman" | "nerdctl" => {
                let behind =
                    skip_options(after, &["-H", "--host", "-c", "--context", "--config", "-l"]);
                behind.strip_prefix(["container".to_owned()].as_slice()).unwrap_or(behind)
            }
            _ => after,
        };
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
                let behind = skip_options(after, &["-t", "--target", "-S", "-G"]);
                let options = after.get(..after.len() - behind.len()).unwrap_or_default();
                // Process 1 is the host's, seen from the host and from a container on it that may enter it.
                let of_host = options.windows(2).any(|pair| {
                    matches!(pair, [key, value] if (key == "-t" || key == "--target") && value == "1")
                }) || options.iter().any(|word| word == "-t1" || word == "--target=1");
                let enters = options.iter().any(|word| {
                    word.starts_with("--net")
                        || word.starts_with("--all")
                        || !word.starts_with("--")
                            && word.starts_with('-')
                            && word.contains(['n', 'a'])
                });
                if enters && !of_host {
                    self.netns = Some("nsenter".to_owned());
                    self.places.push(before(rest, behind));
                }
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
            // What stands before the tool, with its image, is not looked into; `--network host` is the host's own.
            "docker" | "podman" | "nerdctl" if after.first().is_some_and(|word| word == "run") => {
                let is_program = |word: &&str| TOOLS.contains(word) || SHELLS.contains(word);
                let at = after.iter().position(|word| is_program(&base_name(word)))?;
                let options = after.get(..at).unwrap_or_default();
                let is_key = |word: &str| word == "--net" || word == "--network";
                let mut network = None;
                for (at, word) in options.iter().enumerate() {
                    network = match word.split_once('=') {
                        Some((key, value)) if is_key(key) => Some(value),
                        None if is_key(word) => options.get(at + 1).map(String::as_str),
                        _ => network,
                    };
                }
                if network != Some("host") {
                    self.netns = Some("container".to_owned());
                }
                after.get(at..).unwrap_or_default()
            }
            "lxc-attach" => {
                let named = after.iter().position(|word| word == "-n" || word == "--name");
                let named = named.and_then(|at| after.get(at + 1));
                self.netns = Some(named.map_or("container", String::as_str).to_owned());
                let behind =
                    skip_options(after, &["-n", "--name", "-f", "-a", "-s", "-u", "-g", "-v"]);
                // The name may also stand alone, before the command.
                match (named, behind.get(1..)) {
                    (None, Some(command)) if !command.is_empty() => {
                        command.strip_prefix(["--".to_owned()].as_slice()).unwrap_or(command)
                    }
                    _ => behind,
                }
            }
            "machinectl" if after.first().is_some_and(|word| word == "shell") => {
                let behind = skip_options(after.get(1..).unwrap_or_default(), &["--uid", "-E"]);
                self.netns = behind.first().cloned();
                behind.get(1..).unwrap_or_default()
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
    let behind =
        |words| skip_options(words, &["-f", "--file", "-p", "--project-name", "--profile"]);
    match behind(words).split_first() {
        Some((verb, _)) if verb == "exec" => true,
        Some((verb, after)) if verb == "compose" => {
            behind(after).first().is_some_and(|word| word == "exec")
        }
        _ => false,
    }
}

/// Shells, by their names.
pub(in crate::capture) const SHELLS: &[&str] = &["bash", "sh", "zsh", "dash", "ash", "ksh", "fish"];

/// Programs that a container may be run for.
const TOOLS: [&str; 4] = ["ss", "netstat", "lsof", "sockstat"];

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
            ("docker run --rm nicolaka/netshoot ss -ltn", "ss", "-ltn", false, Some("container")),
            (
                "podman run --network slirp4netns shoot ss -ltn",
                "ss",
                "-ltn",
                false,
                Some("container"),
            ),
            ("docker run --net=host nicolaka/netshoot ss -ltn", "ss", "-ltn", false, None),
            ("docker run --network host --pid host shoot ss -ltn", "ss", "-ltn", false, None),
            (
                "docker run --network=host --network=none x ss -ltn",
                "ss",
                "-ltn",
                false,
                Some("container"),
            ),
            ("docker run --rm alpine sh -c 'ss -ltn'", "ss", "-ltn", false, Some("container")),
            ("docker -H tcp://x exec web ss -ltn", "ss", "-ltn", false, Some("web")),
            ("docker container exec -it web ss -ltn", "ss", "-ltn", false, Some("web")),
            ("docker compose -f x.yml exec web ss -ltn", "ss", "-ltn", false, Some("web")),
            ("kubectl -n prod exec web-0 -- ss -ltn", "ss", "-ltn", false, Some("pod")),
            ("kubectl --context=c exec web-0 -- ss -ltn", "ss", "-ltn", false, Some("pod")),
            ("nsenter -t 1 -n ss -ltn", "ss", "-ltn", false, None),
            ("nsenter --target=1 --net ss -ltn", "ss", "-ltn", false, None),
            ("nsenter -t 33 -m ss -ltn", "ss", "-ltn", false, None),
            ("nsenter -t 33 -a ss -ltn", "ss", "-ltn", false, Some("nsenter")),
            ("lxc-attach -n web -- ss -ltn", "ss", "-ltn", false, Some("web")),
            ("lxc-attach --clear-env -n web ss -ltn", "ss", "-ltn", false, Some("web")),
            ("machinectl shell web /usr/bin/ss -ltn", "ss", "-ltn", false, Some("web")),
            ("kubectl exec -n prod web-0 -c app -- ss -ltn", "ss", "-ltn", false, Some("pod")),
            ("ssh -p 22 root@db1 'ss -ltn'", "ss", "-ltn", false, None),
            ("ssh db1 sudo ss -ltn", "ss", "-ltn", true, None),
            ("sh -c 'ss -ltn'", "ss", "-ltn", false, None),
            ("busybox netstat -ltn", "netstat", "-ltn", false, None),
            ("ss -ltn >&1 2>/dev/null", "ss", "-ltn", false, None),
            ("ss -ltn # all of them", "ss", "-ltn", false, None),
        ] {
            let call = one(line);
            assert_eq!(call.program, program, "{line}");
            assert_eq!(call.args.join(" "), args, "{line}");
            assert_eq!(call.root, root, "{line}");
            assert_eq!(call.netns.as_deref(), netns, "{line}");
            assert_eq!(call.filter, None, "{line}");
            assert!(!call.silent, "{line}");
        }
    }

    #[test]
    fn output_that_goes_to_a_file_is_not_shown() {
        for line in [
            "ss -ltn > x",
            "ss -ltn >x",
            "ss -ltn >> x 2>&1",
            "ss -ltn 1> x",
            "ss -ltn &> x",
            "ss -ltn >& x",
            "ss -ltn >| x",
            "ss -ltn >&-",
            "> x ss -ltn",
            "ss -ltn | sort > x",
            "ss -ltn | tee x > /dev/null",
            "ssh db1 'ss -ltn > x'",
            "sh -c 'ss -ltn > x'",
            "sudo ss -ltn > x",
            "netstat -ano > x",
            "Get-NetTCPConnection > x.txt",
            "Get-NetTCPConnection | Export-Csv x.csv",
            "exec > x; ss -ltn",
            "ss -ltn > x; cat x",
            "ss -ltn > x && type x",
        ] {
            let call = parse(line).into_iter().find(|call| call.program != "exec").unwrap();
            assert!(call.silent && call.filter.is_none(), "{line}: {call:?}");
        }
        for line in [
            "ss -ltn 2> x",
            "ss -ltn 2>/dev/null",
            "ss -ltn 2>&1",
            "ss -ltn < x",
            "ss -ltn > /dev/stdout",
            "ss -ltn 2>&1 | tee x",
            "Get-NetTCPConnection 2>$null",
        ] {
            let call = one(line);
            assert!(!call.silent && call.filter.is_none(), "{line}: {call:?}");
        }
        for (line, filter) in [
            ("ss -lntup > x; grep 22 x", "grep"),
            ("ss -lntup > x; head x", "head"),
            ("ss -lntup > x && head -3 x", "head"),
            ("ss -lntup > x || less x", "less"),
            ("ss -lntup > x; cat x | grep 22", "grep"),
            ("ss -lntup > x; sort x", "sort"),
            ("ss -lntup | grep 22 > x; cat x", "grep"),
            ("ss -lntup > x; ss -s; head x", "head"),
            ("ss -lntup > x; echo; grep 22 x", "grep"),
            ("netstat -ano > x & findstr 22 x", "findstr"),
            ("Get-NetTCPConnection > x.txt; gc x.txt | sls 22", "sls"),
            ("Get-NetTCPConnection > x.txt; gc x.txt -Tail 3", "gc"),
        ] {
            assert_eq!(parse(line)[0].filter.as_deref(), Some(filter), "{line}");
        }
    }

    #[test]
    fn a_program_behind_a_pipe_passes_rows_on_only_with_options_that_are_known() {
        for pipe in [
            "cat",
            "cat -A",
            "cat -",
            "column -t",
            "sort",
            "sort -k1,1",
            "sort -k 4",
            "sort -rnk2",
            "sort -t: -k2n",
            "sort --key=4 --reverse",
            "sort -V",
            "tee x",
            "tee -a x y",
            "tr -s ' '",
            "expand",
            "expand -t4",
            "unexpand -a",
            "xclip -sel clipboard",
            "pbcopy",
            "Sort-Object LocalPort",
            "Select-Object LocalAddress,LocalPort",
            "ft -AutoSize",
        ] {
            assert_eq!(one(&format!("ss -ltn | {pipe}")).filter, None, "{pipe}");
        }
        for pipe in [
            "cat x",
            "column x",
            "column -c 20",
            "sort x",
            "sort -u",
            "sort --unique -k1,1",
            "sort -ruk1,1",
            "sort -k1,1 --uniq",
            "sort -o x",
            "sort -c",
            "sort -k1,1 x",
            "sort -z",
            "expand x",
            "unexpand x",
            "xclip -o",
            "tr -d 5",
            "tr a b",
            "less",
            "more",
            "tee --help",
            "Sort-Object -Unique LocalPort",
            "Sort-Object LocalPort -Top 1",
            "Sort-Object -Bottom 1",
            "select -First 1",
            "Select-Object LocalPort -Unique",
            "select -skip 3",
            "out-host -Paging",
        ] {
            assert!(one(&format!("ss -ltn | {pipe}")).filter.is_some(), "{pipe}");
        }
        let shell = "Get-NetTCPConnection -State Listen | ";
        for pipe in
            ["sort LocalPort", "sort LocalPort -Descending", "sort -Prop LocalPort", "tee x"]
        {
            assert_eq!(one(&format!("{shell}{pipe}")).filter, None, "{pipe}");
        }
        for pipe in [
            "sort LocalPort -Unique",
            "sort -Unique LocalPort",
            "sort LocalPort -Top 1",
            "sort -u",
            "cat",
        ] {
            assert!(one(&format!("{shell}{pipe}")).filter.is_some(), "{pipe}");
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
        for (line, args) in [
            ("ss -tul\u{8}\u{8}\u{1b}[Kln", Some("-tln")),
            ("ss -tul\u{8}\u{8}ln", Some("-tln")),
            ("ss -u\u{8}tln", Some("-tln")),
            ("ss -tlnu\u{8} \u{8}", Some("-tln")),
            ("ss -tlnu\u{8}\u{1b}[K", Some("-tln")),
            ("s\u{8}ss -tl\u{7}n", Some("-tln")),
            ("ss -tlnu\u{8}", None),
            ("ss -tlu\u{1b}[D\u{1b}[1Pn", None),
            ("ss -tlu\u{7f}n", None),
            ("ss -tlu\rss -tln", None),
            ("\u{8}ss -tln", None),
        ] {
            let calls = parse(line);
            assert_eq!(calls.iter().all(|call| call.filter.is_none()), args.is_some(), "{line:?}");
            if let Some(args) = args {
                assert_eq!(calls[0].args, [args], "{line:?}");
            }
        }
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
