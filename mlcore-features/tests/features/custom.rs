//! Functions of the host as steps: rows and tables alike, what is refused, what is stored, what is bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mlcore::arrow::array::{
    ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampSecondArray,
};
use mlcore::arrow::datatypes::Float64Type;
use mlcore::batch::{Row, Value};
use mlcore::{Error, Result};
use mlcore_features::pipeline::{ColumnTransformer, FittedStep, Pipeline, Plan, Step};
use mlcore_features::transform::custom::{
    BoundFunction, CustomFunction, CustomTransformer, Functions, InputRow, InputRows, Learnt, Refusal,
    RowFunction, RowKernel, State,
};
use mlcore_features::transform::{
    Fit, Parameters, SimpleImputer, StandardScaler, TargetEncoder, Training, Transform,
};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

/// A number as a ratio to a quantile of the training column: learns, and is configured.
#[derive(Debug)]
pub(crate) struct Ratio {
    pub(crate) quantile: f64,
}

impl CustomFunction for Ratio {
    fn name(&self) -> &str {
        "ratio"
    }

    fn version(&self) -> u32 {
        3
    }

    fn parameters(&self) -> Parameters {
        Parameters::from_iter([("quantile", self.quantile)])
    }

    fn learn(&self, training: &Training<'_>) -> Result<State> {
        let quantile = |column: &ArrayRef| {
            let mut values: Vec<f64> = column.as_primitive::<Float64Type>().values().to_vec();
            values.retain(|value| !value.is_nan());
            values.sort_by(f64::total_cmp);
            values[((values.len() - 1) as f64 * self.quantile).round() as usize]
        };
        State::of(&training.table().columns().iter().map(quantile).collect::<Vec<_>>())
    }

    fn bind(&self, learnt: &Learnt<'_>) -> Result<BoundFunction> {
        let names = learnt.input().names().map(|name| format!("{name}_ratio"));
        Ok(BoundFunction::new(names, Ratios(learnt.state().read()?)))
    }
}

#[derive(Debug)]
struct Ratios(Vec<f64>);

impl RowKernel for Ratios {
    fn apply(&self, row: &InputRow<'_>, features: &mut [f64]) -> Result<(), Refusal> {
        for ((feature, number), own) in features.iter_mut().zip(row.numbers()).zip(&self.0) {
            *feature = number / own;
        }
        Ok(())
    }
}

/// The sum of two numbers and the length of a text, with a block kernel of its own.
pub(crate) fn mixed() -> RowFunction {
    RowFunction::new("mixed", 1, ["sum", "length"], |row, features| {
        let length = row.text(0).map_or(f64::NAN, |text| text.len() as f64);
        features.copy_from_slice(&[row.number(0) + row.number(1), length]);
        Ok(())
    })
    .with_rows(|rows, features| {
        for (row, own) in features.chunks_exact_mut(2).enumerate() {
            own[0] = rows.numbers()[row * 2] + rows.numbers()[row * 2 + 1];
            own[1] = rows.text(row, 0).map_or(f64::NAN, |text| text.len() as f64);
        }
        Ok(())
    })
}

/// Refuses numbers above ten, with the column to blame and a remedy.
fn at_most_ten(name: &str) -> RowFunction {
    RowFunction::new(name, 1, ["small"], |row, features| {
        if row.number(0) > 10.0 {
            let refusal = Refusal::new(format!("{} is above ten", row.number(0))).of_column(1);
            return Err(refusal.remedy("send less").caused_by("the limit"));
        }
        features.fill(row.number(0));
        Ok(())
    })
}

pub(crate) fn table(rows: usize) -> RecordBatch {
    let number = |row: usize| (row % 7 != 3).then_some((row * 37 % 101) as f64 / 8.0 - 3.0);
    let words = ["", "a", "Zürich", "a text of more than sixteen bytes"];
    let a: ArrayRef = Arc::new((0..rows).map(number).collect::<Float64Array>());
    let b: ArrayRef = Arc::new((0..rows as i64).collect::<Int64Array>());
    let text: ArrayRef = Arc::new(
        (0..rows).map(|row| (row % 5 != 2).then_some(words[row % words.len()])).collect::<StringArray>(),
    );
    RecordBatch::try_from_iter([("a", a), ("text", text), ("b", b)]).unwrap()
}

