use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use mlcore::batch::Batch;
use mlcore::name::Arm;
use mlcore::runner::RunOptions;
use mlcore::{Error, Result};

use crate::endpoint::{Answer, LoadedModel, ServedBy};

/// A request that waits for a run, or is in one.
pub(super) struct Slot {
    pub(super) model: Arc<LoadedModel>,
    pub(super) arm: Arm,
    /// Whether it may share a run.
    pub(super) is_shared: bool,
    pub(super) inputs: Batch,
    pub(super) rows: usize,
    pub(super) arrived: Duration,
    /// When its caller no longer wants the answer.
    pub(super) deadline: Option<Duration>,
    state: Mutex<State>,
}

enum State {
    /// For an answer; whom to tell of it.
    Waiting(Option<Waker>),
    Answered(Box<Batched>),
    /// The answer was fetched, or nobody wants it.
    Over,
}

/// The answer to a request whose run may have been shared, and what it took.
#[non_exhaustive]
#[derive(Debug)]
pub struct Batched {
    /// What [`Endpoint::record`](crate::Endpoint::record) takes.
    pub answer: Answer,
    /// From the request's arrival here until its run began.
    pub queued: Duration,
    /// The run, of all rows that shared it.
    pub compute: Duration,
    /// The rows of the run.
    pub rows: usize,
}

impl Batched {
    /// An answer without a run.
    pub(super) fn unrun(answer: Answer, queued: Duration) -> Self {
        Self { answer, queued, compute: Duration::ZERO, rows: 0 }
    }
}

impl Slot {
    /// A request about `inputs`.
    pub(super) fn new(
        (model, arm, is_shared): (&Arc<LoadedModel>, &Arm, bool),
        inputs: Batch,
        rows: usize,
        (arrived, deadline): (Duration, Option<Duration>),
    ) -> Self {
        let state = Mutex::new(State::Waiting(None));
        let (model, arm) = (model.clone(), arm.clone());
        Self { model, arm, is_shared, inputs, rows, arrived, deadline, state }
    }

    /// Whether somebody still waits for the answer.
    pub(super) fn is_open(&self) -> bool {
        matches!(*self.state(), State::Waiting(_))
    }

    /// Answers what the run gave. The first answer counts.
    pub(super) fn answer(&self, outputs: Result<Batch>, run: Run) {
        let served_by = if run.requests > 1 { ServedBy::Batch } else { ServedBy::Model };
        let answer = Answer::computed(self.inputs.clone(), outputs).with_served_by(served_by);
        let queued = run.began.saturating_sub(self.arrived);
        self.end(Batched { answer, queued, compute: run.compute, rows: run.rows });
    }

    /// Answers that the deadline has passed: before the run, or while it went on.
    pub(super) fn expire(&self, now: Duration, was_running: bool) {
        let queued = now.saturating_sub(self.arrived);
        let subject = self.model.version().model.as_str();
        let answer = if was_running {
            let problem = format!("no answer within the {queued:?} that the request had");
            Answer::computed(self.inputs.clone(), Err(Error::timeout("predict", subject, problem)))
        } else {
            let problem = format!("it had {queued:?}, and they passed before the model ran");
            Answer::shed(Error::timeout("predict", subject, problem))
        };
        self.end(Batched::unrun(answer, queued));
    }

    /// Answers without a run.
    pub(super) fn refuse(&self, error: Error, now: Duration) {
        self.end(Batched::unrun(Answer::shed(error), now.saturating_sub(self.arrived)));
    }

    fn end(&self, batched: Batched) {
        let waker = {
            let mut state = self.state();
            let State::Waiting(waker) = &mut *state else { return };
            let waker = waker.take();
            *state = State::Answered(Box::new(batched));
            waker
        };
        // Not under the lock: whoever is woken may ask at once.
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The answer, once.
    pub(super) fn poll(&self, context: &Context<'_>) -> Poll<Batched> {
        let mut state = self.state();
        match &mut *state {
            State::Waiting(Some(waker)) if waker.will_wake(context.waker()) => Poll::Pending,
            State::Waiting(waker) => {
                *waker = Some(context.waker().clone());
                Poll::Pending
            }
            State::Answered(_) | State::Over => match std::mem::replace(&mut *state, State::Over) {
                State::Answered(batched) => Poll::Ready(*batched),
                State::Waiting(_) | State::Over => Poll::Pending,
            },
        }
    }

    /// Nobody wants the answer any more.
    pub(super) fn give_up(&self) {
        let before = std::mem::replace(&mut *self.state(), State::Over);
        drop(before);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A run as its members see it.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub(super) began: Duration,
    pub(super) compute: Duration,
    pub(super) rows: usize,
    pub(super) requests: usize,
}

/// The run options for requests with these deadlines: no longer than the last of them wants to wait.
pub(super) fn options_until(
    own: &RunOptions,
    deadlines: impl IntoIterator<Item = Option<Duration>>,
    now: Duration,
) -> RunOptions {
    let last = deadlines.into_iter().try_fold(Duration::ZERO, |last, deadline| Some(last.max(deadline?)));
    let Some(left) = last.map(|last| last.saturating_sub(now)) else { return own.clone() };
    own.clone().with_timeout(own.timeout.map_or(left, |timeout| timeout.min(left)))
}
