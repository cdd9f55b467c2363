//! The model behind an endpoint, with everything on: a plan, two arms, records, a monitor of every column.

use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use mlcore::artifact::{ArtifactStoreExt, MemoryStore};
use mlcore::batch::Row;
use mlcore::name::{Alias, Arm, ModelName, UnitId};
use mlcore::registry::{Change, Expected, Lineage, MemoryRegistry, NewVersion, RegistryExt};
use mlcore::rollout::Weighted;
use mlcore::runner::Runner;
use mlcore::runner::ort::OnnxRunner;
use mlcore::time::Timestamp;
use mlcore_drift::monitor::MonitorOptions;
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::{Prediction, Request, Worker};

use super::model_file;
use super::requests::Requests;
use crate::Result;

/// An endpoint and the units that ask it.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) endpoint: Endpoint,
    units: Vec<UnitId>,
}

impl Served {
    /// Registers the model twice, as champion and as canary, with the plan; one unit in ten gets the canary.
    pub(super) fn new(model: &str, requests: &Requests) -> Result<Self> {
        let (registry, artifacts) = (MemoryRegistry::new(), MemoryStore::new());
        let name = ModelName::new(model)?;
        let change = Change::new("benches", Timestamp::from_millis(0));
        let artifact = artifacts.put_bytes(&fs::read(model_file(model))?)?;
        let plan = artifacts.put_bytes(&requests.plan.to_bytes()?)?;
        let lineage = Lineage::default().with_plan(requests.plan.digest().parse()?, plan);
        let signature = OnnxRunner::from_file(model_file(model))?.signature().clone();
        let new = NewVersion::new(name.clone(), artifact, signature).with_lineage(lineage);
        let canary = Alias::new("canary")?;
        for alias in [&Alias::new("champion")?, &canary] {
            let version = registry.register(&artifacts, new.clone(), &change)?.version;
            registry.set_alias(&name, alias, Some(version), Expected::Any, &change)?;
        }
        let weights = [(Arm::new("champion")?, 9.0), (Arm::new("canary")?, 1.0)];
        let endpoint = Endpoint::builder(name, Arc::new(registry), Arc::new(artifacts))
            .with_arm(canary)
            .with_policy(Weighted::new("release 2", weights)?)
            .with_reference(requests.reference.clone(), MonitorOptions::default())
            .with_seed(7)
            .build()?;
        let units = (0..requests.tables.len())
            .map(|unit| UnitId::new(format!("unit-{unit}")))
            .collect::<mlcore::Result<_>>()?;
        Ok(Self { endpoint, units })
    }

    /// Asks for the raw record, or the raw table where a request has many rows, of a call.
    pub(super) fn ask(&self, requests: &Requests, call: usize) -> mlcore::Result<Prediction> {
        let position = call % self.units.len();
        let (unit, table) = (&self.units[position], &requests.tables[position]);
        match table.num_rows() {
            1 => self.endpoint.predict(Request::row(unit, Row::unchecked(&requests.rows[position]))),
            _ => self.endpoint.predict(Request::table(unit, table)),
        }
    }

    /// Starts the thread that works off the records.
    pub(super) fn worker(&self) -> Result<Worker> {
        Ok(self.endpoint.spawn_worker(Duration::from_millis(1), drop)?)
    }

    /// Waits until the worker has nothing left to do.
    pub(super) fn settle(&self) {
        let seen = || {
            let counts = self.endpoint.counts();
            counts.records + counts.dropped_records
        };
        let mut before = None;
        while before != Some(seen()) {
            before = Some(seen());
            thread::sleep(Duration::from_millis(5));
        }
    }
}
