use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mlcore::name::{Alias, Arm, Version};
use mlcore::rollout::{
    BlueGreen, BlueGreenOptions, Canary, CanaryOptions, Expiry, Fixed, Guardrail, Metric, RampOptions,
    Repeated, RolloutPolicy, Shadowed, Weighted,
};
use mlcore::runner::RunOptions;
use mlcore::{Error, Result};
use serde::Deserialize;

use super::MonitorSettings;
use crate::batching::BatchOptions;
use crate::endpoint::{EndpointBuilder, Loss, champion};

/// How a model is served, as a file of settings says it.
///
/// ```
/// use mlcore_serve::models::ModelOptions;
///
/// let options: ModelOptions = toml::from_str(
///     r#"
///     arms = ["challenger"]
///     loss = "log_loss"
///     timeout_ms = 50
///
///     [policy]
///     kind = "canary"
///     canary = "challenger"
///     salt = "spring"
///     steps = [0.05, 0.25, 0.5]
///     guardrails = [{ metric = "error_rate", margin = 0.01 }]
///     "#,
/// )?;
/// assert_eq!(options.arms[0].as_str(), "challenger");
/// # Ok::<(), toml::de::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelOptions {
    /// The alias whose version answers everybody who is assigned to no other; `champion` where none is named.
    pub default_arm: Option<Alias>,
    /// What answers everybody in the place of that: an alias, which is followed; or a number or the value of a version's tag
    /// `version`, which stay whatever becomes of aliases. Of a registry only; in one of MLflow's a stage is named like an alias.
    pub version: Option<String>,
    /// Aliases whose versions answer, too: a canary, a shadow.
    pub arms: Vec<Alias>,
    /// What the aliases of a folder's model mean. Where the default arm is not among them it means the highest version. In a
    /// registry aliases are moved, not set here.
    pub aliases: BTreeMap<Alias, u64>,
    /// Who is assigned to which arm; everybody to the default arm where nothing is said.
    pub policy: Option<PolicyOptions>,
    /// How requests share runs. They do not, where nothing is said.
    pub batching: Option<BatchOptions>,
    /// What the input of its requests is compared with. It is not, where nothing is said.
    pub monitor: Option<MonitorSettings>,
    /// How wrong answers are, by name: `log_loss`, `squared_error`, `absolute_error`, `zero_one`.
    pub loss: Option<String>,
    /// The longest that a run may take, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// The most memory that a run may ask for, in bytes.
    pub max_run_bytes: Option<u64>,
}

/// Who is assigned to which arm, by the name of a policy in `kind`.
#[non_exhaustive]
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum PolicyOptions {
    /// Everybody to one arm.
    Fixed {
        /// The arm.
        arm: Arm,
        /// Arms that answer for comparison only.
        #[serde(flatten)]
        shadows: ShadowOptions,
    },
    /// Each arm its share.
    Weighted {
        /// The arms and their weights.
        weights: BTreeMap<Arm, f64>,
        /// Decides which units get which arm.
        salt: String,
        /// Arms that answer for comparison only.
        #[serde(flatten)]
        shadows: ShadowOptions,
    },
    /// A growing share to an arm on trial.
    Canary(CanarySettings),
    /// Everybody to the other arm at once.
    BlueGreen {
        /// The arm that answers at first; the default arm where none is named.
        blue: Option<Arm>,
        /// The arm that answers after the switch.
        green: Arm,
        /// How long it answers everybody before it is promoted, in seconds.
        bake_time_secs: Option<f64>,
    },
}

/// Arms that answer for comparison only.
#[non_exhaustive]
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ShadowOptions {
    /// The arms.
    pub shadows: Vec<Arm>,
    /// The share of requests that they get, above 0 and up to 1.
    pub shadow_share: Option<f64>,
}

/// A canary release, as a file of settings says it.
#[non_exhaustive]
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CanarySettings {
    /// The arm on trial.
    pub canary: Arm,
    /// The arm that answers all others; the default arm where none is named.
    pub control: Option<Arm>,
    /// Decides which units are on trial: each release wants its own.
    pub salt: String,
    /// The canary's share at each step; 5, 20 and 50 % where nothing is said.
    pub steps: Option<Vec<f64>>,
    /// What must not get worse.
    pub guardrails: Vec<GuardrailSettings>,
    /// The probability of a wrong decision; 0.05 where nothing is said.
    pub alpha: Option<f64>,
    /// Values of each metric that each arm must have in a step; 100 where nothing is said.
    pub min_samples: Option<u64>,
    /// How long a step may last without an answer, in seconds.
    pub max_hold_secs: Option<f64>,
    /// What happens then.
    #[serde(default)]
    pub expiry: Option<Expiry>,
}

/// What must not get worse.
#[non_exhaustive]
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardrailSettings {
    /// `error_rate`, `slow_share` or `loss`; `measured:NAME` or `judged:NAME` for what the host reports.
    pub metric: String,
    /// The budget of `slow_share`, in milliseconds.
    pub budget_ms: Option<f64>,
    /// How much worse than the control is still good.
    pub margin: f64,
    /// What the canary may never exceed.
    pub limit: Option<f64>,
}

