use super::*;
use crate::batch::Value;
use crate::conformance::Stickiness;
use crate::rollout::testing::{arm, candidates, hold};
use crate::rollout::{Ask, Draw};

/// Three arms, of which a tenth of the units has one of the two that are not the default.
fn options() -> ExperimentsOptions {
    let ranker = Experiment::new("ranker", arm("champion"))
        .with_variant(arm("champion"), 0.5)
        .and_then(|it| it.with_variant(arm("challenger"), 0.2))
        .and_then(|it| it.with_variant(arm("third"), 0.1))
        .unwrap();
    ExperimentsOptions::new("shop", Layer::new("models").with_experiment(ranker, 0.9).unwrap())
}

fn policy(options: ExperimentsOptions) -> Experiments {
    Experiments::new(options).unwrap()
}

pub(in crate::rollout) fn contract() {
    hold(|| policy(options()), Stickiness::Unit);
    hold(|| policy(options().with_hold_out(0.3)), Stickiness::Unit);
}

fn units(count: usize) -> Vec<UnitId> {
    (0..count).map(|number| UnitId::new(format!("user-{number}")).unwrap()).collect()
}

fn arms_of(policy: &Experiments, units: &[UnitId]) -> Vec<usize> {
    let candidates = candidates(&["champion", "challenger", "third"]);
    units.iter().map(|unit| policy.assign(&Ask::new(unit, &candidates, Draw::new(0))).position).collect()
}

#[test]
fn a_growing_share_only_gains_units_and_gives_the_same_back() {
    let units = units(20_000);
    let before = arms_of(&policy(options()), &units);
    let grown = options().with_variant_share("ranker", &arm("challenger"), 0.4).unwrap();
    let after = arms_of(&policy(grown.clone()), &units);
    let mut gained = 0;
    for (old, new) in before.iter().zip(&after) {
        assert!(old == new || (*old, *new) == (0, 1), "{old} became {new}");
        gained += usize::from(old != new);
    }
    // A fifth of the nine tenths that the experiment has.
    assert!((3_300..3_900).contains(&gained), "{gained}");
    let back = grown.with_variant_share("ranker", &arm("challenger"), 0.2).unwrap();
    assert_eq!(arms_of(&policy(back), &units), before);
}

#[test]
fn another_layer_and_a_hold_out_change_nobody_elses_arm() {
    let units = units(20_000);
    let before = arms_of(&policy(options()), &units);
    let explain = Experiment::new("explain", arm("off")).with_variant(arm("on"), 0.5).unwrap();
    let page = Layer::new("page").with_experiment(explain, 1.0).unwrap();
    let more = policy(options().with_layer(page));
    assert_eq!(arms_of(&more, &units), before);
    // The two layers are independent: those with the flag have the arms that all have.
    let on = arm("on");
    let with = |unit: &UnitId| more.evaluate("explain", unit, &Context::EMPTY).variant == Some(&on);
    let (mut both, mut flagged, mut tried) = (0.0, 0.0, 0.0);
    for (unit, position) in units.iter().zip(&before) {
        flagged += f64::from(u8::from(with(unit)));
        tried += f64::from(u8::from(*position == 1));
        both += f64::from(u8::from(with(unit) && *position == 1));
    }
    assert!((both / tried - flagged / 20_000.0).abs() < 0.03, "{both} of {tried}, {flagged}");
    let held = arms_of(&policy(options().with_hold_out(0.2)), &units);
    assert!(before.iter().zip(&held).all(|(old, new)| old == new || *new == 0));
    let kept = |arms: &[usize]| arms.iter().filter(|position| **position == 1).count() as f64;
    assert!((kept(&held) / kept(&before) - 0.8).abs() < 0.03);
}

#[test]
fn overrides_and_rules_decide_and_say_why() {
    let tester = UnitId::new("ana").unwrap();
    let given = Override::new(tester.clone(), "ranker", arm("third"), "looks at it");
    let policy = policy(options().with_override(given));
    let candidates = candidates(&["champion", "challenger", "third"]);
    let assigned = policy.assign(&Ask::new(&tester, &candidates, Draw::new(0)));
    assert_eq!((assigned.position, assigned.propensity), (2, 1.0));
    let details = policy.evaluate("ranker", &tester, &Context::EMPTY);
    assert_eq!(
        (details.reason, details.flag_metadata.override_reason),
        (Reason::TargetingMatch, Some("looks at it"))
    );
    let missing = policy.evaluate("ranking", &tester, &Context::EMPTY);
    assert_eq!((missing.reason, missing.error_code), (Reason::Error, Some(ErrorCode::FlagNotFound)));

    let attributes = [("version", Value::Text("2.3.1")), ("age", Value::Int(40))];
    let context = Context::EMPTY.with_attributes(&attributes);
    let holds = |rule: &Rule| matches!(rule.verdict(&tester, &context), Verdict::Met);
    for (operator, version, due) in [
        (Operator::Equal, "2.3.1", true),
        (Operator::GreaterOrEqual, "2.3.0", true),
        (Operator::Less, "2.3.1-rc.1", false),
        (Operator::SameMajor, "2.9.0", true),
        (Operator::SameMajor, "3.0.0", false),
        (Operator::SameMinor, "2.3.9", true),
        (Operator::SameMinor, "2.4.0", false),
    ] {
        assert_eq!(holds(&Rule::sem_ver("version", operator, version)), due, "{operator:?} {version}");
    }
    assert!(holds(&Rule::compare("age", Operator::Greater, 39_i64)));
    // What the request did not say makes a rule neither true nor a mistake.
    assert!(!holds(&Rule::equals("country", "PT")));
}

#[test]
fn what_cannot_be_meant_is_refused_by_name() {
    let twice = Layer::new("models");
    let error = Experiments::new(options().with_layer(twice)).unwrap_err().to_string();
    assert!(error.contains("models"), "{error}");
    let error = Experiments::new(options().with_hold_out(1.5)).unwrap_err().to_string();
    assert!(error.contains("1.5"), "{error}");
    let error = options().with_variant_share("ranker", &arm("third"), 0.4).unwrap_err().to_string();
    assert!(error.contains("0.3 is left"), "{error}");
}
