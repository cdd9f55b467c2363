//! The distribution of a statistic that has crossed no bound so far.

use super::super::quadrature::panel;
use super::Sides;
use crate::stats::norm;

/// A Brownian motion at the looks, as a density over the places at which no bound was crossed.
///
/// The density is kept at the nodes of a Gauss-Legendre rule on panels that are as wide as the narrower of the two normal
/// distributions around them, so that eight nodes leave less than 1e-14; terms beyond twelve standard deviations are left out.
pub(super) struct Walk {
    sides: Sides,
    share: f64,
    /// The standard deviation of the last step, and of the step before.
    steps: [f64; 2],
    /// Where the density is known: place, and density times weight. Empty before the first look.
    nodes: Vec<(f64, f64)>,
}

impl Walk {
    pub(super) fn new(sides: Sides) -> Self {
        Self { sides, share: 0.0, steps: [0.0; 2], nodes: Vec::new() }
    }

    /// Goes on to the next look.
    pub(super) fn step(&mut self, share: f64) {
        self.steps = [(share - self.share).sqrt(), self.steps[0]];
        self.share = share;
    }

    /// How likely the statistic is above `z` at this look and crossed no bound before.
    pub(super) fn crossing(&self, z: f64) -> f64 {
        if z == f64::INFINITY {
            return 0.0;
        }
        if self.nodes.is_empty() {
            return norm::sf(z);
        }
        let bound = z * self.share.sqrt();
        self.nodes.iter().map(|(place, mass)| mass * norm::sf((bound - place) / self.steps[0])).sum()
    }

    /// Leaves out what is beyond the bound of this look.
    pub(super) fn stop_beyond(&mut self, z: f64) {
        let deviation = self.share.sqrt();
        let high = z.min(REACH) * deviation;
        let low = match self.sides {
            Sides::Two => -high,
            Sides::One => -REACH * deviation,
        };
        let narrowest = if self.nodes.is_empty() { self.steps[0] } else { self.steps[0].min(self.steps[1]) };
        let panels = ((high - low) / narrowest).ceil().max(1.0);
        let width = (high - low) / panels;
        let mut next = Vec::with_capacity(panels as usize * 8);
        for number in 0..panels as usize {
            let from = low + number as f64 * width;
            next.extend(
                panel(from, from + width).map(|(place, weight)| (place, self.density(place) * weight)),
            );
        }
        self.nodes = next;
    }

    fn density(&self, at: f64) -> f64 {
        let step = self.steps[0];
        let normal =
            |distance: f64| (-0.5 * distance * distance).exp() / (step * std::f64::consts::TAU.sqrt());
        if self.nodes.is_empty() {
            return normal(at / step);
        }
        let from = self.nodes.partition_point(|(place, _)| *place < at - REACH * step);
        let upto = self.nodes.partition_point(|(place, _)| *place <= at + REACH * step);
        let near = self.nodes.get(from..upto).unwrap_or_default();
        near.iter().map(|(place, mass)| mass * normal((at - place) / step)).sum()
    }
}

/// Beyond so many standard deviations there is less than 1e-32.
const REACH: f64 = 12.0;
