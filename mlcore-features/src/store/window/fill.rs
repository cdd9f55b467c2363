//! Events of history, which make tiles anew.

use std::collections::BTreeSet;
use std::collections::hash_map::HashMap;

use mlcore::Result;
use mlcore::time::Timestamp;

use super::events::{Bounds, Changes, Updated, sorted};
use super::held::Held;
use super::ladder::Ladder;
use super::online::OnlineWindows;
use super::plan::WindowPlan;
use crate::store::key::EntityKey;
use crate::store::offline::{Scan, Source};

/// Which tiles are filled, and how many are held in memory meanwhile.
///
/// ```
/// use mlcore::time::Timestamp;
/// use mlcore_features::store::window::Fill;
///
/// let fill = Fill::new(Timestamp::from_millis(0), Timestamp::from_millis(60_000)).with_most_tiles(10_000);
/// assert_eq!(fill.until(), Timestamp::from_millis(60_000));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fill {
    from: Timestamp,
    until: Timestamp,
    most_tiles: usize,
    is_stream_kept: bool,
}

/// What became of events of history.
///
/// ```
/// use mlcore_features::store::window::Filled;
///
/// assert_eq!(Filled::default().rows(), 0);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Filled {
    updated: Updated,
    rows: u64,
    entities: u64,
    kept: u64,
}

/// What was collected of one look at the source.
struct Collected {
    changes: Vec<(EntityKey, Changes)>,
    /// Before which moment all events are there.
    until: i64,
    /// The number of the newest tile, where no later event was seen.
    newest: Option<i64>,
    filled: Filled,
}

impl Fill {
    /// The tiles from the one that `from` is in up to the one that `until` is in, which is not one of them. Some 130,000 tiles are held in
    /// memory, which take some 50 megabytes; the source is read again for others.
    #[must_use]
    pub const fn new(from: Timestamp, until: Timestamp) -> Self {
        Self { from, until, most_tiles: 1 << 17, is_stream_kept: false }
    }

    /// Leaves tiles to the stream of which it has as many events as history, or more: so history fills what the stream has missed, and
    /// late events go on to be added to the others.
    #[must_use]
    pub const fn with_stream_kept(mut self) -> Self {
        self.is_stream_kept = true;
        self
    }

    /// Holds at most so many tiles in memory, or those of one moment where they are more.
    #[must_use]
    pub const fn with_most_tiles(mut self, most: usize) -> Self {
        self.most_tiles = if most == 0 { 1 } else { most };
        self
    }

    /// The end.
    #[must_use]
    pub const fn until(&self) -> Timestamp {
        self.until
    }
}

impl Filled {
    /// What became of the events: [`added`](Updated::added) are those that are in tiles now.
    #[must_use]
    pub const fn events(self) -> Updated {
        self.updated
    }

    /// The rows of the source that were read, those that were read again not counted.
    #[must_use]
    pub const fn rows(self) -> u64 {
        self.rows
    }

    /// The entities of which tiles were made, each counted once for each time that the source was read.
    #[must_use]
    pub const fn entities(self) -> u64 {
        self.entities
    }

    /// The entities of which all tiles were left to the stream, counted in the same way.
    #[must_use]
    pub const fn kept_entities(self) -> u64 {
        self.kept
    }
}

impl OnlineWindows {
    /// Makes tiles of the events of history, in the place of what is there; from then on [`update`](Self::update) leaves out events of
    /// such tiles, because they came with the history. Tiles for which history has no event stay as they are, so that of each event
    /// that either side has the tiles have it once, however history and stream overlap.
    ///
    /// History is taken to be complete, but for the tile of its newest event: where the stream has more events of that tile than history,
    /// it stays the stream's. [`Fill::with_stream_kept`] says so of all tiles. A late event of the stream whose tile came from history counts
    /// once history has it and the tile is filled again: [`late`](Self::late) says which these are.
    ///
    /// A call that was interrupted, killed or that failed is repeated, and so may any call be: a tile that is made anew is the same, also
    /// where the source has got rows or has other pieces. `tell` gets how many entities of a look at the source are written, and how many
    /// there are.
    ///
    /// # Errors
    /// As [`update`](Self::update); those of the source.
    pub fn fill(
        &self,
        source: &dyn Source,
        fill: Fill,
        now: Timestamp,
        tell: &mut dyn FnMut(u64, u64),
    ) -> Result<Filled> {
        let aligned = |moment: Timestamp| self.align(moment).as_micros();
        // What no window has any more is left out.
        let mut from = aligned(fill.from).max(self.plan().earliest(now.as_micros()));
        let until = aligned(fill.until);
        let mut filled = Filled::default();
        while from < until {
            let Collected { changes, until: end, newest, filled: seen } =
                self.collect(source, (from, until), fill.most_tiles, now)?;
            let rule = Rule { is_stream_kept: fill.is_stream_kept, newest };
            let change = |held: &mut Held, changes: &Changes| make(self.plan(), held, changes, rule);
            let before = filled.entities + filled.kept;
            let total = before + changes.len() as u64;
            let updated = self.change(&changes, now, change, |done| tell(before + done as u64, total))?;
            filled.entities += updated.made;
            filled.kept = total - filled.entities;
            if filled.rows == 0 {
                (filled.rows, filled.updated) = (seen.rows, Updated { added: 0, ..seen.updated });
            }
            filled.updated.added += updated.added;
            filled.updated.covered += updated.covered;
            from = end;
        }
        Ok(filled)
    }

    /// The beginning of the narrowest tile that a moment is in.
    #[must_use]
    pub fn align(&self, moment: Timestamp) -> Timestamp {
        let base = self.plan().ladder().base();
        Timestamp::from_micros(moment.as_micros().div_euclid(base).saturating_mul(base))
    }

