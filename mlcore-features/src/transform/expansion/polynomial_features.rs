use mlcore::arrow::array::RecordBatch;
use mlcore::schema::Schema;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::graph::{Graph, Inexpressible, Number};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::joint::JointKernel;
use crate::program::kernel::Kernel;
use crate::transform::expansion::terms::{Term, Terms};
use crate::transform::{Attribute, Attributes, Fit, Order, Parameter, Training, Transform, input, inverse};

/// Multiplies columns with each other: all products of up to `degree` factors.
///
/// The features of `a` and `b` at degree 2 are `1`, `a`, `b`, `a^2`, `a b` and `b^2`. Missing values and infinities are
/// refused. A product that overflows is infinite. More products than 2^24 by the degree, or by the number of columns where that is greater, are refused. Source: scikit-learn, `PolynomialFeatures`.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{AsArray, Float64Array, RecordBatch};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{Fit, PolynomialFeatures, Transform};
///
/// let table = RecordBatch::try_from_iter([
///     ("width", Arc::new(Float64Array::from(vec![2.0, 3.0])) as _),
///     ("height", Arc::new(Float64Array::from(vec![5.0, 7.0])) as _),
/// ]).unwrap();
/// let products = PolynomialFeatures::default().interaction_only(true).include_bias(false);
/// let (fitted, features) = products.fit_transform(&table)?;
/// assert_eq!(fitted.feature_names_out()?, ["width", "height", "width height"]);
/// assert_eq!(features.column(2).as_primitive::<Float64Type>().values(), &[10.0, 21.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolynomialFeatures {
    degree: Degree,
    interaction_only: bool,
    include_bias: bool,
    order: Order,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Parameter", into = "Parameter")]
enum Degree {
    UpTo(u64),
    Between(u64, u64),
}

impl TryFrom<Parameter> for Degree {
    type Error = String;

    fn try_from(value: Parameter) -> Result<Self, String> {
        let degree = match &value {
            Parameter::Value(_) => value.as_count().map(Self::UpTo),
            Parameter::List(bounds) => match &bounds[..] {
                [low, high] => {
                    low.as_count().zip(high.as_count()).map(|(low, high)| Self::Between(low, high))
                }
                _ => None,
            },
        };
        degree.ok_or_else(|| value.is_not("a degree, or the least and the greatest one,"))
    }
}

impl From<Degree> for Parameter {
    fn from(degree: Degree) -> Self {
        match degree {
            Degree::UpTo(degree) => degree.into(),
            Degree::Between(low, high) => (low, high).into(),
        }
    }
}

impl Default for PolynomialFeatures {
    fn default() -> Self {
        Self { degree: Degree::UpTo(2), interaction_only: false, include_bias: true, order: Order::C }
    }
}

impl PolynomialFeatures {
    /// The greatest number of factors of a product. Default 2.
    #[must_use]
    pub fn degree(mut self, degree: u64) -> Self {
        self.degree = Degree::UpTo(degree);
        self
    }

    /// The least and the greatest number of factors of a product. The feature `1` has none, and is not concerned.
    #[must_use]
    pub fn degree_between(mut self, least: u64, greatest: u64) -> Self {
        self.degree = Degree::Between(least, greatest);
        self
    }

    /// Sets whether products of different columns are made only, and no powers. Default `false`.
    #[must_use]
    pub fn interaction_only(mut self, interaction_only: bool) -> Self {
        self.interaction_only = interaction_only;
        self
    }

    /// Sets whether the first feature is `1`. Default `true`.
    #[must_use]
    pub fn include_bias(mut self, include_bias: bool) -> Self {
        self.include_bias = include_bias;
        self
    }

    /// How scikit-learn lays its result out; it has no effect here. Default [`Order::C`].
    #[must_use]
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// The products of so many columns.
    fn terms(&self, columns: usize) -> Result<Terms, String> {
        let (least, greatest) = match self.degree {
            Degree::UpTo(greatest) => (0, greatest),
            Degree::Between(least, greatest) if least <= greatest => (least, greatest),
            Degree::Between(least, greatest) => {
                return Err(format!("the least degree, {least}, is above the greatest, {greatest}"));
            }
        };
        if greatest == 0 && !self.include_bias {
            return Err(
                "products of no factors are left out with include_bias, and nothing is left".to_owned()
            );
        }
        Terms::new(columns, least..=greatest, self.interaction_only, self.include_bias)
    }
}

