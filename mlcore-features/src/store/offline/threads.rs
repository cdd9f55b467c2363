//! A pass over a view's rows by several threads.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use mlcore::{Error, Result, interrupt};

use super::OPERATION;
use super::pass::Pass;
use super::source::{Piece, Pieces};

/// Rows that a thread takes at once: some hundred microseconds of work, and little memory while they wait.
const ROWS: usize = 1 << 16;
/// Pieces that wait for each thread.
const WAITING: usize = 2;
/// How often the caller, once it has nothing left to do, looks at the others.
const LOOK: Duration = Duration::from_micros(200);

/// What a thread was stopped by, and the number of the first row of the piece it had.
type Stopped = (u64, Error);

/// Lets pieces pass: each other pass has a thread of its own, and the caller's reads, and takes part when all others have enough.
///
/// Each thread sees its pieces in the order of the source, and what they find is put together by the order of rows, so that
/// the answer is that of one thread. Of several errors the one of the first rows is told.
pub(super) fn observe<'a>(mut own: Pass<'a>, others: Vec<Pass<'a>>, pieces: Pieces<'_>) -> Result<Pass<'a>> {
    let (sender, receiver) = mpsc::sync_channel::<Piece>(WAITING * others.len());
    let (receiver, is_failed, caller) = (Mutex::new(receiver), AtomicBool::new(false), interrupt::handle());
    let take = || receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
    let work = |mut pass: Pass<'a>| loop {
        let Ok(piece) = take() else { return Ok(pass) };
        if let Err(error) = pass.observe(&piece) {
            is_failed.store(true, Ordering::Relaxed);
            return Err((piece.first(), error));
        }
    };
    let (fed, others) = thread::scope(|scope| {
        let (work, caller) = (&work, &caller);
        let begun: Vec<_> = others
            .into_iter()
            .map(|pass| thread::Builder::new().spawn_scoped(scope, move || caller.enter(|| work(pass))))
            .collect();
        let fed = feed(&mut own, pieces, &sender, &is_failed);
        drop(sender);
        // Only the caller's thread is told to stop: what the others still do stops with it.
        let is_finished = |begun: &std::io::Result<ScopedJoinHandle<'_, _>>| {
            begun.as_ref().map_or(true, ScopedJoinHandle::is_finished)
        };
        while interrupt::is_active() && !interrupt::is_stopped() && !begun.iter().all(is_finished) {
            thread::sleep(LOOK);
        }
        let joined = begun.into_iter().map(|begun| match begun.map(ScopedJoinHandle::join) {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err((
                0,
                Error::internal(OPERATION, "threads", "a thread panicked").remedy("report this to mlcore"),
            )),
            Err(cause) => Err((
                0,
                Error::unsupported(OPERATION, "threads", "the system starts no more threads")
                    .remedy("ask for fewer threads")
                    .caused_by(cause),
            )),
        });
        (fed, joined.collect::<Vec<std::result::Result<Pass<'a>, Stopped>>>())
    });
    let mut first = fed.err();
    for other in others {
        match other {
            Ok(pass) => own.merge(pass),
            Err(stopped) if first.as_ref().is_none_or(|(row, _)| stopped.0 < *row) => first = Some(stopped),
            Err(_) => {}
        }
    }
    first.map_or(Ok(own), |(_, error)| Err(error))
}

/// Hands pieces to the others, and lets those pass that none of them has room for.
fn feed(
    own: &mut Pass<'_>,
    pieces: Pieces<'_>,
    others: &SyncSender<Piece>,
    is_failed: &AtomicBool,
) -> std::result::Result<(), Stopped> {
    let mut next = 0;
    for piece in pieces {
        let piece = piece.map_err(|error| (next, error))?;
        next = piece.first() + piece.rows().num_rows() as u64;
        for start in (0..piece.rows().num_rows()).step_by(ROWS) {
            if is_failed.load(Ordering::Relaxed) {
                return Ok(());
            }
            let part = piece.rows().slice(start, ROWS.min(piece.rows().num_rows() - start));
            let part = Piece::new(piece.first() + start as u64, part);
            match others.try_send(part) {
                Ok(()) => {}
                Err(TrySendError::Full(part) | TrySendError::Disconnected(part)) => {
                    own.observe(&part).map_err(|error| (part.first(), error))?;
                }
            }
        }
    }
    Ok(())
}
