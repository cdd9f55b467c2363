use std::fs;
use std::process::Command;
use std::time::Duration;

use super::payload::{Payload, Wire};
use super::place::Server;
use super::process::Usage;
use crate::Result;
use crate::timing::percentile;

/// When requests are sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// So many are always under way.
    Closed(usize),
    /// So many are sent each second by 64 connections, however fast the answers come.
    Open(usize),
}

/// What a load found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// Answers per second.
    pub(super) rate: f64,
    /// Seconds.
    pub(super) p50: f64,
    pub(super) p99: f64,
    /// Seconds of processor time per answer.
    pub(super) cpu: f64,
    /// Resident bytes at the end.
    pub(super) memory: u64,
    /// Answers that were none, or not in time.
    pub(super) failed: usize,
}

/// Whether the generator is installed.
pub(super) fn is_there() -> bool {
    Command::new("h2load").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Loads a server.
pub(super) fn load(server: &Server, payload: &Payload, shape: Shape, duration: Duration) -> Result<Load> {
    let log = payload.body.with_extension("log");
    // It is appended to.
    let _ = fs::remove_file(&log);
    let seconds = duration.as_secs();
    let mut command = Command::new("h2load");
    let connections = match shape {
        Shape::Closed(under_way) => under_way,
        Shape::Open(_) => OPEN_CONNECTIONS,
    };
    command.args(["-m", "1", "-t", "1", "--warm-up-time", "1", "-c", &connections.to_string()]);
    command.args(["-D", &seconds.to_string()]);
    if let Shape::Open(rate) = shape {
        command.args(["--rps", &(rate as f64 / OPEN_CONNECTIONS as f64).to_string()]);
    }
    command.arg("--log-file").arg(&log).arg("-d").arg(&payload.body);
    for header in &payload.headers {
        command.args(["-H", header]);
    }
    match payload.wire {
        Wire::Grpc => command.args(["-p", "h2c"]),
        Wire::Json | Wire::Binary | Wire::Record => command.arg("--h1"),
    };
    command.arg(server.url(payload));
    let before = Usage::of(server.process());
    let output = command.output()?;
    let after = Usage::of(server.process());
    let told = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!("h2load failed: {told}{}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let lines = fs::read_to_string(&log)?;
    let (mut latencies, mut failed) = (Vec::new(), 0);
    for line in lines.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [_, status, micros] = fields.as_slice() else { continue };
        match *status {
            "200" => latencies.push(micros.parse::<f64>()? * 1e-6),
            _ => failed += 1,
        }
    }
    if latencies.is_empty() {
        return Err(format!("{} answered nothing: {told}", server.name).into());
    }
    let answers = latencies.len() as f64;
    // The second of warming up is work of the server's as well, and stands in no line.
    let share = seconds as f64 / (seconds + 1) as f64;
    Ok(Load {
        rate: answers / seconds as f64,
        p50: percentile(&mut latencies, 0.5),
        p99: percentile(&mut latencies, 0.99),
        cpu: (after.cpu - before.cpu) * share / answers,
        memory: after.memory,
        failed,
    })
}

const OPEN_CONNECTIONS: usize = 64;