const OPERATION: &str = "fit PolynomialFeatures";

impl Fit for PolynomialFeatures {
    type Fitted = FittedPolynomialFeatures;

    fn learn(&self, training: &Training<'_>) -> Result<FittedPolynomialFeatures> {
        let columns = input::columns(training, OPERATION)?;
        for column in &columns {
            column.finite_numbers()?;
        }
        self.terms(columns.len()).map_err(|problem| {
            Error::invalid_input(OPERATION, "degree", problem)
                .remedy("pass a degree, or a pair of the least and the greatest one, such as 2 or (1, 3)")
        })?;
        Ok(FittedPolynomialFeatures { parameters: *self, input: input::schema(&columns)? })
    }
}

crate::transform::parts::columns_only!(PolynomialFeatures, FittedPolynomialFeatures);

/// A [`PolynomialFeatures`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedPolynomialFeatures {
    parameters: PolynomialFeatures,
    input: Schema,
}

impl FittedPolynomialFeatures {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &PolynomialFeatures {
        &self.parameters
    }

    /// How often each column is a factor of each feature (`powers_`): a list of features, each with one power per column.
    #[must_use]
    pub fn powers(&self) -> Vec<Vec<u64>> {
        self.parameters.terms(self.input.len()).map(|terms| terms.powers()).unwrap_or_default()
    }
}

impl Transform for FittedPolynomialFeatures {
    fn attributes(&self) -> Attributes {
        let powers = self.powers();
        vec![
            ("n_output_features_", (powers.len() as u64).into()),
            ("powers_", Attribute::List(powers.into_iter().map(Attribute::Counts).collect())),
        ]
    }

    fn inverse_transform(&self, _: &RecordBatch) -> Result<RecordBatch> {
        Err(Error::unsupported(inverse::OPERATION, "PolynomialFeatures", "products are not taken apart")
            .remedy("keep the columns beside their products, with a ColumnTransformer"))
    }
}

impl Lower for FittedPolynomialFeatures {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let checked = |column: Column| {
            let site = builder.site("PolynomialFeatures", &column);
            builder.number(column, [Kernel::RefuseNonFinite { site }])
        };
        let columns: Vec<Column> = columns.into_iter().map(checked).collect::<Result<_>>()?;
        let terms = self
            .parameters
            .terms(columns.len())
            .map_err(|problem| Error::corrupt("compile plan", "PolynomialFeatures", problem))?;
        let own: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let (names, kept) = (terms.names(&own), terms.kept());
        // Products of fewer factors than asked for are computed too: those of more are made of them.
        let products = builder.join(&columns, Products(terms), names)?;
        Ok(products.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(column, _)| column).collect())
    }
}

/// Computes products, each from one of fewer factors.
#[derive(Debug)]
struct Products(Terms);

impl JointKernel for Products {
    fn apply(&self, inputs: &[f64], outputs: &mut [f64]) {
        for (position, term) in self.0.iter().enumerate() {
            let Some(column) = term.column else {
                outputs[position] = 1.0;
                continue;
            };
            outputs[position] = match term.rest {
                Some(rest) => outputs[rest] * inputs[column],
                None => inputs[column],
            };
        }
    }

    fn onnx(&self, graph: &mut Graph, inputs: &[Number]) -> Result<Vec<Number>, Inexpressible> {
        let terms: Vec<_> = self.0.iter().collect();
        let factors = |graph: &mut Graph, group: &[&Term]| {
            let own: Option<Vec<Number>> =
                group.iter().map(|term| inputs.get(term.column?).copied()).collect();
            own.map(|own| graph.side_by_side(&own))
        };
        let mut products: Vec<Number> = Vec::with_capacity(terms.len());
        for group in terms.chunk_by(|left, right| left.degree == right.degree) {
            let rests: Option<Vec<Number>> =
                group.iter().map(|term| products.get(term.rest?).copied()).collect();
            let block = match (factors(graph, group), rests) {
                (Some(first), Some(rests)) => {
                    let rest = graph.side_by_side(&rests);
                    graph.multiply(rest, first)
                }
                (Some(first), None) => first,
                (None, _) => graph.numbers(&vec![1.0; group.len()]),
            };
            products.extend(Number::all(block, group.len()));
        }
        Ok(products)
    }
}
