//! What features are written as.

use super::kernel::canonical;

/// An element type of model input that features are written as: `f64` or `f32`.
pub trait Output: mlcore::batch::Element + sealed::Sealed {
    #[doc(hidden)]
    fn of(value: f64) -> Self;

    /// Whether any of these is infinite; always false for the type that features are computed in.
    #[doc(hidden)]
    fn any_infinite(features: &[Self]) -> bool;
}

impl Output for f64 {
    #[inline(always)]
    fn of(value: f64) -> Self {
        canonical(value)
    }

    #[inline(always)]
    fn any_infinite(_: &[Self]) -> bool {
        false
    }
}

impl Output for f32 {
    #[inline(always)]
    fn of(value: f64) -> Self {
        canonical(value) as Self
    }

    #[inline]
    fn any_infinite(features: &[Self]) -> bool {
        // Without a way out in the middle, it runs on vectors.
        features.iter().fold(false, |any, feature| any | feature.is_infinite())
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f64 {}
    impl Sealed for f32 {}
}
