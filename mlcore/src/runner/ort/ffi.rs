//! The border to ONNX Runtime's C interface: calls that can fail, objects that must be released.

use std::ffi::{CStr, CString, c_char, c_void};
use std::fmt;
use std::mem::{MaybeUninit, offset_of};
use std::ptr::{self, NonNull};

use ort_sys as sys;

use crate::error::{Error, Result};

/// The table of ONNX Runtime's functions, and the version of the interface up to which the library has them. The library it
/// points into is never unloaded.
#[derive(Clone, Copy)]
pub(super) struct Api(pub(super) &'static sys::OrtApi, u32);

/// What ONNX Runtime said when it refused.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) code: i32,
    pub(super) message: String,
}

/// Calls one function of the table whose answer is a status: `call!(api, Run(..))` is `Result<(), Failure>`.
macro_rules! call {
    ($api:expr, $function:ident($($argument:expr),* $(,)?)) => {{
        let api = $api;
        api.check((api.0.$function)($($argument),*))
    }};
}
pub(super) use call;

#[expect(unsafe_code, reason = "a foreign interface")]
impl Api {
    /// The functions of a library that answered `table` when it was asked for this version of the interface, which is at
    /// least [`OLDEST`](Self::OLDEST).
    ///
    /// # Safety
    /// `table` is such a table, and lives as long as the process.
    pub(super) unsafe fn of(table: NonNull<sys::OrtApi>, version: u32) -> Self {
        if version >= sys::ORT_API_VERSION {
            // SAFETY: the library has every function of the table, which only grows from version to version.
            return Self(unsafe { table.as_ref() }, version);
        }
        // An older library's table is shorter than the type. What it lacks is never called, see `has`, and is filled up with a
        // function, because a pointer to a function is never null.
        extern "system" fn absent() {}
        let mut whole = Box::new(MaybeUninit::<sys::OrtApi>::uninit());
        let places = size_of::<sys::OrtApi>() / size_of::<extern "system" fn()>();
        let known = offset_of!(sys::OrtApi, TensorTypeAndShape_HasShape);
        // SAFETY: the table is a list of pointers to functions; `known` bytes are those of the versions up to `OLDEST`, which the
        // library has.
        unsafe {
            let first = whole.as_mut_ptr().cast::<extern "system" fn()>();
            (0..places).for_each(|place| first.add(place).write(absent));
            ptr::copy_nonoverlapping(table.as_ptr().cast::<u8>(), whole.as_mut_ptr().cast(), known);
            Self(Box::leak(whole).assume_init_ref(), version)
        }
    }

    /// The oldest version of the interface that is used: that of the last ONNX Runtime for Python 3.10.
    pub(super) const OLDEST: u32 = 23;

    /// Whether the library has the functions of this version.
    pub(super) fn has(self, version: u32) -> bool {
        self.1 >= version
    }

    pub(super) fn check(self, status: sys::OrtStatusPtr) -> Result<(), Failure> {
        match NonNull::new(status.0) {
            None => Ok(()),
            Some(status) => Err(self.failure(status)),
        }
    }

    #[cold]
    fn failure(self, status: NonNull<sys::OrtStatus>) -> Failure {
        // SAFETY: ONNX Runtime handed over this status; its message lives until the release below, and it is released once.
        unsafe {
            // Read as a number: a newer library may have codes that the enum does not, and such an enum is no value.
            type Code = unsafe extern "system" fn(*const sys::OrtStatus) -> i32;
            let code = std::mem::transmute::<
                unsafe extern "system" fn(*const sys::OrtStatus) -> sys::OrtErrorCode,
                Code,
            >(self.0.GetErrorCode)(status.as_ptr());
            let message = text((self.0.GetErrorMessage)(status.as_ptr()));
            (self.0.ReleaseStatus)(status.as_ptr());
            Failure { code, message }
        }
    }

    /// The object that `create` writes, released by `release` when dropped.
    ///
    /// # Safety
    /// `create` must be a function of the table that hands over an object, and `release` the one that releases it.
    pub(super) unsafe fn create<T>(
        self,
        release: unsafe extern "system" fn(*mut T),
        create: impl FnOnce(*mut *mut T) -> sys::OrtStatusPtr,
    ) -> Result<Owned<T>, Failure> {
        let mut pointer = ptr::null_mut();
        self.check(create(&raw mut pointer))?;
        match NonNull::new(pointer) {
            Some(pointer) => Ok(Owned { pointer, release }),
            None => Err(Failure { code: 1, message: "ONNX Runtime handed over nothing".into() }),
        }
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Api")
    }
}

/// An object of ONNX Runtime, released when dropped.
pub(super) struct Owned<T> {
    pointer: NonNull<T>,
    release: unsafe extern "system" fn(*mut T),
}

impl<T> Owned<T> {
    /// Takes over an object; none for null.
    ///
    /// # Safety
    /// The object is handed over to the caller, and `release` releases it.
    #[expect(unsafe_code, reason = "a foreign interface")]
    pub(super) unsafe fn from_raw(
        pointer: *mut T,
        release: unsafe extern "system" fn(*mut T),
    ) -> Option<Self> {
        NonNull::new(pointer).map(|pointer| Self { pointer, release })
    }

    pub(super) fn as_ptr(&self) -> *mut T {
        self.pointer.as_ptr()
    }
}

#[expect(unsafe_code, reason = "a foreign interface")]
impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer came with this release function, and a value is dropped once.
        unsafe { (self.release)(self.pointer.as_ptr()) }
    }
}

