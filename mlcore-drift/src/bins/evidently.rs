//! Bins of equal width over both samples together: Evidently's (0.7.23), infinities dropped, categories by value if the
//! reference has at most 20 distinct ones, and otherwise as many as Sturges asks for; and those of frouros (0.9), whose
//! number is given.

use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

use mlcore::stats::SortedSample;
use mlcore::{Error, Result};

use super::counts::BinCounts;
use super::even::EvenBins;
use crate::sample::{Categories, Precision, Sample, count_numbers, float_text};
use crate::two_sample::Note;
use crate::vector::extent;

/// At most this many distinct values of the reference are compared one by one.
const MOST_SINGLE_VALUES: usize = 20;

/// Counts two numeric samples once, without sorting either.
pub(super) fn count(operation: &'static str, reference: &Sample, current: &Sample) -> Result<BinCounts> {
    let reference = Finite::of(operation, reference, "reference")?;
    let current = Finite::of(operation, current, "current")?;
    let mut counts = match count_numbers(&reference.values, MOST_SINGLE_VALUES) {
        Some(distinct) => by_value(&distinct, &current.values),
        None => {
            let (range, precision) = reference.together(&current);
            let len = reference.values.len() + current.values.len();
            let bins = EvenBins::sturges(operation, range, len, precision)?;
            let counted = bins.count(&reference.values);
            counted_in(bins, counted, &current)
        }
    };
    counts.notes.extend(dropped(reference.dropped, current.dropped));
    Ok(counts)
}

/// A numeric reference, whose edges depend on the current sample too.
///
/// It is sorted when it is counted a second time: once it is counted sooner as it lies, and often by searching.
#[derive(Debug)]
pub(super) struct EvidentlyReference {
    values: RwLock<Values>,
    range: (f64, f64),
    precision: Precision,
    /// The distinct values, where these are few.
    few: Option<Vec<(f64, u64)>>,
    rule: Rule,
    dropped: u64,
}

#[derive(Debug)]
enum Values {
    New(Vec<f64>),
    Counted(Vec<f64>),
    Sorted(Vec<f64>),
}

/// How many bins there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rule {
    /// Sturges' rule for the number of values; few distinct ones are compared one by one.
    Values,
    /// Sturges' rule for the number of distinct values, however few they are.
    DistinctValues,
    /// So many, for which infinities are not dropped but refused.
    Bins(usize),
}

impl EvidentlyReference {
    pub(super) fn new(operation: &'static str, reference: &Sample, rule: Rule) -> Result<Self> {
        let finite = Finite::of(operation, reference, "reference")?;
        rule.require_all(operation, "reference", finite.dropped)?;
        let Finite { values, range, precision, dropped } = finite;
        let few = match rule {
            Rule::Values => count_numbers(&values, MOST_SINGLE_VALUES),
            Rule::DistinctValues | Rule::Bins(_) => None,
        };
        let values = match rule {
            // Which values are distinct is seen in their order only.
            Rule::DistinctValues => Values::Sorted(ascending(&values)?),
            Rule::Values | Rule::Bins(_) => Values::New(values.into_owned()),
        };
        Ok(Self { values: RwLock::new(values), range, precision, few, rule, dropped })
    }

    pub(super) fn count(&self, operation: &'static str, current: &Sample) -> Result<BinCounts> {
        let current = Finite::of(operation, current, "current")?;
        self.rule.require_all(operation, "current", current.dropped)?;
        let mut counts = match &self.few {
            Some(few) => by_value(few, &current.values),
            None => {
                let bins = self.bins(operation, &current)?;
                let counted = self.count_in(operation, &bins)?;
                counted_in(bins, counted, &current)
            }
        };
        counts.notes.extend(dropped(self.dropped, current.dropped));
        Ok(counts)
    }

    fn bins(&self, operation: &'static str, current: &Finite<'_>) -> Result<EvenBins> {
        let (range, precision) = current.together_with(self.range, self.precision);
        let sturges = |len| EvenBins::sturges(operation, range, len, precision);
        let values = self.values.read().unwrap_or_else(PoisonError::into_inner);
        match self.rule {
            Rule::Values => sturges(values.as_slice().len() + current.values.len()),
            Rule::DistinctValues => {
                let sorted = ascending(&current.values)?;
                sturges(distinct_values(values.as_slice(), &sorted))
            }
            Rule::Bins(bins) => EvenBins::of_number(operation, range, bins, precision),
        }
    }

