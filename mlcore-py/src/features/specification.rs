//! From a transformer's parameters in Python to its specification in Rust.

use mlcore_features::pipeline::{ColumnTransformer, Pipeline, Remainder, Step};
use mlcore_features::transform::{
    BinStrategy, Categories, Drop, Encode, HandleUnknown, KBinsDiscretizer, MinFrequency, MinMaxScaler,
    OneHotEncoder, OrdinalEncoder, QuantileMethod, Scalar, SimpleImputer, StandardScaler, Strategy,
};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyString};

use crate::door::{is_of, type_name};
use crate::error::{invalid, wrong_type};
use crate::stats::unknown;

/// The transformer of `(class name, parameters)`.
pub(super) fn transformer(specification: &Bound<'_, PyAny>) -> PyResult<Step> {
    let (name, parameters) = specification.extract::<(String, Bound<'_, PyDict>)>()?;
    let parameters = Parameters { parameters };
    Ok(match name.as_str() {
        "Passthrough" => Step::Passthrough,
        "Drop" => Step::Drop,
        "StandardScaler" => StandardScaler::default()
            .with_mean(parameters.bool("with_mean")?)
            .with_std(parameters.bool("with_std")?)
            .into(),
        "MinMaxScaler" => {
            let (low, high) = parameters.pair("feature_range")?;
            MinMaxScaler::default().feature_range(low, high).clip(parameters.bool("clip")?).into()
        }
        "SimpleImputer" => simple_imputer(&parameters)?.into(),
        "OneHotEncoder" => one_hot_encoder(&parameters)?.into(),
        "OrdinalEncoder" => ordinal_encoder(&parameters)?.into(),
        "KBinsDiscretizer" => k_bins_discretizer(&parameters)?.into(),
        "Pipeline" => {
            let mut pipeline = Pipeline::new();
            for (name, step) in parameters.required("steps")?.extract::<Vec<(String, Bound<'_, PyAny>)>>()? {
                pipeline = pipeline.then(name, transformer(&step)?);
            }
            pipeline.into()
        }
        "ColumnTransformer" => column_transformer(&parameters)?.into(),
        other => {
            return Err(unknown(
                specification.py(),
                FIT,
                "transformer",
                other,
                "the classes of mlcore.features",
            ));
        }
    })
}

const FIT: &str = "fit";

fn simple_imputer(parameters: &Parameters<'_>) -> PyResult<SimpleImputer> {
    let strategy = parameters.one_of(
        "strategy",
        [
            ("mean", Strategy::Mean),
            ("median", Strategy::Median),
            ("most_frequent", Strategy::MostFrequent),
            ("constant", Strategy::Constant),
        ],
    )?;
    let mut imputer = SimpleImputer::default()
        .strategy(strategy)
        .add_indicator(parameters.bool("add_indicator")?)
        .keep_empty_features(parameters.bool("keep_empty_features")?);
    if let Some(value) = parameters.optional("fill_value")? {
        imputer = imputer.fill_value(scalar(&value, "fill_value")?);
    }
    Ok(imputer)
}

fn one_hot_encoder(parameters: &Parameters<'_>) -> PyResult<OneHotEncoder> {
    let handle_unknown = parameters.one_of(
        "handle_unknown",
        [
            ("error", HandleUnknown::Error),
            ("ignore", HandleUnknown::Ignore),
            ("infrequent_if_exist", HandleUnknown::InfrequentIfExist),
        ],
    )?;
    let mut encoder =
        OneHotEncoder::default().categories(parameters.categories()?).handle_unknown(handle_unknown);
    if let Some(drop) = parameters.optional("drop")? {
        encoder = encoder.drop(match drop.extract::<String>().as_deref() {
            Ok("first") => Drop::First,
            Ok("if_binary") => Drop::IfBinary,
            Ok(other) => return Err(unknown(drop.py(), FIT, "drop", other, "first, if_binary, a list")),
            Err(_) => Drop::Listed(scalars(&drop, "drop")?),
        });
    }
    if let Some(frequency) = parameters.min_frequency()? {
        encoder = encoder.min_frequency(frequency);
    }
    if let Some(most) = parameters.count("max_categories")? {
        encoder = encoder.max_categories(most);
    }
    Ok(encoder)
}

fn ordinal_encoder(parameters: &Parameters<'_>) -> PyResult<OrdinalEncoder> {
    let mut encoder = OrdinalEncoder::default()
        .categories(parameters.categories()?)
        .encoded_missing_value(parameters.float("encoded_missing_value")?);
    let uses_value = parameters.one_of("handle_unknown", [("error", false), ("use_encoded_value", true)])?;
    match (uses_value, parameters.optional("unknown_value")?) {
        (true, Some(_)) => encoder = encoder.unknown_value(parameters.float("unknown_value")?),
        (false, None) => {}
        (true, None) => {
            let remedy = "set it to an integer that no category has, or to NaN";
            return Err(invalid(
                parameters.py(),
                FIT,
                "unknown_value",
                "handle_unknown=\"use_encoded_value\" needs it",
                remedy,
            ));
        }
        (false, Some(_)) => {
            let remedy = "set handle_unknown=\"use_encoded_value\"";
            return Err(invalid(
                parameters.py(),
                FIT,
                "unknown_value",
                "handle_unknown=\"error\" does not use it",
                remedy,
            ));
        }
    }
    if let Some(frequency) = parameters.min_frequency()? {
        encoder = encoder.min_frequency(frequency);
    }
    if let Some(most) = parameters.count("max_categories")? {
        encoder = encoder.max_categories(most);
    }
    Ok(encoder)
}

fn k_bins_discretizer(parameters: &Parameters<'_>) -> PyResult<KBinsDiscretizer> {
    let encode =
        parameters.one_of("encode", [("onehot-dense", Encode::OnehotDense), ("ordinal", Encode::Ordinal)])?;
    let strategy = parameters.one_of(
        "strategy",
        [
            ("quantile", BinStrategy::Quantile),
            ("uniform", BinStrategy::Uniform),
            ("kmeans", BinStrategy::Kmeans),
        ],
    )?;
    let quantile_method = parameters.one_of(
        "quantile_method",
        [
            ("averaged_inverted_cdf", QuantileMethod::AveragedInvertedCdf),
            ("inverted_cdf", QuantileMethod::InvertedCdf),
            ("closest_observation", QuantileMethod::ClosestObservation),
            ("interpolated_inverted_cdf", QuantileMethod::InterpolatedInvertedCdf),
            ("hazen", QuantileMethod::Hazen),
            ("weibull", QuantileMethod::Weibull),
            ("linear", QuantileMethod::Linear),
            ("median_unbiased", QuantileMethod::MedianUnbiased),
            ("normal_unbiased", QuantileMethod::NormalUnbiased),
        ],
    )?;
    let mut bins = KBinsDiscretizer::default()
        .encode(encode)
        .strategy(strategy)
        .quantile_method(quantile_method)
        .subsample(parameters.count("subsample")?);
    if let Some(seed) = parameters.optional("random_state")? {
        let seed = seed
            .extract()
            .map_err(|_| parameters.expected("random_state", &seed, "an integer below 2^32"))?;
        bins = bins.random_state(seed);
    }
    let count = parameters.required("n_bins")?;
    if let Ok(each) = count.extract::<usize>() {
        return Ok(bins.n_bins(each));
    }
    let counts: Vec<usize> = count
        .extract()
        .map_err(|_| parameters.expected("n_bins", &count, "an integer, or one per column"))?;
    Ok(bins.n_bins_per_column(counts))
}

fn column_transformer(parameters: &Parameters<'_>) -> PyResult<ColumnTransformer> {
    let remainder = parameters
        .one_of("remainder", [("drop", Remainder::Drop), ("passthrough", Remainder::Passthrough)])?;
    let mut combined = ColumnTransformer::new()
        .remainder(remainder)
        .verbose_feature_names_out(parameters.bool("verbose_feature_names_out")?);
    type Branch<'py> = (String, Bound<'py, PyAny>, Vec<String>);
    for (name, specification, columns) in parameters.required("transformers")?.extract::<Vec<Branch<'_>>>()? {
        combined = combined.with(name, transformer(&specification)?, columns);
    }
    Ok(combined)
}

