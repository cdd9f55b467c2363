//! Answers that are no answers: NaN, infinities, and what the loss cannot take. They are failures of their arm.

use std::sync::{Arc, Mutex};

use mlcore::Error;
use mlcore::batch::{Batch, Tensor};
use mlcore::registry::{RegistryExt, Stage};
use mlcore::rollout::{Canary, CanaryOptions, Fixed, Guardrail, Metric, RampOptions, Shadowed};
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::{Answer, Event, EventKind, InvalidAnswer, Loss, Record, Request, ServedBy};

use crate::support::{Place, alias, arm, change, model, row, unit};

/// A canary that may fail 5 % more often than its control.
fn canary(guardrails: &[Guardrail]) -> Arc<Canary> {
    let ramp = RampOptions::new(guardrails.iter().cloned()).with_steps([0.2, 0.5]).with_min_samples(50);
    Arc::new(Canary::new(CanaryOptions::new(arm("champion"), arm("challenger"), "s", ramp)).unwrap())
}

fn error_rate() -> Guardrail {
    Guardrail::new(Metric::ErrorRate, 0.05).unwrap()
}

/// Champion `0.25` against a challenger, under these guardrails.
fn on_trial(challenger: &str, guardrails: &[Guardrail], loss: Option<Loss>) -> Endpoint {
    let place = Place::new();
    for (name, behaviour) in [("champion", "0.25"), ("challenger", challenger)] {
        let version = place.register(behaviour);
        place.registry.transition(&model(), version, Stage::Dev, Stage::Staging, &change("stage")).unwrap();
        place.point(name, version);
    }
    let builder = place.endpoint().with_arm(alias("challenger")).with_policy(canary(guardrails));
    match loss {
        Some(loss) => builder.with_loss(loss),
        None => builder,
    }
    .build()
    .unwrap()
}

/// Sends requests of so many rows, with the outcome 0 where it is wanted, until the release is decided.
fn send(endpoint: &Endpoint, rows: usize, with_outcomes: bool) -> Vec<Event> {
    let input = Batch::single("x", Tensor::new([rows, 2], vec![0.5_f32; 2 * rows]).unwrap());
    let mut events = Vec::new();
    for number in 0..20_000 {
        let answer = endpoint.predict(Request::tensors(&unit(number), &input)).unwrap();
        if with_outcomes {
            endpoint.report_outcome(answer.outcome_id, 0.0).unwrap();
        }
        events.extend(endpoint.process());
        let over =
            |event: &Event| matches!(event.kind, EventKind::Promoted { .. } | EventKind::RolledBack { .. });
        if events.iter().any(over) {
            break;
        }
    }
    events
}

#[track_caller]
fn is_rolled_back(events: &[Event]) {
    let of = |name| events.iter().filter(|event| event.kind.name() == name).count();
    assert_eq!((of("rolled_back"), of("promoted")), (1, 0), "{events:?}");
    let first = &events[0].kind;
    assert!(
        matches!(first, EventKind::InvalidAnswers { arm: told, count: 1, .. } if *told == arm("challenger")),
        "{first}"
    );
}

#[test]
fn a_canary_whose_answers_are_no_numbers_is_rolled_back_whatever_the_loss() {
    let guardrails = [error_rate(), Guardrail::new(Metric::Loss, 0.5).unwrap()];
    for loss in Loss::ALL {
        for challenger in ["nan", "inf", "-inf"] {
            is_rolled_back(&send(&on_trial(challenger, &guardrails, Some(*loss)), 1, true));
        }
    }
    // Out of the range of the loss.
    for challenger in ["25", "-0.5"] {
        is_rolled_back(&send(&on_trial(challenger, &guardrails, Some(Loss::LogLoss)), 1, true));
    }
    // Finite, and its square is not.
    let huge = on_trial("1e200", &guardrails, Some(Loss::SquaredError));
    is_rolled_back(&send(&huge, 1, true));
    assert_eq!(huge.counts().unscored, huge.counts().invalid_answers);
}

#[test]
fn without_outcomes_without_a_loss_and_in_tables_too() {
    is_rolled_back(&send(&on_trial("nan", &[error_rate()], None), 1, false));
    is_rolled_back(&send(&on_trial("inf", &[error_rate()], None), 7, false));
    is_rolled_back(&send(&on_trial("25", &[error_rate()], Some(Loss::LogLoss)), 7, false));
    // Rounding is no reason: half-precision probabilities add up to a little more than 1.
    let rounded = on_trial("1.0005", &[error_rate()], Some(Loss::LogLoss));
    assert!(send(&rounded, 1, false).iter().any(|event| event.kind.name() == "promoted"));
    assert_eq!(rounded.counts().invalid_answers, 0);
}

#[test]
fn a_loss_alone_is_not_won_by_having_none() {
    let guardrails = [Guardrail::new(Metric::Loss, 0.5).unwrap()];
    is_rolled_back(&send(&on_trial("nan", &guardrails, Some(Loss::SquaredError)), 1, true));
}

