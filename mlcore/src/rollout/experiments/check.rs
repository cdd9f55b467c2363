//! What cannot be meant by options, told by the name of its layer, experiment and variant.

use std::collections::BTreeSet;

use super::{Experiment, ExperimentsOptions, Layer, Stretches};
use crate::error::{Error, Result};
use crate::name::{Arm, UnitId};

pub(super) fn check(options: &ExperimentsOptions) -> Result<()> {
    check_share("hold-out", options.hold_out)?;
    if options.layers.is_empty() {
        return refuse("layers", "there is none; the first decides which arm answers");
    }
    let (mut names, mut keys) = (BTreeSet::new(), BTreeSet::new());
    for layer in &options.layers {
        let subject = format!("layer {:?}", layer.name);
        check_name(&subject, &layer.name)?;
        if !names.insert(&layer.name) {
            return refuse(subject, "the name occurs twice");
        }
        check_layer(&subject, layer)?;
        for experiment in &layer.experiments {
            if !keys.insert(&experiment.key) {
                return refuse(format!("experiment {}", experiment.key), "the key occurs twice");
            }
        }
    }
    check_defaults(&options.layers[0])?;
    check_overrides(options)
}

fn check_layer(subject: &str, layer: &Layer) -> Result<()> {
    check_share(format!("{subject}, hold-out"), layer.hold_out)?;
    for (place, experiment) in layer.experiments.iter().enumerate() {
        check_experiment(&format!("{subject}, experiment {:?}", experiment.key), experiment)?;
        let shares = |other: &&Experiment| other.traffic.overlaps(&experiment.traffic);
        if let Some(other) = layer.experiments.iter().take(place).find(shares) {
            let problem = format!("experiments {} and {} share units", other.key, experiment.key);
            return refuse(subject, problem);
        }
    }
    Ok(())
}

fn check_experiment(subject: &str, experiment: &Experiment) -> Result<()> {
    check_name(subject, &experiment.key)?;
    check_stretches(format!("{subject}, traffic"), &experiment.traffic)?;
    for (place, variant) in experiment.variants.iter().enumerate() {
        let earlier = || experiment.variants.iter().take(place);
        let subject = format!("{subject}, variant {}", variant.name);
        check_stretches(subject.clone(), &variant.stretches)?;
        if earlier().any(|other| other.name == variant.name) {
            return refuse(subject, "the variant occurs twice");
        }
        if let Some(other) = earlier().find(|other| other.stretches.overlaps(&variant.stretches)) {
            return refuse(subject, format!("it shares units with variant {}", other.name));
        }
    }
    check_variant(experiment, format!("{subject}, default"), &experiment.default)?;
    for (number, target) in experiment.targets.iter().enumerate() {
        let subject = format!("{subject}, target {number}");
        if let Some(problem) = target.rule.problem() {
            return refuse(subject, problem);
        }
        check_variant(experiment, subject, &target.variant)?;
    }
    match experiment.audience.problem() {
        Some(problem) => refuse(format!("{subject}, audience"), problem),
        None => Ok(()),
    }
}

/// Whom no experiment touches gets one arm.
fn check_defaults(arms: &Layer) -> Result<()> {
    let mut experiments = arms.experiments.iter();
    let Some(first) = experiments.next() else { return Ok(()) };
    match experiments.find(|other| other.default != first.default) {
        None => Ok(()),
        Some(other) => refuse(
            format!("layer {:?}", arms.name),
            format!(
                "the default of experiment {} is {} and that of {} is {}; the first layer has one default arm",
                first.key, first.default, other.key, other.default
            ),
        ),
    }
}

fn check_overrides(options: &ExperimentsOptions) -> Result<()> {
    let mut taken: BTreeSet<(&UnitId, &str)> = BTreeSet::new();
    for given in &options.overrides {
        let subject = format!("override of unit {:?} for {:?}", given.unit.as_str(), given.flag);
        let has = |layer: &&Layer| layer.experiments.iter().any(|experiment| experiment.key == given.flag);
        let (Some(layer), Some(experiment)) =
            (options.layers.iter().find(has), options.experiment(&given.flag))
        else {
            return refuse(subject, "no layer has an experiment with this key");
        };
        check_variant(experiment, subject.clone(), &given.variant)?;
        if !taken.insert((&given.unit, &layer.name)) {
            let problem = format!(
                "the unit has another override in layer {}; it is in one experiment at most",
                layer.name
            );
            return refuse(subject, problem);
        }
    }
    Ok(())
}

fn check_variant(experiment: &Experiment, subject: String, name: &Arm) -> Result<()> {
    match experiment.variant(name) {
        Some(_) => Ok(()),
        None => refuse(subject, format!("experiment {} has no variant {name}", experiment.key)),
    }
}

fn check_stretches(subject: String, stretches: &Stretches) -> Result<()> {
    stretches.problem().map_or(Ok(()), |problem| refuse(subject, problem))
}

fn check_share(subject: impl Into<String>, share: f64) -> Result<()> {
    if (0.0..=1.0).contains(&share) {
        return Ok(());
    }
    refuse(subject, format!("{share} is no share; it must be 0 to 1"))
}

/// Names are salts, and stand in records: they are written as arms are.
fn check_name(subject: &str, name: &str) -> Result<()> {
    Arm::new(name).map(|_| ()).or_else(|error| refuse(subject, error.context().problem().to_owned()))
}

fn refuse(subject: impl Into<String>, problem: impl Into<String>) -> Result<()> {
    Err(Error::invalid_input("build experiments", subject.into(), problem.into()))
}
