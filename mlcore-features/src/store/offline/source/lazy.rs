//! Queries of polars, which reads and computes the columns and the rows that are needed.

use std::fmt;
use std::sync::Arc;

use mlcore::arrow::array::RecordBatch;
use mlcore::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use mlcore::{Result, interrupt};
use polars::lazy::dsl::by_name;
use polars::prelude::{
    DataFrame, DataType as PolarsType, Expr, LazyFrame, PlSmallStr, Schema as PolarsSchema, TimeUnit, col,
    lit,
};

use super::{Bound, Piece, Pieces, Scan, Source};
use crate::offline::{meant, to_batches, to_table};
use crate::program::missing_column;

const OPERATION: &str = "read features";
const SUBJECT: &str = "query";

/// The rows of a lazy query of polars as features of a join. Needs the feature `offline`.
///
/// Each pass collects the query anew, with the columns that are needed, and without rows whose event or created time cannot matter: polars
/// pushes both down to where it reads. What is collected is in memory at once. Where rows of equal keys and times differ, the query
/// says by a sort which of them comes last and is used.
///
/// ```
/// use mlcore_features::offline::polars::prelude::*;
/// use mlcore_features::offline::to_table;
/// use mlcore_features::store::offline::{LazyTable, PointInTimeJoin, View};
///
/// let trips = df!("driver" => [7_i64, 7, 8], "day" => [1_i32, 5, 2], "trips" => [10, 50, 20])?;
/// let trips = trips.lazy().with_column(col("day").cast(DataType::Date)).filter(col("trips").gt(lit(0)));
/// let labels = df!("driver" => [8_i64, 7], "asked" => [3_i32, 4])?.lazy().with_column(col("asked").cast(DataType::Date));
///
/// let view = View::new("trips", LazyTable::new(trips), ["driver"], "day").with_features(["trips"]);
/// let joined = PointInTimeJoin::new("asked").with(view).run(&to_table(&labels.collect()?)?)?;
/// let large = joined.into_lazy()?.filter(col("trips").gt(lit(15))).collect()?;
/// assert_eq!(large.height(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct LazyTable {
    query: LazyFrame,
}

impl LazyTable {
    /// The rows of this query.
    #[must_use]
    pub fn new(query: LazyFrame) -> Self {
        Self { query }
    }

    fn types(&self) -> Result<Arc<PolarsSchema>> {
        self.query.clone().collect_schema().map_err(|cause| meant(OPERATION, SUBJECT, cause))
    }
}

/// The type that a column crosses as; one that does not cross is refused when it is asked for.
fn crossed(name: &PlSmallStr, data_type: &PolarsType) -> DataType {
    let schema = PolarsSchema::from_iter([(name.clone(), data_type.clone())]);
    let table = to_table(&DataFrame::empty_with_schema(&schema));
    table.ok().and_then(|table| Some(table.columns().first()?.data_type().clone())).unwrap_or(DataType::Null)
}

impl Source for LazyTable {
    fn schema(&self) -> Result<SchemaRef> {
        let types = self.types()?;
        let field = |(name, data_type): (&PlSmallStr, &PolarsType)| {
            Field::new(name.as_str(), crossed(name, data_type), true)
        };
        Ok(Arc::new(Schema::new(types.iter().map(field).collect::<Vec<_>>())))
    }

    fn scan<'a>(&'a self, scan: &Scan<'_>) -> Result<Pieces<'a>> {
        interrupt::check(OPERATION)?;
        let types = self.types()?;
        let mut query = self.query.clone();
        for bound in &scan.bounds {
            if let Some(condition) = types.get(bound.column).and_then(|own| condition(bound, own)) {
                query = query.filter(condition);
            }
        }
        let names: Vec<PlSmallStr> = scan.columns().iter().map(|name| name.as_str().into()).collect();
        if let Some(missing) = names.iter().find(|name| !types.contains(name)) {
            return Err(missing_column(self.schema()?.fields(), missing, OPERATION));
        }
        let selected = query.select([by_name(names, true, false).as_expr()]);
        let frame = selected.collect().map_err(|cause| meant(OPERATION, SUBJECT, cause))?;
        let mut next = 0_u64;
        Ok(Box::new(to_batches(&frame)?.into_iter().map(move |batch: RecordBatch| {
            let first = next;
            next += batch.num_rows() as u64;
            Ok(Piece::new(first, batch))
        })))
    }
}

/// The rows that may matter by a column of times. Those without a time are counted, as those of other sources are.
fn condition(bound: &Bound<'_>, data_type: &PolarsType) -> Option<Expr> {
    let unit = match data_type {
        PolarsType::Date => 86_400_000_000_000,
        PolarsType::Datetime(TimeUnit::Nanoseconds, _) => 1,
        PolarsType::Datetime(TimeUnit::Microseconds, _) => 1_000,
        PolarsType::Datetime(TimeUnit::Milliseconds, _) => 1_000_000,
        _ => return None,
    };
    // A moment that the column cannot count bounds nothing that it has. Moments are rounded down: a date that bounds them is the day
    // of the first.
    let literal = |moment: i128| {
        let count = moment.div_euclid(unit);
        let count = match data_type {
            PolarsType::Date => i64::from(i32::try_from(count).ok()?),
            _ => i64::try_from(count).ok()?,
        };
        Some(lit(count))
    };
    // As numbers: a literal of a zone loses it where polars folds it.
    let own = || match data_type {
        PolarsType::Date => col(bound.column).cast(PolarsType::Int32).cast(PolarsType::Int64),
        _ => col(bound.column).cast(PolarsType::Int64),
    };
    let earliest = bound.earliest.and_then(literal).map(|earliest| own().gt_eq(earliest));
    let latest = bound.latest.and_then(literal).map(|latest| own().lt_eq(latest));
    let both = match (earliest, latest) {
        (Some(earliest), Some(latest)) => earliest.and(latest),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => return None,
    };
    Some(both.or(col(bound.column).is_null()))
}

impl fmt::Debug for LazyTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LazyTable")
    }
}
