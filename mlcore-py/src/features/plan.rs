//! A fitted plan, as Python holds it.

use std::sync::Mutex;

use mlcore::arrow::array::RecordBatch;
use mlcore::batch::RecordReader;
use mlcore::schema::{DType, Schema};
use mlcore_features::pipeline::{self, FittedStep};
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use super::{answers, attributes, custom, diagram, steps};
use crate::door::{self, Asked};
use crate::error::{detached, entry};

/// A fitted plan: the function from raw columns to features, with the digest of its content.
///
/// Made by the ``plan()`` of a fitted transformer, or read from bytes. The same plan runs in Rust, on tables and on single
/// rows, with the same bits.
///
/// Examples
/// --------
/// >>> from mlcore.features import Plan, StandardScaler
/// >>> plan = StandardScaler().fit({"age": [20.0, 40.0]}).plan()
/// >>> plan.feature_names_out, plan.transform_row({"age": 50.0}).tolist()
/// (['age'], [2.0])
/// >>> Plan.from_bytes(plan.to_bytes()).plan_hash == plan.plan_hash
/// True
#[pyclass(module = "mlcore.features", frozen, eq)]
#[derive(Debug)]
pub(crate) struct Plan {
    pub(super) fitted: pipeline::Plan,
    /// The columns of the table it was fitted on, in order.
    pub(super) columns: Vec<String>,
    /// Whether that table had names of its own.
    pub(super) named: bool,
    /// The classes of the functions of Python that it names, and perhaps of others.
    pub(super) functions: Vec<Py<PyAny>>,
    /// Readers of records that no thread uses at the moment.
    pub(super) readers: Mutex<Vec<RecordReader>>,
}

impl Plan {
    /// The plan as Rust holds it.
    pub(crate) fn fitted(&self) -> &pipeline::Plan {
        &self.fitted
    }

    pub(super) fn new(
        fitted: pipeline::Plan,
        columns: Vec<String>,
        named: bool,
        functions: Vec<Py<PyAny>>,
    ) -> Self {
        Self { fitted, columns, named, functions, readers: Mutex::default() }
    }
}

impl PartialEq for Plan {
    fn eq(&self, other: &Self) -> bool {
        self.fitted == other.fitted
    }
}

#[pymethods]
impl Plan {
    /// Reads what :meth:`to_bytes` wrote. Nothing in a plan is executed while loading.
    ///
    /// Parameters
    /// ----------
    /// data : bytes
    ///     A stored plan.
    /// functions : list of CustomTransformer, optional
    ///     The classes of the functions that the plan names, in the versions that it names; others may be among them. A plan stores
    ///     names and versions, and no code.
    ///
    /// Raises
    /// ------
    /// CorruptError
    ///     When the bytes are no plan, or not the one that was written.
    /// UnsupportedError
    ///     For a format version that this version of mlcore does not know, and for functions that the plan names and that are not
    ///     there, all of which the error names.
    #[staticmethod]
    #[pyo3(signature = (data, functions = None))]
    pub(crate) fn from_bytes(
        py: Python<'_>,
        data: &[u8],
        functions: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        entry(py, |py| {
            let (functions, classes) = custom::functions(functions)?;
            let fitted = detached(py, || pipeline::Plan::from_bytes_with(data, &functions))?;
            let columns: Vec<String> = fitted.input().names().map(str::to_owned).collect();
            let named = has_own_names(fitted.input());
            Ok(Self::new(fitted, columns, named, classes))
        })
    }

