//! Canaries that are as good as the control, and canaries that are worse.

use std::time::Duration;

use mlcore::name::{Arm, UnitId, Version};
use mlcore::rollout::{
    Ask, Canary, CanaryOptions, CanaryStep, Candidate, Candidates, Decision, Draw, Guardrail, Metric,
    Observation, Outcome, RampOptions, RolloutPolicy, SteppedCanary, SteppedCanaryOptions, Traffic,
};

use super::{ALPHA, INTERVALS, Rate, median, random, replicates};
use crate::Result;
use crate::table::{Table, verdict};

/// Requests after which a release is given up, and where its canary is at the margin, so that most releases never end.
const MOST: u64 = 200_000;
const MOST_AT_THE_MARGIN: u64 = 100_000;
/// The policy is asked for a decision after so many.
const LOOK: u64 = 20;
const UNITS: usize = 65_536;
const SEED: u64 = 105;
/// How many times the requests that information allows a harm may take to be found.
const BESIDE_THE_FLOOR: f64 = 1.6;

/// What the canary does, beside what it may.
#[derive(Clone, Copy, Debug)]
struct Case {
    base: f64,
    margin: f64,
    harm: f64,
}

/// The cases of `mlcore/tests/rollout_ramp.rs`, between an equal canary and one that is far worse.
const CASES: [Case; 9] = [
    Case { base: 0.02, margin: 0.01, harm: 0.0 },
    Case { base: 0.02, margin: 0.005, harm: 0.005 },
    Case { base: 0.02, margin: 0.01, harm: 0.01 },
    Case { base: 0.02, margin: 0.005, harm: 0.02 },
    Case { base: 0.02, margin: 0.01, harm: 0.02 },
    Case { base: 0.2, margin: 0.05, harm: 0.0 },
    Case { base: 0.2, margin: 0.05, harm: 0.05 },
    Case { base: 0.2, margin: 0.02, harm: 0.06 },
    Case { base: 0.2, margin: 0.05, harm: 0.1 },
];

/// How a release ended, and after how many requests of both arms.
struct End {
    is_promoted: bool,
    is_rolled_back: bool,
    requests: u64,
}

const COLUMNS: [&str; 11] = [
    "errors",
    "worse by",
    "margin",
    "releases",
    "rolled back",
    "goal",
    "",
    "promoted",
    "goal",
    "",
    "requests in the median",
];

pub(super) fn tables(runs: u64) -> Result<Vec<Table>> {
    // Harm beyond the margin is found in nearly every release: fewer show it.
    let runs = |case: Case| (if case.harm > case.margin { runs / 50 } else { runs / 10 }).max(1);
    let world = World::new()?;
    let title = format!(
        "Canary with default options and a guardrail on the error rate, asked after every {LOOK} requests"
    );
    let mut table = Table::new(title, &[&COLUMNS[..], &["expected", "goal", ""]].concat());
    for case in CASES {
        let ends = replicates(runs(case), |run| world.canary(case, run))?;
        table.line(start(case, &ends).into_iter().chain(case.cells(&ends)?));
    }
    table.note(format!(
        "steps of 5, 20 and 50 %, alpha {} %; neither: still undecided after {MOST} requests, at the margin after {MOST_AT_THE_MARGIN}",
        100.0 * ALPHA
    ));
    table.note("requests: of both arms, until the decision. Expected: of an equal canary, RampOptions.expected_requests over all steps; of a worse");
    table.note("one, what information allows, ln(1 / alpha) / KL answers of the canary at 5 % of the requests, and the goal 1.6 times that");
    table.note(INTERVALS);
    let title = "Stepped canary: set_weight and an analysis, three times";
    let mut stepped = Table::new(title, &COLUMNS);
    for case in CASES.into_iter().filter(|case| case.harm == 0.0 || case.harm == 0.02 || case.harm == 0.06) {
        let ends = replicates(runs(case), |run| world.stepped(case, run))?;
        stepped.line(start(case, &ends).into_iter().chain(case.rates(&ends)?).chain([half(&ends)]));
    }
    stepped.note(INTERVALS);
    Ok(vec![table, stepped])
}

fn start(case: Case, ends: &[End]) -> [String; 4] {
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    [percent(case.base), percent(case.harm), percent(case.margin), ends.len().to_string()]
}

fn half(ends: &[End]) -> String {
    median(ends.iter().map(|end| (end.is_promoted || end.is_rolled_back).then_some(end.requests)))
}

impl Case {
    fn guardrail(self) -> mlcore::Result<Guardrail> {
        Guardrail::new(Metric::ErrorRate, self.margin)
    }

