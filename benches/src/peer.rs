//! The other libraries, each in a Python process that reads the data that was written for it.

use std::collections::HashMap;
use std::env;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use crate::Result;

/// What a peer measured, by name; empty where its Python environment was not given.
#[derive(Debug, Default)]
pub(crate) struct Peer {
    measurements: HashMap<String, Measurement>,
    /// Names and versions of what was measured.
    pub(crate) versions: String,
}

/// One line of a peer's output.
#[derive(Debug, Deserialize)]
struct Measurement {
    name: String,
    seconds: f64,
    /// The result of the call, to see that both sides computed the same.
    #[serde(default)]
    answer: Option<f64>,
    #[serde(default)]
    versions: String,
}

impl Peer {
    /// Runs `peers/<script>` on the files in `data` with the interpreter that the variable names.
    ///
    /// A variable that is not set leaves the peer's columns empty and says so; a script that fails is an error.
    pub(crate) fn run(variable: &str, script: &str, data: &Path, arguments: &[&str]) -> Result<Self> {
        let Some(python) = env::var_os(variable).filter(|python| !python.is_empty()) else {
            return Ok(Self { versions: format!("no peer: {variable} is not set"), ..Self::default() });
        };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(script);
        let output = Command::new(python)
            .arg(&script)
            .arg("--data")
            .arg(data)
            .args(arguments)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .output()
            .map_err(|cause| format!("{variable}: {cause}"))?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{} failed: {}", script.display(), message.trim()).into());
        }
        let mut peer = Self::default();
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let measurement: Measurement = serde_json::from_str(line)
                .map_err(|cause| format!("{}: {cause}: {line}", script.display()))?;
            if !measurement.versions.is_empty() {
                peer.versions = measurement.versions;
                continue;
            }
            peer.measurements.insert(measurement.name.clone(), measurement);
        }
        Ok(peer)
    }

    pub(crate) fn seconds(&self, name: &str) -> Option<f64> {
        self.measurements.get(name).map(|measurement| measurement.seconds)
    }

    /// What the peer's call computed.
    pub(crate) fn answer(&self, name: &str) -> Option<f64> {
        self.measurements.get(name).and_then(|measurement| measurement.answer)
    }

    /// The relative difference between the peer's answer and ours, as a cell.
    pub(crate) fn difference(&self, name: &str, ours: f64) -> String {
        match self.measurements.get(name).and_then(|measurement| measurement.answer) {
            None => String::new(),
            Some(answer) if answer == ours => "0".to_owned(),
            Some(answer) => format!("{:.0e}", ((ours - answer) / answer).abs()),
        }
    }
}
