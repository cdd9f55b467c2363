//! BOCD: how long is it since the mean last changed, as a posterior.

use mlcore::Result;
use serde::{Deserialize, Serialize};

use super::parameters::{parameters, require, require_share};
use super::{Algorithm, Flags, Stream};

parameters! {
    /// Bayesian online change point detection: watches the mean of normal numbers of a known variance.
    ///
    /// For each possible time of the last change (a run length) the posterior of the mean and the probability of the run are
    /// carried along; after every value, each run either grows by one or, with probability `hazard`, ends. A change is told
    /// where the most probable run is shorter than the stream.
    ///
    /// **False alarms** are not promised, and scale is everything: values are believed to be normal with variance `data_var`,
    /// around a mean that is normal with mean `prior_mean` and variance `prior_var`. Standardise the stream or set the three.
    /// **Memory and cost.** Adams and MacKay keep a run for every value; here at most `max_run_lengths` are kept. When one is too
    /// many, the least probable is joined to its neighbour (never the run of the whole stream), which keeps its probability
    /// and is nearly of the same length; a value costs some microseconds at the default. No golden case tells this
    /// from keeping all.
    ///
    /// Source: R. P. Adams and D. J. C. MacKay, "Bayesian online changepoint detection" (2007); detections are those of
    /// frouros 0.9's `BOCD`, which is reset after each one. frouros goes on telling every value until somebody resets it:
    /// `restart = false`.
    ///
    /// ```
    /// use mlcore_drift::stream::{Algorithm, Bocd, StreamDetector};
    ///
    /// let mut bocd = Bocd::default().with_data_var(0.04).start()?;
    /// let values: Vec<f64> = (0..200).map(|i| f64::from(i % 3) * 0.1 + if i < 100 { 0.0 } else { 1.0 }).collect();
    /// assert!((100..104).contains(&bocd.update_many(&values)?.drifts[0]));
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    pub struct Bocd {
        /// The mean of the mean, before anything is known.
        prior_mean, with_prior_mean: f64 = 0.0;
        /// The variance of the mean, before anything is known.
        prior_var, with_prior_var: f64 = 1.0;
        /// The variance of a value around the mean.
        data_var, with_data_var: f64 = 1.0;
        /// The probability that the mean changes before the next value.
        hazard, with_hazard: f64 = 0.01;
        /// Nothing is told before so many values.
        min_num_instances, with_min_num_instances: u64 = 30;
        /// How many run lengths are kept, 3 to 10,000.
        max_run_lengths, with_max_run_lengths: usize = 256;
        /// Whether the value after a detection begins anew.
        restart, with_restart: bool = true;
    }
}

/// The runs, shortest first; the last one is as long as the stream.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BocdState {
    values: u64,
    runs: Vec<Run>,
}

/// A run length, and what is believed if it is the right one.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Run {
    length: u64,
    mean: f64,
    precision: f64,
    /// The logarithm of its probability, and of those that were joined to it.
    log_probability: f64,
    /// How many runs it stands for.
    joined: u64,
}

impl Algorithm for Bocd {
    const NAME: &'static str = "bocd";
    const LEGEND: &'static str =
        "BOCD: the mean of normal numbers of known variance, by the probability of each time of change.";
    type Constants = ();
    type State = BocdState;

    fn prepare(&self) -> Result<()> {
        let magnitude = self.prior_mean.abs();
        require(magnitude <= 1e100, Self::NAME, "prior_mean", self.prior_mean, "a number of at most 1e100")?;
        for (name, value) in [("prior_var", self.prior_var), ("data_var", self.data_var)] {
            require((1e-100..=1e200).contains(&value), Self::NAME, name, value, "from 1e-100 to 1e200")?;
        }
        require_share(Self::NAME, "hazard", self.hazard)?;
        let most = self.max_run_lengths;
        require((3..=10_000).contains(&most), Self::NAME, "max_run_lengths", most, "from 3 to 10000")
    }

    fn begin(&self, (): &()) -> BocdState {
        BocdState { values: 0, runs: vec![self.shortest(0.0)] }
    }

