use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::words;

/// Where a model runs: an execution provider of ONNX Runtime. In words `cpu`, `cuda`, or `cuda:1` for the second GPU; ONNX
/// Runtime's own names, such as `CPUExecutionProvider`, are read too.
///
/// ```
/// use mlcore::runner::ort::Provider;
///
/// assert_eq!("cuda:1".parse::<Provider>()?, Provider::Cuda { device: 1 });
/// assert_eq!(Provider::Cuda { device: 0 }.to_string(), "cuda:0");
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Provider {
    /// The CPU, which runs every standard operator.
    Cpu,
    /// An NVIDIA GPU, in the driver's numbering. Needs the library of `onnxruntime-gpu`.
    Cuda {
        /// The GPU.
        device: u32,
    },
}

/// What may run on the CPU when another provider was asked for.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Fallback {
    /// Nothing: every node of the model runs on the provider asked for, or loading is an error.
    #[default]
    Forbidden,
    /// Single nodes, such as computations on shapes; some node must run on the provider asked for.
    Nodes,
    /// Everything: the next provider is tried, then the CPU, with a warning in the log.
    Allowed,
}

words! { Fallback, "fallback": Forbidden = "forbidden", Nodes = "nodes", Allowed = "allowed" }

impl Provider {
    /// The label of metrics: `cpu`, `cuda`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda { .. } => "cuda",
        }
    }

    /// ONNX Runtime's name for it.
    pub(super) fn full_name(self) -> &'static str {
        match self {
            Self::Cpu => "CPUExecutionProvider",
            Self::Cuda { .. } => "CUDAExecutionProvider",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda { device } => write!(f, "cuda:{device}"),
        }
    }
}

impl FromStr for Provider {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        let cuda = |device: &str| device.parse().ok().map(|device| Self::Cuda { device });
        let read = match word.split_once(':') {
            None => {
                let known = [Self::Cpu, Self::Cuda { device: 0 }];
                known.into_iter().find(|provider| [provider.label(), provider.full_name()].contains(&word))
            }
            Some(("cuda", device)) => cuda(device),
            Some(_) => None,
        };
        read.ok_or_else(|| words::unknown("provider", word, &["cpu", "cuda", "cuda:1"]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_are_read_as_they_are_written() {
        for provider in [Provider::Cpu, Provider::Cuda { device: 0 }, Provider::Cuda { device: 7 }] {
            assert_eq!(provider.to_string().parse::<Provider>().unwrap(), provider);
        }
        for (word, provider) in [
            ("cuda", Provider::Cuda { device: 0 }),
            ("CUDAExecutionProvider", Provider::Cuda { device: 0 }),
            ("CPUExecutionProvider", Provider::Cpu),
        ] {
            assert_eq!(word.parse::<Provider>().unwrap(), provider);
        }
        for word in ["", "CPU", "cpu:0", "cuda:", "cuda:-1", "cuda:first", "tpu"] {
            let error = word.parse::<Provider>().unwrap_err().to_string();
            assert_eq!(error, format!("read provider: {word:?} is not known; use one of cpu, cuda, cuda:1"));
        }
    }
}
