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

    /// The service and the call in a path, where there is such a call, and what stands for any other: a client may make up as many
    /// names as it likes.
    pub(super) fn name_of(path: &str) -> &'static str {
        NAMES.iter().find(|name| path.strip_prefix('/') == Some(**name)).copied().unwrap_or("_OTHER")
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
/// All calls, those first that come most.
const NAMES: [&str; 22] = [
    "inference.GRPCInferenceService/ModelInfer",
    "inference.GRPCInferenceService/ModelStreamInfer",
    "inference.GRPCInferenceService/ServerLive",
    "inference.GRPCInferenceService/ServerReady",
    "inference.GRPCInferenceService/ModelReady",
    "inference.GRPCInferenceService/ServerMetadata",
    "inference.GRPCInferenceService/ModelMetadata",
    "inference.GRPCInferenceService/ModelConfig",
    "inference.GRPCInferenceService/ModelStatistics",
    "inference.GRPCInferenceService/RepositoryIndex",
    "inference.GRPCInferenceService/RepositoryModelLoad",
    "inference.GRPCInferenceService/RepositoryModelUnload",
    "inference.GRPCInferenceService/SystemSharedMemoryStatus",
    "inference.GRPCInferenceService/CudaSharedMemoryStatus",
    "inference.GRPCInferenceService/SystemSharedMemoryRegister",
    "inference.GRPCInferenceService/SystemSharedMemoryUnregister",
    "inference.GRPCInferenceService/CudaSharedMemoryRegister",
    "inference.GRPCInferenceService/CudaSharedMemoryUnregister",
    "inference.GRPCInferenceService/TraceSetting",
    "inference.GRPCInferenceService/LogSettings",
    "grpc.health.v1.Health/Check",
    "grpc.health.v1.Health/Watch",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_call() {
        for name in NAMES {
            assert!(Call::of(&format!("/{name}")).is_some(), "{name}");
            assert_eq!(Call::name_of(&format!("/{name}")), name);
        }
        assert_eq!(Call::name_of("/inference.GRPCInferenceService/Other"), "_OTHER");
    }
}
