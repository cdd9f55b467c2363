use mlcore::arrow::array::RecordBatch;
use mlcore::batch::OwnedValue;
use mlcore::schema::{DType, Schema};
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::calendar::{DatetimeFeature, Shown};
use super::zone::{Clock, Zone};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::moment::{Moment, MomentKernel};
use crate::program::text::Refused;
use crate::transform::input::FitColumn;
use crate::transform::{Attribute, Attributes, Fit, Parameter, Training, Transform, input, inverse};

/// What becomes of a missing value: of a date, a time or a label.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingValues {
    /// It is refused.
    #[default]
    Raise,
    /// What is made of it is missing, too.
    Ignore,
}

/// Months, weekdays, hours and the like of dates and times.
///
/// Takes dates, timestamps and times of day, which have hours, minutes and seconds alone; the features of a column are named by
/// the column, `_` and the feature. A timestamp with a time zone is read in its own zone, or in the `time_zone` that is asked for, with
/// all changes of its clocks; one without is read as it stands, and no zone is assumed for it. What is fitted keeps the rules
/// of its zones, so that a plan computes the same with every release of the IANA database.
///
/// Source: feature-engine, `DatetimeFeatures`, with the numbers of pandas; a missing moment that is ignored has no feature,
/// where feature-engine takes it for a weekend.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{AsArray, RecordBatch, TimestampSecondArray};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{DatetimeFeature, DatetimeFeatures, Fit, Transform};
///
/// let seen = Arc::new(TimestampSecondArray::from(vec![1_709_248_500]).with_timezone("UTC"));
/// let table = RecordBatch::try_from_iter([("seen", seen as _)]).unwrap();
/// let parts = DatetimeFeatures::default()
///     .features_to_extract([DatetimeFeature::DayOfMonth, DatetimeFeature::Hour])
///     .time_zone("Europe/Berlin");
/// let (fitted, features) = parts.fit_transform(&table)?;
/// assert_eq!(fitted.feature_names_out()?, ["seen_day_of_month", "seen_hour"]);
/// let number = |column: usize| features.column(column).as_primitive::<Float64Type>().value(0);
/// assert_eq!((number(0), number(1)), (1.0, 0.0));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatetimeFeatures {
    features_to_extract: Option<Extracted>,
    time_zone: Option<String>,
    drop_original: bool,
    missing_values: MissingValues,
}

/// Which features are wanted.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Parameter", into = "Parameter")]
enum Extracted {
    All,
    Listed(Vec<DatetimeFeature>),
}

impl TryFrom<Parameter> for Extracted {
    type Error = String;

    fn try_from(value: Parameter) -> Result<Self, String> {
        let find = |value: &Parameter| {
            let name = value.as_text()?;
            DatetimeFeature::ALL.into_iter().find(|feature| feature.name() == name)
        };
        let extracted = match &value {
            Parameter::Value(_) => (value.as_text() == Some("all")).then_some(Self::All),
            Parameter::List(names) => names.iter().map(find).collect::<Option<_>>().map(Self::Listed),
        };
        extracted.ok_or_else(|| {
            let known = DatetimeFeature::ALL.map(DatetimeFeature::name).join(", ");
            value.is_not(&format!("\"all\" or a list of {known}"))
        })
    }
}

impl From<Extracted> for Parameter {
    fn from(extracted: Extracted) -> Self {
        match extracted {
            Extracted::All => "all".into(),
            Extracted::Listed(features) => {
                features.into_iter().map(DatetimeFeature::name).collect::<Vec<_>>().into()
            }
        }
    }
}

impl Default for DatetimeFeatures {
    fn default() -> Self {
        Self {
            features_to_extract: None,
            time_zone: None,
            drop_original: true,
            missing_values: MissingValues::Raise,
        }
    }
}

impl DatetimeFeatures {
    /// Which features to derive, in this order. Default: [`DatetimeFeatures::USUAL`].
    #[must_use]
    pub fn features_to_extract(mut self, features: impl IntoIterator<Item = DatetimeFeature>) -> Self {
        self.features_to_extract = Some(Extracted::Listed(features.into_iter().collect()));
        self
    }

