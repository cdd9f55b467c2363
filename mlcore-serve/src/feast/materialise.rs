//! `POST /materialize` and `POST /materialize-incremental`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use bytes::Bytes;
use http::StatusCode;
use mlcore::time::Timestamp;
use mlcore::{Error, interrupt};
use mlcore_features::store::definition::{AnyView, ViewVersion};
use mlcore_features::store::feature_store::{MaterialiseOptions, MaterialiseReport};
use serde_json::json;

use super::refusal::{Refusal, Result};
use super::request::{MaterialiseBody, moment, parsed, text};
use super::serve::Reply;
use super::{Endpoint, Feast, Inner};
use crate::models::work::aside;

/// The views that are being materialised, each as often as it is.
#[derive(Default)]
pub(super) struct Runs {
    views: Mutex<Vec<Arc<[String]>>>,
}

/// A run that is under way; at its end others may begin.
struct Run {
    inner: Arc<Inner>,
    views: Arc<[String]>,
    /// Of the one view that is named; the latest where none is.
    version: Option<ViewVersion>,
}

impl Run {
    /// Begins a run, unless one of its views is materialised already, or too many runs are under way.
    fn begin(
        inner: &Arc<Inner>,
        views: Vec<String>,
        version: Option<ViewVersion>,
        is_forced: bool,
    ) -> Result<Self> {
        let mut running = inner.runs.views.lock().unwrap_or_else(PoisonError::into_inner);
        let is_busy = |view: &&String| running.iter().any(|run| run.contains(view));
        let busy: Vec<&str> = views.iter().filter(is_busy).map(String::as_str).collect();
        if !busy.is_empty() && !is_forced {
            return Err(Refusal::materialising(&busy));
        }
        if running.len() >= inner.limits.runs {
            let problem = format!("{} runs are under way, and no more are taken at once", running.len());
            return Err(Error::overloaded(OPERATION, "runs", problem)
                .remedy("repeat it when one has ended")
                .into());
        }
        let views: Arc<[String]> = views.into();
        running.push(views.clone());
        Ok(Self { inner: inner.clone(), views, version })
    }

    /// Does the work, on a thread that may wait.
    fn carry_out(&self, endpoint: Endpoint, span: &Span, is_all: bool) -> mlcore::Result<MaterialiseReport> {
        let options = MaterialiseOptions::default();
        // All of them are not named, so that what cannot be materialised is left out.
        let options = if is_all { options } else { options.with_views(self.views.iter().cloned()) };
        let options = match self.version {
            Some(version) => options.with_version(version),
            None => options,
        };
        let report = match span {
            Span::Whole(start, end) => self.inner.store.materialise(*start, *end, &options),
            Span::Since(end) => self.inner.store.materialise_incremental(*end, &options),
        };
        match &report {
            Ok(report) => {
                self.inner.told.rows(endpoint, report.views.iter().map(|run| run.stored).sum());
                tracing::info!(%report, "features were materialised");
            }
            Err(error) => tracing::warn!(%error, views = ?self.views, "features were not materialised"),
        }
        report
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let mut running = self.inner.runs.views.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = running.iter().position(|run| Arc::ptr_eq(run, &self.views)) {
            running.swap_remove(place);
        }
    }
}

/// Which events are materialised.
enum Span {
    Whole(Timestamp, Timestamp),
    Since(Timestamp),
}

