//! Experiments with targeting rules decide who answers, and the record says by which context.

use std::sync::{Arc, Mutex};

use mlcore::batch::Value;
use mlcore::rollout::{
    Context, Experiment, Experiments, ExperimentsOptions, Layer, Override, RolloutPolicy, Rule,
};
use mlcore_serve::endpoint::{Record, Request};

use super::support::*;

/// A quarter of the units from Portugal, and a tester, get the challenger.
fn policy() -> Experiments {
    let ranker = Experiment::new("ranker", arm("champion"))
        .with_audience(Rule::equals("country", "PT"))
        .with_variant(arm("challenger"), 0.25)
        .unwrap();
    let layer = Layer::new("models").with_experiment(ranker, 1.0).unwrap();
    let tester = Override::new(unit(0), "ranker", arm("challenger"), "tests it");
    Experiments::new(ExperimentsOptions::new("shop", layer).with_override(tester)).unwrap()
}

#[test]
fn attributes_of_a_request_decide_who_answers_and_are_recorded() {
    let place = Place::with_trial("2");
    let records: Arc<Mutex<Vec<Record>>> = Arc::default();
    let sink = records.clone();
    let policy = Arc::new(policy());
    let shared: Arc<dyn RolloutPolicy> = policy.clone();
    let endpoint = place
        .endpoint()
        .with_arm(alias("challenger"))
        .with_policy(shared)
        .with_sink(move |record: &Record| sink.lock().unwrap().push(record.clone()))
        .build()
        .unwrap();
    let inputs = row();
    let mut challengers = 0;
    for number in 0..400 {
        let country = if number % 2 == 0 { "PT" } else { "FR" };
        let attributes = [("country", Value::Text(country))];
        let context = Context::EMPTY.with_attributes(&attributes);
        let unit = unit(number);
        let answer = endpoint.predict(Request::tensors(&unit, &inputs).with_context(context)).unwrap();
        // The host is told the same where it asks for the flag.
        let details = policy.evaluate("ranker", &unit, &context);
        assert_eq!(details.variant, Some(&answer.arm));
        assert_eq!(details.flag_metadata.propensity, Some(answer.propensity));
        if number == 0 {
            assert_eq!((answer.arm, answer.propensity), (arm("challenger"), 1.0));
        } else if country == "FR" {
            assert_eq!((answer.arm, answer.propensity), (arm("champion"), 1.0));
        } else {
            let challenger = answer.arm == arm("challenger");
            challengers += usize::from(challenger);
            assert_eq!(answer.propensity, if challenger { 0.25 } else { 0.75 });
        }
    }
    assert!((25..75).contains(&challengers), "{challengers} of 199");
    endpoint.process();
    let records = records.lock().unwrap();
    assert_eq!(records.len(), 400);
    for record in records.iter() {
        let country = record.context.with(|context| match context.attribute("country") {
            Some(Value::Text(country)) => country.to_owned(),
            other => panic!("{other:?}"),
        });
        if record.arm == arm("challenger") && record.unit != Some(unit(0)) {
            assert_eq!((country.as_str(), record.propensity), ("PT", 0.25));
        }
    }
    drop(records);
    // A request without its attribute is nobody's.
    assert_eq!(ask(&endpoint, 0).unwrap(), 2.0, "the tester's");
    assert!((1..200).all(|number| ask(&endpoint, number).unwrap() == 1.0));
}

#[test]
fn an_endpoint_without_an_arm_of_an_experiment_refuses_the_policy() {
    let place = Place::with_trial("2");
    let refused = place.endpoint().with_policy(policy()).build().unwrap_err();
    assert!(refused.to_string().contains("challenger"), "{refused}");
}