    /// The plan as bytes: JSON with a format version and the digest of its content.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        entry(py, |py| {
            let bytes = detached(py, || self.fitted.to_bytes())?;
            Ok(PyBytes::new(py, &bytes))
        })
    }

    /// The SHA-256 of the plan's content, 64 hexadecimal digits: equal wherever the same was learnt.
    #[getter]
    fn plan_hash(&self) -> &str {
        self.fitted.digest()
    }

    /// The raw columns that it reads, with their types.
    #[getter]
    fn inputs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        described(py, self.fitted.input())
    }

    /// The features that it makes, with their types.
    #[getter]
    fn outputs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        described(py, self.fitted.output())
    }

    /// The names of the features.
    #[getter]
    fn feature_names_out(&self) -> Vec<&str> {
        self.fitted.feature_names_out()
    }

    /// The names of the columns that it was fitted on, in order.
    #[getter]
    fn feature_names_in(&self) -> Vec<&str> {
        self.columns.iter().map(String::as_str).collect()
    }

    #[getter]
    fn _named(&self) -> bool {
        self.named
    }

    /// The features of a table as an array of shape ``(rows, features)``.
    ///
    /// Columns are found by name, others are ignored; an array without names is read by position. Missing features are NaN.
    ///
    /// Parameters
    /// ----------
    /// X : table
    ///     A frame of pandas, polars or pyarrow, a 2-D array, a dict of columns, a list of dicts.
    /// dtype : {"float64", "float32"}
    ///     The element type of the answer; features are computed as float64 and rounded once. Where a column of text, dates
    ///     or times passes through, the answer is an array of objects; a moment with a time zone is a datetime in UTC there.
    /// threads : int
    ///     On how many threads the rows are shared out. The answer has the same bits on any number of them.
    ///
    /// Raises
    /// ------
    /// SchemaMismatchError
    ///     For a column that is missing or of another type.
    /// InvalidInputError
    ///     For a value that a step refuses, with its column and row.
    #[pyo3(signature = (X, dtype = "float64", *, threads = None))]
    #[expect(non_snake_case, reason = "scikit-learn's name of the argument")]
    fn transform<'py>(
        &self,
        py: Python<'py>,
        X: &Bound<'py, PyAny>,
        dtype: &str,
        threads: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| {
            let on = self.on_threads(threads)?;
            let asked = Asked { operation: TRANSFORM, subject: "X" };
            let columns = door::columns(X, None, asked)?;
            if let Some(features) = self.of_matrix(py, &columns, dtype, on) {
                return features;
            }
            let (input, named) = (self.fitted.input(), self.named);
            let table = door::fitting_columns(py, &columns, input, &self.columns, named, asked)?;
            if self.fitted.output().fields().iter().any(|field| !field.dtype().is_numeric()) {
                return detached(py, || on.transform(&table))
                    .map(|features| crate::table::Table::new(&features))?
                    .to_numpy(py);
            }
            match dtype.parse() {
                Ok(DType::Float64) => self.matrix::<f64>(py, &table, on),
                Ok(DType::Float32) => self.matrix::<f32>(py, &table, on),
                _ => Err(crate::stats::unknown(py, TRANSFORM, "dtype", dtype, "float64, float32")),
            }
        })
    }

    /// The features of a table as a table: columns that pass through keep their type. As :meth:`transform` on ``threads``.
    #[pyo3(signature = (X, *, threads = None))]
    #[expect(non_snake_case, reason = "scikit-learn's name of the argument")]
    fn transform_table(
        &self,
        py: Python<'_>,
        X: &Bound<'_, PyAny>,
        threads: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<crate::table::Table> {
        entry(py, |py| {
            let on = self.on_threads(threads)?;
            let table = self.table(X)?;
            detached(py, || on.transform(&table)).map(|table| crate::table::Table::new(&table))
        })
    }

    /// The features of a table as a sparse matrix of shape ``(rows, features)``, made without a dense one.
    ///
    /// Time and memory are proportional to what is not zero. Entries are sorted by column, each there once, and have the bits
    /// that they have in :meth:`transform`; 0.0 and -0.0 are left out, NaN is not.
    ///
    /// Parameters
    /// ----------
    /// X : table
    ///     As for :meth:`transform`.
    /// dtype : {"float64", "float32"}
    ///     The element type of the answer.
    /// threads : int
    ///     As for :meth:`transform`.
    ///
    /// Returns
    /// -------
    /// scipy.sparse.csr_matrix
    ///     Or a ``csr_array``, where scikit-learn's configuration ``sparse_interface`` says ``sparray``.
    ///
    /// Raises
    /// ------
    /// MissingPackageError
    ///     Where scipy is not installed.
    /// SchemaMismatchError, InvalidInputError
    ///     As :meth:`transform`.
    /// UnsupportedError
    ///     Where a column of text, dates or times passes through.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.features import OneHotEncoder
    /// >>> plan = OneHotEncoder().fit({"plan": ["free", "pro", "team"]}).plan()
    /// >>> matrix = plan.transform_sparse({"plan": ["team", "free"]})
    /// >>> matrix.shape, matrix.indices.tolist(), matrix.data.tolist()
    /// ((2, 3), [2, 0], [1.0, 1.0])
    #[pyo3(signature = (X, dtype = "float64", *, threads = None))]
    #[expect(non_snake_case, reason = "scikit-learn's name of the argument")]
    fn transform_sparse<'py>(
        &self,
        py: Python<'py>,
        X: &Bound<'py, PyAny>,
        dtype: &str,
        threads: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| {
            let on = self.on_threads(threads)?;
            let table = self.table(X)?;
            match dtype.parse() {
                Ok(DType::Float64) => {
                    answers::sparse(py, || detached(py, || on.transform_sparse::<f64>(&table)))
                }
                Ok(DType::Float32) => {
                    answers::sparse(py, || detached(py, || on.transform_sparse::<f32>(&table)))
                }
                _ => Err(unknown_dtype(py, dtype)),
            }
        })
    }

    /// Turns features back into columns, as far as they tell.
    ///
    /// Parameters
    /// ----------
    /// X : table
    ///     What :meth:`transform` answered: an array, or a frame with the names of the features.
    ///
    /// Returns
    /// -------
    /// table
    ///     Of Arrow columns: numbers as float64, bins as their centres, an unknown category as null.
    ///
    /// Raises
    /// ------
    /// UnsupportedError
    ///     For a ColumnTransformer, a FeatureUnion, and for a SimpleImputer without indicators.
    /// InvalidInputError
    ///     For features that no category or bin has.
    #[expect(non_snake_case, reason = "scikit-learn's name of the argument")]
    fn inverse_transform(&self, py: Python<'_>, X: &Bound<'_, PyAny>) -> PyResult<crate::table::Table> {
        entry(py, |py| {
            let asked = Asked { operation: "inverse transform", subject: "X" };
            let names: Vec<String> = self.fitted.output().names().map(str::to_owned).collect();
            let table = door::fitting_table(X, self.fitted.output(), &names, true, asked)?;
            detached(py, || self.fitted.inverse_transform(&table))
                .map(|table| crate::table::Table::new(&table))
        })
    }

    /// The features of a single record, an array of shape ``(features,)``.
    ///
    /// Parameters
    /// ----------
    /// row : dict
    ///     A value per column that the plan reads; others are ignored. ``None`` and NaN are missing. Dates and times are
    ///     those of ``datetime``, numpy and pandas, or ISO 8601 text. A row of pandas (``df.iloc[0]``), a named tuple of
    ///     ``itertuples()`` and a record of numpy are taken too, and values by position in the order of the columns that
    ///     were fitted.
    /// strict : bool
    ///     Refuse a name that the plan does not read, which may be a slip of the pen.
    ///
    /// Raises
    /// ------
    /// SchemaMismatchError
    ///     For a value that is absent or of another type.
    /// InvalidInputError
    ///     For a value that a step refuses: an unknown category, an infinity.
    #[pyo3(signature = (row, *, strict = false))]
    fn transform_row<'py>(
        &self,
        py: Python<'py>,
        row: &Bound<'py, PyAny>,
        strict: bool,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        entry(py, |py| {
            // A single row takes a microsecond or two: less than releasing the interpreter would cost.
            let mut features = vec![0.0_f64; self.fitted.width()];
            self.read_row(py, row, strict, |row| self.fitted.transform_row(row, &mut features))?;
            Ok(PyArray1::from_vec(py, features))
        })
    }

    /// The features of a single record as a sparse matrix of shape ``(1, features)``, made without a dense row.
    ///
    /// Parameters
    /// ----------
    /// row, strict
    ///     As for :meth:`transform_row`.
    /// dtype : {"float64", "float32"}
    ///     The element type of the answer.
    ///
    /// Returns
    /// -------
    /// scipy.sparse.csr_matrix
    ///     As of :meth:`transform_sparse`, with the errors of both.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.features import HashingVectorizer
    /// >>> plan = HashingVectorizer(n_features=2**20, norm=None).fit({"note": ["late"]}).plan()
    /// >>> row = plan.transform_row_sparse({"note": "paid, and paid late"})
    /// >>> row.shape, row.nnz, sorted(abs(row.data).tolist())
    /// ((1, 1048576), 3, [1.0, 1.0, 2.0])
    #[pyo3(signature = (row, dtype = "float64", *, strict = false))]
    fn transform_row_sparse<'py>(
        &self,
        py: Python<'py>,
        row: &Bound<'py, PyAny>,
        dtype: &str,
        strict: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| match dtype.parse() {
            Ok(DType::Float64) => answers::sparse(py, || {
                self.read_row(py, row, strict, |row| self.fitted.transform_row_sparse::<f64>(row))
            }),
            Ok(DType::Float32) => answers::sparse(py, || {
                self.read_row(py, row, strict, |row| self.fitted.transform_row_sparse::<f32>(row))
            }),
            _ => Err(unknown_dtype(py, dtype)),
        })
    }

    /// The names and versions of the functions of the host that the plan names, in the order of its steps.
    #[getter]
    fn functions(&self) -> Vec<(String, u32)> {
        let functions = self.fitted.functions();
        functions.iter().map(|function| (function.name().to_owned(), function.version())).collect()
    }

    /// What is otherwise in a plan that is to follow this one, in words: its columns, features, steps, parameters, and what it learnt.
    ///
    /// Returns
    /// -------
    /// list of str
    ///     A sentence for each change; empty where the plans are equal. Of many numbers of one kind the first ten are told.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.features import StandardScaler
    /// >>> old = StandardScaler().fit({"age": [20.0, 40.0]}).plan()
    /// >>> old.diff(StandardScaler().fit({"age": [20.0, 60.0]}).plan())[0]
    /// 'mean_ of age was 30, is 40'
    fn diff(&self, py: Python<'_>, new: &Self) -> PyResult<Vec<String>> {
        entry(py, |py| {
            let diff = py.detach(|| self.fitted.diff(&new.fitted));
            Ok(diff.iter().map(ToString::to_string).collect())
        })
    }

    /// The plan as text for Mermaid, which GitHub and notebooks draw: a flow chart from the columns to the features.
    fn to_mermaid(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |_| Ok(self.fitted.to_mermaid()))
    }

    fn _repr_html_(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |_| Ok(diagram::of_plan(&self.__repr__(), self.fitted.step())))
    }

    fn __repr__(&self) -> String {
        let (inputs, outputs) = (self.fitted.input().len(), self.fitted.width());
        let hash = self.fitted.digest().get(..12).unwrap_or_default();
        format!("<mlcore.features.Plan {hash}: {inputs} columns -> {outputs} features>")
    }

    fn __hash__(&self) -> u64 {
        let digits = self.fitted.digest().get(..16).unwrap_or_default();
        u64::from_str_radix(digits, 16).unwrap_or_default()
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let own = slf.get();
        let rebuild = slf.get_type().getattr("_rebuilt")?;
        let functions = PyList::new(slf.py(), &own.functions)?;
        let state = (own.to_bytes(slf.py())?, &own.columns, own.named, functions);
        Ok((rebuild, state).into_pyobject(slf.py())?.into_any())
    }

    #[staticmethod]
    #[pyo3(signature = (data, columns, named, functions = None))]
    fn _rebuilt(
        py: Python<'_>,
        data: &[u8],
        columns: Vec<String>,
        named: bool,
        functions: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        Ok(Self { columns, named, ..Self::from_bytes(py, data, functions)? })
    }

    /// What the transformer learnt, under scikit-learn's names.
    fn _attributes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        entry(py, |py| attributes::learnt(py, self.fitted.step()))
    }

    /// What a function of the host learnt, as JSON.
    fn _state(&self) -> Option<String> {
        match self.fitted.step() {
            FittedStep::Function(function) => Some(function.state().to_string()),
            _ => None,
        }
    }

    /// The plans of the transformers inside, by name; a branch of columns also with these.
    fn _steps<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        entry(py, |py| steps::inside(self, py))
    }
}

pub(super) const TRANSFORM: &str = "transform";

impl Plan {
    fn table(&self, object: &Bound<'_, PyAny>) -> PyResult<RecordBatch> {
        let asked = Asked { operation: TRANSFORM, subject: "X" };
        door::fitting_table(object, self.fitted.input(), &self.columns, self.named, asked)
    }
}

fn unknown_dtype(py: Python<'_>, dtype: &str) -> PyErr {
    crate::stats::unknown(py, TRANSFORM, "dtype", dtype, "float64, float32")
}

/// Whether the columns that a plan reads had names of their own, and not those that the door gives to columns without.
pub(crate) fn has_own_names(input: &Schema) -> bool {
    let is_positional = |name: &str| {
        name.strip_prefix('x')
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()))
    };
    !input.names().all(is_positional)
}

fn described<'py>(py: Python<'py>, schema: &Schema) -> PyResult<Bound<'py, PyDict>> {
    let described = PyDict::new(py);
    for field in schema.fields() {
        described.set_item(field.name(), field.dtype().to_string())?;
    }
    Ok(described)
}
