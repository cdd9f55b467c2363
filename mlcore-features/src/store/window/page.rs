//! Some tiles of an entity as bytes, which deliveries are in them, and which of them came from history.
//!
//! | bytes | content |
//! |---|---|
//! | 1 | the version of this format: 2 |
//! | 2 | a bit for each place, the first place the lowest bit: whether its tile came from history |
//! | 1 to 10 | how many producers there are |
//! | 24 for each | the digest of the producer's name, ascending, and the number of its last delivery |
//! | 1 to 10 | how many tiles there are |
//! | 5 and more for each | the tile's place in the page, ascending, the number of its bytes, and those |
//!
//! The row that holds them has a checksum. A page without a tile is none.

use mlcore::{Error, Result};

use super::bytes::{Reader, put_count, put_u64};
use super::ladder::TILES;
use super::plan::WindowPlan;
use super::state::State;

const VERSION: u8 = 2;
/// As many producers as may add to one page: more than the partitions of a large topic, in 24 kilobytes.
const MOST_PRODUCERS: usize = 1024;

/// A page that is changed.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    /// A bit for each place.
    history: u16,
    applied: Vec<(u128, u64)>,
    tiles: Vec<(u8, State)>,
}

/// What a page says before its tiles.
struct Head {
    history: u16,
    applied: Vec<(u128, u64)>,
}

impl Head {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        if reader.u8()? != VERSION {
            return None;
        }
        let history = u16::from_le_bytes(reader.raw(2)?.try_into().ok()?);
        let count = reader.length(24).filter(|count| *count <= MOST_PRODUCERS)?;
        let mut applied: Vec<(u128, u64)> = Vec::with_capacity(count);
        for _ in 0..count {
            let next = (reader.u128()?, reader.u64()?);
            if applied.last().is_some_and(|(before, _)| *before >= next.0) {
                return None;
            }
            applied.push(next);
        }
        Some(Self { history, applied })
    }
}

/// Visits the tiles of a page in order.
fn each<'a>(mut reader: Reader<'a>, mut visit: impl FnMut(u8, Reader<'a>) -> Option<()>) -> Option<()> {
    let mut before = None;
    for _ in 0..reader.length(5)? {
        let place = reader.u8()?;
        let length = u32::from_le_bytes(reader.raw(4)?.try_into().ok()?);
        let tile = reader.raw(usize::try_from(length).ok()?)?;
        if i64::from(place) >= TILES || before.is_some_and(|before| before >= place) {
            return None;
        }
        before = Some(place);
        visit(place, Reader::new(tile))?;
    }
    reader.is_empty().then_some(())
}

/// Visits the tiles of stored bytes from `first` to before `end`; `None` where the bytes are no page.
#[inline]
pub(super) fn visit<'a>(
    bytes: &'a [u8],
    first: u8,
    end: u8,
    mut visit: impl FnMut(Reader<'a>) -> Option<()>,
) -> Option<()> {
    let mut reader = Reader::new(bytes);
    if reader.u8()? != VERSION {
        return None;
    }
    reader.raw(2)?;
    let producers = reader.length(24)?;
    reader.raw(producers * 24)?;
    each(reader, |place, tile| if (first..end).contains(&place) { visit(tile) } else { Some(()) })
}

