//! Prometheus' own check of what the program answers on `/metrics`.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use crate::process::{Failure, Result};
use crate::tally::Tally;
use crate::{packages, project};

/// Scrapes the program at this address and lets `promtool` look at the names, the units and the help of its metrics.
pub(crate) fn run(tally: &mut Tally, address: &str) -> Result<()> {
    if !packages::ensure("promtool", "prometheus")? {
        tally.skip("promtool check metrics (Debian's package prometheus brings the tool)");
        return Ok(());
    }
    let failure = |cause: std::io::Error| Failure::new(format!("{address}/metrics cannot be read ({cause})"));
    let text = scrape(address).map_err(failure)?;
    if !text.contains("mlcore_requests_total{") {
        tally.fail("metrics (the program counts no requests)");
    }
    let file = project::target().join("metrics.txt");
    fs::write(&file, text).map_err(failure)?;
    let mut check = Command::new("sh");
    check.args(["-c", "promtool check metrics < \"$0\""]).arg(&file);
    tally.check("promtool check metrics", &mut check)?;
    Ok(())
}

fn scrape(address: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET /metrics HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}
