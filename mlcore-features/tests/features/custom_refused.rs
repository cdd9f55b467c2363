//! Functions of the host that are refused, refuse, or fail: plans, rows and tables say which, and why.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampSecondArray};
use mlcore::batch::{Row, Value};
use mlcore::{Error, Result};
use mlcore_features::pipeline::{ColumnTransformer, FittedStep, Pipeline, Plan, Step};
use mlcore_features::transform::custom::{
    BoundFunction, CustomFunction, Functions, Learnt, Refusal, RowFunction, State,
};
use mlcore_features::transform::{Fit, SimpleImputer, StandardScaler, Training};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::custom::{Ratio, at_most_ten, fitted, mixed, numbers, own, table};

#[test]
fn a_plan_is_refused_by_every_function_that_the_host_lacks() {
    let named = |name: &str, version| RowFunction::new(name, version, [name], |_, _| Ok(()));
    let inner = Pipeline::new().then("first", own(named("speed", 2))).then("second", own(named("iban", 1)));
    let plan = ColumnTransformer::new()
        .with("one", inner, ["x"])
        .with("two", own(named("age", 7)), ["x"])
        .with("again", own(named("speed", 2)), ["x"])
        .with("scale", StandardScaler::default(), ["x"])
        .fit(&numbers(vec![1.0, 2.0]))
        .unwrap();
    let bytes = plan.to_bytes().unwrap();
    let refused = |functions: &Functions| {
        let error = Plan::from_bytes_with(&bytes, functions).unwrap_err();
        assert!(matches!(error, Error::Unsupported(_)), "{error}");
        error.to_string()
    };
    let remedy = "register them in the Functions that the plan is loaded with, in these versions, or fit the plan again";
    assert_eq!(
        refused(&Functions::new()),
        format!(
            "load plan speed version 2, iban version 1, age version 7: the plan names functions that this host does not \
             have: speed version 2, of which there is none; iban version 1, of which there is none; age version 7, of \
             which there is none; {remedy}"
        )
    );
    let some = Functions::new()
        .with(named("speed", 1))
        .with(named("speed", 3))
        .with(named("age", 7))
        .with(named("iban", 2));
    assert_eq!(
        refused(&some),
        format!(
            "load plan speed version 2, iban version 1: the plan names functions that this host does not have: speed \
             version 2, of which there are versions 1, 3; iban version 1, of which there is version 2; {remedy}"
        )
    );
    let all = some.with(named("speed", 2)).with(named("iban", 1));
    assert_eq!(Plan::from_bytes_with(&bytes, &all).unwrap(), plan);
    assert!(Plan::from_bytes(&bytes).unwrap_err().to_string().contains("age version 7"));
    // Without its function a step is no plan, also where nobody asks for the bytes.
    let document: Json = serde_json::from_slice(&bytes).unwrap();
    let step: FittedStep = serde_json::from_value(document["plan"].clone()).unwrap();
    assert!(matches!(Plan::new(step), Err(Error::Unsupported(_))));
}

#[test]
fn a_function_of_other_features_than_are_stored_is_refused() {
    let of = |features: &[&str]| RowFunction::new("f", 1, features.to_vec(), |_, _| Ok(()));
    let plan = fitted(of(&["a", "b"]), &numbers(vec![1.0]));
    let refused = |features: &[&str]| {
        let functions = Functions::new().with(of(features));
        Plan::from_bytes_with(&plan.to_bytes().unwrap(), &functions).unwrap_err().to_string()
    };
    let stored =
        "load plan f version 1: the plan stores the 2 features a, b, and the function of this host makes";
    let remedy = "register the function that the plan was fitted with: one that changes gets a new version";
    assert_eq!(refused(&["a"]), format!("{stored} the feature a; {remedy}"));
    assert_eq!(refused(&[]), format!("{stored} no features; {remedy}"));
    assert_eq!(refused(&["b", "a"]), format!("{stored} the 2 features b, a; {remedy}"));
}

/// The bytes of a plan whose content was changed by somebody who knows how its digest is computed.
fn forged(plan: &Plan, change: impl FnOnce(&mut Json)) -> Vec<u8> {
    let mut document: Json = serde_json::from_slice(&plan.to_bytes().unwrap()).unwrap();
    change(&mut document["plan"]);
    if let Ok(step) = serde_json::from_value::<FittedStep>(document["plan"].clone()) {
        let content = serde_json::to_vec(&("mlcore-plan", 1, step)).unwrap();
        let digest: String = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
        document["digest"] = digest.into();
    }
    serde_json::to_vec(&document).unwrap()
}

