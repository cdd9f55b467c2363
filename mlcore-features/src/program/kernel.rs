//! The arithmetic of every numeric step, once. The row executor calls [`Kernel::apply`] per value, the columnar one
//! [`Kernel::apply_block`] per block; both reach the same inlined expression, so that they cannot disagree.

use std::sync::Arc;

use super::number::NumberKernel;

/// One step from `f64` to `f64`; NaN stands for a missing number.
#[derive(Clone, Debug)]
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
    /// Whatever one number becomes, where the function takes it.
    Function {
        site: u32,
        function: Arc<dyn NumberKernel>,
    },
    /// [`Kernel::RefuseInfinite`], then [`Kernel::Impute`].
    RefuseInfiniteAndImpute {
        site: u32,
        fill: f64,
    },
    /// [`Kernel::Subtract`], then [`Kernel::Divide`].
    Standardize {
        mean: f64,
        scale: f64,
    },
    /// [`Kernel::RefuseInfinite`], then [`Kernel::Standardize`].
    RefuseInfiniteAndStandardize {
        site: u32,
        mean: f64,
        scale: f64,
    },
    /// [`Kernel::Multiply`], then [`Kernel::Add`]: two roundings, never one fused operation.
    Rescale {
        scale: f64,
        offset: f64,
    },
}

/// What [`Kernel::RefuseInfinite`], an imputation and one linear step do to a number, whichever of them there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scaling {
    /// NaN where a missing number stays missing.
    pub(crate) fill: f64,
    pub(crate) step: Linear,
}

/// A linear step, with the operations of its kernel in their order.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Linear {
    /// [`Kernel::Standardize`].
    Standardize { mean: f64, scale: f64 },
    /// [`Kernel::Rescale`], then [`Kernel::Clip`] to bounds that may be infinite.
    Rescale { scale: f64, offset: f64, low: f64, high: f64 },
}

impl Scaling {
    /// What the kernels do, if it is no more than this.
    pub(crate) fn of(kernels: &[Kernel]) -> Option<Self> {
        let (fill, steps) = match kernels {
            [Kernel::RefuseInfiniteAndStandardize { mean, scale, .. }] => {
                let step = Linear::Standardize { mean: *mean, scale: *scale };
                return Some(Self { fill: f64::NAN, step });
            }
            [Kernel::RefuseInfinite { .. }, steps @ ..] => (f64::NAN, steps),
            [Kernel::RefuseInfiniteAndImpute { fill, .. }, steps @ ..] => (*fill, steps),
            _ => return None,
        };
        let rescaled =
            |scale: f64, offset: f64, low: f64, high: f64| Linear::Rescale { scale, offset, low, high };
        let step = match steps {
            // Nothing is subtracted from a number, and it is divided by one, without a change of its bits.
            [] => Linear::Standardize { mean: 0.0, scale: 1.0 },
            [Kernel::Subtract(mean)] => Linear::Standardize { mean: *mean, scale: 1.0 },
            [Kernel::Divide(scale)] => Linear::Standardize { mean: 0.0, scale: *scale },
            [Kernel::Standardize { mean, scale }] => Linear::Standardize { mean: *mean, scale: *scale },
            [Kernel::Rescale { scale, offset }] => {
                rescaled(*scale, *offset, f64::NEG_INFINITY, f64::INFINITY)
            }
            [Kernel::Rescale { scale, offset }, Kernel::Clip { low, high }] => {
                rescaled(*scale, *offset, *low, *high)
            }
            _ => return None,
        };
        Some(Self { fill, step })
    }

    /// The number after the imputation and the step.
    #[inline(always)]
    pub(crate) fn apply(&self, imputed: f64) -> f64 {
        match self.step {
            Linear::Standardize { mean, scale } => standardize(imputed, mean, scale),
            Linear::Rescale { scale, offset, low, high } => clip(rescale(imputed, scale, offset), low, high),
        }
    }
}