fn numbers(values: Vec<f64>) -> RecordBatch {
    RecordBatch::try_from_iter([("x", Arc::new(Float64Array::from(values)) as ArrayRef)]).unwrap()
}

fn own(function: impl CustomFunction + 'static) -> Step {
    CustomTransformer::new(function).into()
}

fn fitted(function: impl CustomFunction + 'static, table: &RecordBatch) -> Plan {
    Plan::new(own(function).fit(table).unwrap()).unwrap()
}

#[cfg(feature = "conformance")]
mod law {
    use mlcore_features::conformance;

    use super::*;

    #[test]
    fn functions_keep_the_contract() {
        // Of one block and of several: the last is not whole.
        for rows in [2, 40, 1300] {
            conformance::custom(mixed(), mixed(), &table(rows));
        }
        let amounts = numbers(vec![4.0, f64::NAN, 2.0, 8.0, 1.0, -0.0, 1e300]);
        conformance::custom(Ratio { quantile: 0.5 }, Ratio { quantile: 0.1 }, &amounts);
        let forgetful = || RowFunction::new("forgetful", 1, ["a", "b"], |_, _| Ok(()));
        conformance::custom(forgetful(), forgetful(), &amounts);
        conformance::fit(
            &Pipeline::new()
                .then("impute", SimpleImputer::default())
                .then("scale", StandardScaler::default()),
            &amounts,
        );
    }

    #[test]
    #[should_panic(expected = "row 0, feature 0")]
    fn a_block_that_is_not_its_rows_is_found() {
        let wrong = || {
            mixed().with_rows(|_, features| {
                features.fill(7.0);
                Ok(())
            })
        };
        conformance::custom(wrong(), wrong(), &table(40));
    }

    #[test]
    #[should_panic(expected = "rows 0..20 depend on other rows")]
    fn a_row_that_depends_on_its_block_is_found() {
        let mean = || {
            RowFunction::new("mean", 1, ["mean"], |row, features| {
                features.fill(row.number(1));
                Ok(())
            })
            .with_rows(|rows, features| {
                let sum: f64 = rows.iter().map(|row| row.number(1)).sum();
                features.fill(sum / rows.len() as f64);
                Ok(())
            })
        };
        conformance::custom(mean(), mean(), &table(40));
    }

    #[test]
    #[should_panic(expected = "the plan, stored and loaded, transforms otherwise")]
    fn a_function_that_asks_itself_instead_of_the_plan_is_found() {
        #[derive(Debug)]
        struct Times(f64);
        impl CustomFunction for Times {
            fn name(&self) -> &str {
                "times"
            }
            fn version(&self) -> u32 {
                1
            }
            fn bind(&self, _: &Learnt<'_>) -> Result<BoundFunction> {
                let factor = self.0;
                Ok(BoundFunction::new(
                    ["y"],
                    RowFunction::new("", 1, ["y"], move |row, features| {
                        features.fill(row.number(0) * factor);
                        Ok(())
                    }),
                ))
            }
        }
        conformance::custom(Times(2.0), Times(3.0), &numbers(vec![1.0, 2.0]));
    }
}

