//! A request of several rows has an outcome for each.

use std::sync::{Arc, Mutex};

use mlcore::Result;
use mlcore::batch::{Batch, Tensor};
use mlcore::rollout::{Ask, Assignment, Observation, Outcome, PolicyState, RolloutPolicy, StateFormat};
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::{EventKind, Loss, Request};

use super::support::*;

/// Answers with the default arm and notes the losses that it hears of.
#[derive(Clone, Debug, Default)]
struct Losses(Arc<Mutex<Vec<f64>>>);

const FORMAT: StateFormat = StateFormat::new("losses", 1);

impl Losses {
    fn take(&self) -> Vec<f64> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl RolloutPolicy for Losses {
    fn assign(&self, _: &Ask<'_>) -> Assignment {
        Assignment::certain(0)
    }

    fn observe(&self, outcome: &Outcome<'_>) {
        if let Observation::Scored { loss, .. } = outcome.observation {
            self.0.lock().unwrap().push(loss);
        }
    }

    fn save(&self) -> Result<PolicyState> {
        PolicyState::new(FORMAT, &(), &())
    }

    fn restore(&self, state: &PolicyState) -> Result<()> {
        state.progress(FORMAT, &())
    }
}

fn rows(count: usize) -> Batch {
    Batch::single("x", Tensor::new([count, 2], vec![0.5_f32; 2 * count]).unwrap())
}

/// An endpoint whose model answers 1 for every row.
fn served() -> (Place, Endpoint, Losses) {
    let place = Place::new();
    place.point("champion", place.register("1"));
    let losses = Losses::default();
    let builder = place.endpoint().with_policy(losses.clone()).with_loss(Loss::SquaredError);
    let endpoint = builder.build().unwrap();
    (place, endpoint, losses)
}

fn refused(endpoint: &Endpoint) -> Option<String> {
    endpoint.process().into_iter().find_map(|event| match event.kind {
        EventKind::RefusedOutcomes { .. } => Some(event.kind.to_string()),
        _ => None,
    })
}

#[test]
fn the_loss_of_each_row_is_an_observation_of_its_own() {
    let (_place, endpoint, losses) = served();
    let prediction = endpoint.predict(Request::tensors(&unit(1), &rows(3))).unwrap();
    assert_eq!(prediction.rows(), 3);
    endpoint.report_outcomes(prediction.outcome_id, &[1.0, 3.0, 0.0]).unwrap();
    assert!(refused(&endpoint).is_none());
    assert_eq!(losses.take(), [0.0, 4.0, 1.0]);

    // One at a time, in any order, over any number of calls.
    let id = endpoint.predict(Request::tensors(&unit(1), &rows(3))).unwrap().outcome_id;
    for (row, label) in [(2, 2.0), (0, 4.0), (1, 1.0)] {
        endpoint.report_outcome_of_row(id, row, label).unwrap();
        endpoint.process();
    }
    assert_eq!(losses.take(), [1.0, 9.0, 0.0]);
    let counts = endpoint.counts();
    assert_eq!((counts.records, counts.outcomes, counts.orphans, counts.refused_outcomes), (2, 6, 0, 0));
}

#[test]
fn what_does_not_fit_is_told_and_uses_nothing_up() {
    let (_place, endpoint, losses) = served();
    let id = endpoint.predict(Request::tensors(&unit(1), &rows(2))).unwrap().outcome_id;

    let error = endpoint.report_outcomes(id, &[1.0, f64::NAN]).unwrap_err();
    assert!(error.kind() == "invalid_input" && error.to_string().contains("row 1: NaN is not"), "{error}");
    assert_eq!(endpoint.report_outcomes(id, &[]).unwrap_err().kind(), "invalid_input");
    assert_eq!(endpoint.report_outcome_of_row(id, 0, f64::INFINITY).unwrap_err().kind(), "invalid_input");

    endpoint.report_outcome(id, 1.0).unwrap();
    let told = refused(&endpoint).unwrap();
    assert_eq!(
        told,
        "1 outcome was refused: the request had 2 rows, and one outcome was reported: report one for each row"
    );
    endpoint.report_outcomes(id, &[1.0, 1.0, 1.0]).unwrap();
    let told = refused(&endpoint).unwrap();
    assert_eq!(told, "4 outcomes were refused: the request had 2 rows, and 3 outcomes were reported");
    for row in [1, 1, 7] {
        endpoint.report_outcome_of_row(id, row, 3.0).unwrap();
    }
    refused(&endpoint);
    assert_eq!(losses.take(), [4.0], "the first outcome of row 1");
    endpoint.report_outcome_of_row(id, 0, 3.0).unwrap();
    endpoint.report_outcome_of_row(id, 0, 3.0).unwrap();
    endpoint.process();
    assert_eq!(losses.take(), [4.0]);
    let counts = endpoint.counts();
    assert_eq!((counts.outcomes, counts.refused_outcomes, counts.orphans, counts.unscored), (2, 6, 1, 0));
}

#[test]
fn a_function_takes_a_row_or_the_whole_answer() {
    let place = Place::new();
    place.point("champion", place.register("1"));
    let losses = Losses::default();
    let endpoint = place
        .endpoint()
        .with_policy(losses.clone())
        .with_loss_function(|outputs, label| Ok(outputs.rows().unwrap_or(0) as f64 + label))
        .build()
        .unwrap();
    let ask = || endpoint.predict(Request::tensors(&unit(1), &rows(5))).unwrap().outcome_id;
    endpoint.report_outcome(ask(), 10.0).unwrap();
    endpoint.report_outcome_of_row(ask(), 4, 20.0).unwrap();
    endpoint.process();
    assert_eq!(losses.take(), [15.0, 21.0]);
}

#[test]
fn without_a_loss_rows_are_counted() {
    let place = Place::new();
    place.point("champion", place.register("1"));
    let endpoint = place.endpoint().build().unwrap();
    let id = endpoint.predict(Request::tensors(&unit(1), &rows(3))).unwrap().outcome_id;
    endpoint.report_outcomes(id, &[0.0, 1.0, 0.0]).unwrap();
    endpoint.report_outcomes(id, &[0.0, 1.0, 0.0]).unwrap();
    endpoint.process();
    let counts = endpoint.counts();
    assert_eq!((counts.outcomes, counts.orphans, counts.refused_outcomes), (3, 3, 0));
}
