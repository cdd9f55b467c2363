use super::generator::Load;
use super::payload::Wire;
use crate::table::{Table, verdict};
use crate::timing::{percentile, show};

/// What ours must reach beside a peer.
struct Goal {
    /// Answers per second, as a share of the peer's.
    rate: Option<f64>,
    /// Processor time per answer, as a share of the peer's.
    cpu: f64,
    /// Whether its 99th percentile is lower.
    is_faster: bool,
}

impl Goal {
    fn beside(peer: &str, concurrency: usize) -> Option<Self> {
        match peer {
            FLOOR if concurrency > 1 => Some(Self { rate: Some(0.85), cpu: 1.25, is_faster: false }),
            "FastAPI" => Some(Self { rate: None, cpu: 1.0 / 5.0, is_faster: true }),
            "MLServer" => Some(Self { rate: None, cpu: 1.0 / 9.0, is_faster: true }),
            PLAIN => Some(Self { rate: None, cpu: 1.03, is_faster: false }),
            _ => None,
        }
    }
}

pub(super) fn closed(model: &str, wire: Wire) -> Table {
    let title = format!("Load, closed loop: {model}, one row a request, {}", wire.name());
    let columns = [
        "server, requests under way",
        "requests/s",
        "p50",
        "p99",
        "CPU per request",
        "memory",
        "failed",
        "ours: rate",
        "ours: CPU",
        "goals",
        "reached",
    ];
    Table::new(title, &columns)
}

/// Adds a line for each server, and how ours compares with it, round by round.
pub(super) fn add_closed(table: &mut Table, concurrency: usize, loads: &[(&'static str, Vec<Load>)]) {
    let ours = loads.iter().find(|(name, _)| *name == OURS).map(|(_, loads)| loads.as_slice());
    for (name, own) in loads {
        let mut line = vec![format!("{name}, {concurrency}")];
        line.extend(measured(own));
        if let Some(ours) = ours.filter(|_| *name != OURS) {
            let compare = |of: fn(&Load) -> f64| {
                let pairs = ours.iter().zip(own);
                percentile(&mut pairs.map(|(ours, own)| of(ours) / of(own)).collect::<Vec<_>>(), 0.5)
            };
            let (rate, cpu) = (compare(|load| load.rate), compare(|load| load.cpu));
            line.extend([format!("{rate:.2}x"), format!("{cpu:.2}x")]);
            if let Some(goal) = Goal::beside(name, concurrency) {
                let mut goals = Vec::new();
                let mut is_met = cpu <= goal.cpu;
                if let Some(least) = goal.rate {
                    goals.push(format!("rate >= {least}x"));
                    is_met &= rate >= least;
                }
                goals.push(format!("CPU <= {:.2}x", goal.cpu));
                if goal.is_faster {
                    goals.push("p99 lower".to_owned());
                    is_met &= compare(|load| load.p99) < 1.0;
                }
                line.extend([goals.join(", "), verdict(Some(is_met)).to_owned()]);
            }
        }
        table.line(line);
    }
}

pub(super) fn open(model: &str, wire: Wire) -> Table {
    let title = format!("Load, open loop: {model}, one row a request, {}", wire.name());
    let columns = [
        "server, requests sent per second",
        "requests/s",
        "p50",
        "p99",
        "CPU per request",
        "memory",
        "failed",
    ];
    Table::new(title, &columns)
}

pub(super) fn add_open(table: &mut Table, rate: usize, loads: &[(&'static str, Vec<Load>)]) {
    for (name, own) in loads {
        let mut line = vec![format!("{name}, {rate}")];
        line.extend(measured(own));
        table.line(line);
    }
}

/// The medians over the rounds.
fn measured(loads: &[Load]) -> [String; 6] {
    let median = |of: fn(&Load) -> f64| percentile(&mut loads.iter().map(of).collect::<Vec<_>>(), 0.5);
    [
        format!("{:.0}", median(|load| load.rate)),
        show(median(|load| load.p50)),
        show(median(|load| load.p99)),
        show(median(|load| load.cpu)),
        format!("{:.0} MB", median(|load| load.memory as f64) / 1e6),
        loads.iter().map(|load| load.failed).sum::<usize>().to_string(),
    ]
}

pub(super) fn explain(table: &mut Table) {
    table.note(format!(
        "{OURS}: a policy of two arms, records, a monitor of all columns, metrics, one request in 100 traced"
    ));
    table.note(format!("{PLAIN}: the same without metrics and traces"));
    table.note(format!("{FLOOR}: hyper or tonic, the same model in one session, and nothing else"));
    table.note("ours: mlcore beside the server of the line, compared round by round");
}

pub(super) const OURS: &str = "mlcore";
pub(super) const PLAIN: &str = "mlcore, unobserved";
pub(super) const FLOOR: &str = "floor";
