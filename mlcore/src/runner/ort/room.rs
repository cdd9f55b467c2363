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
    Err(refused(name, problem))
}

/// Nothing where the process has no more memory than it may now that the model is loaded and has run: what ONNX Runtime keeps
/// between runs is not known before.
///
/// # Errors
/// [`Error::Unavailable`] where the process has more.
pub(super) fn check_after(name: &str, limits: &Limits) -> Result<()> {
    let most = limits.max_process_bytes;
    if most == u64::MAX {
        return Ok(());
    }
    let has = resident_bytes();
    if has <= most {
        return Ok(());
    }
    Err(refused(name, format!("with it, the process has {has} bytes of the {most} that it may have")))
}

fn refused(name: &str, problem: String) -> Error {
    Error::unavailable("load model", name, problem)
        .remedy("unload another model, or raise the limit max_process_bytes")
}

/// What the process holds in memory; none of it is known where there is no `/proc`.
fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0).saturating_mul(1024)
}

/// The file, what ONNX Runtime parses out of it, and the tensors that it makes of that: all three are there at a time.
const COPIES: u64 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_needs_room_for_its_files_thrice() {
        let has = resident_bytes();
        assert!(!cfg!(target_os = "linux") || has > 1 << 20, "{has}");
        check("m", u64::MAX, &Limits::default()).unwrap();
        let limits = Limits::default().with_max_process_bytes(has + (64 << 20));
        check("m", 1 << 10, &limits).unwrap();
        let error = check("m", 64 << 20, &limits).unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)), "{error}");
        assert!(error.to_string().contains("loading it needs about 201326592 bytes"), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_model_that_keeps_more_than_its_files_told_is_refused_when_it_has_run() {
        check_after("m", &Limits::default()).unwrap();
        check_after("m", &Limits::default().with_max_process_bytes(u64::MAX - 1)).unwrap();
        let error = check_after("m", &Limits::default().with_max_process_bytes(1 << 20)).unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)), "{error}");
        assert!(error.to_string().contains("of the 1048576 that it may have"), "{error}");
    }
}
