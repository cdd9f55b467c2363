//! Questions about the effects of single days.

use serde::{Deserialize, Serialize};

use super::Trend;
use crate::experiment::{Answer, Effect, Estimate, NoVerdict};
use crate::stats::{chi2, norm};

/// Whether the effect fades or grows: the trend of the daily effects over days, each weighted by its own error.
///
/// An effect of novelty falls towards 0; one that is learnt grows. `days` are the effects of units that were first seen on the same days
/// or earlier, with the number of the day. Days without an effect are left out.
///
/// ```
/// use mlcore::experiment::{Difference, Effect, EffectOptions, Estimate, novelty};
///
/// let day = |day: u64| {
///     let control = Estimate::new(1_000, 10.0, 4.0);
///     let treatment = Estimate::new(1_000, 11.0 - 0.2 * day as f64, 4.0);
///     let options = EffectOptions::default().with_difference(Difference::Absolute);
///     Ok((day as f64, Effect::between(control, treatment, &options)?))
/// };
/// let days = (0..5).map(day).collect::<mlcore::Result<Vec<_>>>()?;
/// let trend = novelty(&days).known().copied().unwrap();
/// assert!((trend.slope - -0.2).abs() < 1e-12 && trend.pvalue < 1e-3);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn novelty(days: &[(f64, Answer<Effect>)]) -> Answer<Trend> {
    let known = days.iter().filter_map(|(day, effect)| effect.known().map(|effect| (*day, effect)));
    let points: Vec<_> = known.map(|(day, effect)| (day, effect.estimate, effect.standard_error)).collect();
    Trend::of(&points).into()
}

/// Whether units in the control feel the treatment of others: the trend of the control's daily mean over the share of units that
/// were treated on the day.
///
/// Without interference the control does not care how many others are treated, while the share must have changed for the question
/// to have an answer, as it does in a ramp. Days on which the world changed as well look the same: it is a warning, no proof.
///
/// ```
/// use mlcore::experiment::{Estimate, interference};
///
/// let day = |share: f64| (share, Estimate::new(10_000, 5.0 - share, 2.0));
/// let trend = interference(&[day(0.05), day(0.1), day(0.25), day(0.5)]).known().copied().unwrap();
/// assert!((trend.slope - -1.0).abs() < 1e-9 && trend.pvalue < 1e-6);
/// ```
pub fn interference(days: &[(f64, Answer<Estimate>)]) -> Answer<Trend> {
    let known = days.iter().filter_map(|(share, control)| control.known().map(|control| (*share, control)));
    let points: Vec<_> =
        known.map(|(share, control)| (share, control.mean, control.standard_error())).collect();
    Trend::of(&points).into()
}

/// Whether what units saw before still works on them: the effect on units that came back, less the effect on units that were new on
/// the same days, with its two-sided p-value.
///
/// The answer has the difference, its standard error and the p-value. The two effects are of different units, and so independent.
///
/// ```
/// use mlcore::experiment::{Effect, EffectOptions, Estimate, carry_over};
///
/// let effect = |treated: u64| {
///     let [control, treatment] = [300, treated].map(|successes| Estimate::of_proportion(successes, 1_000));
///     Effect::between(control, treatment, &EffectOptions::default())
/// };
/// let [difference, _, pvalue] = carry_over(effect(400)?, effect(305)?).known().copied().unwrap();
/// assert!(difference > 0.3 && pvalue < 0.01);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn carry_over(returning: Answer<Effect>, new: Answer<Effect>) -> Answer<[f64; 3]> {
    let compared = || -> Result<[f64; 3], NoVerdict> {
        let (returning, new) = (returning.into_result()?, new.into_result()?);
        let difference = returning.estimate - new.estimate;
        let error = returning.standard_error.hypot(new.standard_error);
        let pvalue = 2.0 * norm::sf((difference / error).abs());
        if [difference, error, pvalue].iter().all(|number| number.is_finite()) {
            return Ok([difference, error, pvalue]);
        }
        Err(NoVerdict::NotFinite)
    };
    compared().into()
}

/// Whether days, or segments, have different effects.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Heterogeneity {
    /// The mean of the effects, each weighted by how sure it is.
    pub estimate: f64,
    /// Its standard error, where all effects are the same.
    pub standard_error: f64,
    /// Cochran's Q.
    pub q: f64,
    /// One less than the number of effects.
    pub df: f64,
    /// The p-value of "all effects are the same".
    pub pvalue: f64,
    /// The share of the spread that chance does not explain, from 0 to 1.
    pub i2: f64,
}

/// Cochran's test of whether effects differ: statsmodels' `combine_effects` with fixed weights. Unknown effects are left out.
///
/// ```
/// use mlcore::experiment::{Effect, EffectOptions, Estimate, heterogeneity};
///
/// let effect = |treated: u64| {
///     let [control, treatment] = [300, treated].map(|successes| Estimate::of_proportion(successes, 1_000));
///     Effect::between(control, treatment, &EffectOptions::default())
/// };
/// let found = heterogeneity(&[effect(300)?, effect(310)?, effect(420)?]).known().copied().unwrap();
/// assert!(found.pvalue < 0.01 && found.i2 > 0.5);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn heterogeneity(effects: &[Answer<Effect>]) -> Answer<Heterogeneity> {
    let known: Vec<(f64, f64)> = effects
        .iter()
        .filter_map(Answer::known)
        .map(|effect| (effect.estimate, 1.0 / (effect.standard_error * effect.standard_error)))
        .collect();
    if known.len() < 2 {
        return Answer::NoVerdict(NoVerdict::TooFewDays);
    }
    let total: f64 = known.iter().map(|(_, weight)| weight).sum();
    let estimate = known.iter().map(|(effect, weight)| effect * weight).sum::<f64>() / total;
    let q: f64 =
        known.iter().map(|(effect, weight)| weight * (effect - estimate) * (effect - estimate)).sum();
    let df = known.len() as f64 - 1.0;
    let pvalue = chi2::sf(q, df);
    if !(estimate.is_finite() && q.is_finite() && pvalue.is_finite()) {
        return Answer::NoVerdict(NoVerdict::NotFinite);
    }
    let i2 = if q > df { 1.0 - df / q } else { 0.0 };
    Answer::Known(Heterogeneity { estimate, standard_error: (1.0 / total).sqrt(), q, df, pvalue, i2 })
}
