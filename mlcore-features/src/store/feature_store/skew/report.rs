use std::fmt;

use mlcore::batch::OwnedValue;
use mlcore::time::Timestamp;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::OPERATION;

/// Where served features and history differ: text by its `Display`, JSON by serde.
///
/// ```
/// use mlcore_features::store::feature_store::SkewReport;
///
/// let json = r#"{"rows":2,"columns":[{"name":"rating","equal":2,"differing":0,"only_online":0,"only_offline":0,"differences":[]}]}"#;
/// let report: SkewReport = serde_json::from_str(json).unwrap();
/// assert!(report.is_equal());
/// assert_eq!(report.to_string(), "2 rows\nrating: 2 equal\n");
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct SkewReport {
    /// How many rows were compared.
    pub rows: u64,
    /// Each feature, in the order of the query.
    pub columns: Vec<ColumnSkew>,
}

/// Where one feature differs.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ColumnSkew {
    /// The feature.
    pub name: String,
    /// The rows with the same value, or with none on both sides.
    pub equal: u64,
    /// The rows with two values that differ.
    pub differing: u64,
    /// The rows with a value that history has not.
    pub only_online: u64,
    /// The rows with a value that was not served.
    pub only_offline: u64,
    /// How far two numbers are apart at most; none where none differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greatest_difference: Option<f64>,
    /// The first rows that differ.
    pub differences: Vec<Difference>,
}

/// A row that differs.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Difference {
    /// The row of the served table, from 0.
    pub row: u64,
    /// Its join keys, as `driver_id=1001`.
    pub key: String,
    /// When it was served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_at: Option<Timestamp>,
    /// What was served.
    pub online: OwnedValue,
    /// What history says.
    pub offline: OwnedValue,
    /// When the row of history was; none for a feature that is computed and where there is no row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_time: Option<Timestamp>,
}

impl SkewReport {
    /// Says whether all rows of all features are equal.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.columns.iter().all(ColumnSkew::is_equal)
    }
}

impl SkewReport {
    /// Adds the report of the rows that come next, whose numbers go on behind those of this one; of each column as many differing rows
    /// are kept as `differences`.
    ///
    /// # Errors
    /// [`InvalidInput`](Error::InvalidInput) for a report of other features.
    ///
    /// ```
    /// use mlcore_features::store::feature_store::SkewReport;
    ///
    /// let json = r#"{"rows":2,"columns":[{"name":"rating","equal":2,"differing":0,"only_online":0,"only_offline":0,"differences":[]}]}"#;
    /// let mut report: SkewReport = serde_json::from_str(json).unwrap();
    /// report.append(report.clone(), 10)?;
    /// assert_eq!((report.rows, report.columns[0].equal), (4, 4));
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    pub fn append(&mut self, next: Self, differences: usize) -> Result<()> {
        let names =
            |report: &Self| report.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>();
        if names(self) != names(&next) {
            let problem =
                format!("it is about {}, and not {}", names(&next).join(", "), names(self).join(", "));
            return Err(Error::invalid_input(OPERATION, "report", problem).remedy("add reports of one query"));
        }
        for (own, next) in self.columns.iter_mut().zip(next.columns) {
            own.equal = own.equal.saturating_add(next.equal);
            own.differing = own.differing.saturating_add(next.differing);
            own.only_online = own.only_online.saturating_add(next.only_online);
            own.only_offline = own.only_offline.saturating_add(next.only_offline);
            own.greatest_difference = match (own.greatest_difference, next.greatest_difference) {
                (Some(one), Some(other)) => Some(one.max(other)),
                (one, other) => one.or(other),
            };
            let behind = next
                .differences
                .into_iter()
                .map(|difference| Difference { row: difference.row.saturating_add(self.rows), ..difference });
            let room = differences.saturating_sub(own.differences.len());
            own.differences.extend(behind.take(room));
        }
        self.rows = self.rows.saturating_add(next.rows);
        Ok(())
    }
}

impl ColumnSkew {
    /// Says whether all rows are equal.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.differing + self.only_online + self.only_offline == 0
    }
}

impl fmt::Display for SkewReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} rows", self.rows)?;
        for column in &self.columns {
            write!(f, "{}: {} equal", column.name, column.equal)?;
            let counts = [
                (column.differing, "differing"),
                (column.only_online, "only online"),
                (column.only_offline, "only offline"),
            ];
            for (count, word) in counts.into_iter().filter(|(count, _)| *count > 0) {
                write!(f, ", {count} {word}")?;
            }
            match column.greatest_difference {
                Some(greatest) => writeln!(f, ", at most {greatest} apart")?,
                None => writeln!(f)?,
            }
            for Difference { row, key, requested_at, online, offline, event_time } in &column.differences {
                write!(f, "    row {row}, {key}")?;
                if let Some(moment) = requested_at {
                    write!(f, ", {moment}")?;
                }
                write!(f, ": online {online}, offline {offline}")?;
                match event_time {
                    Some(moment) => writeln!(f, " of {moment}")?,
                    None => writeln!(f)?,
                }
            }
        }
        Ok(())
    }
}
