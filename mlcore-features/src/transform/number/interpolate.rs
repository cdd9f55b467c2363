//! Linear interpolation between given points: `numpy.interp`.

/// The `y` of a number between the points `0..=last`, whose `x` ascend; beyond the first and the last it is theirs. Of
/// points with the same `x` the last counts. NaN where the number or the points are NaN.
pub(super) fn interpolate(
    value: f64,
    last: usize,
    x: impl Fn(usize) -> f64,
    y: impl Fn(usize) -> f64,
) -> f64 {
    if value.is_nan() || x(0).is_nan() {
        return f64::NAN;
    }
    if value < x(0) {
        return y(0);
    }
    if value >= x(last) {
        return y(last);
    }
    // The point at `below` is not above the number, the one at `above` is.
    let (mut below, mut above) = (0, last);
    while above - below > 1 {
        let middle = below + (above - below) / 2;
        if x(middle) <= value {
            below = middle;
        } else {
            above = middle;
        }
    }
    if above == below || x(below) == value {
        return y(below);
    }
    let slope = (y(above) - y(below)) / (x(above) - x(below));
    let from_below = slope * (value - x(below)) + y(below);
    if !from_below.is_nan() {
        return from_below;
    }
    // An infinite slope times nothing is no number; seen from the other point it may be one.
    let from_above = slope * (value - x(above)) + y(above);
    if from_above.is_nan() && y(below) == y(above) { y(below) } else { from_above }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lie_between_their_neighbours() {
        let (x, y) = ([0.0, 1.0, 1.0, 3.0], [10.0, 20.0, 30.0, 40.0]);
        for (value, expected) in
            [(-1.0, 10.0), (0.0, 10.0), (0.5, 15.0), (1.0, 30.0), (2.0, 35.0), (3.0, 40.0), (9.0, 40.0)]
        {
            assert_eq!(interpolate(value, 3, |place| x[place], |place| y[place]), expected, "{value}");
        }
        assert!(interpolate(f64::NAN, 3, |place| x[place], |place| y[place]).is_nan());
        assert_eq!(interpolate(5.0, 0, |_| 5.0, |_| 7.0), 7.0);
    }
}
