//! A file of a table that is open, on the disk or in a bucket.

use std::fs::File;
use std::io::{self, BufReader, Read};
#[cfg(feature = "object-store")]
use std::ops::Range;
use std::path::{Path, PathBuf};

use ::bytes::Bytes;
use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
    RowSelection,
};
use ::parquet::errors::Result as ParquetResult;
use ::parquet::file::metadata::PageIndexPolicy;
use ::parquet::file::reader::{ChunkReader, Length};
use mlcore::arrow::array::RecordBatch;
use mlcore::{Error, Result};

use super::files::Place;
#[cfg(feature = "object-store")]
use super::object::{ObjectBytes, ObjectReader};
use super::{OPERATION, TableFile};

/// What a file says of itself.
pub(super) fn metadata(path: &Path, place: &Place) -> Result<ArrowReaderMetadata> {
    let opened = match place {
        Place::Disk => Opened::disk(path)?,
        #[cfg(feature = "object-store")]
        Place::Object(object) => Opened::Object(object.open_end()?),
    };
    let options = ArrowReaderOptions::new().with_offset_index_policy(PageIndexPolicy::Optional);
    ArrowReaderMetadata::load(&opened, options).map_err(|cause| opened.unreadable(path, cause))
}

impl TableFile {
    /// The rows of some columns and row groups, or a selection of those rows, in batches.
    pub(super) fn reader(
        &self,
        columns: &[usize],
        groups: Vec<usize>,
        selection: Option<RowSelection>,
        batch_rows: usize,
    ) -> Result<FileBatches> {
        let opened = match &self.place {
            Place::Disk => Opened::disk(&self.path)?,
            #[cfg(feature = "object-store")]
            Place::Object(object) => Opened::Object(object.open(self.pieces(columns, &groups))),
        };
        let kept = opened.kept();
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(opened, self.metadata.clone());
        let mask = ProjectionMask::roots(builder.parquet_schema(), columns.iter().copied());
        let mut builder = builder.with_projection(mask).with_row_groups(groups).with_batch_size(batch_rows);
        if let Some(selection) = selection {
            builder = builder.with_row_selection(selection);
        }
        match builder.build() {
            Ok(reader) => Ok(FileBatches { reader, path: self.path.clone(), kept }),
            Err(cause) => Err(kept.unreadable(&self.path, cause)),
        }
    }

    /// Where in the file these columns of these row groups are.
    #[cfg(feature = "object-store")]
    fn pieces(&self, columns: &[usize], groups: &[usize]) -> Vec<Range<u64>> {
        let metadata = self.metadata.metadata();
        let schema = metadata.file_metadata().schema_descr();
        let mut pieces = Vec::new();
        for group in groups.iter().filter_map(|group| metadata.row_groups().get(*group)) {
            for (leaf, chunk) in group.columns().iter().enumerate().take(schema.num_columns()) {
                if !columns.contains(&schema.get_column_root_idx(leaf)) {
                    continue;
                }
                let start = chunk.dictionary_page_offset().unwrap_or_else(|| chunk.data_page_offset());
                // A file may say anything: what is no place in it is read as it is asked for.
                let place = u64::try_from(start).ok().zip(u64::try_from(chunk.compressed_size()).ok());
                pieces.extend(place.map(|(start, bytes)| start..start.saturating_add(bytes)));
            }
        }
        pieces
    }
}

/// Batches of a file, whose errors name it.
pub(super) struct FileBatches {
    reader: ParquetRecordBatchReader,
    path: PathBuf,
    kept: Kept,
}

impl Iterator for FileBatches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.reader.next()?;
        Some(batch.map_err(|cause| self.kept.unreadable(&self.path, cause)))
    }
}

/// A file that the reader of Parquet reads.
enum Opened {
    Disk(File),
    #[cfg(feature = "object-store")]
    Object(ObjectReader),
}

/// What is kept of an open file, to say why it could not be read.
enum Kept {
    Disk,
    #[cfg(feature = "object-store")]
    Object(ObjectReader),
}

impl Opened {
    fn disk(path: &Path) -> Result<Self> {
        let opened = File::open(path);
        opened.map(Self::Disk).map_err(|cause| Error::from_io(OPERATION, path.display().to_string(), cause))
    }

    fn kept(&self) -> Kept {
        match self {
            Self::Disk(_) => Kept::Disk,
            #[cfg(feature = "object-store")]
            Self::Object(reader) => Kept::Object(reader.clone()),
        }
    }

    fn unreadable(&self, path: &Path, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        self.kept().unreadable(path, cause)
    }
}

impl Kept {
    fn unreadable(&self, path: &Path, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        // What a server answered says more than that bytes are missing.
        let failure = match self {
            Self::Disk => None,
            #[cfg(feature = "object-store")]
            Self::Object(reader) => reader.failure(),
        };
        failure.unwrap_or_else(|| {
            let cause = cause.into();
            let problem = format!("it cannot be read as Parquet: {cause}");
            Error::corrupt(OPERATION, path.display().to_string(), problem)
                .remedy("write it again, uncompressed or with snappy")
                .caused_by(cause)
        })
    }
}

impl Length for Opened {
    fn len(&self) -> u64 {
        match self {
            Self::Disk(file) => file.len(),
            #[cfg(feature = "object-store")]
            Self::Object(reader) => reader.len(),
        }
    }
}

impl ChunkReader for Opened {
    type T = OpenedBytes;

    fn get_read(&self, start: u64) -> ParquetResult<OpenedBytes> {
        Ok(match self {
            Self::Disk(file) => OpenedBytes::Disk(file.get_read(start)?),
            #[cfg(feature = "object-store")]
            Self::Object(reader) => OpenedBytes::Object(reader.get_read(start)?),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        match self {
            Self::Disk(file) => file.get_bytes(start, length),
            #[cfg(feature = "object-store")]
            Self::Object(reader) => reader.get_bytes(start, length),
        }
    }
}

/// Reads on from a byte of a file.
enum OpenedBytes {
    Disk(BufReader<File>),
    #[cfg(feature = "object-store")]
    Object(ObjectBytes),
}

impl Read for OpenedBytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Disk(file) => file.read(buffer),
            #[cfg(feature = "object-store")]
            Self::Object(object) => object.read(buffer),
        }
    }
}
