//! A column against its reference.

use std::collections::BTreeMap;

use mlcore::batch::OwnedValue;
use mlcore::schema::DType;
use mlcore::stats::{Chi2Options, KsOptions, KsReference, QuantileMethod, chi2_two_sample};

use super::reference::Reference;
use crate::validate::Measure;

/// A reference, ready to be compared with.
#[derive(Debug)]
pub(in crate::validate) struct Compared {
    measure: Measure,
    threshold: f64,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// A sample of numbers.
    Sample(KsReference),
    /// The edges between bins, each of which its upper edge belongs to, and the reference's counts.
    Bins(Vec<f64>, Vec<u64>),
    /// The reference's counts by value.
    Categories(BTreeMap<String, u64>),
}

/// So many bins have about equal shares of the reference.
const BINS: usize = 10;
/// What an empty bin counts as, so that the index stays finite.
const LEAST_SHARE: f64 = 1e-4;

impl Compared {
    pub(in crate::validate) fn new(
        reference: &Reference,
        measure: Measure,
        threshold: Option<f64>,
        dtype: DType,
    ) -> Result<Self, String> {
        let is_float = dtype.is_numeric() && dtype != DType::Bool;
        let form = match (reference, measure) {
            (Reference::Column(own, _), _) if own.is_numeric() != dtype.is_numeric() || own.is_temporal() => {
                return Err(format!("the reference is of type {own} and the column of type {dtype}"));
            }
            (Reference::Column(_, values), Measure::Ks) if is_float => {
                Form::Sample(KsReference::new(&numbers(values)).map_err(|error| error.to_string())?)
            }
            (Reference::Column(_, values), Measure::ChiSquare | Measure::Psi) if is_float => {
                bins(&numbers(values))?
            }
            (Reference::Column(_, values), Measure::ChiSquare | Measure::Psi) => {
                let mut counts = BTreeMap::new();
                for value in values.iter().filter(|value| !value.is_missing()) {
                    *counts.entry(category(value)).or_insert(0) += 1;
                }
                Form::Categories(counts)
            }
            (Reference::Profile(profile), Measure::ChiSquare | Measure::Psi) if is_float => {
                let ranks = profile.ranks().ok_or("the profile is of a column without numbers")?;
                let quantile = |bin: usize| ranks.quantile(bin as f64 / BINS as f64);
                let edges = distinct((1..BINS).filter_map(quantile).collect());
                // The middle of what is certain of each rank.
                let below = edges.iter().map(|edge| {
                    let (least, most) = ranks.at_or_below(*edge);
                    least.midpoint(most)
                });
                let mut counted = 0;
                let counts = below.chain([ranks.len()]).map(|below| {
                    let between = below.saturating_sub(counted);
                    counted = below.max(counted);
                    between
                });
                let counts = counts.collect();
                Form::Bins(edges, counts)
            }
            (Reference::Profile(profile), Measure::ChiSquare | Measure::Psi) => {
                let categories = profile.categories().filter(|categories| categories.others == 0);
                let categories = categories.ok_or("the profile does not count every category")?;
                Form::Categories(categories.counts.into_iter().collect())
            }
            (Reference::Profile(_), Measure::Ks) if is_float => {
                return Err(
                    "the Kolmogorov-Smirnov test needs a sample; hand in a column, or use psi".to_owned()
                );
            }
            (_, Measure::Ks) => {
                return Err(format!(
                    "the column is of type {dtype}, and the Kolmogorov-Smirnov test needs numbers"
                ));
            }
        };
        let total: u64 = match &form {
            Form::Sample(sample) => sample.len() as u64,
            Form::Bins(_, counts) => counts.iter().sum(),
            Form::Categories(counts) => counts.values().sum(),
        };
        if total == 0 {
            return Err("the reference has no value".to_owned());
        }
        Ok(Self { measure, threshold: threshold.unwrap_or(measure.default_threshold()), form })
    }

    /// Whether numbers are compared, and not counts of values.
    pub(in crate::validate) const fn is_of_numbers(&self) -> bool {
        matches!(self.form, Form::Sample(_) | Form::Bins(..))
    }

