//! Locks on the registry's files that no other code of the process can drop.
//!
//! SQLite locks with POSIX's locks of records, of which a process has one set per file: closing *any* descriptor of the file
//! drops all of them. Another SQLite in the process (Python's `sqlite3`) or a mere `File::open` would so unlock an open
//! registry, and whoever comes next, believing to be alone, takes the write-ahead log away that this process goes on writing
//! to: what it acknowledges from then on is lost. Linux has locks that belong to an open file description instead. They stand
//! against those of POSIX, and go only with the last descriptor of their own description.
//!
//! SQLite lets its system calls be replaced. Ours lock the registry's files, and nothing else, on behalf of one description
//! per file: SQLite does its own accounts of which connection holds what, and trusts that all of a process have one lock.
//!
//! A process that was forked inherits the descriptions, whose locks it would share with its parent, and SQLite's accounts of a
//! parent's connections. Neither may be used there: a child locks by descriptions of its own, and its SQLite is told numbers of
//! files that it has not heard before.

#![expect(unsafe_code, reason = "a foreign interface")]

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fs::{File, OpenOptions};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use rusqlite::ffi;

/// As long as this lives, whatever SQLite opens of a registry is locked so.
#[derive(Debug)]
pub struct Protected {
    names: Vec<CString>,
}

impl Protected {
    /// The file at `path` and the index of its log. Where the system offers no such locks, SQLite keeps its own.
    pub fn new(path: &Path) -> Self {
        let names = full_name(path).filter(|_| is_installed()).map_or_else(Vec::new, |name| {
            let index = [name.to_bytes(), b"-shm"].concat();
            // The name comes from a C string, so that there is no zero within.
            [Some(name), CString::new(index).ok()].into_iter().flatten().collect()
        });
        for name in &names {
            *files().names.entry(name.clone()).or_default() += 1;
        }
        Self { names }
    }
}

impl Drop for Protected {
    fn drop(&mut self) {
        let mut files = files();
        for name in &self.names {
            if let Some(users) = files.names.get_mut(name) {
                *users -= 1;
                if *users == 0 {
                    files.names.remove(name);
                }
            }
        }
    }
}

/// What is known of the registries' files.
#[derive(Debug)]
struct Files {
    /// How many registries are open at a path, as SQLite spells it.
    names: BTreeMap<CString, usize>,
    /// The file of each descriptor that SQLite has open.
    descriptors: BTreeMap<c_int, Inode>,
    owners: BTreeMap<Inode, Owner>,
}

/// Process, device and number: the file, whatever it is called. What another process opened, and a fork brought here, is
/// another file.
type Inode = (u32, u64, u64);

/// The description that all locks on a file are held by, and how many of SQLite's descriptors there are beside it.
#[derive(Debug)]
struct Owner {
    file: File,
    descriptors: usize,
}

fn files() -> MutexGuard<'static, Files> {
    static FILES: Mutex<Files> =
        Mutex::new(Files { names: BTreeMap::new(), descriptors: BTreeMap::new(), owners: BTreeMap::new() });
    FILES.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Files {
    /// Locks on this descriptor are the owner's from now on, if the system knows such locks.
    fn adopt(&mut self, descriptor: BorrowedFd<'_>) {
        let Some(inode) = inode(descriptor) else { return };
        // What a fork brought here holds the parent's locks as long as it is open.
        self.owners.retain(|(process, _, _), _| *process == inode.0);
        self.descriptors.retain(|_, (process, _, _)| *process == inode.0);
        let owner = match self.owners.remove(&inode) {
            Some(owner) => Owner { descriptors: owner.descriptors + 1, ..owner },
            None => match owner(descriptor) {
                Some(file) => Owner { file, descriptors: 1 },
                None => return,
            },
        };
        self.owners.insert(inode, owner);
        self.descriptors.insert(descriptor.as_raw_fd(), inode);
    }

    /// The descriptor that holds the locks in place of this one.
    fn owner(&self, descriptor: c_int) -> Option<c_int> {
        let inode = self.descriptors.get(&descriptor)?;
        self.owners.get(inode).map(|owner| owner.file.as_raw_fd())
    }

    fn forget(&mut self, descriptor: c_int) {
        let Some(inode) = self.descriptors.remove(&descriptor) else { return };
        if let Some(owner) = self.owners.get_mut(&inode) {
            owner.descriptors -= 1;
            if owner.descriptors == 0 {
                self.owners.remove(&inode);
            }
        }
    }
}

