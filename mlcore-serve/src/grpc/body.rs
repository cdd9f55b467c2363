use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use tracing::Span;

use super::status::Status;
use crate::trace;

/// The body of an answer: messages, and how the call ended.
pub struct GrpcBody {
    state: State,
}

enum State {
    /// One message, and a good end.
    Message(Bytes),
    /// Messages as they come.
    Stream(Pin<Box<dyn AnswerStream>>, Span),
    /// How it ended.
    Trailers(Status),
    Ended,
}

/// The messages of an answer that has several, each with its head.
pub(super) trait AnswerStream: Send {
    /// The next message, or how the call ended.
    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Bytes, Status>>;
}

impl GrpcBody {
    /// No message: how the call ended is in the head of the answer.
    pub(super) const EMPTY: Self = Self { state: State::Ended };

    pub(super) fn message(message: Bytes) -> Self {
        Self { state: State::Message(message) }
    }

    /// Messages that are made in the span of the call, which is the current one and lasts until they end.
    pub(super) fn stream(stream: impl AnswerStream + 'static) -> Self {
        Self { state: State::Stream(Box::pin(stream), Span::current()) }
    }

    pub(super) fn is_stream(&self) -> bool {
        matches!(self.state, State::Stream(..))
    }
}

impl Body for GrpcBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let State::Stream(stream, span) = &mut self.state {
            match ready!(span.in_scope(|| stream.as_mut().poll_next(context))) {
                Ok(message) => return Poll::Ready(Some(Ok(Frame::data(message)))),
                Err(status) => {
                    trace::ended(span, status.code.name(), status.code.is_failure());
                    self.state = State::Trailers(status);
                }
            }
        }
        Poll::Ready(match std::mem::replace(&mut self.state, State::Ended) {
            State::Message(message) => {
                self.state = State::Trailers(Status::OK);
                Some(Ok(Frame::data(message)))
            }
            State::Trailers(status) => {
                let mut trailers = HeaderMap::with_capacity(2);
                status.put(&mut trailers);
                Some(Ok(Frame::trailers(trailers)))
            }
            State::Stream(..) | State::Ended => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Message(message) => SizeHint::with_exact(message.len() as u64),
            State::Stream(..) => SizeHint::default(),
            State::Trailers(_) | State::Ended => SizeHint::with_exact(0),
        }
    }
}

impl fmt::Debug for GrpcBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcBody").finish_non_exhaustive()
    }
}
