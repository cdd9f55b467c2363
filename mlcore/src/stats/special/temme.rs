//! Temme's uniform expansion of the incomplete gamma functions for a large first argument.
//!
//! `Q(a, x) = erfc(eta sqrt(a/2)) / 2 + exp(-a eta^2 / 2) / sqrt(2 pi a) * sum_k C_k(eta) a^-k`, where
//! `eta^2 / 2 = x/a - 1 - ln(x/a)` (N. M. Temme 1979; DLMF 8.12). The coefficients are Taylor series around `eta = 0`,
//! computed in rational arithmetic from the recursion DLMF 8.12.10; at `a >= 1e4` every result above the smallest
//! double has `|eta| < 0.39`, where the terms below leave less than one unit in the last place.

use super::deviance::log1p_minus;
use super::erf::scaled_erfc;

/// The expansion serves arguments from here on.
pub(super) const LARGE_FROM: f64 = 1e4;

/// `P(a, x)` and `Q(a, x)` for `a >= 1e4`.
pub(super) fn large_regularized_gamma(a: f64, x: f64) -> (f64, f64) {
    let mu = (x - a) / a;
    let half_eta_squared = -log1p_minus(mu);
    let exponent = -a * half_eta_squared;
    if exponent < -746.0 || !exponent.is_finite() {
        return if mu > 0.0 { (1.0, 0.0) } else { (0.0, 1.0) };
    }
    let eta = (2.0 * half_eta_squared).sqrt().copysign(mu);
    let series = polynomial(&C0, eta)
        + (polynomial(&C1, eta) + (polynomial(&C2, eta) + polynomial(&C3, eta) / a) / a) / a;
    let rest = series / (std::f64::consts::TAU * a).sqrt();
    let half = 0.5 * scaled_erfc((-exponent).sqrt());
    if mu >= 0.0 {
        let upper = exponent.exp() * (half + rest);
        (1.0 - upper, upper)
    } else {
        let lower = exponent.exp() * (half - rest);
        (lower, 1.0 - lower)
    }
}

fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

const C0: [f64; 17] = [
    -0.333_333_333_333_333_3,
    0.083_333_333_333_333_33,
    -0.014_814_814_814_814_815,
    0.001_157_407_407_407_407_3,
    0.000_352_733_686_067_019_4,
    -0.000_178_755_144_032_921_8,
    3.919_263_178_522_438e-5,
    -2.185_448_510_679_992e-6,
    -1.854_062_210_715_16e-6,
    8.296_711_340_953_087e-7,
    -1.766_595_273_682_607_8e-7,
    6.707_853_543_401_498e-9,
    1.026_180_978_424_030_9e-8,
    -4.382_036_018_453_353e-9,
    9.147_699_582_236_79e-10,
    -2.551_419_399_494_624_8e-11,
    -5.830_772_132_550_426e-11,
];
const C1: [f64; 12] = [
    -0.001_851_851_851_851_852,
    -0.003_472_222_222_222_222,
    0.002_645_502_645_502_645_4,
    -0.000_990_226_337_448_559_6,
    0.000_205_761_316_872_427_98,
    -4.018_775_720_164_609e-7,
    -1.809_855_033_448_997_7e-5,
    7.649_160_916_081_11e-6,
    -1.612_090_089_456_344_6e-6,
    4.647_127_802_807_434e-9,
    1.378_633_446_915_721e-7,
    -5.752_545_603_517_705e-8,
];
const C2: [f64; 8] = [
    0.004_133_597_883_597_883,
    -0.002_681_327_160_493_827_3,
    0.000_771_604_938_271_604_9,
    2.009_387_860_082_304_7e-6,
    -0.000_107_366_532_263_651_6,
    5.292_344_882_912_012_5e-5,
    -1.276_063_518_861_872_8e-5,
    3.423_578_734_096_138e-8,
];
const C3: [f64; 5] = [
    0.000_649_434_156_378_600_8,
    0.000_229_472_093_621_399_17,
    -0.000_469_189_494_395_255_7,
    0.000_267_720_632_062_838_85,
    -7.561_801_671_883_977e-5,
];
