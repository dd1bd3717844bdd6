//! Which process this is, asked without a system call on every use.

#![cfg_attr(unix, expect(unsafe_code, reason = "the hook after a fork has no safe interface"))]

use std::sync::atomic::{AtomicU32, Ordering};

/// How many forks lie between this process and the one that loaded the library.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// The process that made it; a forked child is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub id: u32,
    forks: u32,
}

impl Process {
    /// The calling process.
    pub fn current() -> Process {
        watch_forks();
        Process { id: std::process::id(), forks: FORKS.load(Ordering::Relaxed) }
    }

    /// Whether it is the calling process.
    pub fn is_current(self) -> bool {
        self.forks == FORKS.load(Ordering::Relaxed)
    }
}

/// Whether three quarters of the files that the process may have open are, be they ours or the host's: the system gives
/// the lowest number that is free.
pub(crate) fn is_short_of_files() -> bool {
    #[cfg(test)]
    if tests::IS_SHORT_OF_FILES.get() {
        return true;
    }
    has_few_files_left()
}

#[cfg(unix)]
fn has_few_files_left() -> bool {
    use rustix::io::Errno;
    use rustix::process::{Resource, getrlimit};
    use std::os::fd::AsRawFd;

    let Some(most) = getrlimit(Resource::Nofile).current else { return false };
    match std::fs::File::open("/dev/null") {
        Ok(next) => next.as_raw_fd() as u64 >= most / 4 * 3,
        Err(error) => Errno::from_io_error(&error) == Some(Errno::MFILE),
    }
}

#[cfg(not(unix))]
fn has_few_files_left() -> bool {
    false
}

#[cfg(unix)]
fn watch_forks() {
    extern "C" fn count() {
        FORKS.fetch_add(1, Ordering::Relaxed);
    }
    static HOOK: std::sync::Once = std::sync::Once::new();
    HOOK.call_once(|| {
        // SAFETY: the hook lives as long as the library and does nothing but count in an atomic, which
        // is safe in a child of a process with many threads.
        let failed = unsafe { libc::pthread_atfork(None, None, Some(count)) };
        assert_eq!(failed, 0, "out of memory for a fork hook");
    });
}

#[cfg(not(unix))]
fn watch_forks() {}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;

    thread_local! {
        /// Has this thread find that there are few left.
        pub(crate) static IS_SHORT_OF_FILES: Cell<bool> = const { Cell::new(false) };
    }
}
