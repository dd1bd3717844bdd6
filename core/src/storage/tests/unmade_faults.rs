//! Databases without files, whose files, directories and log fail at each call in turn.
//!
//! A small tree of databases goes through all that may happen to one. What was acknowledged has to be there at any
//! time: for who goes on, after the process is killed, and after a power cut.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;

use super::logged::value;
use super::{Files, options};
use crate::error::Result;
use crate::medium::{Handle, Medium, System};
use crate::storage::{Disk, Durability, Storage};
use crate::value::Value;

/// How a call fails, and whether those after it do so, too.
#[derive(Clone, Copy, Debug)]
struct Fault {
    full: bool,
    lasting: bool,
}

const FAULTS: [Fault; 4] = [
    Fault { full: false, lasting: false },
    Fault { full: false, lasting: true },
    Fault { full: true, lasting: false },
    Fault { full: true, lasting: true },
];

/// The system's files, of whose calls one fails, or all from that one on.
struct Faulty {
    fault: Fault,
    at: u64,
    calls: AtomicU64,
}

impl Faulty {
    /// `needs_room`: whether a full disk refuses it.
    fn ask(&self, needs_room: bool) -> io::Result<()> {
        if self.fault.full && !needs_room {
            return Ok(());
        }
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        match (call == self.at || self.fault.lasting && call > self.at, self.fault.full) {
            (false, _) => Ok(()),
            (true, true) => Err(io::ErrorKind::StorageFull.into()),
            (true, false) => Err(io::Error::other("broken")),
        }
    }

    fn has_failed(&self) -> bool {
        self.calls.load(Ordering::SeqCst) > self.at
    }
}

struct Device(Arc<Faulty>);

struct DeviceFile(Box<dyn Handle>, Arc<Faulty>);

impl Device {
    fn file(&self, file: io::Result<Box<dyn Handle>>) -> io::Result<Box<dyn Handle>> {
        Ok(Box::new(DeviceFile(file?, self.0.clone())))
    }
}

impl Medium for Device {
    fn open(&self, path: &Path) -> io::Result<Box<dyn Handle>> {
        self.0.ask(false)?;
        self.file(System.open(path))
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn Handle>> {
        self.0.ask(true)?;
        self.file(System.create(path))
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.0.ask(true)?;
        System.create_dir(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.ask(true)?;
        System.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.ask(false)?;
        System.remove(path)
    }
    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        self.0.ask(true)
    }
}

impl Handle for DeviceFile {
    fn size(&self) -> io::Result<u64> {
        self.1.ask(false)?;
        self.0.size()
    }
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.1.ask(false)?;
        self.0.read_at(bytes, offset)
    }
    /// One that fails has written a part.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let asked = self.1.ask(true);
        let length = if asked.is_ok() { bytes.len() } else { bytes.len() / 2 };
        self.0.write_at(&bytes[..length], offset)?;
        asked
    }
    fn set_size(&self, size: u64) -> io::Result<()> {
        self.1.ask(true)?;
        self.0.set_size(size)
    }
    /// The disk is never really waited for.
    fn sync(&self) -> io::Result<()> {
        self.1.ask(true)
    }
}

/// The object, its facet, the facet of that, and one that the object deletes.
const PLACES: [&str; 4] = ["", "1", "1/1", "2"];

/// A tree of databases that goes on whatever fails.
struct Life {
    files: Files,
    device: Arc<Faulty>,
    open: BTreeMap<&'static str, Storage>,
    /// What each may have stored.
    may_have: BTreeMap<&'static str, BTreeSet<Option<i64>>>,
    /// Those that were entered by their parents, for certain.
    entered: BTreeSet<&'static str>,
    settled: bool,
    checked: bool,
    what: String,
}

impl Life {
    /// None if the directory can't be opened: looking for a log is one call.
    fn new(fault: Fault, at: u64) -> Option<Life> {
        let device = Arc::new(Faulty { fault, at, calls: AtomicU64::new(0) });
        let may_have = PLACES.iter().map(|place| (*place, BTreeSet::from([None]))).collect();
        let files = in_memory();
        let opened = Disk::files(&files.root(), Durability::Full, Arc::new(Device(device.clone())));
        let what = format!("{fault:?} at call {at}");
        let disk = opened.ok()?;
        let (open, entered) = (BTreeMap::new(), BTreeSet::from([""]));
        let files = Files { disk, ..files };
        let (settled, checked) = (false, false);
        Some(Life { files, device, open, may_have, entered, settled, checked, what })
    }

    fn storage(&mut self, place: &'static str) -> Storage {
        let make = || self.files.disk.storage(dir(&self.files.path(), place), options());
        self.open.entry(place).or_insert_with(make).clone()
    }

    /// Does something in a transaction after which the database stores a number.
    fn write(&mut self, place: &'static str, n: i64, body: impl FnOnce(&Storage) -> Result<()>) {
        if !self.entered.contains(place) {
            return;
        }
        let storage = self.storage(place);
        let put = || storage.kv().put("k", &Value::Int(n));
        let may_have = self.may_have.get_mut(place).expect("one of them");
        match put().and_then(|()| body(&storage)).and_then(|()| storage.commit()) {
            Ok(_) => *may_have = BTreeSet::from([Some(n)]),
            Err(_) => {
                storage.rollback();
                may_have.insert(Some(n));
            }
        }
        self.look();
    }

    fn put(&mut self, place: &'static str, n: i64) {
        self.write(place, n, |_| Ok(()));
    }

