//! A store that is open in this process, perhaps by several objects.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use mlcore::arrow::array::RecordBatch;
use mlcore::registry::PostgresOptions;
use mlcore::{Error, Result};
use mlcore_features::pipeline::Plan;
use mlcore_features::store::feature_store::{FeatureStore, LocalSources};
use mlcore_features::store::online::{MemoryStore, OnlineStore, RedisOptions, RedisStore};
use mlcore_features::store::registry::{Definitions, MemoryDefinitions, SqliteDefinitions};

const OPERATION: &str = "open feature store";
const MEMORY: &str = "memory:";
/// The file of the definitions, as a store of a folder calls it.
const DEFINITIONS: &str = "definitions.db";
/// The folder of the plans that on-demand views name, beside the definitions.
const PLANS: &str = "plans";

/// Stores of folders that are open: the online store of a folder can be opened once in a process, and a notebook opens it each time its
/// cell is run.
static OPEN: Mutex<BTreeMap<Place, Weak<Opened>>> = Mutex::new(BTreeMap::new());

/// A folder, the project, and where the online store is.
type Place = (PathBuf, String, String);

pub(super) struct Opened {
    store: RwLock<FeatureStore>,
    sources: Arc<LocalSources>,
    plans: Mutex<Vec<Plan>>,
    folder: Option<PathBuf>,
}

impl Opened {
    /// Opens a store, or takes one that is open. `postgres` is the server of its sources from then on.
    pub(super) fn open(
        location: &str,
        project: &str,
        online: Option<&str>,
        postgres: Option<&str>,
    ) -> Result<Arc<Self>> {
        let server = postgres.map(PostgresOptions::from_url).transpose()?;
        let opened = Self::found(location, project, online)?;
        if let Some(server) = server {
            opened.sources.set_postgres(server);
        }
        Ok(opened)
    }

    fn found(location: &str, project: &str, online: Option<&str>) -> Result<Arc<Self>> {
        if location == MEMORY {
            let sources = Arc::new(LocalSources::new("."));
            let online = match online {
                None | Some(MEMORY) => Arc::new(MemoryStore::new()),
                Some(url) => remote(url)?,
            };
            return Self::made(Arc::new(MemoryDefinitions::new(project)?), online, sources, None);
        }
        let folder = Path::new(location);
        let failed = |cause| Error::from_io(OPERATION, location, cause);
        fs::create_dir_all(folder).map_err(failed)?;
        let folder = folder.canonicalize().map_err(failed)?;
        let place = (folder.clone(), project.to_owned(), online.unwrap_or_default().to_owned());
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = open.get(&place).and_then(Weak::upgrade) {
            return Ok(opened);
        }
        open.retain(|_, opened| opened.strong_count() > 0);
        let sources = Arc::new(LocalSources::new(&folder));
        let opened = match online {
            None => {
                let built = FeatureStore::builder_in(&folder, project)?.build()?;
                let (definitions, online) =
                    (Arc::clone(built.definitions()), Arc::clone(built.online_store()));
                Self::made(definitions, online, sources, Some(folder))?
            }
            Some(url) => {
                let definitions = Arc::new(SqliteDefinitions::open(folder.join(DEFINITIONS), project)?);
                let online = if url == MEMORY { Arc::new(MemoryStore::new()) } else { remote(url)? };
                Self::made(definitions, online, sources, Some(folder))?
            }
        };
        open.insert(place, Arc::downgrade(&opened));
        Ok(opened)
    }

    fn made(
        definitions: Arc<dyn Definitions>,
        online: Arc<dyn OnlineStore>,
        sources: Arc<LocalSources>,
        folder: Option<PathBuf>,
    ) -> Result<Arc<Self>> {
        let plans = match &folder {
            Some(folder) => kept(&folder.join(PLANS))?,
            None => Vec::new(),
        };
        let store = built(definitions, online, &sources, &plans)?;
        Ok(Arc::new(Self { store: RwLock::new(store), sources, plans: Mutex::new(plans), folder }))
    }

    pub(super) fn store(&self) -> FeatureStore {
        self.store.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn sources(&self) -> &LocalSources {
        &self.sources
    }

    pub(super) fn register(&self, source: &str, table: RecordBatch) {
        self.sources.register(source, vec![table]);
    }

    /// Keeps the plans that on-demand views name, also for whoever opens the folder later.
    pub(super) fn keep_plans(&self, plans: Vec<Plan>) -> Result<()> {
        let mut known = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.len();
        for plan in plans {
            if known.iter().any(|own| own.digest() == plan.digest()) {
                continue;
            }
            if let Some(folder) = &self.folder {
                keep(&folder.join(PLANS), &plan)?;
            }
            known.push(plan);
        }
        if known.len() > before {
            let mut store = self.store.write().unwrap_or_else(PoisonError::into_inner);
            let (definitions, online) = (Arc::clone(store.definitions()), Arc::clone(store.online_store()));
            *store = built(definitions, online, &self.sources, &known)?;
        }
        Ok(())
    }
}

fn built(
    definitions: Arc<dyn Definitions>,
    online: Arc<dyn OnlineStore>,
    sources: &Arc<LocalSources>,
    plans: &[Plan],
) -> Result<FeatureStore> {
    let builder = FeatureStore::builder(definitions, online).sources(Arc::clone(sources) as _);
    plans.iter().fold(builder, |builder, plan| builder.plan(plan.clone())).build()
}

fn remote(url: &str) -> Result<Arc<dyn OnlineStore>> {
    if url.starts_with("redis:") || url.starts_with("rediss:") {
        return Ok(Arc::new(RedisStore::open(url, RedisOptions::default())?));
    }
    let problem = format!("{url:?} is no online store");
    Err(Error::invalid_input(OPERATION, "online", problem)
        .remedy("pass redis://host:port, memory: for one in memory, or nothing for one in the folder"))
}

/// The plans of a folder, by their digests.
fn kept(folder: &Path) -> Result<Vec<Plan>> {
    let failed = |path: &Path| {
        let shown = path.display().to_string();
        move |cause| Error::from_io(OPERATION, shown, cause)
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(failed(folder)(cause)),
    };
    let mut plans = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed(folder))?.path();
        if path.extension().is_some_and(|end| end == "json") {
            let bytes = fs::read(&path).map_err(failed(&path))?;
            plans.push(Plan::from_bytes(&bytes).map_err(|error| error.within(path.display().to_string()))?);
        }
    }
    Ok(plans)
}

/// Writes a plan, which is whole on the disk when the call returns.
fn keep(folder: &Path, plan: &Plan) -> Result<()> {
    let path = folder.join(format!("{}.json", plan.digest()));
    let unfinished = path.with_extension("unfinished");
    let bytes = plan.to_bytes()?;
    let written = || {
        fs::create_dir_all(folder)?;
        let mut file = fs::File::create(&unfinished)?;
        std::io::Write::write_all(&mut file, &bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)?;
        fs::File::open(folder)?.sync_all()
    };
    written().map_err(|cause| Error::from_io("keep plan", path.display().to_string(), cause))
}
