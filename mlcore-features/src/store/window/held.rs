//! The pages of some entities while they are changed: read together, and replaced together where nobody else has changed one meanwhile.

use std::collections::BTreeMap;

use mlcore::schema::DType;
use mlcore::time::Timestamp;
use mlcore::{Error, Result, interrupt};

use super::events::{Changes, UPDATE, Updated};
use super::ladder::Ladder;
use super::online::OnlineWindows;
use super::page::Page;
use crate::store::key::EntityKey;
use crate::store::online::{Cell, Entry, Numbers, Stamp, Swap};

/// The pages of one entity that a change may touch: those of the narrowest tiles, and above them those of all wider ones.
pub(super) struct Held {
    pages: BTreeMap<(u8, i64), HeldPage>,
}

/// A page, and what is stored in its place.
pub(super) struct HeldPage {
    part: EntityKey,
    stamp: Option<Stamp>,
    pub(super) page: Page,
    pub(super) is_changed: bool,
}

impl Held {
    /// The page of a level; it is there for each level above a page that is changed.
    pub(super) fn at(&mut self, level: u8, page: i64) -> Result<&mut HeldPage> {
        self.pages.get_mut(&(level, page)).ok_or_else(|| {
            Error::internal(UPDATE, format!("page {page} of level {level}"), "it was not read")
        })
    }
}

/// As many entities as are changed in one step: a step of a file costs a sync however many there are, and on a server others wait.
const MOST_ENTITIES: usize = 256;
/// As many pages of narrow tiles as are changed in one step, where more than one entity has them.
const MOST_PAGES: usize = 2048;
/// Each try fails only where somebody else succeeds.
const MOST_TRIES: usize = 10_000;

impl OnlineWindows {
    /// Changes the pages of all these entities, each entity as a whole: `change` gets the pages of one, once or again where somebody else
    /// has changed one of them meanwhile. `tell` gets how many entities are done after each step.
    pub(super) fn change(
        &self,
        changes: &[(EntityKey, Changes)],
        now: Timestamp,
        mut change: impl FnMut(&mut Held, &Changes) -> Result<Updated>,
        mut tell: impl FnMut(usize),
    ) -> Result<Updated> {
        let mut updated = Updated::default();
        let (mut rest, mut size, mut tries) = (changes, MOST_ENTITIES, 0);
        while !rest.is_empty() {
            interrupt::check(UPDATE)?;
            let (part, later) = rest.split_at(step(rest, size));
            let mut held = self.hold(part)?;
            let mut own = Updated::default();
            for (pages, (key, changes)) in held.iter_mut().zip(part) {
                own = own.and(change(pages, changes).map_err(|error| error.within(key))?);
            }
            if let Some((first, last)) = own.late {
                // Before the events count as delivered, so that nobody forgets it.
                let base = self.plan().ladder().base();
                let ends = (first.saturating_mul(base), last.saturating_add(1).saturating_mul(base));
                self.mark_late(ends, now)?;
            }
            if self.replace(&held, now)? {
                updated = updated.and(own);
                (rest, tries) = (later, 0);
                size = (size * 2).min(MOST_ENTITIES);
                tell(changes.len() - rest.len());
            } else if tries == MOST_TRIES {
                let problem = "others changed the same tiles whenever they were read";
                return Err(Error::conflict(UPDATE, self.table().id().to_string(), problem)
                    .remedy("deliver the batch again"));
            } else {
                // What somebody else changed is read again, in smaller parts, which meet fewer others.
                (size, tries) = ((size / 2).max(1), tries + 1);
            }
        }
        Ok(updated)
    }

    /// Reads the pages of these entities.
    fn hold(&self, part: &[(EntityKey, Changes)]) -> Result<Vec<Held>> {
        let levels = self.plan().ladder().levels();
        let (mut held, mut keys, mut places) = (Vec::with_capacity(part.len()), Vec::new(), Vec::new());
        for (number, (key, changes)) in part.iter().enumerate() {
            let mut pages = BTreeMap::new();
            for page in changes.keys() {
                let mut page = *page;
                for level in 0..levels {
                    if pages.contains_key(&(level, page)) {
                        break;
                    }
                    let part = key.part(Ladder::number(level, page))?;
                    keys.push(part.clone());
                    places.push((number, level, page));
                    let own = HeldPage { part, stamp: None, page: Page::default(), is_changed: false };
                    pages.insert((level, page), own);
                    page = Ladder::seat(page).0;
                }
            }
            held.push(Held { pages });
        }
        self.store().read(self.table().id(), &keys, &mut |place, row| {
            let (Some(row), Some((number, level, page))) = (row, places.get(place)) else { return Ok(()) };
            let (Some(own), Some((key, _))) = (held.get_mut(*number), part.get(*number)) else {
                return Ok(());
            };
            let own = own.at(*level, *page)?;
            own.stamp = Some(self.table().unpack(key, row)?.stamp());
            own.page = Page::read(self.bytes(key, row)?, self.plan()).ok_or_else(|| self.no_page(key))?;
            Ok(())
        })?;
        Ok(held)
    }

    /// Stores the pages that were changed, in one step; says whether they were stored.
    fn replace(&self, held: &[Held], now: Timestamp) -> Result<bool> {
        let mut swaps = Vec::new();
        for ((level, page), own) in held.iter().flat_map(|held| &held.pages) {
            if !own.is_changed {
                continue;
            }
            let bytes = own.page.write(self.plan())?;
            // Whenever a page is changed it gets another stamp, which no page of its place had before.
            let before = own.stamp.map_or(i64::MIN, |stamp| stamp.created().as_micros());
            let created = now.as_micros().max(before.saturating_add(1));
            let end = Timestamp::from_micros(self.plan().ladder().end(*level, *page));
            let stamp = Stamp::new(end, Timestamp::from_micros(created));
            let row = self.table().pack(stamp, &[Cell::List(Numbers::packed(DType::UInt8, &bytes))])?;
            swaps.push(Swap::new(own.stamp, Entry::new(own.part.clone(), row)));
        }
        if swaps.is_empty() {
            return Ok(true);
        }
        self.store().swap(self.table(), &swaps)
    }
}

/// How many of these entities are changed in one step: at least one.
fn step(rest: &[(EntityKey, Changes)], most: usize) -> usize {
    let mut pages = 0;
    let fits = |(_, changes): &&(EntityKey, Changes)| {
        pages += changes.len();
        pages <= MOST_PAGES
    };
    rest.iter().take(most).take_while(fits).count().max(1)
}
