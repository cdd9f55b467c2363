//! The B-splines of one column: de Boor's recursion as scipy's `BSpline` evaluates it.

use mlcore::{Error, Result};

use super::spline_transformer::Extrapolation;
use crate::graph::search::Keys;
use crate::graph::{Graph, Inexpressible, Number, Tensor};
use crate::program::joint::JointKernel;
use crate::program::number::NumberKernel;

/// More is no help: the numbers of such splines are made of rounding errors.
pub(super) const MOST_DEGREE: usize = 63;

/// The splines of one column.
#[derive(Debug)]
pub(super) struct Splines {
    /// The knots of the range, and as many as the degree before and behind it.
    knots: Vec<f64>,
    degree: usize,
    extrapolation: Extrapolation,
    /// Values and slopes of all splines at the ends of the range.
    low: End,
    high: End,
}

#[derive(Debug, Default)]
struct End {
    at: f64,
    values: Vec<f64>,
    slopes: Vec<f64>,
}

impl Splines {
    /// Splines of this degree on these knots.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for too few knots and too high a degree.
    pub(super) fn new(knots: &[f64], degree: usize, extrapolation: Extrapolation) -> Result<Self> {
        let corrupt = |problem: &str| Error::corrupt("compile plan", "SplineTransformer", problem);
        if degree > MOST_DEGREE {
            return Err(corrupt("the degree is too high"));
        }
        if knots.len() < 2 * degree + 2
            || (extrapolation == Extrapolation::Periodic && knots.len() < 3 * degree + 1)
        {
            return Err(corrupt("a column has too few knots"));
        }
        let (low, high) = (End::default(), End::default());
        let mut splines = Self { knots: knots.to_vec(), degree, extrapolation, low, high };
        splines.low = splines.end(splines.knots[degree]);
        splines.high = splines.end(splines.knots[splines.last()]);
        Ok(splines)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        match self.extrapolation {
            // The last splines are the first ones, a period later.
            Extrapolation::Periodic => self.last() - self.degree,
            _ => self.last(),
        }
    }

    /// Refuses numbers outside of the range.
    pub(super) fn range(&self) -> Range {
        Range { low: self.low.at, high: self.high.at }
    }

    /// The place of the last knot of the range.
    fn last(&self) -> usize {
        self.knots.len() - self.degree - 1
    }

    fn end(&self, at: f64) -> End {
        let (mut values, mut slopes) = (vec![0.0; self.count()], vec![0.0; self.count()]);
        self.write(at, &mut values);
        let interval = self.interval(at);
        for (place, slope) in self.slopes(at, interval).into_iter().enumerate() {
            self.add(interval, place, slope, &mut slopes);
        }
        End { at, values, slopes }
    }

    /// The place of the last knot of the range, but its end, that is not above the number.
    fn interval(&self, value: f64) -> usize {
        self.degree + self.knots[self.degree + 1..self.last()].partition_point(|knot| *knot <= value)
    }

    /// Adds the values of the splines at this number to the outputs, of which the last may be left out.
    fn write(&self, value: f64, outputs: &mut [f64]) {
        let interval = self.interval(value);
        let mut own = [0.0; MOST_DEGREE + 1];
        self.recursion(value, interval, self.degree, &mut own);
        for (place, own) in own.iter().take(self.degree + 1).enumerate() {
            self.add(interval, place, *own, outputs);
        }
    }

    /// Adds to the output of the spline of this place among those of the interval.
    fn add(&self, interval: usize, place: usize, value: f64, outputs: &mut [f64]) {
        let spline = interval + place - self.degree;
        let spline = if spline >= self.count() { spline - self.count() } else { spline };
        if let Some(output) = outputs.get_mut(spline) {
            *output += value;
        }
    }

    /// The splines of this degree that are not 0 in the interval (de Boor 1978, chapter X).
    fn recursion(&self, value: f64, interval: usize, degree: usize, own: &mut [f64]) {
        own[0] = 1.0;
        for order in 1..=degree {
            let mut carried = 0.0;
            for place in 1..=order {
                let (high, low) = (self.knots[interval + place], self.knots[interval + place - order]);
                if high == low {
                    own[place - 1] = carried;
                    carried = 0.0;
                } else {
                    let share = own[place - 1] / (high - low);
                    own[place - 1] = carried + share * (high - value);
                    carried = share * (value - low);
                }
            }
            own[order] = carried;
        }
    }

