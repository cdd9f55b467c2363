//! The estimate from disjoint pairs of rows.

use mlcore::interrupt::Pace;
use mlcore::stats::{Moments, SplitMix64, norm};
use mlcore::{Error, Result};

use super::{Compiled, OPERATION, relative};
use crate::table::rows::Rows;
use crate::table::{Contribution, TableScore, asked};
use crate::two_sample::{Effect, Score};

/// The mean of `k(x, x') + k(y, y') - k(x, y') - k(x', y)` over disjoint pairs of rows of both tables, with its normal p-value.
pub(super) fn compare(
    compiled: &Compiled,
    reference: &Rows,
    current: &Rows,
    gamma: f64,
    random: &mut SplitMix64,
) -> Result<TableScore> {
    let quads = Quads::draw(reference, current, random);
    let (found, between) = quads.estimate(gamma, |_| true)?;
    let entered = (2 * quads.count() as u64).min(reference.len().min(current.len()) as u64);
    let equal = reference.values == current.values;
    let statistic = if equal { 0.0 } else { found.mean() };
    if !statistic.is_finite() {
        return Err(Error::invalid_input(OPERATION, "current", "its rows are too far from the reference's")
            .remedy("rescale the columns"));
    }
    let error = (found.variance() / found.count() as f64).sqrt();
    let z = statistic / error;
    let score = Score::new(statistic, Effect::new("MMD", relative(statistic, between)))
        .with_pvalue(if z.is_nan() { 1.0 } else { norm::sf(z) })
        .with_reference_len(reference.len() as u64)
        .with_current_len(current.len() as u64)
        .with_notes(asked::notes(reference, compiled.len, current, current.len()))
        .with_notes([super::Note::Remark {
            text: format!("{entered} rows of each table were compared in {} pairs", quads.count()),
        }]);
    let mut parts = Vec::new();
    for place in reference.most_moved(current) {
        let Some((span, name)) = reference.spans.get(place).zip(compiled.columns.get(place)) else {
            continue;
        };
        let without = match reference.spans.len() {
            1 => 0.0,
            _ => quads.estimate(gamma, |place| !span.contains(&place))?.0.mean(),
        };
        let share = if statistic > 0.0 { ((statistic - without) / statistic).clamp(0.0, 1.0) } else { 0.0 };
        parts.push(Contribution::new(name, share));
    }
    Ok(TableScore::new(score, parts))
}

/// Two rows of each table.
struct Quads<'a>(Vec<[&'a [f64]; 4]>);

impl<'a> Quads<'a> {
    fn draw(reference: &'a Rows, current: &'a Rows, random: &mut SplitMix64) -> Self {
        let mut shuffled = |rows: &'a Rows| {
            let mut rows: Vec<&[f64]> = rows.iter().collect();
            random.shuffle(&mut rows);
            rows
        };
        let (x, y) = (shuffled(reference), shuffled(current));
        let pairs = x.as_chunks::<2>().0.iter().zip(y.as_chunks::<2>().0);
        Self(pairs.map(|([x, other_x], [y, other_y])| [*x, *other_x, *y, *other_y]).collect())
    }

    fn count(&self) -> usize {
        self.0.len()
    }

    /// The moments of the terms, and the mean kernel between the tables, of the chosen numbers of each row.
    fn estimate(&self, gamma: f64, chosen: impl Fn(usize) -> bool) -> Result<(Moments, f64)> {
        let kernel = |a: &[f64], b: &[f64]| {
            let squares = a.iter().zip(b).enumerate().filter(|(place, _)| chosen(*place));
            (-gamma * squares.map(|(_, (a, b))| (a - b) * (a - b)).sum::<f64>()).exp()
        };
        let (mut terms, mut between, mut pace) = (Moments::new(), Moments::new(), Pace::default());
        for [x, other_x, y, other_y] in &self.0 {
            pace.check(OPERATION, 4 * x.len())?;
            let across = kernel(x, other_y) + kernel(other_x, y);
            terms.push(kernel(x, other_x) + kernel(y, other_y) - across);
            between.push(across / 2.0);
        }
        Ok((terms, between.mean()))
    }
}
