//! Who answers: candidates, propensities, shadows, and the same answer to the same question.

use std::time::Duration;

use super::Stickiness;
use super::traffic::{candidates, check, draw, unit};
use crate::batch::Value;
use crate::rollout::{Ask, Candidates, Context, RolloutPolicy};

pub(super) fn hold<P: RolloutPolicy>(make: &impl Fn() -> P, stickiness: Stickiness) {
    let policy = make();
    for arms in [
        &["champion", "challenger", "third"][..],
        &["champion"],
        &["challenger"],
        &["stranger"],
        &["third", "champion"],
    ] {
        let candidates = candidates(arms);
        frequencies_match_propensities(&policy, &candidates);
        equal_questions_have_equal_answers(&policy, &make(), &candidates);
        any_context_is_taken(&policy, &candidates);
        if stickiness == Stickiness::Unit {
            units_stick(&policy, &candidates);
        }
    }
    time_alone_changes_nothing(&policy, &candidates(&["champion", "challenger", "third"]));
}

fn frequencies_match_propensities(policy: &impl RolloutPolicy, candidates: &Candidates) {
    const UNITS: u64 = 20_000;
    let arms = candidates.as_slice().len();
    let (mut counts, mut propensities) = (vec![0_u64; arms], vec![0.0; arms]);
    for number in 0..UNITS {
        let assignment = policy.assign(&Ask::new(&unit(number), candidates, draw(number)));
        check(&assignment, candidates);
        if number % 100 == 0 {
            probabilities_agree(policy, &Ask::new(&unit(number), candidates, draw(number)));
        }
        counts[assignment.position] += 1;
        propensities[assignment.position] = assignment.propensity;
    }
    for (position, (count, propensity)) in counts.iter().zip(&propensities).enumerate() {
        let (n, expected) = (UNITS as f64, propensity * UNITS as f64);
        // Five standard deviations: a policy that tells the truth fails once in a million runs.
        let slack = 5.0 * (n * propensity * (1.0 - propensity)).sqrt() + 1e-9;
        let gap = (*count as f64 - expected).abs();
        assert!(
            gap <= slack,
            "arm {position} got {count} of {UNITS} units with a stated propensity of {propensity}"
        );
    }
}

/// A policy that can tell the probability of one arm can tell those of all.
fn probabilities_agree(policy: &impl RolloutPolicy, ask: &Ask<'_>) {
    let assignment = policy.assign(ask);
    let arms = ask.candidates.as_slice().len();
    let told: Vec<f64> = (0..arms).filter_map(|position| policy.probability(ask, position)).collect();
    if told.is_empty() {
        return;
    }
    assert_eq!(told.len(), arms, "the probabilities of {} of {arms} arms are told", told.len());
    let (own, propensity) = (told[assignment.position], assignment.propensity);
    assert!((own - propensity).abs() < 1e-12, "a probability of {own} with a propensity of {propensity}");
    let sum: f64 = told.iter().sum();
    assert!((sum - 1.0).abs() < 1e-9, "the probabilities of the arms are {sum} together");
}

fn equal_questions_have_equal_answers(
    policy: &impl RolloutPolicy,
    replica: &impl RolloutPolicy,
    candidates: &Candidates,
) {
    for number in 0..500 {
        let unit = unit(number);
        let ask = Ask::new(&unit, candidates, draw(number));
        let first = policy.assign(&ask);
        assert_eq!(first, policy.assign(&ask), "the same question had another answer");
        assert_eq!(first, replica.assign(&ask), "another replica had another answer");
    }
}

fn time_alone_changes_nothing(policy: &impl RolloutPolicy, candidates: &Candidates) {
    let answers = || -> Vec<_> {
        let answer = |number| policy.assign(&Ask::new(&unit(number), candidates, draw(number)));
        (0..500).map(answer).collect()
    };
    let before = answers();
    std::thread::sleep(Duration::from_millis(30));
    assert_eq!(
        before,
        answers(),
        "a moment later the same questions had other answers: it has a clock of its own"
    );
}

fn any_context_is_taken(policy: &impl RolloutPolicy, candidates: &Candidates) {
    let odd = [f64::NAN, f64::INFINITY, -f64::MAX, 0.0];
    let long = vec![1e300; 1_000];
    let values = [
        ("", Value::Null),
        ("country", Value::Text("PT")),
        ("country", Value::Int(-1)),
        ("age", Value::Float(f64::NAN)),
        ("premium", Value::Bool(true)),
    ];
    for features in [&[][..], &odd, &long] {
        for attributes in [&[][..], &values] {
            let context = Context::EMPTY.with_features(features).with_attributes(attributes);
            for number in 0..50 {
                let unit = unit(number);
                let ask = Ask::new(&unit, candidates, draw(number)).with_context(context);
                let assignment = policy.assign(&ask);
                check(&assignment, candidates);
                assert_eq!(
                    assignment,
                    policy.assign(&ask),
                    "the same question in a context had another answer"
                );
            }
        }
    }
}

fn units_stick(policy: &impl RolloutPolicy, candidates: &Candidates) {
    for number in 0..500 {
        let position = |bits| policy.assign(&Ask::new(&unit(number), candidates, draw(bits))).position;
        let first = position(0);
        for bits in 1..8 {
            assert_eq!(position(bits), first, "unit {number} changed its arm with the draw");
        }
    }
}