#[test]
fn what_is_learnt_is_stored_and_served() {
    let plan = fitted(Ratio { quantile: 0.5 }, &numbers(vec![4.0, 2.0, 8.0]));
    assert_eq!(plan.feature_names_out(), ["x_ratio"]);
    let loaded =
        Plan::from_bytes_with(&plan.to_bytes().unwrap(), &Functions::new().with(Ratio { quantile: 0.0 }))
            .unwrap();
    assert_eq!(loaded, plan);
    assert_eq!(loaded.transform_rows::<f64, f64>(&[6.0, f64::NAN]).unwrap()[0], 1.5);
    let mut executor = loaded.row_executor();
    assert_eq!(executor.run(Row::new(&[Value::Float(2.0)], loaded.input()).unwrap()).unwrap(), [0.5]);
    let named: Vec<_> = loaded.functions().iter().map(|own| (own.name(), own.version())).collect();
    assert_eq!(named, [("ratio", 3)]);
    let own = loaded.functions()[0];
    assert_eq!(
        (own.state().to_string(), own.parameters().to_string()),
        ("[4.0]".into(), "quantile=0.5".into())
    );
    assert!(own.function().is_some() && own.attributes().is_empty());
    let refused = loaded.inverse_transform(&numbers(vec![1.0])).unwrap_err();
    assert!(matches!(refused, Error::Unsupported(_)), "{refused}");
}

/// A plan of today is the plan of tomorrow.
#[test]
fn the_digest_covers_name_version_parameters_state_and_columns() {
    let of = |quantile, values| fitted(Ratio { quantile }, &numbers(values));
    let first = of(0.5, vec![4.0, 2.0, 8.0]);
    assert_eq!(first.digest(), DIGEST);
    assert_eq!(of(0.5, vec![8.0, 4.0, 2.0, 4.0]).digest(), DIGEST, "the state is the same");
    for other in [
        of(0.4, vec![4.0, 2.0, 8.0]),
        of(0.5, vec![5.0, 2.0, 8.0]),
        fitted(at_most_ten("small"), &numbers(vec![1.0])),
    ] {
        assert_ne!(other.digest(), DIGEST);
    }
    let version = |version| {
        let own = RowFunction::new("v", version, ["y"], |_, _| Ok(()));
        fitted(own, &numbers(vec![1.0])).digest().to_owned()
    };
    assert!(version(1) != version(2) && version(1) == version(1));
}

const DIGEST: &str = "fabee8a495d7fb677f1c5adcd1b9ebb8442a41b62b422bd5baf6d9842a1a7a7c";

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

/// Behind an encoder that keeps a row's own target out of its features, a function learns from those features.
#[test]
fn a_function_learns_from_cross_fitted_features() {
    let rows = 60_u32;
    let words: ArrayRef = Arc::new(StringArray::from_iter_values(
        (0..rows).map(|row| ["a", "b", "c"][(row * row % 3) as usize]),
    ));
    let table = RecordBatch::try_from_iter([("word", words)]).unwrap();
    let target: ArrayRef =
        Arc::new(Float64Array::from_iter_values((0..rows).map(|row| f64::from(row * 7 % 11) / 3.0)));
    let training = Training::new(&table).with_target(&target);
    let encode = || TargetEncoder::default().cv(4);
    let pipeline = Pipeline::new().then("encode", encode()).then("ratio", own(Ratio { quantile: 1.0 }));
    let (plan, transformed) = pipeline.fit_transform(training).unwrap();
    let (_, crossed) = encode().fit_transform(training).unwrap();
    let crossed = crossed.column(0).as_primitive::<Float64Type>().values().to_vec();
    let greatest = crossed.iter().copied().fold(f64::MIN, f64::max);
    assert_eq!(plan.functions()[0].state().read::<Vec<f64>>().unwrap(), [greatest]);
    let expected: Vec<f64> = crossed.iter().map(|value| value / greatest).collect();
    assert_eq!(*transformed.column(0).as_primitive::<Float64Type>().values(), expected);
    assert_ne!(transformed, plan.transform(&table).unwrap());
    let loaded =
        Plan::from_bytes_with(&plan.to_bytes().unwrap(), &Functions::new().with(Ratio { quantile: 1.0 }));
    assert_eq!(loaded.unwrap().transform(&table).unwrap(), plan.transform(&table).unwrap());
}

