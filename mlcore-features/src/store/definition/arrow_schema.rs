//! A view's fields from the schema of its data, as Feast infers them.

use mlcore::arrow::datatypes::Schema as ArrowSchema;
use mlcore::{Error, Result};

use super::{FeatureViewBuilder, Field, Source, ValueType, name};

impl FeatureViewBuilder {
    /// Takes the fields from the schema of the source's data, as Feast infers them: every column but those of times, under the
    /// feature's name where the source maps one.
    ///
    /// ```
    /// use mlcore::arrow::datatypes::{DataType, Field as ArrowField, Schema, TimeUnit};
    /// use mlcore_features::store::definition::{FeatureView, Source};
    ///
    /// let source = Source::file("stats.parquet").timestamp_field("at").map_field("avg", "avg_trips").build()?;
    /// let data = Schema::new(vec![
    ///     ArrowField::new("driver_id", DataType::Int64, false),
    ///     ArrowField::new("at", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false),
    ///     ArrowField::new("avg", DataType::Float64, true),
    /// ]);
    /// let view = FeatureView::builder("stats", ["driver"]).schema_of(&data, &source)?.source(source.name()).build()?;
    /// let names: Vec<_> = view.schema().iter().map(|field| field.name.as_str()).collect();
    /// assert_eq!(names, ["driver_id", "avg_trips"]);
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`SchemaMismatch`](Error::SchemaMismatch) where the data lacks the column of the event time, and
    /// [`Unsupported`](Error::Unsupported) for a column whose type no feature can have, which is named.
    pub fn schema_of(mut self, data: &ArrowSchema, source: &Source) -> Result<Self> {
        const OPERATION: &str = "infer schema";
        if let Some(column) = source.timestamp_field()
            && data.field_with_name(column).is_err()
        {
            let subject = format!("{}, column {}", name::shown(source.name()), name::shown(column));
            return Err(Error::schema_mismatch(OPERATION, subject, "the data has no such column")
                .remedy("name the column of the event time as timestamp_field"));
        }
        let times = [source.timestamp_field(), source.created_timestamp_column()];
        self.schema.clear();
        for column in data.fields() {
            if times.contains(&Some(column.name().as_str())) {
                continue;
            }
            let Some(dtype) = ValueType::from_arrow(column.data_type()) else {
                let subject =
                    format!("{}, column {}", name::shown(source.name()), name::shown(column.name()));
                let problem = format!("no feature can be {}", column.data_type());
                return Err(Error::unsupported(OPERATION, subject, problem)
                    .remedy("list the fields of the view without it, or cast it"));
            };
            let feature = source.field_mapping().get(column.name()).unwrap_or(column.name());
            self.schema.push(Field::new(feature, dtype));
        }
        Ok(self)
    }
}
