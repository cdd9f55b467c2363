//! A table shared out to threads: each runs rows that follow each other, into a place of its own.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use mlcore::batch::ColumnView;
use mlcore::{Error, Result, interrupt};

use super::Program;
use super::columnar::{BLOCK, Stopped, execute};
use super::sink::Sink;

/// The rows of each thread, in order: whole blocks, and never more parts than there are blocks. There is one part at least.
pub(super) fn parts(rows: usize, threads: NonZeroUsize) -> impl Iterator<Item = Range<usize>> {
    let each = rows.div_ceil(threads.get()).next_multiple_of(BLOCK).max(BLOCK);
    let count = rows.div_ceil(each).max(1);
    (0..count).map(move |part| part * each..rows.min((part + 1) * each))
}

/// Runs each part into its sink. Answers the sinks of the parts in order, up to the first that was stopped, and the error that
/// running row by row would meet first.
pub(super) fn run<S: Sink + Send>(
    program: &Program,
    bound: &[ColumnView<'_>],
    parts: Vec<(Range<usize>, S)>,
) -> (Vec<S>, Result<(), Stopped>) {
    let starts: Vec<usize> = parts.iter().map(|(rows, _)| rows.start).collect();
    let answers = share("transform", parts, |(rows, mut sink)| {
        let done = execute(program, bound, rows, &mut sink);
        (sink, done)
    });
    let mut sinks = Vec::with_capacity(answers.len());
    for (row, answer) in starts.into_iter().zip(answers) {
        match answer {
            Ok((sink, done)) => {
                sinks.push(sink);
                if done.is_err() {
                    return (sinks, done);
                }
            }
            Err(error) => return (sinks, Err(Stopped { row, error })),
        }
    }
    (sinks, Ok(()))
}

/// Does the work of each part on a thread of its own, that of the first on this one. Answers in the order of the parts; an error
/// stands for a thread that could not begin, or panicked.
pub(crate) fn share<P: Send, R: Send>(
    operation: &'static str,
    parts: Vec<P>,
    work: impl Fn(P) -> R + Sync,
) -> Vec<Result<R>> {
    let mut parts = parts.into_iter();
    let Some(own) = parts.next() else { return Vec::new() };
    if parts.len() == 0 {
        return vec![Ok(work(own))];
    }
    let (caller, work) = (interrupt::handle(), &work);
    thread::scope(|scope| {
        let caller = &caller;
        let others: Vec<_> = parts
            .map(|part| thread::Builder::new().spawn_scoped(scope, move || caller.enter(|| work(part))))
            .collect();
        let mut answers = vec![Ok(work(own))];
        // Only the caller's thread is told to stop: what the others still do stops with it.
        let finished = |begun: &std::io::Result<ScopedJoinHandle<'_, _>>| {
            begun.as_ref().map_or(true, ScopedJoinHandle::is_finished)
        };
        while interrupt::is_active() && !others.iter().all(finished) {
            if interrupt::is_stopped() {
                break;
            }
            thread::sleep(LOOK);
        }
        for begun in others {
            answers.push(match begun.map(ScopedJoinHandle::join) {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(_)) => Err(Error::internal(operation, "threads", "a thread panicked")
                    .remedy("report this to mlcore, with the plan")),
                Err(cause) => {
                    Err(Error::unsupported(operation, "threads", "the system starts no more threads")
                        .remedy("ask for fewer threads")
                        .caused_by(cause))
                }
            });
        }
        answers
    })
}

/// How often a thread that has nothing left to do looks at the others.
const LOOK: Duration = Duration::from_micros(200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_stand_in_order_and_a_panic_is_one_of_them() {
        let answers = share("test", vec![1, 0, 3], |part| {
            assert!(part != 0, "on purpose");
            part * 2
        });
        assert!(matches!(&answers[..], [Ok(2), Err(Error::Internal(_)), Ok(6)]), "{answers:?}");
        assert!(share("test", Vec::new(), |part: usize| part).is_empty());
    }

    #[test]
    fn parts_are_blocks_that_cover_all_rows_in_order() {
        for rows in [0, 1, 511, 512, 513, 1024, 5000, 1 << 20] {
            for threads in [1, 2, 3, 7, 64, usize::MAX] {
                let threads = NonZeroUsize::new(threads).unwrap();
                let all: Vec<Range<usize>> = parts(rows, threads).collect();
                assert!(
                    !all.is_empty() && all.len() <= threads.get() && all.len() <= rows.div_ceil(BLOCK).max(1)
                );
                let end = all.iter().fold(0, |end, part| {
                    assert!(part.start == end && part.start % BLOCK == 0);
                    part.end
                });
                assert_eq!(end, rows);
            }
        }
    }
}
