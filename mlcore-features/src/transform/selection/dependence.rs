//! How much columns tell of a target, in nats: scikit-learn's `mutual_info_classif` and `mutual_info_regression`.
//!
//! The densities around a value are told by the distance to its `k`-th nearest neighbour: A. Kraskov, H. Stögbauer and
//! P. Grassberger (2004) for two continuous variables, B. C. Ross (2014) for a continuous and a discrete one. Estimates below 0
//! are answered as 0.

use mlcore::interrupt::{self, Pace};
use mlcore::stats::pairwise_sum;
use mlcore::{Error, Result};

use super::digamma::digamma;
use super::line::{Line, nearest};
use super::mutual_information::MutualInformation;
use super::plane::Plane;
use super::select_k_best::OPERATION;
use crate::transform::input::FitColumn;
use crate::transform::numeric;
use crate::transform::subsample::Normals;

/// What is told of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Told<'a> {
    /// The class of each row.
    Classes(&'a [usize]),
    /// A number for each row.
    Numbers(&'a [f64]),
}

/// The mutual information of each column and the target, in nats.
pub(super) fn mutual_information(
    columns: &[FitColumn],
    target: Told<'_>,
    options: &MutualInformation,
) -> Result<Vec<f64>> {
    let discrete = options.mask(columns.len())?;
    let neighbors = options.neighbors()?;
    let mut normals = Normals::new(options.seed());
    let values = columns.iter().map(|column| Ok(column.finite_numbers()?.into_owned()));
    let mut values: Vec<Vec<f64>> = values.collect::<Result<_>>()?;
    spread(&mut values, &discrete, &mut normals)?;
    let numbers = match target {
        Told::Classes(_) => Vec::new(),
        Told::Numbers(numbers) => spread_target(numbers, &mut normals)?,
    };
    let target = match target {
        Told::Classes(classes) => Told::Classes(classes),
        Told::Numbers(_) => Told::Numbers(&numbers),
    };
    let estimate = |((column, values), discrete): ((&FitColumn, &Vec<f64>), bool)| match (discrete, target) {
        (true, Told::Classes(classes)) => of_classes(&labels(values)?, classes),
        (true, Told::Numbers(numbers)) => of_numbers_by_class(numbers, &labels(values)?, neighbors)?
            .ok_or_else(|| {
                column
                    .error("each of its values stands in one row only, and classes of one row tell nothing")
                    .remedy("leave the column out of discrete_features")
            }),
        (false, Told::Classes(classes)) => {
            of_numbers_by_class(values, classes, neighbors)?.ok_or_else(|| {
                Error::invalid_input(OPERATION, "target", "each of its classes has one row only")
                    .remedy("fit on more rows, or score by mutual_info_regression")
            })
        }
        (false, Told::Numbers(numbers)) => of_numbers(values, numbers, neighbors),
    };
    columns.iter().zip(&values).zip(discrete).map(estimate).collect()
}

/// Brings continuous columns to a standard deviation of 1 and adds a little noise to each value, row after row.
fn spread(columns: &mut [Vec<f64>], discrete: &[bool], normals: &mut Normals) -> Result<()> {
    let continuous = columns.iter_mut().zip(discrete).filter(|(_, discrete)| !**discrete);
    let mut continuous: Vec<(&mut Vec<f64>, f64)> = continuous
        .map(|(values, _)| {
            let deviation = deviation(values);
            // A spread of rounding errors is none.
            scale(values, if deviation < 10.0 * f64::EPSILON { 1.0 } else { deviation });
            let noise = noise(values);
            (values, noise)
        })
        .collect();
    let rows = continuous.first().map_or(0, |(values, _)| values.len());
    let mut pace = Pace::default();
    for row in 0..rows {
        pace.check(OPERATION, continuous.len())?;
        for (values, noise) in &mut continuous {
            values[row] += *noise * normals.draw();
        }
    }
    Ok(())
}

fn spread_target(target: &[f64], normals: &mut Normals) -> Result<Vec<f64>> {
    let mut target = target.to_vec();
    let deviation = deviation(&target);
    scale(&mut target, if deviation == 0.0 { 1.0 } else { deviation });
    let noise = noise(&target);
    for value in interrupt::paced(&mut target) {
        *value += noise * normals.draw();
    }
    interrupt::check(OPERATION)?;
    Ok(target)
}

/// The standard deviation of a whole population.
fn deviation(values: &[f64]) -> f64 {
    let mean = numeric::mean(values);
    let square = |row: usize| (values[row] - mean) * (values[row] - mean);
    (pairwise_sum(values.len(), &square) / values.len() as f64).sqrt()
}

fn scale(values: &mut [f64], deviation: f64) {
    values.iter_mut().for_each(|value| *value /= deviation);
}

/// How strong the noise is: 1e-10 of the mean size of the values, or of 1 where that is more.
fn noise(values: &[f64]) -> f64 {
    let size = pairwise_sum(values.len(), &|row| values[row].abs()) / values.len() as f64;
    1e-10 * size.max(1.0)
}

/// The class of each row, from 0, of numbers that stand for classes.
fn labels(values: &[f64]) -> Result<Vec<usize>> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    interrupt::sort_unstable_by(&mut order, |one, other| values[*one].total_cmp(&values[*other]));
    interrupt::check(OPERATION)?;
    let mut labels = vec![0; values.len()];
    let (mut label, mut before) = (0, None);
    for row in order {
        // Both zeros are one class.
        if before.is_some_and(|before: f64| before != values[row]) {
            label += 1;
        }
        before = Some(values[row]);
        labels[row] = label;
    }
    Ok(labels)
}

