//! The RAND Health Insurance Experiment, split as the models were trained: see `testdata/models/README.md`.

use std::fs::File;
use std::path::Path;

use arrow_select::concat::concat_batches;
use arrow_select::filter::filter_record_batch;
use arrow_select::take::take_record_batch;
use mlcore::arrow::array::{Array, AsArray, BooleanArray, RecordBatch, RecordBatchReader, UInt32Array};
use mlcore::arrow::datatypes::{Float64Type, Int64Type};
use mlcore::batch::Value;
use mlcore::stats::SplitMix64;
use mlcore::{Error, Result};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// The columns that the models' feature plan reads.
pub const FEATURES: [&str; 11] = [
    "age",
    "income",
    "education",
    "family_size",
    "general_health",
    "mental_health",
    "chronic_diseases",
    "physical_limitation",
    "plan",
    "sex",
    "self_rated_health",
];

/// Rows of the experiment: one per person and year.
#[derive(Clone, Debug)]
pub struct Rows {
    /// All columns.
    pub table: RecordBatch,
}

impl Rows {
    /// Reads the whole data set.
    pub fn read(path: &Path) -> Result<Self> {
        let subject = || path.display().to_string();
        let file = File::open(path).map_err(|cause| Error::from_io("read data set", subject(), cause))?;
        let corrupt = |cause: String| Error::corrupt("read data set", subject(), cause);
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)
            .and_then(|builder| builder.build())
            .map_err(|cause| corrupt(cause.to_string()))?;
        let schema = reader.schema();
        let batches: Vec<RecordBatch> =
            reader.collect::<std::result::Result<_, _>>().map_err(|cause| corrupt(cause.to_string()))?;
        let table = concat_batches(&schema, &batches).map_err(|cause| corrupt(cause.to_string()))?;
        Ok(Self { table })
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.table.num_rows()
    }

    /// The rows of these sites and years, in their order.
    pub fn of(&self, sites: &[i64], years: &[i64]) -> Result<Self> {
        let (site, year) = (self.integers("site")?, self.integers("year")?);
        let keep: BooleanArray = site
            .iter()
            .zip(&year)
            .map(|(site, year)| Some(sites.contains(site) && years.contains(year)))
            .collect();
        let table = filter_record_batch(&self.table, &keep).map_err(internal)?;
        Ok(Self { table })
    }

    /// The rows at these positions.
    pub fn at(&self, positions: &[usize]) -> Result<Self> {
        let positions: UInt32Array = positions.iter().map(|position| *position as u32).collect();
        Ok(Self { table: take_record_batch(&self.table, &positions).map_err(internal)? })
    }

    /// The first `count` rows, or all.
    pub fn first(&self, count: usize) -> Self {
        Self { table: self.table.slice(0, count.min(self.len())) }
    }

    /// The rows from `start` on.
    pub fn from(&self, start: usize) -> Self {
        let start = start.min(self.len());
        Self { table: self.table.slice(start, self.len() - start) }
    }

    /// The rows in an order drawn with `seed`. Neighbours in the source are one family, and alike; traffic is not.
    pub fn shuffled(&self, seed: u64) -> Result<Self> {
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        SplitMix64::new(seed).shuffle(&mut order);
        let table = take_record_batch(&self.table, &UInt32Array::from(order)).map_err(internal)?;
        Ok(Self { table })
    }

    /// The raw columns that the feature plan reads.
    pub fn features(&self) -> Result<RecordBatch> {
        let positions: Result<Vec<usize>> = FEATURES.iter().map(|name| self.position(name)).collect();
        self.table.project(&positions?).map_err(internal)
    }

    /// Whether the person saw a doctor in that year: what the models predict.
    pub fn visited(&self) -> Result<Vec<bool>> {
        Ok(self.integers("visits")?.iter().map(|visits| *visits > 0).collect())
    }

    /// Who each row is about.
    pub fn persons(&self) -> Result<Vec<i64>> {
        self.integers("person")
    }

    fn integers(&self, name: &str) -> Result<Vec<i64>> {
        let column = self.table.column(self.position(name)?);
        let numbers = column.as_primitive_opt::<Int64Type>().filter(|numbers| numbers.null_count() == 0);
        let numbers = numbers
            .ok_or_else(|| Error::schema_mismatch("read data set", name, "not int64 without nulls"))?;
        Ok(numbers.values().to_vec())
    }

    fn position(&self, name: &str) -> Result<usize> {
        self.table
            .schema_ref()
            .index_of(name)
            .map_err(|cause| Error::schema_mismatch("read data set", name, cause.to_string()))
    }
}

/// Row `index` of a table as raw values, written over `values`.
pub fn row_values<'a>(table: &'a RecordBatch, index: usize, values: &mut Vec<Value<'a>>) {
    values.clear();
    values.extend(table.columns().iter().map(|column| {
        if column.is_null(index) {
            Value::Null
        } else if let Some(numbers) = column.as_primitive_opt::<Float64Type>() {
            Value::Float(numbers.value(index))
        } else if let Some(numbers) = column.as_primitive_opt::<Int64Type>() {
            Value::Int(numbers.value(index))
        } else if let Some(text) = column.as_string_opt::<i32>() {
            Value::Text(text.value(index))
        } else {
            Value::Null
        }
    }));
}

fn internal(cause: mlcore::arrow::error::ArrowError) -> Error {
    Error::internal("cut data set", "rows", cause.to_string()).caused_by(cause)
}