#[test]
fn a_loss_function_that_cannot_score_an_answer_counts_against_its_arm() {
    let (nan, refused): (fn() -> _, fn() -> _) =
        (|| Ok(f64::NAN), || Err(Error::schema_mismatch("score answer", "y", "what is this?")));
    for score in [nan, refused] {
        let place = Place::new();
        for (name, behaviour) in [("champion", "1"), ("challenger", "2")] {
            place.point(name, place.register(behaviour));
        }
        let endpoint = place
            .endpoint()
            .with_arm(alias("challenger"))
            .with_policy(canary(&[error_rate(), Guardrail::new(Metric::Loss, 0.5).unwrap()]))
            .with_loss_function(move |outputs, _| {
                if outputs.tensor("y")?.values::<f64>()?[0] == 2.0 { score() } else { Ok(0.0) }
            })
            .build()
            .unwrap();
        is_rolled_back(&send(&endpoint, 1, true));
    }
}

#[test]
fn invalid_answers_are_counted_recorded_and_told_of() {
    let place = Place::new();
    place.point("champion", place.register("nan"));
    let records: Arc<Mutex<Vec<Record>>> = Arc::default();
    let sink = records.clone();
    let endpoint = place
        .endpoint()
        .with_loss(Loss::SquaredError)
        .with_sink(move |record: &Record| sink.lock().unwrap().push(record.clone()))
        .build()
        .unwrap();
    let mut told = Vec::new();
    for number in 0..10 {
        let answer = endpoint.predict(Request::tensors(&unit(number), &row())).unwrap();
        assert!(
            answer.outputs.tensor("y").unwrap().values::<f64>().unwrap()[0].is_nan(),
            "the caller gets it"
        );
        endpoint.report_outcome(answer.outcome_id, 1.0).unwrap();
        told.extend(endpoint.process().into_iter().map(|event| event.kind.to_string()));
    }
    let words = |answers| {
        format!(
            "{answers} of version 1 (champion) counted as failed: the answer holds NaN or an infinite number"
        )
    };
    assert_eq!(told, ["1 answer", "2 answers", "4 answers", "8 answers"].map(words));
    let counts = endpoint.counts();
    assert_eq!((counts.records, counts.failures, counts.invalid_answers), (10, 10, 10));
    assert_eq!((counts.outcomes, counts.unscored, counts.orphans), (10, 10, 0));
    let records = records.lock().unwrap();
    let invalid =
        |record: &Record| record.invalid == Some(InvalidAnswer::NotFinite) && record.error.is_none();
    assert!(records.iter().all(invalid) && records[0].outputs.tensor("y").is_ok());
}

#[test]
fn an_invalid_answer_from_a_cache_is_one_too() {
    let place = Place::new();
    place.point("champion", place.register("1"));
    let endpoint = place.endpoint().build().unwrap();
    let (unit, row) = (unit(1), row());
    let request = Request::tensors(&unit, &row);
    let nan = Batch::single("y", Tensor::column(vec![f64::NAN]));
    let prediction = endpoint.record(endpoint.decide(request), request, Answer::cached(nan)).unwrap();
    assert_eq!(prediction.served_by, ServedBy::Cache);
    endpoint.process();
    assert_eq!((endpoint.counts().failures, endpoint.counts().invalid_answers), (1, 1));
}

#[test]
fn a_shadow_that_answers_nan_fails_and_is_told_of() {
    let place = Place::new();
    place.point("champion", place.register("1"));
    place.point("dark", place.register("nan"));
    let policy = Shadowed::new(Fixed::new(arm("champion")), [arm("dark")], 1.0).unwrap();
    let endpoint = place.endpoint().with_arm(alias("dark")).with_policy(policy).build().unwrap();
    for number in 0..5 {
        endpoint.predict(Request::tensors(&unit(number), &row())).unwrap();
    }
    endpoint.run_shadows();
    let shadows = endpoint.shadows();
    assert_eq!((shadows[0].requests, shadows[0].failures, shadows[0].invalid_answers), (5, 5, 5));
    assert_eq!((shadows[0].rows, shadows[0].mean_difference), (0, 0.0));
    let told: Vec<String> = endpoint.process().iter().map(|event| event.kind.to_string()).collect();
    assert!(told.len() == 1 && told[0].contains("5 answers of version 2 (dark)"), "{told:?}");
    assert_eq!(endpoint.counts().failures, 0, "the shadow answered nobody");
}

#[test]
fn a_label_that_is_none_does_not_use_the_prediction_up() {
    let check = |loss: Option<Loss>, bad: &[f64], good: f64| {
        let place = Place::new();
        place.point("champion", place.register("0.25"));
        let builder = place.endpoint();
        let builder = match loss {
            Some(loss) => builder.with_loss(loss),
            None => builder,
        };
        let endpoint = builder.build().unwrap();
        let id = endpoint.predict(Request::tensors(&unit(1), &row())).unwrap().outcome_id;
        for label in bad {
            let error = endpoint.report_outcome(id, *label).unwrap_err();
            assert!(matches!(error, Error::InvalidInput(_)), "{error}");
            assert!(error.to_string().contains(&format!("{label}")), "{error}");
            endpoint.process();
        }
        endpoint.report_outcome(id, good).unwrap();
        endpoint.process();
        let counts = endpoint.counts();
        assert_eq!((counts.outcomes, counts.orphans, counts.unscored), (1, 0, 0), "{loss:?}");
    };
    let none = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    check(None, &none, 0.5);
    for loss in Loss::ALL {
        check(Some(*loss), &none, 1.0);
    }
    check(Some(Loss::LogLoss), &[0.5, -1.0, 2.0], 1.0);
}
