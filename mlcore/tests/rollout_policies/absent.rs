//! A release of which an arm does not answer yet: nobody is looked at, so no time counts and no step is taken.

use std::time::Duration;

use mlcore::rollout::{
    BlueGreen, BlueGreenOptions, CanaryStep, Decision, RolloutPolicy, SteppedCanary, SteppedCanaryOptions,
};

use super::{arm, candidates};

/// Asks once in a minute for an hour.
fn for_an_hour(policy: &dyn RolloutPolicy, from: u64) -> Vec<Decision> {
    (0..=60).map(|minute| policy.decide(Duration::from_secs(60 * (from + minute)))).collect()
}

fn holds(decisions: &[Decision], words: &str) {
    for decision in decisions {
        assert!(matches!(decision, Decision::Hold { .. }) && decision.reason() == words, "{decision:?}");
    }
}

const ABSENT: &str = "challenger and champion do not both answer";

#[test]
fn a_pause_does_not_pass_before_the_canary_answers() {
    let steps = [
        CanaryStep::set_weight(0.05),
        CanaryStep::pause(Duration::from_secs(600)),
        CanaryStep::set_weight(0.5),
        CanaryStep::pause(Duration::from_secs(600)),
    ];
    let options = SteppedCanaryOptions::new(arm("champion"), arm("challenger"), "s", steps, []);
    let policy = SteppedCanary::new(options).unwrap();
    policy.follow(&candidates(&["champion"]));
    holds(&for_an_hour(&policy, 0), ABSENT);
    assert_eq!(policy.share(), 0.0);
    policy.follow(&candidates(&["champion", "challenger"]));
    let decide = |minute: u64| policy.decide(Duration::from_secs(60 * minute));
    assert!(matches!(decide(61), Decision::Step { share: 0.05, .. }));
    assert_eq!(decide(65).reason(), "step 2 of 4: paused for 240s of 600s");
    // It goes for an hour, and comes back.
    policy.follow(&candidates(&["champion"]));
    holds(&for_an_hour(&policy, 66), ABSENT);
    policy.follow(&candidates(&["champion", "challenger"]));
    assert_eq!(decide(127).reason(), "step 2 of 4: paused for 300s of 600s");
    assert!(matches!(decide(133), Decision::Step { share: 0.5, .. }));
}

#[test]
fn green_does_not_bake_while_it_does_not_answer() {
    let options = BlueGreenOptions::new(arm("champion"), arm("challenger"));
    let policy = BlueGreen::new(options.with_bake_time(Duration::from_secs(600))).unwrap();
    policy.follow(&candidates(&["champion"]));
    policy.switch();
    holds(&for_an_hour(&policy, 0), ABSENT);
    policy.follow(&candidates(&["champion", "challenger"]));
    let decide = |minute: u64| policy.decide(Duration::from_secs(60 * minute));
    assert!(matches!(decide(65), Decision::Hold { .. }));
    assert!(matches!(decide(75), Decision::Promote { .. }));
}
