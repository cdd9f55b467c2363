use std::f64::consts::PI;

use mlcore::arrow::array::RecordBatch;
use mlcore::batch::OwnedValue;
use mlcore::schema::{DType, Schema};
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::graph::{Graph, Inexpressible, Number, Tensor};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::joint::JointKernel;
use crate::program::kernel::Kernel;
use crate::program::number::NumberKernel;
use crate::transform::input::FitColumn;
use crate::transform::{Attribute, Attributes, Fit, Training, Transform, input, inverse};

/// The distance of two points on the Earth, which four columns give in degrees: the latitude and the longitude of each.
///
/// The Earth is a sphere, whose radius is 6371 km, 3958.8 miles, 6,371,000 meters or 20,902,231 feet, as the
/// [`output_unit`](GeoDistanceFeatures::output_unit) says. Latitudes are from -90 to 90 and longitudes from -180 to 180;
/// missing values and infinities are refused.
///
/// Source: feature-engine, `GeoDistanceFeatures`. Here the ranges are checked while transforming too, and the distance of
/// points on opposite sides of the Earth is half its circumference where rounding would make it NaN there.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{AsArray, Float64Array, RecordBatch};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{Fit, GeoDistanceFeatures};
///
/// let degrees = |degrees: f64| Arc::new(Float64Array::from(vec![degrees])) as _;
/// let oslo_and_rome = [("a", degrees(59.91)), ("b", degrees(10.75)), ("c", degrees(41.89)), ("d", degrees(12.49))];
/// let table = RecordBatch::try_from_iter(oslo_and_rome).unwrap();
/// let geo = GeoDistanceFeatures::default().columns("a", "b", "c", "d").drop_original(true);
/// let (_, distances) = geo.fit_transform(&table)?;
/// assert_eq!(distances.column(0).as_primitive::<Float64Type>().value(0).round(), 2007.0);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GeoDistanceFeatures {
    lat1: Option<String>,
    lon1: Option<String>,
    lat2: Option<String>,
    lon2: Option<String>,
    method: GeoMethod,
    output_unit: GeoUnit,
    output_col: String,
    drop_original: bool,
    validate_ranges: bool,
}

/// How a [`GeoDistanceFeatures`] measures a distance.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GeoMethod {
    /// Along the great circle through both points, by the haversine formula.
    #[default]
    Haversine,
    /// The root of the squared differences of both degrees, of 111 km each: for points close to each other and the equator.
    Euclidean,
    /// The differences of both degrees, of 111 km each.
    Manhattan,
}

/// What a [`GeoDistanceFeatures`] counts a distance in.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GeoUnit {
    /// Kilometers.
    #[default]
    Km,
    /// Miles.
    Miles,
    /// Meters.
    Meters,
    /// Feet.
    Feet,
}

impl GeoUnit {
    /// The radius of the Earth in this unit.
    const fn radius(self) -> f64 {
        match self {
            Self::Km => 6371.0,
            Self::Miles => 3958.8,
            Self::Meters => 6_371_000.0,
            Self::Feet => 20_902_231.0,
        }
    }
}

/// Kilometers of a degree on the equator, rounded.
const KM_PER_DEGREE: f64 = 111.0;

impl Default for GeoDistanceFeatures {
    fn default() -> Self {
        Self {
            lat1: None,
            lon1: None,
            lat2: None,
            lon2: None,
            method: GeoMethod::default(),
            output_unit: GeoUnit::default(),
            output_col: "geo_distance".to_owned(),
            drop_original: false,
            validate_ranges: true,
        }
    }
}

impl GeoDistanceFeatures {
    /// The columns of both points. Default: the first four columns of the table, in this order.
    #[must_use]
    pub fn columns(
        mut self,
        lat1: impl Into<String>,
        lon1: impl Into<String>,
        lat2: impl Into<String>,
        lon2: impl Into<String>,
    ) -> Self {
        self.lat1 = Some(lat1.into());
        self.lon1 = Some(lon1.into());
        self.lat2 = Some(lat2.into());
        self.lon2 = Some(lon2.into());
        self
    }

    /// How the distance is measured. Default: along the great circle.
    #[must_use]
    pub fn method(mut self, method: GeoMethod) -> Self {
        self.method = method;
        self
    }

    /// What the distance is counted in. Default: kilometers.
    #[must_use]
    pub fn output_unit(mut self, output_unit: GeoUnit) -> Self {
        self.output_unit = output_unit;
        self
    }

    /// The name of the distance. Default `geo_distance`.
    #[must_use]
    pub fn output_col(mut self, output_col: impl Into<String>) -> Self {
        self.output_col = output_col.into();
        self
    }

    /// Sets whether the four columns are left out. Default `false`.
    #[must_use]
    pub fn drop_original(mut self, drop_original: bool) -> Self {
        self.drop_original = drop_original;
        self
    }

    /// Sets whether degrees out of range are refused. Default `true`.
    #[must_use]
    pub fn validate_ranges(mut self, validate_ranges: bool) -> Self {
        self.validate_ranges = validate_ranges;
        self
    }

