//! What every metric asks of its arguments, and how it adds up.

use crate::error::{Error, Result};
use crate::interrupt;
use crate::stats::Sum;

/// The arguments of one metric, to be checked under its name.
#[derive(Clone, Copy)]
pub(super) struct Call {
    pub(super) metric: &'static str,
}

impl Call {
    pub(super) fn refuse(self, subject: &'static str, problem: impl Into<String>) -> Error {
        Error::invalid_input(self.metric, subject, problem.into())
    }

    /// The same number of rows everywhere, at least one; weights that are weights.
    pub(super) fn check_rows(
        self,
        y_true: usize,
        (name, y_pred): (&'static str, usize),
        sample_weight: Option<&[f64]>,
    ) -> Result<()> {
        interrupt::check(self.metric)?;
        if y_true == 0 {
            return Err(self.refuse("y_true", "it is empty"));
        }
        if y_pred != y_true {
            return Err(self.refuse(name, format!("it has {y_pred} rows, and y_true has {y_true}")));
        }
        let Some(weights) = sample_weight else { return Ok(()) };
        if weights.len() != y_true {
            let problem = format!("it has {} rows, and y_true has {y_true}", weights.len());
            return Err(self.refuse("sample_weight", problem));
        }
        if let Some(row) = weights.iter().position(|weight| !(weight.is_finite() && *weight >= 0.0)) {
            let problem = format!("row {row} is not a finite number of 0 or more");
            return Err(self.refuse("sample_weight", problem));
        }
        if weights.iter().all(|weight| *weight == 0.0) {
            return Err(self.refuse("sample_weight", "all weights are 0"));
        }
        Ok(())
    }

    pub(super) fn check_finite(self, subject: &'static str, values: &[f64]) -> Result<()> {
        match values.iter().position(|value| !value.is_finite()) {
            Some(row) => Err(self.refuse(subject, format!("row {row} is NaN or infinite"))),
            None => Ok(()),
        }
    }

    pub(super) fn check_probabilities(
        self,
        subject: &'static str,
        mut values: impl Iterator<Item = f64>,
    ) -> Result<()> {
        match values.position(|value| !(0.0..=1.0).contains(&value)) {
            Some(row) => Err(self.refuse(subject, format!("row {row} is no probability between 0 and 1"))),
            None => Ok(()),
        }
    }
}

/// The labels that count, and the place of each among them.
pub(super) struct Labels<L> {
    pub(super) known: Vec<L>,
    /// The places, by the order of their labels.
    order: Vec<usize>,
}

impl Call {
    /// These labels, or all that occur, sorted.
    pub(super) fn labels<L: Ord + Clone>(
        self,
        y_true: &[L],
        y_pred: &[L],
        labels: Option<&[L]>,
    ) -> Result<Labels<L>> {
        let known = labels.map_or_else(
            || {
                let mut seen: Vec<L> = y_true.iter().chain(y_pred).cloned().collect();
                interrupt::sort_unstable_by(&mut seen, L::cmp);
                seen.dedup();
                seen
            },
            <[L]>::to_vec,
        );
        interrupt::check(self.metric)?;
        let mut order: Vec<usize> = (0..known.len()).collect();
        order.sort_by_key(|place| known.get(*place));
        if order.windows(2).any(|pair| matches!(pair, [a, b] if known.get(*a) == known.get(*b))) {
            return Err(self.refuse("labels", "a label occurs twice"));
        }
        Ok(Labels { known, order })
    }
}

impl<L: Ord> Labels<L> {
    /// The place of a label; none for one that does not count.
    pub(super) fn position(&self, label: &L) -> Option<usize> {
        let found = self.order.binary_search_by(|place| self.known.get(*place).cmp(&Some(label))).ok()?;
        self.order.get(found).copied()
    }
}

/// A row's weight: 1 without weights.
pub(super) fn weight(sample_weight: Option<&[f64]>, row: usize) -> f64 {
    sample_weight.map_or(1.0, |weights| weights.get(row).copied().unwrap_or(0.0))
}

/// The weighted mean of a value per row.
pub(super) fn average(values: impl Iterator<Item = f64>, sample_weight: Option<&[f64]>) -> f64 {
    let (mut total, mut weights) = (Sum::default(), Sum::default());
    for (row, value) in values.enumerate() {
        let weight = weight(sample_weight, row);
        total.add(weight * value);
        weights.add(weight);
    }
    total.value() / weights.value()
}
