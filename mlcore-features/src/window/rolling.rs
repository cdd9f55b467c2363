use std::sync::Arc;
use std::time::Duration;

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlcore::interrupt::Pace;
use mlcore::{Error, Result};

use super::order::Order;
use super::queue::{Queue, Summary};
use super::{OPERATION, column};

/// A statistic of the numbers that a column has in a window of the rows of the same key.
///
/// A missing number counts nowhere, and integers are read as `float64`. The new column is `float64`, null where there are too few
/// numbers.
///
/// Source: pandas, `groupby(key)[column].rolling(window, min_periods, closed=closed)`, whose `closed` is `right` by default: its
/// windows hold the row itself.
///
/// ```
/// use std::time::Duration;
///
/// use mlcore_features::window::{Closed, Rolling, Statistic, Window, WindowFeature};
///
/// let week = Window::Time(Duration::from_secs(7 * 86_400));
/// let spent = Rolling::new("amount", week, Statistic::Sum).closed(Closed::Both).min_periods(2);
/// assert_eq!(WindowFeature::from(spent).name(), "amount_sum_7d");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rolling {
    column: String,
    window: Window,
    statistic: Statistic,
    min_periods: Option<usize>,
    closed: Closed,
    name: Option<String>,
}

/// How long a window is.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Window {
    /// So many rows.
    Rows(usize),
    /// As long in time, before the time of the row. Rows must be ordered by dates or timestamps; a day is one of 24 hours.
    Time(Duration),
}

/// What a window tells of its numbers.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Statistic {
    /// The mean.
    Mean,
    /// The sum; of no numbers, where so few are enough, 0.
    Sum,
    /// The least number.
    Min,
    /// The greatest number.
    Max,
    /// The standard deviation, with one degree of freedom less than there are numbers; null of a single one.
    Std,
    /// Its square.
    Var,
    /// How many numbers there are. Here alone, `min_periods` is a number of rows, missing numbers included, as in pandas.
    Count,
}

mlcore::words! { Statistic, "statistic": Mean = "mean", Sum = "sum", Min = "min", Max = "max", Std = "std", Var = "var", Count = "count" }

/// Which ends of a window belong to it.
///
/// For a row at time `t`, a window of time `w` is `[t - w, t)` on the left, `(t - w, t]` on the right. Of the rows at time `t`
/// those before the row in order, and the row itself, are in a window that is closed on the right; none is in another. For the row
/// at place `i`, a window of `n` rows is `[i - n, i)` on the left and `(i - n, i]` on the right.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Closed {
    /// The past alone: the row is not in its window.
    #[default]
    Left,
    /// The row is in its window, and its oldest moment is not; pandas' default.
    Right,
    /// Both ends are.
    Both,
    /// Neither end is.
    Neither,
}

mlcore::words! { Closed, "closed": Left = "left", Right = "right", Both = "both", Neither = "neither" }

impl Closed {
    fn left(self) -> bool {
        matches!(self, Self::Left | Self::Both)
    }

    fn right(self) -> bool {
        matches!(self, Self::Right | Self::Both)
    }
}

impl Rolling {
    /// A statistic of the past: of the rows before, without the row itself.
    #[must_use]
    pub fn new(column: impl Into<String>, window: Window, statistic: Statistic) -> Self {
        Self {
            column: column.into(),
            window,
            statistic,
            min_periods: None,
            closed: Closed::default(),
            name: None,
        }
    }

    /// Sets how many numbers a window must have, or the feature is null. Default, as in pandas: all rows of a window of rows, and one
    /// of a window of time.
    #[must_use]
    pub fn min_periods(mut self, min_periods: usize) -> Self {
        self.min_periods = Some(min_periods);
        self
    }

    /// Sets which ends of the window belong to it. Default [`Closed::Left`].
    #[must_use]
    pub fn closed(mut self, closed: Closed) -> Self {
        self.closed = closed;
        self
    }

