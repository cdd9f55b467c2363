//! Whether the process has room for another model.

use std::fs;

use super::options::Limits;
use crate::error::{Error, Result};

/// Nothing where a model whose files have so many bytes may be loaded under the limits.
///
/// # Errors
/// [`Error::Unavailable`] where the process would have more memory than it may.
pub(super) fn check(name: &str, bytes: u64, limits: &Limits) -> Result<()> {
    let most = limits.max_process_bytes;
    if most == u64::MAX {
        return Ok(());
    }
    let (has, needs) = (resident_bytes(), bytes.saturating_mul(COPIES));
    if has.saturating_add(needs) <= most {
        return Ok(());
    }
    let problem = format!(
        "loading it needs about {needs} bytes, and the process has {has} of the {most} that it may have"
    );
    Err(Error::unavailable("load model", name, problem)
        .remedy("unload another model, or raise the limit max_process_bytes"))
}

/// What the process holds in memory; none of it is known where there is no `/proc`.
fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0).saturating_mul(1024)
}

/// The file, and what ONNX Runtime makes of it.
const COPIES: u64 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_needs_room_for_its_files_twice() {
        let has = resident_bytes();
        assert!(!cfg!(target_os = "linux") || has > 1 << 20, "{has}");
        check("m", u64::MAX, &Limits::default()).unwrap();
        let limits = Limits::default().with_max_process_bytes(has + (64 << 20));
        check("m", 1 << 20, &limits).unwrap();
        let error = check("m", 64 << 20, &limits).unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)), "{error}");
        assert!(error.to_string().contains("loading it needs about 134217728 bytes"), "{error}");
    }
}
