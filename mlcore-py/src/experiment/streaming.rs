//! An experiment that takes its units in batches: what it keeps of them, and the report on it. Nothing here knows Python.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use mlcore::experiment::{self, Answer, Arm, Effect, EffectOptions, Report, SequentialSrm};
use mlcore::stats::Correction;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::Labels;
use super::state::{Kind, Spec, State, metric, pair};

pub(super) const BUILD: &str = "build experiment";
const UPDATE: &str = "update experiment";

/// What an experiment is built from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    pub(super) name: String,
    /// Names and weights, the control first.
    pub(super) arms: Vec<(String, f64)>,
    pub(super) arm: String,
    pub(super) metrics: Vec<Spec>,
    pub(super) segments: Vec<String>,
    pub(super) clusters: Option<String>,
    pub(super) day: Option<String>,
    pub(super) options: EffectOptions,
    pub(super) correction: Correction,
    pub(super) srm_alpha: f64,
    pub(super) planned_units: u64,
    pub(super) is_srm_sequential: bool,
    /// Whether units without a value are left out of the metric, and not refused.
    pub(super) omits_missing: bool,
}

/// Which units a cell of the report is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Slice {
    All,
    /// The position of the dimension, and the segment.
    Segment(usize, String),
    Day(i64),
}

/// What has been seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    /// Rows of each arm.
    units: Vec<u64>,
    /// The clusters of each arm, where units come in clusters.
    clusters: Vec<BTreeSet<String>>,
    srm: Option<SequentialSrm>,
    /// For each slice, the metrics, and of each the arms.
    cells: Vec<(Slice, Vec<Vec<State>>)>,
}

/// Units that come in together.
#[derive(Debug)]
pub(super) struct Batch {
    /// The position of each unit's arm.
    pub(super) arms: Vec<u32>,
    pub(super) clusters: Option<Labels>,
    pub(super) segments: Vec<Labels>,
    pub(super) days: Option<Vec<i64>>,
    pub(super) columns: HashMap<String, Vec<f64>>,
}

impl Plan {
    /// Refuses a plan that cannot be meant.
    pub(super) fn check(&self) -> Result<()> {
        self.options.check()?;
        experiment::Experiment::new(&self.name, self.arms(&vec![0; self.arms.len()]))?;
        if self.metrics.is_empty() {
            return Err(Error::invalid_input(BUILD, "metrics", "there are none").remedy("name at least one"));
        }
        for (place, metric) in self.metrics.iter().enumerate() {
            if self.metrics.iter().take(place).any(|other| other.name == metric.name) {
                return Err(Error::invalid_input(
                    BUILD,
                    format!("metric {}", metric.name),
                    "the name occurs twice",
                )
                .remedy("give each metric a name of its own"));
            }
            metric.check(self)?;
        }
        if !(self.srm_alpha >= 0.0 && self.srm_alpha < 1.0) {
            let problem = format!("{} is not from 0 to 1", self.srm_alpha);
            return Err(
                Error::invalid_input(BUILD, "srm_alpha", problem).remedy("give a probability, such as 0.001")
            );
        }
        Ok(())
    }

    /// The columns of numbers.
    pub(super) fn numbers(&self) -> BTreeSet<&str> {
        self.metrics.iter().flat_map(Spec::columns).map(String::as_str).collect()
    }

    fn arms(&self, units: &[u64]) -> Vec<Arm> {
        let arms = self.arms.iter().zip(units);
        arms.map(|((name, weight), units)| Arm::new(name, *weight, *units)).collect()
    }

    fn cell(&self) -> Result<Vec<Vec<State>>> {
        let metric = |spec: &Spec| self.arms.iter().map(|_| State::new(spec, self)).collect();
        self.metrics.iter().map(metric).collect()
    }
}

impl Seen {
    /// Nothing.
    pub(super) fn new(plan: &Plan) -> Result<Self> {
        let weights: Vec<f64> = plan.arms.iter().map(|(_, weight)| *weight).collect();
        let srm = plan.is_srm_sequential.then(|| SequentialSrm::new(&weights)).transpose()?;
        let arms = plan.arms.len();
        Ok(Self {
            units: vec![0; arms],
            clusters: vec![BTreeSet::new(); if plan.clusters.is_some() { arms } else { 0 }],
            srm,
            cells: vec![(Slice::All, plan.cell()?)],
        })
    }

    /// The units of each arm: clusters, where units come in clusters.
    pub(super) fn counts(&self) -> Vec<u64> {
        if self.clusters.is_empty() {
            return self.units.clone();
        }
        self.clusters.iter().map(|clusters| clusters.len() as u64).collect()
    }

