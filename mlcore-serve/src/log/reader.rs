use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use mlcore::arrow::array::{
    Array, ArrayRef, Float64Array, Int64Array, ListArray, MapArray, RecordBatch, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use mlcore::artifact::Digest;
use mlcore::batch::{Batch, OwnedValue};
use mlcore::name::{Arm, ModelName, RequestId, UnitId, Version};
use mlcore::time::Timestamp;
use mlcore::{Error, Result};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use serde::de::DeserializeOwned;

use super::file::{finished, shown};
use super::looked_up;
use super::schema::{KIND_KEY, Kind, SCHEMA_VERSION, VERSION_KEY};
use crate::endpoint::{
    ContextBuffer, InvalidAnswer, LookedUp, OutcomeId, OutcomeStatus, Pairs, Read, ServedBy,
};

/// Reads a folder that a [`PredictionLog`](super::PredictionLog) writes, also while it does.
///
/// ```no_run
/// use mlcore_serve::log::LogReader;
///
/// // The mean loss that another policy would have had: by inverse propensities, which every row carries.
/// let (mut sum, mut count) = (0.0, 0.0);
/// for prediction in LogReader::new("log").predictions_with_outcomes()? {
///     let prediction = prediction?;
///     let Some(loss) = prediction.outcomes.iter().find_map(|outcome| outcome.loss) else { continue };
///     if prediction.arm.as_str() == "challenger" {
///         sum += prediction.weight * loss / prediction.propensity;
///     }
///     count += prediction.weight;
/// }
/// println!("everybody on the challenger: {}", sum / count);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LogReader {
    folder: PathBuf,
}

/// A row of the log: one request.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct LoggedPrediction {
    /// When it was answered.
    pub time: Timestamp,
    /// The caller's id, where it gave one.
    pub request_id: Option<RequestId>,
    /// The id under which outcomes are joined.
    pub outcome_id: OutcomeId,
    /// The model.
    pub model: ModelName,
    /// The version that answered.
    pub version: Version,
    /// The arm that was chosen.
    pub arm: Arm,
    /// The probability with which it was.
    pub propensity: f64,
    /// The probability of every arm, the default first; empty where they are not known.
    pub probabilities: Vec<(Arm, f64)>,
    /// The period of unchanged shares; none where no policy chose.
    pub epoch: Option<u32>,
    /// Whom the policy assigned.
    pub unit: Option<UnitId>,
    /// What the request said of itself.
    pub context: ContextBuffer,
    /// The raw features of each row by name, in the order in which they came; empty where tensors came.
    pub features: Vec<Vec<(String, OwnedValue)>>,
    /// The tensors that came, where some did.
    pub tensors: Option<Batch>,
    /// The digest of the model's input; 0 where it is not known.
    pub features_digest: u128,
    /// The content hash of the feature plan.
    pub plan: Option<Digest>,
    /// The entities whose features were looked up, and what became of these; empty where none were, or where they are redacted.
    pub looked_up: LookedUp,
    /// The expectations that the request did not meet, in words.
    pub failed_expectations: Vec<String>,
    /// The model's outputs; empty after an error.
    pub outputs: Batch,
    /// What gave the answer.
    pub served_by: ServedBy,
    /// The kind of the error, where the run failed: see [`mlcore::Error::kind`].
    pub error: Option<String>,
    /// What is wrong with the outputs although the run did not fail.
    pub invalid: Option<InvalidAnswer>,
    /// From the decision to the answer.
    pub latency: Duration,
    /// How many requests it stands for: 1 over the share that is logged.
    pub weight: f64,
    /// What came of it, in the order in which it was reported; filled in by
    /// [`predictions_with_outcomes`](LogReader::predictions_with_outcomes).
    pub outcomes: Vec<LoggedOutcome>,
}

/// A row of the log: one outcome.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub struct LoggedOutcome {
    /// When it was worked off.
    pub time: Timestamp,
    /// The id of its prediction.
    pub outcome_id: OutcomeId,
    /// The model.
    pub model: ModelName,
    /// The row of the request; none for a request as a whole.
    pub row: Option<usize>,
    /// What was reported.
    pub label: f64,
    /// Whether it found its prediction then.
    pub status: OutcomeStatus,
    /// The loss, where one was computed.
    pub loss: Option<f64>,
    /// How many outcomes it stands for.
    pub weight: f64,
}

