//! Two samples, counted in the same bins.

use crate::sample::Categories;
use crate::two_sample::Note;

/// Two samples, counted in the same bins.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct BinCounts {
    /// How much of the reference each bin holds.
    pub reference: Vec<u64>,
    /// How much of the current sample each bin holds.
    pub current: Vec<u64>,
    /// The edges of numeric bins, one more than there are bins; a bin holds its lower edge and not its upper one. Empty
    /// where categories were counted.
    pub edges: Vec<f64>,
    /// The categories that were counted; empty where the bins are numeric.
    pub categories: Vec<String>,
    /// The number of values of the reference, whether or not a recipe dropped some.
    pub reference_len: u64,
    /// The number of values of the current sample.
    pub current_len: u64,
    /// What a reader of the counts should know.
    pub notes: Vec<Note>,
    /// How many of the last bins are no single category: those of all others and of missing rows.
    shared: usize,
}

/// Shares of two samples in the same bins.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Shares {
    /// The shares of the reference.
    pub reference: Vec<f64>,
    /// The shares of the current sample.
    pub current: Vec<f64>,
}

impl BinCounts {
    pub(super) fn numeric(edges: Vec<f64>, reference: Vec<u64>, current: Vec<u64>) -> Self {
        Self {
            reference,
            current,
            edges,
            categories: Vec::new(),
            reference_len: 0,
            current_len: 0,
            notes: Vec::new(),
            shared: 0,
        }
    }

    /// A bin for every category of either. Where a bounded counter did not keep the categories of some rows, these are one bin
    /// more, together with all rare ones: which of them a counter kept is no fair choice.
    pub(super) fn of_categories(reference: &Categories, current: &Categories) -> Self {
        let mut rows = reference.union(current);
        let mut others = (reference.overflow(), current.overflow());
        let overflows = others != (0, 0);
        if overflows {
            let is_rare = rare((reference.total(), current.total()));
            rows.retain(|(_, a, b)| {
                let is_unknown = (*a == 0 && reference.overflow() > 0) || (*b == 0 && current.overflow() > 0);
                let goes = is_rare((*a, *b)) || is_unknown;
                others = if goes { (others.0 + a, others.1 + b) } else { others };
                !goes
            });
        }
        let (mut x, mut y): (Vec<u64>, Vec<u64>) = rows.iter().map(|(_, a, b)| (*a, *b)).unzip();
        let mut categories: Vec<String> = rows.iter().map(|(name, ..)| (*name).to_owned()).collect();
        if overflows {
            x.push(others.0);
            y.push(others.1);
            categories.push("(all others)".to_owned());
        }
        Self { categories, shared: usize::from(overflows), ..Self::numeric(Vec::new(), x, y) }
    }

    /// Whether categories are so rare that sums over them are not distributed as sums over bins are.
    #[must_use]
    pub fn has_rare_categories(&self) -> bool {
        let is_rare = rare((self.reference.iter().sum(), self.current.iter().sum()));
        !self.categories.is_empty() && self.pairs().any(|pair| pair != (0, 0) && is_rare(pair))
    }

    /// The bins that either sample reaches: reference, current.
    pub(crate) fn reached_pairs(&self) -> Vec<(u64, u64)> {
        self.pairs().filter(|pair| *pair != (0, 0)).collect()
    }

    /// The same rows, had every category of the current sample been replaced by another one; `None` for numbers.
    pub(crate) fn replaced(&self) -> Option<Self> {
        if self.categories.is_empty() {
            return None;
        }
        let single = self.reference.len().saturating_sub(self.shared);
        let (mut x, mut y, mut categories) = (Vec::new(), Vec::new(), Vec::new());
        for (place, ((a, b), name)) in self.pairs().zip(&self.categories).enumerate() {
            let parts = if place < single { vec![(a, 0), (0, b)] } else { vec![(a, b)] };
            for (a, b) in parts.into_iter().filter(|part| *part != (0, 0)) {
                x.push(a);
                y.push(b);
                categories.push(name.clone());
            }
        }
        Some(Self { categories, shared: self.shared, ..Self::numeric(Vec::new(), x, y) })
    }

