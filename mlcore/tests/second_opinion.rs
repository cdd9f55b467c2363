//! The distributions against statrs, an implementation that shares no line with ours, where its answers are good.

use mlcore::stats::{chi2, norm};
use statrs::distribution::{ChiSquared, ContinuousCDF, Normal};

fn close(ours: f64, theirs: f64, what: &str) {
    assert!((ours - theirs).abs() <= 1e-8 * theirs.abs(), "{what}: {ours:e} against {theirs:e}");
}

#[test]
fn the_normal_distribution_agrees() {
    let standard = Normal::standard();
    for step in -60..=60 {
        let x = f64::from(step) / 10.0;
        close(norm::cdf(x), standard.cdf(x), &format!("cdf({x})"));
        close(norm::sf(x), standard.sf(x), &format!("sf({x})"));
    }
    for percent in (1..100).filter(|percent| *percent != 50) {
        let p = f64::from(percent) / 100.0;
        close(norm::ppf(p), standard.inverse_cdf(p), &format!("ppf({p})"));
    }
}

#[test]
fn the_chi_square_distribution_agrees() {
    for dof in [1.0, 2.0, 5.0, 30.0, 200.0] {
        let theirs = ChiSquared::new(dof).unwrap();
        for share in [0.2, 0.5, 1.0, 1.5, 2.0] {
            let x = share * dof;
            close(chi2::sf(x, dof), theirs.sf(x), &format!("sf({x}, {dof})"));
            close(chi2::cdf(x, dof), theirs.cdf(x), &format!("cdf({x}, {dof})"));
        }
    }
}