impl LogReader {
    /// A reader of this folder. Files that are not finished are passed over.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// All predictions, file by file, the earliest file first.
    ///
    /// # Errors
    /// What the file system answers. An item is [`Error::Unsupported`] for a file of a later schema, naming both, and
    /// [`Error::Corrupt`] for one that is none of this log; no item comes after it.
    pub fn predictions(&self) -> Result<impl Iterator<Item = Result<LoggedPrediction>> + use<>> {
        Rows::new(&self.folder, Kind::Predictions, prediction_rows)
    }

    /// All outcomes, file by file, the earliest file first.
    ///
    /// # Errors
    /// As [`predictions`](Self::predictions).
    pub fn outcomes(&self) -> Result<impl Iterator<Item = Result<LoggedOutcome>> + use<>> {
        Rows::new(&self.folder, Kind::Outcomes, outcome_rows)
    }

    /// All predictions, each with the outcomes of its id. Holds all outcomes in memory, which are read first.
    ///
    /// # Errors
    /// As [`predictions`](Self::predictions), about the outcomes, too.
    pub fn predictions_with_outcomes(
        &self,
    ) -> Result<impl Iterator<Item = Result<LoggedPrediction>> + use<>> {
        // The files are listed before the outcomes are read: one that is finished meanwhile has predictions without outcomes.
        let predictions = self.predictions()?;
        let mut outcomes: HashMap<OutcomeId, Vec<LoggedOutcome>> = HashMap::new();
        for outcome in self.outcomes()? {
            let outcome = outcome?;
            outcomes.entry(outcome.outcome_id).or_default().push(outcome);
        }
        Ok(predictions.map(move |prediction| {
            let mut prediction = prediction?;
            if let Some(own) = outcomes.get(&prediction.outcome_id) {
                prediction.outcomes =
                    own.iter().filter(|own| own.model == prediction.model).cloned().collect();
            }
            Ok(prediction)
        }))
    }
}

/// The rows of several files.
struct Rows<T> {
    files: VecDeque<PathBuf>,
    kind: Kind,
    current: Option<(PathBuf, ParquetRecordBatchReader)>,
    read: VecDeque<T>,
    of: fn(&Columns<'_>) -> Result<Vec<T>>,
}

impl<T> Rows<T> {
    fn new(folder: &Path, kind: Kind, of: fn(&Columns<'_>) -> Result<Vec<T>>) -> Result<Self> {
        let files = finished(folder, kind)?.into();
        Ok(Self { files, kind, current: None, read: VecDeque::new(), of })
    }

    /// Reads on until there is a row.
    fn advance(&mut self) -> Result<Option<T>> {
        loop {
            if let Some(row) = self.read.pop_front() {
                return Ok(Some(row));
            }
            let Some((path, reader)) = &mut self.current else {
                let Some(path) = self.files.pop_front() else { return Ok(None) };
                let reader = open(&path, self.kind)?;
                self.current = Some((path, reader));
                continue;
            };
            match reader.next() {
                Some(Ok(batch)) => {
                    let columns = Columns { batch: &batch, path };
                    self.read = (self.of)(&columns)?.into();
                }
                Some(Err(cause)) => return Err(Error::corrupt(READ, shown(path), cause.to_string())),
                None => self.current = None,
            }
        }
    }
}

impl<T> Iterator for Rows<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        let row = self.advance();
        if row.is_err() {
            (self.current, self.read) = (None, VecDeque::new());
            self.files.clear();
        }
        row.transpose()
    }
}

/// Opens a file whose schema this reader knows.
fn open(path: &Path, kind: Kind) -> Result<ParquetRecordBatchReader> {
    let corrupt = |problem: String| Error::corrupt(READ, shown(path), problem);
    let file = File::open(path).map_err(|cause| Error::from_io(READ, shown(path), cause))?;
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(file).map_err(|cause| corrupt(cause.to_string()))?;
    let pairs = builder.metadata().file_metadata().key_value_metadata();
    let value = |key: &str| {
        let pair = pairs.into_iter().flatten().find(|pair| pair.key == key)?;
        pair.value.clone()
    };
    if value(KIND_KEY).as_deref() != Some(kind.name()) {
        return Err(corrupt(format!("it is no file of {} of a prediction log", kind.name())));
    }
    let version: u32 = value(VERSION_KEY)
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| corrupt("it does not say of which version its columns are".to_owned()))?;
    if version > SCHEMA_VERSION {
        let problem = format!(
            "its columns are of version {version}, and {SCHEMA_VERSION} is the newest that is read here"
        );
        return Err(Error::unsupported(READ, shown(path), problem).remedy("read it with a later mlcore"));
    }
    builder.build().map_err(|cause| corrupt(cause.to_string()))
}

