use super::*;
use crate::batch::{OwnedValue, Value};
use crate::conformance::Stickiness;
use crate::rollout::Draw;
use crate::rollout::testing::{arm, candidates, hold, positions};

/// Three arms in two experiments of one layer, with a hold-out of each kind, beside a layer of flags.
fn options() -> ExperimentsOptions {
    let ranker = Experiment::new("ranker", arm("champion"))
        .with_equal_variants([arm("champion"), arm("challenger"), arm("third")])
        .unwrap();
    let prices = Experiment::new("prices", arm("champion")).with_variant(arm("challenger"), 0.3).unwrap();
    let models =
        Layer::new("models").with_experiment(ranker, 0.5).unwrap().with_experiment(prices, 0.4).unwrap();
    let page = Layer::new("page").with_experiment(colour(), 0.8).unwrap();
    ExperimentsOptions::new("shop", models.with_hold_out(0.1)).with_layer(page).with_hold_out(0.05)
}

fn colour() -> Experiment {
    Experiment::new("colour", arm("blue"))
        .with_value(arm("blue"), "#00F")
        .with_value(arm("red"), "#F00")
        .with_target(Rule::ends_with("email", "@example.com"), arm("red"))
        .with_audience(Rule::compare("age", Operator::GreaterOrEqual, 18))
        .with_variant(arm("red"), 0.5)
        .unwrap()
        .with_metadata("owner", "ana")
}

fn policy() -> Experiments {
    Experiments::new(options()).unwrap()
}

pub(crate) fn contract() {
    hold(policy, Stickiness::Unit);
    hold(|| Experiments::new(ExperimentsOptions::new("", Layer::new("empty"))).unwrap(), Stickiness::Unit);
    let targeted = || {
        // Nothing is known of the suite's units, so that the target selects nobody and the audience everybody.
        let one = Experiment::new("one", arm("challenger"))
            .with_target(Rule::equals("country", "PT"), arm("third"))
            .with_audience(Rule::Always.or(Rule::equals("country", "PT")))
            .with_variant(arm("champion"), 0.2)
            .unwrap();
        let off = Experiment::new("off", arm("challenger")).with_variant(arm("third"), 1.0).unwrap();
        let layer = Layer::new("models").with_experiment(one, 0.7).unwrap();
        let layer = layer.with_experiment(off.with_enabled(false), 0.3).unwrap();
        Experiments::new(ExperimentsOptions::new("salt", layer)).unwrap()
    };
    hold(targeted, Stickiness::Unit);
}

fn unit(number: usize) -> UnitId {
    UnitId::new(format!("u{number}")).unwrap()
}

fn three() -> Candidates {
    candidates(&["champion", "challenger", "third"])
}

/// The variants of many units.
fn variants(policy: &Experiments, flag: &str, context: Context<'_>) -> Vec<String> {
    let variant = |number| policy.evaluate(flag, &unit(number), &context).variant.unwrap().to_string();
    (0..5_000).map(variant).collect()
}

#[test]
fn an_evaluation_says_what_is_assigned() {
    let (policy, three) = (policy(), three());
    let mut split = 0;
    for number in 0..5_000 {
        let unit = unit(number);
        let assigned = policy.assign(&Ask::new(&unit, &three, Draw::new(0)));
        let details = ["ranker", "prices"].map(|flag| policy.evaluate(flag, &unit, &Context::EMPTY));
        let drawn: Vec<_> = details.iter().filter(|details| details.reason == Reason::Split).collect();
        assert!(drawn.len() <= 1, "a unit is in two experiments of one layer");
        let arm = drawn.first().map_or("champion", |details| details.variant.unwrap().as_str());
        assert_eq!(three.at(assigned.position).arm.as_str(), arm);
        split += drawn.len();
    }
    // Half are in one experiment and three tenths of four tenths in the other, if they are not held out.
    let expected = 5_000.0 * 0.9 * 0.95 * (0.5 + 0.4 * 0.3);
    assert!((split as f64 - expected).abs() < 5.0 * expected.sqrt(), "{split} for {expected}");
}

