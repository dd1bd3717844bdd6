//! Cuts the power of a process that writes, and checks what each kind of disk has left.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use facetbox::Durability;

use crate::check::{Allowed, Outcome, check, copy_dir, look, newest};
use crate::disk::{Disk, Fate};
use crate::model::{Node, Op, holds, ops};
use crate::random::Random;
use crate::vfs::{self, Call, Decision, Plan};
use crate::world::{Keep, World};

/// The last one holds its transactions open.
const OBJECTS: usize = 3;
const HOLDING: usize = 2;
/// Operations on each other object during one that is held open.
const HELD_OPS: usize = 15;
/// Operations on each object in one life of the writing process.
const OPS: usize = 60;
/// Cuts in one life, each with every fate.
const CUTS: u64 = 12;
/// The longest way between two cuts, in calls of SQLite that change a file.
const LONGEST_WAY: u64 = 200;
/// Lives on one directory: each begins with what the last cut has left.
const LIVES: u64 = 4;

/// Survives the cuts of `rounds` lives.
pub fn run(seed: u64, rounds: u64, durability: Durability) -> Outcome<String> {
    let (mut cuts, mut checks) = (0, 0);
    let mut done = 0;
    while done < rounds {
        let root = crate::memory_dir()?;
        let mut data = root.path().join("data");
        let mut states = vec![Node::default(); OBJECTS];
        for life in 0..LIVES.min(rounds - done) {
            let out = root.path().join(format!("life {life}"));
            let round = Round { seed: seed + done, durability, states };
            let images = round.live(&data, &out)?;
            cuts += images.len() / Fate::ALL.len();
            checks += images.len();
            let Some(last) = images.last() else { return Err("there was no cut".into()) };
            // The next life begins with what a cut has left, so that its cuts meet the recovery too.
            let next = root.path().join(format!("left by life {life}"));
            copy_dir(&last.dir, &next).map_err(|e| e.to_string())?;
            for image in &images {
                round.check(image).map_err(|e| {
                    format!("cut at {} (seed {}, {durability:?}): {e}", image.name(), round.seed)
                })?;
            }
            states = look(&next, OBJECTS)?;
            // What comes next has nothing to do with the files of this life.
            data = next;
            done += 1;
        }
    }
    Ok(format!(
        "{cuts} power cuts survived in mode {durability:?}, {checks} directories checked, seed {seed}"
    ))
}

/// One life of the writing process and what it begins with.
struct Round {
    seed: u64,
    durability: Durability,
    states: Vec<Node>,
}

/// What a cut has left, and how many operations each object had acknowledged.
struct Image {
    dir: PathBuf,
    acks: Vec<usize>,
}