/// Columns by name; one that a file lacks is null.
pub(super) struct Columns<'a> {
    batch: &'a RecordBatch,
    path: &'a Path,
}

impl<'a> Columns<'a> {
    pub(super) fn corrupt(&self, column: &str, problem: impl fmt::Display) -> Error {
        Error::corrupt(READ, shown(self.path), format!("column {column}: {problem}"))
    }

    fn array<A: 'static>(&self, name: &str) -> Result<Option<&'a A>> {
        let Some(column) = self.batch.column_by_name(name) else { return Ok(None) };
        let array = column.as_any().downcast_ref::<A>();
        array.map(Some).ok_or_else(|| self.corrupt(name, format!("it is of the type {}", column.data_type())))
    }

    /// The column, unless it has no value at all: of whatever type it is then.
    pub(super) fn array_unless_null<A: 'static>(&self, name: &str) -> Result<Option<&'a A>> {
        let is_null = |column: &ArrayRef| column.null_count() == column.len();
        if self.batch.column_by_name(name).is_some_and(is_null) { Ok(None) } else { self.array(name) }
    }

    fn required<A: 'static>(&self, name: &str) -> Result<&'a A> {
        self.array(name)?.ok_or_else(|| self.corrupt(name, "it is not there"))
    }

    fn text(&self, name: &str) -> Result<Texts<'a, '_>> {
        Ok(Texts { array: self.array(name)?, columns: self, name: name.to_owned() })
    }

    fn time(&self) -> Result<&'a TimestampMicrosecondArray> {
        self.required("time")
    }
}

/// A column of texts.
struct Texts<'a, 'c> {
    array: Option<&'a StringArray>,
    columns: &'c Columns<'a>,
    name: String,
}

impl<'a> Texts<'a, '_> {
    fn get(&self, row: usize) -> Option<&'a str> {
        self.array.filter(|array| array.is_valid(row)).map(|array| array.value(row))
    }

    fn required(&self, row: usize) -> Result<&'a str> {
        self.get(row).ok_or_else(|| self.columns.corrupt(&self.name, format!("row {row} has no value")))
    }

    fn parsed<T: FromStr<Err = Error>>(&self, row: usize) -> Result<Option<T>> {
        let parsed = self.get(row).map(str::parse).transpose();
        parsed.map_err(|error| self.columns.corrupt(&self.name, error))
    }

    fn needed<T: FromStr<Err = Error>>(&self, row: usize) -> Result<T> {
        self.required(row)?.parse().map_err(|error| self.columns.corrupt(&self.name, error))
    }

    fn json<T: DeserializeOwned>(&self, row: usize) -> Result<Option<T>> {
        let read = self.get(row).map(serde_json::from_str).transpose();
        read.map_err(|error| self.columns.corrupt(&self.name, error))
    }
}

