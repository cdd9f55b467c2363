//! Experiments on the request path, and feature flags: who is eligible, who is drawn, and why.

mod check;
mod decide;
mod evaluation;
mod experiment;
mod layer;
mod line;
mod options;
mod rule;
mod sem_ver;
mod stretches;

use std::collections::{BTreeMap, HashMap};

pub use self::decide::{Undecided, Verdict};
pub use self::evaluation::{ErrorCode, EvaluationDetails, FlagMetadata, Reason};
pub use self::experiment::{Experiment, Target, Variant};
pub use self::layer::Layer;
pub use self::options::{ExperimentsOptions, Override};
pub use self::rule::{Operator, Rule};
pub use self::stretches::Stretches;

use self::decide::Decider;
use self::line::{Eligible, Line, Split};
use super::{Ask, Assignment, Candidates, Context, PolicyState, Requirements, RolloutPolicy, StateFormat};
use crate::error::Result;
use crate::name::{Arm, UnitId};

/// Runs experiments with any number of arms, and feature flags, in layers.
///
/// The first layer decides which arm answers: its experiments' variants are arms, and whom they do not touch gets their default.
/// The other layers hold flags, whose values a host asks for by [`evaluate`](Experiments::evaluate); the host may ask so
/// about the first layer, too. A flag is decided in this order:
///
/// 1. one that is not enabled gives its default;
/// 2. an [`Override`] gives the unit its variant, with propensity 1;
/// 3. a unit that is held out, of everything or of the layer, gets the default;
/// 4. so does one whose position on the layer's line is not the experiment's: a unit is in one experiment of a layer at most;
/// 5. the first [`Target`] whose rule holds gives its variant;
/// 6. where the audience's rule holds, the variant is drawn: the one that owns the unit's position on the experiment's line;
/// 7. everyone else gets the default.
///
/// Every line has a salt of its own, so that layers, hold-outs and experiments are independent, and a unit keeps its variant
/// whatever happens to the others. Shares change by [`ExperimentsOptions::with_variant_share`], which never moves a unit from
/// one variant to another; a change is a new policy. The propensity is the probability over units of which the rules say the
/// same; the arm of a variant that cannot answer leaves its share to the default. Nothing is learnt, and assigning
/// neither locks nor allocates.
///
/// ```
/// use mlcore::batch::Value;
/// use mlcore::name::{Arm, UnitId, Version};
/// use mlcore::rollout::{
///     Ask, Candidate, Candidates, Context, Draw, Experiment, Experiments, ExperimentsOptions, Layer, Override, Reason,
///     RolloutPolicy, Rule,
/// };
///
/// let (champion, challenger) = (Arm::new("champion")?, Arm::new("challenger")?);
/// let ranker = Experiment::new("ranker", champion.clone())
///     .with_audience(Rule::equals("country", "PT"))
///     .with_equal_variants([champion.clone(), challenger.clone()])?;
/// let (off, on) = (Arm::new("off")?, Arm::new("on")?);
/// let explain = Experiment::new("explain", off.clone())
///     .with_value(off, false)
///     .with_value(on.clone(), true)
///     .with_variant(on, 0.1)?;
/// let tester = UnitId::new("ana")?;
/// let policy = Experiments::new(
///     ExperimentsOptions::new("shop", Layer::new("models").with_experiment(ranker, 1.0)?)
///         .with_layer(Layer::new("page").with_experiment(explain, 1.0)?)
///         .with_hold_out(0.05)
///         .with_override(Override::new(tester.clone(), "ranker", challenger.clone(), "tests the new ranker")),
/// )?;
///
/// let arms = [champion, challenger.clone()].map(|arm| Candidate::new(arm, Version::FIRST));
/// let candidates = Candidates::new(arms)?;
/// let assigned = |unit: &UnitId, context| {
///     policy.assign(&Ask::new(unit, &candidates, Draw::new(0)).with_context(context))
/// };
/// // The tester gets the challenger, and who is not asked from Portugal the champion.
/// assert_eq!(assigned(&tester, Context::EMPTY).position, 1);
/// let unit = UnitId::new("user-17")?;
/// assert_eq!((assigned(&unit, Context::EMPTY).position, assigned(&unit, Context::EMPTY).propensity), (0, 1.0));
/// let attributes = [("country", Value::Text("PT"))];
/// let portugal = Context::EMPTY.with_attributes(&attributes);
/// assert!(assigned(&unit, portugal).propensity < 0.6);
///
/// let details = policy.evaluate("ranker", &tester, &Context::EMPTY);
/// assert_eq!((details.reason, details.variant), (Reason::TargetingMatch, Some(&challenger)));
/// assert_eq!(details.flag_metadata.override_reason, Some("tests the new ranker"));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Experiments {
    options: ExperimentsOptions,
    lines: Vec<Line>,
    /// The layer and the place in it of each flag.
    flags: BTreeMap<String, (usize, usize)>,
    /// What units have by name: places in the list of overrides.
    overrides: HashMap<UnitId, Vec<usize>>,
}

