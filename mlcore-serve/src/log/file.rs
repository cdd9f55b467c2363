use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mlcore::arrow::array::RecordBatch;
use mlcore::time::Timestamp;
use mlcore::{Error, Result};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, GzipLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::schema::{KIND_KEY, Kind, SCHEMA_VERSION, VERSION_KEY};

/// A file that is being written, under a name that no reader looks at.
pub(super) struct Open {
    writer: ArrowWriter<File>,
    partial: PathBuf,
    path: PathBuf,
    pub(super) rows: usize,
}

impl Open {
    /// Begins a file in `folder`. Its name sorts by time, and no other process and no other file of this one has it.
    ///
    /// # Errors
    /// What the file system answers.
    pub(super) fn new(
        folder: &Path,
        kind: Kind,
        now: Timestamp,
        (process, number): (u64, u64),
    ) -> Result<Self> {
        let folder = folder.join(kind.name());
        fs::create_dir_all(&folder).map_err(|cause| Error::from_io(WRITE, shown(&folder), cause))?;
        let name = format!("{}-{}-{process:016x}-{number:08}", kind.name(), stamp(now));
        let (partial, path) =
            (folder.join(format!(".{name}{PARTIAL}")), folder.join(format!("{name}{FINISHED}")));
        let file =
            File::create_new(&partial).map_err(|cause| Error::from_io(WRITE, shown(&partial), cause))?;
        let pair = |key: &str, value: String| KeyValue::new(key.to_owned(), value);
        let metadata =
            vec![pair(KIND_KEY, kind.name().to_owned()), pair(VERSION_KEY, SCHEMA_VERSION.to_string())];
        let properties = WriterProperties::builder()
            .set_compression(Compression::GZIP(GzipLevel::try_new(1).unwrap_or_default()))
            .set_key_value_metadata(Some(metadata))
            .set_created_by(concat!("mlcore ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        match ArrowWriter::try_new(file, kind.schema(), Some(properties)) {
            Ok(writer) => Ok(Self { writer, partial, path, rows: 0 }),
            Err(cause) => {
                drop(fs::remove_file(&partial));
                Err(failed(&partial, cause))
            }
        }
    }

    pub(super) fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        self.rows += rows.num_rows();
        self.writer.write(rows).map_err(|cause| failed(&self.partial, cause))
    }

    /// About how large it will be.
    pub(super) fn bytes(&self) -> usize {
        self.writer.bytes_written() + self.writer.in_progress_size()
    }

    /// Ends the file: when this returns it is on the disk, whole, under its name.
    ///
    /// # Errors
    /// What the file system answers; the file is gone then, and its rows with it.
    pub(super) fn finish(self) -> Result<()> {
        let Self { writer, partial, path, .. } = self;
        let finished = writer.into_inner().map_err(|cause| failed(&partial, cause)).and_then(|file| {
            let durable = || {
                file.sync_all()?;
                fs::rename(&partial, &path)?;
                // A name is durable when its folder is, and so is that of the folder, which may be new.
                path.ancestors().skip(1).take(2).try_for_each(|folder| File::open(folder)?.sync_all())
            };
            durable().map_err(|cause| Error::from_io(WRITE, shown(&path), cause))
        });
        if finished.is_err() {
            drop(fs::remove_file(&partial));
        }
        finished
    }

    /// Gives the file up after a failure.
    pub(super) fn abandon(self) {
        drop(fs::remove_file(&self.partial));
    }
}

/// Removes what processes left behind that ended in the middle of a file a day ago or earlier.
pub(super) fn clean(folder: &Path, at_least: Duration) {
    let entries = [Kind::Predictions, Kind::Outcomes].map(|kind| fs::read_dir(folder.join(kind.name())));
    for entry in entries.into_iter().flatten().flatten().flatten() {
        let is_partial = entry.file_name().to_string_lossy().ends_with(PARTIAL);
        let age =
            entry.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|at| at.elapsed().ok());
        if is_partial && age.is_some_and(|age| age > at_least.max(A_DAY)) {
            drop(fs::remove_file(entry.path()));
        }
    }
}

/// The finished files of a kind, the earliest first; none where there is no folder.
///
/// # Errors
/// What the file system answers.
pub(super) fn finished(folder: &Path, kind: Kind) -> Result<Vec<PathBuf>> {
    let folder = folder.join(kind.name());
    let failed = |cause| Error::from_io("read prediction log", shown(&folder), cause);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(failed(cause)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.ends_with(FINISHED) && !name.starts_with('.') {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// A time as a part of a name: `20241127T062809.123456Z`, so that names sort as times do.
fn stamp(now: Timestamp) -> String {
    let micros = now.as_micros();
    let second = Timestamp::from_micros(micros - micros.rem_euclid(1_000_000)).to_string();
    let digits = second.trim_end_matches('Z').replace(['-', ':'], "");
    format!("{digits}.{:06}Z", micros.rem_euclid(1_000_000))
}

pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn failed(path: &Path, cause: ParquetError) -> Error {
    Error::unavailable(WRITE, shown(path), cause.to_string()).caused_by(cause)
}

pub(super) const WRITE: &str = "write prediction log";
const FINISHED: &str = ".parquet";
const PARTIAL: &str = ".partial";
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_as_times_do() {
        let times =
            [0, 999_999, 1_000_000, 1_732_688_889_120_000, 1_732_688_889_123_456, 1_732_688_890_000_000];
        let names = times.map(|micros| stamp(Timestamp::from_micros(micros)));
        assert!(names.is_sorted(), "{names:?}");
        assert_eq!(names[4], "20241127T062809.123456Z");
        assert_eq!(names[5], "20241127T062810.000000Z");
    }
}
