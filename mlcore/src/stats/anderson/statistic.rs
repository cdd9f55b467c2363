//! The statistics of Scholz and Stephens, from samples in order.

use super::AndersonVariant;
use crate::stats::sorted::{BlockSum, Tied, visit_in_order, visit_tied};

/// `A^2` of two sorted samples with mean ranks, and whether two observations are equal.
pub(super) fn midrank_criterion(x: &[f64], y: &[f64]) -> (f64, bool) {
    let mut distinct = 0;
    let criterion = of_two(x, y, |tied, n, m| {
        distinct += 1;
        midrank_of_two(tied, n, m)
    });
    (criterion, distinct < x.len() + y.len())
}

/// `A^2` of sorted samples.
pub(super) fn criterion(samples: &[&[f64]], variant: AndersonVariant) -> f64 {
    match (samples, variant) {
        // Samples of every variant but one mirror each other, so that one of the two says all.
        ([x, y], AndersonVariant::Midrank) => of_two(x, y, midrank_of_two),
        ([x, y], AndersonVariant::Right) => of_two(x, y, right_of_two),
        ([x, y], AndersonVariant::Continuous) => continuous_of_two(x, y),
        (_, variant) => of_many(samples, variant),
    }
}

/// How much ties spread the midrank statistic of two sorted samples: its variance with these ties, in parts of the one
/// without any.
pub(super) fn spread_by_ties(x: &[f64], y: &[f64]) -> f64 {
    let all = x.len() + y.len();
    let mut times = Vec::new();
    visit_in_order(&[x, y], |before, upto| {
        times.push(upto.iter().sum::<usize>() - before.iter().sum::<usize>());
    });
    variance(all, times) / variance(all, std::iter::repeat_n(1, all))
}

/// The variance of the midrank statistic of so many observations, of whose values, in ascending order, each occurs so many times.
///
/// If observations were exchanged at random, the half-way count `M` of a value would have a variance in proportion to the term's
/// weight `W`, and two of them the covariance `B_j (N - B_k)`; the statistic is a quadratic form of them with mean 1. A column
/// of two values has three and a half times the variance of a continuous one.
fn variance(all: usize, times: impl IntoIterator<Item = usize>) -> f64 {
    let all = all as f64;
    let (mut first, mut squares, mut products, mut weighted) = (0.0, 0.0, 0.0, 0.0);
    for together in times {
        let together = together as f64;
        let below = first + together / 2.0;
        let weight = below * (all - below) - all * together / 4.0;
        squares += (together / all).powi(2);
        products += weighted * together * (all - below).powi(2) / (all * weight);
        weighted += together * below * below / (all * weight);
        first += together;
    }
    2.0 * (squares + 2.0 * products)
}

/// A term for each distinct value, times what both samples together weigh.
#[inline(always)]
fn of_two(x: &[f64], y: &[f64], mut term: impl FnMut(Tied, f64, f64) -> f64) -> f64 {
    let (n, m) = (x.len() as f64, y.len() as f64);
    let mut sum = BlockSum::default();
    visit_tied(x, y, |tied| sum.add(term(tied, n, m)));
    sum.value() / (n * m)
}

/// Equation 7, whose counts are halves: doubled here.
#[inline(always)]
fn midrank_of_two(tied: Tied, n: f64, m: f64) -> f64 {
    let all = n + m;
    let [of_x, of_y] = [0, 1].map(|sample| (tied.before[sample] + tied.upto[sample]) as f64);
    let together = ((tied.upto[0] - tied.before[0]) + (tied.upto[1] - tied.before[1])) as f64;
    // Twice `N M - B n`, which is `m M_x - n M_y`.
    let difference = m * of_x - n * of_y;
    let both = of_x + of_y;
    let weight = both * (2.0 * all - both) - all * together;
    (all - 1.0) / all * together * (difference * difference) / weight
}

/// Equation 6; the last value has no weight.
#[inline(always)]
fn right_of_two(tied: Tied, n: f64, m: f64) -> f64 {
    let all = n + m;
    let [of_x, of_y] = tied.upto.map(|count| count as f64);
    let both = of_x + of_y;
    if both >= all {
        return 0.0;
    }
    let together = both - (tied.before[0] + tied.before[1]) as f64;
    let difference = m * of_x - n * of_y;
    together * (difference * difference) / (both * (all - both))
}

/// Equation 3, which takes observations of one value for as many values.
fn continuous_of_two(x: &[f64], y: &[f64]) -> f64 {
    let (n, m) = (x.len() as f64, y.len() as f64);
    let all = n + m;
    let mut sum = BlockSum::default();
    visit_tied(x, y, |tied| {
        let [of_x, of_y] = tied.upto.map(|count| count as f64);
        for place in tied.before[0] + tied.before[1] + 1..=tied.upto[0] + tied.upto[1] {
            let place = place as f64;
            if place < all {
                let (in_x, in_y) = (all * of_x - place * n, all * of_y - place * m);
                sum.add((in_x * in_x / n + in_y * in_y / m) / (place * (all - place)));
            }
        }
    });
    sum.value() / all
}

fn of_many(samples: &[&[f64]], variant: AndersonVariant) -> f64 {
    let sizes: Vec<f64> = samples.iter().map(|sample| sample.len() as f64).collect();
    let all: f64 = sizes.iter().sum();
    let mut sum = BlockSum::default();
    visit_in_order(samples, |before, upto| {
        let (b, e) = (before.iter().sum::<usize>(), upto.iter().sum::<usize>());
        let (first, last, together) = (b as f64, e as f64, (e - b) as f64);
        let samples = || before.iter().zip(upto).map(|(b, u)| (*b as f64, *u as f64)).zip(&sizes);
        match variant {
            AndersonVariant::Midrank => {
                let below = (first + last) / 2.0;
                let weight = below * (all - below) - all * together / 4.0;
                for ((before, upto), size) in samples() {
                    let difference = all * (before + upto) / 2.0 - below * size;
                    sum.add((all - 1.0) / all * together / all * difference * difference / weight / size);
                }
            }
            AndersonVariant::Right if last < all => {
                for ((_, upto), size) in samples() {
                    let difference = all * upto - last * size;
                    sum.add(together / all * difference * difference / (last * (all - last)) / size);
                }
            }
            AndersonVariant::Right => {}
            AndersonVariant::Continuous => {
                for place in (b + 1..=e).map(|place| place as f64).filter(|place| *place < all) {
                    for ((_, upto), size) in samples() {
                        let difference = all * upto - place * size;
                        sum.add(difference * difference / (place * (all - place)) / size / all);
                    }
                }
            }
        }
    });
    sum.value()
}