impl Experiments {
    /// The format in which its state is saved.
    pub const FORMAT: StateFormat = StateFormat::new("experiments", 1);

    /// The policy of these options.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput) for what cannot be meant, by the name of its layer, experiment and field:
    /// names that are none or occur twice, shares outside of 0 to 1, positions that two own, rules that are too long
    /// or that nothing can meet, variants, experiments and defaults that are not there or differ in the first layer, and a
    /// unit with two overrides in one layer.
    pub fn new(options: ExperimentsOptions) -> Result<Self> {
        check::check(&options)?;
        let lines: Vec<Line> = options.layers.iter().map(|layer| Line::new(&options, layer)).collect();
        let mut flags = BTreeMap::new();
        for (layer, line) in lines.iter().enumerate() {
            for (place, split) in line.splits.iter().enumerate() {
                flags.insert(split.experiment.key.clone(), (layer, place));
            }
        }
        let mut overrides: HashMap<UnitId, Vec<usize>> = HashMap::new();
        for (place, given) in options.overrides.iter().enumerate() {
            overrides.entry(given.unit.clone()).or_default().push(place);
        }
        Ok(Self { options, lines, flags, overrides })
    }

    /// The policy that `state` was saved by.
    ///
    /// # Errors
    /// As [`PolicyState::options`] and [`Experiments::new`].
    pub fn from_state(state: &PolicyState) -> Result<Self> {
        Self::new(state.options(Self::FORMAT)?)
    }

    /// The options that it was built with: to change a share, build another policy of changed ones.
    #[must_use]
    pub fn options(&self) -> &ExperimentsOptions {
        &self.options
    }

    /// The keys of all experiments and flags, in order.
    pub fn flags(&self) -> impl Iterator<Item = &str> {
        self.flags.keys().map(String::as_str)
    }

    /// What the flag says to `unit` in `context`, and why, whichever arms can answer now. Allocates nothing.
    #[must_use]
    pub fn evaluate<'a>(
        &'a self,
        flag: &'a str,
        unit: &UnitId,
        context: &Context<'_>,
    ) -> EvaluationDetails<'a> {
        let found = self.flags.get(flag).and_then(|(layer, place)| {
            let line = self.lines.get(*layer)?;
            Some((line, *place, line.splits.get(*place)?))
        });
        let Some((line, place, split)) = found else { return EvaluationDetails::not_found(flag) };
        let decider = Decider { unit, context };
        let default = split.default();
        let (eligible, undecided) = split.eligible(&decider);
        let mut metadata = FlagMetadata {
            layer: Some(&line.name),
            undecided,
            own: Some(&split.experiment.metadata).filter(|own| !own.is_empty()),
            ..FlagMetadata::default()
        };
        let overridden = self.overridden(unit).find(|given| given.flag == flag);
        let (variant, reason) = if !split.experiment.enabled {
            (default, Reason::Disabled)
        } else if let Some(given) = overridden {
            (metadata.override_reason, metadata.undecided) = (Some(given.reason.as_str()), None);
            let variants = &split.experiment.variants;
            let place = variants.iter().position(|variant| variant.name == given.variant);
            (place.unwrap_or(default), Reason::TargetingMatch)
        } else {
            given(split, eligible, unit, line.owner(unit) == Some(place))
        };
        let certain = metadata.override_reason.is_some();
        metadata.propensity = Some(if certain { 1.0 } else { split.whole_probability(eligible, variant) });
        let variant = split.experiment.variants.get(variant);
        EvaluationDetails {
            flag_key: flag,
            value: variant.map(|variant| variant.value.as_value()).unwrap_or_default(),
            variant: variant.map(|variant| &variant.name),
            reason,
            error_code: None,
            error_message: None,
            flag_metadata: metadata,
        }
    }

    fn overridden(&self, unit: &UnitId) -> impl Iterator<Item = &Override> {
        let places = if self.overrides.is_empty() { None } else { self.overrides.get(unit) };
        places.into_iter().flatten().filter_map(|place| self.options.overrides.get(*place))
    }

    /// The arm that the unit has by name in the first layer.
    fn overriding_arm(&self, unit: &UnitId) -> Option<&Arm> {
        let arms = self.lines.first()?;
        let in_arms = |given: &Override| {
            let mut splits = arms.splits.iter();
            splits.any(|split| split.experiment.key == given.flag && split.experiment.enabled)
        };
        self.overridden(unit).find(|given| in_arms(given)).map(|given| &given.variant)
    }

    /// The position of the arm that gets whom no experiment touches.
    fn default(&self, candidates: &Candidates) -> usize {
        let split = self.lines.first().and_then(|arms| arms.splits.first());
        split.and_then(|split| candidates.position(&split.experiment.default)).unwrap_or(0)
    }

    /// The probability of the arm at `position`; that of the default is what the others leave.
    fn probability_of(&self, ask: &Ask<'_>, position: usize, default: usize) -> f64 {
        let Some(arms) = self.lines.first() else { return f64::from(u8::from(position == default)) };
        let decider = Decider { unit: ask.unit, context: &ask.context };
        let list = ask.candidates.as_slice();
        let of = |candidate: &super::Candidate| arms.probability(&decider, &candidate.arm);
        if position != default {
            return list.get(position).map_or(0.0, of);
        }
        let others = list.iter().enumerate().filter(|(other, _)| *other != default);
        let others: f64 = others.map(|(_, candidate)| of(candidate)).sum();
        (1.0 - others).max(0.0)
    }
}

