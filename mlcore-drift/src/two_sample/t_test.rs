//! Student's and Welch's t-test as drift tests.

use mlcore::stats::{Alternative, Moments, TTestOptions, ttest_ind_from_moments};
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::located::{Located, Pair, bounded};
use super::{CompiledTest, DriftTest, Effect, Score};
use crate::catalog::TestOptions;
use crate::sample::{Kind, Sample};

/// Makes one of the two tests, which differ in the variance that they assume.
macro_rules! t_test {
    ($(#[doc = $doc:literal])+ $test:ident, $name:literal, $equal_var:literal) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        #[non_exhaustive]
        pub struct $test {
            /// Which difference of the reference's mean less the current one counts. Default: either.
            pub alternative: Alternative,
        }

        impl $test {
            /// Sets the alternative hypothesis.
            #[must_use]
            pub fn with_alternative(mut self, alternative: Alternative) -> Self {
                self.alternative = alternative;
                self
            }
        }

        impl DriftTest for $test {
            fn name(&self) -> &str {
                $name
            }

            fn options(&self) -> Result<TestOptions> {
                TestOptions::of(self)
            }

            fn legend(&self) -> &str {
                "d (Cohen): the difference of the means in standard deviations; 0.2 is small, 0.8 is large."
            }

            fn applies_to(&self, kind: Kind) -> bool {
                kind == Kind::Numeric
            }

            /// 0.125: an eighth of a standard deviation.
            fn default_minimum_effect(&self) -> f64 {
                0.125
            }

            fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>> {
                let options =
                    TTestOptions::default().with_equal_var($equal_var).with_alternative(self.alternative);
                let operation = concat!("compare with ", $name);
                Ok(Box::new(Compiled { operation, reference: Located::new(operation, reference)?, options }))
            }
        }
    };
}

t_test! {
    /// Whether the means differ, if both samples have one variance; statistic and p-value are those of
    /// `scipy.stats.ttest_ind(reference, current)`. It is Evidently's `t_test`.
    ///
    /// The effect size is the size of Cohen's `d`, the difference of the means over the pooled standard deviation, which does
    /// not grow with the samples. A change of anything but the mean has none. Where sizes and variances both differ much the
    /// p-value is too small or too large: [`WelchT`] is the safer one.
    ///
    /// Infinite values are left out ([`Note::InfinitiesDropped`](super::Note::InfinitiesDropped)). Where no value differs from its
    /// mean, statistic and effect are 0 or the largest float, the p-value 1 or 0. Fewer than three values in all are refused.
    ///
    /// Sources: scipy 1.17.1; evidently 0.7.23; J. Cohen, "Statistical power analysis for the behavioral sciences" (1988).
    StudentT, "t_test", true
}

t_test! {
    /// Whether the means differ, whatever the variances are; statistic and p-value are those of
    /// `scipy.stats.ttest_ind(reference, current, equal_var=False)`. It is frouros' `WelchTTest`.
    ///
    /// The effect size is the size of Cohen's `d` with the root of the mean of both variances, which does not grow with the
    /// samples. A change of anything but the mean has none.
    ///
    /// Infinite values are left out ([`Note::InfinitiesDropped`](super::Note::InfinitiesDropped)). Where no value differs from its
    /// mean, statistic and effect are 0 or the largest float, the p-value 1 or 0. A sample of one value is refused.
    ///
    /// Sources: scipy 1.17.1; B. L. Welch, "The generalization of Student's problem when several different population variances
    /// are involved" (1947); J. Cohen (1988).
    WelchT, "welch_t_test", false
}

#[derive(Debug)]
struct Compiled {
    operation: &'static str,
    reference: Located,
    options: TTestOptions,
}

impl CompiledTest for Compiled {
    fn compare(&self, current: &Sample) -> Result<Score> {
        self.reference.compare(current, |pair| {
            let few = if self.options.equal_var {
                pair.reference.len() + pair.current.len() < 3
            } else {
                pair.reference.len() < 2 || pair.current.len() < 2
            };
            if few {
                let problem = "there are too few values for a variance";
                return Err(Error::invalid_input(self.operation, "current", problem)
                    .remedy("pass at least two values in each sample"));
            }
            Ok(self.score(pair))
        })
    }
}

impl Compiled {
    fn score(&self, pair: &Pair<'_>) -> Score {
        let (x, y) = (pair.reference_moments, Moments::from_slice(&pair.current));
        let difference = x.mean() - y.mean();
        if difference == 0.0 || pair.is_constant() {
            return Score::new(0.0, Effect::new(EFFECT, 0.0)).with_pvalue(self.pvalue_of_no_difference());
        }
        let result = ttest_ind_from_moments(&x, &y, &self.options);
        // Without variance the degrees of freedom do not matter.
        let pvalue = if result.pvalue.is_nan() { 0.0 } else { result.pvalue };
        let effect = bounded(difference.abs() / self.deviation(&x, &y));
        Score::new(bounded(result.statistic), Effect::new(EFFECT, effect)).with_pvalue(pvalue)
    }

    fn pvalue_of_no_difference(&self) -> f64 {
        if self.options.alternative == Alternative::TwoSided { 1.0 } else { 0.5 }
    }

    /// The standard deviation that the effect is measured in.
    fn deviation(&self, x: &Moments, y: &Moments) -> f64 {
        // A single value has no variance, and no part in the pooled one either.
        let variance = |moments: &Moments| if moments.count() < 2 { 0.0 } else { moments.variance() };
        let weights =
            if self.options.equal_var { [x, y].map(|of| of.count() as f64 - 1.0) } else { [1.0, 1.0] };
        ((weights[0] * variance(x) + weights[1] * variance(y)) / (weights[0] + weights[1])).sqrt()
    }
}

const EFFECT: &str = "Cohen's d";
