//! The complementary error function.
//!
//! Source: W. J. Cody, "Rational Chebyshev Approximations for the Error Function" (1969): three rational
//! approximations, each good to the last digit or two in relative terms.

/// Where the approximations change over.
const SMALL: f64 = 0.46875;
const LARGE: f64 = 4.0;
const ONE_OVER_SQRT_PI: f64 = 0.564_189_583_547_756_3;

const ERF_P: [f64; 5] = [
    3.209_377_589_138_469_4e3,
    3.774_852_376_853_02e2,
    1.138_641_541_510_501_6e2,
    3.161_123_743_870_565_6,
    1.857_777_061_846_031_5e-1,
];
const ERF_Q: [f64; 5] = [
    2.844_236_833_439_171e3,
    1.282_616_526_077_372_3e3,
    2.440_246_379_344_441_7e2,
    2.360_129_095_234_412_2e1,
    1.0,
];
const MIDDLE_P: [f64; 9] = [
    1.230_339_354_797_997_2e3,
    2.051_078_377_826_071_6e3,
    1.712_047_612_634_070_7e3,
    8.819_522_212_417_69e2,
    2.986_351_381_974_001e2,
    6.611_919_063_714_163e1,
    8.883_149_794_388_376,
    5.641_884_969_886_701e-1,
    2.153_115_354_744_038_5e-8,
];
const MIDDLE_Q: [f64; 9] = [
    1.230_339_354_803_749_5e3,
    3.439_367_674_143_721_6e3,
    4.362_619_090_143_247e3,
    3.290_799_235_733_459_7e3,
    1.621_389_574_566_690_3e3,
    5.371_811_018_620_099e2,
    1.176_939_508_913_125e2,
    1.574_492_611_070_983_3e1,
    1.0,
];
const TAIL_P: [f64; 6] = [
    -6.587_491_615_298_378e-4,
    -1.608_378_514_874_227_5e-2,
    -1.257_817_261_112_292_6e-1,
    -3.603_448_999_498_044_5e-1,
    -3.053_266_349_612_323_6e-1,
    -1.631_538_713_730_209_7e-2,
];
const TAIL_Q: [f64; 6] = [
    2.335_204_976_268_691_8e-3,
    6.051_834_131_244_132e-2,
    5.279_051_029_514_285e-1,
    1.872_952_849_923_460_4,
    2.568_520_192_289_822,
    1.0,
];

/// `erfc(x)`, to about 1e-15 relative until it underflows at `x = 27.2`.
pub(in crate::stats) fn erfc(x: f64) -> f64 {
    let magnitude = x.abs();
    let upper = if magnitude <= SMALL {
        return 1.0 - x * polynomial(&ERF_P, x * x) / polynomial(&ERF_Q, x * x);
    } else if magnitude > 28.0 {
        0.0
    } else {
        // exp(-x^2) in two factors, the first of which squares without rounding.
        let coarse = (magnitude * 16.0).trunc() / 16.0;
        let fine = (magnitude - coarse) * (magnitude + coarse);
        (-coarse * coarse).exp() * (-fine).exp() * scaled_erfc(magnitude)
    };
    if x < 0.0 { 2.0 - upper } else { upper }
}

/// `exp(x^2) erfc(x)` for `x >= 0`.
pub(in crate::stats) fn scaled_erfc(x: f64) -> f64 {
    if x <= SMALL {
        return (x * x).exp() * erfc(x);
    }
    if x <= LARGE {
        return polynomial(&MIDDLE_P, x) / polynomial(&MIDDLE_Q, x);
    }
    let inverse_square = 1.0 / (x * x);
    let tail = inverse_square * polynomial(&TAIL_P, inverse_square) / polynomial(&TAIL_Q, inverse_square);
    (ONE_OVER_SQRT_PI + tail) / x
}

fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, coefficient| sum * x + coefficient)
}
