//! From history into the online store: whole intervals, or what came since the last time.

mod batches;
mod job;
mod note;
mod pack;
mod progress;
mod tiles;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use mlcore::time::Timestamp;
use mlcore::{Error, Result, interrupt};

use self::job::{How, Job, Span};
pub(super) use self::pack::{Columns, entries};
pub use self::progress::{MaterialiseReport, Progress, SkippedView, ViewRun};
use super::FeatureStore;
use crate::store::definition::{AnyView, ResolvedView, ViewVersion};
use crate::store::registry::{Interval, Snapshot};

/// Which views are materialised, and how.
///
/// ```
/// use std::num::NonZeroUsize;
///
/// use mlcore_features::store::feature_store::{MaterialiseOptions, Progress};
///
/// let tell = |progress: &Progress| println!("{progress}");
/// let options = MaterialiseOptions::default()
///     .with_views(["driver_stats"])
///     .with_threads(NonZeroUsize::new(2).unwrap())
///     .with_progress(&tell);
/// # let _ = options;
/// ```
#[derive(Clone)]
pub struct MaterialiseOptions<'a> {
    views: Vec<String>,
    version: Option<ViewVersion>,
    threads: NonZeroUsize,
    batch_rows: usize,
    progress: Option<&'a (dyn Fn(&Progress) + Sync)>,
}

impl Default for MaterialiseOptions<'_> {
    /// All views that are read online, on the caller's thread. 131,072 rows are written at once: so many that a sync of the disk is a small
    /// part of it, and few enough that they take some tens of megabytes.
    fn default() -> Self {
        Self {
            views: Vec::new(),
            version: None,
            threads: NonZeroUsize::MIN,
            batch_rows: 1 << 17,
            progress: None,
        }
    }
}

impl fmt::Debug for MaterialiseOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MaterialiseOptions")
            .field("views", &self.views)
            .field("version", &self.version)
            .field("threads", &self.threads)
            .field("batch_rows", &self.batch_rows)
            .finish_non_exhaustive()
    }
}

impl<'a> MaterialiseOptions<'a> {
    /// Materialises these views alone, by their names.
    #[must_use]
    pub fn with_views(mut self, views: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.views = views.into_iter().map(Into::into).collect();
        self
    }

    /// Materialises this version of the view that is named, and not its latest: Feast's `version`. Its values come from the source, with
    /// the schema and under the names that the version had, and are read as `view@v1:feature`. Latest versions are materialised by default,
    /// because they are what is read.
    ///
    /// The registry tells of the latest version alone: of another one the note beside its rows says what is done.
    #[must_use]
    pub fn with_version(mut self, version: ViewVersion) -> Self {
        self.version = Some(version);
        self
    }

    /// Works on so many views at once. Where there are more threads than views, each view is written by a second one.
    #[must_use]
    pub fn with_threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
        self
    }

    /// Writes so many rows at once, at least one; of sliding windows, tiles of so many are held in memory at once, and the source is read
    /// again for others.
    #[must_use]
    pub fn with_batch_rows(mut self, rows: usize) -> Self {
        self.batch_rows = rows.max(1);
        self
    }

    /// Is told after each write how far a view is. It is called by the threads that work, and should be quick.
    #[must_use]
    pub fn with_progress(mut self, progress: &'a (dyn Fn(&Progress) + Sync)) -> Self {
        self.progress = Some(progress);
        self
    }
}

impl FeatureStore {
    /// Writes the newest rows of each key, of events from `start` on and not after `end`, as Feast's `materialize` does. Newer rows that
    /// are there already stay.
    ///
    /// The interval is noted in the registry and beside the rows after they are stored. A run that was killed, interrupted or that failed
    /// notes nothing, and is repeated as a whole: that leaves no gap and changes nothing that was right. What is defined as newest, an older
    /// row never replaces. Events of the future are not read: an end beyond now is taken as now.
    ///
    /// Of a view of sliding windows tiles are made of history, from the one that the start is in to before the one that the end is in, in
    /// the place of [what a stream brought](crate::store::window#history-and-stream). What is repeated makes the same tiles again, and
    /// counts nothing twice.
    ///
    /// # Errors
    /// [`InvalidInput`](Error::InvalidInput) where the end is not after the start, and for a version without the one view that it belongs
    /// to; [`NotFound`](Error::NotFound) for a view or a version that is not there; [`Unsupported`](Error::Unsupported) for a view that is
    /// named and cannot be materialised;
    /// [`SchemaMismatch`](Error::SchemaMismatch) for a value that its feature does not hold, by view, column and row;
    /// [`Conflict`](Error::Conflict) where a view got another version meanwhile; those of sources and of the online store. Of several views,
    /// those that were done before stay done.
    pub fn materialise(
        &self,
        start: Timestamp,
        end: Timestamp,
        options: &MaterialiseOptions<'_>,
    ) -> Result<MaterialiseReport> {
        self.run(&Span::Whole(Interval::new(start, end)?), options)
    }

    /// Writes what came since the last run, up to `end`: Feast's `materialize_incremental`. Gaps between earlier runs are filled. A view
    /// that was never materialised is from its `ttl` before the end on, or from its first row on where it has none.
    ///
    /// A view of sliding windows is from the beginning of its longest window on, as far as it was not before, and again where events of the
    /// stream came too late. Tiles are left to the stream of which it has as many events as history.
    ///
    /// What counts as done is what the registry and the note beside the rows both say: a table that was lost is filled again.
    ///
    /// # Errors
    /// As [`materialise`](Self::materialise).
    pub fn materialise_incremental(
        &self,
        end: Timestamp,
        options: &MaterialiseOptions<'_>,
    ) -> Result<MaterialiseReport> {
        self.run(&Span::Since(end), options)
    }

