//! Random programs of storage calls against a model in memory.

use std::collections::BTreeMap;
use std::path::Path;

use facetbox::{Durability, ErrorCode, Options, Result, Runtime, Stub, Value, WorkerCode};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::app;

/// One call. Values are small, so that programs meet their own traces.
#[derive(Clone, Debug)]
enum Op {
    Put(String, i64),
    PutMany(BTreeMap<String, i64>),
    Delete(String),
    DeleteMany(Vec<String>),
    Get(String),
    GetMany(Vec<String>),
    List {
        prefix: String,
        reverse: bool,
    },
    Insert(i64),
    Remove(i64),
    Rows,
    SetAlarm(i64),
    GetAlarm,
    DeleteAlarm,
    DeleteAll,
    Sync,
    /// `transactionSync()`, which throws at its end if it says so.
    TransactSync(bool, Vec<Op>),
    /// `transaction()`, whose end is "commit", "fail" or "rollback".
    Transact(&'static str, Vec<Op>),
}

/// One event: its calls, its end ("return", "throw" or "abort"), and whether the runtime is opened anew
/// after it.
#[derive(Clone, Debug)]
struct Turn(Vec<Op>, &'static str, bool);

fn key() -> impl Strategy<Value = String> {
    prop_oneof!["[ab]{1,2}", Just("é".to_owned())]
}

fn call() -> impl Strategy<Value = Op> {
    let keys = || vec(key(), 0..4);
    prop_oneof![
        3 => (key(), 0i64..5).prop_map(|(key, value)| Op::Put(key, value)),
        1 => proptest::collection::btree_map(key(), 0i64..5, 0..4).prop_map(Op::PutMany),
        1 => key().prop_map(Op::Delete),
        1 => keys().prop_map(Op::DeleteMany),
        1 => key().prop_map(Op::Get),
        1 => keys().prop_map(Op::GetMany),
        1 => ("[ab]?", any::<bool>()).prop_map(|(prefix, reverse)| Op::List { prefix, reverse }),
        2 => (0i64..4).prop_map(Op::Insert),
        1 => (0i64..4).prop_map(Op::Remove),
        1 => Just(Op::Rows),
        1 => (1i64..4).prop_map(|n| Op::SetAlarm(4_102_444_800_000 + n)),
        1 => Just(Op::GetAlarm),
        1 => Just(Op::DeleteAlarm),
        1 => Just(Op::DeleteAll),
        1 => Just(Op::Sync),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    // What can't wait can't hold what does.
    let sync = call().prop_filter("waits", |op| !matches!(op, Op::Sync)).prop_recursive(
        3,
        12,
        4,
        |inner| {
            (any::<bool>(), vec(inner, 0..4)).prop_map(|(fail, ops)| Op::TransactSync(fail, ops))
        },
    );
    let ends = prop::sample::select(vec!["commit", "fail", "rollback"]);
    prop_oneof![4 => call(), 1 => sync].prop_recursive(2, 12, 4, move |inner| {
        (ends.clone(), vec(inner, 0..4)).prop_map(|(end, ops)| Op::Transact(end, ops))
    })
}

fn program() -> impl Strategy<Value = Vec<Turn>> {
    let end = prop::sample::select(vec!["return", "return", "throw", "abort"]);
    let turn = (vec(op(), 0..6), end, prop::bool::weighted(0.2));
    vec(turn.prop_map(|(ops, end, reopen)| Turn(ops, end, reopen)), 1..6)
}

#[derive(Clone, Debug, Default, PartialEq)]
struct State {
    kv: BTreeMap<String, i64>,
    rows: BTreeMap<i64, i64>,
    alarm: Option<i64>,
}

/// What the storage has to do.
#[derive(Default)]
struct Model {
    now: State,
    committed: State,
    answers: Vec<Value>,
}

impl Model {
    fn run(&mut self, ops: &[Op], depth: usize) {
        for op in ops {
            let answer = self.step(op, depth);
            self.answers.push(answer);
        }
    }

    fn step(&mut self, op: &Op, depth: usize) -> Value {
        let State { kv, rows, alarm } = &mut self.now;
        let pairs = |pairs: &mut dyn Iterator<Item = (&String, &i64)>| {
            let pair = |(key, value): (&String, &i64)| {
                Value::List(vec![key.as_str().into(), (*value).into()])
            };
            Value::List(pairs.map(pair).collect())
        };
        match op {
            Op::Put(key, value) => drop(kv.insert(key.clone(), *value)),
            Op::PutMany(entries) => kv.extend(entries.clone()),
            Op::Delete(key) => return kv.remove(key).is_some().into(),
            Op::DeleteMany(keys) => {
                let before = kv.len();
                kv.retain(|key, _| !keys.contains(key));
                return Value::Int((before - kv.len()) as i64);
            }
            Op::Get(key) => return kv.get(key).copied().map_or(Value::Null, Value::Int),
            Op::GetMany(keys) => {
                return pairs(&mut kv.iter().filter(|(key, _)| keys.contains(key)));
            }
            Op::List { prefix, reverse } => {
                let mut found: Vec<_> =
                    kv.iter().filter(|(key, _)| key.starts_with(prefix)).collect();
                if *reverse {
                    found.reverse();
                }
                return pairs(&mut found.into_iter());
            }
            Op::Insert(id) => *rows.entry(*id).or_default() += 1,
            Op::Remove(id) => drop(rows.remove(id)),
            Op::Rows => {
                let row = |(id, n): (&i64, &i64)| Value::List(vec![(*id).into(), (*n).into()]);
                return Value::List(rows.iter().map(row).collect());
            }
            Op::SetAlarm(time) => *alarm = Some(*time),
            Op::GetAlarm => return alarm.map_or(Value::Null, Value::Int),
            Op::DeleteAlarm => *alarm = None,
            Op::DeleteAll if depth > 0 => return "refused".into(),
            Op::DeleteAll => {
                self.now = State::default();
                self.committed = State::default();
            }
            Op::Sync if depth == 0 => self.committed = self.now.clone(),
            Op::Sync => {}
            Op::TransactSync(fail, ops) => return self.transact(ops, depth, *fail, *fail),
            Op::Transact(end, ops) => {
                if depth == 0 {
                    self.committed = self.now.clone();
                }
                return self.transact(ops, depth, *end == "fail", *end != "commit");
            }
        }
        Value::Null
    }

    fn transact(&mut self, ops: &[Op], depth: usize, fails: bool, undone: bool) -> Value {
        let before = self.now.clone();
        self.run(ops, depth + 1);
        if undone {
            self.now = before;
        }
        if fails { "failed".into() } else { Value::Null }
    }

    fn end(&mut self, end: &str) -> Vec<Value> {
        match end {
            "abort" => self.now = self.committed.clone(),
            _ => self.committed = self.now.clone(),
        }
        std::mem::take(&mut self.answers)
    }
}

impl From<&Op> for Value {
    fn from(op: &Op) -> Value {
        let texts =
            |texts: &[String]| Value::List(texts.iter().map(|t| t.as_str().into()).collect());
        let ops = |ops: &[Op]| Value::List(ops.iter().map(Value::from).collect());
        let parts = match op {
            Op::Put(key, value) => vec!["put".into(), key.as_str().into(), (*value).into()],
            Op::PutMany(entries) => {
                let entries = entries.iter().map(|(key, value)| (key.clone(), Value::Int(*value)));
                vec!["put_many".into(), Value::Map(entries.collect())]
            }
            Op::Delete(key) => vec!["delete".into(), key.as_str().into()],
            Op::DeleteMany(keys) => vec!["delete_many".into(), texts(keys)],
            Op::Get(key) => vec!["get".into(), key.as_str().into()],
            Op::GetMany(keys) => vec!["get_many".into(), texts(keys)],
            Op::List { prefix, reverse } => {
                vec!["list".into(), prefix.as_str().into(), (*reverse).into()]
            }
            Op::Insert(id) => vec!["insert".into(), (*id).into()],
            Op::Remove(id) => vec!["remove".into(), (*id).into()],
            Op::Rows => vec!["rows".into()],
            Op::SetAlarm(time) => vec!["set_alarm".into(), (*time).into()],
            Op::GetAlarm => vec!["get_alarm".into()],
            Op::DeleteAlarm => vec!["delete_alarm".into()],
            Op::DeleteAll => vec!["delete_all".into()],
            Op::Sync => vec!["sync".into()],
            Op::TransactSync(fail, inner) => {
                vec!["transact_sync".into(), (*fail).into(), ops(inner)]
            }
            Op::Transact(end, inner) => vec!["transact".into(), (*end).into(), ops(inner)],
        };
        Value::List(parts)
    }
}

fn languages() -> Vec<WorkerCode> {
    let luau = app(include_str!("model/interpreter.luau"));
    #[cfg(feature = "quickjs")]
    let js = WorkerCode {
        main_module: "main.js".into(),
        modules: vec![(
            "main.js".into(),
            facetbox::Module::Js(include_str!("model/interpreter.js").into()),
        )],
        ..WorkerCode::default()
    };
    vec![
        luau,
        #[cfg(feature = "quickjs")]
        js,
    ]
}

fn open(path: &Path, code: &WorkerCode) -> Result<(Runtime, Stub)> {
    let runtime = Runtime::open_with(Options {
        path: Some(path.into()),
        durability: Durability::None,
        ..Options::default()
    })?;
    let worker = runtime.loader().load(code.clone())?;
    let class = worker.get_durable_object_class("App", Default::default());
    let stub = runtime.namespace("App", class)?.get_by_name("one");
    Ok((runtime, stub))
}

/// Runs a program on a storage and on the model, and compares all that they answer.
fn compare(program: &[Turn], code: &WorkerCode) -> Result<()> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (mut runtime, mut stub) = open(dir.path(), code)?;
    let mut model = Model::default();
    for (at, Turn(ops, end, reopen)) in program.iter().enumerate() {
        model.run(ops, 0);
        let expected = model.end(end);
        let list = Value::List(ops.iter().map(Value::from).collect());
        let answer = stub.call_blocking("run", vec![list, (*end).into()]);
        match *end {
            "return" => assert_eq!(answer?, Value::List(expected), "event {at}"),
            "throw" => assert_eq!(answer.unwrap_err().code(), ErrorCode::GuestError, "event {at}"),
            _ => assert_eq!(answer.unwrap_err().code(), ErrorCode::Aborted, "event {at}"),
        }
        if *reopen {
            runtime.close();
            (runtime, stub) = open(dir.path(), code)?;
        } else if *end == "abort" {
            stub = runtime.get_namespace("App")?.get_by_name("one");
        }
    }
    let look = [Op::List { prefix: String::new(), reverse: false }, Op::Rows, Op::GetAlarm];
    model.run(&look, 0);
    let list = Value::List(look.iter().map(Value::from).collect());
    let answer = stub.call_blocking("run", vec![list, "return".into()])?;
    assert_eq!(answer, Value::List(model.end("return")), "at the end");
    runtime.verify().map(|report| assert_eq!(report.problems.len(), 0, "{report:?}"))
}

#[test]
fn storage_behaves_as_the_model_does() {
    for code in languages() {
        let config = Config { cases: 32, failure_persistence: None, ..Config::default() };
        let outcome = TestRunner::new(config).run(&program(), |program| {
            compare(&program, &code).map_err(|error| TestCaseError::fail(format!("{error:?}")))
        });
        outcome.unwrap_or_else(|error| panic!("{error}"));
    }
}
