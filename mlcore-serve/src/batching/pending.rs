use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use mlcore::interrupt;

use super::schedule::Place;
use super::slot::{Batched, Slot};
use super::worker::Shared;
use crate::endpoint::Answer;

/// The answer of a [`Batcher`](super::Batcher) that may still be to come: [waited](Pending::wait) for by a thread, or awaited on
/// any runtime. A request whose `Pending` is dropped leaves the queue, and is not run if its run has not begun.
#[must_use = "a request whose answer nobody waits for is not run"]
pub struct Pending {
    state: State,
}

enum State {
    Ready(Option<Box<Batched>>),
    Waiting { shared: Arc<Shared>, slot: Arc<Slot>, place: Place },
}

impl Pending {
    pub(super) fn ready(batched: Batched) -> Self {
        Self { state: State::Ready(Some(Box::new(batched))) }
    }

    /// An answer that is known before any run.
    pub(crate) fn of_answer(answer: Answer) -> Self {
        Self::ready(Batched::unrun(answer, std::time::Duration::ZERO))
    }

    pub(super) fn waiting(shared: Arc<Shared>, slot: Arc<Slot>, place: Place) -> Self {
        Self { state: State::Waiting { shared, slot, place } }
    }

    /// Holds this thread until the answer is there, or its caller is to [stop](mlcore::interrupt).
    pub fn wait(mut self) -> Batched {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(batched) = Pin::new(&mut self).poll(&mut context) {
                return batched;
            }
            if interrupt::is_active() {
                thread::park_timeout(interrupt::INTERVAL);
                if let Err(error) = interrupt::check("predict") {
                    return Batched::unrun(Answer::refused(error), std::time::Duration::ZERO);
                }
            } else {
                thread::park();
            }
        }
    }
}

impl Future for Pending {
    type Output = Batched;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Batched> {
        match &mut self.state {
            State::Ready(batched) => batched.take().map_or(Poll::Pending, |batched| Poll::Ready(*batched)),
            State::Waiting { slot, .. } => slot.poll(context),
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let State::Waiting { shared, slot, place } = &self.state
            && slot.is_open()
        {
            slot.give_up();
            shared.cancel(slot, *place);
        }
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_waiting = matches!(self.state, State::Waiting { .. });
        f.debug_struct("Pending").field("is_waiting", &is_waiting).finish_non_exhaustive()
    }
}

/// Wakes a thread that is parked.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}
