//! The example, run as its reader runs it; the plan that Python reads; and its functions against their contract.

use std::process::Command;

use custom_function::serving::serve;
use custom_function::{RatioToMedian, fit, history, valid_iban};
use mlcore::Error;
use mlcore_features::conformance;
use mlcore_features::transform::custom::Functions;
use mlcore_features::typed::to_table;

#[test]
fn the_example_serves_what_it_fitted() {
    let folder = tempfile::tempdir().expect("a folder");
    let run =
        Command::new(env!("CARGO_BIN_EXE_custom-function")).arg(folder.path()).output().expect("it starts");
    let (printed, errors) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{printed}{errors}");
    assert_eq!(printed, include_str!("../printed.txt"));
    // Python reads this file; it is what the example leaves in the folder that it is given.
    let written = std::fs::read_to_string(folder.path().join("plan.json")).expect("the plan is there");
    assert_eq!(written, include_str!("../plan.json"));
}

#[test]
fn the_functions_keep_the_contract() {
    let table = to_table(&history()).expect("payments are a table");
    let columns = |places: &[usize]| table.project(places).expect("the columns are there");
    conformance::custom(valid_iban(), valid_iban(), &columns(&[3]));
    conformance::custom(RatioToMedian, RatioToMedian, &columns(&[0, 1]));
}

#[test]
fn an_endpoint_without_the_functions_does_not_start() {
    let plan = fit().expect("it fits");
    let refused = serve(&plan, Functions::new().with(valid_iban())).expect_err("a function is lacking");
    assert!(matches!(refused, Error::Unsupported(_)), "{refused}");
    let message = refused.to_string();
    assert!(message.contains("ratio_to_median version 1, of which there is none"), "{message}");
    assert!(!message.contains("valid_iban"), "{message}");
}