/// The variant that a flag gives to a unit that has no override, and why; `inside` says whether the unit is the experiment's.
fn given(split: &Split, eligible: Eligible, unit: &UnitId, inside: bool) -> (usize, Reason) {
    if split.is_static() {
        let variant = if inside { split.drawn(unit) } else { None };
        return (variant.unwrap_or(split.default()), Reason::Static);
    }
    let variant = match eligible {
        Eligible::Targeted(variant) if inside => return (variant, Reason::TargetingMatch),
        Eligible::Drawn if inside => split.drawn(unit),
        Eligible::No | Eligible::Targeted(_) | Eligible::Drawn => None,
    };
    match variant {
        Some(variant) if split.draws(variant) => (variant, Reason::Split),
        Some(variant) => (variant, Reason::TargetingMatch),
        None => (split.default(), Reason::Default),
    }
}

impl RolloutPolicy for Experiments {
    fn assign(&self, ask: &Ask<'_>) -> Assignment {
        let default = self.default(ask.candidates);
        let position = |arm: &Arm| ask.candidates.position(arm).unwrap_or(default);
        if let Some(arm) = self.overriding_arm(ask.unit) {
            return Assignment::certain(position(arm));
        }
        let decider = Decider { unit: ask.unit, context: &ask.context };
        let arm = self.lines.first().and_then(|arms| arms.arm(&decider));
        let position = arm.map_or(default, position);
        Assignment::certain(position).with_propensity(self.probability_of(ask, position, default))
    }

    fn probability(&self, ask: &Ask<'_>, position: usize) -> Option<f64> {
        let default = self.default(ask.candidates);
        Some(match self.overriding_arm(ask.unit) {
            Some(arm) => {
                let given = ask.candidates.position(arm).unwrap_or(default);
                f64::from(u8::from(given == position))
            }
            None => self.probability_of(ask, position, default),
        })
    }

    fn requirements(&self) -> Requirements {
        let experiments = self.options.layers.iter().take(1).flat_map(|layer| &layer.experiments);
        let mut arms: Vec<Arm> = Vec::new();
        for experiment in experiments.filter(|experiment| experiment.enabled) {
            let given = |name: &Arm| {
                *name == experiment.default
                    || experiment.targets.iter().any(|target| target.variant == *name)
                    || self
                        .options
                        .overrides
                        .iter()
                        .any(|given| given.flag == experiment.key && given.variant == *name)
            };
            for variant in &experiment.variants {
                if (given(&variant.name) || variant.stretches.share() > 0.0) && !arms.contains(&variant.name)
                {
                    arms.push(variant.name.clone());
                }
            }
        }
        Requirements::of_arms(arms)
    }

    fn save(&self) -> Result<PolicyState> {
        PolicyState::new(Self::FORMAT, &self.options, &())
    }

    fn restore(&self, state: &PolicyState) -> Result<()> {
        state.progress(Self::FORMAT, &self.options)
    }

    /// Nothing is learnt, so that there is nothing to add.
    fn merge(&self, state: &PolicyState) -> Result<()> {
        self.restore(state)
    }
}

#[cfg(test)]
pub(super) mod tests;
