//! Tiles of several widths, so that a long window is made of few.

use mlcore::{Error, Result};
use smallvec::SmallVec;

use super::OPERATION;

/// The widths of tiles, each [`TILES`] times the one before. Tiles lie side by side from the beginning of 1970 in UTC, both ways.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Ladder {
    /// In microseconds.
    widths: SmallVec<[i64; 6]>,
}

/// How many tiles one of the next level is made of, and how many a page has. With 16 a window of 30 days that slides by the minute is
/// made of 101 tiles at most, on eight pages, and an event changes four of them; more would be read with 32, and more written with 8.
pub(super) const TILES: i64 = 16;
/// Beyond so many of the narrowest tiles per window slides do not go together.
const MOST_TILES: i64 = 10_000_000;

/// Tiles of one page, from `first` to before `end`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Stretch {
    pub(super) level: u8,
    pub(super) page: i64,
    pub(super) first: u8,
    pub(super) end: u8,
}

impl Ladder {
    /// The widths for windows up to the longest, whose ends are multiples of `base`.
    pub(super) fn new(base: i64, longest: i64, view: &str) -> Result<Self> {
        if longest / base > MOST_TILES {
            let problem = format!(
                "its slide intervals have {base} microseconds in common, of which its longest window has {}",
                longest / base
            );
            return Err(Error::unsupported(OPERATION, view, problem)
                .remedy("choose slide intervals that divide each other, or make two views"));
        }
        let mut widths = SmallVec::new();
        let mut width = base;
        loop {
            widths.push(width);
            match width.checked_mul(TILES) {
                Some(next) if next <= longest => width = next,
                _ => break,
            }
        }
        Ok(Self { widths })
    }

    pub(super) fn levels(&self) -> u8 {
        self.widths.len() as u8
    }

    /// The width of the narrowest tiles, in microseconds.
    pub(super) fn base(&self) -> i64 {
        self.widths.first().copied().unwrap_or(1)
    }

    /// Where the narrowest tile lies that an event belongs to: its page and its place there.
    #[inline]
    pub(super) fn place(&self, event: i64) -> Option<(i64, u8)> {
        Some(Self::seat(event.div_euclid(*self.widths.first()?)))
    }

    /// Where a tile lies by its number in its level: its page and its place there. A page has the number of the tile of the next level that
    /// its tiles make up.
    #[inline]
    pub(super) fn seat(tile: i64) -> (i64, u8) {
        (tile.div_euclid(TILES), tile.rem_euclid(TILES) as u8)
    }

    /// The number of the tile of a place.
    #[inline]
    pub(super) fn tile(page: i64, place: u8) -> i64 {
        page.saturating_mul(TILES).saturating_add(place.into())
    }

    /// When the tiles of a page end, in microseconds.
    pub(super) fn end(&self, level: u8, page: i64) -> i64 {
        let width = self.widths.get(usize::from(level)).copied().unwrap_or(1);
        page.saturating_add(1).saturating_mul(TILES).saturating_mul(width)
    }

    /// One number of a level and its page.
    pub(super) fn number(level: u8, page: i64) -> i64 {
        page.saturating_mul(TILES).saturating_add(i64::from(level))
    }

    /// The fewest tiles that a window from `start` to before `end` is made of.
    pub(super) fn cover(&self, start: i64, end: i64, mut visit: impl FnMut(Stretch)) {
        let (mut low, mut high) = (start, end);
        let mut widths = self.widths.iter().zip(0_u8..).peekable();
        while let Some((width, level)) = widths.next() {
            let (from, to) = (low, high);
            if let Some((wider, _)) = widths.peek() {
                // What lies within tiles of the next level is theirs.
                low = low.saturating_add(wider.saturating_sub(low.rem_euclid(**wider)) % **wider);
                high = high.saturating_sub(high.rem_euclid(**wider));
                if low < high {
                    pages(level, *width, from, low, &mut visit);
                    pages(level, *width, high, to, &mut visit);
                    continue;
                }
            }
            pages(level, *width, from, to, &mut visit);
            return;
        }
    }
}

/// The tiles of a level between two moments, page by page.
fn pages(level: u8, width: i64, from: i64, to: i64, visit: &mut impl FnMut(Stretch)) {
    let (mut tile, end) = (from.div_euclid(width), to.div_euclid(width));
    while tile < end {
        let page = tile.div_euclid(TILES);
        let next = ((page + 1) * TILES).min(end);
        let place = |tile: i64| (tile - page * TILES) as u8;
        visit(Stretch { level, page, first: place(tile), end: place(next) });
        tile = next;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_window_is_covered_once_by_few_tiles(
            base in 1_i64..50, slides in 1_i64..50_000, at in -1_000_000_i64..1_000_000,
        ) {
            let ladder = Ladder::new(base, base * slides, "test").unwrap();
            let (start, end) = ((at - slides) * base, at * base);
            let (mut covered, mut tiles, mut pages) = (Vec::new(), 0, 0);
            ladder.cover(start, end, |stretch| {
                let width = ladder.widths[usize::from(stretch.level)];
                let at = |place: u8| (stretch.page * TILES + i64::from(place)) * width;
                assert!(at(stretch.first) < at(stretch.end) && at(stretch.end) <= ladder.end(stretch.level, stretch.page));
                covered.push((at(stretch.first), at(stretch.end)));
                tiles += i64::from(stretch.end - stretch.first);
                pages += 1;
            });
            covered.sort_unstable();
            prop_assert_eq!(covered.first().unwrap().0, start);
            prop_assert_eq!(covered.last().unwrap().1, end);
            prop_assert!(covered.windows(2).all(|pair| pair[0].1 == pair[1].0), "{:?}", covered);
            let levels = i64::from(ladder.levels());
            prop_assert!(tiles <= 2 * (TILES - 1) * levels && pages <= 2 * levels, "{} tiles, {} pages", tiles, pages);
            let (page, place) = ladder.place(start).unwrap();
            prop_assert_eq!((page * TILES + i64::from(place)) * base, start);
        }
    }
}
