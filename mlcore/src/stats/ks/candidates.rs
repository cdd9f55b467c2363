//! Which buckets may hold the largest deviation, and their members.

use super::super::Alternative;
use super::buckets::Counted;
use super::search::{ROUNDING, Search};
use super::statistic::{search_runs, sort};

/// Neighbouring buckets that are looked at as one first.
const GROUP: usize = 4;
/// Memory for so many of them is claimed at once.
const USUAL_GROUPS: usize = 32;

/// A bucket that may hold the largest deviation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    bucket: usize,
    /// How many observations of each sample lie before it.
    before: [usize; 2],
    /// No deviation inside is larger than this.
    bound: f64,
}

/// The buckets that have to be looked into.
#[derive(Debug)]
pub(super) struct Candidates {
    list: Vec<Candidate>,
    /// For each bucket its place in the list, plus one; zero for the others.
    slots: Vec<u32>,
}

impl Candidates {
    /// The buckets whose bound reaches the largest deviation found so far, or the largest at any border.
    ///
    /// `x` and `y` say how many observations lie before each bucket and, at the end, how many there are; `before` how many
    /// lie before the first.
    pub(super) fn among(
        x: &[u32],
        y: &[u32],
        before: [usize; 2],
        search: &Search,
        alternative: Alternative,
    ) -> Self {
        match alternative {
            Alternative::Greater => Self::reaching(x, y, before, search, alternative, |above, _| above),
            Alternative::Less => Self::reaching(x, y, before, search, alternative, |_, below| -below),
            Alternative::TwoSided => {
                Self::reaching(x, y, before, search, alternative, |above, below| above.max(-below))
            }
        }
    }

    /// [`Self::among`] for the alternative that asks for this size of the levels above and below.
    ///
    /// From one border to another `F - G` rises by at most the mass of x between them, and falls by at most the mass of
    /// y. That spares most groups of neighbouring buckets a closer look, and then most buckets of the others. All of it
    /// in whole numbers, in units of `1 / (n1 n2)`.
    #[inline(always)]
    fn reaching(
        x: &[u32],
        y: &[u32],
        before: [usize; 2],
        search: &Search,
        alternative: Alternative,
        size: impl Fn(i64, i64) -> i64,
    ) -> Self {
        let [weight1, weight2] = search.weights();
        let unit = search.unit();
        let start = before[0] as i64 * weight1 - before[1] as i64 * weight2;
        let level = |of_x: u32, of_y: u32| start + i64::from(of_x) * weight1 - i64::from(of_y) * weight2;
        let border = |here: usize| size(level(x[here], y[here]), level(x[here], y[here]));
        let bound = |from: usize, upto: usize| size(level(x[upto], y[from]), level(x[from], y[upto]));

        let buckets = x.len().min(y.len()).saturating_sub(1);
        // Levels are exact, but the deviations that they stand for are compared after a rounding. A bucket that is behind
        // by less than that may hold the observation that scipy reports.
        let spared = (ROUNDING / unit).ceil() as i64;
        let found = ((search.best(alternative) - ROUNDING) / unit).floor() as i64;
        let mut needed = (0..buckets).step_by(GROUP).map(|here| border(here) - spared).fold(found, i64::max);
        let mut groups = Vec::with_capacity(USUAL_GROUPS);
        for from in (0..buckets).step_by(GROUP) {
            let upto = buckets.min(from + GROUP);
            if bound(from, upto) >= needed {
                groups.push([from, upto]);
                needed = (from..=upto).map(|here| border(here) - spared).fold(needed, i64::max);
            }
        }
        let mut list = Vec::new();
        for [from, upto] in groups {
            // What is needed has risen since the group was taken.
            if bound(from, upto) < needed {
                continue;
            }
            for bucket in from..upto {
                // An empty bucket holds no deviation, whatever its borders are.
                let is_empty = x[bucket] == x[bucket + 1] && y[bucket] == y[bucket + 1];
                let bound = bound(bucket, bucket + 1);
                if bound >= needed && !is_empty {
                    let before = [before[0] + x[bucket] as usize, before[1] + y[bucket] as usize];
                    list.push(Candidate { bucket, before, bound: bound as f64 * unit });
                }
            }
        }
        let mut slots = vec![0; buckets];
        for (candidate, slot) in list.iter().zip(1..) {
            slots[candidate.bucket] = slot;
        }
        Self { list, slots }
    }

