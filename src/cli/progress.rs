//! How far a run is, on the last line of a terminal.

use std::cell::Cell;
use std::io::Write as _;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Runs that are shorter show nothing.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often the line is drawn.
const PAUSE: Duration = Duration::from_millis(100);

/// The line, drawn anew as hosts are judged.
pub(super) struct Progress {
    began: Instant,
    due: Duration,
    columns: usize,
    /// How many columns the line has that stands there.
    drawn: usize,
    size: Option<u64>,
    read: Rc<Cell<u64>>,
    counts: Counts,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    hosts: u64,
    violations: u64,
}

impl Progress {
    /// A line of up to `columns`; `size` is how many bytes there are to read, where that is known, and
    /// `read` how many have been.
    pub(super) fn new(columns: usize, size: Option<u64>, read: Rc<Cell<u64>>) -> Self {
        let counts = Counts::default();
        Self { began: Instant::now(), due: PATIENCE, columns, drawn: 0, size, read, counts }
    }

    /// Counts a host.
    pub(super) fn host(&mut self, violations: u64) {
        self.counts.hosts += 1;
        self.counts.violations += violations;
        let elapsed = self.began.elapsed();
        if elapsed >= self.due {
            self.due = elapsed + PAUSE;
            let left = self.size.and_then(|size| left(size, self.read.get(), elapsed));
            let line = line(self.counts, elapsed, left);
            self.draw(line.get(..line.len().min(self.columns.saturating_sub(1))).unwrap_or(""));
        }
    }

    /// Takes the line away.
    pub(super) fn clear(&mut self) {
        if self.drawn > 0 {
            self.draw("");
            let _ = std::io::stderr().lock().write_all(b"\r");
        }
    }

    fn draw(&mut self, line: &str) {
        // Nobody can be told when this fails.
        let text = format!("\r{line:<width$}", width = self.drawn);
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
        self.drawn = line.len();
    }
}

/// How long it still takes, if it goes on as it went.
fn left(size: u64, read: u64, elapsed: Duration) -> Option<Duration> {
    let rest = size.saturating_sub(read) as f64;
    (read > 0).then(|| elapsed.mul_f64((rest / read as f64).min(1e6)))
}

/// `12,345 hosts, 6 violations, 789 hosts/s, 1 min 5 s left`, in ASCII.
fn line(counts: Counts, elapsed: Duration, left: Option<Duration>) -> String {
    let rate = (counts.hosts as f64 / elapsed.as_secs_f64().max(0.001)) as u64;
    let mut line = format!(
        "{} hosts, {} violations, {} hosts/s",
        grouped(counts.hosts),
        grouped(counts.violations),
        grouped(rate)
    );
    if let Some(left) = left {
        let seconds = left.as_secs();
        let left = match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
            (0, 0, seconds) => format!("{seconds} s"),
            (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
            (hours, minutes, _) => format!("{hours} h {minutes} min"),
        };
        line.push_str(&format!(", {left} left"));
    }
    line
}

/// A number with a comma between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_many_how_fast_and_how_long() {
        let counts = Counts { hosts: 1_234_567, violations: 89 };
        let elapsed = Duration::from_secs(10);
        let with = |left| line(counts, elapsed, left);
        assert_eq!(with(None), "1,234,567 hosts, 89 violations, 123,456 hosts/s");
        for (size, read, expected) in [
            (200, 100, ", 10 s left"),
            (1_000, 100, ", 1 min 30 s left"),
            (100_000, 100, ", 2 h 46 min left"),
            // A file that grew.
            (100, 200, ", 0 s left"),
        ] {
            assert!(with(left(size, read, elapsed)).ends_with(expected), "{expected}");
        }
        assert_eq!(left(100, 0, elapsed), None);
    }
}
