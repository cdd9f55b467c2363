//! Equal arms that are looked at again and again.

use mlcore::experiment::{
    Answer, BettingSequence, Difference, Effect, EffectOptions, EmpiricalBernstein, Estimate, Inference,
};
use mlcore::stats::{Moments, SplitMix64, TTestOptions, ttest_ind_from_moments};

use super::{ALPHA, INTERVALS, Rate, coin, random, replicates};
use crate::Result;
use crate::table::Table;

/// Pairs of units, one of each arm, that a run of equal arms has.
const PAIRS: u64 = 2_000;
/// Who does not look at the first units looks from this pair on.
const FEW: u64 = 30;
/// Who looks less often looks after so many pairs.
const BATCH: u64 = 50;
const SEED: u64 = 101;

/// A metric of one unit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Metric {
    pub(super) name: &'static str,
    /// The value of a unit whose arm is better by so much.
    draw: fn(&mut SplitMix64, f64) -> f64,
    /// Its variance without an effect.
    pub(super) variance: f64,
    pub(super) mean: f64,
    /// The effect that experiments are planned for.
    pub(super) effect: f64,
    /// Whether values are from 0 to 1.
    pub(super) is_bounded: bool,
}

pub(super) const METRICS: [Metric; 3] = [
    Metric {
        name: "normal",
        draw: |random, effect| 10.0 + effect + random.normal(),
        variance: 1.0,
        mean: 10.0,
        effect: 0.1,
        is_bounded: false,
    },
    Metric {
        name: "share of 10 %",
        draw: |random, effect| coin(random, 0.1 + effect),
        variance: 0.09,
        mean: 0.1,
        effect: 0.03,
        is_bounded: true,
    },
    Metric {
        name: "exponential",
        draw: |random, effect| effect - (1.0 - random.uniform()).ln(),
        variance: 1.0,
        mean: 1.0,
        effect: 0.1,
        is_bounded: false,
    },
];

/// Who says whether the arms differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Method {
    Welch,
    Mixture,
    /// For effects of a standard deviation, whose first looks weigh most.
    Wide,
    Asymptotic,
    Bernstein,
    Betting,
}

pub(super) const METHODS: [Method; 6] =
    [Method::Welch, Method::Mixture, Method::Wide, Method::Asymptotic, Method::Bernstein, Method::Betting];

impl Method {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Welch => "Welch's t, for one look",
            Self::Mixture => "mSPRT, for the planned effect",
            Self::Wide => "mSPRT, for a standard deviation",
            Self::Asymptotic => "asymptotic confidence sequence",
            Self::Bernstein => "empirical Bernstein",
            Self::Betting => "betting",
        }
    }

    pub(super) fn takes(self, metric: &Metric) -> bool {
        match self {
            Self::Welch | Self::Mixture | Self::Wide | Self::Asymptotic => true,
            Self::Bernstein | Self::Betting => metric.is_bounded,
        }
    }

    /// How two arms are compared by what is always valid; `None` for the others.
    pub(super) fn options(self, metric: &Metric) -> Option<EffectOptions> {
        let inference = match self {
            Self::Mixture => Inference::Mixture { effect_scale: metric.effect },
            Self::Wide => Inference::Mixture { effect_scale: metric.variance.sqrt() },
            Self::Asymptotic => Inference::sequential(),
            Self::Welch | Self::Bernstein | Self::Betting => return None,
        };
        Some(EffectOptions::default().with_difference(Difference::Absolute).with_inference(inference))
    }
}

/// An experiment that goes on: both arms, and the sequences of the differences of pairs.
pub(super) struct Running<'a> {
    metric: &'a Metric,
    random: SplitMix64,
    effect: f64,
    pub(super) arms: [Moments; 2],
    bernstein: EmpiricalBernstein,
    betting: BettingSequence,
}

impl<'a> Running<'a> {
    pub(super) fn new(metric: &'a Metric, random: SplitMix64, effect: f64) -> Result<Self> {
        Ok(Self {
            metric,
            random,
            effect,
            arms: [Moments::new(); 2],
            bernstein: EmpiricalBernstein::with_range(ALPHA, -1.0, 1.0)?,
            betting: BettingSequence::with_breaks(ALPHA, -1.0, 1.0, 1_000)?,
        })
    }

    /// A unit comes to each arm. Those of the sequences that are `wanted` hear of it.
    pub(super) fn push(&mut self, wanted: impl Fn(Method) -> bool) -> Result<()> {
        let control = (self.metric.draw)(&mut self.random, 0.0);
        let treatment = (self.metric.draw)(&mut self.random, self.effect);
        self.arms[0].push(control);
        self.arms[1].push(treatment);
        if wanted(Method::Bernstein) {
            self.bernstein.push(treatment - control)?;
        }
        if wanted(Method::Betting) {
            self.betting.push(treatment - control)?;
        }
        Ok(())
    }

