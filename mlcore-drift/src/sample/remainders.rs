//! Integers past 2^53, which a float rounds: what rounding took from them.

use std::cmp::Ordering;

/// What rounding to floats took from the values of a column: a place and what is to be added there, by ascending place.
/// Empty for nearly every column.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Remainders(Vec<(usize, i16)>);

impl Remainders {
    /// Notes what the float at `place`, the nearest one to `value`, lacks. Places come in ascending order.
    #[inline]
    pub(crate) fn note(&mut self, place: usize, value: i128, float: f64) {
        // The floats around 64-bit integers are at most 2048 apart, so that the difference fits.
        let taken = i16::try_from(value - float as i128).unwrap_or(0);
        if taken != 0 {
            self.0.push((place, taken));
        }
    }

    /// Notes what `other` holds, whose places begin at `start`.
    pub(crate) fn append(&mut self, other: &Self, start: usize) {
        self.0.extend(other.0.iter().map(|(place, taken)| (start + place, *taken)));
    }

    /// Those of numbers that are in ascending order.
    pub(super) fn of_ascending(numbers: &[(f64, i16)]) -> Self {
        let taken = numbers.iter().enumerate().filter(|(_, (_, taken))| *taken != 0);
        Self(taken.map(|(place, (_, taken))| (place, *taken)).collect())
    }

    /// Whether they can be those of so many values: places within, in ascending order.
    pub(crate) fn fit(&self, len: usize) -> bool {
        self.0.iter().all(|(place, _)| *place < len) && self.0.is_sorted_by(|(a, _), (b, _)| a < b)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each value with what its float lacks.
    pub(crate) fn beside<'a>(&'a self, values: &'a [f64]) -> impl Iterator<Item = (f64, i16)> + 'a {
        let mut rest = self.0.iter().peekable();
        values.iter().enumerate().map(move |(place, value)| {
            let taken = rest.next_if(|(own, _)| *own == place).map_or(0, |(_, taken)| *taken);
            // Adding zero turns -0 into 0 and nothing else.
            (value + 0.0, taken)
        })
    }
}

/// Whether a float holds every integer of this magnitude.
#[inline]
pub(crate) fn is_exact(magnitude: u64) -> bool {
    magnitude <= 1 << 53
}

/// The ranks of two samples in their common order, equal numbers having one rank: all that a test of order depends on.
pub(super) fn ranks(
    x: impl Iterator<Item = (f64, i16)>,
    y: impl Iterator<Item = (f64, i16)>,
) -> (Vec<f64>, Vec<f64>) {
    let tagged = x.map(|number| (number, false)).chain(y.map(|number| (number, true)));
    let mut both: Vec<((f64, i16), bool)> = tagged.collect();
    let in_order = |a: &((f64, i16), bool), b: &((f64, i16), bool)| order(&a.0, &b.0);
    mlcore::interrupt::sort_unstable_by(&mut both, in_order);
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for (rank, tied) in both.chunk_by(|(a, _), (b, _)| a == b).enumerate() {
        for (_, is_second) in tied {
            if *is_second { y.push(rank as f64) } else { x.push(rank as f64) }
        }
    }
    (x, y)
}

/// A number as a whole one, the float's part and what it lacks together; `None` for fractions and what no integer holds.
pub(super) fn whole((float, taken): (f64, i16)) -> Option<i128> {
    let is_whole = float.fract() == 0.0 && float.abs() < LARGEST;
    is_whole.then(|| float as i128 + i128::from(taken))
}

/// The smaller of two numbers.
pub(super) fn order(a: &(f64, i16), b: &(f64, i16)) -> Ordering {
    a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
}

/// 2^100: far beyond 64-bit integers, and differences stay within 128 bits.
const LARGEST: f64 = 1.267_650_600_228_229_4e30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_at_the_ends_of_the_integers() {
        let values = [i128::from(i64::MIN), i128::from(i64::MAX), i128::from(u64::MAX), (1 << 53) + 1, 7];
        let floats = values.map(|value| value as f64);
        let mut remainders = Remainders::default();
        for (place, (value, float)) in values.into_iter().zip(floats).enumerate() {
            remainders.note(place, value, float);
        }
        let found: Vec<Option<i128>> = remainders.beside(&floats).map(whole).collect();
        assert_eq!(found, values.map(Some));
    }

    #[test]
    fn ranks_tell_neighbours_apart() {
        let (x, y) = ranks([(1e18, 1), (1e18, 0)].into_iter(), [(1e18, 1), (1e18, -3)].into_iter());
        assert_eq!((x, y), (vec![1.0, 2.0], vec![0.0, 2.0]));
    }
}
