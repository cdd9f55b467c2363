//! A number is a number: what was fitted on integers or bools takes floats, and the other way round, on rows and tables alike.
//! Only encoders look integers up, and take those that are whole.

use std::sync::Arc;

use mlcore::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int8Array, Int64Array, ListArray, RecordBatch,
    UInt64Array,
};
use mlcore::arrow::datatypes::{DataType, Float64Type, Int32Type};
use mlcore::batch::{Row, Value};
use mlcore::schema::DType;
use mlcore_features::pipeline::{ColumnTransformer, Pipeline, Plan, Remainder, Step};
use mlcore_features::transform::{
    BinStrategy, Binarizer, Encode, Fit, Function, FunctionTransformer, HandleUnknown, KBinsDiscretizer,
    MaxAbsScaler, MinMaxScaler, Normalizer, OneHotEncoder, OrdinalEncoder, QuantileTransformer, RobustScaler,
    SimpleImputer, SplineTransformer, StandardScaler, Strategy, Winsorizer,
};

fn table(column: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([("n", column, true)]).unwrap()
}

fn columns() -> [ArrayRef; 5] {
    [
        Arc::new(Int64Array::from(vec![0, 1, 1])),
        Arc::new(Int8Array::from(vec![0, 1, 1])),
        Arc::new(UInt64Array::from(vec![0, 1, 1])),
        Arc::new(BooleanArray::from(vec![false, true, true])),
        Arc::new(Float64Array::from(vec![0.0, 1.0, 1.0])),
    ]
}

/// Steps that compute with numbers.
fn computing() -> Vec<Step> {
    let bins = KBinsDiscretizer::default().n_bins(2).strategy(BinStrategy::Uniform);
    vec![
        StandardScaler::default().into(),
        MinMaxScaler::default().into(),
        MaxAbsScaler::default().into(),
        Normalizer::default().into(),
        RobustScaler::default().into(),
        Binarizer::default().into(),
        QuantileTransformer::default().n_quantiles(3).into(),
        SplineTransformer::default().n_knots(2).degree(1).into(),
        FunctionTransformer::default().func(Function::Arctan).into(),
        Winsorizer::default().into(),
        bins.clone().into(),
        bins.encode(Encode::Ordinal).into(),
        SimpleImputer::default().into(),
        SimpleImputer::default().strategy(Strategy::Median).add_indicator(true).into(),
        SimpleImputer::default().strategy(Strategy::MostFrequent).into(),
        SimpleImputer::default().strategy(Strategy::Constant).fill_value(1).into(),
        Step::Passthrough,
        Pipeline::new()
            .then("impute", SimpleImputer::default())
            .then("scale", StandardScaler::default())
            .into(),
        ColumnTransformer::new().remainder(Remainder::Passthrough).into(),
    ]
}

fn fitted(step: &Step, column: &ArrayRef) -> Plan {
    Plan::new(step.learn(&(&table(column.clone())).into()).unwrap()).unwrap()
}

/// The features of a value, by row and by table: the same.
#[track_caller]
fn features(plan: &Plan, value: Value<'_>, column: ArrayRef) -> Vec<f64> {
    let dense = plan.transform_dense::<f64>(&table(column)).unwrap().values::<f64>().unwrap().to_vec();
    let values = [value];
    let row = plan.row_executor().run(Row::new(&values, plan.input()).unwrap()).unwrap().to_vec();
    assert!(dense.iter().zip(&row).all(|(a, b)| a.to_bits() == b.to_bits()), "{dense:?} and {row:?}");
    dense
}

#[test]
fn every_step_that_computes_takes_every_number() {
    for step in computing() {
        let of_floats = fitted(&step, &columns()[4]);
        let expected =
            |value: f64| features(&of_floats, Value::Float(value), Arc::new(Float64Array::from(vec![value])));
        for column in columns() {
            let plan = fitted(&step, &column);
            for value in [0.5, -2.25, 300.0, 1.0] {
                let found = features(&plan, Value::Float(value), Arc::new(Float64Array::from(vec![value])));
                assert_eq!(found, expected(value), "{step:?} of {}: {value}", column.data_type());
            }
            let whole = features(&plan, Value::Int(300), Arc::new(Int64Array::from(vec![300])));
            assert_eq!(whole, expected(300.0), "{step:?} of {}", column.data_type());
            let flag = features(&plan, Value::Bool(true), Arc::new(BooleanArray::from(vec![true])));
            assert_eq!(flag, expected(1.0), "{step:?} of {}", column.data_type());
        }
    }
}

#[test]
fn a_column_that_passes_keeps_its_type_where_its_values_have_it() {
    for step in [Step::Passthrough, SimpleImputer::default().strategy(Strategy::MostFrequent).into()] {
        let plan = fitted(&step, &columns()[0]);
        let made = |values: Vec<Option<f64>>| {
            plan.transform(&table(Arc::new(Float64Array::from(values)))).unwrap().column(0).clone()
        };
        assert_eq!(*made(vec![Some(2.0), Some(-7.0)]).data_type(), DataType::Int64, "{step:?}");
        let halves = made(vec![Some(0.5), Some(2.0)]);
        assert_eq!(halves.as_primitive::<Float64Type>().values(), &[0.5, 2.0], "{step:?}");
    }
    let imputer = SimpleImputer::default().strategy(Strategy::MostFrequent).into();
    let plan = fitted(&imputer, &columns()[0]);
    let floats = table(Arc::new(Float64Array::from(vec![Some(0.5), None, Some(f64::NAN)])));
    let made = plan.transform(&floats).unwrap();
    assert_eq!(made.column(0).as_primitive::<Float64Type>().values(), &[0.5, 1.0, 1.0]);
}