    fn run(&self, span: &Span, options: &MaterialiseOptions<'_>) -> Result<MaterialiseReport> {
        let (jobs, skipped) = self.jobs(options)?;
        let how = How {
            batch_rows: options.batch_rows,
            progress: options.progress,
            is_beside: options.threads.get() > jobs.len(),
        };
        let next = AtomicUsize::new(0);
        let is_over = AtomicBool::new(false);
        let done: Mutex<Vec<(usize, Result<ViewRun>)>> = Mutex::default();
        let work = || {
            while !is_over.load(Ordering::Relaxed) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(job) = jobs.get(number) else { return };
                let run = job.run(self, span, &how);
                let run = run.map_err(|error| match error {
                    Error::Interrupted(_) => error,
                    error => error.within(format!("view {}", job.name())),
                });
                is_over.fetch_or(run.is_err(), Ordering::Relaxed);
                done.lock().unwrap_or_else(PoisonError::into_inner).push((number, run));
            }
        };
        let threads = options.threads.get().min(jobs.len().max(1));
        on_threads(threads, &work)?;
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_by_key(|(number, _)| *number);
        let views = done.into_iter().map(|(_, run)| run).collect::<Result<Vec<_>>>()?;
        interrupt::check(OPERATION)?;
        Ok(MaterialiseReport { views, skipped })
    }

    /// The views that are meant, and those that are left out with the reason.
    fn jobs(&self, options: &MaterialiseOptions<'_>) -> Result<(Vec<Job>, Vec<SkippedView>)> {
        let snapshot = self.snapshot()?;
        let repository = snapshot.repository();
        let (mut jobs, mut skipped) = (Vec::new(), Vec::new());
        if let Some(asked) = options.version {
            return Ok((vec![self.versioned(&snapshot, options, asked)?], skipped));
        }
        let names: Vec<&str> = match options.views.as_slice() {
            [] => repository.views().map(AnyView::name).collect(),
            some => some.iter().map(String::as_str).collect(),
        };
        for name in names {
            match repository.view(name)? {
                AnyView::View(view) => match check(view) {
                    Ok(()) => {
                        let version = snapshot.version_of(name)?;
                        jobs.push(Job::new(self, repository.project(), view, (version, true))?);
                    }
                    Err(error) if options.views.is_empty() => {
                        skipped.push(SkippedView { view: name.to_owned(), reason: error.to_string() });
                    }
                    Err(error) => return Err(error),
                },
                AnyView::OnDemand(_) if options.views.is_empty() => {}
                AnyView::OnDemand(_) => return Err(computed(name)),
            }
        }
        Ok((jobs, skipped))
    }

    /// One version of the view that is named.
    fn versioned(
        &self,
        snapshot: &Snapshot,
        options: &MaterialiseOptions<'_>,
        asked: ViewVersion,
    ) -> Result<Job> {
        let [name] = options.views.as_slice() else {
            let problem = format!("{} views are named, and a version belongs to one", options.views.len());
            return Err(Error::invalid_input(OPERATION, format!("version {asked}"), problem)
                .remedy("name the view whose version is meant, and no other"));
        };
        let latest = snapshot.version_of(name)?;
        let AnyView::View(view) = self.inner.definitions.version(name, asked)? else {
            return Err(computed(name));
        };
        check(&view)?;
        Job::new(self, snapshot.repository().project(), &view, (asked, asked == latest))
    }
}

/// The error of an on-demand view.
fn computed(name: &str) -> Error {
    let problem = "it is computed when it is asked for, and has nothing to store";
    Error::unsupported(OPERATION, format!("view {name}"), problem)
        .remedy("materialise the views that it reads")
}

/// A view whose history can be stored online.
fn check(view: &std::sync::Arc<ResolvedView>) -> Result<()> {
    let subject = || format!("view {}", view.view.name());
    if !view.view.online() {
        return Err(Error::unsupported(OPERATION, subject(), "it is not read online (`online = false`)")
            .remedy("apply it with `online = true`"));
    }
    super::historical::batch_source(OPERATION, view.view.name(), view.batch_source.as_ref()).map(drop)
}

/// Works on the caller's thread and on others beside it.
fn on_threads(threads: usize, work: &(dyn Fn() + Sync)) -> Result<()> {
    if threads <= 1 {
        work();
        return Ok(());
    }
    let caller = interrupt::handle();
    thread::scope(|scope| {
        let caller = &caller;
        let mut others = Vec::new();
        for _ in 1..threads {
            let begun = thread::Builder::new().spawn_scoped(scope, move || caller.enter(work));
            others.push(begun.map_err(|cause| Error::from_io(OPERATION, "threads", cause)));
        }
        work();
        // Only the caller's thread is told to stop: what the others still do stops with it.
        while others.iter().flatten().any(|other| !other.is_finished()) {
            // Asking is what tells them.
            let _ = interrupt::is_stopped();
            thread::sleep(Duration::from_millis(5));
        }
        others.into_iter().try_for_each(|other| {
            let panicked = |_| Error::internal(OPERATION, "threads", "a thread panicked");
            other?.join().map_err(panicked)
        })
    })
}

const OPERATION: &str = "materialise features";