#[test]
fn forged_plans_are_refused_by_what_is_wrong_with_them() {
    let functions = Functions::new().with(Ratio { quantile: 0.5 }).with(mixed());
    let ratio = fitted(Ratio { quantile: 0.5 }, &numbers(vec![4.0, 2.0]));
    let refused = |plan: &Plan, change: &dyn Fn(&mut Json)| {
        Plan::from_bytes_with(&forged(plan, change), &functions).map(|plan| plan.transform(&table(4)))
    };
    let whole = |plan: &Plan, change: &dyn Fn(&mut Json)| match refused(plan, change) {
        Err(error) => error.to_string(),
        Ok(answer) => panic!("it is loaded and answers {answer:?}"),
    };
    let error = whole(&ratio, &|step| step["Function"]["state"] = "four".into());
    assert!(
        error.starts_with(
            "read state ratio version 3, function: what was learnt is not what it reads: invalid type"
        ),
        "{error}"
    );
    let error = whole(&ratio, &|step| step["Function"]["features"] = serde_json::json!(["x_ratio", "more"]));
    assert!(error.contains("the plan stores the 2 features x_ratio, more"), "{error}");
    let error = whole(&ratio, &|step| step["Function"]["version"] = 4.into());
    assert!(error.contains("ratio version 4, of which there is version 3"), "{error}");
    let error = whole(&ratio, &|step| step["Function"]["code"] = "import os".into());
    assert!(error.contains("unknown field"), "{error}");
    // The digest is looked at before the function sees what nobody learnt.
    let mut document: Json = serde_json::from_slice(&ratio.to_bytes().unwrap()).unwrap();
    document["plan"]["Function"]["state"] = "four".into();
    let error = Plan::from_bytes_with(document.to_string().as_bytes(), &functions).unwrap_err();
    assert!(matches!(&error, Error::Corrupt(_)) && error.context().subject() == "content", "{error}");

    // A function behind a step that makes other columns than the function was fitted on.
    let pipeline = Pipeline::new()
        .then("impute", SimpleImputer::default())
        .then("ratio", own(Ratio { quantile: 0.5 }))
        .fit(&numbers(vec![4.0, 2.0]))
        .unwrap();
    let error = whole(&pipeline, &|step| {
        let fields = &mut step["Pipeline"]["steps"][1]["transformer"]["Function"]["input"];
        let text = fitted(mixed(), &table(3));
        let document: Json = serde_json::from_slice(&text.to_bytes().unwrap()).unwrap();
        *fields = document["plan"]["Function"]["input"].clone();
        let names = serde_json::json!(["a_ratio", "text_ratio", "b_ratio"]);
        step["Pipeline"]["steps"][1]["transformer"]["Function"]["features"] = names;
    });
    assert!(error.contains("ratio version 3: it was fitted on other columns than it is given"), "{error}");
}

#[test]
fn a_refused_row_is_named_by_tables_and_rows() {
    let two = RecordBatch::try_from_iter([
        (
            "limit",
            Arc::new(Float64Array::from_iter_values(
                (0..1200).map(|row| if row == 700 || row == 900 { 11.5 } else { 1.0 }),
            )) as ArrayRef,
        ),
        ("kind", Arc::new(StringArray::from(vec!["k"; 1200])) as ArrayRef),
    ])
    .unwrap();
    let plan = fitted(at_most_ten("small"), &two);
    let refused = plan.transform(&two).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "transform with small version 1 kind: row 700: 11.5 is above ten; send less"
    );
    assert_eq!(std::error::Error::source(&refused).unwrap().to_string(), "the limit");
    let row = [Value::Float(11.5), Value::Text("k")];
    let refused = plan.row_executor().run(Row::new(&row, plan.input()).unwrap()).unwrap_err();
    assert_eq!(refused.to_string(), "transform with small version 1 kind: 11.5 is above ten; send less");
    let mut features = [0.0];
    let refused = plan.transform_row(Row::new(&row, plan.input()).unwrap(), &mut features).unwrap_err();
    assert!(matches!(refused, Error::InvalidInput(_)));
    // Of two functions, the earlier row is told, whichever refuses it.
    let late = RowFunction::new("late", 1, ["late"], |row, features| {
        features.fill(row.number(0));
        if row.number(0) > 5.0 { Err(Refusal::new("it is above five")) } else { Ok(()) }
    });
    let both =
        ColumnTransformer::new().with("a", own(at_most_ten("small")), ["x"]).with("b", own(late), ["x"]);
    let plan = both.fit(&numbers(vec![1.0])).unwrap();
    let refused = plan.transform_dense::<f32>(&numbers(vec![1.0, 7.0, 12.0])).unwrap_err();
    assert_eq!(refused.to_string(), "transform with late version 1 x: row 1: it is above five");
}

#[test]
fn a_function_may_end_the_call() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let stop = RowFunction::new("stop", 1, ["y"], move |row, _| {
        counted.fetch_add(1, Ordering::Relaxed);
        match row.number(0) {
            0.0 => Ok(()),
            _ => Err(Refusal::stop(Error::interrupted("transform", "", "the caller has gone"))),
        }
    });
    let plan = fitted(stop, &numbers(vec![0.0]));
    let stopped = plan.transform(&numbers(vec![0.0, 1.0, 0.0])).unwrap_err();
    assert!(matches!(stopped, Error::Interrupted(_)), "{stopped}");
    assert_eq!(asked.load(Ordering::Relaxed), 2, "rows behind, or again");
}

