//! Where numbers stand among sorted ones, and what is kept for them.

use super::proto::Element;
use super::{Graph, Tensor};

/// Sorted keys of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Keys<'a> {
    Numbers(&'a [f64]),
    Integers(&'a [i64]),
}

/// So many keys are compared with each row at once; of more, first the heads of their blocks.
const AT_ONCE: usize = 128;

impl Keys<'_> {
    fn len(self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Integers(integers) => integers.len(),
        }
    }

    fn constant(self, graph: &mut Graph, shape: &[usize]) -> Tensor {
        match self {
            Self::Numbers(numbers) => graph.matrix(numbers, shape),
            Self::Integers(integers) => graph.integers(integers, shape),
        }
    }

    /// The keys in rows of `size`, the last filled up with the greatest number there is; and the first of each row.
    fn blocks(self, graph: &mut Graph, size: usize) -> (Tensor, Tensor, usize) {
        fn parts<T: Copy>(keys: &[T], size: usize, greatest: T) -> (Vec<T>, Vec<T>) {
            let heads = keys.iter().copied().step_by(size).collect::<Vec<T>>();
            let mut padded = keys.to_vec();
            padded.resize(heads.len() * size, greatest);
            (heads, padded)
        }
        let (heads, blocks, count) = match self {
            Self::Numbers(numbers) => {
                let (heads, blocks) = parts(numbers, size, f64::INFINITY);
                let shape = [heads.len(), size];
                (graph.numbers(&heads), graph.matrix(&blocks, &shape), heads.len())
            }
            Self::Integers(integers) => {
                let (heads, blocks) = parts(integers, size, i64::MAX);
                let shape = [heads.len(), size];
                (graph.integers(&heads, &[1, heads.len()]), graph.integers(&blocks, &shape), heads.len())
            }
        };
        (heads, blocks, count)
    }
}

impl Graph {
    /// How many of the keys are not above the value, as integers `[N, 1]`. None is for NaN.
    pub(crate) fn passed(&mut self, value: Tensor, keys: Keys<'_>) -> Tensor {
        let length = keys.len();
        if length == 0 {
            let is_equal = self.equal(value, value);
            let counted = self.cast(is_equal, Element::Int64);
            let zero = self.integer(0);
            return self.node("Mul", &[counted, zero]);
        }
        if length <= AT_ONCE {
            let own = keys.constant(self, &[1, length]);
            return self.counted(value, own, length);
        }
        let size = length.isqrt() + 1;
        let (heads, blocks, count) = keys.blocks(self, size);
        let (zero, one) = (self.integer(0), self.integer(1));
        let passed = self.counted(value, heads, count);
        let block = self.subtract(passed, one);
        let block = self.node("Max", &[block, zero]);
        let place = self.flat(block);
        let own = self.gather(blocks, place, 0);
        let within = self.counted(value, own, size);
        let size = self.integer(size as i64);
        let before = self.multiply(block, size);
        let total = self.add(before, within);
        // What fills the last block up is not above the greatest number there is.
        let most = self.integer(length as i64);
        self.node("Min", &[total, most])
    }

    fn counted(&mut self, value: Tensor, keys: Tensor, count: usize) -> Tensor {
        let passed = self.at_most(keys, value);
        let passed = self.flag(passed);
        let sum = self.row_sums(passed, count);
        self.cast(sum, Element::Int64)
    }

    /// The integer that stands for the key that the value equals, and `otherwise` where it equals none.
    pub(crate) fn looked_up(
        &mut self,
        value: Tensor,
        keys: Keys<'_>,
        integers: &[i64],
        otherwise: i64,
    ) -> Tensor {
        let otherwise = self.integer(otherwise);
        let (found, place) = self.found(value, keys);
        let Some(place) = place else {
            // Nothing is known: all rows have the other integer.
            let zero = self.integer(0);
            return self.choose(found, zero, otherwise);
        };
        let integers = self.integers(integers, &[integers.len()]);
        let own = self.gather(integers, place, 0);
        self.choose(found, own, otherwise)
    }

    /// Whether the value equals a key, and the place of that key; without keys there is no place.
    pub(crate) fn found(&mut self, value: Tensor, keys: Keys<'_>) -> (Tensor, Option<Tensor>) {
        let passed = self.passed(value, keys);
        let (zero, one) = (self.integer(0), self.integer(1));
        if keys.len() == 0 {
            return (self.greater(passed, zero), None);
        }
        let last = self.subtract(passed, one);
        let place = self.node("Max", &[last, zero]);
        let own = keys.constant(self, &[keys.len()]);
        let key = self.gather(own, place, 0);
        (self.equal(key, value), Some(place))
    }

    /// The number between given points that belongs to the value: as `numpy.interp`. Beyond the first point and the last it is
    /// theirs.
    pub(crate) fn interpolated(&mut self, value: Tensor, x: &[f64], y: &[f64]) -> Tensor {
        let (Some(first), Some(last)) = (y.first(), y.last()) else { return self.number(f64::NAN) };
        let (first, last) = (self.number(*first), self.number(*last));
        let passed = self.passed(value, Keys::Numbers(x));
        let (zero, one) = (self.integer(0), self.integer(1));
        let (length, greatest) = (self.integer(x.len() as i64), self.integer(x.len() as i64 - 1));
        let below = self.subtract(passed, one);
        let below = self.node("Max", &[below, zero]);
        let above = self.node("Min", &[passed, greatest]);
        let (x, y) = (self.matrix(x, &[x.len()]), self.matrix(y, &[y.len()]));
        let (x_below, x_above) = (self.gather(x, below, 0), self.gather(x, above, 0));
        let (y_below, y_above) = (self.gather(y, below, 0), self.gather(y, above, 0));
        let (rise, run) = (self.subtract(y_above, y_below), self.subtract(x_above, x_below));
        let slope = self.divide(rise, run);
        let distance = self.subtract(value, x_below);
        let climbed = self.multiply(slope, distance);
        let between = self.add(climbed, y_below);
        let is_at_point = self.equal(x_below, value);
        let result = self.choose(is_at_point, y_below, between);
        let is_first = self.less(passed, one);
        let result = self.choose(is_first, first, result);
        let is_last = self.node("Equal", &[passed, length]);
        let result = self.choose(is_last, last, result);
        let (is_missing, nothing) = (self.is_missing(value), self.number(f64::NAN));
        self.choose(is_missing, nothing, result)
    }
}
