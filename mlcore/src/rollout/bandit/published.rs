use xxhash_rust::xxh3::Xxh3;

use crate::name::{Arm, Version};
use crate::rollout::{Assignment, Candidates};

/// The probabilities as requests are assigned by them: read by every request, and replaced as a whole.
#[derive(Clone, Debug)]
pub(super) struct Published {
    /// By name: each arm with its probability, `None` for one that may not answer.
    weights: Vec<(Arm, Option<f64>)>,
    key: u64,
    /// The lower half of the epochs: alike as long as the probabilities are.
    shares: u16,
    /// The candidates that answer, as the policy was told, with the places that their arms have in `[0, 1)`.
    told: Option<(u64, Vec<Place>)>,
}

/// The stretch of a candidate.
#[derive(Clone, Copy, Debug)]
struct Place {
    end: f64,
    assignment: Assignment,
}

impl Published {
    /// Probabilities of arms, in any order; `told` are the candidates that most requests come with.
    pub(super) fn new(mut weights: Vec<(Arm, Option<f64>)>, key: u64, told: Option<&Candidates>) -> Self {
        weights.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let mut hasher = Xxh3::new();
        for (_, weight) in &weights {
            hasher.update(&weight.map_or(u64::MAX, f64::to_bits).to_le_bytes());
        }
        let shares = (hasher.digest() >> 48) as u16;
        let mut published = Self { weights, key, shares, told: None };
        published.told = told.map(|candidates| (candidates.digest(), published.places(candidates).collect()));
        published
    }

    /// The probability of each arm, by name; `None` for one that may not answer.
    pub(super) fn weights(&self) -> &[(Arm, Option<f64>)] {
        &self.weights
    }

    /// The arm at this place in `[0, 1)`.
    pub(super) fn assign(&self, candidates: &Candidates, place: f64) -> Assignment {
        match &self.told {
            Some((digest, places)) if *digest == candidates.digest() => at(places.iter().copied(), place),
            _ => at(self.places(candidates), place),
        }
    }

    /// The probability of the candidate at `position`.
    pub(super) fn probability(&self, candidates: &Candidates, position: usize) -> f64 {
        let own = self.places(candidates).find(|place| place.assignment.position == position);
        own.map_or(0.0, |place| place.assignment.propensity)
    }

    /// The candidates with a probability above 0, in their order. Arms that do not answer leave their share to the others, in
    /// proportion; where those have none, they share alike; where no arm may answer, the default does.
    fn places<'a>(&'a self, candidates: &'a Candidates) -> impl Iterator<Item = Place> + 'a {
        let weight = |position: usize| {
            let arm = &candidates.at(position).arm;
            let own = self.weights.binary_search_by(|(own, _)| own.cmp(arm)).ok()?;
            self.weights.get(own)?.1
        };
        let all = 0..candidates.as_slice().len();
        let (mut sum, mut able) = (0.0, 0_u32);
        for weight in all.clone().filter_map(weight) {
            (sum, able) = (sum + weight, able + 1);
        }
        let of = move |position: usize| match weight(position) {
            None => f64::from(u8::from(able == 0 && position == 0)),
            Some(_) if sum <= 0.0 => 1.0 / f64::from(able),
            Some(weight) => weight / sum,
        };
        let mut end = 0.0;
        all.map(move |position| (position, of(position))).filter(|(_, share)| *share > 0.0).map(
            move |(position, share)| {
                end += share;
                let epoch = epoch(self.key, candidates.at(position).version, self.shares);
                Place {
                    end,
                    assignment: Assignment::certain(position).with_propensity(share).with_epoch(epoch),
                }
            },
        )
    }
}

/// The assignment at a place; rounding may leave the last end a little below 1.
fn at(places: impl Iterator<Item = Place>, place: f64) -> Assignment {
    let mut last = Assignment::certain(0);
    for stretch in places {
        last = stretch.assignment;
        if place < stretch.end {
            break;
        }
    }
    last
}

/// The epoch of assignments to this version: its upper half belongs to the bandit and the version, its lower half to the shares.
pub(super) fn epoch(key: u64, version: Version, shares: u16) -> u32 {
    u32::from(mark(key, version)) << 16 | u32::from(shares)
}

/// Whether an assignment of this epoch was one to this version.
pub(super) fn is_about(epoch: u32, key: u64, version: Version) -> bool {
    epoch >> 16 == u32::from(mark(key, version))
}

/// Sets the versions of a bandit apart, and never that of what must not count.
fn mark(key: u64, version: Version) -> u16 {
    // The finaliser of splitmix64 spreads versions, which are small, over all bits.
    let mixed = (key ^ version.get()).wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) as u16).min(u16::MAX - 1)
}

/// The epoch of what must not count as evidence.
pub(super) const NO_EPOCH: u32 = u32::MAX;