/// The parameters of one transformer; errors name the parameter.
struct Parameters<'py> {
    parameters: Bound<'py, PyDict>,
}

impl<'py> Parameters<'py> {
    fn py(&self) -> Python<'py> {
        self.parameters.py()
    }

    fn required(&self, name: &str) -> PyResult<Bound<'py, PyAny>> {
        self.parameters
            .get_item(name)?
            .ok_or_else(|| invalid(self.py(), FIT, name, "the parameter is missing", "report this to mlcore"))
    }

    fn optional(&self, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(self.parameters.get_item(name)?.filter(|value| !value.is_none()))
    }

    fn expected(&self, name: &str, value: &Bound<'_, PyAny>, what: &str) -> PyErr {
        let problem = format!("{what} is expected, and it is a {}", type_name(value));
        wrong_type(self.py(), FIT, name, problem, &format!("pass {what}"))
    }

    fn bool(&self, name: &str) -> PyResult<bool> {
        let value = self.required(name)?;
        value.extract().map_err(|_| self.expected(name, &value, "a bool"))
    }

    fn float(&self, name: &str) -> PyResult<f64> {
        let value = self.required(name)?;
        value.extract().map_err(|_| self.expected(name, &value, "a number"))
    }

    fn pair(&self, name: &str) -> PyResult<(f64, f64)> {
        let value = self.required(name)?;
        let pair: Vec<f64> = value.extract().map_err(|_| self.expected(name, &value, "a pair of numbers"))?;
        match pair.as_slice() {
            [low, high] => Ok((*low, *high)),
            _ => Err(self.expected(name, &value, "a pair of numbers")),
        }
    }

    fn count(&self, name: &str) -> PyResult<Option<usize>> {
        let Some(value) = self.optional(name)? else { return Ok(None) };
        value.extract().map(Some).map_err(|_| self.expected(name, &value, "a positive integer"))
    }

    fn one_of<T: Copy, const N: usize>(&self, name: &'static str, known: [(&str, T); N]) -> PyResult<T> {
        let value = self.required(name)?;
        let Ok(word) = value.extract::<String>() else { return Err(self.expected(name, &value, "a str")) };
        known
            .iter()
            .find(|(own, _)| *own == word)
            .map(|(_, meaning)| *meaning)
            .ok_or_else(|| unknown(self.py(), FIT, name, &word, &known.map(|(own, _)| own).join(", ")))
    }

    fn categories(&self) -> PyResult<Categories> {
        let value = self.required("categories")?;
        match value.extract::<String>().as_deref() {
            Ok("auto") => Ok(Categories::Auto),
            Ok(other) => Err(unknown(self.py(), FIT, "categories", other, "auto, a list per column")),
            Err(_) => {
                let lists =
                    value.try_iter().map_err(|_| self.expected("categories", &value, "a list per column"))?;
                lists
                    .map(|list| scalars(&list?, "categories"))
                    .collect::<PyResult<_>>()
                    .map(Categories::Listed)
            }
        }
    }

    fn min_frequency(&self) -> PyResult<Option<MinFrequency>> {
        let Some(value) = self.optional("min_frequency")? else { return Ok(None) };
        if value.is_instance_of::<PyFloat>() {
            return value.extract().map(MinFrequency::Fraction).map(Some);
        }
        let count = value
            .extract()
            .map_err(|_| self.expected("min_frequency", &value, "an integer or a fraction"))?;
        Ok(Some(MinFrequency::Count(count)))
    }
}

