//! Kills a process that writes, again and again, and checks what it leaves.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use facetbox::Durability;

use crate::check::{Allowed, Outcome, check, newest};
use crate::model::{Node, ops};
use crate::random::Random;
use crate::world::{Keep, World};

const OBJECTS: usize = 3;
/// The longest life of a writing process, in microseconds: the shortest ends while it opens the runtime.
const LONGEST_US: u64 = 150_000;
/// A directory is used for so many kills; then the next begins with an empty one.
const KILLS_PER_DIRECTORY: u64 = 20;

/// Survives `kills` kills.
pub fn run(seed: u64, kills: u64) -> Outcome<String> {
    let mut random = Random::new(seed, 0);
    let (mut acknowledged, mut done) = (0, 0);
    while done < kills {
        let root = tempfile::tempdir().map_err(|e| e.to_string())?;
        let dir = root.path().join("data");
        let mut states = vec![Node::default(); OBJECTS];
        for _ in 0..KILLS_PER_DIRECTORY.min(kills - done) {
            let round_seed = seed + done;
            let life = Duration::from_micros(random.below(LONGEST_US));
            let fire = random.once_in(4);
            acknowledged += round(&dir, round_seed, life, fire, &mut states)
                .map_err(|e| format!("kill {done} (seed {seed}, after {life:?}): {e}"))?;
            done += 1;
        }
    }
    Ok(format!(
        "{kills} kills survived, {acknowledged} acknowledged operations checked, seed {seed}"
    ))
}

/// One life of a writing process; answers how many operations it acknowledged.
fn round(
    dir: &Path,
    seed: u64,
    life: Duration,
    fire: bool,
    states: &mut Vec<Node>,
) -> Outcome<usize> {
    let firsts: Vec<i64> = states.iter().map(newest).collect();
    let acks = live_and_die(dir, seed, &firsts, life)?;
    let mut allowed = Allowed::new();
    for (object, state) in states.iter().enumerate() {
        let mut ops = ops(seed, object, firsts[object]);
        let reached =
            ops.by_ref().take(acks[object]).fold(state.clone(), |state, op| op.after(&state));
        let next = ops.next().expect("operations never end");
        allowed.push(Some(next.states(&reached)));
    }
    *states = check(dir, &allowed, fire)?;
    Ok(acks.iter().sum())
}

/// Starts a writing process, kills it, and answers how many operations each object has acknowledged.
fn live_and_die(dir: &Path, seed: u64, firsts: &[i64], life: Duration) -> Outcome<Vec<usize>> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let mut command = Command::new(program);
    command.arg("write").arg(dir).arg(seed.to_string());
    command.args(firsts.iter().map(i64::to_string)).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|e| e.to_string())?;
    thread::sleep(life);
    child.kill().map_err(|e| e.to_string())?;
    let status = child.wait().map_err(|e| e.to_string())?;
    if status.code().is_some() {
        return Err(format!("the writing process ended by itself: {status}"));
    }
    let mut acks = vec![0; firsts.len()];
    for line in BufReader::new(child.stdout.take().expect("its output is a pipe")).lines() {
        let line = line.map_err(|e| e.to_string())?;
        let object: usize = line.parse().map_err(|_| format!("it wrote {line:?}"))?;
        acks[object] += 1;
    }
    Ok(acks)
}

/// The writing process: one thread for each object, printing the object's number after each operation.
pub fn write(dir: &Path, seed: u64, firsts: &[i64]) -> Outcome<String> {
    let world = World::open(dir, Durability::Full, Keep::Briefly).map_err(|e| format!("{e:?}"))?;
    thread::scope(|scope| {
        for (object, first) in firsts.iter().enumerate() {
            let world = &world;
            scope.spawn(move || {
                for op in ops(seed, object, *first) {
                    if let Err(error) = world.run(object, &op) {
                        eprintln!("object {object}, {op:?}: {error:?}");
                        std::process::exit(1);
                    }
                    // One write for a line, so that lines of two threads don't mix.
                    let line = format!("{object}\n");
                    std::io::stdout().write_all(line.as_bytes()).expect("the parent reads");
                }
            });
        }
    });
    Err("operations never end".into())
}
