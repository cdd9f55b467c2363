//! A limit on the memory of one run: asked for by the operators, counted, and refused before it is taken.
//!
//! ONNX Runtime takes the memory of tensors from an allocator that may be registered for a process. The one registered here
//! stands before the runtime's own: it counts for the run of the calling thread, and where that has taken its share it asks the
//! own allocator for more than there can be, which fails as if memory were used up. The run ends with an error, and what
//! it took is given back.
//!
//! Not counted is what operators keep besides tensors, and what threads take that share the work of an operator
//! (`intra_threads`).

use std::cell::Cell;
use std::ffi::c_void;
use std::sync::atomic::{AtomicU64, Ordering};

use ort_sys as sys;

use super::ffi::{Api, Failure, call};

/// The share of the run that a thread is in.
#[derive(Clone, Copy)]
struct Share {
    /// Its number; 0 outside of runs with a limit.
    run: u64,
    left: u64,
    is_exceeded: bool,
}

thread_local! {
    static SHARE: Cell<Share> = const { Cell::new(Share { run: 0, left: 0, is_exceeded: false }) };
}

/// Lies before each block: whose it is, and how large.
#[derive(Clone, Copy)]
struct Header {
    run: u64,
    bytes: u64,
}

/// Keeps blocks on the widest boundary that the runtime's own allocator gives.
const HEADER: usize = 256;

/// More than there is, and less than what sizes are checked against.
const TOO_MUCH: usize = isize::MAX as usize / 2;

/// The allocator as ONNX Runtime sees it, and the one below it.
#[repr(C)]
pub(super) struct Counting {
    table: sys::OrtAllocator,
    below: *mut sys::OrtAllocator,
    info: *const sys::OrtMemoryInfo,
}

type Alloc = unsafe extern "system" fn(*mut sys::OrtAllocator, usize) -> *mut c_void;
/// The runtime's own allocator fails by an exception of C++, which passes through the frames here.
type AllocOrThrow = unsafe extern "system-unwind" fn(*mut sys::OrtAllocator, usize) -> *mut c_void;

/// Registers the counting allocator for the CPU in this environment. Sessions use it that ask for the environment's allocators.
///
/// # Errors
/// Where the program does not unwind, so that it cannot refuse memory; where somebody else has registered an allocator; and
/// where the runtime has none to stand before.
#[expect(unsafe_code, reason = "a foreign interface")]
pub(super) fn register(
    api: Api,
    environment: *mut sys::OrtEnv,
    info: *const sys::OrtMemoryInfo,
) -> Result<(), Failure> {
    if cfg!(panic = "abort") {
        return Err(Failure { code: 1, message: "the program is built with panic=\"abort\"".into() });
    }
    // SAFETY: functions of the table. The allocator is leaked, because the environment keeps it; the types of the functions
    // differ from the table's in that they may unwind, which their caller, C++, expects.
    unsafe {
        let mut below = std::ptr::null_mut();
        call!(api, GetAllocatorWithDefaultOptions(&raw mut below))?;
        let mut table = sys::OrtAllocator::default();
        table.version = Api::OLDEST;
        table.Alloc = Some(std::mem::transmute::<AllocOrThrow, Alloc>(allocate));
        table.Free = Some(free);
        table.Info = Some(told);
        let counting = Box::into_raw(Box::new(Counting { table, below, info }));
        call!(api, RegisterAllocator(environment, counting.cast()))
    }
}

/// Calls `run`, on this thread, with at most `most` bytes for its tensors. Answers also whether it asked for more.
pub(super) fn within<T>(most: u64, run: impl FnOnce() -> T) -> (T, bool) {
    static RUNS: AtomicU64 = AtomicU64::new(1);
    if most == u64::MAX {
        return (run(), false);
    }
    /// What runs inside of a run, such as what a log's reader starts, has a share of its own.
    struct Outer(Share);
    impl Drop for Outer {
        fn drop(&mut self) {
            SHARE.set(self.0);
        }
    }
    let number = RUNS.fetch_add(1, Ordering::Relaxed);
    let outer = Outer(SHARE.replace(Share { run: number, left: most, is_exceeded: false }));
    let answer = run();
    let is_exceeded = SHARE.get().is_exceeded;
    drop(outer);
    (answer, is_exceeded)
}

#[expect(unsafe_code, reason = "a foreign interface")]
unsafe extern "system-unwind" fn allocate(this: *mut sys::OrtAllocator, bytes: usize) -> *mut c_void {
    // SAFETY: `this` is the allocator that was registered, and never goes. Nothing here needs to be dropped where the call below
    // unwinds. A block has room for its header, which is written before the block is handed out.
    unsafe {
        let counting = this.cast::<Counting>();
        let below = (*counting).below;
        let Some(own) = (*below).Alloc else { return std::ptr::null_mut() };
        let own = std::mem::transmute::<Alloc, AllocOrThrow>(own);
        if bytes == 0 {
            return std::ptr::null_mut();
        }
        let Some(whole) = bytes.checked_add(HEADER) else { return own(below, TOO_MUCH) };
        let mut share = SHARE.get();
        if share.run != 0 {
            match share.left.checked_sub(whole as u64) {
                Some(left) => share.left = left,
                None => {
                    share.is_exceeded = true;
                    SHARE.set(share);
                    return own(below, TOO_MUCH);
                }
            }
        }
        let block = own(below, whole);
        if block.is_null() {
            return block;
        }
        SHARE.set(share);
        block.cast::<Header>().write(Header { run: share.run, bytes: whole as u64 });
        block.byte_add(HEADER)
    }
}

#[expect(unsafe_code, reason = "a foreign interface")]
unsafe extern "system" fn free(this: *mut sys::OrtAllocator, block: *mut c_void) {
    if block.is_null() {
        return;
    }
    // SAFETY: as above; the block was handed out by `allocate`, behind its header.
    unsafe {
        let below = (*this.cast::<Counting>()).below;
        let whole = block.byte_sub(HEADER);
        let header = whole.cast::<Header>().read();
        let mut share = SHARE.get();
        if share.run != 0 && share.run == header.run {
            share.left += header.bytes;
            SHARE.set(share);
        }
        if let Some(own) = (*below).Free {
            own(below, whole);
        }
    }
}

#[expect(unsafe_code, reason = "a foreign interface")]
unsafe extern "system" fn told(this: *const sys::OrtAllocator) -> *const sys::OrtMemoryInfo {
    // SAFETY: as above.
    unsafe { (*this.cast::<Counting>()).info }
}
