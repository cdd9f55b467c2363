use serde::{Deserialize, Serialize};

use super::Experiment;
use super::options::resize;
use crate::error::Result;

/// Experiments that share the units: a unit is in at most one of them, whatever their rules say. Layers are independent of each
/// other, so that each parameter of a system that experiments vary belongs to one layer. (Tang, Agarwal, O'Brien and Meyer,
/// *Overlapping Experiment Infrastructure*, KDD 2010.)
///
/// ```
/// use mlcore::name::Arm;
/// use mlcore::rollout::{Experiment, Layer};
///
/// let experiment = |key: &str| Ok(Experiment::new(key, Arm::new("champion")?));
/// let layer = Layer::new("models").with_experiment(experiment("a")?, 0.5)?.with_experiment(experiment("b")?, 0.3)?;
/// assert_eq!(layer.experiments[1].traffic.as_slice(), [[500_000, 800_000]]);
/// let error = layer.with_experiment(experiment("c")?, 0.4).unwrap_err().to_string();
/// assert!(error.contains("layer models, experiment c") && error.contains("0.2 is left"));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Its name, written as a model's; part of its salt.
    pub name: String,
    /// The share of units that no experiment of this layer touches, from 0 to 1: taken evenly from all of them.
    #[serde(default)]
    pub hold_out: f64,
    /// Its experiments and flags.
    pub experiments: Vec<Experiment>,
}

impl Layer {
    /// A layer without experiments, which holds nobody out.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), hold_out: 0.0, experiments: Vec::new() }
    }

    /// Holds this share of the units out of this layer. A growing one only gains units.
    #[must_use]
    pub fn with_hold_out(mut self, share: f64) -> Self {
        self.hold_out = share;
        self
    }

    /// Adds an experiment with this share of the layer's units, or gives it another share where the layer has it: it then takes
    /// the place of the one with its key, and keeps its units. What it gains was nobody's, and what it gives up becomes
    /// nobody's. Shares are held in millionths.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput) for what is no share, and where the other experiments leave less.
    pub fn with_experiment(mut self, mut experiment: Experiment, share: f64) -> Result<Self> {
        let place = self.experiments.iter().position(|other| other.key == experiment.key);
        if let Some(place) = place {
            experiment.traffic = self.experiments[place].traffic.clone();
        }
        let others = self.experiments.iter().filter(|other| other.key != experiment.key);
        resize(&mut experiment.traffic, others.map(|other| &other.traffic), share, || {
            format!("layer {}, experiment {}", self.name, experiment.key)
        })?;
        match place {
            Some(place) => self.experiments[place] = experiment,
            None => self.experiments.push(experiment),
        }
        Ok(self)
    }
}
