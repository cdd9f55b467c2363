//! What a body asks that is not the protocol's: raw records, KServe's first protocol, MLflow's forms.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mlcore::arrow::array::RecordBatch;
use mlcore::batch::TableBuilder;
use mlcore::name::{RequestId, UnitId, Version};
use mlcore::{Error, Result};
use mlcore_features::store::key::EntityKey;
use serde_json::value::RawValue;

use super::refusal::Refusal;
use super::{Answered, HttpService};
use crate::endpoint::{Prediction, Request};
use crate::models::work::{LARGE_BODY, aside, is_quick};
use crate::models::{Asked, Inference, Served};
use crate::v2::InferRequest;

/// A form of bodies and of their answers.
pub(super) trait Form: Send + 'static {
    /// What the answer needs of the question.
    type Kept: Send + 'static;

    /// Reads a body that arrived at this time and has at most so many records.
    fn read<'b>(
        &self,
        served: &Served,
        body: &'b [u8],
        most: usize,
        arrived: Instant,
    ) -> Result<(Question<'b>, Self::Kept), Refusal>;

    fn write(&self, served: &Served, kept: Self::Kept, prediction: &Prediction) -> Answered;
}

/// What is asked.
pub(super) enum Question<'b> {
    /// About the tensors of a model.
    Tensors { request: InferRequest, version: Option<Version>, arrived: Instant },
    /// About raw records.
    Records {
        records: Records<'b>,
        unit: UnitId,
        id: Option<RequestId>,
        asked: Asked,
        /// Whose features are looked up.
        entities: Vec<EntityKey>,
    },
}

/// Raw records.
pub(super) enum Records<'b> {
    /// One, which no table is made for.
    One(Cow<'b, RawValue>),
    Several(Arc<RecordBatch>),
    /// None, but entities.
    None,
}

/// Who asks about raw records, and how.
pub(super) struct Who {
    pub(super) unit: Option<String>,
    pub(super) id: Option<RequestId>,
    pub(super) version: Option<Version>,
    pub(super) timeout: Option<Duration>,
    pub(super) arrived: Instant,
}

impl<'b> Question<'b> {
    /// A question about raw records.
    ///
    /// # Errors
    /// What reading them answers.
    pub(super) fn of_records(
        served: &Served,
        mut records: Vec<Cow<'b, RawValue>>,
        who: Who,
        entities: Vec<EntityKey>,
    ) -> Result<Self> {
        let Who { unit, id, version, timeout, arrived } = who;
        let unit = served.unit(unit, id.as_ref())?;
        let rows = if records.is_empty() { entities.len() } else { records.len() };
        let asked = Asked { version, timeout, arrived, rows, priority: 0, elsewhere: false };
        let records = match records.pop() {
            None => Records::None,
            Some(only) if records.is_empty() => Records::One(only),
            last => {
                records.extend(last);
                Records::Several(table(served, &records)?)
            }
        };
        Ok(Self::Records { records, unit, id, asked, entities })
    }

    /// Asks it. Where requests are batched, the thread waits for its place.
    fn ask(&self, served: &Served) -> Result<Inference> {
        match self {
            Self::Tensors { request, version, arrived } => served.infer(request, *version, *arrived),
            Self::Records { records, unit, id, asked, entities } => {
                let ask = |request: Request<'_>| {
                    let request = named(request, id.as_ref()).with_entities(entities);
                    served.predict(request, *asked, |_| Ok(()))
                };
                match records {
                    Records::None => ask(Request::entities(unit, entities)),
                    Records::Several(table) => ask(Request::table(unit, table)),
                    Records::One(record) => {
                        let mut reader = served.endpoint().records()?.with_strict_names();
                        reader.read_json(record.get().as_bytes(), |row| ask(Request::row(unit, row)))
                    }
                }
            }
        }
    }

    /// The same without its body.
    pub(super) fn into_owned(self) -> Question<'static> {
        match self {
            Self::Tensors { request, version, arrived } => Question::Tensors { request, version, arrived },
            Self::Records { records, unit, id, asked, entities } => {
                let records = match records {
                    Records::None => Records::None,
                    Records::Several(table) => Records::Several(table),
                    Records::One(record) => Records::One(Cow::Owned(record.into_owned())),
                };
                Question::Records { records, unit, id, asked, entities }
            }
        }
    }
}

