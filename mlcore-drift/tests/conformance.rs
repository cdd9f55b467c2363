//! The contract of `DriftTest`, on every implementation.

use mlcore_drift::conformance::{Compares, drift_test};
use mlcore_drift::two_sample::psi::{PsiOptions, PsiRecipe};
use mlcore_drift::two_sample::{ChiSquare, DriftTest, KolmogorovSmirnov, MissingRate, Psi};

macro_rules! conforms {
    ($($name:ident: $test:expr, $compares:ident;)+) => {
        $(
            #[test]
            fn $name() {
                let test: Box<dyn DriftTest> = Box::new($test);
                drift_test(&*test, Compares::$compares);
            }
        )+
    };
}

conforms! {
    kolmogorov_smirnov: KolmogorovSmirnov::default(), Values;
    chi_square: ChiSquare::default(), Values;
    chi_square_without_pooling: ChiSquare::default().pool_below(0.0), Values;
    psi_quantile: Psi::default(), Values;
    psi_uniform: Psi::new(PsiOptions::default().recipe(PsiRecipe::Uniform).bins(30)), Values;
    psi_evidently: Psi::new(PsiOptions::default().recipe(PsiRecipe::Evidently)), Values;
    missing_rate: MissingRate, MissingRows;
}
