//! Statistics of a window that moves on: numbers come in behind and leave in front, and none is ever taken off a sum.

/// What is known of some numbers, of which NaN is a missing one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Summary {
    /// Rows, missing numbers included.
    pub(super) rows: usize,
    /// Numbers.
    pub(super) count: f64,
    /// The sum, and what its digits do not hold.
    sum: f64,
    rest: f64,
    mean: f64,
    /// The sum of the squared distances from the mean.
    squares: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Summary {
    const NONE: Self = Self {
        rows: 0,
        count: 0.0,
        sum: 0.0,
        rest: 0.0,
        mean: 0.0,
        squares: 0.0,
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
    };

    fn of(number: f64) -> Self {
        if number.is_nan() {
            return Self { rows: 1, ..Self::NONE };
        }
        let (sum, mean, min, max) = (number, number, number, number);
        Self { rows: 1, count: 1.0, sum, rest: 0.0, mean, squares: 0.0, min, max }
    }

    /// Both together: Chan, Golub and LeVeque, "Algorithms for computing the sample variance" (1983), and Knuth's sum of two numbers
    /// with what it loses.
    fn and(self, other: Self) -> Self {
        let rows = self.rows + other.rows;
        if other.count == 0.0 {
            return Self { rows, ..self };
        }
        if self.count == 0.0 {
            return Self { rows, ..other };
        }
        let count = self.count + other.count;
        let sum = self.sum + other.sum;
        let own = sum - other.sum;
        let lost = (self.sum - own) + (other.sum - (sum - own));
        let distance = other.mean - self.mean;
        let share = other.count / count;
        Self {
            rows,
            count,
            sum,
            rest: self.rest + other.rest + lost,
            mean: self.mean + distance * share,
            squares: self.squares + other.squares + distance * distance * self.count * share,
            min: if other.min < self.min { other.min } else { self.min },
            max: if other.max > self.max { other.max } else { self.max },
        }
    }

    pub(super) fn sum(&self) -> f64 {
        // A sum that is infinite has lost NaN.
        if self.sum.is_finite() { self.sum + self.rest } else { self.sum }
    }

    /// The mean; NaN of no numbers.
    pub(super) fn mean(&self) -> f64 {
        let mean = self.sum() / self.count;
        if !mean.is_finite() {
            // The sum is too large for its digits, and the mean of the parts is not.
            return if self.count == 0.0 { f64::NAN } else { self.mean };
        }
        // What the division lost, so that the mean of equal numbers is each of them.
        mean + (f64::mul_add(-mean, self.count, self.sum) + self.rest) / self.count
    }

    /// The variance with one degree of freedom less; NaN of fewer than two numbers.
    pub(super) fn variance(&self) -> f64 {
        if self.count < 2.0 { f64::NAN } else { self.squares / (self.count - 1.0) }
    }
}

/// A window over a list of numbers. Each number is looked at a few times, however long the window is: two stacks, the front one of
/// which holds what is known of all numbers from each place on.
pub(super) struct Queue<'a> {
    numbers: &'a [f64],
    start: usize,
    end: usize,
    /// Of the numbers from each place on up to where the back begins, the first of them last.
    front: Vec<Summary>,
    back: Summary,
}

impl<'a> Queue<'a> {
    pub(super) fn new(numbers: &'a [f64]) -> Self {
        Self { numbers, start: 0, end: 0, front: Vec::new(), back: Summary::NONE }
    }

    /// Moves on to the numbers from `start` to `end`, neither of which may be less than before.
    pub(super) fn move_to(&mut self, start: usize, end: usize) -> Summary {
        for number in self.numbers.get(self.end..end).unwrap_or_default() {
            self.back = self.back.and(Summary::of(*number));
        }
        self.end = self.end.max(end);
        for place in self.start..start.min(self.end) {
            if self.front.is_empty() {
                let mut later = Summary::NONE;
                for number in self.numbers.get(place..self.end).unwrap_or_default().iter().rev() {
                    later = Summary::of(*number).and(later);
                    self.front.push(later);
                }
                self.back = Summary::NONE;
            }
            self.front.pop();
        }
        self.start = self.start.max(start.min(self.end));
        self.front.last().map_or(self.back, |front| front.and(self.back))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_window_is_its_numbers(
            numbers in prop::collection::vec(prop_oneof![4 => -100.0..100.0, 1 => Just(f64::NAN)], 0..60),
            steps in prop::collection::vec((0_usize..4, 0_usize..4), 0..40),
        ) {
            let (mut start, mut end) = (0, 0);
            let mut queue = Queue::new(&numbers);
            for (first, last) in steps {
                end = (end + last).min(numbers.len());
                start = (start + first).min(end);
                let found = queue.move_to(start, end);
                let own: Vec<f64> = numbers[start..end].iter().copied().filter(|number| !number.is_nan()).collect();
                prop_assert_eq!((found.rows, found.count), (end - start, own.len() as f64));
                let sum: f64 = own.iter().sum();
                prop_assert!((found.sum() - sum).abs() <= 1e-11);
                let mean = sum / own.len() as f64;
                prop_assert!(own.is_empty() && found.mean().is_nan() || (found.mean() - mean).abs() < 1e-12 * 100.0);
                let squares: f64 = own.iter().map(|number| (number - mean).powi(2)).sum();
                let variance = squares / (own.len() as f64 - 1.0);
                prop_assert!(own.len() < 2 && found.variance().is_nan() || (found.variance() - variance).abs() <= 1e-10 * variance.max(1.0));
                prop_assert_eq!(found.min, own.iter().copied().fold(f64::INFINITY, f64::min));
                prop_assert_eq!(found.max, own.iter().copied().fold(f64::NEG_INFINITY, f64::max));
            }
        }
    }

    #[test]
    fn equal_numbers_have_their_own_mean_and_no_variance() {
        for number in [0.1, 1e300, -7.3, 5e-324] {
            let numbers = [number; 40];
            let mut queue = Queue::new(&numbers);
            for end in 2_usize..40 {
                let found = queue.move_to(end.saturating_sub(7), end);
                assert_eq!((found.mean(), found.variance()), (number, 0.0));
            }
        }
        // What has left a window leaves nothing behind.
        let mut queue = Queue::new(&[1e300, 1.0, 2.0]);
        assert_eq!(queue.move_to(0, 2).sum(), 1e300);
        assert_eq!(queue.move_to(1, 3).sum(), 3.0);
    }
}
