//! Rows of a source in a file of their own, from which they are read as often as needed.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use mlcore::arrow::datatypes::{Schema, SchemaRef};
use mlcore::arrow::error::ArrowError;
use mlcore::{Error, Result, interrupt};

use super::source::{Piece, Pieces, Scan, Source};
use crate::program::missing_column;

const OPERATION: &str = "spill features";
/// Rows of a batch in the file.
const BATCH_ROWS: usize = 1 << 15;
const BUFFER_BYTES: usize = 1 << 18;

/// The rows of a source in Arrow's format for streams.
///
/// Where the system lets it, the file loses its name as soon as it is open, so that its room is free again when the process ends,
/// whichever way; elsewhere it is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Spilled {
    schema: SchemaRef,
    file: Arc<File>,
    path: PathBuf,
    has_name: bool,
}

impl Spilled {
    /// Copies some columns of all rows of a source to a file in a folder.
    pub(super) fn of(source: &dyn Source, columns: &[String], folder: &Path) -> Result<Self> {
        let whole = source.schema()?;
        let missing = |name: &String| missing_column(whole.fields(), name, OPERATION);
        let field =
            |name: &String| whole.fields().find(name).ok_or_else(|| missing(name)).map(|(_, field)| field);
        let fields = columns.iter().map(|name| field(name).cloned()).collect::<Result<Vec<_>>>()?;
        let schema = Arc::new(Schema::new(fields));
        let spilled = Self::create(schema, folder)?;
        spilled.fill(source, columns)?;
        Ok(spilled)
    }

    /// An empty file, which nobody else may read.
    fn create(schema: SchemaRef, folder: &Path) -> Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut tries = 0;
        let (file, path) = loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(format!("mlcore-spill-{}-{number}.arrows", std::process::id()));
            match options.open(&path) {
                Ok(file) => break (file, path),
                // What a process of the same number left behind.
                Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists && tries < 1000 => tries += 1,
                Err(cause) => return Err(failed(&path, cause)),
            }
        };
        let has_name = !cfg!(unix) || std::fs::remove_file(&path).is_err();
        Ok(Self { schema, file: Arc::new(file), path, has_name })
    }

    fn fill(&self, source: &dyn Source, columns: &[String]) -> Result<()> {
        let meaning = |cause: ArrowError| match cause {
            ArrowError::IoError(_, cause) => failed(&self.path, cause),
            other => Error::unsupported(OPERATION, self.subject(), other.to_string())
                .remedy("cast the columns to types that Arrow's files have")
                .caused_by(other),
        };
        let file = BufWriter::with_capacity(BUFFER_BYTES, &*self.file);
        let mut writer = StreamWriter::try_new(file, &self.schema).map_err(meaning)?;
        for piece in source.scan(&Scan::new(columns, Vec::new()))? {
            let piece = piece?;
            let rows = crate::program::project(piece.rows(), columns, OPERATION)?;
            for start in (0..rows.num_rows()).step_by(BATCH_ROWS) {
                interrupt::check(OPERATION)?;
                let part = rows.slice(start, BATCH_ROWS.min(rows.num_rows() - start));
                // A batch says for itself which of its columns may be null.
                let part = part.with_schema(Arc::clone(&self.schema)).map_err(|cause| {
                    let problem = format!("a batch does not fit the schema of the source: {cause}");
                    Error::schema_mismatch(OPERATION, "source", problem)
                        .remedy("cast the columns, so that all batches have one type")
                        .caused_by(cause)
                })?;
                writer.write(&part).map_err(meaning)?;
            }
        }
        writer.finish().map_err(meaning)?;
        let file = writer.into_inner().map_err(meaning)?;
        match file.into_inner() {
            Ok(_) => Ok(()),
            Err(cause) => Err(failed(&self.path, cause.into_error())),
        }
    }

    fn subject(&self) -> String {
        self.path.display().to_string()
    }

    fn damaged(&self, cause: ArrowError) -> Error {
        Error::corrupt(OPERATION, self.subject(), format!("it is not as it was written: {cause}"))
            .remedy("check the disk, and run the join again")
            .caused_by(cause)
    }
}

impl Source for Spilled {
    fn schema(&self) -> Result<SchemaRef> {
        Ok(Arc::clone(&self.schema))
    }

    fn scan<'a>(&'a self, scan: &Scan<'_>) -> Result<Pieces<'a>> {
        let positions = scan.columns().iter().map(|name| {
            let found = self.schema.fields().find(name);
            found
                .map(|(position, _)| position)
                .ok_or_else(|| missing_column(self.schema.fields(), name, OPERATION))
        });
        let positions = positions.collect::<Result<Vec<usize>>>()?;
        let reader = BufReader::with_capacity(BUFFER_BYTES, FromHere { file: Arc::clone(&self.file), at: 0 });
        let reader = StreamReader::try_new(reader, Some(positions)).map_err(|cause| self.damaged(cause))?;
        let mut next = 0_u64;
        Ok(Box::new(reader.map(move |batch| {
            let batch = batch.map_err(|cause| self.damaged(cause))?;
            let first = next;
            next += batch.num_rows() as u64;
            Ok(Piece::new(first, batch))
        })))
    }
}

impl Drop for Spilled {
    fn drop(&mut self) {
        if self.has_name {
            // What cannot be removed now is found by its name.
            drop(std::fs::remove_file(&self.path));
        }
    }
}

/// A reader with a place of its own in a file.
struct FromHere {
    file: Arc<File>,
    at: u64,
}

impl Read for FromHere {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(&*self.file, buffer, self.at)?;
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(&*self.file, buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

fn failed(path: &Path, cause: io::Error) -> Error {
    let error = Error::from_io(OPERATION, path.display().to_string(), cause);
    match &error {
        Error::NotFound(_) => error.remedy("create the folder first"),
        Error::StorageFull(_) => {
            error.remedy("free space, or name a folder on a larger disk, and run the join again")
        }
        _ => error,
    }
}