    /// The time zone in which timestamps are read: a name of the IANA database, or an offset such as `+05:30`. Columns without a
    /// time zone are refused then. Default: that of each column.
    #[must_use]
    pub fn time_zone(mut self, time_zone: impl Into<String>) -> Self {
        self.time_zone = Some(time_zone.into());
        self
    }

    /// Whether the dates and times themselves are left out. Default: true.
    #[must_use]
    pub fn drop_original(mut self, drop_original: bool) -> Self {
        self.drop_original = drop_original;
        self
    }

    /// What becomes of a missing value: of a date, a time or a label. Default: it is refused.
    #[must_use]
    pub fn missing_values(mut self, missing_values: MissingValues) -> Self {
        self.missing_values = missing_values;
        self
    }

    /// What is derived where nothing else is asked for.
    pub const USUAL: [DatetimeFeature; 7] = [
        DatetimeFeature::Month,
        DatetimeFeature::Year,
        DatetimeFeature::DayOfWeek,
        DatetimeFeature::DayOfMonth,
        DatetimeFeature::Hour,
        DatetimeFeature::Minute,
        DatetimeFeature::Second,
    ];

    fn features(&self) -> &[DatetimeFeature] {
        match &self.features_to_extract {
            None => &Self::USUAL,
            Some(Extracted::All) => &DatetimeFeature::ALL,
            Some(Extracted::Listed(features)) => features,
        }
    }

    /// The rules by which a column is read; none where it has no time zone.
    fn zone(&self, column: &FitColumn) -> Result<Option<Zone>> {
        let own = match column.dtype() {
            DType::Timestamp(_, zone) => zone,
            DType::Date => None,
            DType::Time(_) => {
                return match self.features().iter().find(|feature| !feature.is_of_day()) {
                    Some(feature) => {
                        let problem = format!("a time of day has no {}", feature.name());
                        Err(column.error(problem).remedy("ask for hour, minute and second alone"))
                    }
                    None if self.time_zone.is_some() => Err(without_zone(column)),
                    None => Ok(None),
                };
            }
            _ => return Err(column.unfit("dates or times")),
        };
        match (&self.time_zone, own) {
            (None, None) => Ok(None),
            (Some(_), None) => Err(without_zone(column)),
            (Some(wanted), Some(_)) => Zone::named(wanted, OPERATION).map(Some),
            (None, Some(own)) => Zone::named(own.name(), OPERATION).map(Some),
        }
    }
}

fn without_zone(column: &FitColumn) -> Error {
    column
        .error("the column has no time zone, from which time_zone could convert")
        .remedy("give the column the time zone that its values are meant in, or leave time_zone at None")
}

const OPERATION: &str = "fit DatetimeFeatures";

impl Fit for DatetimeFeatures {
    type Fitted = FittedDatetimeFeatures;

    fn learn(&self, training: &Training<'_>) -> Result<FittedDatetimeFeatures> {
        let columns = input::columns(training, OPERATION)?;
        let features = self.features();
        let twice =
            features.iter().enumerate().find(|(place, own)| features.iter().take(*place).any(|f| f == *own));
        if let Some((_, feature)) = twice {
            let problem = format!("{} is there twice", feature.name());
            return Err(Error::invalid_input(OPERATION, "features_to_extract", problem));
        }
        if features.is_empty() {
            let problem = "it is empty, and at least one feature is needed";
            return Err(Error::invalid_input(OPERATION, "features_to_extract", problem));
        }
        let zones = columns.iter().map(|column| self.zone(column)).collect::<Result<_>>()?;
        if self.missing_values == MissingValues::Ignore {
            return Ok(FittedDatetimeFeatures {
                parameters: self.clone(),
                input: input::nullable_schema(&columns)?,
                zones,
            });
        }
        for column in &columns {
            if let Some(row) = column.view()?.first_null(0, column.len()) {
                let problem = format!("row {row}: a missing value {}", MISSING.problem);
                return Err(column.error(problem).remedy(MISSING.remedy));
            }
        }
        Ok(FittedDatetimeFeatures { parameters: self.clone(), input: input::schema(&columns)?, zones })
    }
}

crate::transform::parts::columns_only!(DatetimeFeatures, FittedDatetimeFeatures);

