/// Which rewards a policy takes.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Support {
    /// Any finite number.
    Real,
    /// From 0 to 1.
    UnitInterval,
    /// 0 or more.
    NonNegative,
}

crate::words! { Support, "support": Real = "real", UnitInterval = "unit_interval", NonNegative = "non_negative" }

impl Support {
    /// Whether `reward` is one.
    #[must_use]
    pub fn contains(self, reward: f64) -> bool {
        match self {
            Self::Real => reward.is_finite(),
            Self::UnitInterval => (0.0..=1.0).contains(&reward),
            Self::NonNegative => reward.is_finite() && reward >= 0.0,
        }
    }

    /// Whether a mean may be that of such rewards, to the rounding of sums.
    pub(crate) fn holds_mean(self, arm: &super::ArmStatistics) -> bool {
        let (count, sum) = (arm.count, arm.sum);
        match self {
            Self::Real => true,
            Self::UnitInterval => (-1e-9 * count..=(1.0 + 1e-9) * count).contains(&sum),
            Self::NonNegative => sum >= 0.0,
        }
    }

    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Real => "a finite number",
            Self::UnitInterval => "a number from 0 to 1",
            Self::NonNegative => "a finite number of 0 or more",
        }
    }
}