impl Image {
    fn name(&self) -> String {
        self.dir.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

impl Round {
    fn firsts(&self) -> Vec<i64> {
        self.states.iter().map(newest).collect()
    }

    /// Runs the writing process to its end.
    fn live(&self, data: &Path, out: &Path) -> Outcome<Vec<Image>> {
        let program = std::env::current_exe().map_err(|e| e.to_string())?;
        let mut command = Command::new(program);
        command.arg("write-and-cut").arg(data).arg(out).arg(self.seed.to_string());
        command.arg(if self.durability == Durability::Full { "full" } else { "relaxed" });
        command.args(self.firsts().iter().map(i64::to_string)).stdout(Stdio::piped());
        let child = command.spawn().map_err(|e| e.to_string())?;
        read_images(child, out)
    }

    fn check(&self, image: &Image) -> Outcome<()> {
        let firsts = self.firsts();
        let allowed = |(object, state): (usize, &Node)| {
            let mut ops = stream(self.seed, object, firsts[object]);
            let acked = ops.by_ref().take(image.acks[object]);
            let reached = acked.fold(state.clone(), |state, op| op.after(&state));
            match self.durability {
                Durability::Full => ops.next().map(|next| next.states(&reached)),
                _ => None,
            }
        };
        let allowed: Allowed = self.states.iter().enumerate().map(allowed).collect();
        // Alarms are entered in an index before they are set, which only mode full puts on the disk in order.
        check(
            &image.dir,
            &allowed,
            self.durability == Durability::Full && self.seed.is_multiple_of(2),
        )
        .map(drop)
    }
}

fn read_images(mut child: Child, out: &Path) -> Outcome<Vec<Image>> {
    let (mut acks, mut images) = (vec![0; OBJECTS], Vec::new());
    for line in BufReader::new(child.stdout.take().expect("its output is a pipe")).lines() {
        let line = line.map_err(|e| e.to_string())?;
        match line.strip_prefix("cut ") {
            Some(cut) => images.push(Image { dir: out.join(cut), acks: acks.clone() }),
            None => {
                let object: usize = line.parse().map_err(|_| format!("it wrote {line:?}"))?;
                acks[object] += 1;
            }
        }
    }
    let status = child.wait().map_err(|e| e.to_string())?;
    if !status.success() {
        return Err(format!("the writing process ended with {status}"));
    }
    Ok(images)
}

/// The writing process: it prints the object's number after each operation, and the name of each image.
pub fn write(
    data: &Path,
    out: &Path,
    seed: u64,
    durability: Durability,
    firsts: &[i64],
) -> Outcome<String> {
    vfs::install();
    let mut random = Random::new(seed, 99);
    let way = random.below(LONGEST_WAY);
    let root = std::path::absolute(data).map_err(|e| e.to_string())?;
    let cutter =
        Cutter { disk: Disk::new(&root), out: out.to_owned(), random, way, calls: 0, cuts: 0 };
    vfs::follow(Some(Box::new(cutter)));
    let world = World::open(data, durability, Keep::Few).map_err(|e| format!("{e:?}"))?;
    let mut streams: Vec<_> =
        (0..OBJECTS).map(|object| stream(seed, object, firsts[object])).collect();
    let mut next = |object: usize| streams[object].next().expect("operations never end");
    for _ in 0..OPS / HELD_OPS {
        let held = std::thread::spawn(world.runner(HOLDING, next(HOLDING)));
        world.wait_for_hold();
        for _ in 0..HELD_OPS {
            for object in (0..OBJECTS).filter(|object| *object != HOLDING) {
                let op = next(object);
                world.run(object, &op).map_err(|e| format!("object {object}, {op:?}: {e:?}"))?;
                println!("{object}");
            }
        }
        world.end_hold();
        let outcome = held.join().map_err(|_| "a thread has panicked".to_owned())?;
        outcome.map_err(|e| format!("object {HOLDING}: {e:?}"))?;
        println!("{HOLDING}");
    }
    Ok(String::new())
}

/// The operations on an object.
fn stream(seed: u64, object: usize, first: i64) -> Box<dyn Iterator<Item = Op>> {
    match object {
        HOLDING => Box::new(holds(seed, object, first)),
        _ => Box::new(ops(seed, object, first)),
    }
}

/// Rebuilds what is left at random moments, and goes on.
struct Cutter {
    disk: Disk,
    out: PathBuf,
    random: Random,
    /// Calls until the next cut.
    way: u64,
    calls: u64,
    cuts: u64,
}

impl Plan for Cutter {
    fn before(&mut self, path: &Path, call: &Call) -> Decision {
        if let Call::Read = call {
            return Decision::Do;
        }
        self.calls += 1;
        if self.way == 0 && self.cuts < CUTS {
            self.cut();
        }
        self.way = self.way.saturating_sub(1);
        self.disk.before(path, call);
        match call {
            // The disk is ours: nothing has to wait for the real one.
            Call::Sync | Call::SyncDir => Decision::Pretend,
            _ => Decision::Do,
        }
    }

    fn after(&mut self, path: &Path, call: &Call) {
        self.disk.after(path, call);
    }
}

impl Cutter {
    fn cut(&mut self) {
        for fate in Fate::ALL {
            let name = format!("{} {fate:?}", self.calls);
            self.disk
                .cut(&self.out.join(&name), fate, &mut self.random)
                .expect("there is room for what a cut leaves");
            println!("cut {name}");
        }
        self.cuts += 1;
        self.way = 1 + self.random.below(LONGEST_WAY);
    }
}