impl Question<'static> {
    /// Asks it without a thread that waits; `elsewhere` forbids its run on the thread that polls.
    async fn ask_async(self, served: &Served, elsewhere: bool) -> Result<Inference> {
        match self {
            Self::Tensors { request, version, arrived } => {
                served.infer_async(&request, version, arrived, elsewhere).await
            }
            Self::Records { records, unit, id, asked, entities } => {
                let table = match records {
                    Records::None => None,
                    Records::Several(table) => Some(table),
                    Records::One(record) => Some(table(served, &[record])?),
                };
                let request = match &table {
                    Some(table) => Request::table(&unit, table).with_entities(&entities),
                    None => Request::entities(&unit, &entities),
                };
                let request = named(request, id.as_ref());
                served.predict_async(request, Asked { elsewhere, ..asked }, |_| Ok(())).await
            }
        }
    }
}

fn named<'r>(request: Request<'r>, id: Option<&'r RequestId>) -> Request<'r> {
    match id {
        Some(id) => request.with_id(id),
        None => request,
    }
}

/// The table of these records.
fn table(served: &Served, records: &[Cow<'_, RawValue>]) -> Result<Arc<RecordBatch>> {
    let mut reader = served.endpoint().records()?.with_strict_names();
    let mut table = TableBuilder::new(&served.endpoint().columns())?;
    for (place, record) in records.iter().enumerate() {
        let appended = reader.read_json(record.get().as_bytes(), |row| table.append(row));
        appended.map_err(|error| if records.len() > 1 { in_record(place, error) } else { error })?;
    }
    Ok(Arc::new(table.finish()?))
}

/// What is wrong with one of several records.
fn in_record(place: usize, error: Error) -> Error {
    let context = error.context();
    let subject = format!("record {place}, {}", context.subject());
    let told = match &error {
        Error::SchemaMismatch(_) => Error::schema_mismatch(READ, subject, context.problem().to_owned()),
        _ => Error::invalid_input(READ, subject, context.problem().to_owned()),
    };
    match context.remedy().map(str::to_owned) {
        Some(remedy) => told.remedy(remedy).caused_by(error),
        None => told.caused_by(error),
    }
}

/// Some, and not too many.
pub(super) fn check_count(what: &'static str, count: usize, most: usize) -> Result<()> {
    match count {
        0 => Err(Error::invalid_input(READ, what, "there are none")),
        count if count > most => {
            Err(Error::invalid_input(READ, what, format!("there are {count}, and at most {most} are taken")))
        }
        _ => Ok(()),
    }
}

impl HttpService {
    /// Answers what a body of this form asks of a model.
    pub(super) async fn ask<F: Form>(
        &self,
        served: Arc<Served>,
        body: Bytes,
        form: F,
        arrived: Instant,
    ) -> Answered {
        let most = self.inner.limits.request.records;
        let is_small = body.len() < LARGE_BODY;
        let waits = served.endpoint().waits_for_stores();
        let is_quick = is_quick(&served, body.len()) && !waits;
        if served.batching().is_none() || waits {
            let answer = move || {
                let (question, kept) = form.read(&served, &body, most, arrived)?;
                let inference = question.ask(&served)?;
                write(&form, &served, kept, inference, arrived)
            };
            return aside(is_quick, answer).await?;
        }
        // While others' requests run, no thread waits.
        let reader = served.clone();
        let read = move || -> Result<_, Refusal> {
            let (question, kept) = form.read(&reader, &body, most, arrived)?;
            let question = question.into_owned();
            Ok((form, question, kept))
        };
        let (form, question, kept) = aside(is_small, read).await??;
        let inference = question.ask_async(&served, !is_quick).await?;
        aside(is_small, move || write(&form, &served, kept, inference, arrived)).await?
    }
}

fn write<F: Form>(
    form: &F,
    served: &Served,
    kept: F::Kept,
    inference: Inference,
    arrived: Instant,
) -> Answered {
    let Inference { prediction, mut spent, .. } = inference;
    let began = Instant::now();
    let answer = form.write(served, kept, &prediction)?;
    (spent.output, spent.total) = (began.elapsed(), arrived.elapsed());
    served.answered(&prediction, spent);
    Ok(answer)
}

const READ: &str = "read request";
