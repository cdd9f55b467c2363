//! A few planned looks: the bounds that a statistic must cross at each.

mod integrate;
mod spending;

use serde::{Deserialize, Serialize};

pub use self::spending::SpendingFunction;

use self::integrate::Walk;
use super::root;
use crate::error::{Error, Result};
use crate::interrupt;
use crate::stats::norm;

/// Whether an effect either way stops the experiment, or one on one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum Sides {
    /// Either way, by bounds of two signs.
    #[default]
    Two,
    /// The upper bound alone.
    One,
}

crate::words! { Sides, "sides": Two = "two", One = "one" }

/// How the error is shared out among the looks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Boundary {
    /// Lan and DeMets: as much as the function says that may be spent at the information so far. The number of looks and their times
    /// need not be known beforehand.
    Spending(SpendingFunction),
    /// Pocock (1977): the same bound at every look.
    Pocock,
    /// O'Brien and Fleming (1979): bounds that fall with the square root of the information, so that early looks hardly stop.
    OBrienFleming,
}

impl Default for Boundary {
    fn default() -> Self {
        Self::Spending(SpendingFunction::default())
    }
}

/// Options of [`GroupSequentialBounds::of`]; by default an error of 0.05 on two sides is spent like O'Brien and Fleming.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct GroupSequentialOptions {
    /// How often all looks together may see an effect where there is none. Default: 0.05.
    pub alpha: f64,
    /// One side or two. Default: two.
    pub sides: Sides,
    /// How the error is shared out.
    pub boundary: Boundary,
}

impl Default for GroupSequentialOptions {
    fn default() -> Self {
        Self { alpha: 0.05, sides: Sides::default(), boundary: Boundary::default() }
    }
}

impl GroupSequentialOptions {
    /// Sets the error of all looks together.
    #[must_use]
    pub fn with_alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Sets one side or two.
    #[must_use]
    pub fn with_sides(mut self, sides: Sides) -> Self {
        self.sides = sides;
        self
    }

    /// Sets how the error is shared out.
    #[must_use]
    pub fn with_boundary(mut self, boundary: Boundary) -> Self {
        self.boundary = boundary;
        self
    }
}

/// The bounds of planned looks.
///
/// ```
/// use mlcore::experiment::{Boundary, GroupSequentialBounds, GroupSequentialOptions};
///
/// let options = GroupSequentialOptions::default().with_boundary(Boundary::Pocock);
/// let bounds = GroupSequentialBounds::of(&[0.5, 1.0], &options)?;
/// // The table of Pocock (1977).
/// assert!((bounds.z[0] - 2.178).abs() < 5e-4 && (bounds.nominal_alpha[1] - 0.0294).abs() < 5e-5);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GroupSequentialBounds {
    /// The bound of the standard normal statistic at each look; infinite where a look has nothing to spend.
    #[serde(with = "crate::exact")]
    pub z: Vec<f64>,
    /// The p-value, of as many sides, that crosses the bound of each look by itself.
    pub nominal_alpha: Vec<f64>,
    /// The error of all looks up to each.
    pub spent: Vec<f64>,
}

impl GroupSequentialBounds {
    /// The bounds of looks at these shares of the information that was planned, in ascending order; the share of the sample, where
    /// units vary alike.
    ///
    /// The error is integrated over the statistics that had not crossed a bound, to 1e-12. With two sides the bounds are symmetric.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where the shares do not ascend strictly within `(0, 1]`, there are none or more than a thousand of them,
    /// or `alpha` is not inside `(0, 0.5)`; [`Error::Interrupted`] where the caller asks to stop.
    ///
    /// # Source
    /// P. Armitage, C. K. McPherson and B. C. Rowe (1969) for the recursion; K. K. G. Lan and D. L. DeMets (1983). The numbers are those
    /// of R's ldbounds and gsDesign to what these print, and spotify-confidence's to its tolerance.
    pub fn of(information: &[f64], options: &GroupSequentialOptions) -> Result<Self> {
        check(information, options)?;
        match options.boundary {
            Boundary::Spending(function) => Self::spending(information, options, function),
            Boundary::Pocock => Self::constant(information, options, |_| 1.0),
            Boundary::OBrienFleming => {
                let last = information.last().copied().unwrap_or(1.0);
                Self::constant(information, options, |share| (last / share).sqrt())
            }
        }
    }

