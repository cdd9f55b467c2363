//! Features of sliding windows of events: counts, sums, means, extremes, deviations, last values, distinct values, quantiles.
//!
//! A [`WindowPlan`] is made of a [`FeatureView`](super::definition::FeatureView) with aggregations. Offline,
//! [`View::with_windows`](super::offline::View::with_windows) joins its features to entity rows as of their times, by one pass over the
//! events. Online, [`OnlineWindows`] keeps tiles of events that streams update, and reads the features of entities as of now. **Both
//! answer the same, to the bit**: whatever is kept of events adds up without rounding, in any order and in any grouping.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use mlcore::arrow::array::{Float64Array, Int64Array, RecordBatch, TimestampSecondArray};
//! use mlcore::schema::DType;
//! use mlcore::time::{TimeUnit, Timestamp};
//! use mlcore_features::store::definition::{Aggregation, AggregationFunction, FeatureView, Field};
//! use mlcore_features::store::key::EntityKey;
//! use mlcore_features::store::offline::{PointInTimeJoin, View};
//! use mlcore_features::store::online::{MemoryStore, TableId};
//! use mlcore_features::store::window::{Delivery, EventColumns, OnlineWindows, WindowAnswer, WindowPlan};
//!
//! let window = Duration::from_secs(600);
//! let aggregations = [AggregationFunction::Sum, AggregationFunction::Std].map(|function| {
//!     Aggregation::new(function, "fare", window).with_slide_interval(window / 10)
//! });
//! let view = FeatureView::builder("rides", ["driver"])
//!     .schema([Field::new("fare", DType::Float64)])
//!     .aggregations(aggregations)
//!     .build()?;
//! let plan = WindowPlan::of(&view)?;
//! let events = |drivers: Vec<i64>, seconds: Vec<i64>, fares: Vec<f64>| {
//!     RecordBatch::try_from_iter([
//!         ("driver_id", Arc::new(Int64Array::from(drivers)) as _),
//!         ("time", Arc::new(TimestampSecondArray::from(seconds)) as _),
//!         ("fare", Arc::new(Float64Array::from(fares)) as _),
//!     ])
//!     .unwrap()
//! };
//! let history = events(vec![7, 7, 7], vec![30, 630, 610], vec![5.0, 0.1, 0.2]);
//!
//! // Offline: as of 661 seconds, whose window reaches from 60 to before 660.
//! let entity_rows = events(vec![7], vec![661], vec![0.0]).project(&[0, 1]).unwrap();
//! let rides = View::new("rides", history.clone(), ["driver_id"], "time").with_windows(&plan);
//! let joined = PointInTimeJoin::new("time").with(rides).run(&entity_rows)?;
//!
//! // Online: the same events, as a stream brings them.
//! let id = TableId::new("taxi", "rides", 1)?;
//! let columns = EventColumns::new(["driver_id"], "time");
//! let online = OnlineWindows::new(Arc::new(MemoryStore::new()), &id, &plan, columns)?;
//! let now = Timestamp::new(661, TimeUnit::Second);
//! for (number, event) in (1..).zip([2, 0, 1]) {
//!     online.update(&Delivery::new("partition-0", number), &history.slice(event, 1), now)?;
//! }
//! // Delivered once more, it changes nothing.
//! assert_eq!(online.update(&Delivery::new("partition-0", 3), &history.slice(1, 1), now)?.repeated(), 1);
//! let mut answer = WindowAnswer::default();
//! online.read(&[EntityKey::one("driver_id", 7)?], now, &mut answer)?;
//! let row = answer.to_record_batch()?;
//! assert_eq!(row, joined.table().project(&[2, 3]).unwrap());
//! # Ok::<(), mlcore::Error>(())
//! ```
//!
//! # Which events are in a window
//!
//! The window of an aggregation at the time `t` ends at `e`, the last multiple of its slide interval, counted from the beginning of 1970
//! in UTC, that is not after `t`. It has the events whose time is in `[e - time_window, e)`: one at `e` itself belongs to the next slide,
//! one at `e - time_window` to this one. So a feature changes when a slide is over, as in Tecton's stream features with an aggregation
//! interval and in Feast's tiles, and is never computed of half a slide. (Chronon's windows instead reach up to `t`, and begin at a
//! multiple, so that their length varies.) A slide interval that does not divide its window is refused where the view is defined. Times
//! are compared as whole microseconds, rounded down; without a time zone they are in UTC.
//!
//! | | offline | online |
//! |---|---|---|
//! | known at `t` | created by `t`, where the view has a created time; else every event in the window | what had been delivered |
//! | late events | count from their created time on | count from their delivery on, in tiles of history from the next [fill](#history-and-stream) on |
//! | events of the future | count once their slide is over | the same |
//! | an entity without events, or unknown | counts are 0, all else is null | the same |
//! | a null key | all is null | the event is left out and counted |
//! | time to live of the view | none beside the window: what is older than the longest window counts nowhere | the same |
//!
//! Online, a read is as of now: one as of an earlier time also has what came since, and tiles that were [evicted](OnlineWindows::evict)
//! are gone.
//!
//! # What functions answer
//!
//! Nulls and NaN are no values, as pandas skips them.
//!
//! | function | answer | kept of it |
//! |---|---|---|
//! | `count` | values of the column, or events without a column | a number |
//! | `sum` | of floats the exact sum, rounded once; of integers an `int64`, and an error that tells the sum beyond | some 24 bytes |
//! | `mean` | the exact sum, divided once | the same |
//! | `std` | of a sample (`n - 1`), from exact sums of values and squares; null for one value | some 24 bytes more |
//! | `min`, `max` | the value; -0 is less than 0 | 16 bytes |
//! | `last_n(k)` | the last values, the latest first; of one microsecond the greatest is the latest | 16 bytes for each, or its text |
//! | `approx_count_distinct` | HyperLogLog of 4,096 registers: a standard error of 1.6 % | 3 bytes for each, at most 4 KB |
//! | `approx_quantile(q)` | the value of rank `q (n - 1)`, rounded down, to a 128th (0.8 %) of it | 2 bytes or more for each bucket of values |
//!
//! With infinities, sums and means are the infinity, or NaN where both signs occur; deviations are NaN, as in numpy.
//!
//! # Deliveries
//!
//! A [`Delivery`] is a batch with a number of its producer, and is applied once, whoever delivers it how often: a page of tiles keeps the
//! last number of each producer, and is written together with the tiles by compare-and-swap
//! ([`OnlineStore::swap`](super::online::OnlineStore::swap)), so that threads and processes lose nothing of each other. For this a producer
//! - numbers its batches in ascending order, such as by the offset of the last record in a partition;
//! - delivers a batch again, with the same events and number, until it is acknowledged, before the next one.
//!
//! A producer that numbers nothing uses [`OnlineWindows::add`]: then a batch that comes twice counts twice, until its tiles are filled from
//! history.
//!
//! # History and stream
//!
//! A tile is either of history or of the stream. [`OnlineWindows::fill`] makes tiles of the events that history has, in the place of
//! whatever is there, and from then on events of the stream that belong into such a tile are left out: history has them. That holds for
//! each tile by itself and is decided where the tile is changed, so that history and stream may overlap, run at once, be killed and be
//! repeated, in any order, and each event is counted once. It is Chronon's rule, which has it for whole days.
//!
//! | | |
//! |---|---|
//! | an event that history and stream have | counts once |
//! | an event that the stream alone had, in a tile that history fills | is gone: history is the truth of the past |
//! | the same, with [`Fill::with_stream_kept`] | is gone only where history has more events of the tile |
//! | a late event of the stream, in a tile of history | is left out, counted and [noted](OnlineWindows::late); it counts when history has it and the tile is filled again |
//! | an event that the stream has twice, without numbers | counts twice until the tile is filled |
//!
//! # Tiles
//!
//! The narrowest tiles are as wide as the greatest common divisor of the slide intervals, and those of each next level are 16 times as
//! wide, up to the longest window. Tiles without events are not kept. A window is made of at most 30 tiles of each level.

mod answer;
mod bytes;
mod distinct;
mod events;
mod exact;
mod fill;
mod held;
mod ladder;
mod last;
mod late;
mod online;
mod page;
mod plan;
mod quantiles;
mod state;
mod update;
mod value;

pub use self::answer::{Aggregate, WindowAnswer};
pub(super) use self::answer::{arrow_field, column};
pub use self::events::{EventColumns, Updated};
pub use self::fill::{Fill, Filled};
pub use self::late::Late;
pub use self::online::{Delivery, OnlineWindows};
pub use self::plan::WindowPlan;
pub(super) use self::state::State;
pub(super) use self::value::{Item, Values};

const OPERATION: &str = "plan windows";
