//! One metric: what it is computed from, what is kept of it in each arm, and what the arms say.

use std::collections::BTreeMap;

use mlcore::experiment::{
    self, Answer, Caps, ClusterMoments, Estimate, JointMoments, Metric, NonInferiority, PreferredDirection,
    QuantileSummary, RegressionMoments,
};
use mlcore::stats::Moments;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::streaming::{BUILD, Plan};

/// What a metric is computed from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    pub(super) name: String,
    pub(super) column: String,
    pub(super) kind: Kind,
    pub(super) denominator: Option<String>,
    pub(super) covariates: Vec<String>,
    pub(super) caps: Option<(Option<f64>, Option<f64>)>,
    pub(super) quantile: Option<f64>,
    pub(super) preferred_direction: PreferredDirection,
    pub(super) margin: Option<f64>,
    /// Whether it is reported of segments, too.
    pub(super) segmented: bool,
}

/// Which mean of its units a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Mean,
    Proportion,
    Ratio,
    Quantile,
}

/// What is kept of one metric in one arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Mean(Moments),
    Proportion { successes: u64, count: u64 },
    Pair(JointMoments),
    Regression(RegressionMoments),
    Clusters(BTreeMap<String, (f64, u64)>),
    Values(Vec<f64>),
}

impl Spec {
    /// The columns that it reads, the value first.
    pub(super) fn columns(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.column).chain(&self.denominator).chain(&self.covariates)
    }

    pub(super) fn caps(&self) -> Result<Option<Caps>> {
        let ends = |(low, high): (Option<f64>, Option<f64>)| {
            Caps::new(low.unwrap_or(f64::NEG_INFINITY), high.unwrap_or(f64::INFINITY))
        };
        self.caps.map(ends).transpose()
    }

    pub(super) fn check(&self, plan: &Plan) -> Result<()> {
        let refuse = |problem: &str, remedy: &str| {
            Err(Error::invalid_input(BUILD, format!("metric {}", self.name), problem).remedy(remedy))
        };
        if (self.kind == Kind::Ratio) != self.denominator.is_some() {
            return refuse(
                "a ratio has a denominator, and no other metric has",
                "pass kind=\"ratio\" with denominator=",
            );
        }
        if (self.kind == Kind::Quantile) != self.quantile.is_some() {
            return refuse(
                "a quantile has a level, and no other metric has",
                "pass kind=\"quantile\" with quantile=0.99",
            );
        }
        if !self.covariates.is_empty() && self.kind != Kind::Mean {
            return refuse("only means are adjusted by covariates", "leave covariates= out");
        }
        if self.covariates.len() > 1 && plan.arms.len() > 2 {
            return refuse("several covariates adjust two arms, and there are more", "keep one covariate");
        }
        if plan.clusters.is_some()
            && (!self.covariates.is_empty() || matches!(self.kind, Kind::Ratio | Kind::Quantile))
        {
            return refuse(
                "units in clusters have means and proportions without covariates",
                "analyse this metric in an experiment of its own",
            );
        }
        if let Some(margin) = self.margin {
            NonInferiority::new(margin, self.preferred_direction)
                .map_err(|error| error.within(&self.name))?;
        }
        if let Some(quantile) = self.quantile {
            QuantileSummary::of_values(Vec::new(), quantile)?;
        }
        self.caps()?;
        State::new(self, plan).map(drop)
    }
}

impl State {
    pub(super) fn new(spec: &Spec, plan: &Plan) -> Result<Self> {
        Ok(match spec.kind {
            Kind::Mean | Kind::Proportion if plan.clusters.is_some() => Self::Clusters(BTreeMap::new()),
            Kind::Mean => match spec.covariates.len() {
                0 => Self::Mean(Moments::new()),
                1 => Self::Pair(JointMoments::new()),
                covariates => Self::Regression(RegressionMoments::new(covariates)?),
            },
            Kind::Proportion => Self::Proportion { successes: 0, count: 0 },
            Kind::Ratio => Self::Pair(JointMoments::new()),
            Kind::Quantile => Self::Values(Vec::new()),
        })
    }

