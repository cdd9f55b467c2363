//! A recorder as a host could have one: it keeps every value.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};

/// What was told, by name and labels: the number of a counter or gauge, or the observations of a histogram.
#[derive(Clone, Default)]
pub(crate) struct Told {
    series: Arc<Mutex<BTreeMap<String, Vec<f64>>>>,
    described: Arc<Mutex<BTreeMap<String, String>>>,
}

/// One series.
struct Series(String, Told);

impl Told {
    /// The recorder of this process.
    pub(crate) fn of_process() -> &'static Self {
        static TOLD: OnceLock<Told> = OnceLock::new();
        TOLD.get_or_init(|| {
            let told = Self::default();
            metrics::set_global_recorder(told.clone()).unwrap();
            mlcore_serve::metrics::describe();
            told
        })
    }

    /// What a counter or gauge stands at, or the sum of the observations.
    pub(crate) fn sum(&self, series: &str) -> f64 {
        self.all(series).iter().sum()
    }

    pub(crate) fn all(&self, series: &str) -> Vec<f64> {
        self.series.lock().unwrap().get(series).cloned().unwrap_or_default()
    }

    /// All series with this in them.
    pub(crate) fn names(&self, with: &str) -> Vec<String> {
        self.series.lock().unwrap().keys().filter(|name| name.contains(with)).cloned().collect()
    }

    pub(crate) fn described(&self) -> BTreeMap<String, String> {
        self.described.lock().unwrap().clone()
    }

    fn series(&self, key: &Key) -> Arc<Series> {
        let labels: Vec<String> =
            key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        self.series.lock().unwrap().entry(name.clone()).or_default();
        Arc::new(Series(name, self.clone()))
    }

    fn describe(&self, key: &KeyName, unit: Option<Unit>, description: &SharedString) {
        let text = format!("{:?}: {description}", unit.unwrap());
        self.described.lock().unwrap().insert(key.as_str().to_owned(), text);
    }
}

impl Series {
    fn change(&self, change: impl FnOnce(&mut Vec<f64>)) {
        change(self.1.series.lock().unwrap().get_mut(&self.0).unwrap());
    }
}

impl CounterFn for Series {
    fn increment(&self, value: u64) {
        self.change(|values| *values = vec![values.iter().sum::<f64>() + value as f64]);
    }

    fn absolute(&self, value: u64) {
        self.change(|values| *values = vec![value as f64]);
    }
}

impl GaugeFn for Series {
    fn increment(&self, value: f64) {
        self.change(|values| *values = vec![values.iter().sum::<f64>() + value]);
    }

    fn decrement(&self, value: f64) {
        GaugeFn::increment(self, -value);
    }

    fn set(&self, value: f64) {
        self.change(|values| *values = vec![value]);
    }
}

impl HistogramFn for Series {
    fn record(&self, value: f64) {
        self.change(|values| values.push(value));
    }
}

impl Recorder for Told {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&key, unit, &description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&key, unit, &description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&key, unit, &description);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.series(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.series(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.series(key))
    }
}
