use super::Role;

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
}

impl Act {
    /// The role that it needs: the one table of them. `None` where everybody is answered.
    pub(crate) const fn role(self) -> Option<Role> {
        match self {
            // The probes of Kubernetes have no key.
            Self::Health => None,
            Self::Predict | Self::Read => Some(Role::Predict),
            Self::Load | Self::Unload | Self::Set => Some(Role::Admin),
        }
    }

    /// Whether it changes the server: such an act is told in the log, with the name of who did it.
    pub(crate) const fn is_change(self) -> bool {
        match self {
            Self::Health | Self::Predict | Self::Read => false,
            Self::Load | Self::Unload | Self::Set => true,
        }
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
        }
    }
}