#[test]
fn a_panic_becomes_an_error_that_names_the_function() {
    let on = |value: f64| {
        RowFunction::new("brittle", 4, ["y"], move |row, features| {
            assert!(row.number(0) != value, "it has a bad day");
            features.fill(row.number(0));
            Ok(())
        })
    };
    let plan = fitted(on(2.0), &numbers(vec![1.0]));
    let expected = "the function panicked: it has a bad day; mend the function: it is to answer a refusal where it \
                    takes no value";
    let caught = plan.transform(&numbers(vec![1.0, 2.0])).unwrap_err();
    assert!(matches!(caught, Error::Internal(_)));
    assert_eq!(caught.to_string(), format!("transform with brittle version 4 x: row 1: {expected}"));
    let row = [Value::Float(2.0)];
    let mut executor = plan.row_executor();
    let caught = executor.run(Row::new(&row, plan.input()).unwrap()).unwrap_err();
    assert_eq!(caught.to_string(), format!("transform with brittle version 4 x: {expected}"));
    // The executor goes on.
    let row = [Value::Float(3.0)];
    assert_eq!(executor.run(Row::new(&row, plan.input()).unwrap()).unwrap(), [3.0]);

    let lawless =
        RowFunction::new("lawless", 1, ["y"], |_, _| Ok(())).with_rows(|_, _| panic!("only together"));
    let caught = fitted(lawless, &numbers(vec![1.0])).transform(&numbers(vec![1.0, 2.0])).unwrap_err();
    assert_eq!(
        caught.to_string(),
        "transform with lawless version 1 x: rows 0 to 1: it fails on them together, and on none of them alone: only \
         together; let the function make of many rows what it makes of each of them"
    );

    #[derive(Debug)]
    struct Moody {
        learns: bool,
    }
    impl CustomFunction for Moody {
        fn name(&self) -> &str {
            "moody"
        }
        fn version(&self) -> u32 {
            1
        }
        fn learn(&self, _: &Training<'_>) -> Result<State> {
            assert!(self.learns, "no learning");
            Ok(State::none())
        }
        fn bind(&self, _: &Learnt<'_>) -> Result<BoundFunction> {
            panic!("no binding")
        }
    }
    for (learns, words) in [(false, "no learning"), (true, "no binding")] {
        let caught = own(Moody { learns }).fit(&numbers(vec![1.0])).unwrap_err();
        assert_eq!(
            caught.to_string(),
            format!(
                "fit moody version 1: the function panicked: {words}; mend the function: it is to answer an error \
                 where it cannot go on"
            )
        );
    }
    let stored =
        fitted(RowFunction::new("moody", 1, ["y"], |_, _| Ok(())), &numbers(vec![1.0])).to_bytes().unwrap();
    let caught = Plan::from_bytes_with(&stored, &Functions::new().with(Moody { learns: true })).unwrap_err();
    assert!(caught.to_string().starts_with("load plan moody version 1: the function panicked"), "{caught}");
}

#[test]
fn what_fit_refuses_is_named() {
    let fit = |step: Step, table: &RecordBatch| step.fit(table).unwrap_err().to_string();
    let named =
        |name: &str, features: &[&str]| own(RowFunction::new(name, 1, features.to_vec(), |_, _| Ok(())));
    let one = numbers(vec![1.0]);
    let moments: ArrayRef = Arc::new(TimestampSecondArray::from(vec![0]));
    let moments = RecordBatch::try_from_iter([("seen", moments)]).unwrap();
    for (error, expected) in [
        (fit(named(" ", &["y"]), &one), "its name is empty"),
        (fit(named("f", &[]), &one), "fit f version 1: it makes no features"),
        (fit(named("f", &["y", "z", "y"]), &one), "fit f version 1: two of its features are named y"),
        (fit(named("f", &["y"]), &one.slice(0, 0)), "fit custom function f version 1, table: it has no rows"),
        (
            fit(named("f", &["y"]), &moments),
            "fit custom function seen: expected numbers or text, got timestamp",
        ),
    ] {
        assert!(error.contains(expected), "{error}");
    }
    let weighed = own(mixed()).fit(Training::new(&table(2)).with_weights(&[1.0, 2.0])).unwrap_err();
    assert!(weighed.to_string().contains("it cannot weigh rows"), "{weighed}");
    let twice = ColumnTransformer::new()
        .verbose_feature_names_out(false)
        .with("a", named("f", &["y"]), ["x"])
        .with("b", named("g", &["y"]), ["x"])
        .fit(&one)
        .unwrap_err();
    assert!(twice.to_string().contains("two output columns have this name"), "{twice}");
}
