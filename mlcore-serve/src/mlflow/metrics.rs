//! Histories of metrics: in pages, of several runs at once, and samples of them.

use mlcore::Error;
use mlcore::tracking::{DEFAULT_POINTS, HistorySearch, Metric, TrackerExt as _};
use serde::Serialize;

use super::call::{Call, Reply};
use super::refusal::{Refusal, Result, SEE_DOCS};
use super::write::{List, MetricView, Number, One, PageView};
use super::{Inner, query, rules, search};

pub(super) fn history(call: &Call<'_>) -> Result<Reply> {
    let id = rules::run_id(call.run())?;
    let most = call.int("max_results");
    if let Some(most) = most.filter(|most| *most <= 0) {
        return Err(Refusal::invalid(format!(
            "Invalid value {most} for parameter 'max_results' supplied. It must be a positive integer."
        )));
    }
    let mut asked = HistorySearch::new(id, call.text("metric_key"));
    asked.page = search::page_of(call.text("page_token"))?;
    let tracker = &call.server.tracker;
    let (items, next) = match most {
        Some(most) => {
            asked.limit = usize::try_from(most).unwrap_or(DEFAULT_POINTS).min(DEFAULT_POINTS);
            match tracker.metric_history(&asked) {
                Ok(page) => (page.items, page.next),
                Err(Error::NotFound(_)) => (Vec::new(), None),
                Err(error) => return Err(error.into()),
            }
        }
        None => match tracker.whole_history(&asked.run, &asked.key) {
            Ok(items) => (items, None),
            // MLflow does not look whether there is such a run.
            Err(Error::NotFound(_)) => (Vec::new(), None),
            Err(error) => return Err(error.into()),
        },
    };
    Reply::json(&PageView {
        name: "metrics",
        rows: items.iter().map(|metric| MetricView { metric, run: None, is_whole: true }),
        is_empty: items.is_empty(),
        next: next.as_ref().map(search::token_of),
    })
}

/// A point of a run.
#[derive(Serialize)]
struct Point<'a> {
    key: &'a str,
    value: Number,
    timestamp: i64,
    step: i64,
    run_id: &'a str,
}

