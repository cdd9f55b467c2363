//! Tensors from what Python has, and arrays from tensors.

use mlcore::batch::{Element, OwnedValue, Tensor};
use mlcore::schema::{self, DType};
use mlcore::{Error, match_element};
use numpy::{
    PyArray1, PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyInt, PyList, PyString, PyTuple};

use super::RUN;
use crate::door::{self, Asked, is_of, type_name};
use crate::error::{invalid, raise, wrong_type};
use crate::value::{self, Place};

/// The tensor of one value of a dict: arrays as they are, lists, series and numbers as the model wants them, where they lose
/// nothing by it.
pub(super) fn tensor(
    value: &Bound<'_, PyAny>,
    name: &str,
    field: Option<&schema::Field>,
) -> PyResult<Tensor> {
    let py = value.py();
    let raised = |error: Error| raise(py, &error);
    if is_of(value, "numpy", &["ndarray"]) {
        return from_numpy(value, name);
    }
    let is_cells = is_sequence(value)
        || is_of(value, "numpy", &["generic"])
        || value.is_instance_of::<PyFloat>()
        || value.is_instance_of::<PyInt>();
    if let Some(field) = field.filter(|_| is_cells) {
        let cells = Cells::read(value, name)?;
        let values = cells.values.iter().map(OwnedValue::as_value);
        let tensor = Tensor::from_values(name, field.dtype(), &cells.shape, values).map_err(raised)?;
        return Ok(tensor.shaped_for(field));
    }
    let array = door::column(value, Asked { operation: RUN, subject: "inputs" })?;
    let dtype = field.map(schema::Field::dtype).or_else(|| DType::from_arrow(array.data_type()));
    let tensor = Tensor::from_column(name, &array, dtype.unwrap_or(DType::Float64)).map_err(raised)?;
    Ok(match field {
        Some(field) => tensor.shaped_for(field),
        None => tensor,
    })
}

fn is_sequence(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>()
}

/// The values of a number, or of lists inside lists, in row-major order.
#[derive(Default)]
struct Cells {
    shape: Vec<usize>,
    values: Vec<OwnedValue>,
    is_deepest_known: bool,
}

impl Cells {
    fn read(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Self> {
        let mut cells = Self::default();
        cells.add(value, name, 0, None)?;
        Ok(cells)
    }

    fn add(
        &mut self,
        value: &Bound<'_, PyAny>,
        name: &str,
        depth: usize,
        row: Option<usize>,
    ) -> PyResult<()> {
        // Most cells are numbers, and a look at the type is cheaper than one at its name.
        let is_number = value.is_instance_of::<PyFloat>() || value.is_instance_of::<PyInt>();
        let listed = match !is_number && is_of(value, "numpy", &["ndarray"]) {
            true => value.call_method0("tolist")?,
            false => value.clone(),
        };
        if !is_sequence(&listed) {
            self.is_deepest_known = true;
            if depth != self.shape.len() {
                return Err(ragged(value, name, row));
            }
            self.values.push(value::read(&listed, Place { operation: RUN, name, row })?);
            return Ok(());
        }
        let len = listed.len()?;
        match self.shape.get(depth) {
            Some(known) if *known == len => {}
            None if !self.is_deepest_known && depth < DEEPEST => self.shape.push(len),
            Some(_) | None => return Err(ragged(value, name, row)),
        }
        for (position, item) in listed.try_iter()?.enumerate() {
            self.add(&item?, name, depth + 1, row.or(Some(position)))?;
        }
        // Where a list is empty, nothing lies deeper.
        self.is_deepest_known |= len == 0;
        Ok(())
    }
}

/// What numpy allows.
const DEEPEST: usize = 32;

fn ragged(value: &Bound<'_, PyAny>, name: &str, row: Option<usize>) -> PyErr {
    let problem = match row {
        Some(row) => format!("row {row}: it has another length or depth than those before it"),
        None => "its lists have different lengths or depths".to_owned(),
    };
    invalid(value.py(), RUN, name, problem, "give lists of equal length")
}

fn from_numpy(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Tensor> {
    let py = value.py();
    door::refuse_masked(value, RUN, name)?;
    let array = value.cast::<PyUntypedArray>()?;
    let dtype = array.dtype();
    if dtype.is_native_byteorder() == Some(false) {
        let native = dtype.call_method1("newbyteorder", ("=",))?;
        return from_numpy(&value.call_method1("astype", (native,))?, name);
    }
    if let Some(known) = door::numeric(&dtype) {
        return match_element!(
            known,
            T => copied::<T>(value),
            _ => Err(wrong_type(py, RUN, name, "it has no elements", "report this to mlcore"))
        );
    }
    match (dtype.kind(), dtype.itemsize()) {
        (b'O' | b'U' | b'T', _) => {
            let flat = flat(value)?;
            let texts = flat.iter().map(|cell| match cell.cast::<PyString>() {
                Ok(text) => value::text(text, Place::single(RUN, name)),
                Err(_) => {
                    let problem = format!("text is expected, and it holds a {}", type_name(cell));
                    Err(wrong_type(py, RUN, name, problem, "pass an array of str"))
                }
            });
            let texts = texts.collect::<PyResult<Vec<&str>>>()?;
            Tensor::strings(array.shape(), texts).map_err(|error| raise(py, &error))
        }
        _ => Err(wrong_type(
            py,
            RUN,
            name,
            format!("arrays of {dtype} are not taken"),
            "convert it to numbers or text",
        )),
    }
}

/// The objects of an array in row-major order.
fn flat<'py>(value: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let py = value.py();
    if let Ok(objects) = value.extract::<PyReadonlyArrayDyn<'_, Py<PyAny>>>()
        && objects.is_c_contiguous()
        && let Ok(objects) = objects.as_slice()
    {
        return Ok(objects.iter().map(|object| object.bind(py).clone()).collect());
    }
    value.call_method0("ravel")?.call_method0("tolist")?.extract()
}

fn copied<T: Element + numpy::Element>(value: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    let array = value.extract::<PyReadonlyArrayDyn<'_, T>>()?;
    // A slice of a column-major array has the elements in that order.
    let values: Vec<T> = match array.as_slice() {
        Ok(contiguous) if array.is_c_contiguous() => contiguous.to_vec(),
        _ => array.as_array().iter().copied().collect(),
    };
    Tensor::new(array.shape(), values).map_err(|error| raise(value.py(), &error))
}

/// A tensor as an array of its shape.
pub(super) fn array<'py>(py: Python<'py>, tensor: &Tensor) -> PyResult<Bound<'py, PyAny>> {
    fn shaped<'py, T: Element + numpy::Element>(
        py: Python<'py>,
        tensor: &Tensor,
    ) -> PyResult<Bound<'py, PyAny>> {
        let values = tensor.values::<T>().map_err(|error| raise(py, &error))?;
        let array: Bound<'py, PyArrayDyn<T>> =
            PyArray1::from_slice(py, values).reshape(tensor.shape().to_vec())?;
        Ok(array.into_any())
    }
    match_element!(
        tensor.dtype(),
        T => shaped::<T>(py, tensor),
        _ => {
            let texts = tensor.texts().map_err(|error| raise(py, &error))?;
            let list = PyList::new(py, texts.collect::<Vec<_>>())?;
            let flat = py.import("numpy")?.call_method1("array", (list, "object"))?;
            flat.call_method1("reshape", (tensor.shape().to_vec(),))
        }
    )
}
