use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Body;
use tokio::time::{Duration, Interval, interval};
use tracing::Instrument as _;

use super::body::AnswerStream;
use super::head::Head;
use super::message::Messages;
use super::status::{Code, Status};
use super::{GrpcService, health};
use crate::trace;

/// Ends long calls when a server stops: waits for it.
pub(crate) type Stopping = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Answers the requests of a stream in their order, some of them at once. Where it is dropped, what it has not begun is not
/// done.
pub(super) struct Answers<B> {
    service: GrpcService,
    head: Head,
    messages: Messages<B>,
    /// Set once no more requests are taken: how the call ends when those that are under way are answered.
    end: Option<Status>,
    under_way: VecDeque<Answering>,
    stopping: Option<Stopping>,
}

enum Answering {
    Working(Pin<Box<dyn Future<Output = Result<Bytes, Status>> + Send>>),
    Done(Result<Bytes, Status>),
}

impl<B> Answers<B> {
    pub(super) fn new(
        service: GrpcService,
        head: Head,
        messages: Messages<B>,
        stopping: Option<Stopping>,
    ) -> Self {
        Self { service, head, messages, end: None, under_way: VecDeque::new(), stopping }
    }
}

// Nothing in it is pinned in place.
impl<B> Unpin for Answers<B> {}

impl<B> AnswerStream for Answers<B>
where
    B: Body + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Bytes, Status>> {
        let own = self.get_mut();
        let most = own.service.limits().stream_requests.max(1);
        while own.end.is_none() && own.under_way.len() < most {
            if own.stopping.as_mut().is_some_and(|stopping| stopping.as_mut().poll(context).is_ready()) {
                own.end = Some(Status::new(Code::Unavailable, "serve stream: the server is stopping"));
                break;
            }
            match own.messages.poll_next(context) {
                Poll::Ready(Some(Ok(message))) => {
                    let service = own.service.clone();
                    let work = service.infer_streamed(message, own.head.deadline, own.head.answer_coding);
                    let mut work = Box::pin(work.instrument(trace::message()));
                    own.under_way.push_back(match work.as_mut().poll(context) {
                        Poll::Ready(answer) => Answering::Done(answer),
                        Poll::Pending => Answering::Working(work),
                    });
                }
                Poll::Ready(Some(Err(status))) => own.end = Some(status),
                Poll::Ready(None) => own.end = Some(Status::OK),
                Poll::Pending => break,
            }
            // What is answered goes out before more is asked for.
            if matches!(own.under_way.front(), Some(Answering::Done(_))) {
                break;
            }
        }
        for answering in &mut own.under_way {
            if let Answering::Working(work) = answering
                && let Poll::Ready(answer) = work.as_mut().poll(context)
            {
                *answering = Answering::Done(answer);
            }
        }
        match own.under_way.pop_front() {
            Some(Answering::Done(answer)) => return Poll::Ready(answer),
            Some(working) => own.under_way.push_front(working),
            None => {
                if let Some(end) = &own.end {
                    return Poll::Ready(Err(end.clone()));
                }
            }
        }
        Poll::Pending
    }
}

/// Tells of the server's health, and again whenever it changes.
pub(super) struct Watching {
    service: GrpcService,
    name: String,
    told: Option<health::Health>,
    interval: Interval,
    stopping: Option<Stopping>,
}

impl Watching {
    pub(super) fn new(service: GrpcService, name: String, stopping: Option<Stopping>) -> Self {
        Self { service, name, told: None, interval: interval(WATCH_INTERVAL), stopping }
    }
}

impl AnswerStream for Watching {
    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Bytes, Status>> {
        let own = self.get_mut();
        loop {
            if own.stopping.as_mut().is_some_and(|stopping| stopping.as_mut().poll(context).is_ready()) {
                return Poll::Ready(Err(Status::new(
                    Code::Unavailable,
                    "watch health: the server is stopping",
                )));
            }
            if own.interval.poll_tick(context).is_pending() {
                return Poll::Pending;
            }
            let now = health::of(own.service.models(), &own.name);
            if own.told != Some(now) {
                own.told = Some(now);
                return Poll::Ready(super::answered(&health::response(now)));
            }
        }
    }
}

/// How soon a change is told.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);
