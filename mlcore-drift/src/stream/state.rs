//! How far a detector is in its stream, as a value.

use mlcore::{Error, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Counts, Flags};
use crate::sample::MOST_ROWS;

/// The version of the serialised form of [`DetectorState`]: raised when a field changes its meaning or goes.
pub const DETECTOR_STATE_VERSION: u32 = 1;

/// How far a detector is: its name, its parameters and all that it remembers. Serialises to one JSON object.
///
/// A state belongs to the detector and the parameters that saved it; another one is refused with an error that says what
/// differs. What is restored goes on bit for bit.
///
/// ```
/// use mlcore_drift::stream::{self, Adwin, Algorithm, Ddm, DetectorState, StreamDetector};
///
/// let mut adwin = Adwin::default().start()?;
/// adwin.update_many(&[0.25; 500])?;
/// let stored = serde_json::to_string(&adwin.save()?)?;
///
/// let state: DetectorState = serde_json::from_str(&stored)?;
/// let mut again = stream::restored(&state)?;
/// assert_eq!(again.update_many(&[0.75; 500])?, adwin.update_many(&[0.75; 500])?);
/// assert_eq!(again.save()?, adwin.save()?);
///
/// let error = Ddm::default().start()?.restore(&state).unwrap_err();
/// assert!(error.to_string().contains("it is the state of adwin, not of ddm"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectorState {
    detector: String,
    version: u32,
    parameters: Value,
    progress: Progress,
    memory: Value,
}

/// What every detector keeps.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Progress {
    pub(super) counts: Counts,
    pub(super) flags: Flags,
    pub(super) restart: bool,
}

impl DetectorState {
    pub(super) fn new(
        detector: &str,
        parameters: &impl Serialize,
        progress: Progress,
        memory: &impl Serialize,
    ) -> Result<Self> {
        let json = |value: serde_json::Result<Value>| {
            value.map_err(|cause| Error::internal("save detector", detector, cause.to_string()))
        };
        Ok(Self {
            detector: detector.to_owned(),
            version: DETECTOR_STATE_VERSION,
            parameters: json(serde_json::to_value(parameters))?,
            progress,
            memory: json(serde_json::to_value(memory))?,
        })
    }

    /// The name of the detector that saved it.
    #[must_use]
    pub fn detector(&self) -> &str {
        &self.detector
    }

    /// The parameters of the detector that saved it.
    pub(super) fn parameters<P: DeserializeOwned>(&self, detector: &str) -> Result<P> {
        self.check(detector)?;
        P::deserialize(&self.parameters).map_err(|cause| self.damaged(&format!("parameters: {cause}")))
    }

    /// What the detector of this name and these parameters had kept.
    pub(super) fn read<P: Serialize, M: DeserializeOwned>(
        &self,
        detector: &str,
        parameters: &P,
    ) -> Result<(Progress, M)> {
        self.check(detector)?;
        let own = serde_json::to_value(parameters)
            .map_err(|cause| Error::internal(OPERATION, detector, cause.to_string()))?;
        if own != self.parameters {
            let problem = format!("it was saved with the parameters {} and not {own}", self.parameters);
            return Err(Error::invalid_input(OPERATION, self.subject(), problem)
                .remedy("make the detector of the parameters in the state"));
        }
        let Counts { values, ignored, detections } = self.progress.counts;
        if [values, ignored, detections].iter().any(|count| *count > MOST_ROWS) {
            return Err(self.damaged("it counted more values than anybody sends"));
        }
        let memory = M::deserialize(&self.memory).map_err(|cause| self.damaged(&cause.to_string()))?;
        Ok((self.progress, memory))
    }

    pub(super) fn damaged(&self, problem: &str) -> Error {
        Error::corrupt(OPERATION, self.subject(), problem).remedy("begin the stream anew")
    }

    fn check(&self, detector: &str) -> Result<()> {
        if self.detector != detector {
            let problem = format!("it is the state of {}, not of {detector}", self.detector);
            return Err(Error::invalid_input(OPERATION, self.subject(), problem)
                .remedy("restore it with a detector of its own kind"));
        }
        if self.version != DETECTOR_STATE_VERSION {
            let problem = format!("version {}; this build reads {DETECTOR_STATE_VERSION}", self.version);
            return Err(Error::unsupported(OPERATION, self.subject(), problem).remedy("upgrade mlcore"));
        }
        Ok(())
    }

    fn subject(&self) -> String {
        format!("state of {}", self.detector)
    }
}

const OPERATION: &str = "restore detector";
