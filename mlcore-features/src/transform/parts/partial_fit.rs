use mlcore::arrow::array::RecordBatch;
use mlcore::artifact::Digest;
use mlcore::schema::{Field, Schema};
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{Parts, Seen};
use crate::program::project;
use crate::transform::{Parameters, Training, Transformer, input};

/// A specification that learns from a table in parts, of which only one is in memory at a time: `partial_fit`.
///
/// Parts may be observed one after another, or by several workers whose learners are [merged](PartialFit::merge); a learner
/// travels as [bytes](PartialFit::to_bytes). What is learnt is what [`Fit::learn`](crate::transform::Fit::learn) learns from
/// all rows at once: counts, categories, terms and extremes exactly and in any order of the parts; means, variances and sums of
/// a target to rounding, which is at most some 1e-12 of the greatest value, and in other last digits for another order. One part
/// alone gives the same bits as `fit`.
///
/// The memory it needs does not grow with the rows: it is a few numbers per column, or one entry per category or term that was
/// seen.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Float64Array, RecordBatch};
/// use mlcore_features::transform::{PartialFit, RobustScaler, StandardScaler};
///
/// let part = |ages: Vec<f64>| {
///     RecordBatch::try_from_iter([("age", Arc::new(Float64Array::from(ages)) as _)]).unwrap()
/// };
/// let mut first = PartialFit::new(StandardScaler::default())?;
/// first.observe(&part(vec![20.0, 40.0]))?;
/// let mut second = PartialFit::new(StandardScaler::default())?;
/// second.observe(&part(vec![60.0]))?;
/// first.merge(PartialFit::from_bytes(StandardScaler::default(), &second.to_bytes()?)?)?;
/// assert_eq!(first.finish()?.mean(), Some(&[40.0][..]));
///
/// let refused = PartialFit::new(RobustScaler::default()).unwrap_err();
/// assert!(refused.to_string().contains("its quantiles need all values of a column at once"));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct PartialFit<T: Parts> {
    specification: T,
    parameters: Parameters,
    seen: Option<Seen>,
    /// Whether a row counts at all.
    weighs: bool,
    part: Option<T::Part>,
}

const OPERATION: &str = "fit in parts";