    /// The places of the four columns among these.
    fn places(&self, names: &[&str]) -> Result<[usize; 4], &'static str> {
        let place = |wanted: &Option<String>, position: usize, parameter: &'static str| {
            let found = match wanted {
                Some(wanted) => names.iter().position(|name| name == wanted),
                None => (position < names.len()).then_some(position),
            };
            found.ok_or(parameter)
        };
        Ok([
            place(&self.lat1, 0, "lat1")?,
            place(&self.lon1, 1, "lon1")?,
            place(&self.lat2, 2, "lat2")?,
            place(&self.lon2, 3, "lon2")?,
        ])
    }
}

const OPERATION: &str = "fit GeoDistanceFeatures";
/// The greatest size of the degrees of each column.
const BOUNDS: [f64; 4] = [90.0, 180.0, 90.0, 180.0];

impl Fit for GeoDistanceFeatures {
    type Fitted = FittedGeoDistanceFeatures;

    fn learn(&self, training: &Training<'_>) -> Result<FittedGeoDistanceFeatures> {
        let columns = input::columns(training, OPERATION)?;
        let names: Vec<&str> = columns.iter().map(|column| column.field.name()).collect();
        let places = self.places(&names).map_err(|parameter| {
            let there = names.get(..20).unwrap_or(&names).join(", ");
            let problem = format!("it names no column of the table, which has {there}");
            Error::invalid_input(OPERATION, parameter, problem).remedy("name one of its columns")
        })?;
        for (place, bound) in places.iter().zip(BOUNDS) {
            if let Some(column) = columns.get(*place) {
                self.check(column, bound)?;
            }
        }
        if !self.drop_original && columns.iter().any(|column| column.field.name() == self.output_col) {
            return Err(Error::invalid_input(OPERATION, "output_col", "a column has this name already")
                .remedy("choose another one"));
        }
        // Columns beside the four are handed on, whatever they hold.
        let fields = columns.iter().enumerate().map(|(place, column)| {
            let field = column.field.clone();
            if places.contains(&place) { field.nullable() } else { field }
        });
        let input = Schema::new(fields)?;
        column_check(&columns)?;
        Ok(FittedGeoDistanceFeatures { parameters: self.clone(), input })
    }
}

/// Stops when the caller wants it to.
fn column_check(columns: &[FitColumn]) -> Result<()> {
    columns.iter().try_for_each(FitColumn::check)
}

impl GeoDistanceFeatures {
    fn check(&self, column: &FitColumn, bound: f64) -> Result<()> {
        let numbers = column.finite_numbers()?;
        match numbers.iter().position(|degrees| self.validate_ranges && degrees.abs() > bound) {
            None => Ok(()),
            Some(row) => {
                let degrees = numbers.get(row).copied().unwrap_or_default();
                Err(column
                    .error(format!(
                        "row {row} holds {degrees}, and degrees are from -{bound} to {bound} here"
                    ))
                    .remedy("correct the row, or look whether latitudes and longitudes changed places"))
            }
        }
    }
}

crate::transform::parts::columns_only!(GeoDistanceFeatures, FittedGeoDistanceFeatures);

/// A [`GeoDistanceFeatures`] that has seen its columns.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedGeoDistanceFeatures {
    parameters: GeoDistanceFeatures,
    input: Schema,
}

impl FittedGeoDistanceFeatures {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &GeoDistanceFeatures {
        &self.parameters
    }

    fn places(&self) -> Option<[usize; 4]> {
        self.parameters.places(&self.input.names().collect::<Vec<_>>()).ok()
    }
}

impl Transform for FittedGeoDistanceFeatures {
    fn attributes(&self) -> Attributes {
        let names: Vec<&str> = self.input.names().collect();
        let own = self.places().into_iter().flatten().filter_map(|place| names.get(place));
        let values = own.map(|name| OwnedValue::from(*name)).collect();
        vec![("variables_", Attribute::Values { dtype: DType::String, values })]
    }

    fn inverse_transform(&self, _: &RecordBatch) -> Result<RecordBatch> {
        let problem = "a distance does not tell its points";
        Err(Error::unsupported(inverse::OPERATION, "GeoDistanceFeatures", problem)
            .remedy("leave drop_original at False, which keeps the columns"))
    }
}

impl Lower for FittedGeoDistanceFeatures {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let misfit =
            || Error::corrupt("compile plan", "GeoDistanceFeatures", "it names columns that are not there");
        let places = self.places().ok_or_else(misfit)?;
        let GeoDistanceFeatures { method, output_unit, validate_ranges, drop_original, .. } = self.parameters;
        let mut degrees = Vec::with_capacity(4);
        for (place, bound) in places.iter().zip(BOUNDS) {
            let column = columns.get(*place).ok_or_else(misfit)?;
            let site = builder.site("GeoDistanceFeatures", column);
            let range = validate_ranges.then(|| Kernel::function(site, Within(bound)));
            let steps = [Kernel::RefuseNonFinite { site }].into_iter().chain(range);
            degrees.push(builder.number(column.clone(), steps)?);
        }
        let distance = Distance { method, radius: output_unit.radius() };
        let distance = builder.join(&degrees, distance, vec![self.parameters.output_col.clone()])?;
        let kept =
            columns.into_iter().enumerate().filter(|(place, _)| !(drop_original && places.contains(place)));
        Ok(kept.map(|(_, column)| column).chain(distance).collect())
    }
}