/// The histories of several runs, for the page.
pub(super) fn bulk(call: &Call<'_>) -> Result<Reply> {
    let mut runs: Vec<String> =
        query::entries(call.query).filter(|(key, _)| key == "run_id").map(|(_, value)| value).collect();
    if runs.is_empty() {
        return Err(Refusal::invalid("GetMetricHistoryBulk request must specify at least one run_id."));
    }
    if runs.len() > MOST_RUNS {
        return Err(Refusal::invalid(format!(
            "GetMetricHistoryBulk request cannot specify more than {MOST_RUNS} run_ids. Received {} run_ids.",
            runs.len()
        )));
    }
    let Some(key) = query::first(call.query, "metric_key") else {
        return Err(Refusal::invalid("GetMetricHistoryBulk request must specify a metric_key."));
    };
    let most = match query::first(call.query, "max_results") {
        Some(text) => text.parse::<usize>().map_err(|_| {
            Refusal::invalid("max_results of a GetMetricHistoryBulk request must be a whole number.")
        })?,
        None => DEFAULT_POINTS,
    };
    let most = most.min(DEFAULT_POINTS);
    runs.sort_unstable();
    runs.dedup();
    let mut points = Vec::new();
    for run in &runs {
        let left = most - points.len();
        if left == 0 {
            break;
        }
        let Ok(id) = rules::run_id(run) else { continue };
        let asked = HistorySearch::new(id, &*key).with_limit(left);
        match call.server.tracker.metric_history(&asked) {
            Ok(page) => points.extend(page.items.into_iter().map(|metric| (run.as_str(), metric))),
            Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let views = points.iter().map(|(run_id, metric)| Point {
        key: &metric.key,
        value: Number(metric.value),
        timestamp: metric.timestamp_ms,
        step: metric.step,
        run_id,
    });
    Reply::json(&One("metrics", List(views)))
}

/// Samples of the histories of several runs, for charts.
pub(super) fn interval(call: &Call<'_>) -> Result<Reply> {
    let runs: Vec<&str> = call.texts("run_ids").collect();
    if runs.is_empty() {
        return Err(Refusal::missing("run_ids"));
    }
    if runs.len() > MOST_RUNS {
        return Err(Refusal::invalid(format!(
            "GetMetricHistoryBulkInterval request must specify at most {MOST_RUNS} run_ids. Received {} run_ids.{SEE_DOCS}",
            runs.len()
        )));
    }
    if call.some("metric_key").is_none() {
        return Err(Refusal::missing("metric_key"));
    }
    let most = call.int("max_results").unwrap_or(MOST_SAMPLED);
    if !(1..=MOST_SAMPLED).contains(&most) {
        return Err(Refusal::invalid(format!("max_results must be between 1 and {MOST_SAMPLED}.{SEE_DOCS}")));
    }
    let steps = match (call.int("start_step"), call.int("end_step")) {
        (None, None) => i64::MIN..=i64::MAX,
        (Some(start), Some(end)) if start > end => {
            return Err(Refusal::invalid(format!(
                "end_step must be greater than start_step. Found start_step={start} and end_step={end}."
            )));
        }
        (Some(start), Some(end)) => start..=end,
        _ => {
            return Err(Refusal::invalid(
                "If either start step or end step are specified, both must be specified.",
            ));
        }
    };
    let (key, most) = (call.text("metric_key"), usize::try_from(most).unwrap_or(1));
    let mut sampled = Vec::new();
    for run in runs {
        let places = call.server.places(run, key, |step| steps.contains(&step))?;
        sampled.extend(sample(&places, most).into_iter().map(|place| (run, place)));
    }
    let views = sampled.iter().map(|(run_id, place)| Point {
        key,
        value: Number(place.value),
        timestamp: place.timestamp,
        step: place.step,
        run_id,
    });
    match sampled.is_empty() {
        true => Ok(Reply::done()),
        false => Reply::json(&One("metrics", List(views))),
    }
}

/// A point without its key: a history may have millions.
#[derive(Clone, Copy)]
struct Place {
    step: i64,
    timestamp: i64,
    value: f64,
}

impl From<Metric> for Place {
    fn from(metric: Metric) -> Self {
        Self { step: metric.step, timestamp: metric.timestamp_ms, value: metric.value }
    }
}

impl Inner {
    /// The points of a history whose steps are wanted, in the order step, time, value. NaN counts as 0.
    fn places(&self, run: &str, key: &str, wants: impl Fn(i64) -> bool) -> Result<Vec<Place>> {
        let id = rules::run_id(run)?;
        let mut search = HistorySearch::new(id.clone(), key);
        let mut places: Vec<Place> = Vec::new();
        loop {
            let page = self.tracker.metric_history(&search).map_err(|error| rules::of_run(error, &id))?;
            places.extend(page.items.into_iter().filter(|metric| wants(metric.step)).map(Place::from));
            mlcore::interrupt::check("sample history")?;
            let Some(next) = page.next else { break };
            search.page = Some(next);
        }
        let value = |place: &Place| if place.value.is_nan() { 0.0 } else { place.value };
        places.sort_by(|a, b| {
            let order = (a.step, a.timestamp).cmp(&(b.step, b.timestamp));
            order.then_with(|| value(a).total_cmp(&value(b)))
        });
        Ok(places)
    }
}

/// At most so many of the points: the first of each of as many buckets, and the last point of all.
fn sample(places: &[Place], most: usize) -> Vec<Place> {
    let Some(last) = places.last() else { return Vec::new() };
    if places.len() <= most {
        return places.to_vec();
    }
    if most == 1 {
        return vec![*last];
    }
    // The first buckets hold one more.
    let (size, larger) = (places.len() / most, places.len() % most);
    let begins = (0..most).map(|bucket| bucket * size + bucket.min(larger));
    let mut sampled: Vec<Place> = begins.filter_map(|begin| places.get(begin).copied()).collect();
    if let Some(end) = sampled.last_mut() {
        *end = *last;
    }
    sampled
}

/// So many runs are asked about at once.
const MOST_RUNS: usize = 100;
/// The most points of a sample.
const MOST_SAMPLED: i64 = 2500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_the_first_of_each_bucket_and_the_last_point() {
        let places: Vec<Place> =
            (0..10).map(|step| Place { step, timestamp: 0, value: step as f64 }).collect();
        let steps = |most| sample(&places, most).iter().map(|place| place.step).collect::<Vec<_>>();
        assert_eq!(steps(1), [9]);
        assert_eq!(steps(3), [0, 4, 9]);
        assert_eq!(steps(4), [0, 3, 6, 9]);
        assert_eq!(steps(20).len(), 10);
        assert!(sample(&[], 5).is_empty());
    }
}