/// A [`DatetimeFeatures`] that has seen its columns.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedDatetimeFeatures {
    parameters: DatetimeFeatures,
    input: Schema,
    /// The rules of the time zone of each column that has one.
    zones: Vec<Option<Zone>>,
}

impl FittedDatetimeFeatures {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &DatetimeFeatures {
        &self.parameters
    }

    /// The features that are derived from each column (`features_to_extract_`).
    #[must_use]
    pub fn features_to_extract(&self) -> &[DatetimeFeature] {
        self.parameters.features()
    }
}

impl Transform for FittedDatetimeFeatures {
    fn attributes(&self) -> Attributes {
        let texts = |texts: Vec<OwnedValue>| Attribute::Values { dtype: DType::String, values: texts };
        let features = self.features_to_extract().iter().map(|feature| feature.name().into());
        vec![
            ("variables_", texts(self.input.names().map(OwnedValue::from).collect())),
            ("features_to_extract_", texts(features.collect())),
        ]
    }

    fn inverse_transform(&self, _: &RecordBatch) -> Result<RecordBatch> {
        Err(Error::unsupported(inverse::OPERATION, "DatetimeFeatures", "the features may tell only a part")
            .remedy("set drop_original to False, or keep the columns with a ColumnTransformer"))
    }
}

impl Lower for FittedDatetimeFeatures {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let corrupt = |problem: &str| Error::corrupt("compile plan", "DatetimeFeatures", problem.to_owned());
        if self.zones.len() != columns.len() {
            return Err(corrupt("columns and time zones differ in number"));
        }
        let mut outputs = if self.parameters.drop_original { Vec::new() } else { columns.clone() };
        for (column, zone) in columns.iter().zip(&self.zones) {
            let clock = match zone {
                None => None,
                Some(zone) => {
                    Some(zone.clock().ok_or_else(|| corrupt("the rules of a time zone are damaged"))?)
                }
            };
            let features = self.features_to_extract();
            let name = |feature: &DatetimeFeature| format!("{}_{}", column.name, feature.name());
            let names = features.iter().map(name).collect();
            let missing = self.parameters.missing_values;
            let kernel = Read { features: features.into(), clock, missing };
            outputs.extend(builder.read_moments(
                "DatetimeFeatures",
                std::slice::from_ref(column),
                kernel,
                names,
            )?);
        }
        Ok(outputs)
    }
}

/// Reads features off a calendar and a clock.
#[derive(Debug)]
pub(in crate::transform) struct Read {
    pub(in crate::transform) features: Box<[DatetimeFeature]>,
    pub(in crate::transform) clock: Option<Clock>,
    pub(in crate::transform) missing: MissingValues,
}

impl MomentKernel for Read {
    fn apply(&self, moments: &[Option<Moment>], outputs: &mut [f64]) -> Result<(), Refused> {
        let Some(moment) = moments.first().copied().flatten() else {
            if self.missing == MissingValues::Raise {
                return Err(MISSING);
            }
            outputs.fill(f64::NAN);
            return Ok(());
        };
        let second = match moment {
            Moment::Date(days) => i128::from(days) * 86_400,
            Moment::Time(nanoseconds) => i128::from(nanoseconds).div_euclid(PER_SECOND),
            Moment::Shown(nanoseconds) => nanoseconds.div_euclid(PER_SECOND),
            Moment::Instant(nanoseconds) => {
                let second = nanoseconds.div_euclid(PER_SECOND);
                let offset = match (&self.clock, i64::try_from(second)) {
                    (Some(clock), Ok(second)) => clock.offset(second),
                    _ => 0,
                };
                second + i128::from(offset)
            }
        };
        let shown = Shown::new(second).ok_or(BEYOND)?;
        for (output, feature) in outputs.iter_mut().zip(&self.features) {
            *output = shown.number(*feature);
        }
        Ok(())
    }
}

const PER_SECOND: i128 = 1_000_000_000;

pub(super) const MISSING: Refused = Refused {
    input: 0,
    problem: "has neither a date nor a time",
    remedy: "set missing_values to ignore, or leave such rows out",
};

const BEYOND: Refused = Refused {
    input: 0,
    problem: "is on no day of the calendar, which ends in the year 5,881,580",
    remedy: "look whether the column is in the unit that its type says",
};
