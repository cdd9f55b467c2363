//! Decide, run and record by themselves: as a batcher, a cache and a limit of load use them.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use mlcore::batch::{Batch, Tensor, Value};
use mlcore::name::RequestId;
use mlcore::rollout::{
    Ask, Assignment, Context, Fixed, Observation, Outcome, PolicyState, RolloutPolicy, Shadowed, StateFormat,
    Weighted,
};
use mlcore::runner::RunOptions;
use mlcore::{Error, Result};
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::{Answer, Decided, Prediction, Record, Request, ServedBy};

use crate::support::{ManualClock, Place, alias, arm, row, unit};

/// A champion that answers 1, a challenger that answers 2, and everything that is recorded.
fn served(policy: impl RolloutPolicy + 'static) -> (Place, Endpoint, Arc<Mutex<Vec<Record>>>, ManualClock) {
    let (place, clock) = (Place::new(), ManualClock::default());
    place.point("champion", place.register("1"));
    place.point("challenger", place.register("2"));
    let records: Arc<Mutex<Vec<Record>>> = Arc::default();
    let sink = records.clone();
    let endpoint = place
        .endpoint()
        .with_arm(alias("challenger"))
        .with_policy(policy)
        .with_clock(clock.clone())
        .with_sink(move |record: &Record| sink.lock().unwrap().push(record.clone()))
        .build()
        .unwrap();
    (place, endpoint, records, clock)
}

fn number(prediction: &Prediction) -> f64 {
    prediction.outputs.tensor("y").unwrap().values::<f64>().unwrap()[0]
}

