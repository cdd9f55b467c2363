//! Brent's method for the least value of a function of one number (Brent 1973, chapter 5), as scipy stops it.

/// What a minimisation costs at most: scipy's bound.
const MOST_STEPS: usize = 500;
/// scipy's relative tolerance of its `brent`.
const TOLERANCE: f64 = 1.48e-8;

/// What Brent's method knows: an interval, and the best point with the two next to it in quality.
struct Search {
    low: f64,
    high: f64,
    best: (f64, f64),
    second: (f64, f64),
    third: (f64, f64),
    /// The last step, and the one before it.
    step: f64,
    before: f64,
}

impl Search {
    fn new(low: f64, high: f64, best: (f64, f64)) -> Self {
        Self { low, high, best, second: best, third: best, step: 0.0, before: 0.0 }
    }

    fn middle(&self) -> f64 {
        0.5 * (self.low + self.high)
    }

    /// The step to the vertex of the parabola through the three points, as a fraction; `None` where it leads out of the
    /// interval or does not halve the step before the last.
    fn parabolic(&mut self) -> Option<f64> {
        let ((x, fx), (w, fw), (v, fv)) = (self.best, self.second, self.third);
        let r = (x - w) * (fx - fv);
        let q = (x - v) * (fx - fw);
        let mut p = (x - v) * q - (x - w) * r;
        let mut q = 2.0 * (q - r);
        if q > 0.0 {
            p = -p;
        }
        q = q.abs();
        let earlier = std::mem::replace(&mut self.before, self.step);
        let fits = p.abs() < (0.5 * q * earlier).abs() && p > q * (self.low - x) && p < q * (self.high - x);
        fits.then(|| p / q)
    }

    /// The step into the larger part of the interval, by the golden section.
    fn golden(&mut self, section: f64) -> f64 {
        let x = self.best.0;
        self.before = if x >= self.middle() { self.low - x } else { self.high - x };
        section * self.before
    }

    /// Learns the value at another point; `is_better` where it becomes the best.
    fn learn(&mut self, point: (f64, f64), is_better: bool) {
        let ((x, _), (w, fw), (v, fv)) = (self.best, self.second, self.third);
        let (u, fu) = point;
        if is_better {
            *(if u >= x { &mut self.low } else { &mut self.high }) = x;
            (self.third, self.second, self.best) = (self.second, self.best, point);
            return;
        }
        *(if u < x { &mut self.low } else { &mut self.high }) = u;
        if fu <= fw || w == x {
            (self.third, self.second) = (self.second, point);
        } else if fu <= fv || v == x || v == w {
            self.third = point;
        }
    }
}

/// Where the function is least between two bounds: `scipy.optimize.fminbound` with an `xtol` of 1.48e-8.
pub(super) fn between(low: f64, high: f64, function: impl Fn(f64) -> f64) -> f64 {
    let section = 0.5 * (3.0 - 5.0_f64.sqrt());
    // scipy's digits.
    let precision = 2.2e-16_f64.sqrt();
    let start = low + section * (high - low);
    let mut search = Search::new(low, high, (start, function(start)));
    for _ in 1..MOST_STEPS {
        let (x, middle) = (search.best.0, search.middle());
        let tolerance = precision * x.abs() + TOLERANCE / 3.0;
        // Written so that a NaN stops it.
        let goes_on = (x - middle).abs() > 2.0 * tolerance - 0.5 * (search.high - search.low);
        if !goes_on {
            break;
        }
        let parabolic = if search.before.abs() > tolerance { search.parabolic() } else { None };
        search.step = match parabolic {
            Some(step) => {
                let u = x + step;
                if u - search.low < 2.0 * tolerance || search.high - u < 2.0 * tolerance {
                    if middle - x >= 0.0 { tolerance } else { -tolerance }
                } else {
                    step
                }
            }
            None => search.golden(section),
        };
        let sign = if search.step >= 0.0 { 1.0 } else { -1.0 };
        let u = x + sign * search.step.abs().max(tolerance);
        let fu = function(u);
        search.learn((u, fu), fu <= search.best.1);
    }
    search.best.0
}