    /// The slopes of the splines that are not 0 in the interval.
    fn slopes(&self, value: f64, interval: usize) -> Vec<f64> {
        let degree = self.degree;
        let mut slopes = vec![0.0; degree + 1];
        if degree == 0 {
            return slopes;
        }
        let mut before = vec![0.0; degree + 1];
        self.recursion(value, interval, degree - 1, &mut before);
        for place in 1..=degree {
            let (high, low) = (self.knots[interval + place], self.knots[interval + place - degree]);
            // Between knots that coincide scipy forgets the slope of the second spline, whichever it is at.
            if high == low {
                slopes[1] = 0.0;
            } else {
                let share = degree as f64 * before[place - 1] / (high - low);
                slopes[place - 1] -= share;
                slopes[place] = share;
            }
        }
        slopes
    }

    /// The splines that go on beyond an end of the range.
    fn beyond(&self) -> usize {
        match self.extrapolation {
            // A straight line goes on with its slope.
            Extrapolation::Linear if self.degree == 1 => 2,
            _ => self.degree.max(1),
        }
    }

    /// The number of the first period that is as far in it.
    fn in_period(&self, value: f64) -> f64 {
        let (low, period) = (self.low.at, self.high.at - self.low.at);
        if period > 0.0 { low + (value - low).rem_euclid(period) } else { 0.0 }
    }
}

impl JointKernel for Splines {
    fn apply(&self, inputs: &[f64], outputs: &mut [f64]) {
        outputs.fill(0.0);
        let Some(value) = inputs.first().copied().filter(|value| !value.is_nan()) else { return };
        let goes_on = match self.extrapolation {
            Extrapolation::Error | Extrapolation::Continue => return self.write(value, outputs),
            Extrapolation::Periodic => return self.write(self.in_period(value), outputs),
            Extrapolation::Constant => 0.0,
            Extrapolation::Linear => 1.0,
        };
        let line = |end: &End, spline: usize| {
            let slope = if goes_on == 0.0 { 0.0 } else { (value - end.at) * end.slopes[spline] };
            end.values[spline] + slope
        };
        let count = self.count();
        if value < self.low.at {
            for (spline, output) in outputs.iter_mut().enumerate().take(self.beyond()) {
                *output = line(&self.low, spline);
            }
        } else if value > self.high.at {
            let first = count - self.beyond();
            for (spline, output) in outputs.iter_mut().enumerate().skip(first) {
                *output = line(&self.high, spline);
            }
        } else if value >= self.low.at && value <= self.high.at {
            self.write(value, outputs);
        }
    }

    fn onnx(&self, graph: &mut Graph, inputs: &[Number]) -> Result<Vec<Number>, Inexpressible> {
        let value = graph.side_by_side(inputs);
        let block = match self.extrapolation {
            Extrapolation::Error | Extrapolation::Continue => self.written(graph, value),
            Extrapolation::Periodic => {
                let low = graph.number(self.low.at);
                let in_period = if self.high.at > self.low.at {
                    let period = graph.number(self.high.at - self.low.at);
                    let distance = graph.subtract(value, low);
                    let rest = graph.remainder(distance, period);
                    graph.add(low, rest)
                } else {
                    graph.scaled(value, 0.0)
                };
                self.written(graph, in_period)
            }
            Extrapolation::Constant | Extrapolation::Linear => {
                let (low, high) = (graph.number(self.low.at), graph.number(self.high.at));
                let (is_below, is_above) = (graph.less(value, low), graph.greater(value, high));
                let inside = graph.clip(value, low, high);
                let inside = self.written(graph, inside);
                let beyond = self.beyond();
                let below = self.line(graph, value, &self.low, |spline| spline < beyond);
                let first = self.count().saturating_sub(beyond);
                let above = self.line(graph, value, &self.high, |spline| spline >= first);
                let block = graph.choose(is_above, above, inside);
                graph.choose(is_below, below, block)
            }
        };
        let (missing, zero) = (graph.is_missing(value), graph.number(0.0));
        Ok(Number::all(graph.choose(missing, zero, block), self.count()))
    }
}

/// The same by operators of ONNX.
impl Splines {
    /// The splines beyond an end of the range, those that go on there.
    fn line(&self, graph: &mut Graph, value: Tensor, end: &End, goes_on: impl Fn(usize) -> bool) -> Tensor {
        let those = |numbers: &[f64]| -> Vec<f64> {
            let kept = |(spline, number): (usize, &f64)| if goes_on(spline) { *number } else { 0.0 };
            numbers.iter().enumerate().map(kept).collect()
        };
        let values = graph.numbers(&those(&end.values));
        if self.extrapolation == Extrapolation::Constant {
            return values;
        }
        let (at, slopes) = (graph.number(end.at), graph.numbers(&those(&end.slopes)));
        let distance = graph.subtract(value, at);
        let climbed = graph.multiply(distance, slopes);
        graph.add(values, climbed)
    }

