//! Tables as bytes, for pickle: Arrow's stream format, which keeps every type.

use std::io::Cursor;

use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use mlcore::arrow::array::RecordBatch;
use mlcore::arrow::error::ArrowError;
use mlcore::{Error, Result};

use super::pickle::OPERATION;

/// The table as bytes.
pub(super) fn written(table: &RecordBatch) -> Result<Vec<u8>> {
    let failed = |cause: ArrowError| Error::unsupported("pickle", "reference", cause.to_string());
    let mut writer = StreamWriter::try_new(Vec::new(), table.schema_ref()).map_err(failed)?;
    writer.write(table).map_err(failed)?;
    writer.into_inner().map_err(failed)
}

/// Whether bytes begin as those of a table do.
pub(super) fn is_table(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff; 4])
}

/// The table of such bytes.
pub(super) fn read(bytes: &[u8]) -> Result<RecordBatch> {
    let damaged =
        |problem: String| Error::corrupt(OPERATION, "monitor", problem).remedy("pickle the monitor again");
    // The reader believes a length before it has seen so many bytes.
    let length = bytes.strip_prefix(&[0xff; 4]).and_then(|rest| rest.first_chunk().copied());
    let length = length.and_then(|length| usize::try_from(i32::from_le_bytes(length)).ok());
    if length.is_none_or(|length| length > bytes.len()) {
        return Err(damaged("its reference is no Arrow stream".to_owned()));
    }
    let mut tables =
        StreamReader::try_new(Cursor::new(bytes), None).map_err(|cause| damaged(cause.to_string()))?;
    match tables.next() {
        Some(Ok(table)) => Ok(table),
        Some(Err(cause)) => Err(damaged(cause.to_string())),
        None => Err(damaged("it has no reference".to_owned())),
    }
}
