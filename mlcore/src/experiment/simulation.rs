//! How often tests alarm where there is nothing: simulated experiments of equal arms, looked at again and again.

use serde::{Deserialize, Serialize};

use super::{Answer, Difference, Effect, EffectOptions, Estimate, SequentialSrm, srm_test};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::stats::{ConfidenceInterval, Moments, ProportionMethod, SplitMix64, proportion_confint};

/// A simulation of many experiments.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Simulation {
    /// How many experiments. Default: 10,000.
    pub runs: u64,
    /// How often each is looked at. Default: 100.
    pub looks: u64,
    /// The units that come to each arm between two looks. Default: 20.
    pub units_per_look: u64,
    /// By how many standard deviations the treatment is better. Default: 0, an A/A test.
    pub effect: f64,
    /// Equal seeds give equal answers.
    pub seed: u64,
}

impl Default for Simulation {
    fn default() -> Self {
        Self { runs: 10_000, looks: 100, units_per_look: 20, effect: 0.0, seed: 1 }
    }
}

/// What a [`Simulation`] counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Alarms {
    /// How many experiments.
    pub runs: u64,
    /// In how many of them any look alarmed.
    pub alarmed: u64,
    /// The looks before the first alarm, over all that alarmed.
    pub looks_until_alarm: u64,
}

impl Alarms {
    /// The share of experiments that alarmed.
    #[must_use]
    pub fn rate(&self) -> f64 {
        if self.runs == 0 { 0.0 } else { self.alarmed as f64 / self.runs as f64 }
    }

    /// The exact interval (Clopper and Pearson) of that share.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where `alpha` is not inside `(0, 1)`, or nothing was run.
    pub fn interval(&self, alpha: f64) -> Result<ConfidenceInterval> {
        proportion_confint(self.alarmed, self.runs, alpha, ProportionMethod::ClopperPearson)
    }
}

impl Simulation {
    /// Sets how many experiments are run.
    #[must_use]
    pub fn with_runs(mut self, runs: u64) -> Self {
        self.runs = runs;
        self
    }

    /// Sets how often each is looked at, and how many units come to each arm in between.
    #[must_use]
    pub fn with_looks(mut self, looks: u64, units_per_look: u64) -> Self {
        (self.looks, self.units_per_look) = (looks, units_per_look);
        self
    }

    /// Sets by how many standard deviations the treatment is better.
    #[must_use]
    pub fn with_effect(mut self, effect: f64) -> Self {
        self.effect = effect;
        self
    }

    /// Sets the seed.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Runs experiments of normal metrics of mean 10, and stops each at the first look whose p-value is at most `alpha`.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for options that cannot be meant; [`Error::Interrupted`] where the caller asks to stop.
    ///
    /// ```
    /// use mlcore::experiment::{EffectOptions, Inference, Simulation};
    ///
    /// let simulation = Simulation::default().with_runs(200).with_looks(20, 20);
    /// let peeking = simulation.peeking(&EffectOptions::default())?;
    /// let sequential = simulation.peeking(&EffectOptions::default().with_inference(Inference::sequential()))?;
    /// assert!(peeking.rate() > 0.1 && sequential.rate() <= 0.05);
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    pub fn peeking(&self, options: &EffectOptions) -> Result<Alarms> {
        options.check()?;
        let options = options.with_difference(Difference::Absolute);
        let look = |arms: &mut [Moments; 2], random: &mut SplitMix64| {
            for _ in 0..self.units_per_look {
                arms[0].push(10.0 + random.normal());
                arms[1].push(10.0 + self.effect + random.normal());
            }
            let [control, treatment] = [0, 1].map(|arm: usize| Estimate::of_mean(&arms[arm]));
            let effect = Effect::between(control, treatment, &options)?;
            Ok(matches!(effect, Answer::Known(effect) if effect.pvalue <= options.alpha))
        };
        self.run(|| [Moments::new(); 2], look)
    }

    /// Assigns the units of both arms by a fair coin, and stops at the first look at which the fixed test of the sample ratio alarms.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where `alpha` is not inside `(0, 1)`; [`Error::Interrupted`] where the caller asks to stop.
    pub fn fixed_srm(&self, alpha: f64) -> Result<Alarms> {
        check_alpha(alpha)?;
        let look = |counts: &mut [u64; 2], random: &mut SplitMix64| {
            for (sum, count) in counts.iter_mut().zip(self.assign(random)) {
                *sum += count;
            }
            Ok(srm_test(counts, &[0.5, 0.5])? <= alpha)
        };
        self.run(|| [0; 2], look)
    }

    /// The same with the sequential test.
    ///
    /// # Errors
    /// As [`fixed_srm`](Self::fixed_srm).
    pub fn sequential_srm(&self, alpha: f64) -> Result<Alarms> {
        check_alpha(alpha)?;
        let fresh = SequentialSrm::new(&[0.5, 0.5])?;
        let look = |test: &mut SequentialSrm, random: &mut SplitMix64| {
            test.update(&self.assign(random))?;
            Ok(test.pvalue() <= alpha)
        };
        self.run(|| fresh.clone(), look)
    }

    /// Units of the two arms between two looks.
    fn assign(&self, random: &mut SplitMix64) -> [u64; 2] {
        let mut treated = 0;
        let mut left = self.units_per_look.saturating_mul(2);
        let all = left;
        while left > 0 {
            let coins = left.min(64);
            // The upper bits: as many coins as units.
            treated += u64::from((random.next_u64() >> (64 - coins)).count_ones());
            left -= coins;
        }
        [all - treated, treated]
    }

    /// Runs experiments that begin with `start`, each until its `look` alarms or all looks are done.
    fn run<S>(
        &self,
        start: impl Fn() -> S,
        look: impl Fn(&mut S, &mut SplitMix64) -> Result<bool>,
    ) -> Result<Alarms> {
        let mut random = SplitMix64::new(self.seed);
        let mut pace = interrupt::Pace::default();
        let mut alarms = Alarms { runs: self.runs, alarmed: 0, looks_until_alarm: 0 };
        for _ in 0..self.runs {
            let mut state = start();
            for number in 0..self.looks {
                pace.check("simulate", usize::try_from(self.units_per_look).unwrap_or(usize::MAX))?;
                if look(&mut state, &mut random)? {
                    alarms.alarmed += 1;
                    alarms.looks_until_alarm += number;
                    break;
                }
            }
        }
        Ok(alarms)
    }
}

fn check_alpha(alpha: f64) -> Result<()> {
    if alpha > 0.0 && alpha < 1.0 {
        return Ok(());
    }
    Err(Error::invalid_input("simulate", "alpha", format!("{alpha} is not inside (0, 1)")))
}
