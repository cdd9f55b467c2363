use std::cell::Cell as Place;
use std::fmt;

use mlcore::Result;
use mlcore::schema::Field;
use mlcore::time::Timestamp;

use super::{Answer, Cell, PreparedQuery, Status};
use crate::store::key::EntityKey;

/// What a reader found out about one feature of one entity.
///
/// ```
/// use mlcore_features::store::online::{Cell, Found, Status};
///
/// let found = Found::new(Status::Present, Cell::from(12i64));
/// assert_eq!((found.cell, found.event), (Cell::from(12i64), None));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Found<'a> {
    /// Whether there is a value that counts.
    pub status: Status,
    /// The value; looked at where the status is [`Status::Present`], and nowhere else.
    pub cell: Cell<'a>,
    /// When the event of the newest row was, also where that row does not count.
    pub event: Option<Timestamp>,
    /// The last moment at which it counts; `None` for ever.
    pub expiry: Option<Timestamp>,
}

impl<'a> Found<'a> {
    /// A value of this status, which never expires.
    #[must_use]
    pub const fn new(status: Status, cell: Cell<'a>) -> Self {
        Self { status, cell, event: None, expiry: None }
    }

    /// The same of this event.
    #[must_use]
    pub const fn with_event(mut self, event: Timestamp) -> Self {
        self.event = Some(event);
        self
    }

    /// The same, which counts up to this moment.
    #[must_use]
    pub const fn with_expiry(mut self, expiry: Timestamp) -> Self {
        self.expiry = Some(expiry);
        self
    }
}

/// Gets the place of an entity, the place of a feature, and what was found.
pub type VisitFound<'a> = dyn FnMut(usize, usize, Found<'_>) + 'a;

/// Answers the features of entities while a request waits: what a service asks, whatever is behind it. A [`PreparedQuery`] is one.
///
/// # Contract
/// - Every feature of every entity is told exactly once, in any order.
/// - A value that does not count at the time of the read has another status than [`Status::Present`].
/// - Any number of threads may read at once.
///
/// ```
/// use mlcore::Result;
/// use mlcore::schema::{DType, Field};
/// use mlcore::time::Timestamp;
/// use mlcore_features::store::key::EntityKey;
/// use mlcore_features::store::online::{Cell, FeatureReader, Found, Status, VisitFound};
///
/// /// Answers the length of the entity's key.
/// #[derive(Debug)]
/// struct Lengths;
///
/// impl FeatureReader for Lengths {
///     fn features(&self) -> Vec<Field> {
///         vec![Field::column("length", DType::Int64)]
///     }
///
///     fn read_features(&self, entities: &[EntityKey], _: Timestamp, visit: &mut VisitFound<'_>) -> Result<()> {
///         for (place, key) in entities.iter().enumerate() {
///             let length = key.as_bytes().len() as i64;
///             visit(place, 0, Found::new(Status::Present, Cell::from(length)));
///         }
///         Ok(())
///     }
///
///     fn is_remote(&self) -> bool {
///         false
///     }
/// }
///
/// let mut lengths = Vec::new();
/// let keys = [EntityKey::one("user", 7)?];
/// Lengths.read_features(&keys, Timestamp::from_millis(0), &mut |place, _, found| lengths.push((place, found.status)))?;
/// assert_eq!(lengths, [(0, Status::Present)]);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub trait FeatureReader: fmt::Debug + Send + Sync {
    /// The features in the order of their places, with the names and types of what is told of them.
    fn features(&self) -> Vec<Field>;

    /// Reads the features of these entities as of `now`.
    ///
    /// # Errors
    /// Those of what is behind it. What was told before is of no account then.
    fn read_features(&self, entities: &[EntityKey], now: Timestamp, visit: &mut VisitFound<'_>)
    -> Result<()>;

    /// Says whether a read waits for another machine or another process: then it gets a thread of its own where a deadline must be
    /// kept, which takes some microseconds.
    fn is_remote(&self) -> bool;
}

/// Answers are used again up to so many entities; larger ones are freed.
const MOST_KEPT: usize = 1024;

impl FeatureReader for PreparedQuery {
    fn features(&self) -> Vec<Field> {
        PreparedQuery::features(self).cloned().collect()
    }

    fn read_features(
        &self,
        entities: &[EntityKey],
        now: Timestamp,
        visit: &mut VisitFound<'_>,
    ) -> Result<()> {
        thread_local!(static ANSWER: Place<Answer> = Place::default());
        // A visitor that reads again finds an empty one.
        let mut answer = ANSWER.take();
        let read = self.read(entities, now, &mut answer);
        if read.is_ok() {
            let features = PreparedQuery::features(self).len();
            for entity in 0..answer.entities() {
                for feature in 0..features {
                    let found = Found {
                        status: answer.status(entity, feature),
                        cell: answer.cell(entity, feature),
                        event: answer.event_time(entity, feature),
                        expiry: answer.expiry(entity, feature),
                    };
                    visit(entity, feature, found);
                }
            }
        }
        if entities.len() <= MOST_KEPT {
            ANSWER.set(answer);
        }
        read
    }

    fn is_remote(&self) -> bool {
        self.store().capabilities().is_remote()
    }
}
