//! Folders by descriptor: nothing below the root is reached through a link, and nothing waits for another program.
//!
//! A path names whatever somebody put there; a descriptor names one folder for good. Files are opened without blocking, and
//! only then asked what they are.

#![expect(unsafe_code, reason = "the standard library opens nothing relative to a folder")]

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd};
use std::path::{Path, PathBuf};

use super::folder::{names_in, wrong_kind};

/// An open folder. Names in it are single parts of a path.
#[derive(Debug)]
pub(crate) struct Dir {
    file: File,
    path: PathBuf,
}

impl Dir {
    /// Opens the root, which may be a link: where the root lies is the user's choice.
    pub(crate) fn root(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::open(path)?, path: path.to_owned() })
    }

    /// Opens a folder in this one.
    pub(crate) fn dir(&self, name: &str) -> io::Result<Self> {
        match self.open(name, libc::O_RDONLY | libc::O_DIRECTORY) {
            Ok(file) => Ok(Self { file, path: self.path.join(name) }),
            Err(cause) => Err(self.told(name, "a folder", cause)),
        }
    }

    /// Opens a folder in this one, and makes it where it does not exist.
    pub(super) fn make(&self, name: &str) -> io::Result<Self> {
        let text = text(name)?;
        // SAFETY: the descriptor is open, and the name ends with a zero.
        match unsafe { libc::mkdirat(self.file.as_raw_fd(), text.as_ptr(), 0o777) } {
            0 => {}
            _ => match io::Error::last_os_error() {
                cause if cause.kind() == io::ErrorKind::AlreadyExists => {}
                cause => return Err(cause),
            },
        }
        self.dir(name)
    }

    /// Opens a regular file for reading.
    pub(crate) fn regular(&self, name: &str) -> io::Result<File> {
        self.checked(name, libc::O_RDONLY)
    }

    /// Opens a regular file for locking it, and makes it where it does not exist.
    pub(super) fn lock_file(&self, name: &str) -> io::Result<File> {
        self.checked(name, libc::O_RDWR | libc::O_CREAT)
    }

    /// Opens the lock of a folder that may be read only: one that does not exist is not made.
    pub(super) fn existing_lock_file(&self, name: &str) -> io::Result<File> {
        self.checked(name, libc::O_RDWR)
    }

    /// Makes a file that does not exist.
    pub(super) fn create_new(&self, name: &str) -> io::Result<File> {
        self.open(name, libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL)
    }

    /// The size of a regular file.
    pub(super) fn size(&self, name: &str) -> io::Result<u64> {
        let found = self.stat(name)?;
        match kind(found.st_mode) {
            // Sizes are not negative.
            None => Ok(u64::try_from(found.st_size).unwrap_or(0)),
            Some(found) => Err(wrong_kind(&self.path.join(name), found, "a regular file")),
        }
    }

    /// Says whether a name is a folder, and no link to one.
    pub(crate) fn is_folder(&self, name: &str) -> bool {
        self.stat(name).is_ok_and(|found| found.st_mode & libc::S_IFMT == libc::S_IFDIR)
    }

    /// Moves a file into the folder `to`, in place of what is called so there. Links are replaced, not followed.
    pub(super) fn rename(&self, name: &str, to: &Self, new_name: &str) -> io::Result<()> {
        let (from, new_name) = (text(name)?, text(new_name)?);
        // SAFETY: both descriptors are open, and the names end with a zero.
        done(unsafe {
            libc::renameat(self.file.as_raw_fd(), from.as_ptr(), to.file.as_raw_fd(), new_name.as_ptr())
        })
    }

    /// Removes a file, or a link itself.
    pub(super) fn remove_file(&self, name: &str) -> io::Result<()> {
        let name = text(name)?;
        // SAFETY: the descriptor is open, and the name ends with a zero.
        done(unsafe { libc::unlinkat(self.file.as_raw_fd(), name.as_ptr(), 0) })
    }

    /// The names in the folder that are text, in ascending order.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        // By its path: should that lead elsewhere by now, its names are not in this folder, and nothing is done to them.
        names_in(&self.path)
    }

    /// Makes the disk know the entries of the folder.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn checked(&self, name: &str, flags: libc::c_int) -> io::Result<File> {
        let file = self.open(name, flags).map_err(|cause| self.told(name, "a regular file", cause))?;
        if file.metadata()?.is_file() {
            return Ok(file);
        }
        Err(self.told(name, "a regular file", io::ErrorKind::InvalidData.into()))
    }

    fn open(&self, name: &str, flags: libc::c_int) -> io::Result<File> {
        let name = text(name)?;
        let flags = flags | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC;
        loop {
            // SAFETY: the descriptor is open, and the name ends with a zero.
            let opened =
                unsafe { libc::openat(self.file.as_raw_fd(), name.as_ptr(), flags, 0o666 as libc::c_uint) };
            if opened >= 0 {
                // SAFETY: it was opened just now, and nobody else knows it.
                return Ok(unsafe { File::from_raw_fd(opened) });
            }
            let cause = io::Error::last_os_error();
            if cause.kind() != io::ErrorKind::Interrupted {
                return Err(cause);
            }
        }
    }

    fn stat(&self, name: &str) -> io::Result<libc::stat> {
        let name = text(name)?;
        let mut found = MaybeUninit::<libc::stat>::uninit();
        // SAFETY: the descriptor is open, the name ends with a zero, and the structure is filled where the answer is 0.
        unsafe {
            let (folder, link) = (self.file.as_raw_fd(), libc::AT_SYMLINK_NOFOLLOW);
            done(libc::fstatat(folder, name.as_ptr(), found.as_mut_ptr(), link))?;
            Ok(found.assume_init())
        }
    }

    /// The error of an opening, in words where something else than `expected` lies there.
    fn told(&self, name: &str, expected: &'static str, cause: io::Error) -> io::Error {
        let Ok(found) = self.stat(name) else { return cause };
        let found = match kind(found.st_mode) {
            None if expected == "a regular file" => return cause,
            Some("a folder") if expected == "a folder" => return cause,
            None => "a regular file",
            Some(found) => found,
        };
        wrong_kind(&self.path.join(name), found, expected)
    }
}

/// What a file is; `None` for a regular one.
fn kind(mode: libc::mode_t) -> Option<&'static str> {
    match mode & libc::S_IFMT {
        libc::S_IFREG => None,
        libc::S_IFDIR => Some("a folder"),
        libc::S_IFLNK => Some("a symbolic link"),
        libc::S_IFIFO => Some("a pipe"),
        libc::S_IFSOCK => Some("a socket"),
        _ => Some("a device"),
    }
}

fn text(name: &str) -> io::Result<CString> {
    CString::new(name).map_err(io::Error::other)
}

fn done(answer: libc::c_int) -> io::Result<()> {
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
