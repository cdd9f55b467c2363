use crate::auth::Act;

/// The calls of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Call {
    ServerLive,
    ServerReady,
    ModelReady,
    ServerMetadata,
    ModelMetadata,
    ModelInfer,
    ModelStreamInfer,
    ModelConfig,
    ModelStatistics,
    RepositoryIndex,
    RepositoryModelLoad,
    RepositoryModelUnload,
    SystemSharedMemoryStatus,
    CudaSharedMemoryStatus,
    /// Registering and unregistering regions.
    SharedMemory,
    TraceSetting,
    LogSettings,
    HealthCheck,
    HealthWatch,
}

impl Call {
    /// The call of a path.
    pub(super) fn of(path: &str) -> Option<Self> {
        let (service, call) = path.strip_prefix('/')?.split_once('/')?;
        if service == HEALTH_SERVICE {
            return match call {
                "Check" => Some(Self::HealthCheck),
                "Watch" => Some(Self::HealthWatch),
                _ => None,
            };
        }
        if service != SERVICE {
            return None;
        }
        Some(match call {
            "ModelInfer" => Self::ModelInfer,
            "ModelStreamInfer" => Self::ModelStreamInfer,
            "ServerLive" => Self::ServerLive,
            "ServerReady" => Self::ServerReady,
            "ModelReady" => Self::ModelReady,
            "ServerMetadata" => Self::ServerMetadata,
            "ModelMetadata" => Self::ModelMetadata,
            "ModelConfig" => Self::ModelConfig,
            "ModelStatistics" => Self::ModelStatistics,
            "RepositoryIndex" => Self::RepositoryIndex,
            "RepositoryModelLoad" => Self::RepositoryModelLoad,
            "RepositoryModelUnload" => Self::RepositoryModelUnload,
            "SystemSharedMemoryStatus" => Self::SystemSharedMemoryStatus,
            "CudaSharedMemoryStatus" => Self::CudaSharedMemoryStatus,
            "SystemSharedMemoryRegister"
            | "SystemSharedMemoryUnregister"
            | "CudaSharedMemoryRegister"
            | "CudaSharedMemoryUnregister" => Self::SharedMemory,
            "TraceSetting" => Self::TraceSetting,
            "LogSettings" => Self::LogSettings,
            _ => return None,
        })
    }

    /// What it does. Calls that read and change settings count as reading: what they do stands in the message.
    pub(super) fn act(self) -> Act {
        match self {
            Self::ServerLive
            | Self::ServerReady
            | Self::ModelReady
            | Self::HealthCheck
            | Self::HealthWatch => Act::Health,
            Self::ModelInfer | Self::ModelStreamInfer => Act::Predict,
            Self::ServerMetadata
            | Self::ModelMetadata
            | Self::ModelConfig
            | Self::ModelStatistics
            | Self::RepositoryIndex
            | Self::SystemSharedMemoryStatus
            | Self::CudaSharedMemoryStatus
            | Self::TraceSetting
            | Self::LogSettings => Act::Read,
            // What would change something there is refused.
            Self::SharedMemory => Act::Read,
            Self::RepositoryModelLoad => Act::Load,
            Self::RepositoryModelUnload => Act::Unload,
        }
    }

    /// Whether its client may say nothing for as long as it likes.
    #[cfg(feature = "server")]
    pub(super) fn is_long(self) -> bool {
        matches!(self, Self::ModelStreamInfer | Self::HealthWatch)
    }
}

pub(super) const SERVICE: &str = "inference.GRPCInferenceService";
pub(super) const HEALTH_SERVICE: &str = "grpc.health.v1.Health";