impl Feast {
    pub(super) async fn materialise(
        &self,
        endpoint: Endpoint,
        query: Option<&str>,
        body: Bytes,
    ) -> Result<Reply> {
        let (is_alone, is_forced) = (is_set(query, "async"), is_set(query, "force"));
        let inner = self.inner.clone();
        let begun = aside(false, move || -> Result<(Run, Span, bool)> {
            let text = text(&body)?;
            let body: MaterialiseBody = parsed(&text)?;
            let span = span(&inner, endpoint, &body)?;
            let views = views(&inner, &body)?;
            let version = version(&inner, &body)?;
            Ok((Run::begin(&inner, views, version, is_forced)?, span, body.feature_views.is_none()))
        });
        let (run, span, is_all) = begun.await??;
        if run.views.is_empty() && !is_all {
            return Ok(Reply::null());
        }
        if is_alone {
            let views = run.views.clone();
            let begun = thread::Builder::new().name("mlcore-materialise".to_owned());
            let begun = begun.spawn(move || run.carry_out(endpoint, &span, is_all).is_ok());
            begun.map_err(|cause| Error::from_io(OPERATION, "thread", cause))?;
            let answer = json!({ "status": "accepted", "feature_views": views.as_ref() });
            return Ok(Reply::Json(StatusCode::ACCEPTED, answer.to_string().into_bytes()));
        }
        // Set when nobody waits for the answer any more.
        let gone = Gone::default();
        let is_gone = gone.0.clone();
        let done = aside(false, move || {
            interrupt::scope(
                move || is_gone.load(Ordering::Relaxed),
                || run.carry_out(endpoint, &span, is_all),
            )
        });
        done.await??;
        Ok(Reply::null())
    }
}

/// Tells a run that its client went away.
#[derive(Default)]
struct Gone(Arc<AtomicBool>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn span(inner: &Inner, endpoint: Endpoint, body: &MaterialiseBody) -> Result<Span> {
    if body.disable_event_timestamp && endpoint == Endpoint::Materialise {
        return Ok(Span::Whole(Timestamp::default(), inner.store.now()));
    }
    let read = |name: &str, text: Option<&String>| {
        let Some(text) = text else {
            return Err(Refusal::invalid(format!(
                "{OPERATION}: field {name}: it is missing; send a time such as 2024-02-29T12:30:00Z"
            )));
        };
        moment(text).ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            Refusal::invalid(format!(
                "{OPERATION}: field {name}: {shown:?} is no time; send one such as 2024-02-29T12:30:00Z"
            ))
        })
    };
    let end = read("end_ts", body.end_ts.as_ref())?;
    Ok(match endpoint {
        Endpoint::Materialise => Span::Whole(read("start_ts", body.start_ts.as_ref())?, end),
        _ => Span::Since(end),
    })
}

/// The views that are meant: those that are named, or all that are read online.
fn views(inner: &Inner, body: &MaterialiseBody) -> Result<Vec<String>> {
    let snapshot = inner.store.snapshot()?;
    let repository = snapshot.repository();
    Ok(match &body.feature_views {
        Some(views) => {
            for view in views {
                repository.view(view).map_err(|error| {
                    Refusal::from(error).of_class(StatusCode::NOT_FOUND, "FeatureViewNotFoundException")
                })?;
            }
            views.clone()
        }
        None => {
            let is_online = |view: &&AnyView| match view {
                AnyView::View(view) => view.view.online(),
                _ => false,
            };
            repository.views().filter(is_online).map(|view| view.name().to_owned()).collect()
        }
    })
}

/// The version of the one view that is named; `None` for the latest.
fn version(inner: &Inner, body: &MaterialiseBody) -> Result<Option<ViewVersion>> {
    let Some(asked) = body.version.as_deref().filter(|asked| !asked.is_empty()) else { return Ok(None) };
    let latest = asked.eq_ignore_ascii_case("latest");
    let version = if latest { None } else { Some(asked.parse::<ViewVersion>()?) };
    let Some([view]) = body.feature_views.as_deref() else {
        let message =
            format!("{OPERATION}: field version: it belongs to one view; name that in feature_views");
        return Err(Refusal::invalid(message));
    };
    if let Some(version) = version {
        inner.store.definitions().version(view, version)?;
    }
    Ok(version)
}

/// Whether a parameter of the query says yes, as Python's servers read it.
fn is_set(query: Option<&str>, name: &str) -> bool {
    let mut pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    pairs.any(|(own, value)| {
        own == name && ["true", "1", "yes", "on", "t", "y"].iter().any(|yes| value.eq_ignore_ascii_case(yes))
    })
}

const OPERATION: &str = "materialise features";