fn inode(descriptor: BorrowedFd<'_>) -> Option<Inode> {
    let mut found = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the descriptor is open, and `fstat` fills the structure where it answers 0.
    let found = unsafe {
        match libc::fstat(descriptor.as_raw_fd(), found.as_mut_ptr()) {
            0 => found.assume_init(),
            _ => return None,
        }
    };
    Some((std::process::id(), found.st_dev, found.st_ino))
}

/// What the number of a file is changed by in a process that was forked after SQLite had been prepared; 0 where it was prepared.
fn disguise() -> libc::ino_t {
    let (prepared, own) = (PREPARED_BY.get().copied().unwrap_or_default(), std::process::id());
    // Numbers of files are far below this. Each process has its own disguise: a child of a child inherits that of its parent.
    if prepared == own { 0 } else { libc::ino_t::from(own) << 40 }
}

/// A descriptor to hold locks by; `None` where the system has no locks of open file descriptions.
fn owner(descriptor: BorrowedFd<'_>) -> Option<File> {
    // A lock against readers needs a descriptor that may write, and the first connection may be one that only reads.
    let itself = format!("/proc/self/fd/{}", descriptor.as_raw_fd());
    let writable = OpenOptions::new().read(true).write(true).open(itself);
    let file = match writable {
        Ok(file) => file,
        Err(_) => descriptor.try_clone_to_owned().ok()?.into(),
    };
    let mut probe = lock_of_nobody();
    // SAFETY: the descriptor is open and the structure is a lock.
    (unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_GETLK, &raw mut probe) } == 0).then_some(file)
}

fn lock_of_nobody() -> libc::flock {
    libc::flock {
        // The constants are small enough for any integer.
        l_type: libc::F_RDLCK as _,
        l_whence: libc::SEEK_SET as _,
        l_start: 0,
        l_len: 1,
        l_pid: 0,
    }
}

type Open = unsafe extern "C" fn(*const c_char, c_int, c_int) -> c_int;
type Close = unsafe extern "C" fn(c_int) -> c_int;
type Control = unsafe extern "C" fn(c_int, c_int, ...) -> c_int;
type Stat = unsafe extern "C" fn(*const c_char, *mut libc::stat) -> c_int;
type StatOpen = unsafe extern "C" fn(c_int, *mut libc::stat) -> c_int;

/// What SQLite called before: the system, or what a host has put in its place.
#[derive(Debug)]
struct Calls {
    open: Open,
    close: Close,
    control: Control,
    stat: Stat,
    stat_open: StatOpen,
}

/// The process in which SQLite was prepared.
static PREPARED_BY: OnceLock<u32> = OnceLock::new();
static BEFORE: OnceLock<Calls> = OnceLock::new();

/// Whether SQLite asks us.
fn is_installed() -> bool {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    *INSTALLED.get_or_init(|| install().is_some())
}

fn install() -> Option<()> {
    // SAFETY: the file system of the name `unix` lives as long as the process; its calls have these
    // types, "fcntl" by the convention of Linux, by which a function of three arguments finds the third
    // where a call with variable arguments puts it.
    unsafe {
        let vfs = ffi::sqlite3_vfs_find(c"unix".as_ptr());
        let (get, set) = (vfs.as_ref()?.xGetSystemCall?, (*vfs).xSetSystemCall?);
        let calls = Calls {
            open: std::mem::transmute::<unsafe extern "C" fn(), Open>(get(vfs, c"open".as_ptr())?),
            close: std::mem::transmute::<unsafe extern "C" fn(), Close>(get(vfs, c"close".as_ptr())?),
            control: std::mem::transmute::<unsafe extern "C" fn(), Control>(get(vfs, c"fcntl".as_ptr())?),
            stat: std::mem::transmute::<unsafe extern "C" fn(), Stat>(get(vfs, c"stat".as_ptr())?),
            stat_open: std::mem::transmute::<unsafe extern "C" fn(), StatOpen>(get(vfs, c"fstat".as_ptr())?),
        };
        // Known before another thread's SQLite can ask.
        BEFORE.get_or_init(|| calls);
        PREPARED_BY.get_or_init(std::process::id);
        let ours: [(&CStr, unsafe extern "C" fn()); 5] = [
            (c"stat", std::mem::transmute::<Stat, unsafe extern "C" fn()>(stat)),
            (c"fstat", std::mem::transmute::<StatOpen, unsafe extern "C" fn()>(stat_open)),
            (c"open", std::mem::transmute::<Open, unsafe extern "C" fn()>(open)),
            (c"close", std::mem::transmute::<Close, unsafe extern "C" fn()>(close)),
            (
                c"fcntl",
                std::mem::transmute::<
                    unsafe extern "C" fn(c_int, c_int, *mut c_void) -> c_int,
                    unsafe extern "C" fn(),
                >(control),
            ),
        ];
        for (name, call) in ours {
            // It refuses only names that it does not know, and it knew these.
            set(vfs, name.as_ptr(), Some(call));
        }
        Some(())
    }
}