impl Page {
    /// Reads stored bytes; `None` where they are no page.
    pub(super) fn read(bytes: &[u8], plan: &WindowPlan) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let Head { history, applied } = Head::read(&mut reader)?;
        let (mut tiles, mut rest) = (Vec::new(), history);
        each(reader, |place, tile| {
            let mut state = State::new(plan.shapes().len());
            state.absorb(tile, plan.shapes(), plan.shapes().iter().map(|shape| Some(shape.parts)))?;
            tiles.push((place, state));
            rest &= !bit(place);
            Some(())
        })?;
        // What is not there cannot have come from history.
        (rest == 0).then_some(Self { history, applied, tiles })
    }

    pub(super) fn write(&self, plan: &WindowPlan) -> Result<Vec<u8>> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.history.to_le_bytes());
        put_count(&mut bytes, self.applied.len() as u64);
        for (producer, number) in &self.applied {
            bytes.extend_from_slice(&producer.to_le_bytes());
            put_u64(&mut bytes, *number);
        }
        put_count(&mut bytes, self.tiles.len() as u64);
        for (place, state) in &self.tiles {
            bytes.push(*place);
            let start = bytes.len();
            bytes.extend_from_slice(&[0; 4]);
            state.write(&mut bytes, plan.shapes());
            let length = u32::try_from(bytes.len() - start - 4).map_err(|_| {
                Error::unsupported("write tiles", plan.view(), "a tile has more than 4 GiB")
                    .remedy("keep fewer last values, or shorter texts")
            })?;
            if let Some(place) = bytes.get_mut(start..start + 4) {
                place.copy_from_slice(&length.to_le_bytes());
            }
        }
        Ok(bytes)
    }

    /// Notes a delivery of a producer, and says whether it is new here.
    pub(super) fn accept(&mut self, producer: u128, number: u64) -> Result<bool> {
        match self.applied.binary_search_by_key(&producer, |(producer, _)| *producer) {
            Ok(place) => {
                let Some((_, last)) = self.applied.get_mut(place) else { return Ok(false) };
                let is_new = number > *last;
                *last = number.max(*last);
                Ok(is_new)
            }
            Err(_) if self.applied.len() >= MOST_PRODUCERS => {
                let problem = format!("{MOST_PRODUCERS} producers have added to the tiles of one entity");
                Err(Error::overloaded("update tiles", "producers", problem).remedy(
                    "give a producer the same name whenever it starts, such as that of its partition",
                ))
            }
            Err(place) => {
                self.applied.insert(place, (producer, number));
                Ok(true)
            }
        }
    }

    /// Says whether the tile of a place came from history, which has all of its events.
    pub(super) fn is_of_history(&self, place: u8) -> bool {
        self.history & bit(place) != 0
    }

    /// How many events the tile of a place has.
    pub(super) fn events(&self, place: u8) -> u64 {
        self.tiles.iter().find(|(own, _)| *own == place).map_or(0, |(_, state)| state.rows)
    }

    /// Adds events to the tile of a place.
    pub(super) fn merge(&mut self, place: u8, state: &State, plan: &WindowPlan) {
        let parts = plan.shapes().iter().map(|shape| Some(shape.parts));
        match self.tiles.binary_search_by_key(&place, |(place, _)| *place) {
            Ok(found) => {
                if let Some((_, own)) = self.tiles.get_mut(found) {
                    own.merge(state, parts);
                }
            }
            Err(found) => self.tiles.insert(found, (place, state.clone())),
        }
    }

    /// Puts a tile in the place of whatever is there.
    pub(super) fn put(&mut self, place: u8, state: State) {
        match self.tiles.binary_search_by_key(&place, |(place, _)| *place) {
            Ok(found) => {
                if let Some((_, own)) = self.tiles.get_mut(found) {
                    *own = state;
                }
            }
            Err(found) => self.tiles.insert(found, (place, state)),
        }
    }

    /// The same with a tile that came from history.
    pub(super) fn put_history(&mut self, place: u8, state: State) {
        self.put(place, state);
        self.history |= bit(place);
    }

    /// All tiles together: the tile of the next level.
    pub(super) fn whole(&self, plan: &WindowPlan) -> State {
        let mut whole = State::new(plan.shapes().len());
        for (_, state) in &self.tiles {
            whole.merge(state, plan.shapes().iter().map(|shape| Some(shape.parts)));
        }
        whole
    }
}

/// The bit of a place; none beyond the last one.
fn bit(place: u8) -> u16 {
    1_u16.checked_shl(place.into()).unwrap_or(0)
}
