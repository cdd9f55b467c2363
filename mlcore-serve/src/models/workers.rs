use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use mlcore::Result;
use mlcore::name::ModelName;

use super::Served;
use crate::endpoint::{EventKind, Worker};

/// The workers of the models that are served, where the server is to have them.
#[derive(Debug, Default)]
pub(super) struct Workers {
    interval: Mutex<Option<Duration>>,
    working: Mutex<BTreeMap<ModelName, Worker>>,
}

impl Workers {
    pub(super) fn start(&self, interval: Duration) {
        *self.interval.lock().unwrap_or_else(PoisonError::into_inner) = Some(interval);
    }

    pub(super) fn spawn(&self, model: &Arc<Served>) -> Result<()> {
        let interval = *self.interval.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(interval) = interval else { return Ok(()) };
        let name = model.name().clone();
        let worker = model.endpoint().spawn_worker(interval, move |event| tell(&name, &event.kind))?;
        self.working().insert(model.name().clone(), worker);
        Ok(())
    }

    /// Works off `now` in the place of `before`, whose worker ends when no request is under way on it any more.
    pub(super) fn replace(&self, before: Option<&Arc<Served>>, now: Option<&Arc<Served>>) {
        if let Some(before) = before
            && let Some(worker) = self.working().remove(before.name())
        {
            let before = before.clone();
            let retire = move || {
                let begin = Instant::now();
                while Arc::strong_count(&before) > 1 && begin.elapsed() < LONGEST_REQUEST {
                    thread::sleep(Duration::from_millis(10));
                }
                worker.stop();
                #[cfg(feature = "metrics")]
                before.collect_metrics();
            };
            // Without a thread it ends here and now: the worker is dropped with what it would have run.
            if let Err(cause) = thread::Builder::new().name("mlcore-retire".into()).spawn(retire) {
                tracing::warn!(%cause, "a model that is no longer served was not waited for");
            }
        }
        if let Some(now) = now
            && let Err(error) = self.spawn(now)
        {
            tracing::error!(model = now.name().as_str(), %error, "nobody works off what the model answers");
        }
    }

    /// Ends all of them, after what is there was worked off.
    pub(super) fn stop(&self) {
        *self.interval.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let working = std::mem::take(&mut *self.working());
        working.into_values().for_each(Worker::stop);
    }

    fn working(&self) -> MutexGuard<'_, BTreeMap<ModelName, Worker>> {
        self.working.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell(model: &ModelName, event: &EventKind) {
    #[cfg(feature = "metrics")]
    crate::metrics::names::EVENTS.counter(&[model.as_str(), event.name()]).increment(1);
    tracing::info!(target: "mlcore_serve::release", model = model.as_str(), "{event}");
}

/// How long a worker waits for requests on a model that is no longer served.
const LONGEST_REQUEST: Duration = Duration::from_secs(60);
