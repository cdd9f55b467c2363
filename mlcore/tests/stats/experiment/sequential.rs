//! Always-valid inference.

use super::{cases, check, counts, number, numbers};
use mlcore::Error;
use mlcore::experiment::{
    AlwaysValid, BettingSequence, Effect, EffectOptions, EmpiricalBernstein, Estimate, Inference,
    NormalMixture,
};
use mlcore::stats::SplitMix64;
use serde_json::Value;

#[test]
fn the_mixture_is_the_integral() {
    for case in cases("mixture.json") {
        let error = number(&case["error"]);
        let mixture = NormalMixture::of(number(&case["tau"]), error * error);
        let estimate = number(&case["estimate"]);
        check("log ratio", &case, mixture.log_ratio(estimate), &case["log_ratio"]);
        let expected = (-number(&case["log_ratio"])).exp().min(1.0);
        assert!((mixture.pvalue(estimate) - expected).abs() <= 1e-9 * expected);
        for alpha in [0.5, 0.05, 1e-6] {
            let pvalue = mixture.pvalue(mixture.half_width(alpha));
            assert!((pvalue / alpha - 1.0).abs() < 1e-9, "{pvalue} {case}");
        }
    }
}

fn check_looks(case: &Value, mut push: impl FnMut(f64) -> (f64, f64)) {
    let looks = counts(&case["looks"]);
    let (low, high) = (case["low"].as_array().unwrap(), case["high"].as_array().unwrap());
    let mut look = 0;
    for (row, value) in numbers(&case["x"]).into_iter().enumerate() {
        let interval = push(value);
        if looks.get(look) == Some(&(row as u64 + 1)) {
            check("low", case, interval.0, &low[look]);
            check("high", case, interval.1, &high[look]);
            look += 1;
        }
    }
    assert_eq!(look, looks.len());
}

#[test]
fn empirical_bernstein_as_confseq() {
    for case in cases("empirical_bernstein.json") {
        let mut sequence = EmpiricalBernstein::new(number(&case["alpha"])).expect("alpha");
        check_looks(&case, |value| {
            sequence.push(value).expect("a share");
            (sequence.interval().low, sequence.interval().high)
        });
    }
}

#[test]
fn betting_as_confseq() {
    for case in cases("betting.json") {
        let mut sequence = BettingSequence::new(number(&case["alpha"])).expect("alpha");
        check_looks(&case, |value| {
            sequence.push(value).expect("a share");
            (sequence.interval().low, sequence.interval().high)
        });
    }
}

#[test]
fn a_range_is_a_change_of_units() {
    let mut unit = (EmpiricalBernstein::new(0.05).unwrap(), BettingSequence::new(0.05).unwrap());
    let mut scaled = (
        EmpiricalBernstein::with_range(0.05, -2.0, 6.0).unwrap(),
        BettingSequence::with_breaks(0.05, -2.0, 6.0, 1000).unwrap(),
    );
    let mut random = SplitMix64::new(5);
    for _ in 0..200 {
        // Eighths, so that the change of units is exact.
        let share = (random.uniform() * 64.0).floor() / 64.0;
        unit.0.push(share).unwrap();
        unit.1.push(share).unwrap();
        scaled.0.push(8.0 * share - 2.0).unwrap();
        scaled.1.push(8.0 * share - 2.0).unwrap();
    }
    let pairs = [(unit.0.interval(), scaled.0.interval()), (unit.1.interval(), scaled.1.interval())];
    for (share, value) in pairs {
        assert!((8.0 * share.low - 2.0 - value.low).abs() < 1e-12);
        assert!((8.0 * share.high - 2.0 - value.high).abs() < 1e-12);
        assert!(share.low < share.high);
    }
    let (now, best) = (unit.0.interval(), unit.0.running_intersection());
    assert!(best.low >= now.low && best.high <= now.high);
}

#[test]
fn what_no_sequence_takes_is_refused() {
    for refused in [EmpiricalBernstein::new(0.0), EmpiricalBernstein::with_range(0.05, 1.0, 1.0)] {
        assert!(matches!(refused, Err(Error::InvalidInput(_))));
    }
    for refused in [
        BettingSequence::new(1.0),
        BettingSequence::with_breaks(0.05, 0.0, f64::INFINITY, 10),
        BettingSequence::with_breaks(0.05, 0.0, 1.0, 0),
        BettingSequence::with_breaks(0.05, 0.0, 1.0, 10_000_000),
    ] {
        assert!(matches!(refused, Err(Error::InvalidInput(_))));
    }
    let (mut first, mut second) =
        (EmpiricalBernstein::new(0.05).unwrap(), BettingSequence::new(0.05).unwrap());
    let before = (first, second.clone());
    for value in [-0.1, 1.1, f64::NAN] {
        assert!(first.push(value).is_err() && second.push(value).is_err());
    }
    assert_eq!((first, second), before);
}

#[test]
fn stored_sequences_go_on_as_if_they_had_not_been_stored() {
    let mut random = SplitMix64::new(8);
    let (mut first, mut second) =
        (EmpiricalBernstein::new(0.05).unwrap(), BettingSequence::new(0.05).unwrap());
    for _ in 0..100 {
        let value = random.uniform();
        first.push(value).unwrap();
        second.push(value).unwrap();
        first = serde_json::from_str(&serde_json::to_string(&first).unwrap()).unwrap();
    }
    let stored = serde_json::to_string(&second).unwrap();
    let mut read: BettingSequence = serde_json::from_str(&stored).unwrap();
    assert_eq!(read, second);
    read.push(0.5).unwrap();
    second.push(0.5).unwrap();
    assert_eq!(read, second);
    for (from, to) in [("\"breaks\":1000", "\"breaks\":10"), ("\"alpha\":0.05", "\"alpha\":5.0")] {
        assert!(stored.contains(from));
        assert!(serde_json::from_str::<BettingSequence>(&stored.replace(from, to)).is_err());
    }
}

#[test]
fn many_looks_are_never_less_sure_than_one() {
    let options = EffectOptions::default().with_inference(Inference::sequential());
    let mut looks = AlwaysValid::new();
    let mut before = (1.0, f64::NEG_INFINITY, f64::INFINITY);
    for count in (100..3_000).step_by(100) {
        let [control, treatment] = [count / 10, count / 8].map(|hits| Estimate::of_proportion(hits, count));
        let effect = *Effect::between(control, treatment, &options).unwrap().known().unwrap();
        looks.look(&effect);
        let (low, high) = looks.interval();
        assert!(looks.pvalue() <= before.0 && low >= before.1 && high <= before.2);
        assert!(looks.pvalue() <= effect.pvalue && low >= effect.low && high <= effect.high);
        before = (looks.pvalue(), low, high);
    }
    let stored = serde_json::to_string(&looks).unwrap();
    assert_eq!(serde_json::from_str::<AlwaysValid>(&stored).unwrap(), looks);
}