/// Of two discrete variables: how often their classes meet, against how often they would by chance.
fn of_classes(ours: &[usize], target: &[usize]) -> Result<f64> {
    let mut pairs: Vec<(usize, usize)> = target.iter().copied().zip(ours.iter().copied()).collect();
    interrupt::sort_unstable_by(&mut pairs, Ord::cmp);
    interrupt::check(OPERATION)?;
    let sizes = |of: &[usize]| {
        let mut sizes = vec![0_u64; of.iter().max().map_or(0, |last| last + 1)];
        of.iter().for_each(|class| sizes[*class] += 1);
        sizes
    };
    let (our_sizes, target_sizes) = (sizes(ours), sizes(target));
    if our_sizes.len() < 2 || target_sizes.len() < 2 {
        return Ok(0.0);
    }
    let rows = pairs.len() as f64;
    let term = |pair: &[(usize, usize)]| {
        let (class, own) = pair.first().copied().unwrap_or_default();
        let count = pair.len() as f64;
        let by_chance = (our_sizes[own] * target_sizes[class]) as f64;
        let share = count / rows;
        let term = share * (count.ln() - rows.ln()) + share * (-by_chance.ln() + rows.ln() + rows.ln());
        if term.abs() < f64::EPSILON { 0.0 } else { term }
    };
    let terms: Vec<f64> = pairs.chunk_by(|one, other| one == other).map(term).collect();
    Ok(pairwise_sum(terms.len(), &|place| terms[place]).max(0.0))
}

/// Of a continuous and a discrete variable (Ross 2014): how many of all values are as near as the `k`-th nearest of the class.
/// Nothing where no class has two rows.
fn of_numbers_by_class(values: &[f64], classes: &[usize], neighbors: usize) -> Result<Option<f64>> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    // Rows keep their order within a class.
    interrupt::sort_unstable_by(&mut order, |one, other| (classes[*one], one).cmp(&(classes[*other], other)));
    interrupt::check(OPERATION)?;
    let mut counted = vec![None; values.len()];
    for rows in order.chunk_by(|one, other| classes[*one] == classes[*other]) {
        // A row alone in its class has no neighbours.
        if let Some(most) = rows.len().checked_sub(1).filter(|most| *most > 0) {
            let k = neighbors.min(most);
            let of_class: Vec<f64> = rows.iter().map(|row| values[*row]).collect();
            for (row, distance) in rows.iter().zip(nearest(&of_class, k)?) {
                counted[*row] = Some(Counted { k, of_class: rows.len(), radius: below(distance) });
            }
        }
    }
    let kept: Vec<(f64, Counted)> =
        values.iter().zip(counted).filter_map(|(value, counted)| Some((*value, counted?))).collect();
    if kept.is_empty() {
        return Ok(None);
    }
    let line = Line::new(&kept.iter().map(|(value, _)| *value).collect::<Vec<_>>())?;
    let mut pace = Pace::default();
    let within = |(value, counted): &(f64, Counted)| {
        pace.check(OPERATION, 1)?;
        Ok(line.within(*value, counted.radius))
    };
    let within: Vec<usize> = kept.iter().map(within).collect::<Result<_>>()?;
    let mean_of = |count: &dyn Fn(usize) -> usize| mean_digamma(kept.len(), count);
    let estimate = digamma(kept.len()) + mean_of(&|row| kept[row].1.k)
        - mean_of(&|row| kept[row].1.of_class)
        - mean_of(&|row| within[row]);
    Ok(Some(estimate.max(0.0)))
}

/// What is known of a row within its class.
#[derive(Clone, Copy, Debug)]
struct Counted {
    k: usize,
    of_class: usize,
    radius: f64,
}

/// Of two continuous variables (Kraskov 2004, the first algorithm): how many values of each are nearer than the `k`-th nearest
/// of both.
fn of_numbers(values: &[f64], target: &[f64], neighbors: usize) -> Result<f64> {
    let rows = values.len();
    if neighbors >= rows {
        let problem = format!("{neighbors} neighbours of a row are asked for, and the table has {rows} rows");
        return Err(Error::invalid_input(OPERATION, "score_func", problem)
            .remedy("lower n_neighbors, or fit on more rows"));
    }
    let plane = Plane::new(values, target)?;
    let (line, target_line) = (Line::new(values)?, Line::new(target)?);
    let mut pace = Pace::default();
    let within = |(value, target): (&f64, &f64)| {
        let radius = below(plane.nearest([*value, *target], neighbors, &mut pace)?);
        Ok((line.within(*value, radius), target_line.within(*target, radius)))
    };
    let within: Vec<(usize, usize)> = values.iter().zip(target).map(within).collect::<Result<_>>()?;
    let estimate = digamma(rows) + digamma(neighbors)
        - mean_digamma(rows, &|row| within[row].0)
        - mean_digamma(rows, &|row| within[row].1);
    Ok(estimate.max(0.0))
}

/// The next smaller distance, so that the neighbour itself is not within it.
fn below(distance: f64) -> f64 {
    if distance > 0.0 { distance.next_down() } else { 0.0 }
}

fn mean_digamma(rows: usize, count: &dyn Fn(usize) -> usize) -> f64 {
    pairwise_sum(rows, &|row| digamma(count(row))) / rows as f64
}