// SAFETY: ONNX Runtime's objects are plain heap objects without thread affinity.
#[expect(unsafe_code, reason = "a foreign interface")]
unsafe impl<T> Send for Owned<T> {}

// SAFETY: sharing one gives nothing but its pointer. What may be done with it at once is decided where it is used: sets of
// run options and of session options take their stop flag from other threads, sessions see pool.rs, and memory infos
// and environments are read only.
#[expect(unsafe_code, reason = "a foreign interface")]
unsafe impl<T> Sync for Owned<T> {}

impl<T> fmt::Debug for Owned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:p}", self.pointer)
    }
}

impl Failure {
    /// What went wrong, without the place in ONNX Runtime's source and without its frame of words.
    pub(super) fn reason(&self) -> String {
        let line = self.message.lines().next().unwrap_or_default().trim();
        let told = if line.starts_with('/') { after_signature(line) } else { line };
        let Some(frame) = told.strip_prefix("Non-zero status code returned while running ") else {
            return told.trim().to_owned();
        };
        let operator = frame.split(" node.").next().unwrap_or_default();
        let problem = frame.split_once("Status Message: ").map_or(frame, |(_, problem)| problem);
        let problem = if problem.starts_with('/') { after_signature(problem) } else { problem };
        format!("{operator}: {}", problem.trim())
    }

    /// The failure of a call that nothing but a fault of this library or of ONNX Runtime explains.
    pub(super) fn internal(self, operation: &'static str) -> Error {
        Error::internal(operation, "ONNX Runtime", self.message)
    }
}

/// What follows the file, line and C++ function that lead a message.
fn after_signature(line: &str) -> &str {
    let mut depth = 0_i32;
    for (index, letter) in line.char_indices() {
        depth += match letter {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        let rest = line.get(index + 1..).unwrap_or_default();
        // The arguments end here, unless the parenthesis was that of an anonymous namespace.
        if letter == ')' && depth == 0 && rest.starts_with(' ') {
            return rest.strip_prefix(" const ").unwrap_or(rest).trim_start();
        }
    }
    line
}

/// The text at `pointer`, lossy where it is not UTF-8.
///
/// # Safety
/// `pointer` is null or a string that ends in NUL.
#[expect(unsafe_code, reason = "a foreign interface")]
pub(super) unsafe fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: as promised by the caller.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}

/// `text` as C takes it.
pub(super) fn c_string(operation: &'static str, text: &str) -> Result<CString> {
    CString::new(text)
        .map_err(|_| Error::invalid_input(operation, format!("{text:?}"), "it holds a NUL character"))
}

/// Forwards what ONNX Runtime logs to `tracing`.
pub(super) extern "system" fn log(
    _parameter: *mut c_void,
    severity: sys::OrtLoggingLevel,
    _category: *const c_char,
    _id: *const c_char,
    location: *const c_char,
    message: *const c_char,
) {
    // SAFETY: ONNX Runtime passes strings that live as long as the call.
    #[expect(unsafe_code, reason = "a foreign interface")]
    let (location, message) = unsafe { (text(location), text(message)) };
    match severity {
        sys::OrtLoggingLevel::ORT_LOGGING_LEVEL_ERROR | sys::OrtLoggingLevel::ORT_LOGGING_LEVEL_FATAL => {
            tracing::error!(target: "mlcore::onnxruntime", location, "{message}");
        }
        sys::OrtLoggingLevel::ORT_LOGGING_LEVEL_WARNING => {
            tracing::warn!(target: "mlcore::onnxruntime", location, "{message}");
        }
        _ => tracing::debug!(target: "mlcore::onnxruntime", location, "{message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(unsafe_code, reason = "a table as an older library has it")]
    fn of_an_older_library_only_the_functions_that_it_has_are_read() {
        extern "system" fn own() {}
        // Not one function longer than that version's.
        let known = offset_of!(sys::OrtApi, TensorTypeAndShape_HasShape) / size_of::<extern "system" fn()>();
        let table = vec![own as extern "system" fn(); known].leak();
        // SAFETY: the table has the functions of that version, none of which is called, and lives for ever.
        let api = unsafe { Api::of(NonNull::from(table).cast(), Api::OLDEST) };
        assert!(api.has(23) && !api.has(24));
        let place = |function: usize| function == own as *const () as usize;
        assert!(place(api.0.Run as usize) && place(api.0.CreateExternalInitializerInfo as usize));
        assert!(!place(api.0.TensorTypeAndShape_HasShape as usize));
        assert!(!place(api.0.GetTensorElementTypeAndShapeDataReference as usize));
    }

    #[test]
    fn messages_lose_their_frame_and_nothing_else() {
        for (message, expected) in [
            (
                "Fatal error: a:B(-1) is not a registered function/op",
                "Fatal error: a:B(-1) is not a registered function/op",
            ),
            (
                "/src/core/x.cc:46 void onnxruntime::f(const std::map<int, g(int)>&, int) Opset 9 (new) is unknown.\n",
                "Opset 9 (new) is unknown.",
            ),
            ("/src/core/x.cc:4 int onnxruntime::(anonymous namespace)::f() const Bad.", "Bad."),
            (
                "Non-zero status code returned while running Gather node. Name:'g' Status Message: idx=7 is out",
                "Gather: idx=7 is out",
            ),
            (
                "Non-zero status code returned while running Add node. Name:'' Status Message: /x.cc:3 void f(int) a == b was false",
                "Add: a == b was false",
            ),
            ("", ""),
        ] {
            assert_eq!(Failure { code: 1, message: message.into() }.reason(), expected);
        }
    }
}
