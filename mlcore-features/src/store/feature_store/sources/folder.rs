//! Rows that are added to a folder of Parquet files.

use std::fs::{self, File};
use std::path::Path;

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::Compression;
use ::parquet::file::properties::WriterProperties;
use mlcore::arrow::array::RecordBatch;
use mlcore::{Error, Result};

use super::{APPEND, unappendable};
use crate::store::definition;
use crate::store::feature_store::training_set::content_digest;

/// Adds a file with these rows. It has its place only when it is whole and on the disk. The same rows once more are the same file.
pub(super) fn append(source: &definition::Source, path: &Path, rows: &RecordBatch) -> Result<()> {
    let failed = |cause| Error::from_io(APPEND, path.display().to_string(), cause);
    if !path.is_dir() {
        if path.exists() {
            return Err(unappendable(source, format!("{} is one file", path.display())));
        }
        let text = path.to_string_lossy();
        if text.contains(['*', '?']) {
            return Err(unappendable(source, format!("{text} is a pattern of files")));
        }
        if path.extension().is_some() {
            return Err(unappendable(source, format!("{text} is called as a file and is not there")));
        }
        fs::create_dir_all(path).map_err(failed)?;
    }
    let digest = content_digest(rows)?.to_hex();
    let digest = digest.get(..16).unwrap_or_default();
    // Names ascend, because of rows of the same times the last one of the source counts. The same rows as the last time are there already.
    let last = last(path)?;
    if last.as_ref().is_some_and(|(_, known)| known == digest) {
        return Ok(());
    }
    let number = last.map_or(1, |(number, _)| number.saturating_add(1));
    let name = format!("{PREFIX}{number:010}-{digest}{SUFFIX}");
    let place = path.join(&name);
    // What begins with a point is no file of the table.
    let unfinished = path.join(format!(".{name}.{}", std::process::id()));
    let written = write(&unfinished, rows).and_then(|()| {
        fs::rename(&unfinished, &place)
            .and_then(|()| File::open(path)?.sync_all())
            .map_err(|cause| Error::from_io(APPEND, place.display().to_string(), cause))
    });
    if written.is_err() {
        // The error that is answered is the first one.
        drop(fs::remove_file(&unfinished));
    }
    written
}

/// Writes a table as one file of Parquet, which is on the disk afterwards.
pub(in crate::store::feature_store) fn write(path: &Path, rows: &RecordBatch) -> Result<()> {
    let failed = |cause| Error::from_io(APPEND, path.display().to_string(), cause);
    let unwritten = |cause: ::parquet::errors::ParquetError| {
        let problem = format!("it cannot be written as Parquet: {cause}");
        Error::unsupported(APPEND, path.display().to_string(), problem)
            .remedy("look whether the disk is full, and leave out columns of types that Parquet has not")
            .caused_by(cause)
    };
    let file = File::create(path).map_err(failed)?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let handle = file.try_clone().map_err(failed)?;
    let mut writer = ArrowWriter::try_new(file, rows.schema(), Some(properties)).map_err(unwritten)?;
    writer.write(rows).map_err(unwritten)?;
    writer.close().map_err(unwritten)?;
    handle.sync_all().map_err(failed)
}

/// The number and the digest of the file that was added last.
fn last(folder: &Path) -> Result<Option<(u64, String)>> {
    let failed = |cause| Error::from_io(APPEND, folder.display().to_string(), cause);
    let mut last = None;
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        let own = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX));
        let Some((number, digest)) = own.and_then(|own| own.split_once('-')) else { continue };
        let Ok(number) = number.parse::<u64>() else { continue };
        last = last.max(Some((number, digest.to_owned())));
    }
    Ok(last)
}

/// Sorts behind what engines call their files.
const PREFIX: &str = "zz-appended-";
const SUFFIX: &str = ".parquet";