    /// Sets the name of the new column. Default: that of the column, `_`, the statistic, `_` and the window: `3` for rows,
    /// `7d`, `12h`, `30min`, `5s`, `20ms`, `1us`, `1ns` for time.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    pub(super) fn name(&self) -> String {
        let default = || format!("{}_{}_{}", self.column, self.statistic, shown(self.window));
        self.name.clone().unwrap_or_else(default)
    }

    pub(super) fn check(&self) -> Result<()> {
        let refused = |subject: &'static str, problem: String, remedy: &str| {
            Err(Error::invalid_input(OPERATION, subject, problem).remedy(remedy.to_owned()))
        };
        match (self.window, self.min_periods) {
            (Window::Rows(0), _) | (Window::Time(Duration::ZERO), _) => {
                refused("window", format!("that of {} is of length 0", self.name()), "make it longer")
            }
            (Window::Rows(rows), Some(least)) if least > rows => refused(
                "min_periods",
                format!("a window of {rows} rows never has {least} numbers"),
                "ask for no more numbers than the window has rows",
            ),
            (Window::Rows(_) | Window::Time(_), _) => Ok(()),
        }
    }

    pub(super) fn compute(&self, table: &RecordBatch, order: &Order) -> Result<ArrayRef> {
        let numbers = column::numbers(table, &self.column)?;
        if matches!(self.window, Window::Time(_)) && !order.has_times() {
            let problem = "a window of time needs rows that are ordered by dates or timestamps";
            return Err(Error::invalid_input(OPERATION, self.name(), problem)
                .remedy("name a column of dates or timestamps to order by, or take a window of rows"));
        }
        let mut features: Vec<Option<f64>> = vec![None; numbers.len()];
        let mut own = Vec::new();
        let mut pace = Pace::default();
        for (rows, times) in order.keys() {
            own.clear();
            own.extend(rows.iter().map(|row| numbers.get(*row).copied().unwrap_or(f64::NAN)));
            let mut queue = Queue::new(&own);
            let mut bounds = (0, 0);
            for (position, row) in rows.iter().enumerate() {
                pace.check(OPERATION, 8)?;
                bounds = self.bounds(position, times.unwrap_or_default(), bounds);
                let found = queue.move_to(bounds.0, bounds.1);
                if let Some(feature) = features.get_mut(*row) {
                    *feature = self.answer(&found);
                }
            }
        }
        Ok(Arc::new(Float64Array::from(features)))
    }

    /// Where the window of the row at this place begins and ends, from that of the row before.
    fn bounds(&self, position: usize, times: &[i128], (start, end): (usize, usize)) -> (usize, usize) {
        match self.window {
            Window::Rows(rows) => {
                let after = position + usize::from(self.closed.right());
                let first = (position + usize::from(!self.closed.left())).saturating_sub(rows);
                (first.min(after), after)
            }
            Window::Time(length) => {
                let now = times.get(position).copied().unwrap_or_default();
                let length = i128::try_from(length.as_nanos()).unwrap_or(i128::MAX);
                let oldest = now.saturating_sub(length);
                let is_old = |time: i128| if self.closed.left() { time < oldest } else { time <= oldest };
                let end = if self.closed.right() {
                    position + 1
                } else {
                    // Those of the same time are not the past.
                    let earlier = times.get(end..position).unwrap_or_default();
                    end + earlier.iter().take_while(|time| **time < now).count()
                };
                let seen = times.get(start..end).unwrap_or_default();
                (start + seen.iter().take_while(|time| is_old(**time)).count(), end)
            }
        }
    }

    fn answer(&self, found: &Summary) -> Option<f64> {
        let least = self.min_periods.unwrap_or(match self.window {
            Window::Rows(rows) => rows,
            Window::Time(_) => 1,
        });
        let there = if self.statistic == Statistic::Count { found.rows as f64 } else { found.count };
        if there < least as f64 {
            return None;
        }
        let present = found.count > 0.0;
        match self.statistic {
            Statistic::Count => Some(found.count),
            Statistic::Sum => Some(found.sum()),
            Statistic::Mean => present.then(|| found.mean()),
            Statistic::Min => present.then_some(found.min),
            Statistic::Max => present.then_some(found.max),
            Statistic::Var => Some(found.variance()).filter(|variance| !variance.is_nan()),
            Statistic::Std => Some(found.variance().sqrt()).filter(|deviation| !deviation.is_nan()),
        }
    }
}

/// The window in the name of a column.
fn shown(window: Window) -> String {
    const UNITS: [(u128, &str); 6] = [
        (86_400_000_000_000, "d"),
        (3_600_000_000_000, "h"),
        (60_000_000_000, "min"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1_000, "us"),
    ];
    match window {
        Window::Rows(rows) => rows.to_string(),
        Window::Time(length) => {
            let nanoseconds = length.as_nanos();
            let unit = UNITS.iter().find(|(unit, _)| nanoseconds.is_multiple_of(*unit));
            match unit {
                Some((unit, name)) => format!("{}{name}", nanoseconds / unit),
                None => format!("{nanoseconds}ns"),
            }
        }
    }
}