/// Takes numbers of at most this size.
#[derive(Debug)]
struct Within(f64);

impl NumberKernel for Within {
    fn takes(&self, value: f64) -> bool {
        value.abs() <= self.0
    }

    fn apply(&self, value: f64) -> f64 {
        value
    }

    fn onnx(&self, graph: &mut Graph, value: Tensor) -> Result<Tensor, Inexpressible> {
        let (size, most) = (graph.node("Abs", &[value]), graph.number(self.0));
        let beyond = graph.greater(size, most);
        graph.refuse(beyond, 1);
        Ok(value)
    }
}

/// From the degrees of two points to their distance.
#[derive(Debug)]
struct Distance {
    method: GeoMethod,
    radius: f64,
}

impl JointKernel for Distance {
    fn apply(&self, inputs: &[f64], outputs: &mut [f64]) {
        let ([lat1, lon1, lat2, lon2], [distance]) = (inputs, outputs) else { return };
        let per_km = self.radius / GeoUnit::Km.radius();
        *distance = match self.method {
            GeoMethod::Haversine => {
                let [lat1, lon1, lat2, lon2] = [lat1, lon1, lat2, lon2].map(|degrees| degrees * (PI / 180.0));
                let half = |from: f64, to: f64| ((to - from) / 2.0).sin().powi(2);
                let chord = half(lat1, lat2) + lat1.cos() * lat2.cos() * half(lon1, lon2);
                self.radius * (2.0 * chord.sqrt().min(1.0).asin())
            }
            GeoMethod::Euclidean => {
                let squared = |from: f64, to: f64| ((to - from) * KM_PER_DEGREE).powi(2);
                (squared(*lat1, *lat2) + squared(*lon1, *lon2)).sqrt() * per_km
            }
            GeoMethod::Manhattan => ((lat2 - lat1).abs() + (lon2 - lon1).abs()) * KM_PER_DEGREE * per_km,
        };
    }

    fn onnx(&self, graph: &mut Graph, inputs: &[Number]) -> Result<Vec<Number>, Inexpressible> {
        let columns: Vec<Tensor> = inputs.iter().map(|number| graph.column(*number)).collect();
        let [lat1, lon1, lat2, lon2] = columns[..] else {
            return Err(Inexpressible("it has other than four columns"));
        };
        let per_km = self.radius / GeoUnit::Km.radius();
        let distance = match self.method {
            GeoMethod::Haversine => haversine(graph, [lat1, lon1, lat2, lon2], self.radius),
            GeoMethod::Euclidean => {
                let mut squared = |from: Tensor, to: Tensor| {
                    let way = graph.subtract(to, from);
                    let way = graph.scaled(way, KM_PER_DEGREE);
                    graph.multiply(way, way)
                };
                let (north, east) = (squared(lat1, lat2), squared(lon1, lon2));
                let sum = graph.add(north, east);
                let way = graph.node("Sqrt", &[sum]);
                graph.scaled(way, per_km)
            }
            GeoMethod::Manhattan => {
                let mut size = |from: Tensor, to: Tensor| {
                    let way = graph.subtract(to, from);
                    graph.node("Abs", &[way])
                };
                let (north, east) = (size(lat1, lat2), size(lon1, lon2));
                let way = graph.add(north, east);
                let way = graph.scaled(way, KM_PER_DEGREE);
                graph.scaled(way, per_km)
            }
        };
        Ok(vec![Number::alone(distance)])
    }
}

/// The way over a sphere, by operators of ONNX.
fn haversine(graph: &mut Graph, degrees: [Tensor; 4], radius: f64) -> Tensor {
    let [lat1, lon1, lat2, lon2] = degrees.map(|degrees| graph.scaled(degrees, PI / 180.0));
    let mut half = |from: Tensor, to: Tensor| {
        let way = graph.subtract(to, from);
        let way = graph.scaled(way, 0.5);
        let sine = graph.node("Sin", &[way]);
        graph.multiply(sine, sine)
    };
    let (north, east) = (half(lat1, lat2), half(lon1, lon2));
    let (from, to) = (graph.node("Cos", &[lat1]), graph.node("Cos", &[lat2]));
    let cosines = graph.multiply(from, to);
    let east = graph.multiply(cosines, east);
    let chord = graph.add(north, east);
    let chord = graph.node("Sqrt", &[chord]);
    let one = graph.number(1.0);
    let beyond = graph.greater(chord, one);
    let chord = graph.choose(beyond, one, chord);
    let angle = graph.arcsin(chord);
    graph.scaled(angle, 2.0 * radius)
}
