use std::collections::HashSet;
use std::sync::Arc;

use mlcore::Result;
use mlcore::batch::{Batch, Value};
use mlcore::schema::{DType, Dim, Field, Schema};

/// The columns within the tensors that models without a feature plan take: a tensor of `[rows]` or `[rows, 1]` is one of its
/// name, one of `[rows, width]` has `NAME_0`, `NAME_1` and so on.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct TensorColumns {
    columns: Vec<TensorColumn>,
    /// Their names and types, in the same order.
    schema: Arc<Schema>,
}

/// A column within a tensor.
#[derive(Clone, PartialEq, Debug)]
struct TensorColumn {
    tensor: String,
    /// Its place in a row of the tensor, and how many there are.
    place: usize,
    width: usize,
}

impl TensorColumns {
    /// The columns of all inputs of these models, each once, as the first that takes it declares it. Inputs of other shapes have
    /// none.
    ///
    /// # Errors
    /// None that signatures could cause: of columns with one name the first is taken.
    pub(crate) fn new<'s>(inputs: impl IntoIterator<Item = &'s Schema>) -> Result<Self> {
        let (mut columns, mut fields) = (Vec::new(), Vec::new());
        let mut known = HashSet::new();
        for field in inputs.into_iter().flat_map(Schema::fields) {
            let width = match field.shape() {
                _ if field.is_of_any_shape() || !is_watched(field.dtype()) => continue,
                [_] => 1,
                [_, Dim::Fixed(width)] => *width,
                _ => continue,
            };
            for place in 0..width.min(MOST_COLUMNS) {
                let name = match width {
                    1 => field.name().to_owned(),
                    _ => format!("{}_{place}", field.name()),
                };
                if known.insert(name.clone()) {
                    fields.push(Field::column(name, field.dtype()));
                    columns.push(TensorColumn { tensor: field.name().to_owned(), place, width });
                }
            }
        }
        Ok(Self { columns, schema: Arc::new(Schema::new(fields)?) })
    }

    /// Their names and types.
    pub(crate) fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The same under these names, where they are the columns of one tensor and as many.
    pub(crate) fn named(&self, names: &[&str]) -> Option<Self> {
        let (first, rest) = self.columns.split_first()?;
        let is_one = rest.iter().all(|column| column.tensor == first.tensor);
        if !is_one || rest.is_empty() || names.len() != self.columns.len() {
            return None;
        }
        let fields =
            names.iter().zip(self.schema.fields()).map(|(name, field)| Field::column(*name, field.dtype()));
        let schema = Arc::new(Schema::new(fields).ok()?);
        Some(Self { columns: self.columns.clone(), schema })
    }

    /// Whether these tensors hold any of them.
    pub(crate) fn are_in(&self, tensors: &Batch) -> bool {
        self.columns.iter().any(|column| tensors.find(&column.tensor).is_some())
    }

    /// The values of a row, missing where the tensors do not hold them.
    pub(crate) fn row<'b>(&self, tensors: &'b Batch, row: usize, values: &mut Vec<Value<'b>>) {
        values.clear();
        values.extend(self.columns.iter().map(|column| {
            let tensor = tensors.find(&column.tensor).filter(|tensor| tensor.row_len() == column.width);
            tensor.and_then(|tensor| tensor.value(row * column.width + column.place)).unwrap_or_default()
        }));
    }
}

impl Default for TensorColumns {
    fn default() -> Self {
        Self { columns: Vec::new(), schema: Arc::new(Schema::default()) }
    }
}

/// Whether a column of this type can be compared.
fn is_watched(dtype: DType) -> bool {
    !matches!(dtype, DType::Date | DType::Time(_) | DType::Timestamp(..))
}

/// Of a wider tensor the first columns are watched: it is a picture or an embedding, and no list of features.
const MOST_COLUMNS: usize = 4096;

#[cfg(test)]
mod tests {
    use mlcore::batch::Tensor;

    use super::*;

    fn schema(fields: impl IntoIterator<Item = Field>) -> Schema {
        Schema::new(fields).unwrap()
    }

    fn names(columns: &TensorColumns) -> Vec<&str> {
        columns.schema().names().collect()
    }

    #[test]
    fn tensors_of_rows_are_columns() {
        let matrix = |width| [Dim::Dynamic, width];
        let a = schema([
            Field::tensor("x", DType::Float32, matrix(Dim::Fixed(2))),
            Field::column("plan", DType::String),
            Field::tensor("flag", DType::Bool, matrix(Dim::Fixed(1))),
            Field::tensor("any", DType::Float32, matrix(Dim::Dynamic)),
            Field::tensor("picture", DType::Float32, [Dim::Dynamic, Dim::Fixed(3), Dim::Fixed(3)]),
        ]);
        let b = schema([Field::column("plan", DType::Int64), Field::column("age", DType::Int64)]);
        let columns = TensorColumns::new([&a, &b]).unwrap();
        assert_eq!(names(&columns), ["x_0", "x_1", "plan", "flag", "age"]);
        let batch = Batch::new([
            ("x", Tensor::new([2, 2], vec![1.0_f32, 2.0, 3.0, 4.0]).unwrap()),
            ("plan", Tensor::strings([2], ["free", "pro"]).unwrap()),
            ("flag", Tensor::new([2, 1], vec![true, false]).unwrap()),
        ])
        .unwrap();
        let mut values = Vec::new();
        columns.row(&batch, 1, &mut values);
        let expected =
            [Value::Float(3.0), Value::Float(4.0), Value::Text("pro"), Value::Bool(false), Value::Null];
        assert_eq!(values, expected);
    }

    #[test]
    fn one_matrix_takes_the_names_of_as_many_columns() {
        let x = schema([Field::tensor("x", DType::Float64, [Dim::Dynamic, Dim::Fixed(2)])]);
        let columns = TensorColumns::new([&x]).unwrap();
        assert_eq!(names(&columns.named(&["age", "income"]).unwrap()), ["age", "income"]);
        assert_eq!(columns.named(&["age"]), None);
        let two = schema([Field::column("a", DType::Float64), Field::column("b", DType::Float64)]);
        assert_eq!(TensorColumns::new([&two]).unwrap().named(&["age", "income"]), None);
    }
}
