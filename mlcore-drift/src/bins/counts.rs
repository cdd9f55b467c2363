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
        }
    }

    /// A bin for every category of either; the rows whose category a bounded counter did not keep are one more.
    pub(super) fn of_categories(reference: &Categories, current: &Categories) -> Self {
        let rows = reference.union(current);
        let (mut x, mut y): (Vec<u64>, Vec<u64>) = rows.iter().map(|(_, a, b)| (*a, *b)).unzip();
        let mut categories: Vec<String> = rows.iter().map(|(name, ..)| (*name).to_owned()).collect();
        if reference.overflow() + current.overflow() > 0 {
            x.push(reference.overflow());
            y.push(current.overflow());
            categories.push("(all others)".to_owned());
        }
        Self { categories, ..Self::numeric(Vec::new(), x, y) }
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
        let bins = self.reached() as f64;
        let of = |counts: &[u64]| {
            let total = counts.iter().sum::<u64>() as f64 + HALF * bins;
            let reached = counts.iter().zip(self.pairs()).filter(|(_, (a, b))| a + b > 0);
            reached.map(|(count, _)| (*count as f64 + HALF) / total).collect()
        };
        Shares { reference: of(&self.reference), current: of(&self.current) }
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

fn lift(shares: &mut [f64]) {
    let smallest = shares.iter().copied().filter(|share| *share > 0.0).fold(f64::INFINITY, f64::min);
    let floor = if smallest <= LIFTED { smallest / LIFTED_DIVISOR } else { LIFTED };
    shares.iter_mut().filter(|share| **share == 0.0).for_each(|share| *share = floor);
}

/// The pseudo-count of Jeffreys' prior for a multinomial distribution.
const HALF: f64 = 0.5;
/// What an empty bin's share becomes, unless a share is as small.
const LIFTED: f64 = 0.0001;
/// Otherwise the smallest share divided by this.
const LIFTED_DIVISOR: f64 = 1_000_000.0;
