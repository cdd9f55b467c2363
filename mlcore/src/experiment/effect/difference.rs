//! What a difference is relative to.

use crate::experiment::{Estimate, NoVerdict};

/// What the difference of two arms is relative to; the words are gbstats' `difference_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum Difference {
    /// `(treatment - control) / control`, whose variance the delta method gives: a lift.
    #[default]
    Relative,
    /// `treatment - control`.
    Absolute,
}

crate::words! { Difference, "difference": Relative = "relative", Absolute = "absolute" }

/// A difference with what inference needs to know of it.
pub(in crate::experiment) struct Contrast {
    pub(in crate::experiment) estimate: f64,
    pub(in crate::experiment) squared_error: f64,
    /// Units of both arms.
    pub(in crate::experiment) count: f64,
    /// The degrees of freedom of Welch and Satterthwaite.
    pub(in crate::experiment) df: f64,
}

impl Contrast {
    pub(in crate::experiment) fn of(
        control: &Estimate,
        treatment: &Estimate,
        difference: Difference,
    ) -> Result<Self, NoVerdict> {
        let (of_control, of_treatment) = (control.squared_error(), treatment.squared_error());
        let sum = of_control + of_treatment;
        let part = |error: f64, count: u64| error * error / (count as f64 - 1.0);
        let df = sum * sum / (part(of_control, control.count) + part(of_treatment, treatment.count));
        let count = control.count as f64 + treatment.count as f64;
        let change = treatment.mean - control.mean;
        let (estimate, squared_error) = match difference {
            Difference::Absolute => (change, sum),
            Difference::Relative => {
                let base = control.unadjusted_mean;
                if base == 0.0 {
                    return Err(NoVerdict::ControlIsZero);
                }
                let ratio = treatment.unadjusted_mean / base;
                (change / base, (of_treatment + of_control * ratio * ratio) / (base * base))
            }
        };
        if !(estimate.is_finite() && squared_error.is_finite() && df.is_finite()) {
            return Err(NoVerdict::NotFinite);
        }
        if squared_error <= 0.0 {
            return Err(NoVerdict::NoVariance);
        }
        Ok(Self { estimate, squared_error, count, df })
    }
}