    /// What a batch says by itself.
    pub(super) fn of_batch(plan: &Plan, batch: &Batch) -> Result<Self> {
        let mut seen = Self::new(plan)?;
        let slices = seen.slices(plan, batch)?;
        for (row, arm) in batch.arms.iter().enumerate() {
            let arm = *arm as usize;
            if let Some(units) = seen.units.get_mut(arm) {
                *units += 1;
            }
            if let Some(cluster) = cluster(batch, row)
                && let Some(clusters) = seen.clusters.get_mut(arm)
                && !clusters.contains(cluster)
            {
                clusters.insert(cluster.to_owned());
            }
        }
        for (place, spec) in plan.metrics.iter().enumerate() {
            mlcore::interrupt::check(UPDATE)?;
            seen.read(place, spec, plan, batch, &slices)?;
        }
        Ok(seen)
    }

    /// For each row after that of all units, the positions of the other cells that it counts in.
    fn slices(&mut self, plan: &Plan, batch: &Batch) -> Result<Vec<Vec<u32>>> {
        let mut slices = Vec::new();
        for (dimension, labels) in batch.segments.iter().enumerate() {
            let first = self.cells.len() as u32;
            for name in &labels.names {
                self.cells.push((Slice::Segment(dimension, name.clone()), plan.cell()?));
            }
            slices.push(labels.codes.iter().map(|code| first + code).collect());
        }
        if let Some(days) = &batch.days {
            let mut places: BTreeMap<i64, u32> = BTreeMap::new();
            for day in days {
                if !places.contains_key(day) {
                    places.insert(*day, self.cells.len() as u32);
                    self.cells.push((Slice::Day(*day), plan.cell()?));
                }
            }
            slices.push(days.iter().filter_map(|day| places.get(day).copied()).collect());
        }
        Ok(slices)
    }

    fn read(
        &mut self,
        place: usize,
        spec: &Spec,
        plan: &Plan,
        batch: &Batch,
        slices: &[Vec<u32>],
    ) -> Result<()> {
        let columns: Vec<&[f64]> =
            spec.columns().map(|name| batch.columns.get(name).map_or(&[][..], Vec::as_slice)).collect();
        let caps = spec.caps()?;
        let refuse = |name: &str, row: usize, problem: String, remedy: &str| {
            Err(Error::invalid_input(UPDATE, format!("column {name}"), format!("row {row} {problem}"))
                .remedy(remedy))
        };
        let mut others = vec![0.0; columns.len().saturating_sub(1)];
        for (row, arm) in batch.arms.iter().enumerate() {
            let at = |column: &[f64]| column.get(row).copied().unwrap_or(f64::NAN);
            let value = columns.first().map_or(f64::NAN, |column| at(column));
            for (other, column) in others.iter_mut().zip(columns.iter().skip(1)) {
                *other = at(column);
            }
            if let Some((name, found)) = spec
                .columns()
                .zip(std::iter::once(&value).chain(&others))
                .find(|(_, found)| !found.is_finite())
            {
                if !found.is_nan() {
                    return refuse(
                        name,
                        row,
                        "is infinite".into(),
                        "say what it is worth, or leave the unit out",
                    );
                }
                if plan.omits_missing {
                    continue;
                }
                let remedy =
                    "say what it is worth, or pass nan_policy=\"omit\" to leave such units out of the metric";
                return refuse(name, row, "is missing".into(), remedy);
            }
            if spec.kind == Kind::Proportion && value != 0.0 && value != 1.0 {
                let remedy = "pass bools, or kind=\"mean\"";
                return refuse(&spec.column, row, format!("is {value}, and units succeed or not"), remedy);
            }
            let value = caps.map_or(value, |caps| caps.apply(value));
            let cluster = cluster(batch, row);
            let cells = std::iter::once(0).chain(slices.iter().filter_map(|slice| slice.get(row).copied()));
            for cell in cells {
                let state = self.cells.get_mut(cell as usize).and_then(|(_, metrics)| metrics.get_mut(place));
                if let Some(state) = state.and_then(|arms| arms.get_mut(*arm as usize)) {
                    state.push(value, &others, cluster)?;
                }
            }
        }
        Ok(())
    }

