//! Model servers under load, each a process that a generator asks over the loopback: the program `mlcore-serve` beside bare servers
//! of the same model, FastAPI and MLServer.

mod generator;
mod payload;
mod place;
mod process;
mod report;
mod start;

use std::path::Path;
use std::time::Duration;

use self::generator::{Load, Shape};
use self::payload::{Payload, Wire};
use self::place::{Place, Server};
use crate::Result;

const MODELS: [&str; 2] = ["mlp30", "rf30"];
/// The cheapest of them.
const OBSERVED: &str = "mlp30";
const CLOSED: [Shape; 3] = [Shape::Closed(1), Shape::Closed(8), Shape::Closed(64)];
const OPEN: [Shape; 3] = [Shape::Open(500), Shape::Open(2000), Shape::Open(6000)];
/// Servers are asked in turn, so often, so that a change of the machine's speed meets all of them. What an open loop finds is compared
/// with nothing.
const ROUNDS: usize = 5;
const ROUNDS_OPEN: usize = 1;
/// What a few hundredths are is seen in many.
const ROUNDS_OBSERVED: usize = 15;

/// Loads every server by both loops; `MLCORE_LOAD_SECONDS` says how long each load lasts, 3 seconds where it is not set.
pub(crate) fn run(folder: &Path) -> Result<()> {
    let seconds = std::env::var("MLCORE_LOAD_SECONDS").ok().map(|text| text.parse::<u64>()).transpose()?;
    let duration = Duration::from_secs(seconds.unwrap_or(3));
    if !generator::is_there() {
        return Err("h2load is not there: install Debian's package nghttp2-client".into());
    }
    start::run(folder)?;
    for model in MODELS {
        let place = Place::new(folder, model)?;
        let payloads = Payload::all(folder)?;
        let mut servers = Vec::new();
        for (server, wires) in place.servers() {
            if let Some(server) = server? {
                servers.push((server, wires));
            }
        }
        for wire in Wire::ALL {
            let payload = payloads.of(wire);
            let mut of_wire: Vec<&mut Server> = servers
                .iter_mut()
                .filter(|(_, wires)| wires.contains(&wire))
                .map(|(server, _)| server)
                .collect();
            for server in &of_wire {
                server.check(payload)?;
            }
            for shapes in [CLOSED, OPEN] {
                let mut table = report::table(model, wire, shapes);
                let count = if let [Shape::Closed(_), ..] = shapes { ROUNDS } else { ROUNDS_OPEN };
                for shape in shapes {
                    report::add(&mut table, shape, &rounds(count, payload, &mut of_wire, shape, duration)?);
                }
                crate::print(&table);
            }
        }
        if model == OBSERVED {
            drop(servers);
            observed(&place, payloads.of(Wire::Binary), duration)?;
        }
    }
    Ok(())
}

/// What metrics and traces cost, where a request costs least.
fn observed(place: &Place, payload: &Payload, duration: Duration) -> Result<()> {
    let mut servers = place.observed()?;
    for server in &servers {
        server.check(payload)?;
    }
    let mut asked: Vec<&mut Server> = servers.iter_mut().collect();
    let loads = rounds(ROUNDS_OBSERVED, payload, &mut asked, Shape::Closed(8), duration)?;
    crate::print(&report::observed(OBSERVED, &loads));
    Ok(())
}

/// Loads the servers in turn; answers each with its loads, round by round.
fn rounds(
    count: usize,
    payload: &Payload,
    servers: &mut [&mut Server],
    shape: Shape,
    duration: Duration,
) -> Result<Vec<(&'static str, Vec<Load>)>> {
    let mut all: Vec<_> = servers.iter().map(|server| (server.name, Vec::new())).collect();
    for _ in 0..count {
        for (server, (_, loads)) in servers.iter_mut().zip(&mut all) {
            loads.push(generator::load(server, payload, shape, duration)?);
        }
    }
    Ok(all)
}