    /// As [`Splines::write`].
    fn written(&self, graph: &mut Graph, value: Tensor) -> Tensor {
        let inner = self.knots.get(self.degree + 1..self.last()).unwrap_or_default();
        let passed = graph.passed(value, Keys::Numbers(inner));
        let degree = graph.integer(self.degree as i64);
        let interval = graph.add(passed, degree);
        let own = self.recursion_onnx(graph, value, interval);
        let count = self.count();
        let columns: Vec<i64> = (0..count as i64).collect();
        let columns = graph.integers(&columns, &[1, count]);
        let period = graph.integer(count as i64);
        let zero = graph.number(0.0);
        let mut sum = graph.numbers(&vec![0.0; count]);
        for (place, own) in own.into_iter().enumerate() {
            let offset = graph.integer(place as i64 - self.degree as i64);
            let spline = graph.add(interval, offset);
            let earlier = graph.subtract(spline, period);
            let goes_round = graph.at_least(spline, period);
            let spline = graph.choose(goes_round, earlier, spline);
            let is_own = graph.equal(columns, spline);
            let term = graph.choose(is_own, own, zero);
            sum = graph.add(sum, term);
        }
        sum
    }

    /// As [`Splines::recursion`].
    fn recursion_onnx(&self, graph: &mut Graph, value: Tensor, interval: Tensor) -> Vec<Tensor> {
        let knots = graph.matrix(&self.knots, &[self.knots.len()]);
        let knot = |graph: &mut Graph, offset: i64| {
            let offset = graph.integer(offset);
            let place = graph.add(interval, offset);
            graph.gather(knots, place, 0)
        };
        let zero = graph.number(0.0);
        let mut own = vec![graph.number(1.0)];
        for order in 1..=self.degree as i64 {
            let mut carried = zero;
            let mut next = Vec::with_capacity(own.len() + 1);
            for (own, place) in own.iter().zip(1..) {
                let (high, low) = (knot(graph, place), knot(graph, place - order));
                let (same, length) = (graph.equal(high, low), graph.subtract(high, low));
                let share = graph.divide(*own, length);
                let (to_high, from_low) = (graph.subtract(high, value), graph.subtract(value, low));
                let (falling, rising) = (graph.multiply(share, to_high), graph.multiply(share, from_low));
                let sum = graph.add(carried, falling);
                next.push(graph.choose(same, carried, sum));
                carried = graph.choose(same, zero, rising);
            }
            next.push(carried);
            own = next;
        }
        own
    }
}

/// Takes numbers of a range, and missing ones, as they are.
#[derive(Debug)]
pub(super) struct Range {
    low: f64,
    high: f64,
}

impl NumberKernel for Range {
    fn takes(&self, value: f64) -> bool {
        !(value < self.low || value > self.high)
    }

    fn apply(&self, value: f64) -> f64 {
        value
    }

    fn onnx(&self, graph: &mut Graph, value: Tensor) -> Result<Tensor, Inexpressible> {
        let (low, high) = (graph.number(self.low), graph.number(self.high));
        let (below, above) = (graph.less(value, low), graph.greater(value, high));
        let refused = graph.or(below, above);
        graph.refuse(refused, 1);
        Ok(value)
    }
}

/// So many numbers at equal distances between each pair: `numpy.linspace` of arrays, in which one step of 0 changes the order
/// of the operations of all.
pub(super) fn linspaces(ends: &[(f64, f64)], count: usize) -> Vec<Vec<f64>> {
    let intervals = count.saturating_sub(1) as f64;
    let step = |(start, stop): &(f64, f64)| (stop - start) / intervals;
    let is_still = ends.iter().any(|ends| step(ends) == 0.0);
    let spread = |ends: &(f64, f64)| {
        let number = |index: usize| match index as f64 {
            _ if index + 1 == count && count > 1 => ends.1,
            _ if count == 1 => ends.0,
            place if is_still => place / intervals * (ends.1 - ends.0) + ends.0,
            place => place * step(ends) + ends.0,
        };
        (0..count).map(number).collect()
    };
    ends.iter().map(spread).collect()
}
