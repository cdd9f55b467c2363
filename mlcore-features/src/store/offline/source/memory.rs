//! Tables in memory.

use mlcore::arrow::array::RecordBatch;
use mlcore::arrow::datatypes::SchemaRef;
use mlcore::{Error, Result};

use super::{Found, Piece, Pieces, Scan, Source};
use crate::program::project;

const OPERATION: &str = "read features";

impl Source for RecordBatch {
    fn schema(&self) -> Result<SchemaRef> {
        Ok(self.schema())
    }

    fn scan<'a>(&'a self, scan: &Scan<'_>) -> Result<Pieces<'a>> {
        pieces(std::slice::from_ref(self), scan)
    }

    fn finds_rows(&self) -> bool {
        true
    }

    fn rows(&self, numbers: &[u64], columns: &[String]) -> Result<Found> {
        found(std::slice::from_ref(self), numbers, columns)
    }
}

impl Source for Vec<RecordBatch> {
    fn schema(&self) -> Result<SchemaRef> {
        self.first().map(RecordBatch::schema).ok_or_else(|| {
            Error::invalid_input(
                OPERATION,
                "source",
                "there are no batches, so that nobody knows the columns",
            )
            .remedy("pass a batch without rows for a table without rows")
        })
    }

    fn scan<'a>(&'a self, scan: &Scan<'_>) -> Result<Pieces<'a>> {
        pieces(self, scan)
    }

    fn finds_rows(&self) -> bool {
        true
    }

    fn rows(&self, numbers: &[u64], columns: &[String]) -> Result<Found> {
        found(self, numbers, columns)
    }
}

fn pieces<'a>(batches: &'a [RecordBatch], scan: &Scan<'_>) -> Result<Pieces<'a>> {
    let columns = scan.columns().to_vec();
    let mut next = 0_u64;
    Ok(Box::new(batches.iter().enumerate().map(move |(number, batch)| {
        let first = next;
        next += batch.num_rows() as u64;
        let rows =
            project(batch, &columns, OPERATION).map_err(|error| error.within(format!("batch {number}")))?;
        Ok(Piece::new(first, rows))
    })))
}

fn found(batches: &[RecordBatch], numbers: &[u64], columns: &[String]) -> Result<Found> {
    let mut places = Vec::with_capacity(numbers.len());
    let (mut batch, mut start) = (0_usize, 0_u64);
    for number in numbers {
        while let Some(rows) = batches.get(batch).map(|batch| batch.num_rows() as u64) {
            if *number < start + rows {
                break;
            }
            start += rows;
            batch += 1;
        }
        let place =
            u32::try_from(batch).ok().zip(number.checked_sub(start).and_then(|row| u32::try_from(row).ok()));
        places.push(place.ok_or_else(|| {
            Error::unsupported(OPERATION, "source", "it has more rows in one batch than can be counted")
                .remedy("cut the batch")
        })?);
    }
    let batches = batches.iter().map(|batch| project(batch, columns, OPERATION)).collect::<Result<_>>()?;
    Ok(Found::at(batches, places))
}
