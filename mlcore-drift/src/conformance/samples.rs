//! The samples that the suites compare.

use mlcore::Result;

use crate::sample::{EdgeCounts, Kind, NumberCounts, Sample};
use crate::two_sample::LooksFor;

/// Samples of one kind that differ by a change of one sort.
#[derive(Clone, Copy)]
pub(super) struct Samples {
    pub(super) kind: Kind,
    pub(super) looks_for: LooksFor,
}

impl Samples {
    /// A sample of `rows` rows that is `change`, from 0 to 1, away from the one without a change. It has ten distinct
    /// numbers or names, so that a test by value and a test by order both see it.
    pub(super) fn changed(self, rows: u32, change: f64) -> Sample {
        let place = |row: u32| f64::from(row * 7919 % rows.max(1)) / f64::from(rows.max(1));
        let missing = |row: u32| self.looks_for == LooksFor::MissingRows && place(row) < 0.1 + change * 0.8;
        let value = |row: u32| {
            let value = (place(row) * 10.0).floor();
            match (self.looks_for, self.kind) {
                (LooksFor::MissingRows, _) => value,
                (LooksFor::Spread, Kind::Numeric) => 4.5 + (value - 4.5) * (1.0 + 4.0 * change),
                (LooksFor::Shift, _) | (LooksFor::Spread, Kind::Categorical) => {
                    value + (change * 10.0).round()
                }
            }
        };
        let present = |row: u32| if missing(row) { None } else { Some(value(row)) };
        match self.kind {
            Kind::Categorical => {
                let names: Vec<Option<String>> =
                    (0..rows).map(|row| present(row).map(|value| format!("{value}"))).collect();
                Sample::categorical(names.iter().map(Option::as_deref))
            }
            Kind::Numeric => (0..rows).map(|row| present(row).unwrap_or(f64::NAN)).collect::<Vec<_>>().into(),
        }
    }

    /// The same multiset in another order.
    pub(super) fn reordered(sample: &Sample) -> Sample {
        let Some(values) = sample.values() else { return sample.clone() };
        let mut values: Vec<f64> = values.iter().rev().copied().collect();
        let third = values.len() / 3;
        values.rotate_left(third);
        values.extend((0..sample.missing()).map(|_| f64::NAN));
        Sample::from_numbers(values)
    }

    /// The same values with as many missing rows as present ones.
    pub(super) fn gappy(sample: &Sample) -> Sample {
        match sample.values() {
            Some(values) => values.iter().flat_map(|value| [*value, f64::NAN]).collect::<Vec<_>>().into(),
            None => Sample::from_categories(sample.categories().cloned().unwrap_or_default(), sample.len()),
        }
    }

    /// Edges between some of the values that the samples have.
    pub(super) fn some_edges() -> Vec<f64> {
        (-8..12).map(|i| f64::from(i) * 2.0 + 0.5).collect()
    }

    /// A summary of a numeric sample that is exact at these edges.
    pub(super) fn summary(sample: &Sample, edges: &[f64]) -> Result<Sample> {
        let mut counts = EdgeCounts::new(edges)?;
        counts.add(sample.values().unwrap_or_default());
        Ok(Sample::from_sketch(counts, sample.nulls(), sample.nans()))
    }

    /// A summary of a numeric sample that says how often each number occurs.
    pub(super) fn counted(sample: &Sample) -> Sample {
        let counts = NumberCounts::of(sample.values().unwrap_or_default());
        Sample::from_sketch(counts, sample.nulls(), sample.nans())
    }

    /// Samples that have nothing to compare.
    pub(super) fn silent(self) -> Vec<Sample> {
        let nothing = self.changed(0, 0.0);
        let all_missing = match self.kind {
            Kind::Categorical => Sample::categorical(vec![None::<&str>; 3]),
            Kind::Numeric => Sample::numeric(&[f64::NAN; 3]),
        };
        match self.looks_for {
            LooksFor::MissingRows => vec![nothing],
            LooksFor::Shift | LooksFor::Spread => vec![nothing, all_missing],
        }
    }

    /// Constants, single values, extremes.
    pub(super) fn odd(self) -> Vec<Sample> {
        let many = |values: &[f64]| Sample::from_numbers(values.repeat(40));
        match self.kind {
            Kind::Categorical => [vec![""], vec!["a"], vec!["a", "b"], vec!["\u{0}", "\u{fffd}", "a"]]
                .iter()
                .flat_map(|names| [Sample::categorical(names.clone()), Sample::categorical(names.repeat(40))])
                .chain([Sample::categorical((0..300).map(|i| ODD_NAMES[i % ODD_NAMES.len()]))])
                .collect(),
            Kind::Numeric => vec![
                Sample::numeric(&[0.0]),
                many(&[0.0]),
                many(&[-0.0, 0.0]),
                many(&[1e300]),
                many(&[f64::INFINITY]),
                many(&[f64::NEG_INFINITY, f64::INFINITY]),
                many(&[f64::MIN, f64::MAX]),
                many(&[5e-324, 0.0, -5e-324]),
                many(&[9_007_199_254_740_993.0, -9_223_372_036_854_775_808.0]),
                Sample::from_numbers((0..64).map(|i| 1.0 + f64::from(i) * f64::EPSILON).collect()),
                Sample::from_numbers((0..64).map(|i| f64::from(i) * 5e-324).collect()),
                Sample::from_numbers((0..64).map(|i| f64::MAX / 64.0 * f64::from(2 * i - 63)).collect()),
            ],
        }
    }
}

const ODD_NAMES: [&str; 4] = ["a", "a ", "A", "\u{e9}"];
