//! Numbers and verdicts that the host knows of an arm, on their way to the policy.

use mlcore::name::{Arm, MeasureName, Version};
use mlcore::rollout::Observation;
use mlcore::{Error, Result};

use super::record::ReportedMeasure;
use super::{Endpoint, OutcomeId};

/// What a number or a verdict is about.
///
/// ```
/// use mlcore::name::{Arm, Version};
/// use mlcore_serve::endpoint::MeasureSubject;
///
/// let about = MeasureSubject::from((Arm::new("canary")?, Version::FIRST.next()));
/// assert!(matches!(about, MeasureSubject::Version { version, .. } if version.get() == 2));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub enum MeasureSubject {
    /// One prediction, whose outcome has not come: what it cost, how long its user stayed.
    Prediction(OutcomeId),
    /// What an arm did of late while this version answered behind it: a calibration error, a drift monitor's verdict.
    #[non_exhaustive]
    Version {
        /// The arm.
        arm: Arm,
        /// The version.
        version: Version,
    },
}

impl From<OutcomeId> for MeasureSubject {
    fn from(id: OutcomeId) -> Self {
        Self::Prediction(id)
    }
}

impl From<(Arm, Version)> for MeasureSubject {
    fn from((arm, version): (Arm, Version)) -> Self {
        Self::Version { arm, version }
    }
}

impl Endpoint {
    /// Reports a number that the host knows of a prediction or of an arm, less of which is better, for a policy with a guardrail on
    /// [this measure](mlcore::rollout::Metric::Measured). Never blocks.
    ///
    /// A number about an arm counts for the share that the arm has when it is reported, and one about a prediction for the share at
    /// which it was made. [Counted](super::Counts::stale_measures), and without effect, are those about another version than
    /// answers now, and those about a prediction that does not wait: report them before its outcome.
    ///
    /// ```
    /// # use mlcore::name::MeasureName;
    /// # use mlcore_serve::Endpoint;
    /// # use mlcore_serve::endpoint::Prediction;
    /// # fn told(endpoint: &Endpoint, prediction: &Prediction) -> mlcore::Result<()> {
    /// endpoint.report_measure(prediction.outcome_id, &MeasureName::new("cost")?, 0.0031)?;
    /// // Once in an hour:
    /// let about = (prediction.arm.clone(), prediction.version);
    /// endpoint.report_measure(about, &MeasureName::new("calibration_error")?, 0.02)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a value that is not a finite number, and for an arm that the endpoint does not have.
    pub fn report_measure(
        &self,
        about: impl Into<MeasureSubject>,
        name: &MeasureName,
        value: f64,
    ) -> Result<()> {
        const OPERATION: &str = "report measure";
        if !value.is_finite() {
            let problem = format!("{value} is not a finite number");
            return Err(Error::invalid_input(OPERATION, name.as_str(), problem)
                .remedy("report a verdict or a failure of the arm where there is no number"));
        }
        self.report(OPERATION, about.into(), Observation::measured(name.clone(), value))
    }

    /// Reports a verdict on a prediction or on an arm, and whether it is against it, for a policy with a guardrail on
    /// [this judgement](mlcore::rollout::Metric::Judged); otherwise as [`report_measure`](Self::report_measure).
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for an arm that the endpoint does not have.
    pub fn report_health(
        &self,
        about: impl Into<MeasureSubject>,
        name: &MeasureName,
        harmful: bool,
    ) -> Result<()> {
        self.report("report health", about.into(), Observation::judged(name.clone(), harmful))
    }

    fn report(&self, operation: &'static str, about: MeasureSubject, observation: Observation) -> Result<()> {
        let assigned = match &about {
            MeasureSubject::Prediction(_) => None,
            MeasureSubject::Version { arm, version } => {
                if self.inner.resolver.arm(arm).is_none() {
                    let problem = "the endpoint has no such arm";
                    return Err(Error::invalid_input(operation, arm.as_str(), problem)
                        .remedy("name one of the arms that it was built with"));
                }
                self.inner.deployment.load().assigned(arm, *version)
            }
        };
        self.inner.queue.push_measure(ReportedMeasure { about, assigned, observation });
        Ok(())
    }
}
