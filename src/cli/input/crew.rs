//! Work on many pieces by several threads, with the results in the order of the pieces.
//!
//! Pieces go to the threads in batches, since handing one over costs about as much as judging a small
//! capture. No thread starts before there is more than one batch, so that a single capture pays nothing;
//! and no more than a few batches are on their way, so that a fleet takes no more memory than they do.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// How much a batch weighs, in bytes of evidence.
const BATCH: usize = 1 << 18;

/// How many pieces a batch has at most.
const PIECES: usize = 256;

/// How many batches are on their way for each thread.
const DEPTH: usize = 2;

/// How many threads work: what the user says (`--jobs`), else as many as the machine runs at once.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Jobs(Option<usize>);

impl Jobs {
    /// This thread alone.
    pub(in crate::cli) const ONE: Self = Self(Some(1));

    pub(in crate::cli) fn new(asked: Option<usize>) -> Self {
        Self(asked)
    }

    /// The number. Finding out what the machine runs takes a dozen system calls, so that it is asked only
    /// where there is work for more than one.
    fn count(self) -> usize {
        let threads = || thread::available_parallelism().map_or(1, usize::from);
        self.0.unwrap_or_else(threads).clamp(1, 256)
    }
}

/// A batch with its number.
type Numbered<T> = (u64, Vec<T>);

/// Does `work` on every piece that `feed` hands out, on as many threads as `jobs` says, and gives the results to
/// `each` on this thread, in the order of the pieces. `weigh` says how many bytes a piece has.
pub(super) fn in_order<P: Send, T: Send>(
    jobs: Jobs,
    weigh: impl Fn(&P) -> usize,
    feed: impl FnOnce(&mut dyn FnMut(P)),
    work: impl Fn(P) -> T + Sync,
    mut each: impl FnMut(T),
) {
    if matches!(jobs, Jobs(Some(0 | 1))) {
        feed(&mut |piece| each(work(piece)));
        return;
    }
    let (to_work, tasks) = channel::<Numbered<P>>();
    let (done, results) = channel::<Numbered<T>>();
    let tasks = Mutex::new(tasks);
    let (tasks, work) = (&tasks, &work);
    thread::scope(|scope| {
        let mut line = Line { results, waiting: BTreeMap::new(), sent: 0, out: 0 };
        let (mut batch, mut weight) = (Vec::new(), 0);
        // How many threads were started.
        let mut crew = None;
        feed(&mut |piece| {
            if weight >= BATCH || batch.len() >= PIECES {
                let jobs = *crew.get_or_insert_with(|| {
                    let jobs = jobs.count();
                    for _ in 0..jobs {
                        let done = done.clone();
                        scope.spawn(move || labour(tasks, &done, work));
                    }
                    jobs
                });
                line.send(&to_work, std::mem::take(&mut batch));
                weight = 0;
                line.take((jobs * DEPTH) as u64, &mut each);
            }
            weight += weigh(&piece);
            batch.push(piece);
        });
        if crew.is_some() {
            line.send(&to_work, batch);
            drop(to_work);
            drop(done);
            line.take(0, &mut each);
        } else {
            batch.into_iter().for_each(|piece| each(work(piece)));
        }
    });
}

/// What one thread does: batches until there are none. When this side of a channel is left alone, the
/// other has failed and says so.
fn labour<P, T>(
    tasks: &Mutex<Receiver<Numbered<P>>>,
    done: &Sender<Numbered<T>>,
    work: &impl Fn(P) -> T,
) {
    loop {
        let next = tasks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, batch)) = next else { return };
        let results = batch.into_iter().map(work).collect();
        if done.send((number, results)).is_err() {
            return;
        }
    }
}

/// Batches on their way.
struct Line<T> {
    results: Receiver<Numbered<T>>,
    /// Those that came before their turn.
    waiting: BTreeMap<u64, Vec<T>>,
    sent: u64,
    out: u64,
}

impl<T> Line<T> {
    fn send<P>(&mut self, to: &Sender<Numbered<P>>, batch: Vec<P>) {
        // It can only fail when every thread has panicked, which the end of the scope tells.
        if to.send((self.sent, batch)).is_ok() {
            self.sent += 1;
        }
    }

    /// Takes results until no more than `most` batches are on their way.
    fn take(&mut self, most: u64, each: &mut impl FnMut(T)) {
        loop {
            while let Some(batch) = self.waiting.remove(&self.out) {
                self.out += 1;
                batch.into_iter().for_each(&mut *each);
            }
            if self.sent - self.out <= most {
                return;
            }
            let Ok((number, batch)) = self.results.recv() else { return };
            self.waiting.insert(number, batch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_pieces() {
        for jobs in [1, 2, 3, 8] {
            for count in [0_usize, 1, 255, 256, 257, 5_000] {
                let mut seen = Vec::new();
                in_order(
                    Jobs::new(Some(jobs)),
                    |&piece: &usize| piece % 4096,
                    |each| (0..count).for_each(each),
                    |piece| {
                        // The later ones of a batch are quicker.
                        (0..(piece % 7) * 50).for_each(|n| _ = std::hint::black_box(n));
                        piece * 2
                    },
                    |result| seen.push(result),
                );
                let wanted: Vec<usize> = (0..count).map(|piece| piece * 2).collect();
                assert_eq!(seen, wanted, "{jobs} threads");
            }
        }
    }
}
