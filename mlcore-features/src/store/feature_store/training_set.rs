//! A table of training rows that is known by its content.

use mlcore::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use mlcore::arrow::datatypes::DataType;
use mlcore::artifact::Digest;
use mlcore::batch::{ColumnView, Value};
use mlcore::interrupt::Pace;
use mlcore::schema::DType;
use mlcore::time::Timestamp;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Historical;
use super::historical::ViewUse;

/// Which rows a model was trained on, and what they were made of.
///
/// The digest is that of the content: names, types and values, in whatever file or layout they lie. The registry of models takes it as the
/// data set of a version's lineage, so that a model is found by its training set and the other way round.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Float64Array, RecordBatch};
/// use mlcore::registry::Lineage;
/// use mlcore_features::store::feature_store::TrainingSet;
///
/// let table = RecordBatch::try_from_iter([("age", Arc::new(Float64Array::from(vec![20.0, 40.0])) as _)]).unwrap();
/// let digest = TrainingSet::digest_of(&table)?;
/// let lineage = Lineage::default().with_dataset(digest);
/// assert_eq!(lineage.dataset, Some(digest));
/// assert_ne!(TrainingSet::digest_of(&table.slice(0, 1))?, digest);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TrainingSet {
    /// The digest of the content.
    pub digest: Digest,
    /// How many rows there are.
    pub rows: u64,
    /// The columns in order: those of the entity rows, then the features.
    pub columns: Vec<String>,
    /// Which of them are features.
    pub features: Vec<String>,
    /// The column of the rows' times.
    pub event_timestamp: String,
    /// The first and the last time of a row; none where there is no row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<(Timestamp, Timestamp)>,
    /// The views that it was made of, with their versions and the times of their rows.
    pub views: Vec<ViewUse>,
    /// When it was made, by the store's clock.
    pub made_at: Timestamp,
}

impl TrainingSet {
    /// The digest of a table's content: SHA-256 over names, types and values.
    ///
    /// # Errors
    /// [`Unsupported`](Error::Unsupported) for a column whose type has no counterpart in a schema, by its name.
    pub fn digest_of(table: &RecordBatch) -> Result<Digest> {
        content_digest(table)
    }

    /// Fails unless the table is the one that this was made of.
    ///
    /// # Errors
    /// [`Corrupt`](Error::Corrupt) for another table, with both digests; as [`digest_of`](Self::digest_of).
    pub fn check(&self, table: &RecordBatch) -> Result<()> {
        let digest = content_digest(table)?;
        if digest == self.digest {
            return Ok(());
        }
        let problem = format!("its digest is {digest}, and that of the training set is {}", self.digest);
        Err(Error::corrupt("check training set", "table", problem)
            .remedy("read the file that was saved, with all its columns in their order"))
    }
}

impl Historical {
    /// What the table is, by its digest.
    ///
    /// # Errors
    /// As [`TrainingSet::digest_of`].
    pub fn training_set(&self) -> Result<TrainingSet> {
        let names = self.table.schema_ref().fields().iter().map(|field| field.name().clone());
        Ok(TrainingSet {
            digest: content_digest(&self.table)?,
            rows: self.table.num_rows() as u64,
            columns: names.collect(),
            features: self.features.clone(),
            event_timestamp: self.event_timestamp.clone(),
            times: self.times,
            views: self.views.clone(),
            made_at: self.made_at,
        })
    }

    /// Writes the table as a file of Parquet, and beside it, with `.json` at the end, what it is. Both are on the disk when the call
    /// returns; files of these names are replaced, each as a whole. Needs the feature `parquet`.
    ///
    /// # Errors
    /// As [`training_set`](Self::training_set), and those of writing.
    #[cfg(feature = "parquet")]
    pub fn save(&self, path: impl AsRef<std::path::Path>) -> Result<TrainingSet> {
        let path = path.as_ref();
        let set = self.training_set()?;
        let beside = |end: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(end);
            std::path::PathBuf::from(name)
        };
        let text = serde_json::to_vec_pretty(&set)
            .map_err(|cause| Error::internal(SAVE, "JSON", cause.to_string()).caused_by(cause))?;
        let failed = |path: &std::path::Path| {
            let shown = path.display().to_string();
            move |cause| Error::from_io(SAVE, shown, cause)
        };
        let unfinished = beside(".unfinished");
        super::sources::write(&unfinished, &self.table)?;
        std::fs::rename(&unfinished, path).map_err(failed(path))?;
        let (json, unfinished) = (beside(".json"), beside(".json.unfinished"));
        let written = std::fs::File::create(&unfinished).and_then(|mut file| {
            std::io::Write::write_all(&mut file, &text)?;
            file.sync_all()
        });
        written.map_err(failed(&unfinished))?;
        std::fs::rename(&unfinished, &json).map_err(failed(&json))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(std::path::Path::new("."));
        std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder))?;
        Ok(set)
    }
}

