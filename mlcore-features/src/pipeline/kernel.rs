//! The arithmetic of every numeric step, once. The row executor calls [`Kernel::apply`] per value, the columnar one
//! [`Kernel::apply_block`] per block; both reach the same inlined expression, so that they cannot disagree.

/// One step from `f64` to `f64`; NaN stands for a missing number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kernel {
    /// Lets everything pass but infinities.
    RefuseInfinite {
        site: u32,
    },
    /// Lets finite numbers pass only.
    RefuseNonFinite {
        site: u32,
    },
    /// Puts a number in the place of a missing one.
    Impute(f64),
    /// 1 for a missing number, 0 for a present one.
    Indicate,
    Subtract(f64),
    Divide(f64),
    Multiply(f64),
    Add(f64),
    Clip {
        low: f64,
        high: f64,
    },
    /// The number of inner edges that are not above the value.
    Bin(Box<[f64]>),
}

impl Kernel {
    /// The site to report when the value is refused.
    #[inline(always)]
    pub(crate) fn refuses(&self, value: f64) -> Option<u32> {
        match self {
            Self::RefuseInfinite { site } if value.is_infinite() => Some(*site),
            Self::RefuseNonFinite { site } if !value.is_finite() => Some(*site),
            _ => None,
        }
    }

    /// The value after this step.
    #[inline(always)]
    pub(crate) fn apply(&self, value: f64) -> f64 {
        match self {
            Self::RefuseInfinite { .. } | Self::RefuseNonFinite { .. } => value,
            Self::Impute(fill) => impute(value, *fill),
            Self::Indicate => indicate(value),
            Self::Subtract(number) => value - number,
            Self::Divide(number) => value / number,
            Self::Multiply(number) => value * number,
            Self::Add(number) => value + number,
            Self::Clip { low, high } => clip(value, *low, *high),
            Self::Bin(edges) => bin(value, edges),
        }
    }

    /// This step on a block of values; where one is refused, its position and the site to report.
    pub(crate) fn apply_block(&self, values: &mut [f64]) -> Option<(usize, u32)> {
        fn map(values: &mut [f64], step: impl Fn(f64) -> f64) {
            for value in values {
                *value = step(*value);
            }
        }
        match self {
            Self::RefuseInfinite { .. } | Self::RefuseNonFinite { .. } => {
                return self.first_refused(values);
            }
            Self::Impute(fill) => map(values, |value| impute(value, *fill)),
            Self::Indicate => map(values, indicate),
            Self::Subtract(number) => map(values, |value| value - number),
            Self::Divide(number) => map(values, |value| value / number),
            Self::Multiply(number) => map(values, |value| value * number),
            Self::Add(number) => map(values, |value| value + number),
            Self::Clip { low, high } => map(values, |value| clip(value, *low, *high)),
            Self::Bin(edges) => map(values, |value| bin(value, edges)),
        }
        None
    }

    fn first_refused(&self, values: &[f64]) -> Option<(usize, u32)> {
        // Counting first keeps the loop free of branches for the block that passes, which is nearly every one.
        let refused: usize = match self {
            Self::RefuseInfinite { .. } => values.iter().map(|value| usize::from(value.is_infinite())).sum(),
            _ => values.iter().map(|value| usize::from(!value.is_finite())).sum(),
        };
        if refused == 0 {
            return None;
        }
        values
            .iter()
            .enumerate()
            .find_map(|(position, value)| self.refuses(*value).map(|site| (position, site)))
    }
}

#[inline(always)]
fn impute(value: f64, fill: f64) -> f64 {
    if value.is_nan() { fill } else { value }
}

#[inline(always)]
fn indicate(value: f64) -> f64 {
    f64::from(u8::from(value.is_nan()))
}

/// NaN stays NaN, as in numpy's `clip`.
#[inline(always)]
fn clip(value: f64, low: f64, high: f64) -> f64 {
    let raised = if value < low { low } else { value };
    if raised > high { high } else { raised }
}

#[inline(always)]
fn bin(value: f64, edges: &[f64]) -> f64 {
    // Counting a few sorted edges is quicker than searching them, and gives the same number.
    let index = if edges.len() <= 32 {
        edges.iter().map(|edge| usize::from(*edge <= value)).sum()
    } else {
        edges.partition_point(|edge| *edge <= value)
    };
    index as f64
}

/// One bit pattern for NaN, so that equal features have equal bytes on every processor.
#[inline(always)]
pub(crate) fn canonical(value: f64) -> f64 {
    if value.is_nan() { f64::NAN } else { value }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kernels() -> impl Strategy<Value = Kernel> {
        let number = prop_oneof![any::<f64>(), -3.0..3.0];
        prop_oneof![
            Just(Kernel::RefuseInfinite { site: 3 }),
            Just(Kernel::RefuseNonFinite { site: 4 }),
            Just(Kernel::Indicate),
            number.clone().prop_map(Kernel::Impute),
            number.clone().prop_map(Kernel::Subtract),
            number.clone().prop_map(Kernel::Divide),
            number.clone().prop_map(Kernel::Multiply),
            number.prop_map(Kernel::Add),
            Just(Kernel::Clip { low: -1.0, high: 1.0 }),
            prop::collection::vec(-3.0..3.0, 0..50).prop_map(|mut edges| {
                edges.sort_by(f64::total_cmp);
                Kernel::Bin(edges.into())
            }),
        ]
    }

    proptest! {
        #[test]
        fn a_block_is_its_values_one_by_one(
            kernel in kernels(),
            values in prop::collection::vec(prop_oneof![any::<f64>(), -3.0..3.0, Just(f64::NAN)], 0..70),
        ) {
            let mut block = values.clone();
            let refused = kernel.apply_block(&mut block);
            let expected = values
                .iter()
                .enumerate()
                .find_map(|(position, value)| kernel.refuses(*value).map(|site| (position, site)));
            prop_assert_eq!(refused, expected);
            for (after, before) in block.iter().zip(&values) {
                prop_assert_eq!(canonical(*after).to_bits(), canonical(kernel.apply(*before)).to_bits());
            }
        }
    }

    #[test]
    fn bins_count_the_edges_passed() {
        let kernel = Kernel::Bin([0.0, 1.0].into());
        for (value, expected) in [(-1.0, 0.0), (0.0, 1.0), (0.5, 1.0), (1.0, 2.0), (9.0, 2.0)] {
            assert_eq!(kernel.apply(value), expected, "{value}");
        }
    }
}
