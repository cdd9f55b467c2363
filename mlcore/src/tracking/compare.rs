//! Runs side by side.

use std::collections::BTreeSet;
use std::fmt;

use super::{Metric, Run, RunInfo};

/// Several runs side by side: every parameter, metric and tag that one of them has, and where they differ.
///
/// ```
/// use mlcore::name::RunId;
/// use mlcore::time::Timestamp;
/// use mlcore::tracking::{Batch, Metric, MemoryTracker, NewRun, RunComparison, Tracker, TrackerExt};
///
/// let (tracker, at) = (MemoryTracker::new(), Timestamp::from_millis(1_000));
/// let experiment = tracker.default_experiment(at)?.id;
/// let mut runs = Vec::new();
/// for (id, depth, loss) in [("a", "4", 0.5), ("b", "8", 0.25)] {
///     let run = tracker.start_run(NewRun::new(RunId::new(id)?, experiment.clone(), at).with_name(id))?.info.id;
///     let batch = Batch::new(run.clone()).with_param("depth", depth).with_param("lr", "0.1");
///     tracker.log_batch(batch.with_metric(Metric::new("loss", loss, 2)))?;
///     runs.push(tracker.run(&run)?);
/// }
///
/// let comparison = RunComparison::of(&runs);
/// assert_eq!(comparison.best("loss", false), Some(1));
/// let differing = comparison.differing();
/// assert_eq!(differing.params.len(), 1);
/// assert!(differing.to_string().contains("* depth   4        8"));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub struct RunComparison {
    /// The runs, in the order in which they were given: the columns.
    pub runs: Vec<RunInfo>,
    /// The parameters, by their keys.
    pub params: Vec<Compared<String>>,
    /// The latest points of the metrics, by their keys.
    pub metrics: Vec<Compared<Metric>>,
    /// The tags, by their keys.
    pub tags: Vec<Compared<String>>,
}

/// What runs have under one key.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub struct Compared<V> {
    /// The key.
    pub key: String,
    /// What each run has, where it has something.
    pub values: Vec<Option<V>>,
    /// Whether not all have the same. Of metrics the values are compared, and NaN is the same as NaN.
    pub differs: bool,
}

impl<V> Compared<V> {
    fn new(key: &str, values: Vec<Option<V>>, is_same: impl Fn(&V, &V) -> bool) -> Self {
        let first = values.first().and_then(Option::as_ref);
        let differs = values.iter().any(|value| match (value, first) {
            (Some(value), Some(first)) => !is_same(value, first),
            (None, None) => false,
            _ => true,
        });
        Self { key: key.to_owned(), values, differs }
    }
}

impl RunComparison {
    /// Compares runs with what is known of each.
    #[must_use]
    pub fn of(runs: &[Run]) -> Self {
        let is_equal = |a: &String, b: &String| a == b;
        let is_same = |a: &Metric, b: &Metric| a.value == b.value || a.value.is_nan() && b.value.is_nan();
        let params = keys(runs, |run| run.data.params.keys());
        let metrics = keys(runs, |run| run.data.metrics.keys());
        let tags = keys(runs, |run| run.data.tags.keys());
        let params = params.map(|key| {
            Compared::new(key, runs.iter().map(|run| run.data.params.get(key).cloned()).collect(), is_equal)
        });
        let metrics = metrics.map(|key| {
            Compared::new(key, runs.iter().map(|run| run.data.metrics.get(key).cloned()).collect(), is_same)
        });
        let tags = tags.map(|key| {
            Compared::new(key, runs.iter().map(|run| run.data.tags.get(key).cloned()).collect(), is_equal)
        });
        Self {
            runs: runs.iter().map(|run| run.info.clone()).collect(),
            params: params.collect(),
            metrics: metrics.collect(),
            tags: tags.collect(),
        }
    }

    /// What differs alone.
    #[must_use]
    pub fn differing(&self) -> Self {
        fn differing<V: Clone>(all: &[Compared<V>]) -> Vec<Compared<V>> {
            all.iter().filter(|compared| compared.differs).cloned().collect()
        }
        Self {
            runs: self.runs.clone(),
            params: differing(&self.params),
            metrics: differing(&self.metrics),
            tags: differing(&self.tags),
        }
    }

    /// The place of the run that is best by a metric: the first of those with the greatest value where `greater_is_better`, else
    /// with the least. None where no run has a number for it; NaN is none.
    #[must_use]
    pub fn best(&self, metric: &str, greater_is_better: bool) -> Option<usize> {
        let compared = self.metrics.iter().find(|compared| compared.key == metric)?;
        let numbers = compared.values.iter().enumerate();
        let numbers = numbers.filter_map(|(place, metric)| Some((place, metric.as_ref()?.value)));
        let mut best: Option<(usize, f64)> = None;
        for (place, value) in numbers.filter(|(_, value)| !value.is_nan()) {
            let is_better = |best: f64| if greater_is_better { value > best } else { value < best };
            if best.is_none_or(|(_, best)| is_better(best)) {
                best = Some((place, value));
            }
        }
        best.map(|(place, _)| place)
    }
}