    /// Looks into the candidates, from the highest bound down, until no bound reaches what was found.
    pub(super) fn search_into(
        &self,
        search: &mut Search,
        mut x: Members<'_>,
        mut y: Members<'_>,
        alternative: Alternative,
        depth: u32,
    ) {
        let mut descending: Vec<usize> = (0..self.list.len()).collect();
        descending.sort_unstable_by(|&a, &b| self.list[b].bound.total_cmp(&self.list[a].bound));
        for slot in descending {
            let candidate = self.list[slot];
            if candidate.bound < search.best(alternative) - ROUNDING {
                return;
            }
            let (x, y) = (x.of(slot, candidate.bucket), y.of(slot, candidate.bucket));
            search_runs(search, x, y, candidate.before, alternative, depth);
        }
    }

    /// The members of the candidates among a column.
    pub(super) fn gather(&self, values: &[f64], counted: &Counted) -> Members<'static> {
        let mut end = 0;
        let mut groups: Vec<Group> = Vec::with_capacity(self.list.len());
        for candidate in &self.list {
            let start = end;
            end += match counted.starts.get(candidate.bucket..candidate.bucket + 2) {
                Some(&[before, upto]) => (upto - before) as usize,
                _ => 0,
            };
            // NaN equals no member, so that the first one is taken as such.
            groups.push(Group { first: f64::NAN, repeats: 0, start, next: start, end });
        }
        let mut members = vec![0.0; end];
        for (&identifier, &value) in counted.identifiers.iter().zip(values) {
            let slot = self.slots.get(usize::from(identifier)).copied().unwrap_or(0);
            if slot != 0 {
                let group = &mut groups[slot as usize - 1];
                if value == group.first {
                    group.repeats += 1;
                } else if group.repeats == 0 {
                    (group.first, group.repeats) = (value, 1);
                } else {
                    members[group.next] = value;
                    group.next += 1;
                }
            }
        }
        Members::Gathered { values: members, groups }
    }
}

/// The members of one bucket. Columns of few different values are common, and then one value is all there is: repeats
/// of the first one are counted rather than written down.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group {
    first: f64,
    repeats: usize,
    start: usize,
    next: usize,
    end: usize,
}

/// One sample's members of the candidate buckets.
#[derive(Debug)]
pub(super) enum Members<'a> {
    /// Copied from a column, bucket after bucket.
    Gathered { values: Vec<f64>, groups: Vec<Group> },
    /// Lying in order in a reference, whose buckets begin at these places.
    Indexed { sorted: &'a [f64], starts: &'a [u32] },
}

impl Members<'_> {
    fn of(&mut self, slot: usize, bucket: usize) -> Run<'_> {
        match self {
            Members::Indexed { sorted, starts } => {
                let range = match starts.get(bucket..bucket + 2) {
                    Some(&[start, end]) => start as usize..end as usize,
                    _ => 0..0,
                };
                Run::Sorted(sorted.get(range).unwrap_or_default())
            }
            Members::Gathered { values, groups } => {
                let Some(&group) = groups.get(slot) else { return Run::Sorted(&[]) };
                let places = values.get_mut(group.start..group.end).unwrap_or_default();
                if group.next == group.start {
                    return Run::Constant(group.first, places);
                }
                if let Some(repeats) = places.get_mut(group.next - group.start..) {
                    repeats.fill(group.first);
                }
                Run::Mixed(places)
            }
        }
    }
}

/// One sample's members of one bucket.
#[derive(Debug)]
pub(super) enum Run<'a> {
    /// One value as many times as there are places, to which it is written only if it has to be.
    Constant(f64, &'a mut [f64]),
    /// In any order.
    Mixed(&'a mut [f64]),
    /// In order.
    Sorted(&'a [f64]),
}

impl<'a> Run<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Run::Constant(_, places) | Run::Mixed(places) => places.len(),
            Run::Sorted(values) => values.len(),
        }
    }

    /// The only value there is, if there is only one; `None` of none.
    pub(super) fn constant(&self) -> Option<f64> {
        match self {
            Run::Constant(value, places) => (!places.is_empty()).then_some(*value),
            Run::Mixed(_) => None,
            Run::Sorted(values) => values.first().copied().filter(|first| values.last() == Some(first)),
        }
    }

    /// All values, in any order.
    pub(super) fn values(self) -> &'a [f64] {
        match self {
            Run::Constant(value, places) => {
                places.fill(value);
                places
            }
            Run::Mixed(places) => places,
            Run::Sorted(values) => values,
        }
    }

    /// All values in ascending order.
    pub(super) fn sorted(self) -> &'a [f64] {
        match self {
            Run::Mixed(places) => {
                sort(places);
                places
            }
            ordered => ordered.values(),
        }
    }
}
