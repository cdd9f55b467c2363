//! Three ways of choosing how much to stake on harm, against the speed that information allows: what `rollout/ramp/bets.rs`
//! was chosen by. `MLCORE_STAKES_RUNS=201 cargo test --release -p mlcore --test rollout_stakes -- --nocapture` prints the table;
//! without the variable each case is tried 21 times.

use mlcore::stats::SplitMix64;

/// How the stake on an excess of the canary's share over the allowed one is chosen.
#[derive(Clone, Copy, Debug)]
enum Stakes {
    /// Gamblers who each expect another excess share the money.
    Mixture,
    /// One gambler expects the excess that was seen so far.
    Betting,
    /// The likelihood of the shares seen so far, against that of the nearest shares within the margin.
    PlugIn,
}

/// What a trial is about.
#[derive(Clone, Copy)]
struct Trial {
    base: f64,
    harm: f64,
    margin: f64,
    share: f64,
}

const GAMBLERS: [(f64, f64); 7] =
    [(0.5, 0.1), (1.0, 0.3), (2.0, 0.25), (4.0, 0.15), (8.0, 0.1), (16.0, 0.06), (32.0, 0.04)];

/// Failures and answers of one arm.
#[derive(Clone, Copy, Default)]
struct Seen {
    failures: f64,
    answers: f64,
}

impl Seen {
    fn share(self, prior: f64, weight: f64) -> f64 {
        (self.failures + prior * weight) / (self.answers + weight)
    }
}

/// What both arms' answers win, 0 and 1.
#[derive(Clone, Copy)]
struct Factors {
    canary: [f64; 2],
    control: [f64; 2],
}

/// Bets of `staked` on the canary's share, and of its part on the control's.
fn linear(staked: f64, share: f64, allowed: f64, ratio: f64) -> Factors {
    let staked = staked.clamp(0.0, 0.98 / allowed.max(ratio * (1.0 - share)));
    let canary = [0.0, 1.0].map(|value: f64| (staked * (value - allowed)).ln_1p());
    let control = [0.0, 1.0].map(|value: f64| (staked * ratio * (share - value)).ln_1p());
    Factors { canary, control }
}

/// The likelihood ratio of the shares to the nearest ones of which the canary's exceeds the control's by the margin.
fn likelihood_ratio(canary: f64, control: f64, margin: f64, assigned: f64) -> Factors {
    let none = Factors { canary: [0.0; 2], control: [0.0; 2] };
    if canary <= control + margin {
        return none;
    }
    // Where the divergence of both arms together is smallest its slope is 0.
    let slope = |b: f64| {
        let a = b + margin;
        assigned * (a - canary) / (a * (1.0 - a)) + (1.0 - assigned) * (b - control) / (b * (1.0 - b))
    };
    let (mut low, mut high) = (control, canary - margin);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        (low, high) = if slope(middle) < 0.0 { (middle, high) } else { (low, middle) };
    }
    let (b, a) = (low, low + margin);
    Factors {
        canary: [((1.0 - canary) / (1.0 - a)).ln(), (canary / a).ln()],
        control: [((1.0 - control) / (1.0 - b)).ln(), (control / b).ln()],
    }
}

