//! The logarithm of the gamma function next to its zero at one.

/// `ln Gamma(1 + e)` for `|e| <= 1/2`, to full relative accuracy.
///
/// `ln Gamma(1 + e) = -ln(1 + e) + e (1 - gamma) + sum_{k >= 2} (-1)^k (zeta(k) - 1) e^k / k` (Abramowitz and Stegun
/// 6.1.33).
pub(in crate::stats) fn ln_gamma_of_one_plus(e: f64) -> f64 {
    const ONE_MINUS_EULER: f64 = 0.422_784_335_098_467_15;
    // zeta(k) - 1 for k = 2, 3, ...: the terms fall like 4^-k.
    const ZETA_MINUS_ONE: [f64; 26] = [
        0.6449340668482264,
        0.2020569031595943,
        0.08232323371113819,
        0.03692775514336993,
        0.01734306198444914,
        0.008349277381922827,
        0.00407735619794434,
        0.0020083928260822143,
        0.0009945751278180853,
        0.0004941886041194645,
        0.0002460865533080483,
        0.00012271334757848915,
        6.124813505870483e-05,
        3.058823630702049e-05,
        1.528225940865187e-05,
        7.637197637899763e-06,
        3.81729326499984e-06,
        1.908212716553939e-06,
        9.539620338727962e-07,
        4.769329867878064e-07,
        2.38450502727733e-07,
        1.1921992596531106e-07,
        5.960818905125948e-08,
        2.980350351465228e-08,
        1.4901554828365043e-08,
        7.45071178983543e-09,
    ];
    let series = ZETA_MINUS_ONE.iter().enumerate().rev().fold(0.0, |sum, (index, zeta)| {
        let k = (index + 2) as f64;
        let signed = if index % 2 == 0 { *zeta } else { -zeta };
        sum * e + signed / k
    });
    -e.ln_1p() + e * (ONE_MINUS_EULER + e * series)
}