/// The same steps in fewer: pairs that often meet become one, and a check that cannot fail any more is left out.
pub(crate) fn fused(kernels: impl IntoIterator<Item = Kernel>) -> Box<[Kernel]> {
    let mut steps: Vec<Kernel> = Vec::new();
    for mut kernel in kernels {
        let is_checked = match (steps.last(), &kernel) {
            (Some(Kernel::RefuseInfinite { .. }), Kernel::RefuseInfinite { .. }) => true,
            (Some(Kernel::RefuseInfiniteAndImpute { fill, .. }), Kernel::RefuseInfinite { .. }) => {
                !fill.is_infinite()
            }
            _ => false,
        };
        if is_checked {
            continue;
        }
        // What two became may join with the one before.
        while let Some(joined) = steps.last().and_then(|last| last.joined(&kernel)) {
            steps.pop();
            kernel = joined;
        }
        steps.push(kernel);
    }
    steps.into()
}

impl Kernel {
    /// The step of a function; the site is reported where it does not take a number.
    pub(crate) fn function(site: u32, function: impl NumberKernel + 'static) -> Self {
        Self::Function { site, function: Arc::new(function) }
    }

    /// This step and the next in one, where there is such a step.
    fn joined(&self, next: &Self) -> Option<Self> {
        match (self, next) {
            (Self::RefuseInfinite { site }, Self::Impute(fill)) => {
                Some(Self::RefuseInfiniteAndImpute { site: *site, fill: *fill })
            }
            (Self::RefuseInfinite { site }, Self::Standardize { mean, scale }) => {
                Some(Self::RefuseInfiniteAndStandardize { site: *site, mean: *mean, scale: *scale })
            }
            (Self::Subtract(mean), Self::Divide(scale)) => {
                Some(Self::Standardize { mean: *mean, scale: *scale })
            }
            (Self::Multiply(scale), Self::Add(offset)) => {
                Some(Self::Rescale { scale: *scale, offset: *offset })
            }
            _ => None,
        }
    }

    /// The site to report when the value is refused.
    #[inline(always)]
    pub(crate) fn refuses(&self, value: f64) -> Option<u32> {
        match self {
            Self::RefuseInfinite { site }
            | Self::RefuseInfiniteAndImpute { site, .. }
            | Self::RefuseInfiniteAndStandardize { site, .. }
                if value.is_infinite() =>
            {
                Some(*site)
            }
            Self::RefuseNonFinite { site } if !value.is_finite() => Some(*site),
            Self::Function { site, function } if !function.takes(value) => Some(*site),
            _ => None,
        }
    }

    /// The value after this step.
    #[inline(always)]
    pub(crate) fn apply(&self, value: f64) -> f64 {
        match self {
            Self::RefuseInfinite { .. } | Self::RefuseNonFinite { .. } => value,
            Self::Impute(fill) | Self::RefuseInfiniteAndImpute { fill, .. } => impute(value, *fill),
            Self::Indicate => indicate(value),
            Self::Subtract(number) => value - number,
            Self::Divide(number) => value / number,
            Self::Multiply(number) => value * number,
            Self::Add(number) => value + number,
            Self::Clip { low, high } => clip(value, *low, *high),
            Self::Bin(edges) => bin(value, edges),
            Self::Function { function, .. } => function.apply(value),
            Self::Standardize { mean, scale } | Self::RefuseInfiniteAndStandardize { mean, scale, .. } => {
                standardize(value, *mean, *scale)
            }
            Self::Rescale { scale, offset } => rescale(value, *scale, *offset),
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
            Self::Function { site, function } => {
                let refused = function.first_refused(values);
                let passed = refused.unwrap_or(values.len());
                function.apply_block(&mut values[..passed]);
                return refused.map(|position| (position, *site));
            }
            Self::RefuseInfiniteAndImpute { fill, .. } => {
                let refused = self.first_refused(values);
                let passed = refused.map_or(values.len(), |(position, _)| position);
                map(&mut values[..passed], |value| impute(value, *fill));
                return refused;
            }
            Self::RefuseInfiniteAndStandardize { mean, scale, .. } => {
                let refused = self.first_refused(values);
                let passed = refused.map_or(values.len(), |(position, _)| position);
                map(&mut values[..passed], |value| standardize(value, *mean, *scale));
                return refused;
            }
            Self::Standardize { mean, scale } => map(values, |value| standardize(value, *mean, *scale)),
            Self::Rescale { scale, offset } => map(values, |value| rescale(value, *scale, *offset)),
        }
        None
    }