    /// The p-value or the index, and whether it passes; `None` where the column has no value.
    pub(in crate::validate) fn compare(
        &self,
        values: &[f64],
        counts: impl IntoIterator<Item = (OwnedValue, u64)>,
    ) -> Result<Option<(f64, bool)>, String> {
        let told = |error: mlcore::Error| error.to_string();
        let (reference, current): (Vec<u64>, Vec<u64>) = match &self.form {
            Form::Sample(_) if values.is_empty() => return Ok(None),
            Form::Sample(sample) => {
                let p_value = sample.compare(values, &KsOptions::default()).map_err(told)?.pvalue;
                return Ok(Some((p_value, p_value > self.threshold)));
            }
            Form::Bins(edges, counts) => {
                let mut current = vec![0; counts.len()];
                for value in values {
                    if let Some(count) = current.get_mut(edges.partition_point(|edge| edge < value)) {
                        *count += 1;
                    }
                }
                (counts.clone(), current)
            }
            Form::Categories(reference) => {
                let mut both: BTreeMap<&str, (u64, u64)> =
                    reference.iter().map(|(name, count)| (name.as_str(), (*count, 0))).collect();
                let current: Vec<(String, u64)> =
                    counts.into_iter().map(|(value, count)| (category(&value), count)).collect();
                for (name, count) in &current {
                    both.entry(name).or_default().1 += count;
                }
                both.into_values().unzip()
            }
        };
        if current.iter().sum::<u64>() == 0 {
            return Ok(None);
        }
        Ok(Some(match self.measure {
            Measure::Psi => {
                let index = stability(&reference, &current);
                (index, index < self.threshold)
            }
            Measure::Ks | Measure::ChiSquare => {
                let seen = reference.iter().zip(&current).filter(|(a, b)| **a + **b > 0);
                let (reference, current): (Vec<u64>, Vec<u64>) = seen.map(|(a, b)| (*a, *b)).unzip();
                // Of one category there is nothing to tell apart.
                let p_value = if reference.len() < 2 {
                    1.0
                } else {
                    chi2_two_sample(&reference, &current, &Chi2Options::default()).map_err(told)?.pvalue
                };
                (p_value, p_value > self.threshold)
            }
        }))
    }
}

/// The population stability index: the sum of `(p - q) ln (p / q)` over the shares of both, with empty ones as 0.0001.
fn stability(reference: &[u64], current: &[u64]) -> f64 {
    let share = |counts: &[u64]| {
        let total = counts.iter().sum::<u64>() as f64;
        counts.iter().map(|count| (*count as f64 / total).max(LEAST_SHARE)).collect::<Vec<f64>>()
    };
    share(current).iter().zip(share(reference)).map(|(p, q)| (p - q) * (p / q).ln()).sum()
}

fn numbers(values: &[OwnedValue]) -> Vec<f64> {
    values.iter().filter(|value| !value.is_missing()).filter_map(OwnedValue::as_f64).collect()
}

fn bins(values: &[f64]) -> Result<Form, String> {
    if values.is_empty() {
        return Err("the reference has no value".to_owned());
    }
    let levels: Vec<f64> = (1..BINS).map(|bin| bin as f64 / BINS as f64).collect();
    let edges = distinct(QuantileMethod::Linear.of(values.to_vec(), &levels));
    let mut counts = vec![0; edges.len() + 1];
    for value in values {
        if let Some(count) = counts.get_mut(edges.partition_point(|edge| edge < value)) {
            *count += 1;
        }
    }
    Ok(Form::Bins(edges, counts))
}

fn distinct(mut edges: Vec<f64>) -> Vec<f64> {
    edges.sort_by(f64::total_cmp);
    edges.dedup();
    edges
}

/// A value as the name of its category: as a profile names it.
fn category(value: &OwnedValue) -> String {
    match value {
        OwnedValue::Text(text) => text.clone(),
        other => other.to_string(),
    }
}
