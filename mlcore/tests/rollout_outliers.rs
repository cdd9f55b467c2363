//! One outcome that is no measurement, by a slip of the pen or in malice, decides no release.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::time::Duration;

use mlcore::name::Arm;
use mlcore::rollout::{Decision, Guardrail, Metric, Observation, Ramp, RampOptions, Side};

fn canary() -> Arm {
    Arm::new("challenger").unwrap()
}

/// One outcome of 1e99, in either arm and at any time, must not hold a release up for ever, nor let harm pass.
#[test]
fn one_outlier_does_not_block_a_ramp() {
    let loss = |number: u64| (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f64 / 16_777_216.0;
    let guardrails = [Guardrail::new(Metric::Loss, 0.5).unwrap()];
    for outlier in [1e99, -1e99, 1e4] {
        for place in [0, 29, 30, 700] {
            for side in [Side::Canary, Side::Control] {
                for (worse, ends) in [(0.0, "promoted"), (1.0, "rolled back")] {
                    let options =
                        RampOptions::new(guardrails.clone()).with_steps([0.5]).with_min_samples(400);
                    let mut ramp = Ramp::new(options).unwrap();
                    let mut ended = "";
                    for number in 0..40_000 {
                        let own = if number % 2 == 0 { Side::Canary } else { Side::Control };
                        let poisoned = number / 2 == place / 2 && own == side;
                        let harm = if own == Side::Canary { worse } else { 0.0 };
                        let value = if poisoned { outlier } else { loss(number) + harm };
                        ramp.observe(own, &Observation::scored(value));
                        if number % 100 == 99 {
                            ended = match ramp.decide(&canary(), Duration::ZERO) {
                                Decision::Promote { .. } => "promoted",
                                Decision::RollBack { .. } => "rolled back",
                                _ => continue,
                            };
                            break;
                        }
                    }
                    assert_eq!(ended, ends, "{outlier:e} at {place} of {side:?}");
                }
            }
        }
    }
}