#[test]
fn plans_tell_and_draw_their_functions() {
    let plan = |quantile, values, speed| {
        ColumnTransformer::new()
            .with("r", own(Ratio { quantile }), ["x"])
            .with("s", own(RowFunction::new("speed", speed, ["y"], |_, _| Ok(()))), ["x"])
            .fit(&numbers(values))
            .unwrap()
    };
    let (old, new) = (plan(0.5, vec![4.0, 2.0, 8.0], 1), plan(0.4, vec![3.0, 2.0, 8.0], 2));
    let changes: Vec<String> = old.diff(&new).iter().map(ToString::to_string).collect();
    let expected = [
        "r: quantile was 0.5, is 0.4",
        "r: state[0] was 4.0, is 3.0",
        "s: was speed version 1, is speed version 2",
    ];
    assert_eq!(changes, expected);
    let drawn = old.to_mermaid();
    assert!(drawn.contains("r#58; ratio version 3<br>quantile#61;0.5"), "{drawn}");
    assert!(drawn.contains("s#58; speed version 1"), "{drawn}");
    let step = |quantile| CustomTransformer::new(Ratio { quantile });
    assert!(step(0.5) == step(0.5) && step(0.5) != step(0.4));
    assert_eq!(own(mixed()), own(mixed()));
}

#[cfg(feature = "derive")]
mod typed {
    use mlcore_features::typed::{Features, to_table};

    use super::*;

    #[derive(Features)]
    struct Payment<'a> {
        a: f64,
        b: i64,
        text: Option<&'a str>,
    }

    #[test]
    fn a_struct_is_read_by_a_function() {
        let payments =
            [Payment { a: 1.5, b: 2, text: Some("Zürich") }, Payment { a: -1.0, b: 4, text: None }];
        let table = to_table(&payments).unwrap();
        let plan = Plan::new(own(mixed()).fit(&table).unwrap()).unwrap();
        let plan = Plan::from_bytes_with(&plan.to_bytes().unwrap(), &Functions::new().with(mixed())).unwrap();
        let bound = plan.bind::<Payment<'_>>().unwrap();
        let mut executor = bound.executor();
        let of_table = plan.transform_dense::<f64>(&table).unwrap();
        for (payment, expected) in payments.iter().zip(of_table.values::<f64>().unwrap().chunks(2)) {
            let features = bound.run(payment, &mut executor).unwrap();
            assert!(features.iter().zip(expected).all(|(one, other)| one.to_bits() == other.to_bits()));
        }
    }
}

/// A kernel can be asked by whoever wrote it, without a plan.
#[test]
fn rows_are_made_by_strangers() {
    let text = |row: usize, position: usize| (position == 0).then(|| ["x", "yz"][row]);
    let rows = InputRows::new(2, &[1.0, 2.0, 3.0, 4.0], &text);
    assert_eq!((rows.len(), rows.is_empty()), (2, false));
    assert_eq!((rows.row(1).numbers(), rows.row(1).number(5).is_nan()), (&[3.0, 4.0][..], true));
    assert_eq!((rows.row(7).numbers(), rows.row(0).text(1)), (&[][..], None));
    let mut features = [0.0; 4];
    mixed().apply_rows(&rows, &mut features).unwrap();
    assert_eq!(features, [3.0, 1.0, 7.0, 2.0]);
    assert!(format!("{rows:?} {:?}", rows.row(0)).contains("numbers: [1.0, 2.0]"));
}

#[test]
fn a_state_is_json_in_one_form() {
    let (one, other) =
        (r#"{"b": 1, "a": {"d": [1.5, null], "c": -0.0}}"#, r#"{"a":{"c":-0.0,"d":[1.5,null]},"b":1}"#);
    let (one, other) = (State::from_json(one).unwrap(), State::from_json(other).unwrap());
    assert_eq!(one, other);
    assert_eq!(one.to_string(), r#"{"a":{"c":-0.0,"d":[1.5,null]},"b":1}"#);
    assert!(matches!(State::from_json("{"), Err(Error::InvalidInput(_))));
    let map = std::collections::BTreeMap::from([(vec![1], 2)]);
    assert!(matches!(State::of(&map), Err(Error::InvalidInput(_))));
    assert!(State::none().is_none() && !one.is_none());
}