    fn step(&self, (): &(), state: &mut BocdState, value: f64) -> Flags {
        state.values += 1;
        let (log_hazard, log_rest) = (self.hazard.ln(), (1.0 - self.hazard).ln());
        for run in &mut state.runs {
            run.log_probability += self.log_predictive(run, value);
        }
        let ended = log_sum(state.runs.iter().map(|run| run.log_probability + log_hazard));
        let data_precision = 1.0 / self.data_var;
        for run in &mut state.runs {
            run.log_probability += log_rest;
            let precision = run.precision + data_precision;
            run.mean = (run.mean * run.precision + value / self.data_var) / precision;
            run.precision = precision;
            run.length += 1;
        }
        state.runs.insert(0, self.shortest(ended));
        let whole = log_sum(state.runs.iter().map(|run| run.log_probability));
        for run in &mut state.runs {
            run.log_probability -= whole;
        }
        let likeliest = state.likeliest().map_or(0, |run| run.length);
        let drift = state.values >= self.min_num_instances && likeliest != state.values;
        self.prune(state);
        Flags { drift, warning: false }
    }

    fn fits(&self, (): &(), state: &BocdState) -> bool {
        let sound = |run: &Run| {
            let numbers = [run.mean, run.precision, run.log_probability];
            numbers.iter().all(|number| number.is_finite())
                && run.precision > 0.0
                && run.length <= state.values
        };
        (1..=self.max_run_lengths).contains(&state.runs.len())
            && state.runs.iter().all(sound)
            && state.runs.last().is_some_and(|run| run.length == state.values)
            && state.values <= 1 << 53
    }

    fn restarts(&self) -> bool {
        self.restart
    }

    fn statistics(&self, (): &(), state: &BocdState) -> Vec<(&'static str, f64)> {
        let likeliest = state.likeliest();
        vec![
            ("run_length", likeliest.map_or(0.0, |run| run.length as f64)),
            ("mean", likeliest.map_or(self.prior_mean, |run| run.mean)),
        ]
    }
}

impl Stream<Bocd> {
    /// The most probable number of values since the last change.
    #[must_use]
    pub fn run_length(&self) -> u64 {
        self.state().likeliest().map_or(0, |run| run.length)
    }
}

impl Bocd {
    fn shortest(&self, log_probability: f64) -> Run {
        Run { length: 0, mean: self.prior_mean, precision: 1.0 / self.prior_var, log_probability, joined: 1 }
    }

    /// The logarithm of the density of the next value.
    fn log_predictive(&self, run: &Run, value: f64) -> f64 {
        let variance = 1.0 / run.precision + self.data_var;
        let deviation = value - run.mean;
        -deviation * deviation / (2.0 * variance) - 0.5 * variance.ln() - LOG_ROOT_TAU
    }

    /// Joins the least probable run to the less probable of its neighbours where there is one too many: neither the shortest,
    /// which has had no chance yet, nor the longest, against which a change is judged.
    fn prune(&self, state: &mut BocdState) {
        let last = state.runs.len() - 1;
        if last < self.max_run_lengths {
            return;
        }
        let by_probability = |a: &usize, b: &usize| {
            let [a, b] = [a, b].map(|at| state.runs.get(*at).map_or(0.0, |run| run.log_probability));
            a.total_cmp(&b)
        };
        let Some(least) = (1..last).min_by(by_probability) else { return };
        let beside = [least - 1, least + 1].into_iter().filter(|at| (1..last).contains(at));
        let Some(beside) = beside.min_by(by_probability) else { return };
        let gone = state.runs[least];
        let kept = &mut state.runs[beside];
        kept.log_probability = log_sum([kept.log_probability, gone.log_probability].into_iter());
        kept.joined += gone.joined;
        state.runs.remove(least);
    }
}

impl BocdState {
    /// The most probable run; the shortest of equals.
    fn likeliest(&self) -> Option<&Run> {
        self.runs
            .iter()
            .reduce(|best, run| if run.log_probability > best.log_probability { run } else { best })
    }
}

/// The logarithm of the sum of what these are the logarithms of.
fn log_sum(logs: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = logs.clone().fold(f64::NEG_INFINITY, f64::max);
    largest + logs.map(|log| (log - largest).exp()).sum::<f64>().ln()
}

/// `ln(sqrt(2 pi))`.
const LOG_ROOT_TAU: f64 = 0.918_938_533_204_672_7;
