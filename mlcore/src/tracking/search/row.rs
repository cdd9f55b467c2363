use std::borrow::Cow;

use super::like::{ilike, like};
use super::{Entity, Field, Filter, SortKey, Test};
use crate::tracking::{CONTEXT_TAG, Experiment, LoggedModel, Run, millis};

/// What a row has in a column.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub enum Found<'a> {
    /// Nothing.
    Missing,
    /// A number.
    Number(f64),
    /// A text.
    Text(Cow<'a, str>),
    /// An id that is compared as a text and ordered as a number where it is one: see [`ordinal`].
    Id(&'a str),
    /// Several texts, for a column of datasets: one of them must pass.
    Texts(Vec<&'a str>),
}

impl<'a> Found<'a> {
    /// A text, or nothing.
    pub fn text(text: Option<&'a str>) -> Self {
        text.map_or(Self::Missing, |text| Self::Text(Cow::Borrowed(text)))
    }

    /// A time in milliseconds, or nothing.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds are exact for 285,000 years")]
    pub fn time(time: Option<crate::time::Timestamp>) -> Self {
        time.map_or(Self::Missing, |time| Self::Number(millis(time) as f64))
    }

    /// What the row is ordered by in this column.
    #[must_use]
    pub fn sort_key(self) -> SortKey {
        match self {
            Self::Missing | Self::Texts(_) => SortKey::Missing,
            Self::Number(number) if number.is_nan() => SortKey::NotANumber,
            Self::Number(number) => SortKey::Number(number),
            Self::Text(text) => SortKey::Text(text.into_owned()),
            Self::Id(id) => SortKey::Text(ordinal(id)),
        }
    }
}

/// A text whose order is that of ids: 2 comes before 10, as in MLflow, whose ids of experiments are numbers. Ids that are no
/// numbers come before all that are, and zeros in front make none.
///
/// ```
/// use mlcore::tracking::search::ordinal;
///
/// let mut ids = ["10", "2", "churn", "007"];
/// ids.sort_by_key(|id| ordinal(id));
/// assert_eq!(ids, ["007", "churn", "2", "10"]);
/// ```
#[must_use]
pub fn ordinal(id: &str) -> String {
    let is_number = id == "0" || !id.starts_with('0') && id.bytes().all(|byte| byte.is_ascii_digit());
    // Of two numbers the shorter one is less. An id of an experiment has at most 64 characters.
    if is_number && !id.is_empty() { format!("1{:02}{id}", id.len()) } else { format!("0{id}") }
}

/// Something that is searched.
pub trait Row {
    /// What is in a column.
    fn find(&self, field: &Field) -> Found<'_>;
}

impl Filter {
    /// Says whether a row passes every comparison. What is missing passes `IS NULL` alone.
    ///
    /// ```
    /// use mlcore::tracking::search::{Field, Found, Grammar, Row};
    ///
    /// struct Loss(f64);
    ///
    /// impl Row for Loss {
    ///     fn find(&self, field: &Field) -> Found<'_> {
    ///         if field.key == "loss" { Found::Number(self.0) } else { Found::Missing }
    ///     }
    /// }
    ///
    /// let filter = Grammar::RUNS.filter("metrics.loss < 0.5 AND params.depth IS NULL")?;
    /// assert!(filter.passes(&Loss(0.25)) && !filter.passes(&Loss(f64::NAN)));
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    #[must_use]
    pub fn passes(&self, row: &dyn Row) -> bool {
        self.clauses.iter().all(|clause| clause.test.passes(&row.find(&clause.field)))
    }
}

impl Test {
    fn passes(&self, found: &Found<'_>) -> bool {
        match (self, found) {
            (Self::IsNull, found) => *found == Found::Missing,
            (Self::IsNotNull, found) => *found != Found::Missing,
            (_, Found::Missing) => false,
            (Self::Number(comparison, limit), Found::Number(value)) => comparison.holds(*value, *limit),
            (_, Found::Text(text)) => self.passes_text(text),
            (_, Found::Id(id)) => self.passes_text(id),
            (_, Found::Texts(texts)) => texts.iter().any(|text| self.passes_text(text)),
            (_, Found::Number(_)) => false,
        }
    }

    fn passes_text(&self, text: &str) -> bool {
        match self {
            Self::Equal(due) => text == due,
            Self::NotEqual(other) => text != other,
            Self::Like(pattern) => like(text, pattern),
            Self::ILike(pattern) => ilike(text, pattern),
            Self::In(list) => list.iter().any(|due| text == due),
            Self::NotIn(list) => list.iter().all(|other| text != other),
            Self::IsNotNull => true,
            Self::Number(..) | Self::IsNull => false,
        }
    }
}

impl<R: Row + ?Sized> Row for &R {
    fn find(&self, field: &Field) -> Found<'_> {
        (**self).find(field)
    }
}

impl Row for Run {
    fn find(&self, field: &Field) -> Found<'_> {
        let (key, info, data) = (&*field.key, &self.info, &self.data);
        match field.entity {
            Entity::Metric => {
                data.metrics.get(key).map_or(Found::Missing, |metric| Found::Number(metric.value))
            }
            Entity::Param => Found::text(data.params.get(key).map(String::as_str)),
            Entity::Tag => Found::text(data.tags.get(key).map(String::as_str)),
            Entity::Dataset => {
                let inputs = self.inputs.datasets.iter();
                let texts: Vec<_> = inputs
                    .filter_map(|input| match key {
                        "name" => Some(&*input.dataset.name),
                        "digest" => Some(&*input.dataset.digest),
                        _ => input.tags.get(CONTEXT_TAG).map(String::as_str),
                    })
                    .collect();
                if texts.is_empty() { Found::Missing } else { Found::Texts(texts) }
            }
            Entity::Attribute => match key {
                "run_id" => Found::text(Some(info.id.as_str())),
                "run_name" => Found::text(Some(&info.name)),
                "user_id" => Found::text(Some(&info.user_id)),
                "status" => Found::text(Some(info.status.name())),
                "artifact_uri" => Found::text(Some(&info.artifact_uri)),
                "start_time" => Found::time(Some(info.start_time)),
                "end_time" => Found::time(info.end_time),
                _ => Found::Missing,
            },
        }
    }
}

