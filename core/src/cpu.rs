//! CPU time of threads, where the system tells it.

#![cfg_attr(
    target_os = "linux",
    expect(unsafe_code, reason = "the system's thread clocks have no safe interface")
)]

use std::time::Duration;

/// The CPU clock of one thread, readable from every thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ThreadClock(#[cfg(target_os = "linux")] Option<libc::clockid_t>);

#[cfg(target_os = "linux")]
impl ThreadClock {
    /// The clock of the calling thread.
    pub fn current() -> ThreadClock {
        // SAFETY: pthread_self has no preconditions and names the calling thread, which lives.
        let thread = unsafe { libc::pthread_self() };
        let mut clock = 0;
        // SAFETY: `thread` is alive and `clock` is a valid place for one clockid_t.
        let failed = unsafe { libc::pthread_getcpuclockid(thread, &raw mut clock) };
        ThreadClock((failed == 0).then_some(clock))
    }

    /// CPU time that the thread has used since it started; `None` once it has ended.
    pub fn read(self) -> Option<Duration> {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` is a valid place for one timespec; the id of a dead thread gives an error.
        let failed = unsafe { libc::clock_gettime(self.0?, &raw mut time) };
        (failed == 0).then(|| Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
    }
}

#[cfg(not(target_os = "linux"))]
impl ThreadClock {
    /// The clock of the calling thread.
    pub fn current() -> ThreadClock {
        ThreadClock()
    }

    /// Nothing: this system can't tell the CPU time of another thread.
    pub fn read(self) -> Option<Duration> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn another_thread_sees_time_spent_and_not_time_waited() {
        let clock = ThreadClock::current();
        let before = clock.read().unwrap();
        let busy = Instant::now();
        while busy.elapsed() < Duration::from_millis(20) {
            std::hint::black_box(0);
        }
        let (spent, after) = std::thread::spawn(move || {
            let spent = clock.read().unwrap();
            std::thread::sleep(Duration::from_millis(20));
            (spent, clock.read().unwrap())
        })
        .join()
        .unwrap();
        assert!(spent > before && after - spent < Duration::from_millis(10));
    }
}