/// The layout of the bytes that this version writes, and the only one that it reads.
const VERSION: u32 = 1;
const FORMAT: &str = "mlcore-partial-fit";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored<C> {
    format: String,
    version: u32,
    /// The SHA-256 of the content.
    digest: String,
    content: C,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content<P> {
    transformer: String,
    parameters: Parameters,
    schema: Option<Schema>,
    rows: u64,
    weighs: bool,
    part: Option<P>,
}

impl<T: Parts> PartialFit<T> {
    /// A learner that has seen nothing.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a transformer that needs all rows at once, with the reason and what to do.
    pub fn new(specification: T) -> Result<Self> {
        let transformer: Transformer = specification.clone().into();
        if let Some(refusal) = specification.refusal() {
            return Err(
                Error::unsupported(OPERATION, transformer.name(), refusal.problem).remedy(refusal.remedy)
            );
        }
        let parameters = transformer.parameters()?;
        Ok(Self { specification, parameters, seen: None, weighs: false, part: None })
    }

    /// The specification.
    #[must_use]
    pub fn specification(&self) -> &T {
        &self.specification
    }

    /// How many rows were seen.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.seen.as_ref().map_or(0, |seen| seen.rows)
    }

    /// Learns from more rows: every column of the table, and the target and the weights where it uses them. Columns are found
    /// by name. A table without rows tells its columns only. After an error the learner is what it was before.
    ///
    /// A target of texts is refused, whose numbers are their positions among all of them.
    ///
    /// # Errors
    /// As [`Fit::learn`](crate::transform::Fit::learn), and [`Error::SchemaMismatch`] for a column that earlier parts did not
    /// have, or in another type. Rows are counted from the beginning of the part.
    pub fn observe<'a>(&mut self, training: impl Into<Training<'a>>) -> Result<()> {
        let training = training.into().of_part();
        training.check(OPERATION)?;
        let ordered = self.ordered(training.table())?;
        let training = training.with_table(ordered.as_ref().unwrap_or(training.table()));
        let table = training.table();
        let schema = input::types_of(table)?;
        let rows = table.num_rows() as u64;
        let seen = match &self.seen {
            None => Seen { schema, rows },
            Some(seen) => {
                Seen { schema: agreed(&seen.schema, &schema)?, rows: seen.rows.saturating_add(rows) }
            }
        };
        if rows > 0 {
            let part = self.specification.part(&training)?;
            self.add(part)?;
            let weighs = |weights: &[f64]| weights.iter().any(|weight| *weight > 0.0);
            self.weighs |= training.weights().is_none_or(weighs);
        }
        self.seen = Some(seen);
        Ok(())
    }

    /// Takes what another learner of the same specification has seen, as if its rows followed. Where the order of the rows
    /// matters to what is learnt, as to a [`RareLabelEncoder`](super::super::RareLabelEncoder) among labels of as many rows, learners are merged in that order.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a learner with other parameters; [`Error::SchemaMismatch`] for one of other columns.
    pub fn merge(&mut self, other: Self) -> Result<()> {
        self.same_parameters(self.name(), other.name(), &other.parameters)?;
        let seen = match (self.seen.take(), other.seen) {
            (Some(own), Some(other)) => match agreed(&own.schema, &other.schema) {
                Ok(schema) => Some(Seen { schema, rows: own.rows.saturating_add(other.rows) }),
                Err(error) => {
                    self.seen = Some(own);
                    return Err(error);
                }
            },
            (own, other) => own.or(other),
        };
        if let Some(part) = other.part {
            self.add(part)?;
        }
        self.weighs |= other.weighs;
        self.seen = seen;
        Ok(())
    }

    /// What was learnt from all rows.
    ///
    /// # Errors
    /// As [`Fit::learn`](crate::transform::Fit::learn), also where no part had a row.
    pub fn finish(self) -> Result<T::Fitted> {
        let operation = format!("fit {}", self.name());
        match (self.part, self.seen) {
            (Some(_), Some(_)) if !self.weighs => {
                Err(Error::invalid_input(operation, "weights", "all are 0"))
            }
            (Some(part), Some(seen)) => self.specification.finish(part, &seen),
            _ => Err(Error::invalid_input(operation, "table", "it has no rows, and at least one is needed")),
        }
    }

    /// What was seen so far as bytes, for a worker of another process: JSON with a format version and a digest.
    ///
    /// # Errors
    /// [`Error::Internal`] if it cannot be written, which would be a fault of this library.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let content = Content {
            transformer: self.name().to_owned(),
            parameters: self.parameters.clone(),
            schema: self.seen.as_ref().map(|seen| seen.schema.clone()),
            rows: self.rows(),
            weighs: self.weighs,
            part: self.part.as_ref(),
        };
        let digest = digest(&content)?;
        let stored = Stored { format: FORMAT.to_owned(), version: VERSION, digest, content };
        serde_json::to_vec(&stored).map_err(unwritable)
    }

    /// Reads what [`PartialFit::to_bytes`] wrote, for this specification.
    ///
    /// # Errors
    /// As [`PartialFit::new`]; [`Error::InvalidInput`] for bytes of another transformer or other parameters;
    /// [`Error::Corrupt`] for bytes that are not what was written; [`Error::Unsupported`] for a format version that this
    /// library does not know.
    pub fn from_bytes(specification: T, bytes: &[u8]) -> Result<Self> {
        let unreadable = |cause: serde_json::Error| {
            Error::corrupt(READ, "bytes", cause.to_string())
                .remedy("send the part again, or observe its rows again")
                .caused_by(cause)
        };
        let mut own = Self::new(specification)?;
        let header: Stored<Content<serde::de::IgnoredAny>> =
            serde_json::from_slice(bytes).map_err(unreadable)?;
        if header.format != FORMAT {
            let problem = format!("this is {:?}, not {FORMAT:?}", header.format);
            return Err(Error::corrupt(READ, "bytes", problem));
        }
        if header.version != VERSION {
            let version = format!("format version {}", header.version);
            let problem = format!("this version of the library reads format version {VERSION}");
            return Err(Error::unsupported(READ, version, problem)
                .remedy("use the same version of the library on all workers"));
        }
        own.same_parameters(own.name(), &header.content.transformer, &header.content.parameters)?;
        let stored: Stored<Content<T::Part>> = serde_json::from_slice(bytes).map_err(unreadable)?;
        let corrupt = |problem: &str| {
            Error::corrupt(READ, "content", problem).remedy("send the part again, or observe its rows again")
        };
        if digest(&stored.content)? != stored.digest {
            return Err(corrupt("its digest is another than the one that was stored"));
        }
        let Content { schema, rows, weighs, part, .. } = stored.content;
        let columns = schema.as_ref().map_or(0, Schema::len);
        let fits = part.as_ref().is_none_or(|part| own.specification.holds(part, columns));
        if !fits || part.is_some() != (rows > 0) || (schema.is_none() && rows > 0) {
            return Err(corrupt("its numbers do not fit its columns"));
        }
        own.seen = schema.map(|schema| Seen { schema, rows });
        (own.weighs, own.part) = (weighs, part);
        Ok(own)
    }

    fn name(&self) -> &'static str {
        let transformer: Transformer = self.specification.clone().into();
        transformer.name()
    }

    fn add(&mut self, part: T::Part) -> Result<()> {
        let merged = match self.part.take() {
            None => part,
            Some(own) => self.specification.merge(own, part)?,
        };
        self.part = Some(merged);
        Ok(())
    }

    fn same_parameters(&self, own: &str, other: &str, parameters: &Parameters) -> Result<()> {
        // By their words, in which NaN is NaN.
        if own == other && self.parameters.to_string() == parameters.to_string() {
            return Ok(());
        }
        let problem = format!("it is of {other}({parameters}), and this one of {own}({})", self.parameters);
        Err(Error::invalid_input(OPERATION, "part", problem)
            .remedy("give all workers the same specification"))
    }

    /// The table in the order of the columns seen first; none where it has that order.
    fn ordered(&self, table: &RecordBatch) -> Result<Option<RecordBatch>> {
        let Some(seen) = &self.seen else { return Ok(None) };
        let fields = table.schema_ref().fields();
        let given = fields.iter().map(|field| field.name().as_str());
        if given.clone().eq(seen.schema.names()) {
            return Ok(None);
        }
        if let Some(new) = given.clone().find(|name| seen.schema.field(name).is_none()) {
            let problem = "earlier parts have no such column";
            return Err(Error::schema_mismatch(OPERATION, new, problem)
                .remedy("leave it out, or begin with a part that has it"));
        }
        let names: Vec<String> = seen.schema.names().map(str::to_owned).collect();
        project(table, &names, OPERATION).map(Some)
    }
}

