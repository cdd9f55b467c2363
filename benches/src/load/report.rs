use super::generator::{Load, Shape};
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
            _ => None,
        }
    }
}

/// A table of loads of one kind. Where they are sent at a fixed rate, rates say nothing: they are shown without goals.
pub(super) fn table(model: &str, wire: Wire, shapes: [Shape; 3]) -> Table {
    let (kind, server) = match shapes {
        [Shape::Closed(_), ..] => ("closed", "server, requests under way"),
        [Shape::Open(_), ..] => ("open", "server, requests sent per second"),
    };
    let title = format!("Load, {kind} loop: {model}, one row a request, {}", wire.name());
    let mut columns = [&[server], &MEASURED[..]].concat();
    if kind == "open" {
        return Table::new(title, &columns);
    }
    columns.extend(["ours: rate", "ours: CPU", "goals", "reached"]);
    let mut table = Table::new(title, &columns);
    explain(&mut table);
    table
}

/// Adds a line for each server, and how ours compares with it, round by round.
pub(super) fn add(table: &mut Table, shape: Shape, loads: &[(&'static str, Vec<Load>)]) {
    let ours = loads.iter().find(|(name, _)| *name == OURS).map(|(_, loads)| loads.as_slice());
    for (name, own) in loads {
        let (Shape::Closed(number) | Shape::Open(number)) = shape;
        let mut line = vec![format!("{name}, {number}")];
        line.extend(measured(own));
        if let (Shape::Closed(under_way), Some(ours)) = (shape, ours.filter(|_| *name != OURS)) {
            line.extend(compared(ours, own, Goal::beside(name, under_way)));
        }
        table.line(line);
    }
}

/// A table of what metrics and traces cost.
pub(super) fn observed(model: &str, loads: &[(&'static str, Vec<Load>)]) -> Table {
    let title =
        format!("Load, closed loop: what observing costs, {model}, {}, 8 under way", Wire::Binary.name());
    let columns = [&["server"], &MEASURED[..], &["ours: CPU", "goal", "reached"]].concat();
    let mut table = Table::new(title, &columns);
    let ours = loads.iter().find(|(name, _)| *name == OURS).map(|(_, loads)| loads.as_slice());
    for (name, own) in loads {
        let mut line = vec![(*name).to_owned()];
        line.extend(measured(own));
        if let Some(ours) = ours.filter(|_| *name == PLAIN) {
            let cpu = ratio(ours, own, |load| load.cpu);
            line.extend([
                format!("{cpu:.3}x"),
                format!("< {OBSERVING:.2}x"),
                verdict(Some(cpu < OBSERVING)).to_owned(),
            ]);
        }
        table.line(line);
    }
    table.note(format!("{PLAIN}: the same without metrics and traces"));
    table
}

/// The median over the rounds of ours to another.
fn ratio(ours: &[Load], own: &[Load], of: fn(&Load) -> f64) -> f64 {
    let pairs = ours.iter().zip(own);
    percentile(&mut pairs.map(|(ours, own)| of(ours) / of(own)).collect::<Vec<_>>(), 0.5)
}

/// Ours beside a peer: the ratios, and the goals where there are any.
fn compared(ours: &[Load], own: &[Load], goal: Option<Goal>) -> Vec<String> {
    let compare = |of: fn(&Load) -> f64| ratio(ours, own, of);
    let (rate, cpu) = (compare(|load| load.rate), compare(|load| load.cpu));
    let mut cells = vec![format!("{rate:.2}x"), format!("{cpu:.2}x")];
    if let Some(goal) = goal {
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
        cells.extend([goals.join(", "), verdict(Some(is_met)).to_owned()]);
    }
    cells
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

fn explain(table: &mut Table) {
    table.note(format!(
        "{OURS}: a policy of two arms, records, a monitor of all columns, metrics, one request in 100 traced"
    ));
    table.note(format!("{FLOOR}: hyper or tonic, the same model in one session, and nothing else"));
    table.note("ours: mlcore beside the server of the line, compared round by round");
}

/// What is measured of every load.
const MEASURED: [&str; 6] = ["requests/s", "p50", "p99", "CPU per request", "memory", "failed"];
pub(super) const OURS: &str = "mlcore";
pub(super) const PLAIN: &str = "mlcore, unobserved";
pub(super) const FLOOR: &str = "floor";
/// Metrics and traces of one request in 100, together.
const OBSERVING: f64 = 1.03;
