//! How much of the error may have been spent at a share of the information.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::stats::norm;

/// A spending function of Lan and DeMets: nothing at the beginning, all of `alpha` at the end.
///
/// ```
/// use mlcore::experiment::SpendingFunction;
///
/// assert_eq!(SpendingFunction::Power { rho: 2.0 }.spent(0.05, 0.5), 0.0125);
/// assert!(SpendingFunction::OBrienFleming.spent(0.05, 0.5) < SpendingFunction::Pocock.spent(0.05, 0.5));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SpendingFunction {
    /// `2 - 2 Phi(z(1 - alpha / 2) / sqrt(t))`: early looks hardly stop; gsDesign's `sfLDOF`, ldbounds' `iuse=1`.
    #[default]
    OBrienFleming,
    /// `alpha ln(1 + (e - 1) t)`: about the same bound at every look; gsDesign's `sfLDPocock`, ldbounds' `iuse=2`.
    Pocock,
    /// `alpha t^rho`; ldbounds' `iuse=3`. spotify-confidence takes a `rho` of 2.
    Power {
        /// The exponent, positive.
        rho: f64,
    },
    /// `alpha (1 - e^(-gamma t)) / (1 - e^(-gamma))`: Hwang, Shih and DeCani (1990); gsDesign's `sfHSD`, ldbounds' `iuse=4`.
    HwangShihDeCani {
        /// Early looks stop more easily the larger it is; not 0.
        gamma: f64,
    },
}

impl SpendingFunction {
    /// What may have been spent of `alpha`, one-sided, at a share `t` of the information.
    #[must_use]
    pub fn spent(&self, alpha: f64, t: f64) -> f64 {
        match *self {
            Self::OBrienFleming => 2.0 * norm::sf(norm::isf(alpha / 2.0) / t.sqrt()),
            Self::Pocock => alpha * ((std::f64::consts::E - 1.0) * t).ln_1p(),
            Self::Power { rho } => alpha * t.powf(rho),
            Self::HwangShihDeCani { gamma } => alpha * (-gamma * t).exp_m1() / (-gamma).exp_m1(),
        }
    }

    pub(super) fn check(self) -> Result<()> {
        let (subject, parameter, is_meant) = match self {
            Self::OBrienFleming | Self::Pocock => return Ok(()),
            Self::Power { rho } => ("rho", rho, rho > 0.0 && rho.is_finite()),
            Self::HwangShihDeCani { gamma } => ("gamma", gamma, gamma != 0.0 && gamma.abs() <= 40.0),
        };
        if is_meant {
            return Ok(());
        }
        Err(Error::invalid_input("bound looks", subject, format!("{parameter} gives no spending function"))
            .remedy("give a positive rho, such as 2, or a gamma from -40 to 40 that is not 0"))
    }
}