const READ: &str = "read part";

/// The columns of both, nullable where one of them is; they have the same names in the same order.
pub(crate) fn agreed(own: &Schema, other: &Schema) -> Result<Schema> {
    let both = |(own, other): (&Field, &Field)| {
        if own.name() != other.name() {
            let problem = format!("earlier parts have {} in its place", own.name());
            return Err(Error::schema_mismatch(OPERATION, other.name(), problem)
                .remedy("give all parts the same columns, in one order"));
        }
        if own.dtype() != other.dtype() {
            let problem = format!("expected {}, as in earlier parts, got {}", own.dtype(), other.dtype());
            return Err(Error::schema_mismatch(OPERATION, other.name(), problem)
                .remedy("cast the column, so that all parts have one type"));
        }
        Ok(if other.is_nullable() { own.clone().nullable() } else { own.clone() })
    };
    if own.len() != other.len() {
        let problem = format!("there are {} columns, and {} in earlier parts", other.len(), own.len());
        return Err(Error::schema_mismatch(OPERATION, "table", problem));
    }
    Schema::new(own.fields().iter().zip(other.fields()).map(both).collect::<Result<Vec<_>>>()?)
}

fn digest(content: &impl Serialize) -> Result<String> {
    let bytes = serde_json::to_vec(content).map_err(unwritable)?;
    Ok(Digest::of(&bytes).to_string())
}

fn unwritable(cause: serde_json::Error) -> Error {
    Error::internal("write part", "content", cause.to_string()).caused_by(cause)
}

/// The bytes that would be of this content; none where it cannot be one of this transformer.
#[cfg(test)]
pub(super) fn forge(content: serde_json::Value) -> Option<Vec<u8>> {
    let content: Content<<Transformer as Parts>::Part> = serde_json::from_value(content).ok()?;
    let digest = digest(&content).ok()?;
    let stored = Stored { format: FORMAT.to_owned(), version: VERSION, digest, content };
    serde_json::to_vec(&stored).ok()
}
