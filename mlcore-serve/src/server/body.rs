use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};

use crate::http::Late;

/// A body that must have arrived in time, where there is one.
pub(super) struct TimedBody {
    body: Incoming,
    timeout: Option<Duration>,
    /// Set when the body is first waited for: few are.
    late: Option<Pin<Box<Sleep>>>,
    /// Of a body of any size: the bytes that are still to come in the time that runs.
    due: Option<usize>,
}

impl TimedBody {
    pub(super) fn new(body: Incoming, timeout: Option<Duration>) -> Self {
        Self { body, timeout, late: None, due: None }
    }

    /// A body of any size, of which enough must arrive in each such time.
    pub(super) fn paced(body: Incoming, timeout: Duration) -> Self {
        Self { due: Some(PACE_BYTES), ..Self::new(body, Some(timeout)) }
    }

    /// Counts what has arrived; once it is enough, the time begins anew.
    fn count(&mut self, bytes: usize) {
        let Some(due) = &mut self.due else { return };
        *due = due.saturating_sub(bytes);
        if *due == 0 {
            *due = PACE_BYTES;
            self.late = None;
        }
    }
}

impl Body for TimedBody {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let own = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut own.body).poll_frame(context) {
            if let Some(Ok(frame)) = &frame {
                own.count(frame.data_ref().map_or(0, Bytes::len));
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let Some(timeout) = own.timeout else { return Poll::Pending };
        let late = own.late.get_or_insert_with(|| Box::pin(sleep(timeout)));
        match late.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => Poll::Ready(Some(Err(Late(timeout).into()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The least that a client sends of a file in the time that a body has.
const PACE_BYTES: usize = 256 << 10;
