//! A reference whose bins are chosen and counted.

use mlcore::Result;

use super::counts::BinCounts;
use super::evidently::{self, EvidentlyReference, Rule};
use super::frozen::Frozen;
use super::nannyml::NannyMlReference;
use super::{Binning, Recipe};
use crate::sample::{Categories, Kind, Sample};
use crate::two_sample::{Needs, Note};

/// A reference whose bins are chosen and counted, to be compared with many current samples.
#[derive(Debug)]
pub struct BinnedReference {
    operation: &'static str,
    binning: Binning,
    kind: Kind,
    len: u64,
    missing: u64,
    /// What was subtracted from the values before bins were chosen: integers past 2^53 are binned by their distance from
    /// the smallest.
    origin: Option<i128>,
    bins: Bins,
}

#[derive(Debug)]
enum Bins {
    Categories(Categories),
    Frozen { bins: Frozen, counts: Vec<u64>, notes: Vec<Note> },
    Evidently(EvidentlyReference),
    NannyMl(NannyMlReference),
}

impl BinnedReference {
    /// Chooses the bins of `reference`; errors name `operation`.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](mlcore::Error::InvalidInput) for a reference without values, a number of bins outside 2 to
    /// [`MAX_BINS`](super::MAX_BINS), a bin of missing rows with a recipe that leaves them out, and where the recipe of
    /// Evidently or NannyML refuses the range of the data.
    pub fn new(operation: &'static str, reference: &Sample, binning: &Binning) -> Result<Self> {
        binning.check(operation)?;
        reference.require_values(operation, "reference")?;
        let (kind, len, missing) = (reference.kind(), reference.len(), reference.missing());
        // Evidently and NannyML bin what numpy makes of such integers.
        let origin = reference.origin().filter(|_| binning.is_ours());
        let reference = &origin.map_or_else(|| reference.clone(), |origin| reference.distances(origin));
        let bins = match reference.values() {
            None => Bins::Categories(reference.require_counts(operation, "reference")?.into_owned()),
            Some(values) => match binning.recipe {
                Recipe::Quantile => {
                    let (bins, counts) = Frozen::quantile(values, reference.range(), binning.bins);
                    Bins::frozen(bins, counts, values.len())
                }
                Recipe::Uniform => {
                    let bins = Frozen::uniform(reference.range(), binning.bins);
                    let counts = bins.count(values);
                    Bins::frozen(bins, counts, values.len())
                }
                Recipe::Evidently => {
                    let rule = if binning.distinct_values { Rule::DistinctValues } else { Rule::Values };
                    Bins::Evidently(EvidentlyReference::new(operation, reference, rule)?)
                }
                Recipe::Frouros => {
                    let rule = Rule::Bins(binning.bins);
                    Bins::Evidently(EvidentlyReference::new(operation, reference, rule)?)
                }
                Recipe::NannyMl => Bins::NannyMl(NannyMlReference::new(operation, reference)?),
            },
        };
        Ok(Self { operation, binning: *binning, kind, len, missing, origin, bins })
    }

    /// Counts a current sample in the bins.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](mlcore::Error::InvalidInput) for a sample without values or of another kind than the
    /// reference, for a summary that does not know what the bins [need](Self::needs), and where the recipe of Evidently
    /// refuses the range of the data.
    pub fn count(&self, current: &Sample) -> Result<BinCounts> {
        current.require_values(self.operation, "current")?;
        current.require_kind(self.operation, self.kind)?;
        let shifted = self.origin.map(|origin| {
            // A summary counts numbers as they came: there is no distance to take from it.
            current.require_numbers(self.operation, "current").map(|_| current.distances(origin))
        });
        let shifted = shifted.transpose()?;
        let current = shifted.as_ref().unwrap_or(current);
        let counts = match &self.bins {
            Bins::Categories(reference) => {
                BinCounts::of_categories(reference, &*current.require_counts(self.operation, "current")?)
            }
            Bins::Frozen { bins, counts, notes } => {
                let (current, outside) = match current.sketch() {
                    Some(sketch) => {
                        (bins.count_sketch(self.operation, sketch)?, bins.sketch_out_of_range(sketch))
                    }
                    None => {
                        let values = current.require_numbers(self.operation, "current")?;
                        (bins.count(values), bins.out_of_range(values, current.range()))
                    }
                };
                let mut counted = BinCounts::numeric(bins.edges(), counts.clone(), current);
                counted.notes.extend(notes.iter().cloned().chain(outside));
                counted
            }
            Bins::Evidently(reference) => reference.count(self.operation, current)?,
            Bins::NannyMl(reference) => reference.count(self.operation, current)?,
        };
        Ok(self.complete(counts, current))
    }

    /// What must be known of a current sample to count it: of frozen bins how many values lie below their edges.
    #[must_use]
    pub fn needs(&self) -> Needs {
        match &self.bins {
            Bins::Frozen { bins, .. } if self.origin.is_none() => Needs::CountsBelow(bins.counted_edges()),
            Bins::Frozen { .. } | Bins::Categories(_) | Bins::Evidently(_) | Bins::NannyMl(_) => {
                Needs::Values
            }
        }
    }

    /// Counts two samples once, which saves Evidently's recipe sorting the reference.
    ///
    /// # Errors
    /// As [`new`](Self::new) and [`count`](Self::count).
    pub fn count_once(
        operation: &'static str,
        reference: &Sample,
        current: &Sample,
        binning: &Binning,
    ) -> Result<BinCounts> {
        let is_evidently = binning.recipe == Recipe::Evidently && !binning.distinct_values;
        if !is_evidently || reference.kind() == Kind::Categorical {
            return Self::new(operation, reference, binning)?.count(current);
        }
        binning.check(operation)?;
        reference.require_values(operation, "reference")?;
        current.require_values(operation, "current")?;
        current.require_kind(operation, reference.kind())?;
        let mut counts = evidently::count(operation, reference, current)?;
        (counts.reference_len, counts.current_len) = (reference.len(), current.len());
        Ok(counts)
    }

    fn complete(&self, mut counts: BinCounts, current: &Sample) -> BinCounts {
        (counts.reference_len, counts.current_len) = (self.len, current.len());
        if let Some(origin) = self.origin {
            counts.shift(origin as f64);
        }
        if self.binning.missing_bin {
            counts.push_missing(self.missing, current.missing());
        }
        counts
    }
}

impl Bins {
    fn frozen(bins: Frozen, counts: Vec<u64>, len: usize) -> Self {
        let notes = bins.point_masses(&counts, len);
        Self::Frozen { bins, counts, notes }
    }
}
