//! Answers that clients of HTTP/2 do not take. Every stream has a window of its own there, which its client may leave shut, so that the
//! connection below tells nothing of them.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

/// What a connection of HTTP/2 carries: its requests, and the answers that wait for their client.
#[derive(Debug)]
pub(super) struct Unread {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Each answer by its number, with the time at which something of it was taken last.
    waiting: Vec<(u64, Instant)>,
    next: u64,
    /// Requests whose answers have not ended.
    live: usize,
    /// Since when there are none.
    idle_since: Instant,
}

/// A request of the connection, until its answer has ended.
#[derive(Debug)]
pub(super) struct Live {
    unread: Arc<Unread>,
    number: u64,
}

impl Unread {
    pub(super) fn new() -> Self {
        let state = State { waiting: Vec::new(), next: 0, live: 0, idle_since: Instant::now() };
        Self { state: Mutex::new(state) }
    }

    /// A request has come.
    pub(super) fn begin(self: &Arc<Self>) -> Live {
        let mut state = self.lock();
        (state.next, state.live) = (state.next + 1, state.live + 1);
        Live { unread: self.clone(), number: state.next }
    }

    /// When something was last taken of the answer that waits longest.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.lock().waiting.iter().map(|(_, since)| *since).min()
    }

    /// Since when there is no request.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let state = self.lock();
        Some(state.idle_since).filter(|_| state.live == 0)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    /// Its answer waits for the client, since now.
    fn wait(&self) {
        let (mut state, now) = (self.unread.lock(), Instant::now());
        match state.waiting.iter_mut().find(|(number, _)| *number == self.number) {
            Some((_, since)) => *since = now,
            None => state.waiting.push((self.number, now)),
        }
    }

    /// It waits for the server.
    fn leave(&self) {
        self.unread.lock().waiting.retain(|(number, _)| *number != self.number);
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let mut state = self.unread.lock();
        state.waiting.retain(|(number, _)| *number != self.number);
        (state.live, state.idle_since) = (state.live.saturating_sub(1), Instant::now());
    }
}

/// An answer that is handed on in pieces, the next when there is room for it.
#[derive(Debug)]
pub(super) struct Watched<B> {
    body: B,
    /// What is left of a frame.
    rest: Bytes,
    live: Option<Live>,
    has_begun: bool,
}

impl<B> Watched<B> {
    /// The answer to this request, which waits for its client from now on.
    pub(super) fn new(body: B, live: Live) -> Self {
        live.wait();
        Self { body, rest: Bytes::new(), live: Some(live), has_begun: false }
    }

    /// An answer that nobody watches: of a connection that carries one at a time.
    pub(super) fn not(body: B) -> Self {
        Self { body, rest: Bytes::new(), live: None, has_begun: false }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Watched<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let own = self.get_mut();
        let Some(live) = &own.live else { return Pin::new(&mut own.body).poll_frame(context) };
        own.has_begun = true;
        if own.rest.is_empty() {
            match Pin::new(&mut own.body).poll_frame(context) {
                Poll::Pending => {
                    live.leave();
                    return Poll::Pending;
                }
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => own.rest = data,
                    Err(frame) => {
                        live.wait();
                        return Poll::Ready(Some(Ok(frame)));
                    }
                },
                Poll::Ready(end) => {
                    live.leave();
                    return Poll::Ready(end);
                }
            }
        }
        live.wait();
        let piece = own.rest.split_to(own.rest.len().min(PIECE_BYTES));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    /// An answer that has begun is only at its end when it says so: until then it is known whether it is taken.
    fn is_end_stream(&self) -> bool {
        let is_watched = self.live.is_some() && self.has_begun;
        !is_watched && self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        if let Some(upper) = inner.upper().and_then(|upper| upper.checked_add(rest)) {
            hint.set_upper(upper);
        }
        hint.set_lower(inner.lower().saturating_add(rest));
        hint
    }
}

/// As large as a frame of HTTP/2 by default. An answer of which no piece is taken in the time to write is given up; of the last piece
/// nobody hears whether it was taken, until the connection is idle.
const PIECE_BYTES: usize = 16 << 10;
