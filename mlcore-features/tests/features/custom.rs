//! Functions of the host as steps: rows and tables alike, what is refused, what is stored, what is bound.

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray};
use mlcore::arrow::datatypes::Float64Type;
use mlcore::batch::{Row, Value};
use mlcore::{Error, Result};
use mlcore_features::pipeline::{ColumnTransformer, Pipeline, Plan, Step};
use mlcore_features::transform::custom::{
    BoundFunction, CustomFunction, CustomTransformer, Functions, InputRow, InputRows, Learnt, Refusal,
    RowFunction, RowKernel, State,
};
use mlcore_features::transform::{
    Fit, Parameters, SimpleImputer, StandardScaler, TargetEncoder, Training, Transform,
};
use proptest::prelude::*;

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
pub(crate) fn at_most_ten(name: &str) -> RowFunction {
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

pub(crate) fn numbers(values: Vec<f64>) -> RecordBatch {
    RecordBatch::try_from_iter([("x", Arc::new(Float64Array::from(values)) as ArrayRef)]).unwrap()
}

pub(crate) fn own(function: impl CustomFunction + 'static) -> Step {
    CustomTransformer::new(function).into()
}

pub(crate) fn fitted(function: impl CustomFunction + 'static, table: &RecordBatch) -> Plan {
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

/// A cell of a number: missing, ordinary, infinite, or one that the function refuses.
fn cell() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        2 => Just(None),
        40 => (-8.0..9.0_f64).prop_map(Some),
        1 => Just(Some(f64::NAN)),
        1 => Just(Some(-0.0)),
        1 => prop_oneof![Just(11.5), Just(f64::INFINITY), Just(1e300)].prop_map(Some),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// A row at a time and all rows at once: the same bits, and the same first error.
    #[test]
    fn rows_and_tables_agree(
        cells in prop::collection::vec((cell(), cell(), prop::option::of("[a-c ü]{0,20}")), 2..1200),
        imputes in any::<bool>(),
    ) {
        let table = |rows: &[(Option<f64>, Option<f64>, Option<String>)]| {
            let x: ArrayRef = Arc::new(rows.iter().map(|row| row.0).collect::<Float64Array>());
            let y: ArrayRef = Arc::new(rows.iter().map(|row| row.1).collect::<Float64Array>());
            let text: ArrayRef = Arc::new(rows.iter().map(|row| row.2.as_deref()).collect::<StringArray>());
            RecordBatch::try_from_iter_with_nullable([("x", x, true), ("text", text, true), ("y", y, true)]).unwrap()
        };
        let tame = [(Some(1.0), Some(2.0), None), (Some(3.0), Some(-2.0), Some("b".to_owned()))];
        let mut small = Pipeline::new();
        if imputes {
            small = small.then("impute", SimpleImputer::default());
        }
        let small = small.then("small", own(at_most_ten("small"))).then("scale", StandardScaler::default());
        let plan = ColumnTransformer::new()
            .with("own", own(mixed()), ["x", "text", "y"])
            .with("small", small, ["y"])
            .with("ratio", own(Ratio { quantile: 1.0 }), ["x"])
            .fit(&table(&tame))
            .unwrap();
        let functions = Functions::new().with(mixed()).with(at_most_ten("small")).with(Ratio { quantile: 0.0 });
        let plan = Plan::from_bytes_with(&plan.to_bytes().unwrap(), &functions).unwrap();
        let table = table(&cells);
        let mut executor = plan.row_executor();
        let mut by_row = Vec::new();
        let mut failed = None;
        for (place, (x, y, text)) in cells.iter().enumerate() {
            let number = |value: &Option<f64>| value.map_or(Value::Null, Value::Float);
            let values = [number(x), text.as_deref().map_or(Value::Null, Value::Text), number(y)];
            match executor.run(Row::new(&values, plan.input()).unwrap()) {
                Ok(features) => by_row.extend(features.iter().map(|value| value.to_bits())),
                Err(error) => {
                    failed = Some((place, error));
                    break;
                }
            }
        }
        match (plan.transform_dense::<f64>(&table), failed) {
            (Ok(features), None) => {
                let bits: Vec<u64> = features.values::<f64>().unwrap().iter().map(|value| value.to_bits()).collect();
                prop_assert_eq!(bits, by_row);
            }
            (Err(of_table), Some((row, of_row))) => {
                prop_assert_eq!(of_table.to_string().replace(&format!("row {row}: "), ""), of_row.to_string());
            }
            (of_table, of_row) => prop_assert!(false, "{:?} and {:?}", of_table.map(drop), of_row),
        }
    }
}
