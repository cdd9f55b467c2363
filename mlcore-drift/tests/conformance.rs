//! The contract of `DriftTest`, on every implementation.

use mlcore_drift::bins::{Binning, Recipe};
use mlcore_drift::conformance::{LooksFor, drift_test};
use mlcore_drift::two_sample::{ChiSquare, DriftTest, KolmogorovSmirnov, MissingRate, Psi};

macro_rules! conforms {
    ($($name:ident: $test:expr, $looks_for:ident;)+) => {
        $(
            #[test]
            fn $name() {
                let test: Box<dyn DriftTest> = Box::new($test);
                drift_test(&*test, LooksFor::$looks_for);
            }
        )+
    };
}

conforms! {
    kolmogorov_smirnov: KolmogorovSmirnov::default(), Shift;
    chi_square: ChiSquare::default(), Shift;
    chi_square_without_pooling: ChiSquare::default().with_pool_below(0.0), Shift;
    psi_quantile: Psi::default(), Shift;
    psi_uniform: Psi::new(Binning::default().with_recipe(Recipe::Uniform).with_bins(30)), Shift;
    psi_evidently: Psi::new(Binning::default().with_recipe(Recipe::Evidently)), Shift;
    missing_rate: MissingRate, MissingRows;
}