    fn spending(
        information: &[f64],
        options: &GroupSequentialOptions,
        function: SpendingFunction,
    ) -> Result<Self> {
        let sides = sides(options);
        // Each side spends its half by itself.
        let alpha = options.alpha / sides;
        let mut walk = Walk::new(options.sides);
        let mut bounds = Self::none(information.len());
        let (mut planned, mut spent) = (0.0_f64, 0.0_f64);
        for share in information {
            interrupt::check(OPERATION)?;
            let target = function.spent(alpha, *share).max(planned);
            let now = target - planned;
            planned = target;
            walk.step(*share);
            let z = if now <= LEAST_SPENT {
                f64::INFINITY
            } else {
                let missing = |z: f64| walk.crossing(z).max(f64::MIN_POSITIVE).ln() - now.ln();
                root::between(-FARTHEST, FARTHEST, missing).unwrap_or(f64::INFINITY)
            };
            spent += walk.crossing(z);
            walk.stop_beyond(z);
            bounds.push(z, sides, spent);
        }
        Ok(bounds)
    }

    /// Bounds of a given form times a constant, which is looked for.
    fn constant(
        information: &[f64],
        options: &GroupSequentialOptions,
        form: impl Fn(f64) -> f64,
    ) -> Result<Self> {
        let sides = sides(options);
        let walked = |constant: f64| {
            let mut walk = Walk::new(options.sides);
            let mut bounds = Self::none(information.len());
            let mut spent = 0.0;
            for share in information {
                let z = constant * form(*share);
                walk.step(*share);
                spent += walk.crossing(z);
                walk.stop_beyond(z);
                bounds.push(z, sides, spent);
            }
            bounds
        };
        let missing = |constant: f64| {
            if interrupt::is_stopped() {
                return f64::NAN;
            }
            let spent = walked(constant).spent.last().copied().unwrap_or(f64::NAN);
            spent - options.alpha
        };
        let constant = root::between(0.0, FARTHEST, missing);
        interrupt::check(OPERATION)?;
        constant.map(walked).ok_or_else(|| {
            Error::invalid_input(OPERATION, "alpha", format!("no bound has an error of {}", options.alpha))
        })
    }

    fn none(looks: usize) -> Self {
        let room = || Vec::with_capacity(looks);
        Self { z: room(), nominal_alpha: room(), spent: room() }
    }

    fn push(&mut self, z: f64, sides: f64, spent: f64) {
        self.z.push(z);
        self.nominal_alpha.push(sides * norm::sf(z));
        self.spent.push(sides * spent);
    }
}

const OPERATION: &str = "bound looks";
/// No statistic lies farther out.
const FARTHEST: f64 = 30.0;
/// Less than this is nothing to spend.
const LEAST_SPENT: f64 = 1e-28;
/// More looks than a sequence, which is always valid, should be asked for.
const MOST_LOOKS: usize = 1000;

fn sides(options: &GroupSequentialOptions) -> f64 {
    match options.sides {
        Sides::Two => 2.0,
        Sides::One => 1.0,
    }
}

fn check(information: &[f64], options: &GroupSequentialOptions) -> Result<()> {
    if !(options.alpha > 0.0 && options.alpha < 0.5) {
        return Err(Error::invalid_input(
            OPERATION,
            "alpha",
            format!("{} is not inside (0, 0.5)", options.alpha),
        ));
    }
    if let Boundary::Spending(function) = options.boundary {
        function.check()?;
    }
    if information.is_empty() || information.len() > MOST_LOOKS {
        return Err(Error::invalid_input(OPERATION, "information", format!("{} looks", information.len()))
            .remedy("plan from 1 to 1,000 looks, or look at any time with a confidence sequence"));
    }
    let mut before = 0.0;
    for (look, share) in information.iter().enumerate() {
        // A gain below this is rounding, and no look.
        if !(*share - before >= LEAST_GAIN && *share <= 1.0) {
            let problem = format!("{share} at look {look} does not ascend from {before} to at most 1");
            return Err(Error::invalid_input(OPERATION, format!("information[{look}]"), problem)
                .remedy("give the shares of the planned sample in ascending order"));
        }
        before = *share;
    }
    Ok(())
}

const LEAST_GAIN: f64 = 1e-5;
