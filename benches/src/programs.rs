//! The processes that measure, and what they are asked.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::job::{Answer, Job};

/// A program that the driver asks: a host, the peer, or the floors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// The host in Rust.
    Rust,
    /// The host in C.
    C,
    /// The host in Go.
    Go,
    /// The blocking host in Python.
    Python,
    /// The host in Python on asyncio.
    Asyncio,
    /// The host in Node.
    Node,
    /// The peer.
    Workerd,
    /// The bare engines, database and disk.
    Floors,
}

impl Who {
    /// All of them.
    pub const ALL: [Who; 8] = [
        Who::Rust,
        Who::C,
        Who::Go,
        Who::Python,
        Who::Asyncio,
        Who::Node,
        Who::Workerd,
        Who::Floors,
    ];

    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Who::Rust => "Rust",
            Who::C => "C",
            Who::Go => "Go",
            Who::Python => "Python",
            Who::Asyncio => "asyncio",
            Who::Node => "Node",
            Who::Workerd => "workerd",
            Who::Floors => "floors",
        }
    }

    /// The command that `make bench` has built, with the arguments that stand before the folder of data.
    fn command(self, root: &Path) -> (PathBuf, Vec<PathBuf>) {
        let guests = root.join("benches/guests");
        let script = |name: &str| root.join("benches").join(name);
        let bench = |name: &str| root.join("target/bench").join(name);
        let release = |name: &str| root.join("target/release").join(name);
        let python = || root.join("target/python-venv/bin/python");
        match self {
            Who::Rust => (release("bench-host"), vec![]),
            Who::C => (bench("host-c"), vec![guests]),
            Who::Go => (bench("host-go"), vec![guests]),
            Who::Python => (python(), vec![script("hosts/blocking.py"), guests]),
            Who::Asyncio => (python(), vec![script("hosts/loop.py"), guests]),
            Who::Node => ("node".into(), vec![script("hosts/host.mjs"), guests]),
            Who::Workerd => {
                let modules = bench("peer/node_modules");
                ("node".into(), vec![script("workerd/peer.mjs"), modules, guests])
            }
            Who::Floors => (release("bench-floors"), vec![]),
        }
    }
}

/// A program that runs.
pub struct Program {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Program {
    /// Starts it with a folder of its own below `data`, for its data.
    ///
    /// # Errors
    /// Fails if it isn't there.
    pub fn start(who: Who, root: &Path, data: &Path) -> Result<Program, String> {
        let (command, args) = who.command(root);
        let data = data.join(who.name());
        std::fs::create_dir_all(&data).map_err(|error| error.to_string())?;
        let mut child = Command::new(&command)
            .args(args)
            .arg(data)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", command.display()))?;
        let out = child.stdout.take().ok_or("it has no output")?;
        Ok(Program { child, answers: BufReader::new(out) })
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Has a job done and answers how many seconds it took.
    ///
    /// # Errors
    /// Fails with what the program says, or if it has ended.
    pub fn ask(&mut self, job: &Job) -> Result<f64, String> {
        let failed = |error: &dyn std::fmt::Display| error.to_string();
        let mut line = serde_json::to_string(job).map_err(|error| failed(&error))?;
        line.push('\n');
        let to = self.child.stdin.as_mut().ok_or("it has no input")?;
        to.write_all(line.as_bytes()).map_err(|error| failed(&error))?;
        line.clear();
        self.answers.read_line(&mut line).map_err(|error| failed(&error))?;
        match serde_json::from_str(&line) {
            Ok(Answer::Seconds(seconds)) => Ok(seconds),
            Ok(Answer::Error(error)) => Err(error),
            Err(_) => Err("it has ended".into()),
        }
    }
}

impl Drop for Program {
    /// The end of its input ends it.
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // Nothing is left to be done for one that can't be waited for.
        let _ = self.child.wait();
    }
}
