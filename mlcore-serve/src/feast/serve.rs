//! From a request to its answer: a short read runs on the thread that read the request, all else on one that may wait.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};

use super::refusal::{Refusal, Result};
use super::{Endpoint, Feast, read, write};
use crate::http::AnswerBody;
use crate::models::work::aside;

/// What a handler answers.
pub(super) enum Reply {
    Json(StatusCode, Vec<u8>),
    Empty,
}

impl Reply {
    /// What Feast's handlers answer that return nothing.
    pub(super) fn null() -> Self {
        Self::Json(StatusCode::OK, b"null".to_vec())
    }
}

impl Feast {
    /// Answers a request whose sender may send it.
    pub(crate) async fn answer(
        &self,
        endpoint: Endpoint,
        query: Option<&str>,
        body: Bytes,
    ) -> Response<AnswerBody> {
        let begun = Instant::now();
        let answered = self.handled(endpoint, query, body).await;
        self.inner.told.answered(endpoint, begun.elapsed(), answered.is_err());
        respond(answered)
    }

    async fn handled(&self, endpoint: Endpoint, query: Option<&str>, body: Bytes) -> Result<Reply> {
        let inner = self.inner.clone();
        match endpoint {
            Endpoint::Read => {
                let is_quick = body.len() <= SMALL_BODY && inner.expected.is_short();
                let answer = aside(is_quick, move || {
                    let begun = Instant::now();
                    let answer = read::read(&inner, &body);
                    if body.len() <= SMALL_BODY {
                        inner.expected.learn(begun.elapsed());
                    }
                    answer
                });
                answer.await?.map(|json| Reply::Json(StatusCode::OK, json))
            }
            Endpoint::Push => aside(false, move || write::push(&inner, &body)).await?,
            Endpoint::Write => aside(false, move || write::write(&inner, &body)).await?,
            Endpoint::Materialise | Endpoint::MaterialiseIncremental => {
                self.materialise(endpoint, query, body).await
            }
            Endpoint::Health => {
                aside(false, move || inner.store.snapshot()).await?.map(|_| Reply::Empty).map_err(|error| {
                    // A probe is told to come again, whatever is wrong.
                    Refusal::from(error).of_class(StatusCode::SERVICE_UNAVAILABLE, "FeastError")
                })
            }
            Endpoint::Search | Endpoint::SearchDocuments => {
                let message = "search features: vectors are not searched here; read features by the keys of their entities";
                Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, "FeastError", message))
            }
        }
    }
}

fn respond(answered: Result<Reply>) -> Response<AnswerBody> {
    let (status, body, retry_after) = match answered {
        Ok(Reply::Empty) => return Response::new(AnswerBody::default()),
        Ok(Reply::Json(status, json)) => (status, AnswerBody::from(json), None),
        Err(refusal) => (refusal.status, AnswerBody::from(refusal.body()), refusal.retry_after),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(seconds) = retry_after {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// How long small reads take: an average in which the last ones count most.
#[derive(Default)]
pub(super) struct Expected {
    nanos: AtomicU64,
}

impl Expected {
    /// Whether a small read is expected to hold its thread up for no longer than a moment.
    fn is_short(&self) -> bool {
        u128::from(self.nanos.load(Ordering::Relaxed)) < LONG.as_nanos()
    }

    /// Takes a read into account; of two at once one may be lost.
    fn learn(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let known = self.nanos.load(Ordering::Relaxed);
        let next = if known == 0 { took } else { known - known / 8 + took / 8 };
        self.nanos.store(next, Ordering::Relaxed);
    }
}

/// A body that names some entities and some tens of features; a larger one may take long to read.
const SMALL_BODY: usize = 2 << 10;
/// As for models: what takes longer holds up no other connection.
const LONG: Duration = Duration::from_millis(1);
