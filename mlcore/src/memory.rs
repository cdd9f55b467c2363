//! Sizes that come from data or from options, asked for before memory of that size is taken: an allocation that fails aborts
//! the process.

use crate::error::{Error, Result};

/// Makes sure that memory for so many values of a type can be had: the product of `sizes`.
///
/// It is taken and given back, so that what is asked for next finds it, unless another thread was quicker. A system that
/// promises more than it has can still end the process when the memory is written.
///
/// # Errors
/// [`Error::Unsupported`] that names the operation and the subject, and says how much was asked for.
///
/// ```
/// use mlcore::memory;
///
/// memory::require::<f64>("transform", "table", &[1000, 30])?;
/// let error = memory::require::<f64>("transform", "table", &[1 << 40, 1 << 40]).unwrap_err();
/// assert!(error.to_string().contains("1099511627776 x 1099511627776"));
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn require<T>(operation: &'static str, subject: &str, sizes: &[usize]) -> Result<()> {
    let length = sizes.iter().try_fold(1_usize, |length, size| length.checked_mul(*size));
    let fits = length.is_some_and(|length| Vec::<T>::new().try_reserve_exact(length).is_ok());
    if fits {
        return Ok(());
    }
    let shown = sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x ");
    let bytes = sizes.iter().fold(size_of::<T>() as f64, |bytes, size| bytes * *size as f64);
    let problem = format!("{shown} values take {:.0} GB, which cannot be had", (bytes / 1e9).ceil());
    Err(Error::unsupported(operation, subject, problem).remedy("ask for less at a time"))
}

/// So many zeros (or whatever the default of the type is): the product of `sizes`.
///
/// # Errors
/// As [`require`].
///
/// Much memory is asked for in large pages, where the system has them: half of the time that it takes to write a table for the
/// first time goes into handing small ones out.
pub fn zeros<T: Clone + Default>(operation: &'static str, subject: &str, sizes: &[usize]) -> Result<Vec<T>> {
    require::<T>(operation, subject, sizes)?;
    Ok(zeros_at_hand(sizes.iter().product()))
}

/// As [`zeros`], for memory that [`require`] answered for together with that of others.
#[must_use]
pub fn zeros_at_hand<T: Clone + Default>(count: usize) -> Vec<T> {
    let zeros = vec![T::default(); count];
    on_large_pages(&zeros);
    zeros
}

/// From so many bytes on large pages are asked for, as numpy does: below, memory is mostly used again.
#[cfg(target_os = "linux")]
const MUCH: usize = 4 << 20;

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "a foreign interface")]
fn on_large_pages<T>(values: &[T]) {
    const PAGE: usize = 4096;
    let bytes = size_of_val(values);
    if bytes < MUCH {
        return;
    }
    let start = values.as_ptr().cast::<u8>();
    let skipped = start.align_offset(PAGE);
    let Some(length) = bytes.checked_sub(skipped).map(|rest| rest / PAGE * PAGE) else { return };
    // SAFETY: the pages lie within the slice, and the advice changes neither their content nor whom they belong to.
    // That the system does not take it is no failure.
    unsafe {
        libc::madvise(start.add(skipped).cast_mut().cast(), length, libc::MADV_HUGEPAGE);
    }
}

#[cfg(not(target_os = "linux"))]
fn on_large_pages<T>(_: &[T]) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_had_is_refused_by_name() {
        assert_eq!(zeros::<u8>("count", "labels", &[2, 3]).unwrap(), [0; 6]);
        assert!(zeros::<u8>("count", "labels", &[0, usize::MAX]).unwrap().is_empty());
        for sizes in [&[usize::MAX, 2][..], &[1 << 30, 1 << 30], &[usize::MAX]] {
            let error = zeros::<f64>("count", "labels", sizes).unwrap_err();
            assert!(matches!(error, Error::Unsupported(_)), "{error}");
            assert!(error.to_string().starts_with("count labels: ") && error.to_string().contains("GB"));
        }
    }
}
