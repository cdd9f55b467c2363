use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Keeps how far somebody has been told, so that it survives the process.
///
/// ```
/// use std::sync::Mutex;
///
/// use mlcore::Result;
/// use mlcore::registry::webhook::CursorStore;
///
/// #[derive(Default)]
/// struct InMemory(Mutex<Option<String>>);
///
/// impl CursorStore for InMemory {
///     fn load(&self) -> Result<Option<String>> {
///         Ok(self.0.lock().ok().and_then(|kept| kept.clone()))
///     }
///
///     fn save(&self, text: &str) -> Result<()> {
///         self.0.lock().ok().map(|mut kept| kept.replace(text.to_owned()));
///         Ok(())
///     }
/// }
/// ```
pub trait CursorStore: Send + Sync {
    /// The text that was saved last; none where none was.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn load(&self) -> Result<Option<String>>;

    /// Saves a text in the place of the one before. It is durable when this returns, and a crash leaves one of the two.
    ///
    /// # Errors
    /// Where it cannot be written: then the one before stays.
    fn save(&self, text: &str) -> Result<()>;
}

/// A file that is replaced as a whole.
#[derive(Clone, Debug)]
pub struct FileCursor {
    path: PathBuf,
}

impl FileCursor {
    /// The cursor in this file, which need not exist yet; its folder must.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn failed(&self, operation: &'static str) -> impl Fn(std::io::Error) -> Error {
        let subject = self.path.display().to_string();
        move |cause| Error::from_io(operation, subject.clone(), cause)
    }
}

impl CursorStore for FileCursor {
    fn load(&self) -> Result<Option<String>> {
        let failed = self.failed("read cursor");
        let file = match File::open(&self.path) {
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(&failed)?,
        };
        let mut text = String::new();
        file.take(MOST_BYTES).read_to_string(&mut text).map_err(&failed)?;
        Ok(Some(text))
    }

    fn save(&self, text: &str) -> Result<()> {
        let write = || {
            let partial = self.path.with_extension("partial");
            let mut file = File::create(&partial)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&partial, &self.path)?;
            let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all())
        };
        write().map_err(self.failed("write cursor"))
    }
}

/// The places of a thousand hooks take a tenth of it.
const MOST_BYTES: u64 = 1 << 20;
