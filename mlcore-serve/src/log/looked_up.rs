use std::sync::Arc;

use mlcore::Result;
use mlcore::arrow::array::{
    Array, ArrayRef, Float64Array, Float64Builder, ListArray, ListBuilder, MapArray, MapBuilder, StringArray,
    StringBuilder,
};

use super::LogOptions;
use super::reader::Columns;
use crate::endpoint::{FeatureStatus, KeyObject, LookedUp, Pairs, Record, key_of};

/// The columns that say what was looked up and validated.
pub(super) struct LookedUpColumns {
    entity_keys: ListBuilder<StringBuilder>,
    statuses: ListBuilder<MapBuilder<StringBuilder, StringBuilder>>,
    ages: ListBuilder<MapBuilder<StringBuilder, Float64Builder>>,
    expectations: ListBuilder<StringBuilder>,
}

impl LookedUpColumns {
    pub(super) fn new() -> Self {
        let text = StringBuilder::new;
        Self {
            entity_keys: ListBuilder::new(text()),
            statuses: ListBuilder::new(MapBuilder::new(None, text(), text())),
            ages: ListBuilder::new(MapBuilder::new(None, text(), Float64Builder::new())),
            expectations: ListBuilder::new(text()),
        }
    }

    /// Appends what a record says.
    pub(super) fn append(&mut self, record: &Record, options: &LogOptions) {
        let own = &record.looked_up;
        // A key without one of its parts would be the key of another entity.
        let is_shown = options.keeps("entity_keys")
            && own.entities().iter().flat_map(|key| key.parts()).all(|(name, _)| options.keeps(&name));
        for (entity, key) in own.entities().iter().enumerate() {
            if is_shown {
                self.entity_keys.values().append_option(serde_json::to_string(&KeyObject(key)).ok());
            }
            let (statuses, ages) = (self.statuses.values(), self.ages.values());
            for (name, status, age) in own.of_entity(entity).filter(|(name, ..)| options.keeps(name)) {
                statuses.keys().append_value(name);
                statuses.values().append_value(status.name());
                ages.keys().append_value(name);
                ages.values().append_option(age);
            }
            // Keys and values are appended side by side.
            let told = (statuses.append(true), ages.append(true));
            debug_assert!(told.0.is_ok() && told.1.is_ok());
        }
        let has_any = !own.is_empty();
        self.entity_keys.append(has_any && is_shown);
        self.statuses.append(has_any);
        self.ages.append(has_any);
        for failed in &record.failed_expectations {
            self.expectations.values().append_value(failed);
        }
        self.expectations.append(!record.failed_expectations.is_empty());
    }

    /// The columns, in the order of the schema.
    pub(super) fn finish(&mut self) -> [ArrayRef; 4] {
        [
            Arc::new(self.entity_keys.finish()),
            Arc::new(self.statuses.finish()),
            Arc::new(self.ages.finish()),
            Arc::new(self.expectations.finish()),
        ]
    }
}

/// The same where they are read. In files of version 1 they are not there, or of another type and null.
pub(super) struct Read<'a, 'c> {
    columns: &'c Columns<'a>,
    entity_keys: Option<&'a ListArray>,
    statuses: Option<&'a ListArray>,
    ages: Option<&'a ListArray>,
    expectations: Option<&'a ListArray>,
}

impl<'a, 'c> Read<'a, 'c> {
    pub(super) fn new(columns: &'c Columns<'a>) -> Result<Self> {
        Ok(Self {
            columns,
            entity_keys: columns.array_unless_null("entity_keys")?,
            statuses: columns.array_unless_null("feature_statuses")?,
            ages: columns.array_unless_null("feature_ages_seconds")?,
            expectations: columns.array_unless_null("failed_expectations")?,
        })
    }

    /// What a row says of entities; nothing where it has none.
    pub(super) fn looked_up(&self, row: usize) -> Result<LookedUp> {
        let items =
            |list: Option<&ListArray>| list.filter(|list| list.is_valid(row)).map(|list| list.value(row));
        let (Some(keys), Some(statuses)) = (items(self.entity_keys), items(self.statuses)) else {
            return Ok(LookedUp::default());
        };
        let odd = |column: &str| self.columns.corrupt(column, "it is of another type, or of another length");
        let keys = keys.as_any().downcast_ref::<StringArray>().ok_or_else(|| odd("entity_keys"))?;
        let statuses = statuses.as_any().downcast_ref::<MapArray>().ok_or_else(|| odd("feature_statuses"))?;
        let ages = items(self.ages);
        let ages = ages.as_ref().and_then(|ages| ages.as_any().downcast_ref::<MapArray>());
        let ages = ages.ok_or_else(|| odd("feature_ages_seconds"))?;
        if statuses.len() != keys.len() || ages.len() != keys.len() {
            return Err(odd("feature_statuses"));
        }
        let mut names: Vec<String> = Vec::new();
        let mut entities = Vec::new();
        for place in 0..keys.len() {
            let text = if keys.is_null(place) { "" } else { keys.value(place) };
            let Pairs(pairs) =
                serde_json::from_str(text).map_err(|error| self.columns.corrupt("entity_keys", error))?;
            let key = key_of(&pairs).map_err(|error| self.columns.corrupt("entity_keys", error))?;
            let (told, aged) = (statuses.value(place), ages.value(place));
            let texts = told.column(0).as_any().downcast_ref::<StringArray>();
            let words = told.column(1).as_any().downcast_ref::<StringArray>();
            let numbers = aged.column(1).as_any().downcast_ref::<Float64Array>();
            let (Some(texts), Some(words), Some(numbers)) = (texts, words, numbers) else {
                return Err(odd("feature_statuses"));
            };
            if numbers.len() != words.len() {
                return Err(odd("feature_ages_seconds"));
            }
            if names.is_empty() {
                names.extend(texts.iter().flatten().map(str::to_owned));
            }
            let found = words.iter().zip(numbers).map(|(word, age)| {
                let status: FeatureStatus = word
                    .unwrap_or_default()
                    .parse()
                    .map_err(|error| self.columns.corrupt("feature_statuses", error))?;
                Ok((status, age))
            });
            entities.push((key, found.collect::<Result<Vec<_>>>()?));
        }
        Ok(LookedUp::new(names, entities))
    }

    /// The expectations that a row did not meet.
    pub(super) fn failed_expectations(&self, row: usize) -> Result<Vec<String>> {
        let Some(items) = self.expectations.filter(|list| list.is_valid(row)).map(|list| list.value(row))
        else {
            return Ok(Vec::new());
        };
        let texts = items.as_any().downcast_ref::<StringArray>();
        let texts =
            texts.ok_or_else(|| self.columns.corrupt("failed_expectations", "it is no list of texts"))?;
        Ok(texts.iter().flatten().map(str::to_owned).collect())
    }
}
