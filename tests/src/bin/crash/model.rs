//! The workload: operations on objects, and what each leaves behind.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::random::Random;

/// Alarms are set to this time plus the operation's number.
pub const ALARM_BASE_MS: i64 = 4_000_000_000_000;

/// Facets of an object; `SUB` is a facet of a facet.
const NAMES: [&str; 3] = ["a", "b", "c"];
const SUB: &str = "sub";

/// What an object or facet stores: the number of its last write, its alarm and its facets.
#[derive(Clone, Default, PartialEq)]
pub struct Node {
    /// The last write; 0 for none.
    pub n: i64,
    pub alarm: Option<i64>,
    pub facets: BTreeMap<String, Node>,
}

impl fmt::Debug for Node {
    /// Short: `7@5{"a": 3{}}` has written 7, set its alarm in write 5, and has a facet that has written 3.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.n)?;
        if let Some(alarm) = self.alarm {
            write!(f, "@{}", alarm - ALARM_BASE_MS)?;
        }
        f.debug_map().entries(&self.facets).finish()
    }
}

impl Node {
    /// The facet at the end of a path, made with those on the way.
    fn at(&mut self, path: &[String]) -> &mut Node {
        path.iter().fold(self, |node, name| node.facets.entry(name.clone()).or_default())
    }

    fn make(&mut self, path: &[String]) {
        self.at(path);
    }

    fn write(&mut self, op: &Op) {
        self.n = op.n;
        match op.alarm {
            AlarmChange::Keep => {}
            AlarmChange::Set => self.alarm = Some(ALARM_BASE_MS + op.n),
            AlarmChange::Delete => self.alarm = None,
        }
    }

    /// Alarms that are set in it and below.
    pub fn alarms(&self) -> u64 {
        u64::from(self.alarm.is_some()) + self.facets.values().map(Node::alarms).sum::<u64>()
    }

    /// Deletes the alarms in it and below.
    pub fn clear_alarms(&mut self) {
        self.alarm = None;
        self.facets.values_mut().for_each(Node::clear_alarms);
    }
}

/// What a write does to the alarm, in the same transaction.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlarmChange {
    Keep,
    Set,
    Delete,
}

impl AlarmChange {
    /// How guests read it.
    pub fn name(self) -> &'static str {
        match self {
            AlarmChange::Keep => "keep",
            AlarmChange::Set => "set",
            AlarmChange::Delete => "delete",
        }
    }
}

/// One operation on an object.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Op {
    /// Grows with every operation on the object.
    pub n: i64,
    /// Bytes of the text that is written with the number.
    pub size: i64,
    pub alarm: AlarmChange,
    pub kind: Kind,
}

/// What an operation does. `Write`, `Delete`, `Clone` and `Replace` write to the object itself too, in
/// the same transaction.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Kind {
    /// Writes to the object itself.
    Write,
    /// The same, but the transaction stays open until it is told to end.
    Hold,
    /// Writes to a facet, which is made with those on the way if it is missing.
    At(Vec<String>),
    /// Deletes a facet.
    Delete(String),
    /// Replaces the second facet by a copy of the first.
    Clone(String, String),
    /// Deletes a facet, makes a new one of that name, and writes to that.
    Replace(String),
    /// Writes, deletes a facet and clones another, and rolls all of that back.
    Undo(String),
    /// Stops a facet.
    Abort(String),
    /// Deletes everything of the object (an empty path) or of a facet.
    Wipe(Vec<String>),
}

impl Op {
    /// A random operation.
    fn random(random: &mut Random, n: i64) -> Op {
        let alarms = [AlarmChange::Keep, AlarmChange::Set, AlarmChange::Delete];
        // A large one now and then fills the log so far that it is moved into the database.
        let size = if random.once_in(60) { 600_000 } else { random.below(4_000) as i64 };
        Op { n, size, alarm: *random.pick(&alarms), kind: Kind::random(random) }
    }

    /// The states that an object passes through, one transaction after the other: it has the last one
    /// when the operation has been acknowledged.
    pub fn states(&self, before: &Node) -> Vec<Node> {
        let mut states = vec![before.clone()];
        let mut step = |change: &dyn Fn(&mut Node)| {
            let mut next = states[states.len() - 1].clone();
            change(&mut next);
            states.push(next);
        };
        match &self.kind {
            Kind::Undo(_) | Kind::Abort(_) => {}
            Kind::Write | Kind::Hold => step(&|root| root.write(self)),
            Kind::At(path) => {
                (1..=path.len()).for_each(|depth| step(&|root| root.make(&path[..depth])));
                step(&|root| root.at(path).write(self));
            }
            Kind::Wipe(path) => {
                (1..=path.len()).for_each(|depth| step(&|root| root.make(&path[..depth])));
                step(&|root| *root.at(path) = Node::default());
            }
            Kind::Delete(name) => step(&|root| {
                root.write(self);
                root.facets.remove(name);
            }),
            Kind::Clone(src, dst) => step(&|root| {
                root.write(self);
                if src != dst {
                    let copy = root.facets.get(src).cloned();
                    root.facets.remove(dst);
                    root.facets.extend(copy.map(|copy| (dst.clone(), copy)));
                }
            }),
            Kind::Replace(name) => {
                step(&|root| {
                    root.write(self);
                    root.facets.insert(name.clone(), Node::default());
                });
                step(&|root| root.at(std::slice::from_ref(name)).write(self));
            }
        }
        states
    }

    /// The state after the operation has been acknowledged.
    pub fn after(&self, before: &Node) -> Node {
        self.states(before).pop().expect("there is always the state before")
    }
}

impl Kind {
    fn random(random: &mut Random) -> Kind {
        let mut name = || (*random.pick(&NAMES)).to_owned();
        let (one, other) = (name(), name());
        match random.below(40) {
            0..8 => Kind::Write,
            8..18 => Kind::At(vec![one]),
            18..24 => Kind::At(vec![one, SUB.to_owned()]),
            24..28 => Kind::Delete(one),
            28..33 => Kind::Clone(one, other),
            33..35 => Kind::Replace(one),
            35..37 => Kind::Undo(one),
            37 => Kind::Abort(one),
            38 => Kind::Wipe(vec![one]),
            _ => Kind::Wipe(Vec::new()),
        }
    }
}

/// The operations on one object: they depend on the seed and the object only, so that the process
/// which checks knows what the one that died was told to do. Numbers follow `last`.
pub fn ops(seed: u64, object: usize, last: i64) -> impl Iterator<Item = Op> {
    let mut random = Random::new(seed, object as u64 + 1);
    (last + 1..).map(move |n| Op::random(&mut random, n))
}

/// Operations like those, each of which holds its transaction open.
pub fn holds(seed: u64, object: usize, last: i64) -> impl Iterator<Item = Op> {
    let mut random = Random::new(seed, object as u64 + 1);
    (last + 1..).map(move |n| {
        // Some need more pages than SQLite keeps in memory.
        let size = if random.once_in(3) { 1_200_000 } else { random.below(60_000) as i64 };
        Op { n, size, alarm: AlarmChange::Keep, kind: Kind::Hold }
    })
}
