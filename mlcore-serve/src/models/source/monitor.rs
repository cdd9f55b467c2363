use std::path::PathBuf;

use mlcore::{Error, Result};
use mlcore_drift::monitor::MonitorOptions;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::endpoint::EndpointBuilder;

/// What the input of a model is compared with, as a file of settings says it: the rows of a Parquet file, and beside it the
/// [options of a monitor](MonitorOptions) under their own names.
///
/// ```
/// use mlcore_serve::models::ModelOptions;
///
/// let options: ModelOptions = toml::from_str(
///     r#"
///     [monitor]
///     reference = "train.parquet"
///     window_rows = 500
///     columns = ["age", "income"]
///     "#,
/// )?;
/// assert_eq!(options.monitor.unwrap().options.window_rows, 500);
/// # Ok::<(), toml::de::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct MonitorSettings {
    /// A Parquet file of rows that were good, such as those that the version was trained on. It is read as a whole.
    pub reference: PathBuf,
    /// How requests are compared with them.
    pub options: MonitorOptions,
}

impl TryFrom<Map<String, Value>> for MonitorSettings {
    type Error = String;

    fn try_from(mut table: Map<String, Value>) -> std::result::Result<Self, String> {
        let reference = match table.remove("reference") {
            Some(Value::String(path)) => PathBuf::from(path),
            Some(_) => return Err("reference is the path of a Parquet file".to_owned()),
            None => return Err("a monitor needs its reference: the path of a Parquet file".to_owned()),
        };
        let options = serde_json::from_value(Value::Object(table));
        Ok(Self { reference, options: options.map_err(|cause| cause.to_string())? })
    }
}

impl MonitorSettings {
    /// Lets the endpoint watch its requests.
    pub(super) fn build(&self, builder: EndpointBuilder) -> Result<EndpointBuilder> {
        Ok(builder.with_reference(self.read()?, self.options.clone()))
    }

    #[cfg(feature = "log")]
    fn read(&self) -> Result<mlcore::arrow::array::RecordBatch> {
        use arrow_select::concat::concat_batches;
        use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

        let subject = self.reference.display().to_string();
        let file = std::fs::File::open(&self.reference)
            .map_err(|cause| Error::from_io(READ, subject.as_str(), cause))?;
        let broken = |cause: &dyn std::fmt::Display| {
            let problem = format!("this is no Parquet file that can be read: {cause}");
            Error::invalid_input(READ, subject.as_str(), problem)
        };
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|cause| broken(&cause))?;
        let schema = builder.schema().clone();
        let reader = builder.build().map_err(|cause| broken(&cause))?;
        let batches = reader.collect::<std::result::Result<Vec<_>, _>>().map_err(|cause| broken(&cause))?;
        concat_batches(&schema, &batches).map_err(|cause| broken(&cause))
    }

    #[cfg(not(feature = "log"))]
    fn read(&self) -> Result<mlcore::arrow::array::RecordBatch> {
        let problem = "this build of mlcore-serve reads no Parquet files";
        Err(Error::unsupported(READ, self.reference.display().to_string(), problem)
            .remedy("build it with the feature log"))
    }
}

const READ: &str = "read reference";
