//! Triton's classification output: the largest scores with their labels, as texts `score:index[:label]`.

use mlcore::batch::Tensor;
use mlcore::schema::Field;
use mlcore::{Error, Result};

/// The `most` largest scores of each row, largest first: a tensor of texts of the shape `[rows, most]`, or `[most]` for a tensor
/// without rows. `field` says how the classes are called.
pub(super) fn classify(name: &str, tensor: &Tensor, most: usize, field: Option<&Field>) -> Result<Tensor> {
    if most == 0 {
        return Err(Error::invalid_input(CLASSIFY, name.to_owned(), "it is to be of 0 classes")
            .remedy("ask for at least one class"));
    }
    if !tensor.dtype().is_numeric() {
        let problem = format!("it holds {}, which has no order", tensor.dtype());
        return Err(Error::invalid_input(CLASSIFY, name.to_owned(), problem));
    }
    let scores = tensor.to_f64()?;
    let labels = field.map(Field::labels).unwrap_or_default();
    let (rows, width) = match tensor.shape() {
        [] | [_] => (1, scores.len()),
        [rows, ..] => (*rows, tensor.row_len()),
    };
    let most = most.min(width);
    let mut texts = Vec::with_capacity(rows.saturating_mul(most));
    let mut order: Vec<usize> = Vec::with_capacity(width);
    for row in scores.chunks(width.max(1)) {
        order.clear();
        order.extend(0..row.len());
        let score = |class: usize| row.get(class).copied().unwrap_or(f64::NAN);
        // NaN is no score, and comes last.
        let key = |class: usize| if score(class).is_nan() { f64::NEG_INFINITY } else { score(class) };
        order.sort_by(|a, b| key(*b).total_cmp(&key(*a)));
        texts.extend(order.iter().take(most).map(|&class| {
            let label = labels.get(class).map(|label| format!(":{label}")).unwrap_or_default();
            // Triton writes six digits after the point.
            format!("{:.6}:{class}{label}", score(class))
        }));
    }
    match tensor.shape() {
        [] | [_] => Tensor::strings([most], texts),
        _ => Tensor::strings([rows, most], texts),
    }
}

const CLASSIFY: &str = "classify";