    /// Reads the events from one moment to before another, or to before an earlier one where they have too many tiles.
    fn collect(
        &self,
        source: &dyn Source,
        (from, mut until): (i64, i64),
        most_tiles: usize,
        now: Timestamp,
    ) -> Result<Collected> {
        let base = self.plan().ladder().base();
        let columns = self.columns().all(self.plan());
        let scan = Scan::since(&columns, self.columns().timestamp(), i128::from(from) * 1000);
        let mut changes: HashMap<EntityKey, Changes> = HashMap::new();
        let (mut filled, mut tiles) = (Filled::default(), 0);
        for piece in source.scan(&scan)? {
            let piece = piece?;
            filled.rows += piece.rows().num_rows() as u64;
            for start in (0..piece.rows().num_rows()).step_by(BLOCK_ROWS) {
                let rows = piece.rows().slice(start, BLOCK_ROWS.min(piece.rows().num_rows() - start));
                let bounds = Bounds { earliest: from, end: until, known: Some(now.nanoseconds()) };
                let (own, updated) = sorted(self.plan(), self.columns(), &rows, bounds)
                    .map_err(|error| error.within(format!("view {}", self.plan().view())))?;
                filled.updated = filled.updated.and(updated);
                for (key, own) in own {
                    tiles += join(self.plan(), changes.entry(key).or_default(), own);
                }
                while tiles > most_tiles {
                    let end = middle(&changes, base);
                    if end >= until {
                        break;
                    }
                    until = end;
                    // What is cut off is read again, and is later than what is kept.
                    filled.updated.covered += 1;
                    tiles = cut(&mut changes, end.div_euclid(base));
                }
            }
        }
        let newest = changes.values().filter_map(newest_of).max().filter(|_| filled.updated.covered == 0);
        let changes: Vec<(EntityKey, Changes)> = changes.into_iter().collect();
        filled.updated.covered = 0;
        Ok(Collected { changes, until, newest, filled })
    }
}

/// Adds tiles of an entity to others of it, and answers how many are new.
fn join(plan: &WindowPlan, known: &mut Changes, own: Changes) -> usize {
    let mut new = 0;
    for (page, tiles) in own {
        let known = known.entry(page).or_default();
        for (place, state) in tiles {
            match known.iter_mut().find(|(known, _)| *known == place) {
                Some((_, known)) => known.merge(&state, plan.shapes().iter().map(|shape| Some(shape.parts))),
                None => {
                    known.push((place, state));
                    new += 1;
                }
            }
        }
    }
    new
}

/// The numbers of an entity's tiles.
fn numbers(changes: &Changes) -> impl Iterator<Item = i64> {
    changes.iter().flat_map(|(page, tiles)| tiles.iter().map(|(place, _)| Ladder::tile(*page, *place)))
}

fn newest_of(changes: &Changes) -> Option<i64> {
    numbers(changes).max()
}

/// The moment before which about half of the tiles lie, and at least those of the first moment.
fn middle(changes: &HashMap<EntityKey, Changes>, base: i64) -> i64 {
    let mut all: Vec<i64> = changes.values().flat_map(numbers).collect();
    all.sort_unstable();
    let (first, middle) = (all.first().copied().unwrap_or(0), all.get(all.len() / 2).copied().unwrap_or(0));
    middle.max(first.saturating_add(1)).saturating_mul(base)
}

/// Drops the tiles from this number on, and answers how many are left.
fn cut(changes: &mut HashMap<EntityKey, Changes>, end: i64) -> usize {
    let mut left = 0;
    changes.retain(|_, changes| {
        changes.retain(|page, tiles| {
            tiles.retain(|(place, _)| Ladder::tile(*page, *place) < end);
            left += tiles.len();
            !tiles.is_empty()
        });
        !changes.is_empty()
    });
    left
}

/// Which tiles of the stream stay.
#[derive(Clone, Copy)]
struct Rule {
    is_stream_kept: bool,
    newest: Option<i64>,
}

impl Rule {
    /// Whether a tile in which the stream has some events stays, where history has others.
    fn keeps(self, tile: i64, stream: u64, history: u64) -> bool {
        if self.is_stream_kept { stream >= history } else { self.newest == Some(tile) && stream > history }
    }
}

/// Makes tiles of an entity those of history, and all wider ones again of what is in them then.
fn make(plan: &WindowPlan, held: &mut Held, changes: &Changes, rule: Rule) -> Result<Updated> {
    let mut updated = Updated::default();
    let mut touched = BTreeSet::new();
    for (page, tiles) in changes {
        let own = held.at(0, *page)?;
        for (place, state) in tiles {
            let is_stream = !own.page.is_of_history(*place);
            if is_stream && rule.keeps(Ladder::tile(*page, *place), own.page.events(*place), state.rows) {
                updated.covered += state.rows;
                continue;
            }
            own.page.put_history(*place, state.clone());
            own.is_changed = true;
            updated.added += state.rows;
            touched.insert(*page);
        }
    }
    updated.made = u64::from(!touched.is_empty());
    for level in 1..plan.ladder().levels() {
        let mut wider = BTreeSet::new();
        for page in touched {
            let whole = held.at(level - 1, page)?.page.whole(plan);
            let (above, place) = Ladder::seat(page);
            let own = held.at(level, above)?;
            own.page.put(place, whole);
            own.is_changed = true;
            wider.insert(above);
        }
        touched = wider;
    }
    Ok(updated)
}

/// Rows that are sorted into tiles together: few enough that their tiles are little beside those that are held.
const BLOCK_ROWS: usize = 1 << 14;