    /// How many values of the reference each bin holds.
    fn count_in(&self, operation: &'static str, bins: &EvenBins) -> Result<Vec<u64>> {
        if let Values::Sorted(sorted) = &*self.values.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(bins.count_sorted(sorted));
        }
        let mut values = self.values.write().unwrap_or_else(PoisonError::into_inner);
        *values = match std::mem::replace(&mut *values, Values::New(Vec::new())) {
            Values::New(values) => Values::Counted(values),
            Values::Counted(mut values) => {
                mlcore::interrupt::sort_unstable_by(&mut values, f64::total_cmp);
                // Who was told to stop leaves them in no order.
                if mlcore::interrupt::is_stopped() { Values::Counted(values) } else { Values::Sorted(values) }
            }
            sorted @ Values::Sorted(_) => sorted,
        };
        mlcore::interrupt::check(operation)?;
        Ok(match &*values {
            Values::Sorted(sorted) => bins.count_sorted(sorted),
            Values::New(values) | Values::Counted(values) => bins.count(values),
        })
    }
}

impl Values {
    fn as_slice(&self) -> &[f64] {
        match self {
            Self::New(values) | Self::Counted(values) | Self::Sorted(values) => values,
        }
    }
}

impl Rule {
    /// Refuses infinities where they are not dropped.
    fn require_all(self, operation: &'static str, side: &'static str, dropped: u64) -> Result<()> {
        match self {
            Self::Bins(_) if dropped > 0 => {
                Err(Error::invalid_input(operation, side, "it has infinities, which frouros refuses")
                    .remedy("use the quantile recipe, which takes infinities"))
            }
            Self::Bins(_) | Self::Values | Self::DistinctValues => Ok(()),
        }
    }
}

/// The values in ascending order, -0 as 0.
fn ascending(values: &[f64]) -> Result<Vec<f64>> {
    Ok(SortedSample::new(values)?.values().unwrap_or_default().to_vec())
}

/// The number of distinct values of both, which are in ascending order.
fn distinct_values(reference: &[f64], current: &[f64]) -> usize {
    let (mut reference, mut current) = (reference.iter().peekable(), current.iter().peekable());
    let mut distinct = 0;
    loop {
        let heads = [reference.peek(), current.peek()];
        let Some(value) = heads.into_iter().flatten().map(|value| **value).reduce(f64::min) else {
            return distinct;
        };
        distinct += 1;
        while reference.next_if(|next| **next <= value).is_some() {}
        while current.next_if(|next| **next <= value).is_some() {}
    }
}

/// The finite values of a numeric sample.
struct Finite<'a> {
    values: Cow<'a, [f64]>,
    range: (f64, f64),
    precision: Precision,
    dropped: u64,
}

impl<'a> Finite<'a> {
    fn of(operation: &'static str, sample: &'a Sample, side: &'static str) -> Result<Self> {
        let all = sample.require_numbers(operation, side)?;
        let precision = sample.precision();
        let range = sample.range();
        if range.0.is_finite() && range.1.is_finite() {
            return Ok(Self { values: all.into(), range, precision, dropped: 0 });
        }
        let values: Vec<f64> = all.iter().copied().filter(|value| value.is_finite()).collect();
        if values.is_empty() {
            let problem = "every value is infinite, and Evidently drops these";
            return Err(Error::invalid_input(operation, side, problem)
                .remedy("use the quantile recipe, which takes infinities"));
        }
        let (ends, dropped) = (extent(&values), (all.len() - values.len()) as u64);
        Ok(Self { values: values.into(), range: (ends.low, ends.high), precision, dropped })
    }

    /// The range of both samples, and the type that numpy gives to both together.
    fn together(&self, other: &Self) -> ((f64, f64), Precision) {
        self.together_with(other.range, other.precision)
    }

    fn together_with(&self, (low, high): (f64, f64), precision: Precision) -> ((f64, f64), Precision) {
        let range = (self.range.0.min(low), self.range.1.max(high));
        // What pandas.concat makes of two columns of different types is a float64.
        let same = self.precision == precision;
        (range, if same { self.precision } else { Precision::Float64 })
    }
}

/// The note that says how many infinities were dropped, if any were.
fn dropped(reference: u64, current: u64) -> Option<Note> {
    (reference + current > 0).then_some(Note::InfinitiesDropped { reference, current })
}

fn counted_in(bins: EvenBins, reference: Vec<u64>, current: &Finite<'_>) -> BinCounts {
    let current = bins.count(&current.values);
    BinCounts::numeric(bins.edges, reference, current)
}

fn by_value(reference: &[(f64, u64)], current: &[f64]) -> BinCounts {
    let named = |counts: &[(f64, u64)]| {
        Categories::new(counts.iter().map(|(value, count)| (float_text(*value), *count)))
    };
    let current = count_numbers(current, usize::MAX).unwrap_or_default();
    BinCounts::of_categories(&named(reference), &named(&current))
}