fn keys<'r, K: Iterator<Item = &'r String>>(
    runs: &'r [Run],
    of: impl Fn(&'r Run) -> K,
) -> impl Iterator<Item = &'r String> {
    runs.iter().flat_map(of).collect::<BTreeSet<_>>().into_iter()
}

/// A table for a terminal: a column for each run, a star before what differs, and a cut where a value is long. Tags that begin with
/// `mlflow.`, which clients write by themselves, are left out.
impl fmt::Display for RunComparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let infos = |of: fn(&RunInfo) -> String| self.runs.iter().map(of).collect::<Vec<_>>();
        let mut lines = vec![
            line("run", infos(|run| run.id.to_string()), false),
            line("name", infos(|run| run.name.clone()), false),
            line("status", infos(|run| run.status.to_string()), false),
        ];
        let texts = |compared: &Compared<String>| {
            let values = compared.values.iter().map(|value| value.clone().unwrap_or_default());
            line(&compared.key, values.collect(), compared.differs)
        };
        let of_people = self.tags.iter().filter(|tag| !tag.key.starts_with("mlflow."));
        for (title, section) in [
            ("params", self.params.iter().map(texts).collect::<Vec<_>>()),
            (
                "metrics",
                self.metrics
                    .iter()
                    .map(|compared| {
                        let values = compared
                            .values
                            .iter()
                            .map(|metric| metric.as_ref().map(|metric| metric.value.to_string()));
                        line(&compared.key, values.map(Option::unwrap_or_default).collect(), compared.differs)
                    })
                    .collect(),
            ),
            ("tags", of_people.map(texts).collect()),
        ] {
            if !section.is_empty() {
                lines.push(vec![title.to_owned()]);
                lines.extend(section);
            }
        }
        let columns = self.runs.len() + 1;
        let width = |column: usize| {
            let cells = lines.iter().filter(|line| line.len() > 1).filter_map(|line| line.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        lines.iter().try_for_each(|line| {
            let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())
        })
    }
}

fn line(key: &str, values: Vec<String>, differs: bool) -> Vec<String> {
    let key = format!("{} {}", if differs { '*' } else { ' ' }, shown(key));
    std::iter::once(key).chain(values.into_iter().map(|value| shown(&value))).collect()
}

/// A text in one cell: without line breaks and what else a terminal would obey, and cut.
fn shown(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(MOST_CHARS)
        .flat_map(|c| {
            let escaped = c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            if escaped { c.escape_default().collect::<Vec<_>>() } else { vec![c] }
        })
        .collect();
    if text.chars().nth(MOST_CHARS).is_some() {
        shown.push_str("..");
    }
    shown
}

/// Four runs fit beside each other on a wide terminal.
const MOST_CHARS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::{ExperimentId, RunId};
    use crate::time::Timestamp;
    use crate::tracking::{Experiment, NewExperiment, NewRun};

    fn run(id: &str) -> Run {
        let at = Timestamp::from_millis(0);
        let experiment: Experiment =
            NewExperiment::new(ExperimentId::new("1").unwrap(), "e", at).into_experiment();
        let new = NewRun::new(RunId::new(id).unwrap(), experiment.id.clone(), at);
        new.with_name(format!("run {id}")).with_tag("mlflow.user", id).into_run(&experiment)
    }

    fn with(mut run: Run, loss: f64, depth: Option<&str>) -> Run {
        run.data.metrics.insert("loss".to_owned(), Metric::new("loss", loss, 0));
        run.data.params.extend(depth.map(|depth| ("depth".to_owned(), depth.to_owned())));
        run.data.params.insert("lr".to_owned(), "0.1".to_owned());
        run
    }

    #[test]
    fn what_differs_is_told() {
        let long = format!("a\n{}", "x".repeat(100));
        let runs = [
            with(run("a"), f64::NAN, Some(&long)),
            with(run("b"), 0.25, None),
            with(run("c"), 0.25, Some("4")),
        ];
        let comparison = RunComparison::of(&runs);
        assert_eq!((comparison.best("loss", true), comparison.best("loss", false)), (Some(1), Some(1)));
        assert_eq!(
            (comparison.best("none", true), RunComparison::of(&runs[..1]).best("loss", true)),
            (None, None)
        );
        let differing: Vec<_> =
            comparison.differing().params.into_iter().map(|compared| compared.key).collect();
        assert_eq!(differing, ["depth"]);
        let text = comparison.to_string();
        let due = [
            "  run     a                                    b        c",
            "  name    run a                                run b    run c",
            "  status  RUNNING                              RUNNING  RUNNING",
            "params",
            "* depth   a\\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx..           4",
            "  lr      0.1                                  0.1      0.1",
            "metrics",
            "* loss    NaN                                  0.25     0.25",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), due, "{text}");
    }

    #[test]
    fn nothing_is_compared_with_nothing() {
        let nothing = RunComparison::of(&[]);
        assert!(nothing.params.is_empty() && nothing.best("loss", true).is_none());
        let twice = RunComparison::of(&[with(run("a"), f64::NAN, None), with(run("b"), f64::NAN, None)]);
        assert!(twice.differing().metrics.is_empty());
    }
}