#[test]
fn encoders_look_up_what_is_whole_and_name_what_is_not() {
    let encoders: [Step; 3] = [
        OneHotEncoder::default().handle_unknown(HandleUnknown::Ignore).into(),
        OrdinalEncoder::default().into(),
        Pipeline::new()
            .then("impute", SimpleImputer::default().strategy(Strategy::MostFrequent))
            .then("encode", OrdinalEncoder::default())
            .into(),
    ];
    for step in encoders {
        for column in &columns()[..4] {
            let plan = fitted(&step, column);
            let expected = features(&plan, Value::Int(1), Arc::new(Int64Array::from(vec![1])));
            for (value, column) in [
                (Value::Float(1.0), Arc::new(Float64Array::from(vec![1.0])) as ArrayRef),
                (Value::Bool(true), Arc::new(BooleanArray::from(vec![true]))),
                (Value::UInt(1), Arc::new(Int8Array::from(vec![1]))),
            ] {
                assert_eq!(features(&plan, value, column), expected, "{step:?}");
            }
            let half = plan.transform(&table(Arc::new(Float64Array::from(vec![1.0, 0.5])))).unwrap_err();
            assert!(half.to_string().contains("n: row 1: expected"), "{half}");
            let values = [Value::Float(0.5)];
            let row = plan.row_executor().run(Row::new(&values, plan.input()).unwrap()).unwrap_err();
            assert!(
                row.to_string().contains("n: expected") && row.to_string().contains("float 0.5"),
                "{row}"
            );
        }
    }
}

#[test]
fn a_float_column_still_refuses_integers_that_it_would_round() {
    let plan = fitted(&StandardScaler::default().into(), &columns()[4]);
    let huge = (1_i64 << 53) + 1;
    assert!(plan.transform(&table(Arc::new(Int64Array::from(vec![huge])))).is_err());
    let values = [Value::Int(huge)];
    assert!(plan.row_executor().run(Row::unchecked(&values)).is_err());
    // One of integers was rounded while fitting, and is again.
    let moments: ArrayRef = Arc::new(Int64Array::from(vec![1 << 60, (1 << 60) + 1000, 3 << 59]));
    let plan = fitted(&StandardScaler::default().into(), &moments);
    assert_eq!(plan.input().fields()[0].dtype(), DType::Int64);
    features(&plan, Value::Int(1 << 60), Arc::new(Int64Array::from(vec![1 << 60])));
}

#[test]
fn bools_are_imputed_by_their_mode_and_by_a_constant() {
    let flags: ArrayRef = Arc::new(BooleanArray::from(vec![Some(true), None, Some(true), Some(false)]));
    for (imputer, fill) in [
        (SimpleImputer::default().strategy(Strategy::MostFrequent), true),
        (SimpleImputer::default().strategy(Strategy::Constant), false),
        (SimpleImputer::default().strategy(Strategy::Constant).fill_value(true), true),
        (SimpleImputer::default().strategy(Strategy::Constant).fill_value(1), true),
    ] {
        let (fitted, made) = imputer.fit_transform(&table(flags.clone())).unwrap();
        assert_eq!(made.column(0).as_boolean(), &BooleanArray::from(vec![true, fill, true, false]));
        assert_eq!(fitted.statistics(), [fill.into()]);
        let plan = Plan::new(fitted).unwrap();
        let missing = features(&plan, Value::Null, Arc::new(BooleanArray::from(vec![None])));
        assert_eq!(missing, [f64::from(fill)]);
        let stored = Plan::from_bytes(&plan.to_bytes().unwrap()).unwrap();
        assert_eq!(stored.digest(), plan.digest());
    }
    let encoded = Pipeline::new()
        .then("impute", SimpleImputer::default().strategy(Strategy::MostFrequent))
        .then("encode", OneHotEncoder::default())
        .fit(&table(flags.clone()))
        .unwrap();
    assert_eq!(encoded.feature_names_out(), ["n_False", "n_True"]);
    assert_eq!(features(&encoded, Value::Null, Arc::new(BooleanArray::from(vec![None]))), [0.0, 1.0]);
}

#[test]
fn a_column_that_nobody_reads_is_in_nobodys_way() {
    let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
        Some(vec![Some(1)]),
        None,
        Some(vec![]),
    ]));
    let wide =
        RecordBatch::try_from_iter_with_nullable([("n", columns()[0].clone(), true), ("lists", lists, true)]);
    let wide = wide.unwrap();
    let inner = ColumnTransformer::new().with("scale", StandardScaler::default(), ["n"]);
    let nested = ColumnTransformer::new().with("inner", Step::from(inner.clone()), ["lists", "n"]);
    let dropped = inner.clone().with("drop", Step::Drop, ["lists"]);
    let sequence = Pipeline::new().then("choose", inner.clone()).then("scale", MinMaxScaler::default());
    let steps: [Step; 4] = [inner.into(), nested.into(), dropped.into(), sequence.into()];
    for step in steps {
        assert!(step.reads("n") && !step.reads("lists"), "{step:?}");
        let plan = Plan::new(step.learn(&(&wide).into()).unwrap()).unwrap();
        let alone = plan.transform_dense::<f64>(&table(columns()[0].clone())).unwrap();
        let beside = plan.transform_dense::<f64>(&wide).unwrap();
        assert_eq!(alone.values::<f64>().unwrap(), beside.values::<f64>().unwrap());
    }
    let keep: Step = ColumnTransformer::new().remainder(Remainder::Passthrough).into();
    assert!(keep.reads("lists") && keep.learn(&(&wide).into()).is_err());
}
