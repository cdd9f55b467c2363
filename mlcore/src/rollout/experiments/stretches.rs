use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The positions on a line from 0 to 1 that belong to one owner, as stretches `[start, end)` in millionths, in the order in
/// which they were gained. Serialised as that list.
///
/// An owner that grows gains positions that nobody owns, the lowest first, and one that shrinks gives up those that it
/// gained last: so no unit ever moves from one owner to another, and a ramp that goes back and forth again gives the same
/// units back. (With three owners or more no rule can promise that from present shares alone: the stretches are the
/// memory. GrowthBook calls them bucket ranges.)
///
/// ```
/// use mlcore::rollout::Stretches;
///
/// let stretches = Stretches::new([[0, 100_000], [400_000, 450_000]])?;
/// assert_eq!(stretches.share(), 0.15);
/// assert!(Stretches::new([[500_000, 400_000]]).is_err());
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stretches(Vec<[u32; 2]>);

impl Stretches {
    /// The length of the line.
    pub const WHOLE: u32 = 1_000_000;

    /// The stretches of `list`, in the order in which they were gained.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a stretch that is empty or ends past the line, and for two that overlap.
    pub fn new(list: impl IntoIterator<Item = [u32; 2]>) -> Result<Self> {
        let stretches = Self(list.into_iter().collect());
        match stretches.problem() {
            None => Ok(stretches),
            Some(problem) => Err(Error::invalid_input("build stretches", "positions", problem)),
        }
    }

    /// The stretches, in the order in which they were gained.
    #[must_use]
    pub fn as_slice(&self) -> &[[u32; 2]] {
        &self.0
    }

    /// The share of the line that they hold.
    #[must_use]
    pub fn share(&self) -> f64 {
        f64::from(self.length()) / f64::from(Self::WHOLE)
    }

    pub(super) fn length(&self) -> u32 {
        self.0.iter().map(|[start, end]| end.saturating_sub(*start)).fold(0, u32::saturating_add)
    }

    /// What is wrong with them: a state that was read may hold anything.
    pub(super) fn problem(&self) -> Option<String> {
        let shown = |[start, end]: [u32; 2]| format!("{start} to {end}");
        for (place, stretch) in self.0.iter().enumerate() {
            let [start, end] = *stretch;
            if start >= end || end > Self::WHOLE {
                let problem =
                    format!("{} is no stretch of a line of {} millionths", shown(*stretch), Self::WHOLE);
                return Some(problem);
            }
            if let Some(other) = self.0.iter().take(place).find(|other| overlap(*stretch, **other)) {
                return Some(format!("{} and {} overlap", shown(*other), shown(*stretch)));
            }
        }
        None
    }

    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.0.iter().any(|own| other.0.iter().any(|other| overlap(*own, *other)))
    }

    /// Grows or shrinks to `length` beside `others`; answers how much is free where that is not enough, and then nothing
    /// changes.
    pub(super) fn resize<'a>(
        &mut self,
        length: u32,
        others: impl Iterator<Item = &'a Self>,
    ) -> std::result::Result<(), u32> {
        let own = self.length();
        if length <= own {
            self.give_up(own - length);
            return Ok(());
        }
        let mut owned: Vec<[u32; 2]> = others.flat_map(|other| other.0.iter().copied()).collect();
        owned.extend_from_slice(&self.0);
        owned.sort_unstable();
        owned.push([Self::WHOLE, Self::WHOLE]);
        let (mut gained, mut wanted, mut cursor) = (self.clone(), length - own, 0);
        for [start, end] in owned {
            let taken = start.saturating_sub(cursor).min(wanted);
            gained.push([cursor, cursor + taken]);
            wanted -= taken;
            cursor = cursor.max(end);
        }
        if wanted > 0 {
            return Err(length - wanted);
        }
        *self = gained;
        Ok(())
    }

    fn push(&mut self, [start, end]: [u32; 2]) {
        match self.0.last_mut() {
            Some(last) if last[1] == start => last[1] = end,
            Some(_) | None if start < end => self.0.push([start, end]),
            Some(_) | None => {}
        }
    }

    fn give_up(&mut self, mut length: u32) {
        while length > 0
            && let Some(last) = self.0.last_mut()
        {
            let given = length.min(last[1] - last[0]);
            last[1] -= given;
            length -= given;
            if last[0] == last[1] {
                self.0.pop();
            }
        }
    }
}

