//! The health of the server and of its models, as probes ask for it.

use super::call::{HEALTH_SERVICE, SERVICE};
use super::protocol::health::HealthCheckResponse;
use super::protocol::health::health_check_response::ServingStatus;
use crate::models::Models;

/// Whether something serves; none where there is nothing of the name.
pub(super) type Health = Option<bool>;

/// The health of what a probe names: nothing, a service, or a model.
pub(super) fn of(models: &Models, name: &str) -> Health {
    match name {
        "" | SERVICE | HEALTH_SERVICE => Some(models.check_ready().is_ok()),
        model => match models.get(model) {
            Ok(_) => Some(models.check_ready().is_ok()),
            Err(mlcore::Error::NotFound(_)) => None,
            Err(_) => Some(false),
        },
    }
}

pub(super) fn response(health: Health) -> HealthCheckResponse {
    let status = match health {
        Some(true) => ServingStatus::Serving,
        Some(false) => ServingStatus::NotServing,
        None => ServingStatus::ServiceUnknown,
    };
    HealthCheckResponse { status: status.into() }
}
