//! Pages to look at, beside the protocol's routes.

use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Method, Response, StatusCode};

use super::body::{SMALL_ANSWER, accepted};
use super::refusal::Refusal;
use super::{Answered, HttpService};
use crate::auth::{Act, Peer};
use crate::models::work::aside;
use crate::page::{Pages, is_page};

impl HttpService {
    /// The same, which shows [pages](crate::page) below `/ui/`, too, and leads browsers there that ask for `/`.
    #[must_use]
    pub fn with_pages(mut self, pages: Pages) -> Self {
        Arc::make_mut(&mut self.inner).pages = Some(pages);
        self
    }

    /// Whether MLflow's own page stands at `/`.
    #[cfg(feature = "mlflow")]
    fn has_page_of_mlflow(&self) -> bool {
        self.inner.mlflow.as_ref().is_some_and(crate::mlflow::Mlflow::has_page)
    }

    /// Whether MLflow's own page stands at `/`.
    #[cfg(not(feature = "mlflow"))]
    #[expect(clippy::unused_self, reason = "with the feature `mlflow` there may be one")]
    fn has_page_of_mlflow(&self) -> bool {
        false
    }

    /// The answer to a request for a page; none where it asks for something else.
    pub(super) async fn answer_page(&self, parts: &Parts, peer: Peer) -> Option<Answered> {
        let pages = self.inner.pages.as_ref()?;
        let path = parts.uri.path();
        if path == "/" && wants_page(parts) && !self.has_page_of_mlflow() {
            return Some(Ok(to_pages()));
        }
        if !is_page(path) {
            return None;
        }
        // Before anything is said of what there is.
        if let Err(denied) = self.inner.auth.permit(parts, peer, Act::Browse) {
            let message = denied.message();
            return Some(Ok(refused(pages, path, Refusal::from(denied), &message)));
        }
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            let message = "Nothing is changed here: pages take GET.";
            return Some(Ok(refused(pages, path, Refusal::other_method("GET"), message)));
        }
        let (pages, uri, headers) = (pages.clone(), parts.uri.clone(), parts.headers.clone());
        let packed_for = accepted(&headers);
        let answer = move || {
            let mut response = pages.answer(&uri, &headers);
            let coding = packed_for.filter(|_| response.body().len() > SMALL_ANSWER);
            let packed =
                coding.and_then(|coding| Some((coding, coding.pack(Vec::new(), response.body()).ok()?)));
            if let Some((coding, packed)) = packed {
                *response.body_mut() = packed;
                response
                    .headers_mut()
                    .insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
            }
            response
        };
        // It reads files and databases.
        Some(aside(false, answer).await.map(|response| response.map(Into::into)).map_err(Into::into))
    }
}

/// The page of a refusal, with the headers that belong to it.
fn refused(pages: &Pages, path: &str, refusal: Refusal, message: &str) -> Response<super::AnswerBody> {
    let refused = refusal.into_response();
    let mut response = pages.refused(path, refused.status(), message);
    for (name, value) in refused.headers().iter().filter(|(name, _)| **name != header::CONTENT_TYPE) {
        response.headers_mut().append(name, value.clone());
    }
    response.map(Into::into)
}

/// Whether a person asks, and no probe.
fn wants_page(parts: &Parts) -> bool {
    let accepted = parts.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    parts.method == Method::GET && accepted.is_some_and(|accepted| accepted.contains("text/html"))
}

fn to_pages() -> Response<super::AnswerBody> {
    let mut response = Response::new(super::AnswerBody::default());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, HeaderValue::from_static("ui/"));
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    response
}
