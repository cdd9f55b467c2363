use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ridge::Gram;
use super::{LinearBandit, LinearOptions};
use crate::bandit::Bandit;
use crate::error::{Error, Result};
use crate::name::Arm;

/// The state of a bandit with a context as a value: its options and the sums of its regressions. Serialises to one JSON object
/// without a loss; what no bandit has saved is refused when it is read.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearState {
    version: u32,
    options: LinearOptions,
    arms: Vec<WrittenArm>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenArm {
    arm: Arm,
    count: u64,
    /// The lower triangle of the sum of `x x^T`, row after row.
    products: Vec<f64>,
    moments: Vec<f64>,
}

impl LinearState {
    /// The version of the layout that is written and read.
    pub const VERSION: u32 = 1;

    /// The version of its layout.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    pub(super) fn of(bandit: &LinearBandit) -> Self {
        let arm = |(arm, gram): (&Arm, &Gram)| WrittenArm {
            arm: arm.clone(),
            count: gram.count,
            products: gram.products.clone(),
            moments: gram.moments.clone(),
        };
        Self { version: Self::VERSION, options: bandit.options, arms: bandit.arms.iter().map(arm).collect() }
    }

    pub(super) fn to_bandit(&self) -> Result<LinearBandit> {
        if self.version != Self::VERSION {
            let problem =
                format!("its layout has version {}, and {} is known here", self.version, Self::VERSION);
            return Err(Error::unsupported("restore bandit", "state", problem)
                .remedy("restore it with the release of mlcore that saved it, or begin anew"));
        }
        let corrupt = |subject: &str, problem: &str| Error::corrupt("restore bandit", subject, problem);
        self.options.check().map_err(|error| corrupt("options", &error.to_string()))?;
        if self.arms.len() > Bandit::MOST_ARMS {
            return Err(corrupt("arms", "there are more than 1000"));
        }
        let (mut arms, mut outcomes) = (BTreeMap::new(), 0_u64);
        for WrittenArm { arm, count, products, moments } in &self.arms {
            let subject = format!("arm {arm}");
            let gram = Gram { count: *count, products: products.clone(), moments: moments.clone() };
            if let Some(fault) = gram.fault(&self.options) {
                return Err(corrupt(&subject, fault));
            }
            if arms.insert(arm.clone(), gram).is_some() {
                return Err(corrupt(&subject, "it occurs twice"));
            }
            outcomes = outcomes.saturating_add(*count);
        }
        LinearBandit::of(self.options, arms, outcomes).map_err(|error| corrupt("arms", &error.to_string()))
    }
}