/// A share in millionths, rounded down; `None` for what is no share.
pub(super) fn millionths(share: f64) -> Option<u32> {
    // The digits of a share such as 0.29 may end just below their millionth.
    let rounded = (share * f64::from(Stretches::WHOLE) + 1e-6).floor();
    (0.0..=1.0).contains(&share).then_some(rounded as u32)
}

fn overlap(one: [u32; 2], other: [u32; 2]) -> bool {
    one[0] < other[1] && other[0] < one[1]
}

/// The owners of a line, for looking one up.
#[derive(Clone, Debug, Default)]
pub(super) struct Owners(Vec<([u32; 2], usize)>);

impl Owners {
    pub(super) fn new<'a>(owners: impl Iterator<Item = &'a Stretches>) -> Self {
        let stretches = owners
            .enumerate()
            .flat_map(|(owner, stretches)| stretches.0.iter().map(move |stretch| (*stretch, owner)));
        let mut sorted: Vec<_> = stretches.collect();
        sorted.sort_unstable();
        Self(sorted)
    }

    /// Who owns the whole line, where it has one owner.
    pub(super) fn whole(&self) -> Option<usize> {
        match self.0[..] {
            [([0, Stretches::WHOLE], owner)] => Some(owner),
            _ => None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Who owns the position `place` of `[0, 1)`.
    pub(super) fn at(&self, place: f64) -> Option<usize> {
        let place = (place * f64::from(Stretches::WHOLE)) as u32;
        let after = self.0.partition_point(|([start, _], _)| *start <= place);
        let ([_, end], owner) = self.0.get(after.checked_sub(1)?)?;
        (place < *end).then_some(*owner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn resized(stretches: &mut [Stretches], owner: usize, length: u32) -> std::result::Result<(), u32> {
        let mut own = stretches[owner].clone();
        let others =
            stretches.iter().enumerate().filter(|(other, _)| *other != owner).map(|(_, other)| other);
        own.resize(length, others)?;
        stretches[owner] = own;
        Ok(())
    }

    #[test]
    fn a_share_is_as_many_millionths() {
        for (share, expected) in [
            (0.29, 290_000),
            (1.0 / 6.0, 166_666),
            (1.0, 1_000_000),
            (0.0, 0),
            (1e-7, 0),
            (0.1 + 0.2, 300_000),
        ] {
            assert_eq!(millionths(share), Some(expected), "{share}");
        }
        for share in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(millionths(share), None, "{share}");
        }
    }

    #[test]
    fn a_ramp_that_goes_back_and_forth_gives_the_same_positions() {
        let mut owners = vec![Stretches::default(); 3];
        for owner in 0..3 {
            resized(&mut owners, owner, 100_000).unwrap();
        }
        resized(&mut owners, 0, 250_000).unwrap();
        assert_eq!(owners[0].as_slice(), [[0, 100_000], [300_000, 450_000]]);
        let before = owners.clone();
        resized(&mut owners, 0, 50_000).unwrap();
        assert_eq!(owners[0].as_slice(), [[0, 50_000]]);
        resized(&mut owners, 0, 250_000).unwrap();
        assert_eq!(owners[0].length(), before[0].length());
        assert!(
            [0, 70_000, 300_000, 449_999]
                .iter()
                .all(|place| { Owners::new(owners.iter()).at(f64::from(*place) / 1e6) == Some(0) })
        );
        assert_eq!(resized(&mut owners, 1, 800_000), Err(650_000), "what it could have at most");
    }

    proptest! {
        #[test]
        fn no_position_ever_changes_hands(steps in prop::collection::vec((0_usize..4, 0_u32..=1_000_000), 1..20)) {
            let mut owners = vec![Stretches::default(); 4];
            let places: Vec<f64> = (0..1_000).map(|place| f64::from(place) / 1e3 + 1e-7).collect();
            for (owner, length) in steps {
                let before = Owners::new(owners.iter());
                if resized(&mut owners, owner, length).is_ok() {
                    prop_assert_eq!(owners[owner].length(), length);
                }
                let after = Owners::new(owners.iter());
                for place in &places {
                    let (before, after) = (before.at(*place), after.at(*place));
                    prop_assert!(before == after || before.is_none() || after.is_none());
                }
                prop_assert!(owners.iter().all(|stretches| stretches.problem().is_none()));
                for (place, one) in owners.iter().enumerate() {
                    prop_assert!(owners.iter().take(place).all(|other| !one.overlaps(other)));
                }
            }
        }
    }
}