impl ModelOptions {
    /// The alias of everybody's arm.
    pub(super) fn default_alias(&self) -> Result<Alias> {
        self.default_arm.clone().map_or_else(champion, Ok)
    }

    /// What the aliases of a folder's model mean.
    pub(super) fn versions(&self) -> Result<BTreeMap<Alias, Version>> {
        let versions = self.aliases.iter().map(|(alias, number)| Ok((alias.clone(), Version::new(*number)?)));
        versions.collect()
    }

    /// Sets what is said here.
    pub(super) fn build(&self, mut builder: EndpointBuilder) -> Result<EndpointBuilder> {
        let default = self.default_alias()?;
        let control = Arm::new(default.as_str())?;
        builder = builder.with_default_arm(default);
        for alias in &self.arms {
            builder = builder.with_arm(alias.clone());
        }
        if let Some(policy) = &self.policy {
            builder = builder.with_shared_policy(policy.policy(&control)?);
        }
        if let Some(loss) = &self.loss {
            builder = builder.with_loss(loss.parse::<Loss>()?);
        }
        if let Some(monitor) = &self.monitor {
            builder = monitor.build(builder)?;
        }
        let mut run = RunOptions::default();
        if let Some(timeout) = self.timeout_ms {
            run = run.with_timeout(Duration::from_millis(timeout));
        }
        Ok(builder.with_run_options(run))
    }
}

impl PolicyOptions {
    /// The policy, whose control is this arm where none is named. One with a trial begins [anew](Repeated) when that is over, so that
    /// the next version behind its arm is tried as well.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] naming what cannot be.
    pub fn policy(&self, control: &Arm) -> Result<Arc<dyn RolloutPolicy>> {
        Ok(match self {
            Self::Fixed { arm, shadows } => shadows.around(Fixed::new(arm.clone()))?,
            Self::Weighted { weights, salt, shadows } => {
                let weights = weights.iter().map(|(arm, weight)| (arm.clone(), *weight));
                shadows.around(Weighted::new(salt.as_str(), weights)?)?
            }
            Self::Canary(settings) => {
                let options = settings.options(control)?;
                Arc::new(Repeated::new(move || Ok(Arc::new(Canary::new(options.clone())?)))?)
            }
            Self::BlueGreen { blue, green, bake_time_secs } => {
                let blue = blue.as_ref().unwrap_or(control).clone();
                let mut options = BlueGreenOptions::new(blue, green.clone());
                if let Some(seconds) = bake_time_secs {
                    options = options.with_bake_time(duration("bake_time_secs", *seconds)?);
                }
                Arc::new(Repeated::new(move || Ok(Arc::new(BlueGreen::new(options.clone())?)))?)
            }
        })
    }
}

impl ShadowOptions {
    fn around<P: RolloutPolicy + 'static>(&self, policy: P) -> Result<Arc<dyn RolloutPolicy>> {
        if self.shadows.is_empty() {
            return Ok(Arc::new(policy));
        }
        let shadows = self.shadows.iter().cloned();
        Ok(Arc::new(Shadowed::new(policy, shadows, self.shadow_share.unwrap_or(1.0))?))
    }
}

impl CanarySettings {
    fn options(&self, control: &Arm) -> Result<CanaryOptions> {
        let guardrails =
            self.guardrails.iter().map(GuardrailSettings::guardrail).collect::<Result<Vec<_>>>()?;
        let mut ramp = RampOptions::new(guardrails);
        if let Some(steps) = &self.steps {
            ramp = ramp.with_steps(steps.clone());
        }
        if let Some(alpha) = self.alpha {
            ramp = ramp.with_alpha(alpha);
        }
        if let Some(samples) = self.min_samples {
            ramp = ramp.with_min_samples(samples);
        }
        match (self.max_hold_secs, self.expiry) {
            (Some(seconds), expiry) => {
                let expiry = expiry.unwrap_or(Expiry::RollBack);
                ramp = ramp.with_max_hold(duration("max_hold_secs", seconds)?, expiry);
            }
            (None, Some(_)) => {
                let problem = "it says what happens after max_hold_secs, and that is not set";
                return Err(Error::invalid_input("read settings", "expiry", problem));
            }
            (None, None) => {}
        }
        let control = self.control.as_ref().unwrap_or(control).clone();
        Ok(CanaryOptions::new(control, self.canary.clone(), self.salt.as_str(), ramp))
    }
}

impl GuardrailSettings {
    fn guardrail(&self) -> Result<Guardrail> {
        let budget = self.budget_ms.map(|millis| duration("budget_ms", millis / 1e3)).transpose()?;
        let guardrail = Guardrail::new(Metric::named(&self.metric, budget)?, self.margin)?;
        match self.limit {
            Some(limit) => guardrail.with_limit(limit),
            None => Ok(guardrail),
        }
    }
}

fn duration(name: &'static str, seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|cause| {
        Error::invalid_input("read settings", name, format!("{seconds} s is no length of time"))
            .caused_by(cause)
    })
}
