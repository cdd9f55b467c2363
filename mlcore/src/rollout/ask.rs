use super::{Candidates, Context};
use crate::name::UnitId;
use crate::stats::SplitMix64;

/// The question that a policy is asked for every request.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The unit to be assigned: a user, a session, a device.
    pub unit: &'a UnitId,
    /// The arms that can answer now.
    pub candidates: &'a Candidates,
    /// Randomness for this request.
    pub draw: Draw,
    /// What the request says of itself; empty where nothing is known.
    pub context: Context<'a>,
}

impl<'a> Ask<'a> {
    /// The question which of `candidates` answers `unit`, without a context.
    #[must_use]
    pub const fn new(unit: &'a UnitId, candidates: &'a Candidates, draw: Draw) -> Self {
        Self { unit, candidates, draw, context: Context::EMPTY }
    }

    /// The same question with what the request says of itself.
    #[must_use]
    pub const fn with_context(mut self, context: Context<'a>) -> Self {
        self.context = context;
        self
    }

    /// The same question with another draw: for a policy around a policy, so that the two do not decide by the same bits.
    #[must_use]
    pub const fn with_draw(mut self, draw: Draw) -> Self {
        self.draw = draw;
        self
    }
}

/// Randomness for one assignment, handed in by the caller: 64 uniform bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Draw(u64);

impl Draw {
    /// A draw from 64 uniform bits.
    #[must_use]
    pub const fn new(bits: u64) -> Self {
        Self(bits)
    }

    /// The bits.
    pub(super) const fn bits(self) -> u64 {
        self.0
    }

    /// Another draw, made from this one and independent of it.
    #[must_use]
    pub fn another(self) -> Self {
        // Its finaliser mixes every bit into every other.
        Self(SplitMix64::new(self.0).next_u64())
    }

    /// The draw as a number in `[0, 1)`.
    #[must_use]
    pub fn unit_interval(self) -> f64 {
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}