fn scalars(values: &Bound<'_, PyAny>, subject: &str) -> PyResult<Vec<Scalar>> {
    if values.is_instance_of::<PyString>() {
        return Err(wrong_type(
            values.py(),
            FIT,
            subject,
            "a list is expected, and it is a str",
            "pass a list of values",
        ));
    }
    values.try_iter()?.map(|value| scalar(&value?, subject)).collect()
}

fn scalar(value: &Bound<'_, PyAny>, subject: &str) -> PyResult<Scalar> {
    if value.is_none() || is_of(value, "pandas", &["NAType"]) {
        return Ok(Scalar::Missing);
    }
    if value.is_instance_of::<PyBool>() {
        return Ok(Scalar::from(value.extract::<bool>()?));
    }
    if value.is_instance_of::<PyString>() {
        return Ok(Scalar::from(value.extract::<String>()?));
    }
    if value.is_instance_of::<PyFloat>() {
        return Ok(Scalar::from(value.extract::<f64>()?));
    }
    if value.is_instance_of::<PyInt>() {
        return value
            .extract::<i64>()
            .map(Scalar::from)
            .or_else(|_| value.extract::<u64>().map(Scalar::from));
    }
    if is_of(value, "numpy", &["generic"]) {
        let plain = value.call_method0("item")?;
        if !is_of(&plain, "numpy", &["generic"]) {
            return scalar(&plain, subject);
        }
    }
    let problem = format!("it holds a {}", type_name(value));
    Err(wrong_type(value.py(), FIT, subject, problem, "pass numbers, bools or text"))
}
