//! The modules of `mlcore._mlcore`: one for each module of the package, which takes all that is in it by `import *`.

use pyo3::prelude::*;

/// Makes the module that one file declares.
pub(crate) type Part<'a> = &'a dyn Fn(Python<'_>) -> Py<PyModule>;

/// Adds the module `name` with everything that its parts declare. Its `__all__` lists the names.
pub(crate) fn add(native: &Bound<'_, PyModule>, name: &str, parts: &[Part<'_>]) -> PyResult<()> {
    let py = native.py();
    let qualified = format!("{}.{name}", native.name()?);
    let module = PyModule::new(py, &qualified)?;
    for part in parts {
        let part = part(py).into_bound(py);
        for item in part.index()? {
            let item = item.extract::<String>()?;
            module.add(item.as_str(), part.getattr(item.as_str())?)?;
        }
    }
    native.add(name, &module)?;
    // Python looks here for the module of an import, and never asks an extension for the modules inside it.
    py.import("sys")?.getattr("modules")?.set_item(qualified, module)
}