#[test]
fn a_hold_out_is_touched_by_no_experiment_of_any_layer() {
    let free = Experiments::new(options().with_hold_out(0.0)).unwrap();
    let held = Experiments::new(options().with_hold_out(0.5)).unwrap();
    let more = Experiments::new(options().with_hold_out(0.7)).unwrap();
    let age = [("age", Value::Int(20))];
    let adult = Context::EMPTY.with_attributes(&age);
    let mut touched = [0; 2];
    for number in 0..4_000 {
        let unit = unit(number);
        let out = |policy: &Experiments| bucket_of(&unit) < policy.options.hold_out;
        for flag in ["ranker", "prices", "colour"] {
            let details = |policy: &'static str, of: &Experiments| {
                let details = of.evaluate(flag, &unit, &adult);
                (policy, details.reason, details.variant.cloned())
            };
            if out(&held) {
                assert_eq!(held.evaluate(flag, &unit, &adult).reason, Reason::Default);
                touched[0] += 1;
            } else {
                assert_eq!(details("", &held), details("", &free), "a hold-out moved another unit");
                touched[1] += 1;
            }
            if out(&more) {
                assert_eq!(more.evaluate(flag, &unit, &adult).reason, Reason::Default);
            }
        }
    }
    assert!(touched.iter().all(|count| (5_500..6_500).contains(count)), "{touched:?}");
}

fn bucket_of(unit: &UnitId) -> f64 {
    crate::rollout::bucket("shop/hold-out:", unit)
}

#[test]
fn an_override_comes_first_and_is_certain() {
    let tester = unit(1);
    let with = |flag: &str, variant: &str| Override::new(tester.clone(), flag, arm(variant), "a tester");
    let given = options().with_hold_out(1.0).with_override(with("prices", "challenger"));
    let policy = Experiments::new(given.clone().with_override(with("colour", "red"))).unwrap();
    let three = three();
    let ask = Ask::new(&tester, &three, Draw::new(0));
    assert_eq!(policy.assign(&ask), Assignment::certain(1));
    assert_eq!([0, 1, 2].map(|arm| policy.probability(&ask, arm)), [Some(0.0), Some(1.0), Some(0.0)]);
    let details = policy.evaluate("colour", &tester, &Context::EMPTY);
    assert_eq!((details.reason, details.value), (Reason::TargetingMatch, Value::Text("#F00")));
    assert_eq!(details.flag_metadata.propensity, Some(1.0));
    assert_eq!(details.flag_metadata.override_reason, Some("a tester"));
    assert_eq!(policy.evaluate("ranker", &tester, &Context::EMPTY).reason, Reason::Default);
    // While its arm cannot answer, the default does.
    let alone = candidates(&["third", "champion"]);
    assert_eq!(policy.assign(&Ask::new(&tester, &alone, Draw::new(0))), Assignment::certain(1));
    let twice = Experiments::new(given.with_override(with("ranker", "third"))).unwrap_err();
    assert!(twice.to_string().contains("another override in layer models"), "{twice}");
}

