//! Evidently's choice of a test, which looks at both samples.

use std::borrow::Cow;
use std::sync::Arc;

use crate::bins::{Binning, Recipe};
use crate::sample::{Categories, Kind, Precision, Sample, count_numbers};
use crate::two_sample::{
    ChiSquare, DriftTest, JensenShannon, KolmogorovSmirnov, NormedWasserstein, TwoProportionZ,
};

/// What of a reference decides which test Evidently 0.7.23 makes.
#[derive(Debug)]
pub(in crate::monitor) struct Evidently {
    kind: Kind,
    is_integer: bool,
    is_small: bool,
    /// The values, where they are few.
    few: Option<Categories>,
}

/// A test that Evidently may choose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::monitor) enum Candidate {
    TwoProportionZ,
    ChiSquare,
    KolmogorovSmirnov,
    JensenShannon,
    Wasserstein,
}

impl Candidate {
    pub(in crate::monitor) const ALL: [Self; 5] = [
        Self::TwoProportionZ,
        Self::ChiSquare,
        Self::KolmogorovSmirnov,
        Self::JensenShannon,
        Self::Wasserstein,
    ];

    /// The test with Evidently's numbers.
    pub(in crate::monitor) fn test(self) -> Arc<dyn DriftTest> {
        match self {
            Self::TwoProportionZ => Arc::new(TwoProportionZ::default()),
            Self::ChiSquare => Arc::new(ChiSquare::default().with_goodness_of_fit(true)),
            Self::KolmogorovSmirnov => Arc::new(KolmogorovSmirnov::default()),
            Self::JensenShannon => {
                Arc::new(JensenShannon::new(Binning::default().with_recipe(Recipe::Evidently)))
            }
            Self::Wasserstein => Arc::new(NormedWasserstein::default()),
        }
    }

    /// The smallest effect that counts: the p-value alone decides, or the distance.
    pub(in crate::monitor) fn threshold(self) -> f64 {
        match self {
            Self::TwoProportionZ | Self::ChiSquare | Self::KolmogorovSmirnov => 0.0,
            Self::JensenShannon | Self::Wasserstein => 0.1,
        }
    }

    /// The sample as the test takes it: where distances are chosen, numbers are compared by value.
    pub(in crate::monitor) fn sample(self, sample: Sample) -> Sample {
        if self != Self::JensenShannon {
            return sample;
        }
        match sample.require_counts("compare", "sample").map(Cow::into_owned) {
            Ok(counts) => Sample::from_categories(counts, sample.missing()),
            Err(_) => sample,
        }
    }
}

impl Evidently {
    pub(in crate::monitor) fn of(reference: &Sample) -> Self {
        Self {
            kind: reference.kind(),
            is_integer: reference.precision() == Precision::Integer,
            is_small: reference.len() <= MOST_ROWS_OF_A_SMALL_REFERENCE,
            few: few(reference, FEW_VALUES),
        }
    }

    /// The test that is made of this current sample.
    pub(in crate::monitor) fn pick(&self, current: &Sample) -> Candidate {
        let is_category =
            self.kind == Kind::Categorical || (self.is_integer && few(current, FEW_INTEGERS).is_some());
        let values = self.values_of_both(current);
        match (self.is_small, is_category) {
            (true, _) if values <= 2 => Candidate::TwoProportionZ,
            (true, true) => Candidate::ChiSquare,
            (true, false) if values <= FEW_VALUES => Candidate::ChiSquare,
            (true, false) => Candidate::KolmogorovSmirnov,
            (false, true) => Candidate::JensenShannon,
            (false, false) if values <= FEW_VALUES => Candidate::JensenShannon,
            (false, false) => Candidate::Wasserstein,
        }
    }

    /// The tests that it may pick, whatever comes.
    pub(in crate::monitor) fn candidates(&self) -> &'static [Candidate] {
        let is_by_value = self.kind == Kind::Categorical;
        let is_sure = self.few.is_none() && !self.is_integer;
        match (self.is_small, is_by_value, is_sure) {
            (true, true, true) => &[Candidate::ChiSquare],
            (true, true, false) => &[Candidate::TwoProportionZ, Candidate::ChiSquare],
            (true, false, true) => &[Candidate::KolmogorovSmirnov],
            (true, false, false) => {
                &[Candidate::TwoProportionZ, Candidate::ChiSquare, Candidate::KolmogorovSmirnov]
            }
            (false, true, _) => &[Candidate::JensenShannon],
            (false, false, true) => &[Candidate::Wasserstein],
            (false, false, false) => &[Candidate::JensenShannon, Candidate::Wasserstein],
        }
    }

    /// How many values both samples have together; more than few are not counted.
    fn values_of_both(&self, current: &Sample) -> usize {
        match (&self.few, few(current, FEW_VALUES)) {
            (Some(reference), Some(current)) => reference.union(&current).len(),
            _ => usize::MAX,
        }
    }
}

/// The values of a sample with at most so many.
fn few(sample: &Sample, most: usize) -> Option<Categories> {
    if let Some(values) = sample.values() {
        count_numbers(values, most)?;
    }
    let counts = sample.require_counts("compare", "sample").ok()?;
    (counts.len() <= most && counts.overflow() == 0).then(|| counts.into_owned())
}

const MOST_ROWS_OF_A_SMALL_REFERENCE: u64 = 1000;
/// Numbers with at most so many values in both samples are compared by value.
const FEW_VALUES: usize = 5;
/// Integers with at most so many values are categories.
const FEW_INTEGERS: usize = 10;