    /// Whether a method says now that the arms differ.
    pub(super) fn differs(&self, method: Method, options: Option<&EffectOptions>) -> Result<bool> {
        let interval = match (method, options) {
            (_, Some(options)) => {
                let [control, treatment] = self.arms.each_ref().map(Estimate::of_mean);
                let effect = Effect::between(control, treatment, options)?;
                return Ok(matches!(effect, Answer::Known(effect) if effect.pvalue <= options.alpha));
            }
            (Method::Welch, None) => {
                let [control, treatment] = &self.arms;
                // The test alone: an interval for each of a million looks takes most of the time.
                let test = ttest_ind_from_moments(treatment, control, &TTestOptions::welch());
                return Ok(test.pvalue <= ALPHA);
            }
            (Method::Betting, None) => self.betting.interval(),
            (_, None) => self.bernstein.running_intersection(),
        };
        Ok(interval.low > 0.0 || interval.high < 0.0)
    }
}

/// Whether a method ever said so, by who looked when.
#[derive(Clone, Copy, Default, Debug)]
struct Ever {
    at_pairs: bool,
    late: bool,
    at_batches: bool,
    at_the_end: bool,
}

impl Ever {
    /// Whether this look could tell anything new.
    fn is_open(self, pair: u64) -> bool {
        let is_late = pair >= FEW && !self.late;
        !self.at_pairs || is_late || (pair.is_multiple_of(BATCH) && !self.at_batches) || pair == PAIRS
    }

    fn found(&mut self, pair: u64) {
        self.at_pairs = true;
        self.late |= pair >= FEW;
        self.at_batches |= pair.is_multiple_of(BATCH);
        self.at_the_end |= pair == PAIRS;
    }
}

pub(super) fn tables(runs: u64) -> Result<Vec<Table>> {
    let title = format!(
        "Equal arms, {PAIRS} pairs of units: in how many experiments a difference was ever found, of {runs} each"
    );
    let [late, batches] = [format!("from pair {FEW} on"), format!("after every {BATCH} pairs")];
    let columns = ["", "metric", "after each pair", "goal", "", &late, "goal", "", &batches, "goal", ""];
    let mut table = Table::new(title, &columns);
    for metric in &METRICS {
        let found = replicates(runs, |run| equal_arms(metric, run))?;
        for (place, method) in METHODS.into_iter().enumerate().filter(|(_, method)| method.takes(metric)) {
            let rate =
                |is: fn(&Ever) -> bool| Rate::of(found.iter().filter_map(|run| run.get(place)).map(is));
            let looks: [fn(&Ever) -> bool; 3] =
                [|ever| ever.at_pairs, |ever| ever.late, |ever| ever.at_batches];
            let judge = |is| if method == Method::Welch { rate(is).alone() } else { rate(is).at_most(ALPHA) };
            let cells = looks.map(judge).into_iter().collect::<Result<Vec<_>>>()?.concat();
            table.line([method.name().to_owned(), metric.name.to_owned()].into_iter().chain(cells));
            if method == Method::Welch {
                let once = rate(|ever| ever.at_the_end).at_most(ALPHA)?;
                table.line(
                    ["the same at the end alone".to_owned(), metric.name.to_owned()].into_iter().chain(once),
                );
            }
        }
    }
    table.note("the first look of all is at two pairs, where a variance that is estimated says little");
    table.note("empirical Bernstein and betting bound the mean difference of pairs, which is from -1 to 1");
    table.note(INTERVALS);
    Ok(vec![table])
}

/// All methods on the same units.
fn equal_arms(metric: &Metric, run: u64) -> Result<[Ever; METHODS.len()]> {
    let mut running = Running::new(metric, random(SEED, run), 0.0)?;
    let options = METHODS.map(|method| method.options(metric));
    let mut ever = [Ever::default(); METHODS.len()];
    let is_wanted = METHODS.map(|method| method.takes(metric));
    for pair in 1..=PAIRS {
        running.push(|method| METHODS.iter().zip(is_wanted).any(|(own, wanted)| *own == method && wanted))?;
        for (((method, options), ever), wanted) in METHODS.iter().zip(&options).zip(&mut ever).zip(is_wanted)
        {
            let is_asked = wanted && pair > 1 && ever.is_open(pair);
            if is_asked && running.differs(*method, options.as_ref())? {
                ever.found(pair);
            }
        }
    }
    Ok(ever)
}