impl Row for Experiment {
    fn find(&self, field: &Field) -> Found<'_> {
        match (field.entity, &*field.key) {
            (Entity::Tag, key) => Found::text(self.tags.get(key).map(String::as_str)),
            (Entity::Attribute, "name") => Found::text(Some(&self.name)),
            (Entity::Attribute, "experiment_id") => Found::Id(self.id.as_str()),
            (Entity::Attribute, "creation_time") => Found::time(Some(self.creation_time)),
            (Entity::Attribute, "last_update_time") => Found::time(Some(self.last_update_time)),
            _ => Found::Missing,
        }
    }
}

/// A logged model, of whose metrics only those on some datasets count.
#[derive(Debug)]
pub(in crate::tracking) struct ModelRow<'a> {
    pub(in crate::tracking) model: &'a LoggedModel,
    /// Name, and digest or any; all metrics count where there are none.
    pub(in crate::tracking) datasets: &'a [(String, Option<String>)],
}

impl ModelRow<'_> {
    /// Says whether something was measured on one of the datasets, where there are some.
    pub(in crate::tracking) fn is_measured(&self) -> bool {
        self.datasets.is_empty() || self.model.metrics.iter().any(|found| self.counts(&found.metric))
    }

    fn counts(&self, metric: &crate::tracking::Metric) -> bool {
        let is_on = |(name, digest): &(String, Option<String>)| {
            metric.dataset_name.as_ref() == Some(name)
                && (digest.is_none() || *digest == metric.dataset_digest)
        };
        self.datasets.is_empty() || self.datasets.iter().any(is_on)
    }

    /// The latest value: by time, then by step.
    fn metric(&self, key: &str) -> Found<'_> {
        let metrics = self.model.metrics.iter().map(|found| &found.metric);
        let counting = metrics.filter(|metric| metric.key == key && self.counts(metric));
        let latest = counting.max_by_key(|metric| (metric.timestamp_ms, metric.step));
        latest.map_or(Found::Missing, |metric| Found::Number(metric.value))
    }
}

impl Row for ModelRow<'_> {
    fn find(&self, field: &Field) -> Found<'_> {
        let (key, model) = (&*field.key, self.model);
        match field.entity {
            Entity::Metric => self.metric(key),
            Entity::Param => Found::text(model.params.get(key).map(String::as_str)),
            Entity::Tag => Found::text(model.tags.get(key).map(String::as_str)),
            Entity::Dataset => Found::Missing,
            Entity::Attribute => match key {
                "name" => Found::text(Some(&model.name)),
                "model_id" => Found::text(Some(model.id.as_str())),
                "experiment_id" => Found::Id(model.experiment.as_str()),
                "model_type" => Found::text(model.model_type.as_deref()),
                "status" => Found::text(Some(model.status.name())),
                "source_run_id" => Found::text(model.source_run.as_ref().map(crate::name::RunId::as_str)),
                "creation_timestamp" => Found::time(Some(model.creation_time)),
                "last_updated_timestamp" => Found::time(Some(model.last_updated_time)),
                _ => Found::Missing,
            },
        }
    }
}

/// The models of a search as its filter sees them. Where datasets are given and no comparison is of a metric, only those that
/// were measured on one of them, as in MLflow.
pub(in crate::tracking) fn model_rows<'a>(
    models: impl Iterator<Item = &'a LoggedModel>,
    search: &'a crate::tracking::LoggedModelSearch,
) -> impl Iterator<Item = ModelRow<'a>> {
    models.map(|model| ModelRow { model, datasets: &search.datasets }).filter(ModelRow::is_measured)
}