    /// Moves the edges, and what notes say of them.
    pub(super) fn shift(&mut self, by: f64) {
        self.edges.iter_mut().for_each(|edge| *edge += by);
        for note in &mut self.notes {
            if let Note::PointMass { value, .. } = note {
                *value += by;
            }
        }
    }

    /// Adds a last bin, for the missing rows.
    pub(super) fn push_missing(&mut self, reference: u64, current: u64) {
        self.reference.push(reference);
        self.current.push(current);
        if !self.categories.is_empty() {
            self.categories.push("(missing)".to_owned());
            self.shared += 1;
        }
    }

    /// The bins that either sample reaches.
    #[must_use]
    pub fn reached(&self) -> usize {
        self.pairs().filter(|(a, b)| a + b > 0).count()
    }

    /// The shares as they were counted.
    #[must_use]
    pub fn shares(&self) -> Shares {
        let of = |counts: &[u64]| {
            let total = counts.iter().sum::<u64>() as f64;
            counts.iter().map(|count| *count as f64 / total).collect()
        };
        Shares { reference: of(&self.reference), current: of(&self.current) }
    }

    /// The shares with half a count (Jeffreys' prior) added to every bin that either sample reaches; the other bins are
    /// left out. No share is 0, and none depends on an epsilon.
    #[must_use]
    pub fn smoothed_shares(&self) -> Shares {
        let smoothed = self.smoothed();
        let counts = self.pairs().filter(|pair| *pair != (0, 0));
        let (reference, current) = counts.map(|(a, b)| smoothed(a as f64, b as f64)).unzip();
        Shares { reference, current }
    }

    /// The smoothed shares of a bin with these counts.
    pub(crate) fn smoothed(&self) -> impl Fn(f64, f64) -> (f64, f64) {
        let bins = self.reached() as f64;
        let total = |counts: &[u64]| counts.iter().sum::<u64>() as f64 + HALF * bins;
        let (n, m) = (total(&self.reference), total(&self.current));
        move |a, b| ((a + HALF) / n, (b + HALF) / m)
    }

    /// The shares as Evidently lifts them: a zero becomes 0.0001, or a millionth of the sample's smallest share if that is
    /// at most 0.0001; and the note that says so.
    #[must_use]
    pub fn lifted_shares(&self) -> (Shares, Option<Note>) {
        let Shares { mut reference, mut current } = self.shares();
        let zeros = |shares: &[f64]| shares.iter().filter(|share| **share == 0.0).count() as u64;
        let note = Note::ZerosLifted { reference: zeros(&reference), current: zeros(&current) };
        let is_lifted = zeros(&reference) + zeros(&current) > 0;
        lift(&mut reference);
        lift(&mut current);
        (Shares { reference, current }, is_lifted.then_some(note))
    }

    fn pairs(&self) -> impl Iterator<Item = (u64, u64)> {
        self.reference.iter().copied().zip(self.current.iter().copied())
    }
}

impl Shares {
    /// The shares bin by bin: reference, current.
    pub fn pairs(&self) -> impl Iterator<Item = (f64, f64)> {
        self.reference.iter().copied().zip(self.current.iter().copied())
    }
}

/// Whether either of two samples of these sizes should have fewer rows of such a category than Cochran's rule asks for.
fn rare((n, m): (u64, u64)) -> impl Fn((u64, u64)) -> bool {
    let smaller_share = n.min(m) as f64 / (n + m) as f64;
    move |(a, b)| (a + b) as f64 * smaller_share < FEWEST_EXPECTED
}

fn lift(shares: &mut [f64]) {
    let smallest = shares.iter().copied().filter(|share| *share > 0.0).fold(f64::INFINITY, f64::min);
    let floor = if smallest <= LIFTED { smallest / LIFTED_DIVISOR } else { LIFTED };
    shares.iter_mut().filter(|share| **share == 0.0).for_each(|share| *share = floor);
}

/// W. G. Cochran, "Some Methods for Strengthening the Common chi^2 Tests" (1954).
const FEWEST_EXPECTED: f64 = 5.0;
/// The pseudo-count of Jeffreys' prior for a multinomial distribution.
const HALF: f64 = 0.5;
/// What an empty bin's share becomes, unless a share is as small.
const LIFTED: f64 = 0.0001;
/// Otherwise the smallest share divided by this.
const LIFTED_DIVISOR: f64 = 1_000_000.0;
