use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mlcore::{Error, Result};
use xxhash_rust::xxh3::xxh3_64;

use super::OPERATION;
use super::ladder::Ladder;
use super::state::{Parts, Shape};
use super::value::Class;
use crate::store::definition::{Aggregation, AggregationFunction, FeatureView, Field, ValueType};

/// The aggregations of a view, compiled: which windows there are, what is kept of which column, and how wide tiles are.
///
/// A clone is cheap. [The module](super) says what a window is.
///
/// ```
/// use std::time::Duration;
///
/// use mlcore::schema::DType;
/// use mlcore_features::store::definition::{Aggregation, AggregationFunction, FeatureView, Field};
/// use mlcore_features::store::window::WindowPlan;
///
/// let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
/// let view = FeatureView::builder("rides", ["driver"])
///     .schema([Field::new("fare", DType::Float64)])
///     .aggregations([
///         Aggregation::new(AggregationFunction::Sum, "fare", hour).with_slide_interval(minute),
///         Aggregation::new(AggregationFunction::Count, "", 24 * hour).with_slide_interval(hour),
///     ])
///     .build()?;
/// let plan = WindowPlan::of(&view)?;
/// let names: Vec<&str> = plan.features().iter().map(|feature| feature.name.as_str()).collect();
/// assert_eq!(names, ["sum_fare_3600s", "count_86400s"]);
/// assert_eq!(plan.columns().collect::<Vec<_>>(), ["fare"]);
/// assert_eq!(plan.longest_window(), 24 * hour);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone)]
pub struct WindowPlan {
    inner: Arc<Inner>,
}

struct Inner {
    view: String,
    columns: Vec<Column>,
    shapes: Vec<Shape>,
    frames: Vec<Frame>,
    features: Arc<[Field]>,
    results: Vec<Computed>,
    ladder: Ladder,
    longest: i64,
    digest: u64,
}

/// A column of the events.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) value_type: ValueType,
}

/// A window and its slide interval in microseconds, and what is kept in it of each column.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) window: i64,
    pub(crate) slide: i64,
    pub(crate) parts: Vec<Option<Parts>>,
}

/// How a feature is computed: of which frame, and of which column there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Computed {
    pub(super) function: AggregationFunction,
    pub(super) frame: usize,
    pub(super) column: Option<usize>,
}

impl Frame {
    /// Where the window at a moment begins and ends, both in microseconds.
    pub(crate) fn window_at(&self, moment: i64) -> (i64, i64) {
        let end = moment.div_euclid(self.slide).saturating_mul(self.slide);
        (end.saturating_sub(self.window), end)
    }

    /// From when on, and until before when, an event is in the window, in nanoseconds.
    pub(crate) fn shown(&self, event_micros: i64) -> (i128, i128) {
        let slide = i128::from(self.slide);
        let first = (i128::from(event_micros).div_euclid(slide) + 1) * slide;
        (first * 1000, (first + i128::from(self.window)) * 1000)
    }
}

impl WindowPlan {
    /// The aggregations of this view.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a view without aggregations, and for one whose time to live is shorter than its longest window;
    /// [`Error::Unsupported`] for a window or a slide interval that is no whole number of microseconds, and for slide intervals that
    /// have so little in common that a window would have more than ten million tiles.
    pub fn of(view: &FeatureView) -> Result<Self> {
        Self::compile(view, view.aggregations())
    }