    /// Adds other units; where it fails nothing was added.
    pub(super) fn merge(&mut self, other: &Self) -> Result<()> {
        let mut merged = self.clone();
        for (own, more) in merged.units.iter_mut().zip(&other.units) {
            *own = own.saturating_add(*more);
        }
        let before = merged.counts();
        for (own, more) in merged.clusters.iter_mut().zip(&other.clusters) {
            own.extend(more.iter().cloned());
        }
        for (arm, clusters) in merged.clusters.iter().enumerate() {
            let others = merged.clusters.iter().skip(arm + 1);
            if let Some(shared) = others.flatten().find(|cluster| clusters.contains(*cluster)) {
                return Err(Error::invalid_input(
                    UPDATE,
                    format!("cluster {shared}"),
                    "it has units of two arms",
                )
                .remedy("pass the clusters that were assigned as one"));
            }
        }
        let after = merged.counts();
        if let Some(srm) = &mut merged.srm {
            match &other.srm {
                // A cluster that both have seen is one unit.
                _ if !self.clusters.is_empty() => {
                    let new = after.iter().zip(&before).map(|(after, before)| after.saturating_sub(*before));
                    srm.update(&new.collect::<Vec<_>>())?;
                }
                Some(other) if other.counts().iter().any(|count| *count > 0) => srm.absorb(other)?,
                _ => srm.update(&other.units)?,
            }
        }
        for (slice, metrics) in &other.cells {
            match merged.cells.iter_mut().find(|(own, _)| own == slice) {
                Some((_, own)) => {
                    for (own, more) in own.iter_mut().flatten().zip(metrics.iter().flatten()) {
                        own.merge(more)?;
                    }
                }
                None => merged.cells.push((slice.clone(), metrics.clone())),
            }
        }
        // Segments and days in their order, whatever batches brought them.
        merged.cells.sort_by(|(slice, _), (other, _)| slice.cmp(other));
        *self = merged;
        Ok(())
    }

    /// Refuses what no such experiment has seen.
    pub(super) fn check(&self, plan: &Plan) -> Result<()> {
        let fresh = Self::new(plan)?;
        let empty = plan.cell()?;
        let fits = |metrics: &Vec<Vec<State>>| {
            metrics.len() == empty.len()
                && metrics.iter().zip(&empty).all(|(arms, empty)| {
                    arms.len() == empty.len()
                        && arms.iter().zip(empty).all(|(state, empty)| state.fits(empty))
                })
        };
        let is_dimension = |slice: &Slice| match slice {
            Slice::Segment(dimension, _) => *dimension < plan.segments.len(),
            Slice::All | Slice::Day(_) => true,
        };
        let is_srm = match (&self.srm, &fresh.srm) {
            (Some(own), Some(fresh)) => own.clone().absorb(fresh).is_ok(),
            (own, fresh) => own.is_none() == fresh.is_none(),
        };
        let holds = self.units.len() == fresh.units.len()
            && self.clusters.len() == fresh.clusters.len()
            && is_srm
            && self.cells.first().is_some_and(|(slice, _)| *slice == Slice::All)
            && self.cells.windows(2).all(|pair| pair.iter().map(|cell| &cell.0).is_sorted_by(|a, b| a < b))
            && self.cells.iter().all(|(slice, metrics)| is_dimension(slice) && fits(metrics));
        if holds {
            return Ok(());
        }
        Err(Error::corrupt("restore experiment", "state", "it is not that of an experiment of this plan"))
    }

    /// What came out so far.
    pub(super) fn report(&self, plan: &Plan) -> Result<Report> {
        let mut experiment = experiment::Experiment::new(&plan.name, plan.arms(&self.counts()))?
            .with_options(plan.options)
            .with_correction(plan.correction)
            .with_srm_alpha(plan.srm_alpha)
            .with_planned_units(plan.planned_units);
        if let Some(srm) = &self.srm {
            experiment = experiment.with_srm(srm);
        }
        for (slice, metrics) in &self.cells {
            for (place, (spec, arms)) in plan.metrics.iter().zip(metrics).enumerate() {
                let metric = match slice {
                    Slice::All => metric(spec, arms)?.with_days(self.days(plan, place, spec)?),
                    Slice::Segment(..) if !spec.segmented => continue,
                    Slice::Segment(dimension, value) => {
                        let dimension = plan.segments.get(*dimension).map_or("", String::as_str);
                        metric(spec, arms)?.in_segment(dimension, value)
                    }
                    Slice::Day(_) => continue,
                };
                experiment.add(metric)?;
            }
        }
        experiment.report()
    }

    /// The effects of single days of the first treatment.
    fn days(&self, plan: &Plan, place: usize, spec: &Spec) -> Result<Vec<(f64, Answer<Effect>)>> {
        let mut days = Vec::new();
        for (slice, metrics) in &self.cells {
            if let (Slice::Day(day), Some([control, treatment, ..])) =
                (slice, metrics.get(place).map(Vec::as_slice))
            {
                let [control, treatment] = pair(spec, control, treatment)?;
                days.push((*day as f64, Effect::between(control, treatment, &plan.options)?));
            }
        }
        Ok(days)
    }
}

fn cluster(batch: &Batch, row: usize) -> Option<&str> {
    let clusters = batch.clusters.as_ref()?;
    clusters.names.get(*clusters.codes.get(row)? as usize).map(String::as_str)
}