#[cfg(feature = "parquet")]
const SAVE: &str = "save training set";
const OPERATION: &str = "make digest of table";

/// The digest of names, types and values. Layouts of text, and whether a null may be, change nothing.
pub(super) fn content_digest(table: &RecordBatch) -> Result<Digest> {
    let mut hashed = Hashed { hasher: Sha256::new(), bytes: Vec::with_capacity(FULL * 2) };
    hashed.text("mlcore.table.1");
    hashed.number(table.num_rows() as u64);
    hashed.number(table.num_columns() as u64);
    for (field, column) in table.schema_ref().fields().iter().zip(table.columns()) {
        hashed.text(field.name());
        hashed.column(field.name(), column)?;
    }
    let Hashed { mut hasher, bytes } = hashed;
    hasher.update(&bytes);
    let hex: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}").parse()
}

/// Bytes that are hashed together.
const FULL: usize = 1 << 16;

struct Hashed {
    hasher: Sha256,
    bytes: Vec<u8>,
}

impl Hashed {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() >= FULL {
            self.hasher.update(&self.bytes);
            self.bytes.clear();
        }
    }

    fn number(&mut self, number: u64) {
        self.push(&number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.push(text.as_bytes());
    }

    fn column(&mut self, name: &str, column: &ArrayRef) -> Result<()> {
        let (items, ends): (ArrayRef, Vec<usize>) = match column.data_type() {
            DataType::List(_) => {
                let list = column.as_list::<i32>();
                (list.values().clone(), list.value_offsets().iter().map(|end| *end as usize).collect())
            }
            DataType::LargeList(_) => {
                let list = column.as_list::<i64>();
                (list.values().clone(), list.value_offsets().iter().map(|end| *end as usize).collect())
            }
            DataType::FixedSizeList(_, size) => {
                let size = usize::try_from(*size).unwrap_or(0);
                let list = column.as_fixed_size_list();
                (list.values().clone(), (0..=list.len()).map(|row| row * size).collect())
            }
            _ => return self.values(name, column),
        };
        self.text("list");
        let plain = ColumnView::plain(name, &items)?;
        let view = ColumnView::new(name, plain.as_ref())?;
        self.text(&type_name(name, plain.data_type())?);
        let mut pace = Pace::default();
        for (row, ends) in ends.windows(2).enumerate() {
            pace.check(OPERATION, 64)?;
            let (Some(start), Some(end)) = (ends.first(), ends.get(1)) else { continue };
            if column.is_null(row) {
                self.push(&[0]);
                continue;
            }
            self.push(&[1]);
            self.number(end.saturating_sub(*start) as u64);
            for place in *start..*end {
                self.value(view.value(place));
            }
        }
        Ok(())
    }

    fn values(&mut self, name: &str, column: &ArrayRef) -> Result<()> {
        let plain = ColumnView::plain(name, column)?;
        let view = ColumnView::new(name, plain.as_ref())?;
        self.text(&type_name(name, plain.data_type())?);
        let mut pace = Pace::default();
        for row in 0..plain.len() {
            pace.check(OPERATION, 8)?;
            self.value(view.value(row));
        }
        Ok(())
    }

    fn value(&mut self, value: Value<'_>) {
        match value {
            Value::Null => return self.push(&[0]),
            _ => self.push(&[1]),
        }
        match value {
            Value::Bool(value) => self.push(&[u8::from(value)]),
            Value::Int(value) => self.push(&value.to_le_bytes()),
            Value::UInt(value) => self.push(&value.to_le_bytes()),
            Value::Float(value) => self.push(&value.to_bits().to_le_bytes()),
            Value::Text(text) => self.text(text),
            Value::Date(date) => self.push(&date.days().to_le_bytes()),
            Value::Timestamp(moment) => self.push(&moment.count().to_le_bytes()),
            Value::DateTime(shown) => self.push(&shown.count().to_le_bytes()),
            // What is left prints as itself: times of day, and what may be added.
            other => self.text(&format!("{other:?}")),
        }
    }
}

fn type_name(name: &str, data_type: &DataType) -> Result<String> {
    match DType::from_arrow(data_type) {
        Some(dtype) => Ok(dtype.to_string()),
        None if matches!(data_type, DataType::Dictionary(..)) => Ok(DType::String.to_string()),
        None => {
            Err(Error::unsupported(OPERATION, format!("column {name}"), format!("{data_type} has no digest"))
                .remedy("cast the column to numbers, text or times, or leave it out"))
        }
    }
}
