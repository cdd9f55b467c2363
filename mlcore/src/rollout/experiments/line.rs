//! Options made ready for requests: who owns which position, and what the rules say.

use super::decide::Decider;
use super::stretches::Owners;
use super::{Experiment, ExperimentsOptions, Layer, Rule, Undecided, Verdict};
use crate::name::{Arm, UnitId};
use crate::rollout::bucket;

/// A layer.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) name: String,
    salt: String,
    hold_outs: Vec<(String, f64)>,
    owners: Owners,
    pub(super) splits: Vec<Split>,
}

/// An experiment.
#[derive(Clone, Debug)]
pub(super) struct Split {
    pub(super) experiment: Experiment,
    salt: String,
    owners: Owners,
    /// The probability that a unit is in the experiment's traffic and not held out.
    reached: f64,
    /// The same for each variant, where the variants are drawn.
    shares: Vec<f64>,
    /// The positions of the default and of the targets' variants among the variants.
    default: usize,
    targets: Vec<usize>,
}

/// What the rules of an experiment say of a request, before anything is drawn.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Eligible {
    /// It gets the default.
    No,
    /// It gets this variant by a rule.
    Targeted(usize),
    /// Its variant is drawn.
    Drawn,
}

impl Line {
    pub(super) fn new(options: &ExperimentsOptions, layer: &Layer) -> Self {
        let salt = |what: &str, name: &str| format!("{}/{what}:{name}", options.salt);
        let hold_outs =
            [(salt("hold-out", ""), options.hold_out), (salt("hold-out", &layer.name), layer.hold_out)];
        let hold_outs: Vec<_> = hold_outs.into_iter().filter(|(_, share)| *share > 0.0).collect();
        let rest: f64 = hold_outs.iter().map(|(_, share)| 1.0 - share).product();
        let split = |experiment: &Experiment| {
            let reached = rest * experiment.traffic.share();
            let variants = &experiment.variants;
            // Checked options have all of them.
            let place =
                |name: &Arm| variants.iter().position(|variant| variant.name == *name).unwrap_or_default();
            Split {
                salt: salt("experiment", &experiment.key),
                owners: Owners::new(variants.iter().map(|variant| &variant.stretches)),
                reached,
                shares: variants.iter().map(|variant| reached * variant.stretches.share()).collect(),
                default: place(&experiment.default),
                targets: experiment.targets.iter().map(|target| place(&target.variant)).collect(),
                experiment: experiment.clone(),
            }
        };
        Self {
            name: layer.name.clone(),
            salt: salt("layer", &layer.name),
            hold_outs,
            owners: Owners::new(layer.experiments.iter().map(|experiment| &experiment.traffic)),
            splits: layer.experiments.iter().map(split).collect(),
        }
    }

    /// The experiment that the unit is in, whatever its rules say; none for one that is held out.
    pub(super) fn owner(&self, unit: &UnitId) -> Option<usize> {
        // A line with one owner needs no hash.
        let place = || bucket(&self.salt, unit);
        let owner = self.owners.whole().or_else(|| self.owners.at(place()))?;
        let held_out = self.hold_outs.iter().any(|(salt, share)| bucket(salt, unit) < *share);
        (!held_out).then_some(owner)
    }

    /// The arm that the layer gives to a request; none where it gives the default.
    pub(super) fn arm(&self, decider: &Decider<'_>) -> Option<&Arm> {
        let split = self.splits.get(self.owner(decider.unit)?)?;
        let variant = match split.eligible(decider).0 {
            Eligible::No => None,
            Eligible::Targeted(variant) => Some(variant),
            Eligible::Drawn => split.drawn(decider.unit),
        };
        Some(&split.experiment.variants.get(variant?)?.name)
    }

    /// The probability that the layer gives `arm` to a request by a variant.
    pub(super) fn probability(&self, decider: &Decider<'_>, arm: &Arm) -> f64 {
        let of = |split: &Split| {
            let variants = &split.experiment.variants;
            let place = variants.iter().position(|variant| variant.name == *arm);
            place.map_or(0.0, |variant| split.probability(split.eligible(decider).0, variant))
        };
        self.splits.iter().map(of).sum()
    }
}

impl Split {
    /// What the rules say, and what they could not decide.
    pub(super) fn eligible(&self, decider: &Decider<'_>) -> (Eligible, Option<Undecided<'_>>) {
        if !self.experiment.enabled {
            return (Eligible::No, None);
        }
        let mut undecided = None;
        for (target, variant) in self.experiment.targets.iter().zip(&self.targets) {
            match decider.verdict(&target.rule) {
                Verdict::Met => return (Eligible::Targeted(*variant), undecided),
                Verdict::Unmet => {}
                Verdict::Undecided(why) => undecided = undecided.or(Some(why)),
            }
        }
        match decider.verdict(&self.experiment.audience) {
            Verdict::Met => (Eligible::Drawn, undecided),
            Verdict::Unmet => (Eligible::No, undecided),
            Verdict::Undecided(why) => (Eligible::No, undecided.or(Some(why))),
        }
    }

    /// The variant that the unit is drawn into.
    pub(super) fn drawn(&self, unit: &UnitId) -> Option<usize> {
        self.owners.whole().or_else(|| self.owners.at(bucket(&self.salt, unit)))
    }

    /// The probability that the variant is given to a request of which the rules say this, and not as the default.
    pub(super) fn probability(&self, eligible: Eligible, variant: usize) -> f64 {
        match eligible {
            Eligible::No => 0.0,
            Eligible::Targeted(targeted) if targeted == variant => self.reached,
            Eligible::Targeted(_) => 0.0,
            Eligible::Drawn => self.shares.get(variant).copied().unwrap_or_default(),
        }
    }

    /// The same for the variant in whatever way it is given: the default takes what the others leave.
    pub(super) fn whole_probability(&self, eligible: Eligible, variant: usize) -> f64 {
        if variant != self.default {
            return self.probability(eligible, variant);
        }
        let others = (0..self.shares.len()).filter(|other| *other != variant);
        let others: f64 = others.map(|other| self.probability(eligible, other)).sum();
        (1.0 - others).max(0.0)
    }

    pub(super) fn default(&self) -> usize {
        self.default
    }

    /// Whether every unit and request gets the same.
    pub(super) fn is_static(&self) -> bool {
        let for_all = self.experiment.audience == Rule::Always && self.shares.contains(&1.0);
        self.experiment.targets.is_empty() && (self.owners.is_empty() || for_all)
    }

    /// Whether units of which the rules say the same get others than this variant.
    pub(super) fn draws(&self, variant: usize) -> bool {
        self.shares.get(variant).is_some_and(|share| *share < 1.0)
    }
}
