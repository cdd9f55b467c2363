//! From an address to an answer.

use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode, Uri};
use mlcore::artifact::Digest;
use mlcore::name::{ExperimentId, ModelName, RunId, Version};
use xxhash_rust::xxh3::xxh3_64;

use super::address::decoded;
use super::frame::{self, Page, View};
use super::trouble::{Result, Trouble};
use super::{
    Inner, Pages, assets, audit, compare, dataset, experiments, metric, model, models, run, runs, version,
};

/// Whether a path is one of the pages'.
pub(crate) fn is_page(path: &str) -> bool {
    path == "/ui" || path.starts_with("/ui/")
}

impl Pages {
    /// Answers a request to read a page, whose path begins with `/ui`. What is wrong is told by a page, too. It reads from the tracker
    /// and the registry on this thread.
    ///
    /// ```
    /// use mlcore_serve::page::Pages;
    ///
    /// let answer = Pages::new().answer(&"/ui/experiments".parse()?, &http::HeaderMap::new());
    /// assert_eq!(answer.status(), 404);
    /// assert!(String::from_utf8(answer.into_body())?.contains("This server keeps no experiments"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn answer(&self, uri: &Uri, headers: &HeaderMap) -> Response<Vec<u8>> {
        let path = uri.path();
        if path == "/ui" || path == "/ui/" {
            let begin = if path == "/ui" { "ui/" } else { "" };
            let only_models = self.inner.tracker.is_none() && self.inner.registry.is_some();
            return redirect(&format!("{begin}{}", if only_models { "models" } else { "experiments" }));
        }
        if let Some(asset) = path.strip_prefix("/ui/assets/").and_then(assets::find) {
            return kept(asset.content.as_bytes().to_vec(), asset.kind, headers, CACHED);
        }
        let view = View::new(&self.inner, path, uri.query().unwrap_or_default());
        let page = page(&view, path).unwrap_or_else(|trouble| frame::failed(&view, &trouble));
        let status = page.status;
        let mut response = kept(page.into_html(&view).into_bytes(), HTML, headers, CHECKED);
        if status != StatusCode::OK {
            *response.status_mut() = status;
            response.headers_mut().remove(header::ETAG);
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        response
    }

    /// The page that tells why a request is not answered.
    pub(crate) fn refused(&self, path: &str, status: StatusCode, message: &str) -> Response<Vec<u8>> {
        let nothing = Inner::default();
        // Somebody who may not read is not told what there is.
        let pages = if status == StatusCode::METHOD_NOT_ALLOWED { &*self.inner } else { &nothing };
        let view = View::new(pages, path, "");
        let page = frame::failed(&view, &Trouble::new(status, message));
        let mut response = Response::new(page.into_html(&view).into_bytes());
        *response.status_mut() = status;
        dress(response.headers_mut(), HTML, "no-store");
        response
    }
}

/// The page of a path.
fn page(view: &View<'_>, path: &str) -> Result<Page> {
    let nothing = || Trouble::not_found("There is no such page.");
    let below = path.strip_prefix("/ui/").ok_or_else(nothing)?;
    let segments: Option<Vec<_>> = below.split('/').map(|segment| decoded(segment, false)).collect();
    let segments = segments.ok_or_else(nothing)?;
    let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
    match *segments.as_slice() {
        ["experiments"] => experiments::page(view),
        ["experiments", id] => runs::page(view, &ExperimentId::new(id).map_err(|_| nothing())?),
        ["runs", id] => run::page(view, &RunId::new(id).map_err(|_| nothing())?),
        ["runs", id, "metrics", name] => metric::page(view, &RunId::new(id).map_err(|_| nothing())?, name),
        ["compare"] => compare::page(view),
        ["models"] => models::page(view),
        ["models", name] => model::page(view, &ModelName::new(name).map_err(|_| nothing())?),
        ["models", name, "versions", number] => {
            let number =
                number.parse().ok().and_then(|number| Version::new(number).ok()).ok_or_else(nothing)?;
            version::page(view, &ModelName::new(name).map_err(|_| nothing())?, number)
        }
        ["datasets", digest] => dataset::page(view, digest),
        ["audit"] => audit::page(view),
        ["audit", number] => audit::entry(view, number.parse().map_err(|_| nothing())?),
        _ => Err(nothing()),
    }
}

fn redirect(to: &str) -> Response<Vec<u8>> {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(to) = HeaderValue::try_from(to) {
        response.headers_mut().insert(header::LOCATION, to);
    }
    response
}

/// What a browser may keep, and asks whether it is still so.
fn kept(body: Vec<u8>, kind: &'static str, headers: &HeaderMap, caching: &'static str) -> Response<Vec<u8>> {
    // Weak: on its way the body may be packed.
    let tag = format!("W/\"{:016x}\"", xxh3_64(&body));
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let is_known = known.is_some_and(|known| known.split(',').any(|own| own.trim() == tag));
    let mut response = Response::new(if is_known { Vec::new() } else { body });
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    dress(response.headers_mut(), kind, caching);
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// The headers that every answer has: nothing is taken for something else, framed, run or told to others.
fn dress(headers: &mut HeaderMap, kind: &'static str, caching: &'static str) {
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, caching),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::VARY, "accept-encoding, authorization"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// The digest that a text is, where it is one.
pub(super) fn digest_of(text: &str) -> Option<Digest> {
    text.parse().ok()
}

const HTML: &str = "text/html; charset=utf-8";
/// Only what the pages bring themselves, by its path.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'";
/// Its address changes with it.
const CACHED: &str = "public, max-age=604800";
/// It may be another one at any time.
const CHECKED: &str = "private, no-cache";
