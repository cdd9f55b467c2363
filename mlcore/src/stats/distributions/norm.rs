//! The standard normal distribution: `scipy.stats.norm`.

use super::super::special::erf::erfc;
use std::f64::consts::FRAC_1_SQRT_2;

/// `P(X <= x)`.
///
/// ```
/// assert!((mlcore::stats::norm::cdf(1.96) - 0.975_002_104_851_779_5).abs() < 1e-15);
/// ```
#[must_use]
pub fn cdf(x: f64) -> f64 {
    0.5 * erfc(-x * FRAC_1_SQRT_2)
}

/// `P(X > x)`, accurate in the far tail where `1 - cdf(x)` is zero.
///
/// ```
/// let p = mlcore::stats::norm::sf(37.0);
/// assert!((p / 5.725_571_222_524_577e-300 - 1.0).abs() < 1e-10);
/// ```
#[must_use]
pub fn sf(x: f64) -> f64 {
    0.5 * erfc(x * FRAC_1_SQRT_2)
}

/// The `x` with `cdf(x) = p`: minus infinity at 0, infinity at 1, NaN outside `[0, 1]`.
///
/// Source: M. J. Wichura, algorithm AS 241 (1988), about 1e-16 relative.
///
/// ```
/// assert!((mlcore::stats::norm::ppf(0.975) - 1.959_963_984_540_054).abs() < 1e-14);
/// ```
#[must_use]
pub fn ppf(p: f64) -> f64 {
    if p.is_nan() || !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    let centred = p - 0.5;
    if centred.abs() <= 0.425 {
        let r = 0.180_625 - centred * centred;
        return centred * polynomial(&CENTRE_P, r) / polynomial(&CENTRE_Q, r);
    }
    let tail = if centred < 0.0 { p } else { 1.0 - p };
    upper_quantile(tail).copysign(centred)
}

/// The `x` with `sf(x) = q`, accurate for small `q`.
///
/// ```
/// assert!((mlcore::stats::norm::isf(1e-300) - 37.047_096_299_361_2).abs() < 1e-12);
/// ```
#[must_use]
pub fn isf(q: f64) -> f64 {
    // By symmetry, and without forming 1 - q.
    -ppf(q)
}

/// Numerator and denominator, constants first, of the two rational functions that make up [`ppf`] between 1e-10 and 1 - 1e-10:
/// of `0.180625 - c * c` times `c` within 0.425 of the centre, and of `sqrt(-ln(tail)) - 1.6` beyond. For graphs of other
/// runtimes, which compute the same.
#[doc(hidden)]
#[must_use]
pub const fn ppf_polynomials() -> [[&'static [f64; 8]; 2]; 2] {
    [[&CENTRE_P, &CENTRE_Q], [&MIDDLE_P, &MIDDLE_Q]]
}

/// `isf` for `tail < 0.075`.
fn upper_quantile(tail: f64) -> f64 {
    if tail == 0.0 {
        return f64::INFINITY;
    }
    let r = (-tail.ln()).sqrt();
    if r <= 5.0 {
        polynomial(&MIDDLE_P, r - 1.6) / polynomial(&MIDDLE_Q, r - 1.6)
    } else {
        polynomial(&TAIL_P, r - 5.0) / polynomial(&TAIL_Q, r - 5.0)
    }
}

fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

const CENTRE_P: [f64; 8] = [
    3.387_132_872_796_366_5,
    1.331_416_678_917_843_8e2,
    1.971_590_950_306_551_3e3,
    1.373_169_376_550_946e4,
    4.592_195_393_154_987e4,
    6.726_577_092_700_87e4,
    3.343_057_558_358_813e4,
    2.509_080_928_730_122_7e3,
];
const CENTRE_Q: [f64; 8] = [
    1.0,
    4.231_333_070_160_091e1,
    6.871_870_074_920_579e2,
    5.394_196_021_424_751e3,
    2.121_379_430_158_659_7e4,
    3.930_789_580_009_271e4,
    2.872_908_573_572_194_3e4,
    5.226_495_278_852_854e3,
];
const MIDDLE_P: [f64; 8] = [
    1.423_437_110_749_683_5,
    4.630_337_846_156_546,
    5.769_497_221_460_691,
    3.647_848_324_763_204_5,
    1.270_458_252_452_368_4,
    2.417_807_251_774_506e-1,
    2.272_384_498_926_918_4e-2,
    7.745_450_142_783_414e-4,
];
const MIDDLE_Q: [f64; 8] = [
    1.0,
    2.053_191_626_637_759,
    1.676_384_830_183_803_8,
    6.897_673_349_851e-1,
    1.481_039_764_274_800_8e-1,
    1.519_866_656_361_645_7e-2,
    5.475_938_084_995_345e-4,
    1.050_750_071_644_416_9e-9,
];
const TAIL_P: [f64; 8] = [
    6.657_904_643_501_103,
    5.463_784_911_164_114,
    1.784_826_539_917_291_3,
    2.965_605_718_285_048_7e-1,
    2.653_218_952_657_612_4e-2,
    1.242_660_947_388_078_4e-3,
    2.711_555_568_743_487_6e-5,
    2.010_334_399_292_288_1e-7,
];
const TAIL_Q: [f64; 8] = [
    1.0,
    5.998_322_065_558_88e-1,
    1.369_298_809_227_358e-1,
    1.487_536_129_085_061_5e-2,
    7.868_691_311_456_133e-4,
    1.846_318_317_510_054_8e-5,
    1.421_511_758_316_446e-7,
    2.044_263_103_389_939_8e-15,
];