/// The requests until the evidence is `1 / alpha`; none within `most`.
fn requests_to_find(stakes: Stakes, trial: Trial, alpha: f64, seed: u64, most: u64) -> Option<u64> {
    let Trial { base, harm, margin, share } = trial;
    let mut random = SplitMix64::new(seed.wrapping_mul(0x5851_f42d_4c95_7f2d));
    let (mut canary, mut control) = (Seen::default(), Seen::default());
    let mut factors: Vec<Factors> = Vec::new();
    let mut wealth = [0.0; GAMBLERS.len()];
    let mut due = 20.0;
    for request in 1..=most {
        let is_canary = random.uniform() < share;
        let failed = usize::from(random.uniform() < if is_canary { base + harm } else { base });
        for (wealth, factors) in wealth.iter_mut().zip(&factors) {
            *wealth += if is_canary { factors.canary[failed] } else { factors.control[failed] };
        }
        let seen = if is_canary { &mut canary } else { &mut control };
        seen.answers += 1.0;
        seen.failures += failed as f64;
        // Predictions are made anew when there is half as much again; the mixture's matter less than the others'.
        let counted = match stakes {
            Stakes::Mixture => control.answers,
            Stakes::Betting | Stakes::PlugIn => canary.answers * 19.0,
        };
        if counted >= due && control.answers >= 20.0 {
            due = counted * if matches!(stakes, Stakes::Mixture) { 2.0 } else { 1.05 } + 1.0;
            let ratio = share / (1.0 - share);
            let known = control.share(0.5, 1.0);
            let allowed = known + margin;
            let expected = canary.share(allowed + margin, 1.0 / allowed);
            let variance = allowed * (1.0 - allowed) + ratio * known * (1.0 - known);
            factors = match stakes {
                Stakes::Mixture => {
                    let stake = |(excess, _)| linear(excess * margin / variance, known, allowed, ratio);
                    GAMBLERS.iter().copied().map(stake).collect()
                }
                Stakes::Betting => vec![linear((expected - allowed) / variance, known, allowed, ratio)],
                Stakes::PlugIn => vec![likelihood_ratio(expected.min(0.999), known, margin, share)],
            };
        }
        let evidence = match stakes {
            Stakes::Mixture => {
                GAMBLERS.iter().zip(wealth).map(|((_, part), wealth)| part * wealth.exp()).sum()
            }
            Stakes::Betting | Stakes::PlugIn => wealth[0].exp(),
        };
        if evidence >= 1.0 / alpha {
            return Some(request);
        }
    }
    None
}

/// The requests that information allows: `ln(1/alpha) / KL` answers of the canary.
fn floor(trial: Trial, alpha: f64) -> f64 {
    let (p, q) = (trial.base + trial.harm, trial.base + trial.margin);
    let divergence = p * (p / q).ln() + (1.0 - p) * ((1.0 - p) / (1.0 - q)).ln();
    -alpha.ln() / divergence / trial.share
}

#[test]
fn the_kept_way_is_near_what_information_allows_and_raises_no_false_alarms() {
    let runs: u64 = std::env::var("MLCORE_STAKES_RUNS").map_or(21, |text| text.parse().unwrap());
    // The first of several steps has three quarters of 0.05.
    let alpha = 0.0375;
    for (base, harm, margin) in [
        (0.02, 0.02, 0.005),
        (0.02, 0.02, 0.01),
        (0.2, 0.04, 0.01),
        (0.2, 0.06, 0.02),
        (0.001, 0.002, 0.0005),
        (0.001, 0.002, 0.001),
    ] {
        let trial = Trial { base, harm, margin, share: 0.05 };
        let most = (12.0 * floor(trial, 0.05)) as u64;
        print!("base {base}, harm {harm}, margin {margin}: floor {:.0} requests;", floor(trial, 0.05));
        for stakes in [Stakes::Mixture, Stakes::Betting, Stakes::PlugIn] {
            let run = |seed| requests_to_find(stakes, trial, alpha, seed, most).unwrap_or(u64::MAX);
            let mut needed: Vec<u64> = (0..runs).map(run).collect();
            needed.sort_unstable();
            let ratio = needed[runs as usize / 2] as f64 / floor(trial, 0.05);
            // At the margin itself everything that is found is a false alarm.
            let equal = Trial { harm: margin, ..trial };
            let false_alarms = (0..runs)
                .filter(|seed| requests_to_find(stakes, equal, alpha, *seed, most / 6).is_some())
                .count();
            print!("  {stakes:?} {ratio:.2} ({:.1} % false)", 100.0 * false_alarms as f64 / runs as f64);
            if matches!(stakes, Stakes::Mixture) {
                let case = format!("{base}, {harm}, {margin}");
                let allowed = if base < 0.01 { 2.0 } else { 1.6 };
                assert!(ratio <= allowed, "{case}: {ratio} times the requests that information allows");
                // Three standard deviations above what alpha promises.
                let expected = runs as f64 * alpha;
                let most = expected + 3.0 * (expected * (1.0 - alpha)).sqrt();
                assert!(false_alarms as f64 <= most, "{case}: {false_alarms} false alarms");
            }
        }
        println!();
    }
}
