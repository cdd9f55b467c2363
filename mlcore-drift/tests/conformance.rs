//! The contract of `DriftTest`, on every listed test and on other options than the default ones.

#![cfg(test)]

use mlcore_drift::bins::{Binning, Recipe};
use mlcore_drift::catalog::{Catalog, TableTestSpec, TestOptions, TestSpec};
use mlcore_drift::conformance::{drift_test, table_test};
use mlcore_drift::table::Energy;
use mlcore_drift::two_sample::{ChiSquare, Psi};

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
    drift_test(&Psi::new(Binning::default().with_recipe(Recipe::Evidently)));
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
