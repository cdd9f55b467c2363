use serde::{Deserialize, Serialize};

use super::stretches::millionths;
use super::{Experiment, Layer, Stretches};
use crate::error::{Error, Result};
use crate::name::{Arm, UnitId};

/// What an [`Experiments`](super::Experiments) policy is built from: layers, of which the first decides which arm answers,
/// a hold-out and overrides. Serialisable whole; building the policy checks it.
///
/// ```
/// use mlcore::name::Arm;
/// use mlcore::rollout::{Experiment, ExperimentsOptions, Layer};
///
/// let (champion, challenger) = (Arm::new("champion")?, Arm::new("challenger")?);
/// let ranker = Experiment::new("ranker", champion.clone())
///     .with_variant(champion, 0.1)?
///     .with_variant(challenger.clone(), 0.1)?;
/// let options = ExperimentsOptions::new("shop", Layer::new("models").with_experiment(ranker, 1.0)?);
///
/// // A ramp: no unit moves between the two arms, and one that goes back gives the same units back.
/// let ramped = options.clone().with_variant_share("ranker", &challenger, 0.3)?;
/// assert_eq!(ramped.experiment("ranker").map(|it| it.share(&challenger)), Some(0.3));
/// assert_eq!(ramped.with_variant_share("ranker", &challenger, 0.1)?, options);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExperimentsOptions {
    /// What makes the lines of this policy others than those of the next one.
    pub salt: String,
    /// The share of units that no experiment of any layer touches, from 0 to 1.
    #[serde(default)]
    pub hold_out: f64,
    /// The layers; the variants of the first are the arms that answer.
    pub layers: Vec<Layer>,
    /// Units that get a variant whatever the rest says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<Override>,
}

/// A unit that gets a variant by name: a tester, a customer who asked for it.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// The unit.
    pub unit: UnitId,
    /// The key of the experiment or flag.
    pub flag: String,
    /// The variant that it gets.
    pub variant: Arm,
    /// Why, in words.
    pub reason: String,
}

impl Override {
    /// Gives `unit` the variant of `flag`, for this reason.
    #[must_use]
    pub fn new(unit: UnitId, flag: impl Into<String>, variant: Arm, reason: impl Into<String>) -> Self {
        Self { unit, flag: flag.into(), variant, reason: reason.into() }
    }
}

impl ExperimentsOptions {
    /// One layer, whose variants are arms; nobody is held out.
    #[must_use]
    pub fn new(salt: impl Into<String>, arms: Layer) -> Self {
        Self { salt: salt.into(), hold_out: 0.0, layers: vec![arms], overrides: Vec::new() }
    }

    /// Adds a layer of flags, which is independent of the others.
    #[must_use]
    pub fn with_layer(mut self, layer: Layer) -> Self {
        self.layers.push(layer);
        self
    }

    /// Holds this share of the units out of all layers. A growing one only gains units.
    #[must_use]
    pub fn with_hold_out(mut self, share: f64) -> Self {
        self.hold_out = share;
        self
    }

    /// Adds an override.
    #[must_use]
    pub fn with_override(mut self, given: Override) -> Self {
        self.overrides.push(given);
        self
    }

    /// The experiment or flag with this key.
    #[must_use]
    pub fn experiment(&self, key: &str) -> Option<&Experiment> {
        self.layers.iter().flat_map(|layer| &layer.experiments).find(|experiment| experiment.key == key)
    }

    /// Gives a variant another share of its experiment's units: as [`Experiment::with_variant`].
    ///
    /// # Errors
    /// [`Error::NotFound`] for a key that no layer has; else as [`Experiment::with_variant`].
    pub fn with_variant_share(mut self, key: &str, variant: &Arm, share: f64) -> Result<Self> {
        let (layer, place) = self.find(key)?;
        let experiment = &mut self.layers[layer].experiments[place];
        *experiment = experiment.clone().with_variant(variant.clone(), share)?;
        Ok(self)
    }

    /// Gives an experiment another share of its layer's units: as [`Layer::with_experiment`].
    ///
    /// # Errors
    /// [`Error::NotFound`] for a key that no layer has; else as [`Layer::with_experiment`].
    pub fn with_experiment_share(mut self, key: &str, share: f64) -> Result<Self> {
        let (layer, place) = self.find(key)?;
        let experiment = self.layers[layer].experiments[place].clone();
        self.layers[layer] = self.layers[layer].clone().with_experiment(experiment, share)?;
        Ok(self)
    }

    fn find(&self, key: &str) -> Result<(usize, usize)> {
        let find = |layer: &Layer| layer.experiments.iter().position(|experiment| experiment.key == key);
        let mut found = self.layers.iter().enumerate();
        found.find_map(|(place, layer)| Some((place, find(layer)?))).ok_or_else(|| {
            Error::not_found("change experiments", format!("experiment {key:?}"), "no layer has it")
        })
    }
}

/// Grows or shrinks what one owner holds of a line, with errors that name both.
pub(super) fn resize<'a>(
    own: &mut Stretches,
    others: impl Iterator<Item = &'a Stretches>,
    share: f64,
    subject: impl Fn() -> String,
) -> Result<()> {
    let refuse = |problem: String| Error::invalid_input("build experiments", subject(), problem);
    let length = millionths(share).ok_or_else(|| refuse(format!("a share of {share}; it must be 0 to 1")))?;
    own.resize(length, others).map_err(|most| {
        let most = f64::from(most) / f64::from(Stretches::WHOLE);
        refuse(format!("a share of {share}, and {most} is left beside the others"))
            .remedy("shrink another one first")
    })
}