/// Answers the requests as a batcher does: those that reached one model in one run.
fn batched(endpoint: &Endpoint, requests: &[Request<'_>]) -> Vec<Result<Prediction>> {
    let decided: Vec<Decided> = requests.iter().map(|request| endpoint.decide(*request)).collect();
    let mut answers: Vec<Option<Answer>> = requests.iter().map(|_| None).collect();
    for first in 0..requests.len() {
        if answers[first].is_some() {
            continue;
        }
        let model = decided[first].model();
        let (mut members, mut inputs) = (Vec::new(), Vec::new());
        for member in first..requests.len() {
            if Arc::ptr_eq(decided[member].model(), model) {
                match decided[member].inputs(requests[member].input) {
                    Ok(batch) => {
                        members.push(member);
                        inputs.push(batch);
                    }
                    Err(error) => answers[member] = Some(Answer::refused(error)),
                }
            }
        }
        let outputs =
            model.runner().run(&Batch::concat_rows(&inputs).unwrap(), &RunOptions::default()).unwrap();
        let mut start = 0;
        for (member, inputs) in members.into_iter().zip(inputs) {
            let end = start + inputs.rows().unwrap();
            let answer = Answer::computed(inputs, outputs.rows_in(start..end));
            answers[member] = Some(answer.with_served_by(ServedBy::Batch));
            start = end;
        }
    }
    let answered = decided.into_iter().zip(requests).zip(answers);
    answered.map(|((decided, request), answer)| endpoint.record(decided, *request, answer.unwrap())).collect()
}

#[test]
fn requests_that_share_a_run_are_answered_and_recorded_as_if_they_were_alone() {
    let policy = || Weighted::new("s", [(arm("champion"), 1.0), (arm("challenger"), 1.0)]).unwrap();
    let (_place, alone, alone_records, _) = served(policy());
    let (_other, together, together_records, _) = served(policy());
    let units: Vec<_> = (0..16).map(unit).collect();
    let ids: Vec<_> = (0..16).map(|number| RequestId::new(format!("r{number}")).unwrap()).collect();
    let batches: Vec<Batch> = (0..16)
        .map(|number: usize| {
            let rows = 1 + number % 3;
            Batch::single("x", Tensor::new([rows, 2], vec![number as f32; 2 * rows]).unwrap())
        })
        .collect();
    let requests: Vec<Request<'_>> =
        (0..16).map(|n| Request::tensors(&units[n], &batches[n]).with_id(&ids[n])).collect();
    let expected: Vec<Prediction> = requests.iter().map(|r| alone.predict(*r).unwrap()).collect();
    let got = batched(&together, &requests);
    let mut arms = std::collections::BTreeSet::new();
    for (got, expected) in got.into_iter().zip(&expected) {
        let got = got.unwrap();
        assert_eq!(
            (&got.outputs, got.version, &got.arm),
            (&expected.outputs, expected.version, &expected.arm)
        );
        assert_eq!((got.propensity, got.outcome_id), (expected.propensity, expected.outcome_id));
        assert_eq!((got.served_by, expected.served_by), (ServedBy::Batch, ServedBy::Model));
        together.report_outcome(got.outcome_id, 1.0).unwrap();
        arms.insert(got.arm);
    }
    assert_eq!(arms.len(), 2, "both arms have requests to put together");
    alone.process();
    together.process();
    let (alone_records, together_records) = (alone_records.lock().unwrap(), together_records.lock().unwrap());
    assert_eq!(together_records.len(), 16);
    for (got, expected) in together_records.iter().zip(alone_records.iter()) {
        assert_eq!((&got.request, got.features_digest), (&expected.request, expected.features_digest));
        assert_eq!((&got.outputs, got.served_by), (&expected.outputs, ServedBy::Batch));
    }
    assert_eq!(together.counts().outcomes, 16);
}

#[test]
fn one_request_that_does_not_fit_fails_alone() {
    let (_place, endpoint, ..) = served(Fixed::new(arm("champion")));
    let (unit, good) = (unit(1), row());
    let values = [mlcore::batch::Value::Float(0.5)];
    let bad = Request::row(&unit, mlcore::batch::Row::unchecked(&values));
    let answers = batched(&endpoint, &[Request::tensors(&unit, &good), bad, Request::tensors(&unit, &good)]);
    assert!(answers[0].is_ok() && matches!(answers[1], Err(Error::InvalidInput(_))) && answers[2].is_ok());
    endpoint.process();
    assert_eq!((endpoint.counts().records, endpoint.counts().failures), (3, 0));
}

#[test]
fn an_answer_from_a_cache_is_recorded_as_such_and_its_loss_counts() {
    let (_place, endpoint, records, _) =
        served(Shadowed::new(Fixed::new(arm("champion")), [arm("challenger")], 1.0).unwrap());
    let (unit, input) = (unit(1), row());
    let request = Request::tensors(&unit, &input);
    let first = endpoint.predict(request).unwrap();
    for inputs in [None, Some(input.clone())] {
        let decided = endpoint.decide(request);
        assert_eq!(decided.model().version().version, first.version);
        let answer = Answer::cached(first.outputs.clone());
        let answer = match inputs {
            Some(inputs) => answer.with_inputs(inputs),
            None => answer,
        };
        let prediction = endpoint.record(decided, request, answer).unwrap();
        assert_eq!((number(&prediction), prediction.served_by), (1.0, ServedBy::Cache));
        endpoint.report_outcome(prediction.outcome_id, 1.0).unwrap();
    }
    endpoint.process();
    endpoint.run_shadows();
    let records = records.lock().unwrap();
    let served_by: Vec<ServedBy> = records.iter().map(|record| record.served_by).collect();
    assert_eq!(served_by, [ServedBy::Model, ServedBy::Cache, ServedBy::Cache]);
    assert_eq!(records[0].features_digest, records[2].features_digest);
    assert_eq!((records[1].features_digest, endpoint.counts().outcomes), (0, 2));
    assert_eq!(endpoint.shadows()[0].requests, 3);
}

#[test]
fn a_request_that_is_turned_away_leaves_a_record_and_no_failure_of_its_arm() {
    let (_place, endpoint, records, _) = served(Fixed::new(arm("champion")));
    let (unit, input) = (unit(1), row());
    let request = Request::tensors(&unit, &input);
    let decided = endpoint.decide(request);
    let overloaded = Error::overloaded("predict", "m", "64 requests wait already");
    let error = endpoint.record(decided, request, Answer::shed(overloaded)).unwrap_err();
    assert!(matches!(error, Error::Overloaded(_)));
    endpoint.process();
    assert_eq!((endpoint.counts().records, endpoint.counts().failures), (1, 0));
    let records = records.lock().unwrap();
    assert_eq!((records[0].error, records[0].served_by), (Some("overloaded"), ServedBy::Nobody));
}

#[test]
fn an_abandoned_decision_is_counted_and_harms_nothing() {
    let (place, endpoint, records, _) = served(Fixed::new(arm("champion")));
    let (unit, input) = (unit(1), row());
    let request = Request::tensors(&unit, &input);
    let id = endpoint.decide(request).outcome_id();
    endpoint.report_outcome(id, 1.0).unwrap();
    assert_eq!(endpoint.counts().abandoned, 1, "counted before anything is worked off");
    endpoint.process();
    let counts = endpoint.counts();
    assert_eq!((counts.records, counts.orphans, counts.abandoned), (0, 1, 1));
    assert!(records.lock().unwrap().is_empty());
    // More decisions than a thread can hold without counting, on their way to other threads, through a release.
    let decided: Vec<Decided> = (0..40).map(|_| endpoint.decide(request)).collect();
    place.point("champion", place.register("7"));
    endpoint.refresh().unwrap();
    let fresh = endpoint.predict(request).unwrap();
    thread::scope(|scope| {
        for decided in decided {
            scope.spawn(move || drop(decided));
        }
    });
    assert_eq!(number(&fresh), 7.0);
    assert_eq!(endpoint.counts().abandoned, 41);
}

#[test]
fn a_decision_answers_with_its_own_version_whatever_is_released_meanwhile() {
    let (place, endpoint, records, _) = served(Fixed::new(arm("champion")));
    let (unit, input) = (unit(1), row());
    let request = Request::tensors(&unit, &input);
    let decided = endpoint.decide(request);
    place.point("champion", place.register("7"));
    endpoint.refresh().unwrap();
    let prediction = thread::scope(|scope| {
        let recorded = scope.spawn(|| {
            let answer = endpoint.run(&decided, request);
            endpoint.record(decided, request, answer).unwrap()
        });
        recorded.join().unwrap()
    });
    assert_eq!((number(&prediction), prediction.version.get()), (1.0, 1));
    endpoint.process();
    assert_eq!(records.lock().unwrap()[0].version, prediction.version);
}

#[test]
fn latency_is_what_the_clock_says() {
    let (_place, endpoint, records, clock) = served(Fixed::new(arm("champion")));
    let (unit, input) = (unit(1), row());
    let request = Request::tensors(&unit, &input);
    endpoint.predict(request).unwrap();
    let decided = endpoint.decide(request);
    clock.advance(Duration::from_millis(250));
    let answer = endpoint.run(&decided, request);
    clock.advance(Duration::from_millis(50));
    endpoint.record(decided, request, answer).unwrap();
    endpoint.process();
    let latencies: Vec<Duration> = records.lock().unwrap().iter().map(|record| record.latency).collect();
    assert_eq!(latencies, [Duration::ZERO, Duration::from_millis(300)]);
    let median = endpoint.latency_quantile(1.0).as_secs_f64();
    assert!((median / 0.3 - 1.0).abs() < 0.05, "{median}");
}

/// Answers with the default arm and notes what it is asked and told.
#[derive(Clone, Debug, Default)]
struct Noting(Arc<Mutex<Vec<String>>>);

const FORMAT: StateFormat = StateFormat::new("noting", 1);

impl RolloutPolicy for Noting {
    fn assign(&self, ask: &Ask<'_>) -> Assignment {
        self.0.lock().unwrap().push(format!("asked {:?}", ask.context.attribute("country")));
        Assignment::certain(0).with_propensity(0.1).with_epoch(7)
    }

    fn observe(&self, outcome: &Outcome<'_>) {
        let observed = match outcome.observation {
            Observation::Answered { .. } => "answered",
            Observation::Scored { .. } => "scored",
            _ => "other",
        };
        let country = outcome.context.attribute("country");
        let told = format!("{observed} {country:?} {} {}", outcome.propensity, outcome.epoch);
        self.0.lock().unwrap().push(told);
    }

    fn save(&self) -> Result<PolicyState> {
        PolicyState::new(FORMAT, &(), &())
    }

    fn restore(&self, state: &PolicyState) -> Result<()> {
        state.progress(FORMAT, &())
    }
}

#[test]
fn propensity_and_context_of_the_request_reach_the_policy_with_every_outcome() {
    let place = Place::new();
    place.point("champion", place.register("1"));
    let policy = Noting::default();
    let endpoint = place
        .endpoint()
        .with_policy(policy.clone())
        .with_loss_function(|_, label| Ok(label))
        .build()
        .unwrap();
    let (unit, input, attributes) = (unit(1), row(), [("country", Value::Text("PT"))]);
    let request = Request::tensors(&unit, &input);
    let context = Context::EMPTY.with_attributes(&attributes);
    for request in [request.with_context(context), request] {
        let id = endpoint.predict(request).unwrap().outcome_id;
        endpoint.report_outcome(id, 0.5).unwrap();
    }
    endpoint.process();
    let some = r#"Some(Text("PT"))"#;
    let expected = [
        format!("asked {some}"),
        "asked None".into(),
        format!("answered {some} 0.1 7"),
        "answered None 0.1 7".into(),
        format!("scored {some} 0.1 7"),
        "scored None 0.1 7".into(),
    ];
    assert_eq!(*policy.0.lock().unwrap(), expected);
}
