//! Lets each call of SQLite to the operating system fail once, and from then on.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use facetbox::{Durability, Error, ErrorCode};
use rusqlite::ffi;

use crate::check::{Outcome, check};
use crate::model::{AlarmChange, Kind, Node, Op, ops};
use crate::vfs::{self, Call, Decision, Plan};
use crate::world::{Keep, World};

const OBJECTS: usize = 2;
/// An object that has failed so often is left alone: each failure multiplies what it may have stored.
const MAX_FAILURES: usize = 3;

/// How calls fail.
#[derive(Clone, Copy, Debug)]
struct Fault {
    full: bool,
    /// Whether those that follow fail, too.
    lasting: bool,
}

const FAULTS: [Fault; 4] = [
    Fault { full: false, lasting: false },
    Fault { full: false, lasting: true },
    Fault { full: true, lasting: false },
    Fault { full: true, lasting: true },
];

/// Survives a fault at every call of a workload of `count` operations on each object.
pub fn run(seed: u64, count: usize) -> Outcome<String> {
    vfs::install();
    let (mut trials, mut errors) = (0, 0);
    for fault in FAULTS {
        for at in 0.. {
            let trial = Trial { seed, count, fault, at };
            let (reached, failed) = trial.run().map_err(|e| {
                format!("{fault:?} at call {at} (seed {seed}, {count} operations): {e}")
            })?;
            if !reached {
                break;
            }
            (trials, errors) = (trials + 1, errors + failed);
        }
    }
    Ok(format!("{trials} faults survived, {errors} operations answered an error, seed {seed}"))
}

struct Trial {
    seed: u64,
    count: usize,
    fault: Fault,
    /// The number of the call that fails.
    at: u64,
}

impl Trial {
    /// Answers whether the call was reached, and how many operations answered an error.
    fn run(&self) -> Outcome<(bool, usize)> {
        let root = crate::memory_dir()?;
        let dir = root.path().join("data");
        let calls = Arc::new(AtomicU64::new(0));
        let failer = Failer { fault: self.fault, at: self.at, calls: calls.clone() };
        vfs::follow(Some(Box::new(failer)));
        // Guests see these errors, and where the data is isn't theirs to know.
        let shows_path = |error: &Error| error.message().contains(&*root.path().to_string_lossy());
        let expects = |error: &Error| self.expects(error) && !shows_path(error);
        let outcome = write(&dir, self.seed, self.count, expects);
        vfs::follow(None);
        let (allowed, failed) = outcome?;
        check(&dir, &allowed, true)?;
        Ok((calls.load(Ordering::Relaxed) > self.at, failed))
    }

    fn expects(&self, error: &Error) -> bool {
        match error.code() {
            // A full disk too: the quota has room.
            ErrorCode::Storage => true,
            // What a guest was refused by its storage is the guest's error to whoever called it.
            ErrorCode::GuestError => {
                ["SQLITE_", "Cannot "].iter().any(|text| error.message().contains(text))
            }
            _ => false,
        }
    }
}

/// What each object may have stored, and how many operations failed.
type Written = (Vec<Option<Vec<Node>>>, usize);