    /// How often it was rolled back and promoted, with the goals of each.
    fn rates(self, ends: &[End]) -> Result<Vec<String>> {
        let back = Rate::of(ends.iter().map(|end| end.is_rolled_back));
        let promoted = Rate::of(ends.iter().map(|end| end.is_promoted));
        let sure = 1.0 - ALPHA;
        // At the margin itself neither may happen often; a canary that is beyond it has to go.
        let cells = if self.harm > self.margin {
            [back.at_least(sure)?, promoted.at_most(ALPHA)?]
        } else if self.harm == self.margin {
            [back.at_most(ALPHA)?, promoted.at_most(ALPHA)?]
        } else {
            [back.at_most(ALPHA)?, promoted.at_least(sure)?]
        };
        Ok(cells.concat())
    }

    fn cells(self, ends: &[End]) -> Result<Vec<String>> {
        let mut cells = self.rates(ends)?;
        let half = half(ends);
        if self.harm > self.margin {
            let floor = self.floor();
            let most = BESIDE_THE_FLOOR * floor;
            let reached = half.parse::<f64>().is_ok_and(|half| half <= most);
            cells.extend([
                half,
                format!("{floor:.0}"),
                format!("<= {most:.0}"),
                verdict(Some(reached)).to_owned(),
            ]);
        } else if self.harm == 0.0 {
            let traffic = Traffic::new(Metric::ErrorRate, self.base, 2.0 * self.margin)?;
            let steps = RampOptions::new([self.guardrail()?]).expected_requests(&traffic)?;
            let expected: u64 = steps.iter().filter_map(|step| step.to_step).sum();
            cells.extend([half, expected.to_string(), String::new(), String::new()]);
        } else {
            cells.push(half);
        }
        Ok(cells)
    }

    /// The requests of both arms that information allows in the first step.
    fn floor(self) -> f64 {
        let (p, q) = (self.base + self.harm, self.base + self.margin);
        let divergence = p * (p / q).ln() + (1.0 - p) * ((1.0 - p) / (1.0 - q)).ln();
        -ALPHA.ln() / divergence / 0.05
    }
}

/// The two arms, and those who ask.
struct World {
    control: Arm,
    canary: Arm,
    candidates: Candidates,
    units: Vec<UnitId>,
}

impl World {
    fn new() -> Result<Self> {
        let (control, canary) = (Arm::new("champion")?, Arm::new("challenger")?);
        let both = [&control, &canary].map(|arm| Candidate::new(arm.clone(), Version::FIRST));
        let candidates = Candidates::new(both)?;
        let units = (0..UNITS).map(|number| UnitId::new(format!("user-{number}")));
        let units = units.collect::<mlcore::Result<Vec<UnitId>>>()?;
        Ok(Self { control, canary, candidates, units })
    }

    fn canary(&self, case: Case, run: u64) -> Result<End> {
        let ramp = RampOptions::new([case.guardrail()?]);
        let salt = format!("release-{run}");
        let options = CanaryOptions::new(self.control.clone(), self.canary.clone(), salt, ramp);
        Ok(self.release(&Canary::new(options)?, case, run))
    }

    fn stepped(&self, case: Case, run: u64) -> Result<End> {
        let steps =
            [0.05, 0.2, 0.5].map(|share| [CanaryStep::set_weight(share), CanaryStep::Analysis]).concat();
        let (control, canary) = (self.control.clone(), self.canary.clone());
        let salt = format!("release-{run}");
        let options = SteppedCanaryOptions::new(control, canary, salt, steps, [case.guardrail()?]);
        Ok(self.release(&SteppedCanary::new(options)?, case, run))
    }

    /// Asks, answers and decides until the release is over.
    fn release(&self, policy: &dyn RolloutPolicy, case: Case, run: u64) -> End {
        let mut random = random(SEED, run);
        policy.follow(&self.candidates);
        policy.decide(Duration::ZERO);
        let most = if case.harm == case.margin { MOST_AT_THE_MARGIN } else { MOST };
        for (request, unit) in (1..=most).zip(self.units.iter().cycle()) {
            let assignment = policy.assign(&Ask::new(unit, &self.candidates, Draw::new(random.next_u64())));
            let arm = &self.candidates.at(assignment.position).arm;
            let failing = if *arm == self.canary { case.base + case.harm } else { case.base };
            let fails = random.uniform() < failing;
            let seen =
                if fails { Observation::Failed } else { Observation::answered(Duration::from_millis(1)) };
            let outcome = Outcome::new(arm, seen).with_epoch(assignment.epoch);
            policy.observe(&outcome.with_propensity(assignment.propensity));
            if request % LOOK != 0 {
                continue;
            }
            match policy.decide(Duration::from_secs(request)) {
                Decision::Promote { .. } => {
                    return End { is_promoted: true, is_rolled_back: false, requests: request };
                }
                Decision::RollBack { .. } => {
                    return End { is_promoted: false, is_rolled_back: true, requests: request };
                }
                _ => {}
            }
        }
        End { is_promoted: false, is_rolled_back: false, requests: most }
    }
}