    pub(super) fn push(&mut self, value: f64, others: &[f64], cluster: Option<&str>) -> Result<()> {
        match self {
            Self::Mean(moments) => moments.push(value),
            Self::Proportion { successes, count } => {
                *successes += u64::from(value > 0.5);
                *count += 1;
            }
            Self::Pair(moments) => moments.push(value, others.first().copied().unwrap_or(f64::NAN)),
            Self::Regression(moments) => moments.push(value, others)?,
            Self::Clusters(sums) => {
                let cluster = cluster.unwrap_or_default();
                match sums.get_mut(cluster) {
                    Some(sum) => *sum = (sum.0 + value, sum.1 + 1),
                    None => drop(sums.insert(cluster.to_owned(), (value, 1))),
                }
            }
            Self::Values(values) => values.push(value),
        }
        Ok(())
    }

    pub(super) fn merge(&mut self, other: &Self) -> Result<()> {
        match (self, other) {
            (Self::Mean(own), Self::Mean(other)) => *own = own.merge(other),
            (Self::Proportion { successes, count }, Self::Proportion { successes: more, count: others }) => {
                *successes = successes.saturating_add(*more);
                *count = count.saturating_add(*others);
            }
            (Self::Pair(own), Self::Pair(other)) => *own = own.merge(other),
            (Self::Regression(own), Self::Regression(other)) => *own = own.merge(other)?,
            (Self::Clusters(own), Self::Clusters(other)) => {
                for (cluster, (sum, size)) in other {
                    let own = own.entry(cluster.clone()).or_default();
                    *own = (own.0 + sum, own.1.saturating_add(*size));
                }
            }
            (Self::Values(own), Self::Values(other)) => own.extend_from_slice(other),
            (own, other) => {
                let problem = format!("{own:?} and {other:?} are of different metrics");
                return Err(Error::corrupt("merge experiment", "metric", problem));
            }
        }
        Ok(())
    }

    fn estimate(&self, spec: &Spec) -> Result<Answer<Estimate>> {
        Ok(match self {
            Self::Mean(moments) => Estimate::of_mean(moments),
            Self::Proportion { successes, count } => Estimate::of_proportion(*successes, *count),
            Self::Pair(moments) => moments.ratio(),
            // Adjusted only beside another arm.
            Self::Regression(_) => {
                return Err(Error::internal(
                    "report experiment",
                    &spec.name,
                    "an arm was adjusted by itself",
                ));
            }
            Self::Clusters(sums) => {
                let mut moments = ClusterMoments::new();
                sums.values().for_each(|(sum, size)| moments.push(*sum, *size));
                moments.estimate()
            }
            Self::Values(values) => {
                QuantileSummary::of_values(values.clone(), spec.quantile.unwrap_or(0.5))?.estimate()
            }
        })
    }

    /// Whether it is one that `other`, which is empty, would become.
    pub(super) fn fits(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Regression(own), Self::Regression(other)) => own.merge(other).is_ok(),
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

/// A metric of all arms.
pub(super) fn metric(spec: &Spec, arms: &[State]) -> Result<Metric> {
    let mut metric = Metric::new(&spec.name, spec.preferred_direction);
    if let Some(margin) = spec.margin {
        metric = metric.with_margin(margin);
    }
    if spec.kind == Kind::Mean {
        let moments = arms.iter().filter_map(|arm| match arm {
            State::Pair(moments) => Some(*moments),
            _ => None,
        });
        let moments: Vec<JointMoments> = moments.collect();
        if !moments.is_empty() {
            return Ok(metric.cuped(moments));
        }
    }
    if let [control @ State::Regression(_), treatment] = arms {
        return Ok(metric.estimates(pair(spec, control, treatment)?));
    }
    let estimates = arms.iter().map(|arm| arm.estimate(spec)).collect::<Result<Vec<_>>>()?;
    Ok(metric.estimates(estimates))
}

/// What two arms say, adjusted by covariates where there are some.
pub(super) fn pair(spec: &Spec, control: &State, treatment: &State) -> Result<[Answer<Estimate>; 2]> {
    match (control, treatment) {
        (State::Pair(control), State::Pair(treatment)) if spec.kind == Kind::Mean => {
            Ok(experiment::cuped(control, treatment))
        }
        (State::Regression(control), State::Regression(treatment)) => {
            Ok(match control.adjusted_with(treatment)? {
                Answer::Known(both) => both.map(Answer::Known),
                Answer::NoVerdict(reason) => [Answer::NoVerdict(reason), Answer::NoVerdict(reason)],
            })
        }
        _ => Ok([control.estimate(spec)?, treatment.estimate(spec)?]),
    }
}
