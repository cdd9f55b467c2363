//! What a metric did, read for a chart.

use mlcore::name::RunId;
use mlcore::tracking::{DEFAULT_POINTS, HistorySearch, Metric, Tracker};

use super::chart::Along;
use super::shown;
use super::trouble::Result;

/// Points by rising places, and what is to be said where there are more.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    pub(super) points: Vec<(f64, f64)>,
    pub(super) notes: Vec<String>,
}

/// The history of a metric: its first points, at most `most`.
pub(super) fn read(
    tracker: &dyn Tracker,
    run: &RunId,
    name: &str,
    along: Along,
    most: usize,
) -> Result<History> {
    let mut search = HistorySearch::new(run.clone(), name).with_limit(DEFAULT_POINTS.min(most));
    let mut history = History::default();
    loop {
        mlcore::interrupt::check("read tracker")?;
        let page = tracker.metric_history(&search)?;
        history.points.extend(page.items.iter().map(|metric| (place(metric, along), metric.value)));
        let Some(next) = page.next else { break };
        if history.points.len() >= most {
            let text =
                format!("Only the first {} points are drawn.", shown::count(history.points.len() as u64));
            history.notes.push(text);
            break;
        }
        search = search.with_page(next);
    }
    // They come by time, and steps may not rise with it.
    history.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    Ok(history)
}

/// Where a point lies along an axis.
pub(super) fn place(metric: &Metric, along: Along) -> f64 {
    match along {
        Along::Step => metric.step as f64,
        Along::Time => metric.timestamp_ms as f64,
    }
}

/// The points of one chart; a second of reading at most.
pub(super) const MOST_POINTS: usize = 200_000;