    /// Enters a facet.
    fn enter(&mut self, place: &'static str, facet: &'static str, n: i64) {
        let (disk, below) = (self.files.disk.clone(), dir(&self.files.path(), facet));
        self.write(place, n, |storage| {
            storage.facet_create(facet)?;
            disk.make_facet_dir(&below)
        });
        if self.may_have[place] == BTreeSet::from([Some(n)]) {
            self.entered.insert(facet);
        }
    }

    /// Writes more than stays in memory.
    fn grow(&mut self, place: &'static str, n: i64) {
        let large = Value::from("x".repeat(300_000));
        self.write(place, n, |storage| storage.kv().put("large", &large));
    }

    fn sleep(&mut self, place: &'static str) {
        assert!(self.open.get(place).is_none_or(Storage::sleep), "{}", self.what);
        self.look();
    }

    /// Deletes a facet as its parent does.
    fn delete(&mut self, place: &'static str, name: &'static str, facet: &'static str, n: i64) {
        if !self.entered.remove(facet) {
            return;
        }
        self.may_have.get_mut(facet).expect("one of them").insert(None);
        self.write(place, n, |storage| storage.facet_delete(name).map(drop));
        if self.may_have[place] == BTreeSet::from([Some(n)]) {
            self.open.remove(facet).iter().for_each(Storage::close);
            if self.files.disk.remove_tree(&dir(&self.files.path(), facet)).is_ok() {
                self.may_have.insert(facet, BTreeSet::from([None]));
            }
        }
        self.look();
    }

    /// Checks what a crash would leave once, right after the call that failed.
    fn look(&mut self) {
        if self.device.has_failed() && !self.checked {
            self.checked = true;
            self.check_crash();
        }
    }

    fn check_crash(&self) {
        let lost = self.files.killed_in(in_memory());
        fs::remove_dir_all(lost.root().join("objects")).ok();
        let images = [
            (self.files.killed_in(in_memory()), "killed"),
            (self.files.cut_in(in_memory()), "cut"),
            (lost, "lost"),
        ];
        for (image, how) in images {
            // Once they are settled databases rely on their files, which these cuts take away.
            if how == "killed" || !self.settled {
                self.check(&recovered(&image), &image.path(), how);
            }
        }
    }

    fn check(&self, disk: &Disk, root: &Path, how: &str) {
        check_tree(disk, root, &format!("{}, {how}", self.what));
        for (place, may_have) in &self.may_have {
            let found = value(disk, &dir(root, place));
            assert!(
                may_have.contains(&found),
                "{}, {how}: {place:?} has {found:?} but may have {may_have:?}",
                self.what
            );
        }
        check_tree(disk, root, &format!("{}, {how}, read", self.what));
    }

    /// All of it; answers whether the call was reached.
    fn live(mut self) -> bool {
        self.put("", 1);
        self.enter("", "1", 2);
        self.put("1", 3);
        self.sleep("");
        self.enter("1", "1/1", 4);
        self.put("", 5);
        self.put("1/1", 6);
        self.sleep("1/1");
        self.enter("", "2", 7);
        self.put("2", 8);
        self.grow("1/1", 9);
        self.put("1/1", 10);
        self.sleep("1");
        self.delete("", "2", "2", 11);
        self.settled = true;
        self.files.disk.settle_now();
        self.look();
        PLACES.iter().zip(12..).for_each(|(place, n)| self.put(place, n));
        self.grow("", 20);
        self.sleep("");
        let reached = self.device.has_failed();
        // What is there is also what who goes on sees, as far as that can be read.
        for place in PLACES {
            if let Ok(found) = self.storage(place).kv().get("k") {
                let found = found.and_then(|value| value.as_i64());
                assert!(self.may_have[place].contains(&found), "{}: {found:?}", self.what);
            }
        }
        self.check_crash();
        self.files.disk.close();
        let closed = self.files.killed_in(in_memory());
        self.check(&recovered(&closed), &closed.path(), "closed");
        reached
    }
}

/// A data directory in memory, where the system has such: a sync of it takes no time.
fn in_memory() -> Files {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
    Files { dir: made.expect("a temporary directory"), ..Files::new() }
}

/// Opens what a crash has left, without waiting for the disk.
fn recovered(image: &Files) -> Disk {
    let never = Faulty { fault: FAULTS[0], at: u64::MAX, calls: AtomicU64::new(0) };
    let device = Arc::new(Device(Arc::new(never)));
    Disk::files(&image.root(), Durability::None, device).expect("recovers")
}

fn dir(root: &Path, place: &str) -> PathBuf {
    if place.is_empty() { root.to_owned() } else { root.join(place) }
}

/// Nothing is below a database that isn't there, and every facet that is entered has its directory.
fn check_tree(disk: &Disk, dir: &Path, what: &str) {
    let found = disk.inspect(dir).unwrap_or_else(|error| panic!("{what}: {error}"));
    let mut dirs = disk.facet_dirs(dir).expect("readable").expect("files");
    let Some(found) = found else {
        assert!(dirs.is_empty(), "{what}: {dirs:?} are below no database");
        return;
    };
    assert!(found.findings.is_empty(), "{what}: {:?}", found.findings);
    for (_, number) in found.facets {
        assert!(dirs.remove(&number), "{what}: there is no directory {number}");
        check_tree(disk, &dir.join(number.to_string()), what);
    }
}

#[test]
fn every_call_fails_once_and_from_then_on() {
    for fault in FAULTS {
        let reached = (0..).take_while(|at| Life::new(fault, *at).is_none_or(Life::live)).count();
        assert!(reached > 40, "{fault:?}: {reached} calls");
    }
}
