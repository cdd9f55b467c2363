use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use mlcore::{Error, Result};

use super::{MetricKind, collect_process, describe, names};
use crate::models::Models;

/// The recorder that the program installs, and what it renders.
#[derive(Clone)]
pub(crate) struct Prometheus {
    handle: PrometheusHandle,
}

impl Prometheus {
    /// Installs the recorder for this process. `None` where the host has one of its own, which then gets everything.
    ///
    /// # Errors
    /// [`Error::Internal`] for buckets that the exporter refuses.
    pub(crate) fn install() -> Result<Option<Self>> {
        let recorder = recorder()?;
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::debug!("the host's own recorder of metrics is used");
            return Ok(None);
        }
        describe();
        names::BUILD.gauge(&[env!("CARGO_PKG_VERSION")]).set(1.0);
        Ok(Some(Self { handle }))
    }

    /// Everything in Prometheus' text format.
    pub(crate) fn render(&self, models: &Models) -> String {
        collect(models);
        self.handle.render()
    }

    /// Reads what is counted elsewhere, and puts what histograms were told into their buckets: without that they would keep every
    /// single value until somebody renders.
    pub(crate) fn upkeep(&self, models: &Models) {
        collect(models);
        self.handle.run_upkeep();
    }
}

impl std::fmt::Debug for Prometheus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prometheus").finish_non_exhaustive()
    }
}

fn collect(models: &Models) {
    models.collect_metrics();
    collect_process();
}

/// A recorder with the buckets of every histogram.
fn recorder() -> Result<PrometheusRecorder> {
    let mut builder = PrometheusBuilder::new();
    for metric in super::METRICS.iter().filter(|metric| metric.kind == MetricKind::Histogram) {
        let matcher = Matcher::Full(metric.name.to_owned());
        builder = builder.set_buckets_for_metric(matcher, metric.buckets()).map_err(|cause| {
            Error::internal("install metrics", metric.name, cause.to_string()).caused_by(cause)
        })?;
    }
    Ok(builder.build_recorder())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn observations_that_nobody_scrapes_take_no_memory() {
        let resident = || crate::metrics::process::value_of("/proc/self/status", "VmRSS:").unwrap_or(0.0);
        let recorder = recorder().unwrap();
        let prometheus = Prometheus { handle: recorder.handle() };
        let histogram =
            metrics::with_local_recorder(&recorder, || names::DURATION.histogram(&["m", "1", "champion"]));
        let mut before = 0.0;
        for round in 0..40 {
            (0..100_000).for_each(|number| histogram.record(f64::from(number) * 1e-6));
            prometheus.handle.run_upkeep();
            if round == 4 {
                before = resident();
            }
        }
        // Kept one by one they would be 27 MiB more.
        let grown = resident() - before;
        assert!(grown < 12_000.0, "{grown} KiB");
        let text = prometheus.render(&Models::new());
        assert!(text.contains("_count{model=\"m\",version=\"1\",arm=\"champion\"} 4000000"), "{text}");
        assert!(text.contains(",le=\"0.01\"} 400040"), "{text}");
    }
}