#[test]
fn evaluations_have_openfeatures_reasons() {
    let disabled = Experiment::new("gone", arm("a")).with_variant(arm("b"), 1.0).unwrap().with_enabled(false);
    let all = Experiment::new("all", arm("a")).with_variant(arm("b"), 1.0).unwrap();
    let plain = Experiment::new("plain", arm("a")).with_value(arm("a"), 7);
    let some = Experiment::new("some", arm("a")).with_audience(Rule::equals("vip", true));
    let some = some.with_variant(arm("b"), 1.0).unwrap();
    let layers = [disabled, all, plain, some, colour()].map(|experiment| {
        Layer::new(format!("of-{}", experiment.key)).with_experiment(experiment, 1.0).unwrap()
    });
    let options = ExperimentsOptions::new("s", Layer::new("models"));
    let policy = Experiments::new(layers.into_iter().fold(options, ExperimentsOptions::with_layer)).unwrap();
    let unit = unit(3);
    let check = |flag: &str, attributes: &[(&str, Value<'_>)], expected: (Reason, &str, f64)| {
        let details = policy.evaluate(flag, &unit, &Context::EMPTY.with_attributes(attributes));
        let told =
            (details.reason, details.variant.unwrap().as_str(), details.flag_metadata.propensity.unwrap());
        assert_eq!(told, expected, "{flag} {attributes:?}");
    };
    check("gone", &[], (Reason::Disabled, "a", 1.0));
    check("all", &[], (Reason::Static, "b", 1.0));
    check("plain", &[], (Reason::Static, "a", 1.0));
    check("some", &[], (Reason::Default, "a", 1.0));
    check("some", &[("vip", Value::Bool(false))], (Reason::Default, "a", 1.0));
    check("some", &[("vip", Value::Bool(true))], (Reason::TargetingMatch, "b", 1.0));
    check("colour", &[("email", Value::Text("x@example.com"))], (Reason::TargetingMatch, "red", 1.0));
    let adult = [("age", Value::Int(40)), ("email", Value::Text("x@y.com"))];
    let context = Context::EMPTY.with_attributes(&adult);
    let reasons: Vec<Reason> = (0..50)
        .map(|number| policy.evaluate("colour", &super::tests::unit(number), &context).reason)
        .collect();
    assert!(reasons.contains(&Reason::Split) && reasons.contains(&Reason::Default));
    assert_eq!(policy.flags().collect::<Vec<_>>(), ["all", "colour", "gone", "plain", "some"]);
}

#[test]
fn a_request_that_does_not_say_enough_is_told_and_gets_the_default() {
    let policy = policy();
    let told = |attributes: &[(&str, Value<'_>)]| {
        let unit = unit(1);
        let details = policy.evaluate("colour", &unit, &Context::EMPTY.with_attributes(attributes));
        assert_eq!((details.reason, details.variant), (Reason::Default, Some(&arm("blue"))));
        details.flag_metadata.undecided.unwrap().to_string()
    };
    assert_eq!(told(&[]), "the attribute email is missing");
    let text = [("email", Value::Text("x")), ("age", Value::Text("40"))];
    assert_eq!(told(&text), "the attribute age is of the kind text where a number is asked for");
    let details = policy.evaluate("colour", &UnitId::new("u").unwrap(), &Context::EMPTY).flag_metadata;
    assert_eq!(details.own.unwrap()["owner"], OwnedValue::from("ana"));
}

#[test]
fn details_are_written_with_openfeatures_names() {
    let policy = policy();
    let text = |details: EvaluationDetails<'_>| serde_json::to_string(&details).unwrap();
    let unit = unit(1);
    assert_eq!(
        text(policy.evaluate("colour", &unit, &Context::EMPTY)),
        "{\"flagKey\":\"colour\",\"value\":\"#00F\",\"variant\":\"blue\",\"reason\":\"DEFAULT\",\"flagMetadata\":{\
         \"layer\":\"page\",\"propensity\":1.0,\"undecided\":\"the attribute email is missing\",\
         \"own\":{\"owner\":\"ana\"}}}"
    );
    assert_eq!(
        text(policy.evaluate("none", &unit, &Context::EMPTY).with_fallback(Value::Bool(true))),
        "{\"flagKey\":\"none\",\"value\":true,\"reason\":\"ERROR\",\"errorCode\":\"FLAG_NOT_FOUND\",\
         \"errorMessage\":\"no layer has a flag with this key\",\"flagMetadata\":{}}"
    );
    let wrong = policy.evaluate("colour", &unit, &Context::EMPTY).with_fallback(Value::Int(3));
    assert_eq!((wrong.value, wrong.error_code), (Value::Int(3), Some(ErrorCode::TypeMismatch)));
    let right = policy.evaluate("colour", &unit, &Context::EMPTY).with_fallback(Value::Text("#000"));
    assert_eq!(
        (right.value, right.reason, right.reason.to_string()),
        (Value::Text("#00F"), Reason::Default, "DEFAULT".into())
    );
}

#[test]
fn no_unit_moves_when_a_share_grows_an_arm_is_added_or_another_layer_changes() {
    let before = policy();
    let moves = |options: ExperimentsOptions, flag: &str, gains: &str| {
        let after = Experiments::new(options).unwrap();
        let mut moved = 0;
        let pairs =
            variants(&before, flag, Context::EMPTY).into_iter().zip(variants(&after, flag, Context::EMPTY));
        for (one, other) in pairs {
            assert!(one == other || one == "champion" && other == gains, "{one} became {other}");
            moved += usize::from(one != other);
        }
        moved
    };
    let grown = options().with_variant_share("prices", &arm("challenger"), 0.8).unwrap();
    assert!(moves(grown.clone(), "prices", "challenger") > 500);
    assert_eq!(moves(grown.clone(), "ranker", ""), 0);
    // The way back gives the same units back.
    assert_eq!(moves(grown.with_variant_share("prices", &arm("challenger"), 0.3).unwrap(), "prices", ""), 0);
    let added = options().with_variant_share("prices", &arm("third"), 0.4).unwrap();
    assert!(moves(added, "prices", "third") > 300);
    let widened = options().with_experiment_share("prices", 0.5).unwrap();
    assert!(moves(widened.clone(), "prices", "challenger") > 50);
    assert_eq!(moves(widened, "ranker", ""), 0);
    let other = Experiment::new("other", arm("x")).with_variant(arm("y"), 0.5).unwrap();
    let flags = Layer::new("page").with_hold_out(0.3).with_experiment(other, 1.0).unwrap();
    let mut changed = options();
    changed.layers[1] = flags;
    for flag in ["ranker", "prices"] {
        assert_eq!(moves(changed.clone(), flag, ""), 0);
    }
}

#[test]
fn a_restored_policy_is_the_same_and_another_one_is_refused() {
    let state = policy().save().unwrap();
    let text = serde_json::to_string(&state).unwrap();
    let read: PolicyState = serde_json::from_str(&text).unwrap();
    let restored = Experiments::from_state(&read).unwrap();
    assert_eq!(restored.options(), policy().options());
    assert_eq!(positions(&restored, &three()), positions(&policy(), &three()));
    let other = Experiments::new(options().with_hold_out(0.06)).unwrap();
    let error = other.restore(&state).unwrap_err().to_string();
    assert!(error.contains("hold_out is 0.05 there and 0.06 here"), "{error}");
}

#[test]
fn what_cannot_be_meant_is_refused_by_name() {
    let check = |change: &dyn Fn(&mut ExperimentsOptions), words: &str| {
        let mut options = options();
        change(&mut options);
        let error = Experiments::new(options).unwrap_err().to_string();
        assert!(error.contains(words) && !error.contains("::"), "{error}");
    };
    let rule = |rule: Rule| {
        move |options: &mut ExperimentsOptions| {
            options.layers[1].experiments[0].audience = rule.clone();
        }
    };
    check(&|options| options.hold_out = 1.5, "hold-out: 1.5 is no share");
    check(&|options| options.layers.clear(), "layers: there is none");
    check(&|options| options.layers[1].name = "models".into(), "layer \"models\": the name occurs twice");
    check(&|options| options.layers[1].name = "a/b".into(), "layer \"a/b\"");
    check(&|options| options.layers[0].hold_out = f64::NAN, "layer \"models\", hold-out: NaN");
    check(&|options| options.layers[0].experiments[1].key = String::new(), "experiment \"\"");
    check(
        &|options| options.layers[1].experiments[0].key = "ranker".into(),
        "experiment ranker: the key occurs twice",
    );
    check(
        &|options| options.layers[0].experiments[1].traffic = Stretches::new([[0, 1]]).unwrap(),
        "experiments ranker and prices share units",
    );
    check(
        &|options| options.layers[0].experiments[1].default = arm("challenger"),
        "the first layer has one default arm",
    );
    check(
        &|options| options.layers[1].experiments[0].default = arm("green"),
        "experiment \"colour\", default: experiment colour has no variant green",
    );
    check(
        &|options| options.layers[1].experiments[0].targets[0].variant = arm("green"),
        "experiment \"colour\", target 0: experiment colour has no variant green",
    );
    check(
        &|options| {
            let variants = &mut options.layers[0].experiments[0].variants;
            variants[1].stretches = variants[0].stretches.clone();
        },
        "variant challenger: it shares units with variant champion",
    );
    check(
        &|options| options.overrides.push(Override::new(unit(1), "gone", arm("a"), "")),
        "override of unit \"u1\" for \"gone\": no layer has",
    );
    check(
        &|options| options.overrides.push(Override::new(unit(1), "colour", arm("green"), "")),
        "has no variant green",
    );
    check(&rule(Rule::And(vec![])), "experiment \"colour\", audience: an empty list");
    check(&rule(Rule::is_in::<&str>("a", [])), "no value that a may have");
    check(&rule(Rule::equals("a", f64::NAN)), "no value");
    check(&rule(Rule::compare("a", Operator::SameMajor, 1)), "an operator of versions");
    check(&rule(Rule::compare("a", Operator::Less, "x")), "compared with a text");
    check(&rule(Rule::sem_ver("a", Operator::Less, "1.x")), "no semantic version");
    check(&rule(Rule::fractional("s", -0.1)), "-0.1 is no share");
    check(&rule((0..20).fold(Rule::Always, |rule, _| !rule)), "nested deeper than 16");
    check(&rule(Rule::Or(vec![Rule::Always; 1_001])), "more than 1000 conditions");
    let forged = r#"[[5,1],[0,4294967295]]"#;
    let stretches: Stretches = serde_json::from_str(forged).unwrap();
    check(&|options| options.layers[0].experiments[0].traffic = stretches.clone(), "5 to 1 is no stretch");
    assert!(serde_json::from_str::<Rule>(r#"{"equal":{"attribute":"a"}}"#).is_err());
    assert!(options().with_variant_share("gone", &arm("a"), 0.1).is_err());
    assert!(options().with_experiment_share("ranker", 0.7).is_err(), "the other one has it");
}

#[test]
fn requirements_are_the_arms_that_may_answer() {
    assert_eq!(policy().requirements().arms, ["champion", "challenger", "third"].map(arm));
    let mut less = options();
    less.layers[0].experiments.remove(0);
    assert_eq!(Experiments::new(less).unwrap().requirements().arms, ["champion", "challenger"].map(arm));
}
