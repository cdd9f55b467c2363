//! Features as the log says that they were served, held against history.

mod options;
mod report;
mod rows;

use mlcore::Result;
use mlcore::arrow::array::RecordBatch;
use mlcore_features::store::feature_store::{FeatureQuery, FeatureStore, SkewReport};

pub use self::options::{ComparedValue, LogSkewOptions};
pub use self::report::{LeftOut, LogSkew, LoggedRow};
use self::rows::{Row, rows_of};
use super::LogReader;

impl LogReader {
    /// Compares the features that endpoints looked up for the requests of this log with those that `store` recomputes from history for the same
    /// entities as of the time of each request: bit for bit, feature by feature, with the first rows that differ and the requests that
    /// they belong to.
    ///
    /// A request's time is that of its decision, after which its features were read. Requests of other models and times than the
    /// options say are passed over, and rows that cannot be compared are [counted](LeftOut). The log is read file by file, and history
    /// once for every [`rows_at_once`](LogSkewOptions::rows_at_once).
    ///
    /// ```no_run
    /// use mlcore_features::store::feature_store::{FeatureQuery, FeatureStore};
    /// use mlcore_serve::log::{LogReader, LogSkewOptions};
    ///
    /// # fn check(store: &FeatureStore) -> mlcore::Result<()> {
    /// let query = FeatureQuery::service("ranking");
    /// let skew = LogReader::new("log").check_skew(store, &query, &LogSkewOptions::default())?;
    /// print!("{skew}");
    /// assert!(skew.report.is_equal());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`predictions`](Self::predictions), [`FeatureStore::served_rows`] and [`FeatureStore::check_skew`].
    pub fn check_skew(
        &self,
        store: &FeatureStore,
        query: &FeatureQuery,
        options: &LogSkewOptions,
    ) -> Result<LogSkew> {
        let column = options.skew.historical.event_timestamp.as_deref().unwrap_or(TIME);
        let mut check = Check {
            store,
            query,
            options: LogSkewOptions {
                skew: options
                    .skew
                    .clone()
                    .with_historical(options.skew.historical.clone().with_event_timestamp(column)),
                ..options.clone()
            },
            places: Vec::new(),
            skew: LogSkew::default(),
        };
        let mut served = store.served_rows(query, column)?;
        let (asked, features): (Vec<String>, Vec<String>) =
            (served.asked().map(str::to_owned).collect(), served.features().map(str::to_owned).collect());
        for prediction in self.predictions()? {
            let prediction = prediction?;
            if !options.takes(&prediction) {
                continue;
            }
            check.skew.requests += 1;
            for (place, row) in rows_of(&prediction, &asked, &features, options.value).enumerate() {
                match row {
                    Row::Served(values) => {
                        let time = rows::decided_at(&prediction);
                        served.push(time, |name| values.get(name))?;
                        check.places.push(LoggedRow::of(&prediction, place as u64));
                    }
                    Row::LeftOut(count) => *count(&mut check.skew.left_out) += 1,
                }
                if served.rows() >= options.rows_at_once.max(1) {
                    check.compare(&served.finish()?)?;
                }
            }
        }
        // Of no row, too: so the report has every feature.
        if served.rows() > 0 || check.skew.report.columns.is_empty() {
            check.compare(&served.finish()?)?;
        }
        Ok(check.skew)
    }
}

/// A comparison that is on its way.
struct Check<'a> {
    store: &'a FeatureStore,
    query: &'a FeatureQuery,
    options: LogSkewOptions,
    /// Where the rows of the table come from.
    places: Vec<LoggedRow>,
    skew: LogSkew,
}

impl Check<'_> {
    fn compare(&mut self, served: &RecordBatch) -> Result<()> {
        let report = self.store.check_skew(served, self.query, &self.options.skew)?;
        let before = self.skew.report.rows;
        let first = self.skew.report.columns.is_empty();
        if first {
            self.skew.report = report;
        } else {
            self.skew.report.append(report, self.options.skew.differences)?;
        }
        self.keep_places(before);
        Ok(())
    }

    /// Keeps where the rows come from that the report names.
    fn keep_places(&mut self, before: u64) {
        let LogSkew { report: SkewReport { columns, .. }, places, .. } = &mut self.skew;
        let named = columns.iter().flat_map(|column| &column.differences).map(|difference| difference.row);
        for row in named.filter(|row| *row >= before) {
            let place = usize::try_from(row - before).ok().and_then(|place| self.places.get(place));
            if let Some(place) = place {
                places.insert(row, place.clone());
            }
        }
        self.places.clear();
    }
}

/// The column of times where the options name none.
const TIME: &str = "event_timestamp";
