//! Requests, one row each, with the outcome reported after the answer; and what is remembered of them for the page.

use std::time::Duration;

use mlcore::Result;
use mlcore::batch::Row;
use mlcore::evaluate::log_loss_of;
use mlcore::name::{UnitId, Version};
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::{Event, EventKind, Request};

use doctor_visit::data::{Rows, row_values};
use doctor_visit::release::probability;

/// One answered request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) version: Version,
    pub(crate) loss: f64,
}

/// Everything that was asked and what happened meanwhile, in order.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) answers: Vec<Answer>,
    /// Events, with the number of requests before them.
    pub(crate) events: Vec<(usize, Event)>,
    /// Named moments of the story, with the number of requests before them.
    pub(crate) moments: Vec<(usize, String)>,
}

impl Log {
    /// Names the present moment.
    pub(crate) fn moment(&mut self, name: &str) {
        self.moments.push((self.answers.len(), name.to_owned()));
    }

    fn add(&mut self, events: Vec<Event>) -> bool {
        let ended = events
            .iter()
            .any(|event| matches!(event.kind, EventKind::Promoted { .. } | EventKind::RolledBack { .. }));
        self.events.extend(events.into_iter().map(|event| (self.answers.len(), event)));
        ended
    }
}

/// Sends the rows from `start` on, reporting each outcome, and lets the endpoint work after each; stops early once a
/// canary was promoted or rolled back, if `until_decided`. Answers the row it stopped before.
pub(crate) fn send(
    endpoint: &Endpoint,
    rows: &Rows,
    start: usize,
    until: Until,
    log: &mut Log,
) -> Result<usize> {
    let (features, visited, persons) = (rows.features()?, rows.visited()?, rows.persons()?);
    let mut values = Vec::new();
    for index in start..rows.len() {
        row_values(&features, index, &mut values);
        let unit = UnitId::new(persons[index].to_string())?;
        let prediction = endpoint.predict(Request::row(&unit, Row::unchecked(&values)))?;
        let loss = log_loss_of(visited[index], probability(&prediction.outputs)?);
        log.answers.push(Answer { version: prediction.version, loss });
        endpoint.report_outcome(prediction.outcome_id, f64::from(u8::from(visited[index])))?;
        if log.add(endpoint.process()) && until == Until::Decided {
            return Ok(index + 1);
        }
    }
    Ok(rows.len())
}

/// When to stop sending.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Until {
    /// The rows are used up.
    End,
    /// A canary was promoted or rolled back.
    Decided,
}

/// What a single-threaded client measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Speed {
    pub(crate) per_second: f64,
    pub p50: Duration,
    pub p99: Duration,
    pub(crate) requests: usize,
}

/// Predicts every row `passes` times from one thread, while a worker thread works off the records.
pub(crate) fn measure(endpoint: &Endpoint, rows: &Rows, passes: usize) -> Result<Speed> {
    let (features, persons) = (rows.features()?, rows.persons()?);
    let units: Vec<UnitId> =
        persons.iter().map(|person| UnitId::new(person.to_string())).collect::<Result<_>>()?;
    let worker = endpoint.spawn_worker(Duration::from_millis(1), |_| {})?;
    let mut values = Vec::new();
    let mut latencies = Vec::with_capacity(passes * rows.len());
    for _ in 0..passes {
        for (index, unit) in units.iter().enumerate() {
            row_values(&features, index, &mut values);
            let request = Request::row(unit, Row::unchecked(&values));
            let began = std::time::Instant::now();
            endpoint.predict(request)?;
            latencies.push(began.elapsed());
        }
    }
    worker.stop();
    let total: Duration = latencies.iter().sum();
    latencies.sort_unstable();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
    Ok(Speed {
        per_second: latencies.len() as f64 / total.as_secs_f64(),
        p50: at(0.5),
        p99: at(0.99),
        requests: latencies.len(),
    })
}
