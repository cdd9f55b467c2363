//! The contract of `DriftTest`, on every listed test and on other options than the default ones.

#![cfg(test)]

use mlcore_drift::bins::{Binning, Recipe};
use mlcore_drift::catalog::{Catalog, TableTestSpec, TestOptions, TestSpec};
use mlcore_drift::conformance::{drift_test, table_test};
use mlcore_drift::sample::Sample;
use mlcore_drift::table::Energy;
use mlcore_drift::two_sample::{
    Bhattacharyya, ChiSquare, DriftTest, GTest, Hellinger, JensenShannon, JensenShannonMeasure,
    KullbackLeibler, LInfinity, Psi, TotalVariation,
};

#[test]
fn every_listed_test_keeps_the_contract() {
    let catalog = Catalog::default();
    for name in catalog.names() {
        drift_test(&*catalog.test(name, &TestOptions::default()).unwrap());
    }
}

#[test]
fn every_listed_test_of_tables_keeps_the_contract() {
    let catalog = Catalog::default();
    for name in catalog.table_names() {
        let test = catalog.table_test(name, &TestOptions::default()).unwrap();
        table_test(&*test);
        assert!(test.name() == name && !test.legend().is_empty());
        let json = serde_json::to_string(&TableTestSpec::from(test.clone())).unwrap();
        let again = serde_json::from_str::<TableTestSpec>(&json).unwrap().test(&catalog).unwrap();
        assert_eq!(format!("{again:?}"), format!("{test:?}"), "{json}");
    }
}

#[test]
fn other_options_keep_the_contract() {
    table_test(&Energy::default().with_standardise(false).with_permutations(0));
    table_test(&Energy::default().with_max_rows(1000).with_permutations(99).with_seed(7));
    drift_test(&ChiSquare::default().with_pool_below(0.0));
    drift_test(&Psi::new(Binning::default().with_recipe(Recipe::Uniform).with_bins(30)));
    for recipe in [Recipe::Evidently, Recipe::NannyMl, Recipe::Frouros] {
        let binning = Binning::default().with_recipe(recipe);
        if recipe == Recipe::Evidently {
            drift_test(&Psi::new(binning));
            drift_test(&KullbackLeibler::new(binning));
        }
        if recipe != Recipe::Frouros {
            drift_test(&JensenShannon::new(binning));
        }
        drift_test(&Hellinger::new(binning));
        drift_test(&Bhattacharyya::new(binning));
        drift_test(&LInfinity::new(binning));
        drift_test(&TotalVariation::new(binning));
    }
    drift_test(&JensenShannon::default().with_measure(JensenShannonMeasure::Divergence).with_base(2.0));
    drift_test(&TotalVariation::default().with_permutations(199).with_seed(5));
    drift_test(&ChiSquare::default().with_goodness_of_fit(true));
    drift_test(&GTest::default().with_goodness_of_fit(true));
    drift_test(&GTest::default().with_pool_below(0.0));
}

#[test]
fn impossible_options_are_refused_in_words() {
    let sample = Sample::numeric(&[1.0, 2.0, 3.0]);
    let problem = |test: &dyn DriftTest| test.compile(&sample).unwrap_err().to_string();
    let of = |recipe| Binning::default().with_recipe(recipe);
    for (problem, words) in [
        (
            problem(&JensenShannon::default().with_base(1.0)),
            "compare with jensen_shannon base: 1 is no number above 1",
        ),
        (
            problem(&JensenShannon::new(of(Recipe::Frouros))),
            "use one of quantile, uniform, evidently, nannyml",
        ),
        (problem(&KullbackLeibler::new(of(Recipe::NannyMl))), "NannyML has no Kullback-Leibler divergence"),
        (problem(&KullbackLeibler::new(of(Recipe::Frouros))), "infinite where a bin is empty"),
        (problem(&Psi::new(of(Recipe::Frouros))), "use one of quantile, uniform, evidently"),
        (
            problem(&TotalVariation::default().with_permutations(3)),
            "permutations: 3; from 99 to 100000 are possible",
        ),
        (problem(&Bhattacharyya::new(of(Recipe::Frouros).with_missing_bin(true))), "leaves missing rows out"),
        (problem(&LInfinity::new(Binning::default().with_bins(1))), "2 to 1000 are possible"),
    ] {
        assert!(problem.contains(words), "{problem}");
    }
    let infinite = Sample::numeric(&[1.0, f64::INFINITY]);
    let error = Bhattacharyya::new(of(Recipe::Frouros)).compare(&sample, &infinite).unwrap_err();
    assert!(error.to_string().contains("it has infinities, which frouros refuses"), "{error}");
}

#[test]
fn a_listed_test_is_written_and_read_as_itself() {
    let catalog = Catalog::default();
    for name in catalog.names() {
        let test = catalog.test(name, &TestOptions::default()).unwrap();
        assert_eq!(test.name(), name);
        assert!(!test.legend().is_empty(), "{name} has no legend");
        let json = serde_json::to_string(&TestSpec::from(test.clone())).unwrap();
        let again = serde_json::from_str::<TestSpec>(&json).unwrap().test(&catalog).unwrap();
        assert_eq!(format!("{again:?}"), format!("{test:?}"), "{json}");
        let error = serde_json::from_str::<TestSpec>(&format!(r#"{{"name": "{name}", "oddity": 1}}"#));
        let error = error.unwrap().test(&catalog).unwrap_err();
        assert!(error.to_string().contains("unknown field `oddity`"), "{error}");
    }
}