/// The path as SQLite opens it: absolute, and without symbolic links.
fn full_name(path: &Path) -> Option<CString> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    // SAFETY: the file system lives as long as the process, and writes at most as many bytes as it says its paths have.
    unsafe {
        let vfs = ffi::sqlite3_vfs_find(c"unix".as_ptr());
        let room = vfs.as_ref()?.mxPathname + 1;
        let mut name = vec![0_u8; usize::try_from(room).ok()?];
        let answer = (*vfs).xFullPathname?(vfs, path.as_ptr(), room, name.as_mut_ptr().cast());
        (answer & 0xff == ffi::SQLITE_OK).then_some(())?;
        CStr::from_bytes_until_nul(&name).ok().map(CStr::to_owned)
    }
}

/// # Safety
/// As for `open(2)`.
unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: c_int) -> c_int {
    let Some(before) = BEFORE.get() else { return -1 };
    // SAFETY: as the caller promises.
    let descriptor = unsafe { (before.open)(path, flags, mode) };
    if descriptor >= 0 {
        // SAFETY: it was opened by this path just now.
        let (path, descriptor) = unsafe { (CStr::from_ptr(path), BorrowedFd::borrow_raw(descriptor)) };
        let mut files = files();
        if files.names.contains_key(path) {
            files.adopt(descriptor);
        }
    }
    descriptor
}

/// # Safety
/// As for `close(2)`.
unsafe extern "C" fn close(descriptor: c_int) -> c_int {
    let Some(before) = BEFORE.get() else { return -1 };
    files().forget(descriptor);
    // SAFETY: as the caller promises.
    unsafe { (before.close)(descriptor) }
}

/// # Safety
/// As for `fcntl(2)`.
unsafe extern "C" fn control(descriptor: c_int, command: c_int, argument: *mut c_void) -> c_int {
    let Some(before) = BEFORE.get() else { return -1 };
    let of_description = match command {
        libc::F_SETLK => Some(libc::F_OFD_SETLK),
        libc::F_SETLKW => Some(libc::F_OFD_SETLKW),
        libc::F_GETLK => Some(libc::F_OFD_GETLK),
        _ => None,
    };
    let owner = of_description.and_then(|command| Some((files().owner(descriptor)?, command)));
    // SAFETY: as the caller promises; the argument of these commands is a lock.
    unsafe {
        match owner {
            None => (before.control)(descriptor, command, argument),
            Some((owner, command)) => {
                // The system refuses any other.
                (*argument.cast::<libc::flock>()).l_pid = 0;
                (before.control)(owner, command, argument)
            }
        }
    }
}

/// # Safety
/// As for `stat(2)`.
unsafe extern "C" fn stat(path: *const c_char, found: *mut libc::stat) -> c_int {
    let Some(before) = BEFORE.get() else { return -1 };
    // SAFETY: as the caller promises; the structure is filled where the answer is 0.
    unsafe {
        let answer = (before.stat)(path, found);
        if answer == 0 {
            (*found).st_ino ^= disguise();
        }
        answer
    }
}

/// # Safety
/// As for `fstat(2)`.
unsafe extern "C" fn stat_open(descriptor: c_int, found: *mut libc::stat) -> c_int {
    let Some(before) = BEFORE.get() else { return -1 };
    // SAFETY: as the caller promises; the structure is filled where the answer is 0.
    unsafe {
        let answer = (before.stat_open)(descriptor, found);
        if answer == 0 {
            (*found).st_ino ^= disguise();
        }
        answer
    }
}
