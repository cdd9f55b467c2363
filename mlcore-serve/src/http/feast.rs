//! Feast's feature server, beside the protocol's routes.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode};

use super::refusal::Refusal;
use super::route::{Found, Route};
use super::{Answered, BoxError, HttpService};
use crate::auth::{Denied, Permit};
use crate::feast::{self, Endpoint, Feast};

impl HttpService {
    /// The same, which is Feast's feature server, too, under Feast's own paths. `GET /health` asks the feature store then, unless MLflow's
    /// tracking server is there, which has it.
    #[must_use]
    pub fn with_feast(mut self, feast: Feast) -> Self {
        Arc::make_mut(&mut self.inner).feast = Some(feast);
        self
    }

    /// Feast's route of a path, where Feast is served and the path is its.
    pub(super) fn find_feast(&self, method: &Method, path: &str) -> Option<Found> {
        self.inner.feast.as_ref()?;
        Some(match feast::find(method, path)? {
            feast::Found::Endpoint(endpoint) => Found::Route(Route::Feast(endpoint)),
            feast::Found::OtherMethod(methods) => Found::OtherMethod(methods),
        })
    }

    /// Answers what Feast's client asks, if its sender may ask it.
    pub(super) async fn answer_feast<B>(
        &self,
        parts: &Parts,
        body: B,
        endpoint: Endpoint,
        permitted: Result<Permit, Denied>,
    ) -> Answered
    where
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        permitted?.tell(parts.uri.path());
        let Some(feast) = &self.inner.feast else {
            return Err(Refusal::new(StatusCode::NOT_FOUND, "there is no such path"));
        };
        let body = match endpoint {
            Endpoint::Health => Bytes::new(),
            _ => self.body(&parts.headers, body).await?,
        };
        Ok(feast.answer(endpoint, parts.uri.query(), body).await)
    }
}