fn prediction_rows(columns: &Columns<'_>) -> Result<Vec<LoggedPrediction>> {
    let text = |name: &str| columns.text(name);
    let number = |name: &str| columns.required::<Float64Array>(name);
    let (time, version) = (columns.time()?, columns.required::<Int64Array>("version")?);
    let (request_id, outcome_id, model) = (text("request_id")?, text("outcome_id")?, text("model")?);
    let (arm, unit, context) = (text("arm")?, text("unit")?, text("context")?);
    let (tensors, outputs, digest) = (text("tensors")?, text("outputs")?, text("features_digest")?);
    let (plan, served_by, error, invalid) =
        (text("plan")?, text("served_by")?, text("error")?, text("invalid")?);
    let (propensity, latency, weight) =
        (number("propensity")?, number("latency_seconds")?, number("weight")?);
    let (epoch, features) = (columns.array::<Int64Array>("epoch")?, columns.array::<ListArray>("features")?);
    let probabilities = columns.array::<MapArray>("probabilities")?;
    let looked_up = looked_up::Read::new(columns)?;
    let row_of = |row: usize| {
        let number = u64::try_from(version.value(row)).unwrap_or_default();
        let digest = digest.get(row).map(|text| u128::from_str_radix(text, 16)).transpose();
        Ok(LoggedPrediction {
            time: Timestamp::from_micros(time.value(row)),
            request_id: request_id.parsed(row)?,
            outcome_id: outcome_id.needed(row)?,
            model: model.needed(row)?,
            version: Version::new(number).map_err(|error| columns.corrupt("version", error))?,
            arm: arm.needed(row)?,
            propensity: propensity.value(row),
            probabilities: probabilities_of(columns, probabilities, row)?,
            epoch: match epoch.filter(|epoch| epoch.is_valid(row)) {
                Some(epoch) => u32::try_from(epoch.value(row)).ok(),
                None => None,
            },
            unit: unit.parsed(row)?,
            context: context.json(row)?.unwrap_or_default(),
            features: features_of(columns, features, row)?,
            tensors: tensors.json(row)?,
            features_digest: digest.map_err(|error| columns.corrupt("features_digest", error))?.unwrap_or(0),
            plan: plan.parsed(row)?,
            looked_up: looked_up.looked_up(row)?,
            failed_expectations: looked_up.failed_expectations(row)?,
            outputs: outputs.json(row)?.unwrap_or_default(),
            served_by: served_by.needed(row)?,
            error: error.get(row).map(str::to_owned),
            invalid: invalid.parsed(row)?,
            latency: Duration::try_from_secs_f64(latency.value(row)).unwrap_or(Duration::MAX),
            weight: weight.value(row),
            outcomes: Vec::new(),
        })
    };
    (0..columns.batch.num_rows()).map(row_of).collect()
}

fn probabilities_of(columns: &Columns<'_>, map: Option<&MapArray>, row: usize) -> Result<Vec<(Arm, f64)>> {
    let Some(entries) = map.filter(|map| map.is_valid(row)).map(|map| map.value(row)) else {
        return Ok(Vec::new());
    };
    let odd = || columns.corrupt("probabilities", "it is no map from texts to numbers");
    let entries: &StructArray = &entries;
    let keys = entries.column(0).as_any().downcast_ref::<StringArray>().ok_or_else(odd)?;
    let values = entries.column(1).as_any().downcast_ref::<Float64Array>().ok_or_else(odd)?;
    let pair = |place: usize| {
        let arm = keys.value(place).parse().map_err(|error| columns.corrupt("probabilities", error))?;
        Ok((arm, values.value(place)))
    };
    (0..entries.len()).map(pair).collect()
}

fn features_of(
    columns: &Columns<'_>,
    features: Option<&ListArray>,
    row: usize,
) -> Result<Vec<Vec<(String, OwnedValue)>>> {
    let Some(rows) = features.filter(|list| list.is_valid(row)).map(|list| list.value(row)) else {
        return Ok(Vec::new());
    };
    let texts = rows.as_any().downcast_ref::<StringArray>();
    let texts = texts.ok_or_else(|| columns.corrupt("features", "it is no list of texts"))?;
    let read = |place: usize| {
        if texts.is_null(place) {
            return Ok(Vec::new());
        }
        let Pairs(pairs) =
            serde_json::from_str(texts.value(place)).map_err(|error| columns.corrupt("features", error))?;
        Ok(pairs.into_iter().map(|(name, Read(value))| (name, value)).collect())
    };
    (0..texts.len()).map(read).collect()
}

fn outcome_rows(columns: &Columns<'_>) -> Result<Vec<LoggedOutcome>> {
    let (outcome_id, model, status) =
        (columns.text("outcome_id")?, columns.text("model")?, columns.text("status")?);
    let (time, label, weight) = (
        columns.time()?,
        columns.required::<Float64Array>("label")?,
        columns.required::<Float64Array>("weight")?,
    );
    let (row_number, loss) = (columns.array::<Int64Array>("row")?, columns.array::<Float64Array>("loss")?);
    let row_of = |row: usize| {
        Ok(LoggedOutcome {
            time: Timestamp::from_micros(time.value(row)),
            outcome_id: outcome_id.needed(row)?,
            model: model.needed(row)?,
            row: row_number
                .filter(|array| array.is_valid(row))
                .and_then(|array| usize::try_from(array.value(row)).ok()),
            label: label.value(row),
            status: status.needed(row)?,
            loss: loss.filter(|array| array.is_valid(row)).map(|array| array.value(row)),
            weight: weight.value(row),
        })
    };
    (0..columns.batch.num_rows()).map(row_of).collect()
}

const READ: &str = "read prediction log";
