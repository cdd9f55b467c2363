//! How a request is worked on: on the thread that read it, or on one that may be held up; and what is told of it afterwards.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use mlcore::{Error, Result};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::{Served, Spent};
use crate::endpoint::{Prediction, words_of};

/// Whether a request is expected to hold its thread up for no longer than a moment, where its body takes as long to read as
/// `json_bytes` of JSON.
pub(crate) fn is_quick(served: &Served, json_bytes: usize) -> bool {
    json_bytes < LARGE_BODY && served.expected() < SLOW
}

/// Works on this thread, or on one that may be held up. Work that nobody waits for any more is not begun there.
///
/// # Errors
/// [`Error::Internal`] where the work panics.
pub(crate) async fn aside<T: Send + 'static>(
    is_quick: bool,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let contained = || catch_unwind(AssertUnwindSafe(work));
    let ended = match Handle::try_current() {
        Ok(runtime) if !is_quick => {
            let span = tracing::Span::current();
            let task = runtime.spawn_blocking(move || span.in_scope(contained));
            let _waiting = AbortOnDrop(task.abort_handle());
            // A runtime that ends takes its tasks with it.
            task.await.unwrap_or_else(|cause| Err(Box::new(cause.to_string())))
        }
        _ => contained(),
    };
    ended.map_err(|panic| {
        tracing::error!(panic = words_of(&*panic), "a request's answer panicked");
        Error::internal("answer request", "", "the server failed; its log says how")
    })
}

/// A task that has begun goes on to its end.
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Counts an answered request, and tells of it where the trace settings chose it.
pub(crate) fn succeed(
    served: &Served,
    id: Option<&str>,
    prediction: &Prediction,
    spent: Spent,
    is_traced: bool,
) {
    let version = prediction.version;
    served.answered(prediction, spent);
    if is_traced {
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        tracing::info!(
            target: "mlcore_serve::trace",
            model = served.name().as_str(),
            version = version.get(),
            id,
            arm = prediction.arm.as_str(),
            outcome_id = %prediction.outcome_id,
            rows = spent.rows,
            input_ns = nanos(spent.input),
            queue_ns = nanos(spent.queue),
            features_ns = nanos(spent.features),
            compute_ns = nanos(spent.compute),
            output_ns = nanos(spent.output),
            "request"
        );
    }
}

/// What takes longer than this holds up no other connection.
const SLOW: Duration = Duration::from_millis(1);
/// A body that takes about that long to read as JSON.
pub(crate) const LARGE_BODY: usize = 128 << 10;
