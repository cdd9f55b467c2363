use super::{Role, Roles};

/// What a request does, whatever protocol it came by. The routes of HTTP and the calls of gRPC each name theirs in one match
/// without a default arm, so that none is added without a role.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Act {
    /// Asks whether the server or a model is there and ready, as probes do.
    Health,
    /// Asks for a prediction, or reports what came of one.
    Predict,
    /// Reads what is said of the server and its models: metadata, configuration, statistics, the list of models, settings.
    Read,
    /// Loads a model.
    Load,
    /// Unloads a model.
    Unload,
    /// Changes what is traced and logged.
    Set,
    /// Reads experiments, runs, logged models and their files.
    #[cfg_attr(
        not(any(feature = "mlflow", feature = "page")),
        expect(dead_code, reason = "MLflow's routes and the pages alone do it")
    )]
    Browse,
    /// Writes them, as training does.
    #[cfg_attr(not(feature = "mlflow"), expect(dead_code, reason = "MLflow's routes alone do it"))]
    Track,
    /// Deletes them.
    #[cfg_attr(not(feature = "mlflow"), expect(dead_code, reason = "MLflow's routes alone do it"))]
    Erase,
    /// Registers models and versions, and says what they are.
    #[cfg_attr(not(feature = "mlflow"), expect(dead_code, reason = "MLflow's routes alone do it"))]
    Register,
    /// Reads features of entities.
    #[cfg_attr(not(feature = "feast"), expect(dead_code, reason = "Feast's routes alone do it"))]
    ReadFeatures,
    /// Writes them, as feature jobs do.
    #[cfg_attr(not(feature = "feast"), expect(dead_code, reason = "Feast's routes alone do it"))]
    WriteFeatures,
    /// Fills the online store from history.
    #[cfg_attr(not(feature = "feast"), expect(dead_code, reason = "Feast's routes alone do it"))]
    Materialise,
    /// Moves aliases and stages, renames and deletes models and versions: what is served depends on it.
    #[cfg_attr(not(feature = "mlflow"), expect(dead_code, reason = "MLflow's routes alone do it"))]
    Release,
}

impl Act {
    /// The role that it needs: the one table of them. `None` where everybody is answered.
    pub(crate) const fn role(self) -> Option<Role> {
        match self {
            // The probes of Kubernetes have no key.
            Self::Health => None,
            Self::Predict | Self::Read | Self::Browse | Self::ReadFeatures => Some(Role::Predict),
            Self::Track | Self::Erase | Self::Register | Self::WriteFeatures | Self::Materialise => {
                Some(Role::Write)
            }
            Self::Load | Self::Unload | Self::Set | Self::Release => Some(Role::Admin),
        }
    }

    /// Whether these roles are enough for it.
    pub(crate) fn is_allowed(self, roles: Roles) -> bool {
        match self {
            // What writes reads what it has written.
            Self::Browse | Self::ReadFeatures => Role::ALL.into_iter().any(|role| roles.has(role)),
            _ => self.role().is_none_or(|role| roles.has(role)),
        }
    }

    /// Whether it changes the server: without keys, that is not for everybody.
    pub(crate) const fn is_change(self) -> bool {
        match self {
            Self::Health | Self::Predict | Self::Read | Self::Browse | Self::ReadFeatures => false,
            Self::Load
            | Self::Unload
            | Self::Set
            | Self::Track
            | Self::Erase
            | Self::Register
            | Self::WriteFeatures
            | Self::Materialise
            | Self::Release => true,
        }
    }

    /// Whether it is told in the log, with the name of who did it. Training and feature jobs write too much to be told line by line.
    pub(crate) const fn is_told(self) -> bool {
        self.is_change() && !matches!(self, Self::Track | Self::WriteFeatures)
    }

    /// What the log calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Predict => "predict",
            Self::Read => "read",
            Self::Load => "load",
            Self::Unload => "unload",
            Self::Set => "set",
            Self::Browse => "browse",
            Self::Track => "track",
            Self::Erase => "erase",
            Self::Register => "register",
            Self::ReadFeatures => "read features",
            Self::WriteFeatures => "write features",
            Self::Materialise => "materialise",
            Self::Release => "release",
        }
    }
}
