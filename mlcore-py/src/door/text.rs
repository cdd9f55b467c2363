//! Arguments that are text.

use std::fmt;
use std::ops::Deref;

use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::value::{self, Place};

/// An argument that is text: a `str` of Python whose characters are Unicode.
///
/// pyo3's own reader lets a surrogate without its other half through as a `UnicodeEncodeError`, which says neither what was
/// read nor what to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Text(String);

impl Text {
    /// For defaults.
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'py> FromPyObject<'_, 'py> for Text {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match object.cast::<PyString>() {
            Ok(text) => unicode(&text).map(|text| Self(text.to_owned())),
            // The error says which argument it is and what it is instead.
            Err(_) => object.extract::<String>().map(Self),
        }
    }
}

/// The characters of a `str`.
pub(crate) fn unicode<'a>(text: &'a Bound<'_, PyString>) -> PyResult<&'a str> {
    let shown = text.repr().map_or_else(|_| "text".to_owned(), |shown| shown.to_string());
    value::text(text, Place::single("read text", &shown))
}