/// Where the function is least, looked for downhill from two points: `scipy.optimize.brent`. `None` where no three points
/// with the least value in the middle are found.
pub(super) fn downhill(from: f64, to: f64, function: impl Fn(f64) -> f64) -> Option<f64> {
    // scipy's digits of the golden section.
    const SECTION: f64 = 0.381_966_0;
    const LEAST_TOLERANCE: f64 = 1e-11;
    let [a, b, c] = bracket(from, to, &function)?;
    let mut search = Search::new(a.0.min(c.0), a.0.max(c.0), b);
    for _ in 0..MOST_STEPS {
        let (x, middle) = (search.best.0, search.middle());
        let tolerance = TOLERANCE * x.abs() + LEAST_TOLERANCE;
        if (x - middle).abs() < 2.0 * tolerance - 0.5 * (search.high - search.low) {
            break;
        }
        let parabolic = if search.before.abs() <= tolerance { None } else { search.parabolic() };
        search.step = match parabolic {
            Some(step) => {
                let u = x + step;
                if u - search.low < 2.0 * tolerance || search.high - u < 2.0 * tolerance {
                    if middle - x >= 0.0 { tolerance } else { -tolerance }
                } else {
                    step
                }
            }
            None => search.golden(SECTION),
        };
        let u = if search.step.abs() < tolerance {
            if search.step >= 0.0 { x + tolerance } else { x - tolerance }
        } else {
            x + search.step
        };
        let fu = function(u);
        // A NaN counts as better, as it does there.
        let is_worse = fu > search.best.1;
        search.learn((u, fu), !is_worse);
    }
    Some(search.best.0)
}

/// Three points and their values, the least in the middle: `scipy.optimize.bracket`.
fn bracket(from: f64, to: f64, function: &impl Fn(f64) -> f64) -> Option<[(f64, f64); 3]> {
    const GOLDEN: f64 = 1.618_034;
    const TINY: f64 = 1e-21;
    const GROWTH: f64 = 110.0;
    const MOST: usize = 1000;
    let at = |x: f64| (x, function(x));
    let (mut a, mut b) = (at(from), at(to));
    if a.1 < b.1 {
        std::mem::swap(&mut a, &mut b);
    }
    let mut c = at(b.0 + GOLDEN * (b.0 - a.0));
    let mut steps = 0;
    while c.1 < b.1 {
        steps += 1;
        if steps > MOST {
            return None;
        }
        let first = (b.0 - a.0) * (b.1 - c.1);
        let second = (b.0 - c.0) * (b.1 - a.1);
        let difference = second - first;
        let divisor = 2.0 * if difference.abs() < TINY { TINY } else { difference };
        let vertex = b.0 - ((b.0 - c.0) * second - (b.0 - a.0) * first) / divisor;
        let limit = b.0 + GROWTH * (c.0 - b.0);
        let next = if (vertex - c.0) * (b.0 - vertex) > 0.0 {
            let point = at(vertex);
            if point.1 < c.1 {
                (a, b) = (b, point);
                break;
            }
            if point.1 > b.1 {
                c = point;
                break;
            }
            at(c.0 + GOLDEN * (c.0 - b.0))
        } else if (vertex - limit) * (limit - c.0) >= 0.0 {
            at(limit)
        } else if (vertex - limit) * (c.0 - vertex) > 0.0 {
            let point = at(vertex);
            if point.1 < c.1 {
                (b, c) = (c, point);
                at(c.0 + GOLDEN * (c.0 - b.0))
            } else {
                point
            }
        } else {
            at(c.0 + GOLDEN * (c.0 - b.0))
        };
        (a, b, c) = (b, c, next);
    }
    let is_least = (b.1 < c.1 && b.1 <= a.1) || (b.1 < a.1 && b.1 <= c.1);
    let is_between = (a.0 < b.0 && b.0 < c.0) || (c.0 < b.0 && b.0 < a.0);
    let is_finite = a.0.is_finite() && b.0.is_finite() && c.0.is_finite();
    (is_least && is_between && is_finite).then_some([a, b, c])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_value_is_found() {
        // scipy.optimize.fminbound and scipy.optimize.brent of the same functions.
        let quartic = |x: f64| (x - 1.5).powi(4) + x;
        assert!((between(-5.0, 5.0, quartic) - 0.870_039_474_993_019).abs() < 1e-9);
        assert!((downhill(-2.0, 2.0, quartic).unwrap() - 0.870_039_471_467_906_1).abs() < 1e-9);
        assert!((downhill(-2.0, 2.0, |x: f64| (x - 30.0).powi(2)).unwrap() - 30.0).abs() < 1e-6);
        assert_eq!(downhill(-2.0, 2.0, |x| x), None);
        assert_eq!(downhill(-2.0, 2.0, |_| f64::NAN), None);
    }
}
