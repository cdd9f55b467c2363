//! One thing that is logged, and its line in a spool.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::name::{LoggedModelId, RunId};
use crate::tracking::Metric;

#[derive(Clone, PartialEq, Debug)]
pub(super) struct Record {
    pub(super) run: RunId,
    pub(super) item: Item,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Item {
    Metric(Metric),
    Param(String, String),
    Tag(String, String),
}

impl Record {
    /// About what it takes of memory.
    pub(super) fn bytes(&self) -> usize {
        let texts = match &self.item {
            Item::Metric(metric) => {
                let dataset = [&metric.dataset_name, &metric.dataset_digest];
                metric.key.len() + dataset.into_iter().flatten().map(String::len).sum::<usize>()
            }
            Item::Param(key, value) | Item::Tag(key, value) => key.len() + value.len(),
        };
        size_of::<Self>() + texts
    }

    /// A line: a checksum in sixteen digits, a space, JSON, a line feed.
    pub(super) fn write_line(&self, into: &mut Vec<u8>) -> serde_json::Result<()> {
        let json = serde_json::to_vec(&Wire::of(self))?;
        into.extend_from_slice(format!("{:016x} ", xxh3_64(&json)).as_bytes());
        into.extend_from_slice(&json);
        into.push(b'\n');
        Ok(())
    }

    /// The record of a line; none for one that was cut or changed.
    pub(super) fn of_line(line: &[u8]) -> Option<Self> {
        let (checksum, json) = line.strip_suffix(b"\n")?.split_at_checked(16)?;
        let json = json.strip_prefix(b" ")?;
        let checksum = u64::from_str_radix(std::str::from_utf8(checksum).ok()?, 16).ok()?;
        if checksum != xxh3_64(json) {
            return None;
        }
        serde_json::from_slice::<Wire>(json).ok()?.record()
    }
}

/// A record as it lies in a spool.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
enum Wire {
    Metric {
        run: String,
        key: String,
        #[serde(with = "crate::exact")]
        value: f64,
        at: i64,
        step: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dataset: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        digest: Option<String>,
    },
    Param {
        run: String,
        key: String,
        value: String,
    },
    Tag {
        run: String,
        key: String,
        value: String,
    },
}

impl Wire {
    fn of(record: &Record) -> Self {
        let run = record.run.as_str().to_owned();
        match record.item.clone() {
            Item::Metric(metric) => Self::Metric {
                run,
                key: metric.key,
                value: metric.value,
                at: metric.timestamp_ms,
                step: metric.step,
                model: metric.model.map(|model| model.as_str().to_owned()),
                dataset: metric.dataset_name,
                digest: metric.dataset_digest,
            },
            Item::Param(key, value) => Self::Param { run, key, value },
            Item::Tag(key, value) => Self::Tag { run, key, value },
        }
    }

    fn record(self) -> Option<Record> {
        let (run, item) = match self {
            Self::Metric { run, key, value, at, step, model, dataset, digest } => {
                let mut metric = Metric::new(key, value, at).at_step(step);
                metric.model = model.map(LoggedModelId::new).transpose().ok()?;
                (metric.dataset_name, metric.dataset_digest) = (dataset, digest);
                (run, Item::Metric(metric))
            }
            Self::Param { run, key, value } => (run, Item::Param(key, value)),
            Self::Tag { run, key, value } => (run, Item::Tag(key, value)),
        };
        Some(Record { run: RunId::new(run).ok()?, item })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_as_it_was_written_and_not_otherwise() {
        let run = RunId::new("a1").unwrap();
        let metric = Metric::new("loss\n\u{e9}", f64::NEG_INFINITY, 5)
            .at_step(-3)
            .of_model(LoggedModelId::new("m-1").unwrap())
            .on_dataset("d", "x");
        for item in [
            Item::Metric(metric),
            Item::Metric(Metric::new("x", 0.1, 0)),
            Item::Param("a\0".to_owned(), "b\n".to_owned()),
            Item::Tag(String::new(), "\u{2028}".to_owned()),
        ] {
            let record = Record { run: run.clone(), item };
            let mut line = Vec::new();
            record.write_line(&mut line).unwrap();
            assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
            assert_eq!(Record::of_line(&line), Some(record));
            for place in 0..line.len() {
                let mut other = line.clone();
                other[place] ^= 1;
                assert_eq!(Record::of_line(&other), None, "byte {place}");
                assert_eq!(Record::of_line(&line[..place]), None);
            }
        }
        let record = Record { run, item: Item::Metric(Metric::new("x", f64::NAN, 0)) };
        let mut line = Vec::new();
        record.write_line(&mut line).unwrap();
        let Some(Record { item: Item::Metric(read), .. }) = Record::of_line(&line) else {
            panic!("no metric")
        };
        assert!(read.value.is_nan());
    }
}
