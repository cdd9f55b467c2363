//! Points of a plane: how far is the k-th nearest, by the greater of the two distances?

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use mlcore::Result;
use mlcore::interrupt::Pace;

use super::select_k_best::OPERATION;

type Point = [f64; 2];

/// A k-d tree (Bentley 1975): points by halves, down to a few, each half with the box around it.
#[derive(Debug)]
pub(super) struct Plane {
    points: Vec<Point>,
    boxes: Vec<Bounds>,
}

/// The box around some points, and where they or its two halves stand.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    low: Point,
    high: Point,
    start: usize,
    end: usize,
    halves: Option<(usize, usize)>,
}

/// So many points are looked at one by one.
const FEW: usize = 16;

impl Plane {
    /// Of points with these coordinates, none of them NaN.
    pub(super) fn new(first: &[f64], second: &[f64]) -> Result<Self> {
        let points: Vec<Point> = first.iter().zip(second).map(|(first, second)| [*first, *second]).collect();
        let mut plane = Self { boxes: Vec::with_capacity(4 * points.len() / FEW + 1), points };
        plane.divide(0, plane.points.len(), &mut Pace::default())?;
        Ok(plane)
    }

    /// Puts a box around the points of a range, and around its halves. The depth is the logarithm of the count.
    fn divide(&mut self, start: usize, end: usize, pace: &mut Pace) -> Result<usize> {
        pace.check(OPERATION, end - start)?;
        let points = &mut self.points[start..end];
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for point in points.iter() {
            for axis in 0..2 {
                low[axis] = low[axis].min(point[axis]);
                high[axis] = high[axis].max(point[axis]);
            }
        }
        let place = self.boxes.len();
        self.boxes.push(Bounds { low, high, start, end, halves: None });
        if end - start > FEW {
            let axis = usize::from(high[1] - low[1] > high[0] - low[0]);
            let middle = (end - start) / 2;
            points.select_nth_unstable_by(middle, |one, other| one[axis].total_cmp(&other[axis]));
            let halves = (self.divide(start, start + middle, pace)?, self.divide(start + middle, end, pace)?);
            self.boxes[place].halves = Some(halves);
        }
        Ok(place)
    }

    /// The distance of a point of the plane to its `k`-th nearest, itself not counted; `k` is below the count of points.
    pub(super) fn nearest(&self, point: Point, k: usize, pace: &mut Pace) -> Result<f64> {
        // Itself is the nearest of one more.
        let mut best = BinaryHeap::with_capacity(k + 2);
        self.look(0, point, k + 1, &mut best, pace)?;
        Ok(best.peek().map_or(0.0, |Distance(farthest)| *farthest))
    }

    fn look(
        &self,
        place: usize,
        point: Point,
        count: usize,
        best: &mut BinaryHeap<Distance>,
        pace: &mut Pace,
    ) -> Result<()> {
        let bounds = &self.boxes[place];
        let is_full = best.len() == count;
        if is_full && best.peek().is_some_and(|Distance(farthest)| bounds.distance(point) >= *farthest) {
            return Ok(());
        }
        if let Some((one, other)) = bounds.halves {
            let (near, far) = match self.boxes[one].distance(point) <= self.boxes[other].distance(point) {
                true => (one, other),
                false => (other, one),
            };
            self.look(near, point, count, best, pace)?;
            return self.look(far, point, count, best, pace);
        }
        pace.check(OPERATION, bounds.end - bounds.start)?;
        for own in &self.points[bounds.start..bounds.end] {
            best.push(Distance((point[0] - own[0]).abs().max((point[1] - own[1]).abs())));
            if best.len() > count {
                best.pop();
            }
        }
        Ok(())
    }
}

impl Bounds {
    /// How far the point is from the box; 0 inside.
    fn distance(&self, point: Point) -> f64 {
        let along = |axis: usize| (self.low[axis] - point[axis]).max(point[axis] - self.high[axis]).max(0.0);
        along(0).max(along(1))
    }
}

/// A distance in its order.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Distance(f64);

impl Eq for Distance {}

impl PartialOrd for Distance {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Distance {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_tree_finds_what_a_look_at_all_finds(
            points in proptest::collection::vec((-9_i32..9, -9_i32..9, 0.0..1.0_f64), 2..120),
            k in 1_usize..9,
        ) {
            let k = k.min(points.len() - 1);
            let first: Vec<f64> = points.iter().map(|(first, _, rest)| f64::from(*first) + rest.round()).collect();
            let second: Vec<f64> = points.iter().map(|(_, second, rest)| f64::from(*second) * rest).collect();
            let plane = Plane::new(&first, &second).unwrap();
            for (one, other) in first.iter().zip(&second) {
                let mut all: Vec<f64> = first
                    .iter()
                    .zip(&second)
                    .map(|(first, second)| (one - first).abs().max((other - second).abs()))
                    .collect();
                all.sort_unstable_by(f64::total_cmp);
                prop_assert_eq!(plane.nearest([*one, *other], k, &mut Pace::default()).unwrap(), all[k]);
            }
        }
    }
}
