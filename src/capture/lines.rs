//! What a line is to all formats together: whose header, whose row, and which programs it calls.
//!
//! Captures of a fleet begin with the same few lines, and asking every format about one of them takes as long
//! as reading several rows: each thread remembers its last answers, which depend on nothing but the line.

use std::cell::RefCell;
use std::thread::LocalKey;

use super::command::{self, Invocation};
use super::{CaptureFormat, FORMATS};

/// How many lines are remembered.
const LINES: usize = 8;

/// No longer line is remembered, in bytes.
const LONGEST: usize = 256;

/// A format that knows a line, and why.
#[derive(Clone, Copy)]
pub(super) struct Sign {
    pub(super) format: &'static dyn CaptureFormat,
    /// Its place in [`FORMATS`].
    pub(super) order: usize,
    pub(super) why: &'static str,
}

/// The formats whose header a line is.
#[derive(Clone, Copy, Default)]
struct Headers {
    first: Option<Sign>,
    second: bool,
}

/// Answers to the lines that were asked about last.
struct Memory<T> {
    lines: Vec<(String, T)>,
    /// Which of them is forgotten next.
    next: usize,
}

thread_local! {
    static HEADERS: RefCell<Memory<Headers>> = const { RefCell::new(Memory::new()) };
    static ROWS: RefCell<Memory<Option<Sign>>> = const { RefCell::new(Memory::new()) };
    static CALLS: RefCell<Memory<Vec<Invocation>>> = const { RefCell::new(Memory::new()) };
}

impl<T: Clone> Memory<T> {
    const fn new() -> Self {
        Self { lines: Vec::new(), next: 0 }
    }

    fn find(&self, line: &str) -> Option<T> {
        self.lines.iter().find(|(known, _)| known == line).map(|(_, answer)| answer.clone())
    }

    fn keep(&mut self, line: &str, answer: T) {
        if self.lines.len() < LINES {
            return self.lines.push((line.to_owned(), answer));
        }
        if let Some((known, old)) = self.lines.get_mut(self.next) {
            known.clear();
            known.push_str(line);
            *old = answer;
        }
        self.next = (self.next + 1) % LINES;
    }
}

/// The answer that is remembered, else that of `ask`, which may ask about lines itself.
fn remembered<T: Clone>(
    memory: &'static LocalKey<RefCell<Memory<T>>>,
    line: &str,
    ask: impl FnOnce(&str) -> T,
) -> T {
    if line.len() > LONGEST {
        return ask(line);
    }
    if let Some(known) = memory.with_borrow(|memory| memory.find(line)) {
        return known;
    }
    let answer = ask(line);
    memory.with_borrow_mut(|memory| memory.keep(line, answer.clone()));
    answer
}

/// All formats that know a line, in their order.
fn all<'a>(
    line: &'a str,
    knows: impl Fn(&dyn CaptureFormat, &str) -> Option<&'static str> + 'a,
) -> impl Iterator<Item = Sign> + 'a {
    FORMATS
        .iter()
        .enumerate()
        .filter_map(move |(order, &format)| Some(Sign { format, order, why: knows(format, line)? }))
}

fn headers(line: &str) -> Headers {
    remembered(&HEADERS, line, |line| {
        let mut signs = all(line, |format, line| format.header(line));
        Headers { first: signs.next(), second: signs.next().is_some() }
    })
}

/// The first format whose header a line is.
pub(super) fn header(line: &str) -> Option<Sign> {
    headers(line).first
}

/// Whether a line is a header of any format but `own`.
pub(super) fn is_header_of_another(line: &str, own: Option<&dyn CaptureFormat>) -> bool {
    let Headers { first, second } = headers(line);
    let own = own.map(CaptureFormat::name);
    first.is_some_and(|first| second || Some(first.format.name()) != own)
}

/// The first format whose row a line may be.
pub(super) fn row(line: &str) -> Option<Sign> {
    remembered(&ROWS, line, |line| all(line, |format, line| format.row(line)).next())
}

/// The program calls of a command line, see [`command::parse`].
pub(super) fn calls(line: &str) -> Vec<Invocation> {
    remembered(&CALLS, line, command::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_the_same_when_they_are_remembered_and_forgotten() {
        let lines = [
            "Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:Port Process",
            "tcp   LISTEN 0      128          0.0.0.0:22         0.0.0.0:*",
            "Proto Recv-Q Send-Q Local Address           Foreign Address         State",
            "COMMAND   PID USER   FD   TYPE DEVICE SIZE/OFF NODE NAME",
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid",
            "$ ss -lntup",
            "",
            "  Proto  Local Address          Foreign Address        State           PID",
            "USER COMMAND PID FD PROTO LOCAL ADDRESS FOREIGN ADDRESS",
            "nothing of the kind",
            &"x".repeat(LONGEST + 1),
        ];
        assert!(lines.len() > LINES);
        let names =
            |sign: Option<Sign>| sign.map(|sign| (sign.format.name(), sign.order, sign.why));
        for _ in 0..3 {
            for line in lines {
                let first = |knows: &dyn Fn(&dyn CaptureFormat) -> Option<&'static str>| {
                    let mut all = FORMATS.iter().enumerate();
                    all.find_map(|(order, &format)| Some((format.name(), order, knows(format)?)))
                };
                assert_eq!(names(header(line)), first(&|format| format.header(line)), "{line}");
                assert_eq!(names(row(line)), first(&|format| format.row(line)), "{line}");
                assert_eq!(calls(line), command::parse(line), "{line}");
                for own in FORMATS {
                    let mut others = FORMATS.iter().filter(|other| other.name() != own.name());
                    let another = others.any(|other| other.header(line).is_some());
                    assert_eq!(is_header_of_another(line, Some(*own)), another, "{line}");
                }
                assert_eq!(is_header_of_another(line, None), header(line).is_some(), "{line}");
            }
        }
    }
}