    /// The same for these features alone, in their order, so that a join computes no others.
    pub(crate) fn of_features<'f>(
        view: &FeatureView,
        names: impl IntoIterator<Item = &'f str>,
    ) -> Result<Self> {
        let find = |name: &str| {
            let own = view.aggregations().iter().find(|own| own.resolved_name() == name);
            own.cloned()
                .ok_or_else(|| Error::not_found(OPERATION, name, "no aggregation of the view makes it"))
        };
        let wanted = names.into_iter().map(find).collect::<Result<Vec<Aggregation>>>()?;
        Self::compile(view, &wanted)
    }

    fn compile(view: &FeatureView, aggregations: &[Aggregation]) -> Result<Self> {
        if aggregations.is_empty() {
            return Err(Error::invalid_input(OPERATION, view.name(), "the view has no aggregations")
                .remedy("add aggregations, or read the view as a plain one"));
        }
        let (mut columns, mut shapes): (Vec<Column>, Vec<Shape>) = (Vec::new(), Vec::new());
        let (mut frames, mut results, mut features): (Vec<Frame>, _, Vec<Field>) =
            (Vec::new(), Vec::new(), Vec::new());
        for aggregation in aggregations {
            let field = view.schema().iter().find(|field| field.name == aggregation.column);
            let name = aggregation.resolved_name();
            let output = aggregation.output_type(field.map(|field| field.dtype))?;
            let window = micros(aggregation.time_window, &name)?;
            let slide = micros(aggregation.slide(), &name)?;
            let parts = parts_of(aggregation.function);
            let column = field.map(|field| {
                columns.iter().position(|known| known.name == field.name).unwrap_or_else(|| {
                    columns.push(Column { name: field.name.clone(), value_type: field.dtype });
                    shapes.push(Shape { class: Class::of(field.dtype), parts: Parts::default() });
                    columns.len() - 1
                })
            });
            let frame = frames
                .iter()
                .position(|known| (known.window, known.slide) == (window, slide))
                .unwrap_or_else(|| {
                    frames.push(Frame { window, slide, parts: Vec::new() });
                    frames.len() - 1
                });
            if let (Some(column), Some(frame)) = (column, frames.get_mut(frame)) {
                frame.parts.resize(frame.parts.len().max(column + 1), None);
                if let Some(own) = frame.parts.get_mut(column) {
                    *own = Some(own.unwrap_or_default().with(parts));
                }
                if let Some(shape) = shapes.get_mut(column) {
                    shape.parts = shape.parts.with(parts);
                }
            }
            results.push(Computed { function: aggregation.function, frame, column });
            features.push(Field::new(name, output));
        }
        frames.iter_mut().for_each(|frame| frame.parts.resize(columns.len(), None));
        let longest = frames.iter().map(|frame| frame.window).max().unwrap_or(1);
        let base = frames.iter().map(|frame| frame.slide).reduce(common).unwrap_or(1);
        if let Some(ttl) = view.ttl().filter(|ttl| ttl.as_micros() < u128::from(longest.unsigned_abs())) {
            let problem = format!("its time to live of {ttl:?} is shorter than its longest window");
            return Err(Error::invalid_input(OPERATION, view.name(), problem)
                .remedy("leave the time to live away: what is older than a window does not count in it"));
        }
        let ladder = Ladder::new(base, longest, view.name())?;
        let digest = digest(&columns, &shapes, base, longest);
        let view = view.name().to_owned();
        let features = features.into();
        let inner = Inner { view, columns, shapes, frames, features, results, ladder, longest, digest };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The name of the view.
    #[must_use]
    pub fn view(&self) -> &str {
        &self.inner.view
    }

    /// The features with their types, in the order of the aggregations.
    #[must_use]
    pub fn features(&self) -> &[Field] {
        &self.inner.features
    }

    /// The same, shared.
    pub(super) fn shared_features(&self) -> &Arc<[Field]> {
        &self.inner.features
    }

    /// The columns of the events that the features are computed of.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = &str> {
        self.inner.columns.iter().map(|column| column.name.as_str())
    }

    /// The longest window: events that are older count nowhere.
    #[must_use]
    pub fn longest_window(&self) -> Duration {
        Duration::from_micros(self.inner.longest.unsigned_abs())
    }

    pub(crate) fn inputs(&self) -> &[Column] {
        &self.inner.columns
    }

    pub(crate) fn frames(&self) -> &[Frame] {
        &self.inner.frames
    }

    pub(super) fn shapes(&self) -> &[Shape] {
        &self.inner.shapes
    }

    pub(super) fn results(&self) -> &[Computed] {
        &self.inner.results
    }

    pub(super) fn ladder(&self) -> &Ladder {
        &self.inner.ladder
    }

    /// Tells the tiles of plans apart that keep other things.
    pub(super) fn digest(&self) -> u64 {
        self.inner.digest
    }

    /// The earliest moment of an event that a window at this moment or later has, both in nanoseconds.
    pub(crate) fn earliest_nanoseconds(&self, moment: i128) -> i128 {
        let starts = self.inner.frames.iter().map(|frame| {
            let slide = i128::from(frame.slide) * 1000;
            moment.div_euclid(slide) * slide - i128::from(frame.window) * 1000
        });
        starts.min().unwrap_or(moment)
    }

    /// The earliest event, in microseconds, that a window at this moment or later has.
    pub(super) fn earliest(&self, moment: i64) -> i64 {
        self.inner.frames.iter().map(|frame| frame.window_at(moment).0).min().unwrap_or(moment)
    }
}

impl fmt::Debug for WindowPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WindowPlan")
            .field("view", &self.inner.view)
            .field("features", &self.inner.features.len())
            .field("frames", &self.inner.frames)
            .finish_non_exhaustive()
    }
}

fn micros(duration: Duration, name: &str) -> Result<i64> {
    let micros = i64::try_from(duration.as_micros()).ok();
    micros.filter(|_| duration.as_nanos().is_multiple_of(1000)).ok_or_else(|| {
        let problem = "its window or its slide interval is no whole number of microseconds";
        Error::unsupported(OPERATION, name, problem).remedy("round it to microseconds")
    })
}

fn common(one: i64, other: i64) -> i64 {
    if other == 0 { one } else { common(other, one % other) }
}

/// What a function needs to be kept.
fn parts_of(function: AggregationFunction) -> Parts {
    let none = Parts::default();
    match function {
        AggregationFunction::Count => none,
        AggregationFunction::Sum | AggregationFunction::Mean => Parts { sums: true, ..none },
        AggregationFunction::Std => Parts { sums: true, squares: true, ..none },
        AggregationFunction::Min | AggregationFunction::Max => Parts { extremes: true, ..none },
        AggregationFunction::LastN(last) => Parts { last, ..none },
        AggregationFunction::ApproxCountDistinct => Parts { distinct: true, ..none },
        AggregationFunction::ApproxQuantile(_) => Parts { quantiles: true, ..none },
    }
}

fn digest(columns: &[Column], shapes: &[Shape], base: i64, longest: i64) -> u64 {
    let mut text = format!("{base} {longest}");
    for (column, shape) in columns.iter().zip(shapes) {
        text.push_str(&format!("\0{}\0{}\0{}", column.name, column.value_type, shape.parts.code()));
    }
    xxh3_64(text.as_bytes())
}
