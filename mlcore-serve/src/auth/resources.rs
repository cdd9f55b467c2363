use serde::{Deserialize, Serialize};

/// Which models and experiments a principal may use, where that is not all of them.
///
/// A pattern is a name, or the beginning of names with `*` behind it. A principal with resources is answered where a path names one model
/// that is among them, and where a request of MLflow's clients names nothing but what is: experiments, the runs, logged models and files of
/// these, and models of the registry by their names there. Whatever concerns all of them, or the server as a whole, is refused, and so is
/// all of gRPC, whose messages name models and not its paths. Health is answered to everybody.
///
/// ```
/// use mlcore_serve::auth::Resources;
///
/// let team = Resources::default().with_model("churn").with_model("risk-*").with_experiment("7");
/// assert!(team.has_model("churn") && team.has_model("risk-eu") && !team.has_model("churn-2"));
/// assert!(team.has_experiment("7") && !team.has_experiment("77"));
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Resources {
    /// Patterns of models' names.
    pub models: Vec<String>,
    /// Patterns of experiments' ids.
    pub experiments: Vec<String>,
}

impl Resources {
    /// Adds models.
    #[must_use]
    pub fn with_model(mut self, pattern: impl Into<String>) -> Self {
        self.models.push(pattern.into());
        self
    }

    /// Adds experiments.
    #[must_use]
    pub fn with_experiment(mut self, pattern: impl Into<String>) -> Self {
        self.experiments.push(pattern.into());
        self
    }

    /// Says whether a model is among them.
    #[must_use]
    pub fn has_model(&self, name: &str) -> bool {
        self.models.iter().any(|pattern| fits(pattern, name))
    }

    /// Says whether an experiment is among them.
    #[must_use]
    pub fn has_experiment(&self, id: &str) -> bool {
        self.experiments.iter().any(|pattern| fits(pattern, id))
    }

    /// Whether a path names one model that is among them. What is not known to do so does not.
    pub(super) fn has_path(&self, path: &str) -> bool {
        model_of(path).is_some_and(|model| self.has_model(model))
    }
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => pattern == name,
    }
}

/// The one model that a path names, where it is written plainly: a name that is written in another way is nobody's.
fn model_of(path: &str) -> Option<&str> {
    let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    let name = match segments.as_slice() {
        // The statistics of all models.
        ["v2", "models", "stats"] => return None,
        ["v2" | "mlcore", "models", name, ..] | ["v2", "repository", "models", name, "load" | "unload"] => {
            *name
        }
        ["v1", "models", name] => name.split(':').next()?,
        _ => return None,
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (!name.is_empty() && name.bytes().all(is_plain)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_that_name_one_model_are_its() {
        let team = Resources::default().with_model("m").with_model("risk-*");
        for path in [
            "/v2/models/m",
            "/v2/models/m/infer",
            "/v2/models/m/versions/3/infer",
            "/v2/models/risk-eu/config",
            "/v2/repository/models/m/load",
            "/v1/models/m:predict",
            "/mlcore/models/m/predict",
        ] {
            assert!(team.has_path(path), "{path}");
        }
        for path in [
            "/",
            "/v2",
            "/v2/models",
            "/v2/models/",
            "/v2/models/stats",
            "/v2/models/other/infer",
            "/v2/models/m2",
            "/v2/models/%6d/infer",
            "/v2/models/m%2f..%2fother",
            "/v2/models/risk-%2e/x",
            "/v2/repository/index",
            "/v2/repository/models/other/load",
            "/v2/logging",
            "/v1/models",
            "/v1/models/m2:predict",
            "/invocations",
            "/metrics",
            "/inference.GRPCInferenceService/ModelInfer",
            "/api/2.0/mlflow/registered-models/get",
            "v2/models/m",
            "//v2/models/m",
            "/v2//models/m",
            "/v2/models//m",
        ] {
            assert!(!team.has_path(path), "{path}");
        }
        let all = Resources::default().with_model("*");
        assert!(
            all.has_path("/v2/models/any/infer")
                && !all.has_path("/v2/models/stats")
                && !all.has_path("/metrics")
        );
        assert!(!Resources::default().has_path("/v2/models/m"), "nothing is nobody's");
    }
}
