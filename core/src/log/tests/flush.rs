//! Many who wait for the same flush.

use std::sync::atomic::AtomicUsize;
use std::thread;

use super::*;

const WAITING: usize = 16;

/// Lets the next sync wait until `WAITING` records have been appended meanwhile, and answer `outcome` then. Answers
/// what tells that it has begun, and what counts the records.
fn hold_sync(
    memory: &Memory,
    outcome: impl Fn() -> io::Result<()> + Send + Sync + 'static,
) -> (Arc<AtomicBool>, Arc<AtomicUsize>) {
    let (begun, appended) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (in_sync, arrived) = (begun.clone(), appended.clone());
    memory.0.lock().on_sync = Some(Arc::new(move || {
        in_sync.store(true, Ordering::SeqCst);
        while arrived.load(Ordering::SeqCst) < WAITING {
            thread::yield_now();
        }
        outcome()
    }));
    (begun, appended)
}

/// Flushes a record in one thread, and then one in each of `WAITING` others while the first is being synced.
fn flush_all(
    log: &Arc<Log>,
    (begun, appended): (Arc<AtomicBool>, Arc<AtomicUsize>),
) -> Vec<io::Result<()>> {
    thread::scope(|scope| {
        let first = scope.spawn(|| log.flush(append(log, "first", 1, 1)));
        while !begun.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        let mut threads = vec![first];
        for n in 0..WAITING {
            let appended = &appended;
            threads.push(scope.spawn(move || {
                let sequence = append(log, &n.to_string(), 1, 1);
                appended.fetch_add(1, Ordering::SeqCst);
                log.flush(sequence)
            }));
        }
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    })
}

#[test]
fn who_waits_for_a_flush_shares_the_next() {
    let memory = Memory::new(64);
    let log = log(&memory);
    write(&log, "a", 0, 1);
    let before = memory.0.lock().syncs;
    let outcomes = flush_all(&log, hold_sync(&memory, || Ok(())));
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(memory.0.lock().syncs - before, 2);
    assert_eq!(sequences(&memory).len(), WAITING + 2);
}

#[test]
fn a_sync_that_fails_is_told_to_all_who_wait() {
    let memory = Memory::new(64);
    let log = log(&memory);
    write(&log, "a", 0, 1);
    let outcomes = flush_all(&log, hold_sync(&memory, || Err(io::Error::other("broken"))));
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_err()).count(), WAITING + 1);
}

#[test]
fn nobody_waits_in_vain() {
    const COMMITS: usize = 50;
    let memory = Memory::new(4);
    let log = log(&memory);
    memory.0.lock().on_sync = Some(Arc::new(|| {
        thread::yield_now();
        Ok(())
    }));
    thread::scope(|scope| {
        for n in 0..WAITING {
            let log = &log;
            scope.spawn(move || {
                let place = n.to_string();
                for _ in 0..COMMITS {
                    let sequence = write(log, &place, 1, 1);
                    assert!(log.flushes.are_durable(sequence));
                    log.settle(&place, sequence);
                }
            });
        }
    });
    assert_eq!(log.state.lock().appended, (WAITING * COMMITS) as u64);
}