/// Runs the workload, whose operations may fail with errors that are expected.
pub fn write(
    dir: &Path,
    seed: u64,
    count: usize,
    expects: impl Fn(&Error) -> bool,
) -> Outcome<Written> {
    let world = match World::open(dir, Durability::Full, Keep::Few) {
        Ok(world) => world,
        // Looking for a commit log is all that an open does through the plan.
        Err(error) if error.code() == ErrorCode::Storage => {
            return Ok((vec![Some(vec![Node::default()]); OBJECTS], 1));
        }
        Err(error) => return Err(format!("open: {error:?}")),
    };
    let mut objects = vec![(vec![Node::default()], 0); OBJECTS];
    let mut streams: Vec<_> = (0..OBJECTS).map(|object| ops(seed, object, 0)).collect();
    for _ in 0..count {
        for (object, (states, failures)) in objects.iter_mut().enumerate() {
            if *failures == MAX_FAILURES {
                continue;
            }
            let op = &streams[object].next().expect("operations never end");
            let next = match world.run(object, op) {
                Ok(()) => states.iter().map(|state| op.after(state)).collect(),
                Err(error) if expects(&error) => {
                    *failures += 1;
                    states.iter().flat_map(|state| states_after_error(op, state)).collect()
                }
                Err(error) => return Err(format!("object {object}, {op:?}: {error:?}")),
            };
            *states = distinct(next);
        }
    }
    world.runtime.close();
    let failed = objects.iter().map(|(_, failures)| failures).sum();
    Ok((objects.into_iter().map(|(states, _)| Some(states)).collect(), failed))
}

fn distinct(states: Vec<Node>) -> Vec<Node> {
    let mut distinct = Vec::new();
    for state in states {
        if !distinct.contains(&state) {
            distinct.push(state);
        }
    }
    distinct
}

/// What an object may store when an operation has answered an error. It has been done, or not, or in part if it is
/// more than one transaction; and a handler that fails commits what it wrote before.
fn states_after_error(op: &Op, before: &Node) -> Vec<Node> {
    let with = |kind: &Kind, alarm| Op { kind: kind.clone(), alarm, ..op.clone() };
    let mut parts = vec![op.clone(), with(&op.kind, AlarmChange::Keep)];
    if let Kind::Write | Kind::Delete(_) | Kind::Clone(..) | Kind::Replace(_) = &op.kind {
        parts.extend([op.alarm, AlarmChange::Keep].map(|alarm| with(&Kind::Write, alarm)));
    }
    if let Kind::Replace(name) = &op.kind {
        parts.push(with(&Kind::Delete(name.clone()), op.alarm));
    }
    let mut states: Vec<_> = parts.iter().flat_map(|part| part.states(before)).collect();
    if let Kind::Replace(name) = &op.kind {
        // The new facet may have failed to set its alarm after the object has set its own.
        let replaced = &op.states(before)[1];
        states.extend(with(&Kind::At(vec![name.clone()]), AlarmChange::Keep).states(replaced));
    }
    states
}

/// Lets a call fail.
struct Failer {
    fault: Fault,
    at: u64,
    calls: Arc<AtomicU64>,
}

impl Plan for Failer {
    fn before(&mut self, _path: &Path, call: &Call) -> Decision {
        let Some(code) = self.code(call) else { return Decision::Do };
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        match number == self.at || (self.fault.lasting && number > self.at) {
            true => Decision::Fail(code),
            false if matches!(call, Call::Sync | Call::SyncDir) => Decision::Pretend,
            false => Decision::Do,
        }
    }

    fn after(&mut self, _path: &Path, _call: &Call) {}
}

impl Failer {
    /// What the call answers when it fails; `None` if it can't fail in this way.
    fn code(&self, call: &Call) -> Option<i32> {
        match (self.fault.full, call) {
            (true, Call::Write { .. } | Call::Create | Call::CreateDir) => Some(ffi::SQLITE_FULL),
            (true, _) => None,
            (false, Call::Open | Call::Create | Call::CreateDir | Call::Rename(_)) => {
                Some(ffi::SQLITE_CANTOPEN)
            }
            (false, Call::Read) => Some(ffi::SQLITE_IOERR_READ),
            (false, Call::Write { .. }) => Some(ffi::SQLITE_IOERR_WRITE),
            (false, Call::Truncate(_)) => Some(ffi::SQLITE_IOERR_TRUNCATE),
            (false, Call::Sync | Call::SyncDir) => Some(ffi::SQLITE_IOERR_FSYNC),
            (false, Call::Delete) => Some(ffi::SQLITE_IOERR_DELETE),
        }
    }
}
