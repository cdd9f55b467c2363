//! The contract of [`Fit`] and [`Transform`] as a test suite: what every transformer of this crate is held to, and what
//! can be run on a specification of one's own with one's own data.
//!
//! A suite panics at the first broken promise, as a test does, and says which one it was.
//!
//! ```
//! use std::sync::Arc;
//!
//! use mlcore::arrow::array::{Float64Array, RecordBatch};
//! use mlcore_features::conformance;
//! use mlcore_features::transform::StandardScaler;
//!
//! let ages = Arc::new(Float64Array::from(vec![20.0, 40.0, 60.0]));
//! let table = RecordBatch::try_from_iter([("age", ages as _)]).unwrap();
//! conformance::fit(&StandardScaler::default(), &table);
//! ```
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test suite fails by panicking")]

use std::sync::Arc;

use mlcore::Error;
use mlcore::arrow::array::{ArrayRef, Int64Array, RecordBatch};
use mlcore::arrow::datatypes::{DataType, Field, Schema as ArrowSchema};
use mlcore::batch::Row;
use mlcore::schema::{DType, Schema};

use crate::pipeline::{FittedStep, Plan};
use crate::transform::custom::{CustomFunction, CustomTransformer, Functions};
use crate::transform::{Fit, Training, Transform};

/// Holds a specification to its promises: it learns the same from equal tables, it refuses a table without rows, its
/// `fit_transform` makes what [`Fit::cross_fits`] says, and what it learns keeps the promises of [`transform`].
///
/// The table, with the target where it learns from one, is one that it takes, of at least two rows.
///
/// # Panics
/// When a promise is broken.
pub fn fit<'a, F>(specification: &F, training: impl Into<Training<'a>>)
where
    F: Fit,
    F::Fitted: Clone + Into<FittedStep>,
{
    fit_with(specification, training.into(), &Functions::new());
}