    /// [`Kernel::apply_block`] on a copy of `from`, without a pass of its own for the copy where it can be spared. A refused
    /// value is copied as it is.
    pub(crate) fn apply_from(&self, from: &[f64], values: &mut [f64]) -> Option<(usize, u32)> {
        if let Self::RefuseInfiniteAndStandardize { mean, scale, .. } = self {
            let mut infinite = 0_u64;
            for (value, from) in values.iter_mut().zip(from) {
                infinite |= u64::from(from.is_infinite());
                *value = standardize(*from, *mean, *scale);
            }
            if infinite == 0 {
                return None;
            }
        }
        values.copy_from_slice(from);
        self.apply_block(values)
    }

    fn first_refused(&self, values: &[f64]) -> Option<(usize, u32)> {
        // Counting first keeps the loop free of branches for the block that passes, which is nearly every one.
        let refused: usize = match self {
            Self::RefuseNonFinite { .. } => values.iter().map(|value| usize::from(!value.is_finite())).sum(),
            _ => values.iter().map(|value| usize::from(value.is_infinite())).sum(),
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
pub(crate) fn impute(value: f64, fill: f64) -> f64 {
    if value.is_nan() { fill } else { value }
}

#[inline(always)]
pub(crate) fn standardize(value: f64, mean: f64, scale: f64) -> f64 {
    (value - mean) / scale
}

#[inline(always)]
pub(crate) fn rescale(value: f64, scale: f64, offset: f64) -> f64 {
    value * scale + offset
}

#[inline(always)]
fn indicate(value: f64) -> f64 {
    f64::from(u8::from(value.is_nan()))
}

/// NaN stays NaN, as in numpy's `clip`.
#[inline(always)]
pub(crate) fn clip(value: f64, low: f64, high: f64) -> f64 {
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

    /// The root, which takes no negative number.
    #[derive(Debug)]
    struct Root;

    impl NumberKernel for Root {
        fn takes(&self, value: f64) -> bool {
            value.is_nan() || value >= 0.0
        }

        fn apply(&self, value: f64) -> f64 {
            value.sqrt()
        }
    }

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
            Just(Kernel::RefuseInfiniteAndImpute { site: 5, fill: 0.5 }),
            Just(Kernel::Standardize { mean: 0.3, scale: 1.7 }),
            Just(Kernel::RefuseInfiniteAndStandardize { site: 6, mean: 0.3, scale: 1.7 }),
            Just(Kernel::Rescale { scale: 0.3, offset: -1.7 }),
            Just(Kernel::function(7, Root)),
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
            let mut copied = vec![0.0; values.len()];
            prop_assert_eq!(kernel.apply_from(&values, &mut copied), refused);
            let bits = |values: &[f64]| values.iter().map(|value| canonical(*value).to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&copied), bits(&block));
            block.truncate(refused.map_or(block.len(), |(position, _)| position));
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

    /// The value after all steps, or the site that refuses it.
    fn chain(kernels: &[Kernel], value: f64) -> Result<u64, u32> {
        let after = kernels.iter().try_fold(value, |value, kernel| match kernel.refuses(value) {
            Some(site) => Err(site),
            None => Ok(kernel.apply(value)),
        })?;
        Ok(canonical(after).to_bits())
    }

    proptest! {
        #[test]
        fn fusing_changes_nothing(
            chosen in prop::collection::vec(kernels(), 0..8),
            value in prop_oneof![any::<f64>(), -3.0..3.0, Just(f64::INFINITY)],
        ) {
            let fused = fused(chosen.iter().cloned());
            prop_assert!(fused.len() <= chosen.len());
            prop_assert_eq!(chain(&fused, value), chain(&chosen, value));
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
