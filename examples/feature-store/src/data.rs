//! The RAND Health Insurance Experiment, as a table that a feature store reads: see `testdata/datasets/README.md`.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow_select::concat::concat_batches;
use mlcore::arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, TimestampMicrosecondArray};
use mlcore::arrow::datatypes::{Field, Int64Type, Schema};
use mlcore::time::Timestamp;
use mlcore::{Error, Result};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// When a study year was over. The table says years 1 to 5; here the first one is 1974.
pub(crate) fn end_of(year: i64) -> Result<Timestamp> {
    format!("{}-01-01T00:00:00Z", 1974 + year).parse()
}

/// The whole table, with the column `known_at` behind the others.
pub(crate) fn years(path: &Path) -> Result<RecordBatch> {
    let failed = |cause: String| Error::corrupt("read data set", path.display().to_string(), cause);
    let file = File::open(path)
        .map_err(|cause| Error::from_io("read data set", path.display().to_string(), cause))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(|builder| builder.build())
        .map_err(|cause| failed(cause.to_string()))?;
    let batches: Vec<RecordBatch> =
        reader.collect::<std::result::Result<_, _>>().map_err(|cause| failed(cause.to_string()))?;
    let schema = batches.first().map(RecordBatch::schema).ok_or_else(|| failed("it is empty".to_owned()))?;
    let table = concat_batches(&schema, &batches).map_err(|cause| failed(cause.to_string()))?;
    let moments = integers(&table, "year")?.into_iter().map(|year| Ok(end_of(year)?.as_micros()));
    let moments = moments.collect::<Result<Vec<i64>>>()?;
    with(&table, "known_at", Arc::new(TimestampMicrosecondArray::from(moments).with_timezone("UTC")))
}

/// A column of integers, of which none is missing.
pub(crate) fn integers(table: &RecordBatch, name: &str) -> Result<Vec<i64>> {
    let column = table.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>());
    let column = column.filter(|column| column.null_count() == 0);
    let missing = || Error::schema_mismatch("read data set", name, "there is no such column of integers");
    Ok(column.ok_or_else(missing)?.values().to_vec())
}

/// A table of persons at a time each, and of what else is known of them.
pub(crate) fn persons(persons: Vec<i64>, at: &[Timestamp], more: &[(&str, Vec<i64>)]) -> Result<RecordBatch> {
    let moments: Vec<i64> = at.iter().map(|moment| moment.as_micros()).collect();
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("person", Arc::new(Int64Array::from(persons))),
        ("event_timestamp", Arc::new(TimestampMicrosecondArray::from(moments).with_timezone("UTC"))),
    ];
    for (name, values) in more {
        columns.push((name, Arc::new(Int64Array::from(values.clone()))));
    }
    RecordBatch::try_from_iter(columns)
        .map_err(|cause| Error::internal("make table", "persons", cause.to_string()).caused_by(cause))
}

/// The table with a column more.
pub(crate) fn with(table: &RecordBatch, name: &str, column: ArrayRef) -> Result<RecordBatch> {
    let mut fields = table.schema().fields().to_vec();
    fields.push(Arc::new(Field::new(name, column.data_type().clone(), true)));
    let mut columns = table.columns().to_vec();
    columns.push(column);
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .map_err(|cause| Error::internal("make table", name, cause.to_string()).caused_by(cause))
}

/// Writes a table as the only file of a folder.
pub(crate) fn write(folder: &Path, table: &RecordBatch) -> Result<()> {
    let subject = || folder.display().to_string();
    fs::create_dir_all(folder).map_err(|cause| Error::from_io("write table", subject(), cause))?;
    let file = File::create(folder.join("all.parquet"))
        .map_err(|cause| Error::from_io("write table", subject(), cause))?;
    let written = ArrowWriter::try_new(file, table.schema(), None).and_then(|mut writer| {
        writer.write(table)?;
        writer.close()
    });
    written
        .map(drop)
        .map_err(|cause| Error::unsupported("write table", subject(), cause.to_string()).caused_by(cause))
}
