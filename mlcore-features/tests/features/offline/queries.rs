//! Plans as steps of lazy queries.

use mlcore::Error;
use mlcore_features::offline::polars::prelude::*;
use mlcore_features::offline::to_table;
use mlcore_features::pipeline::{ColumnTransformer, Plan, Remainder};
use mlcore_features::transform::{MinMaxScaler, StandardScaler};

use super::plans::columns;
use super::{assert_same_bits, chunked, frame};

fn plan(frame: &DataFrame) -> Plan {
    columns().fit(&to_table(frame).unwrap()).unwrap()
}

#[test]
fn a_query_makes_what_the_plan_makes() {
    let frame = frame(500);
    let plan = plan(&frame);
    let expected = plan.transform_frame(&frame).unwrap();
    for frame in [frame.clone(), chunked(&frame, &[0, 3, 77])] {
        let mut query = plan.transform_lazy(frame.lazy()).unwrap();
        assert_eq!(query.collect_schema().unwrap(), *expected.schema());
        let features = query.collect().unwrap();
        assert_same_bits(&to_table(&features).unwrap(), &to_table(&expected).unwrap());
    }
    let empty = plan.transform_lazy(frame.head(Some(0)).lazy()).unwrap().collect().unwrap();
    assert_eq!((empty.height(), empty.schema()), (0, expected.schema()));
}

#[test]
fn the_optimiser_goes_on_before_and_behind_the_plan() {
    let frame = frame(300);
    let plan = plan(&frame);
    let query = frame.clone().lazy().filter(col("churned").eq(lit(1_i64)));
    let query = plan.transform_lazy(query).unwrap();
    let told = query.describe_optimized_plan().unwrap();
    assert!(
        told.contains(&format!("mlcore plan {}", plan.digest()).to_uppercase())
            || told.contains(plan.digest()),
        "{told}"
    );
    // Of eight columns the plan reads six, and the filter another one.
    assert!(told.contains("PROJECT") && told.contains("/8 COLUMNS"), "{told}");
    let chosen =
        query.select([col("num__age"), col("kept__visits") + lit(1_i8)]).slice(3, 4).collect().unwrap();
    assert_eq!(chosen.shape(), (4, 2));

    let rows = frame.lazy().filter(col("churned").eq(lit(1_i64))).collect().unwrap();
    let expected = plan.transform_frame(&rows).unwrap().slice(3, 4);
    assert!(chosen.column("num__age").unwrap().equals(expected.column("num__age").unwrap()));
    let filtered =
        plan.transform_lazy(rows.clone().lazy()).unwrap().filter(col("kept__visits").gt(lit(3_i8)));
    let filtered = filtered.collect().unwrap();
    let all = plan.transform_frame(&rows).unwrap();
    let mask = all.column("kept__visits").unwrap().i8().unwrap().gt(3);
    let expected = all.filter(&mask).unwrap();
    assert_same_bits(&to_table(&filtered).unwrap(), &to_table(&expected).unwrap());
}

#[test]
fn two_plans_in_one_query_are_two() {
    let frame = df!("x" => [0.0, 1.0, 4.0]).unwrap();
    let table = to_table(&frame).unwrap();
    let one = ColumnTransformer::new().with("x", MinMaxScaler::default(), ["x"]).fit(&table).unwrap();
    let other = ColumnTransformer::new().with("x", StandardScaler::default(), ["x"]).fit(&table).unwrap();
    let query = frame.clone().lazy();
    let both = [one.transform_lazy(query.clone()).unwrap(), other.transform_lazy(query).unwrap()];
    let both = concat(both, UnionArgs::default()).unwrap();
    let told = both.describe_optimized_plan().unwrap().to_lowercase();
    assert!(told.contains(one.digest()) && told.contains(other.digest()), "{told}");
    let mut expected = one.transform_frame(&frame).unwrap();
    expected.vstack_mut(&other.transform_frame(&frame).unwrap()).unwrap();
    assert!(both.collect().unwrap().equals(&expected));
}

#[test]
fn errors_of_types_come_at_once_and_those_of_values_when_it_is_collected() {
    let frame = frame(20);
    let plan = plan(&frame);
    let error = plan.transform_lazy(frame.drop("kind").unwrap().lazy()).map(|_| ()).unwrap_err();
    assert!(
        error.to_string().starts_with("transform kind: the column is missing; the table has age"),
        "{error}"
    );
    let broken = frame.clone().lazy().select([col("nobody")]);
    let error = plan.transform_lazy(broken).map(|_| ()).unwrap_err();
    assert!(matches!(error, Error::SchemaMismatch(_)) && error.to_string().contains("nobody"), "{error}");
    let retyped = frame.lazy().with_column(col("plan").alias("age"));
    let error = plan.transform_lazy(retyped).map(|_| ()).unwrap_err();
    assert!(matches!(error, Error::SchemaMismatch(_)));
    assert!(error.to_string().starts_with("transform age: expected float64, got string"), "{error}");

    let numbers = df!("x" => [1.0, 2.0, f64::INFINITY]).unwrap();
    let scaler = ColumnTransformer::new().with("scale", MinMaxScaler::default(), ["x"]);
    let plan = scaler.fit(&to_table(&numbers.head(Some(2))).unwrap()).unwrap();
    let mut query = plan.transform_lazy(numbers.lazy()).unwrap();
    query.collect_schema().unwrap();
    let error = query.collect().unwrap_err();
    assert!(error.to_string().contains("transform with MinMaxScaler x: row 2: inf"), "{error}");
}

#[test]
fn what_a_query_has_promised_it_keeps_or_refuses() {
    let kept = ColumnTransformer::new().remainder(Remainder::Passthrough);
    let plan = kept.fit(&to_table(&df!("x" => [1_i64]).unwrap()).unwrap()).unwrap();
    let whole = plan.transform_lazy(df!("x" => [1.0, 2.0]).unwrap().lazy()).unwrap().collect().unwrap();
    assert!(whole.equals(&df!("x" => [1_i64, 2]).unwrap()) || whole.columns()[0].dtype() == &DataType::Int64);
    let error = plan.transform_lazy(df!("x" => [0.5]).unwrap().lazy()).unwrap().collect().unwrap_err();
    assert!(
        error.to_string().contains("the plan was fitted on i64, and values of f64 pass through"),
        "{error}"
    );
}

#[test]
fn odd_names_are_no_patterns() {
    let frame = df!("*" => [1.0, 2.0], "^a.*$" => [3.0, 4.0], "ab" => [5.0, 6.0]).unwrap();
    let table = to_table(&frame).unwrap();
    let scaler = ColumnTransformer::new().with("scale", MinMaxScaler::default(), ["^a.*$", "*"]);
    let plan = scaler.fit(&table).unwrap();
    let expected = plan.transform_frame(&frame).unwrap();
    assert!(plan.transform_lazy(frame.clone().lazy()).unwrap().collect().unwrap().equals(&expected));
    assert_eq!(scaler.fit_batches(&frame.lazy()).unwrap().digest(), plan.digest());
}