fn fit_with<F>(specification: &F, training: Training<'_>, functions: &Functions)
where
    F: Fit,
    F::Fitted: Clone + Into<FittedStep>,
{
    let table = training.table();
    assert!(table.num_rows() >= 2, "the suite needs a table of at least two rows");
    let fitted = specification.fit(training).unwrap();
    let digest = |fitted: &F::Fitted| Plan::new(fitted.clone()).unwrap().digest().to_owned();
    let again = specification.fit(training).unwrap();
    assert_eq!(digest(&fitted), digest(&again), "fit learnt two things from one table");
    let (nothing, no_target) = (table.slice(0, 0), training.target().map(|target| target.slice(0, 0)));
    let empty = Training::new(&nothing);
    match specification.fit(no_target.as_ref().map_or(empty, |target| empty.with_target(target))) {
        Err(Error::InvalidInput(_)) => {}
        other => panic!("fit on no rows is not refused as invalid input: {other:?}"),
    }
    let (own, transformed) = specification.fit_transform(training).unwrap();
    assert_eq!(digest(&fitted), digest(&own), "fit_transform learnt something else than fit");
    let expected = if specification.cross_fits() {
        assert_eq!(transformed.num_rows(), table.num_rows(), "fit_transform changed the number of rows");
        assert_eq!(Schema::from_arrow(transformed.schema_ref()).unwrap(), fitted.output().unwrap());
        specification.fit_transform(training).unwrap().1
    } else {
        fitted.transform(table).unwrap()
    };
    assert_eq!(
        transformed, expected,
        "fit_transform is not what it says: fit and transform, or cross-fitted"
    );
    transform_with(&fitted, table, functions);
}

/// Holds a function of the host to its promises, as a step of a plan: those of [`fit`], by which it learns the same from equal
/// tables and its kernel makes of a block of rows, whatever the block, what it makes of each of them, bit for bit; what it
/// learnt, stored and read, makes the same kernel, whatever parameters the function has that is registered; and a host without
/// it refuses the plan.
///
/// `registered` is the function that hosts register: equal in name and version, with other parameters where there are any.
/// The table is one that it takes, of at least two rows.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Float64Array, RecordBatch};
/// use mlcore_features::conformance;
/// use mlcore_features::transform::custom::RowFunction;
///
/// let doubled = RowFunction::new("doubled", 1, ["doubled"], |row, features| {
///     features.fill(row.number(0) * 2.0);
///     Ok(())
/// });
/// let ages = Arc::new(Float64Array::from(vec![20.0, 40.0, 60.0]));
/// let table = RecordBatch::try_from_iter([("age", ages as _)]).unwrap();
/// conformance::custom(doubled.clone(), doubled, &table);
/// ```
///
/// # Panics
/// When a promise is broken.
pub fn custom<'a, F: CustomFunction + 'static>(
    function: F,
    registered: impl CustomFunction + 'static,
    training: impl Into<Training<'a>>,
) {
    let training = training.into();
    assert_eq!(
        (registered.name(), registered.version()),
        (function.name(), function.version()),
        "the function that is registered has another name or version"
    );
    let functions = Functions::new().with(registered);
    let specification = CustomTransformer::new(function);
    fit_with(&specification, training, &functions);
    let fitted = specification.fit(training).unwrap();
    let lacking = Plan::from_bytes(&Plan::new(fitted).unwrap().to_bytes().unwrap()).unwrap_err();
    assert!(
        matches!(lacking, Error::Unsupported(_)),
        "a host without the function loads its plan: {lacking}"
    );
}

/// The promises of a fitted transformer: its output is what it announces, each row is transformed by itself, columns are
/// bound by name, and its plan, stored and loaded, on tables and on rows, is the same function.
///
/// The table is one that it takes, of at least two rows.
///
/// # Panics
/// When a promise is broken.
pub fn transform<T>(fitted: &T, table: &RecordBatch)
where
    T: Transform + Clone + Into<FittedStep>,
{
    transform_with(fitted, table, &Functions::new());
}

fn transform_with<T>(fitted: &T, table: &RecordBatch, functions: &Functions)
where
    T: Transform + Clone + Into<FittedStep>,
{
    let whole = fitted.transform(table).unwrap();
    assert_eq!(whole.num_rows(), table.num_rows(), "transform changed the number of rows");
    let output = fitted.output().unwrap();
    assert_eq!(
        Schema::from_arrow(whole.schema_ref()).unwrap(),
        output,
        "transform made what output does not announce"
    );
    let names: Vec<&str> = output.names().collect();
    assert_eq!(fitted.feature_names_out().unwrap(), names, "feature_names_out are not the output's names");
    assert_eq!(fitted.transform(table).unwrap(), whole, "transform is not a pure function");

    let half = table.num_rows() / 2;
    for (start, count) in [(0, half), (half, table.num_rows() - half), (half, 1), (0, 0)] {
        let part = fitted.transform(&table.slice(start, count)).unwrap();
        assert_eq!(part, whole.slice(start, count), "rows {start}..{} depend on other rows", start + count);
    }
    binds_by_name(fitted, table, &whole);

    let plan = Plan::new(fitted.clone()).unwrap();
    assert_eq!(plan.input(), fitted.input(), "the plan reads other columns");
    let loaded = Plan::from_bytes_with(&plan.to_bytes().unwrap(), functions).unwrap();
    assert_eq!(loaded.digest(), plan.digest(), "the plan changed while stored");
    assert_eq!(loaded.transform(table).unwrap(), whole, "the plan, stored and loaded, transforms otherwise");
    rows_equal_the_table(&loaded, table);
}

fn binds_by_name(fitted: &dyn Transform, table: &RecordBatch, whole: &RecordBatch) {
    let mut fields = vec![Field::new("a column that nobody asked for", DataType::Int64, false)];
    let mut columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(vec![0; table.num_rows()]))];
    for (field, column) in table.schema_ref().fields().iter().zip(table.columns()).rev() {
        fields.push(field.as_ref().clone());
        columns.push(column.clone());
    }
    let shuffled = RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), columns).unwrap();
    assert_eq!(
        fitted.transform(&shuffled).unwrap(),
        *whole,
        "the order of the columns matters, or others do"
    );
    for name in fitted.input().names() {
        let kept: Vec<usize> = (0..table.num_columns())
            .filter(|column| table.schema_ref().field(*column).name() != name)
            .collect();
        match fitted.transform(&table.project(&kept).unwrap()) {
            Err(error @ Error::SchemaMismatch(_)) => {
                assert_eq!(
                    error.context().subject(),
                    name,
                    "the error of a missing column names another: {error}"
                );
            }
            other => panic!("a table without {name} is not refused as a schema mismatch: {other:?}"),
        }
    }
}

fn rows_equal_the_table(plan: &Plan, table: &RecordBatch) {
    if plan.output().fields().iter().any(|field| field.dtype() == DType::String) {
        assert!(
            matches!(plan.transform_dense::<f64>(table), Err(Error::Unsupported(_))),
            "text became numbers"
        );
        return;
    }
    let matrix = plan.transform_dense::<f64>(table).unwrap();
    let matrix = matrix.values::<f64>().unwrap();
    let mut executor = plan.row_executor();
    for row in 0..table.num_rows() {
        let features = plan
            .with_row_of(table, row, |values| {
                executor.run(Row::new(values, plan.input()).unwrap()).map(<[f64]>::to_vec)
            })
            .unwrap()
            .unwrap();
        for (column, feature) in features.iter().enumerate() {
            let expected = matrix[row * plan.width() + column];
            assert_eq!(
                feature.to_bits(),
                expected.to_bits(),
                "row {row}, feature {column}: {feature} and {expected}"
            );
        }
    }
}
