//! What has to be true of a directory whose process has ended, however that happened.

use std::fs;
use std::path::{Path, PathBuf};

use facetbox::Durability;
use rusqlite::Connection;

use crate::model::{AlarmChange, Kind, Node, Op};
use crate::world::{Keep, World};

pub type Outcome<T> = Result<T, String>;

/// The states that each object may be in. `None`: any state that is whole in itself.
pub type Allowed = Vec<Option<Vec<Node>>>;

/// Opens the directory with a normal runtime, checks and uses it, and closes it; answers what the
/// objects store then.
///
/// `fire` says whether to fire all alarms, which have to be those that are set.
pub fn check(dir: &Path, allowed: &Allowed, fire: bool) -> Outcome<Vec<Node>> {
    let world =
        World::open(dir, Durability::Full, Keep::All).map_err(|e| format!("open: {e:?}"))?;
    let states = read(&world, allowed.len())?;
    for (object, (state, allowed)) in states.iter().zip(allowed).enumerate() {
        if let Some(allowed) = allowed
            && !allowed.contains(state)
        {
            return Err(format!("object {object} has {state:?}\nbut may have {allowed:?}"));
        }
    }
    let states = if fire { fire_alarms(&world, states)? } else { states };
    verify(&world)?;
    let states = work_on(&world, states)?;
    world.runtime.close();
    drop(world);
    check_files(dir)?;
    Ok(states)
}

/// What the objects store according to a copy of the directory, which stays as it is.
pub fn look(dir: &Path, objects: usize) -> Outcome<Vec<Node>> {
    let copy = crate::memory_dir()?;
    copy_dir(dir, copy.path()).map_err(|e| format!("{}: {e}", dir.display()))?;
    let world = World::open(copy.path(), Durability::Full, Keep::All)
        .map_err(|e| format!("open a copy: {e:?}"))?;
    read(&world, objects)
}

/// Copies a directory.
pub fn copy_dir(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        match path.is_dir() {
            true => copy_dir(&path, &target)?,
            false => drop(fs::copy(&path, &target)?),
        }
    }
    Ok(())
}

fn read(world: &World, objects: usize) -> Outcome<Vec<Node>> {
    let read = |object| world.state(object).map_err(|e| format!("read object {object}: {e:?}"));
    (0..objects).map(read).collect()
}

fn fire_alarms(world: &World, mut states: Vec<Node>) -> Outcome<Vec<Node>> {
    // An alarm of a facet fires while the facet runs.
    let mut set = 0;
    for (object, state) in states.iter_mut().enumerate() {
        world.state(object).map_err(|e| format!("read object {object}: {e:?}"))?;
        set += state.alarms();
        state.clear_alarms();
    }
    let fired = world.fire_alarms().map_err(|e| format!("fire alarms: {e:?}"))?;
    if fired != set {
        return Err(format!("{set} alarms are set, but {fired} have fired"));
    }
    same(&read(world, states.len())?, &states, "after alarms have fired")?;
    Ok(states)
}

/// What the runtime itself finds. Everything has been opened, so there is nothing left over.
fn verify(world: &World) -> Outcome<()> {
    let report = world.runtime.verify().map_err(|e| format!("verify: {e:?}"))?;
    match report.problems.is_empty() && report.leftovers == 0 {
        true => Ok(()),
        false => Err(format!("verify: {report:?}")),
    }
}

/// Writes to every object and to a facet of it.
fn work_on(world: &World, states: Vec<Node>) -> Outcome<Vec<Node>> {
    let mut states = states;
    for (object, state) in states.iter_mut().enumerate() {
        for kind in [Kind::Write, Kind::At(vec!["a".to_owned()])] {
            let n = newest(state) + 1;
            let op = Op { n, size: 100, alarm: AlarmChange::Set, kind };
            world.run(object, &op).map_err(|e| format!("work on with {op:?}: {e:?}"))?;
            *state = op.after(state);
        }
    }
    same(&read(world, states.len())?, &states, "after working on")?;
    Ok(states)
}

/// The last number that was written anywhere in an object.
pub fn newest(state: &Node) -> i64 {
    state.facets.values().map(newest).fold(state.n, i64::max)
}

fn same(found: &[Node], expected: &[Node], when: &str) -> Outcome<()> {
    match found == expected {
        true => Ok(()),
        false => Err(format!("{when} there is {found:?}\ninstead of {expected:?}")),
    }
}

/// Checks every database of a directory that is closed, and that registries and directories agree.
fn check_files(dir: &Path) -> Outcome<()> {
    let index = dir.join("alarms.sqlite");
    if index.exists() {
        quick_check(&open(&index)?, &index)?;
    }
    let objects = dir.join("objects");
    let shards =
        entries(&objects)?.iter().map(|shard| entries(shard)).collect::<Outcome<Vec<_>>>()?;
    for shard in shards.concat() {
        entries(&shard)?.iter().try_for_each(|object| check_actor(object))?;
    }
    Ok(())
}

fn check_actor(dir: &Path) -> Outcome<()> {
    let mut known: Vec<String> = Vec::new();
    let file = dir.join("data.sqlite");
    if file.exists() {
        let db = open(&file)?;
        quick_check(&db, &file)?;
        known = numbers(&db).map_err(|e| format!("{}: {e}", file.display()))?;
    }
    for path in entries(dir)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match path.is_dir() {
            true if known.contains(&name) => check_actor(&path)?,
            false if ["data.sqlite", "data.sqlite-wal", "data.new"].contains(&name.as_str()) => {}
            _ => return Err(format!("{} belongs to nothing", path.display())),
        }
    }
    Ok(())
}

fn open(file: &Path) -> Outcome<Connection> {
    let open = || {
        let db = Connection::open(file)?;
        db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        Ok(db)
    };
    open().map_err(|e: rusqlite::Error| format!("{}: {e}", file.display()))
}

fn quick_check(db: &Connection, file: &Path) -> Outcome<()> {
    let answer = db.query_row("PRAGMA quick_check", [], |row| row.get::<_, String>(0));
    match answer {
        Ok(text) if text == "ok" => Ok(()),
        answer => Err(format!("quick_check of {}: {answer:?}", file.display())),
    }
}

fn numbers(db: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = db.prepare("SELECT CAST(number AS TEXT) FROM _fb_facets")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

/// What is in a directory; nothing if it is missing.
fn entries(dir: &Path) -> Outcome<Vec<PathBuf>> {
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let read = || -> std::io::Result<Vec<PathBuf>> {
        fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect()
    };
    read().map_err(|e| format!("{}: {e}", dir.display()))
}
