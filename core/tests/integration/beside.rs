//! Calls and sections that an event has begun beside each other: none of them waits for ever.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use facetbox::{ErrorCode, Module, Namespace, Result, Runtime, Value, WorkerCode};

use crate::support::assert_fails;

const ROOM: &str = r#"
import { DurableObject } from "cloudflare:workers";
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export class Room extends DurableObject {
  room(name) { return this.ctx.exports.Room.getByName(name); }
  transaction(callback) { return this.ctx.storage.transaction(callback); }
  leaf() { return "leaf"; }
  read(key) { return this.ctx.storage.kv.get(key); }
  async late() { await sleep(30); return "late"; }

  async short() { await this.transaction(() => sleep(5)); return "short"; }
  beside() {
    const call = async () => { await sleep(2); return await this.room("a").leaf(); };
    return Promise.all([this.transaction(call), this.room("a").short()]);
  }

  undo() {
    return this.transaction(async () => {
      this.ctx.storage.kv.put("undone", 1);
      await sleep(5);
      throw new Error("undo");
    });
  }
  async keep() {
    const put = async () => { this.ctx.storage.kv.put("kept", 1); await sleep(1); };
    const [kept, undone] = await Promise.allSettled([this.transaction(put), this.room("a").undo()]);
    return [kept.status, undone.status, this.read("kept"), this.read("undone")];
  }

  async far() { await this.transaction(() => sleep(1)); return await this.room("b").late(); }
  wide() { return Promise.all([this.transaction(() => sleep(10)), this.room("a").far()]); }

  async gated() {
    await this.ctx.blockConcurrencyWhile(() => new Promise((resolve) => (this.open = resolve)));
    await sleep(1);
    return await this.room("a").leaf();
  }
  async gate() {
    const section = this.ctx.blockConcurrencyWhile(() => sleep(5));
    const gated = this.room("a").gated();
    await section;
    await sleep(5);
    this.open();
    return await gated;
  }

  cross(name, ms) {
    return this.transaction(async () => { await sleep(ms); return await this.room(name).leaf(); });
  }
  async leaves(ms) {
    const section = this.ctx.blockConcurrencyWhile(() => sleep(ms));
    return await Promise.all([section, this.room("a").cross("b", 150)]);
  }

  async burns(ms) {
    const section = this.ctx.blockConcurrencyWhile(() => sleep(ms));
    const cross = this.room("a").cross("b", 1);
    await section;
    for (const start = Date.now(); Date.now() < start + 200; );
    return await cross;
  }

  pass(name) { return this.ctx.blockConcurrencyWhile(() => this.room(name).wait().catch(({ message }) => message)); }
  async wait() {
    this.later = sleep(250).then(() => "later");
    await sleep(100);
    return "waited";
  }
  async shared() { return await this.later; }
}"#;

/// Has the runtime's rooms call each other, unless that takes too long.
fn rooms(code: impl FnOnce(Namespace) -> Result<()> + Send + 'static) -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let modules = vec![("worker.js".into(), Module::Js(ROOM.into()))];
    let worker = WorkerCode { main_module: "worker.js".into(), modules, ..WorkerCode::default() };
    let rooms = runtime.deploy("site", worker, None)?.namespace("Room")?;
    for name in ["a", "b"] {
        rooms.get_by_name(name).call_blocking("leaf", vec![])?;
    }
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(code(rooms)));
    told.recv_timeout(Duration::from_secs(8)).expect("nobody waits until a limit ends it")
}

#[test]
fn a_transaction_begins_once_those_within_the_turn_are_over() -> Result<()> {
    rooms(|rooms| {
        let both = rooms.get_by_name("a").call_blocking("beside", vec![])?;
        assert_eq!(both, Value::List(vec!["leaf".into(), "short".into()]));
        Ok(())
    })
}

#[test]
fn what_a_transaction_writes_is_not_undone_with_one_within_the_turn() -> Result<()> {
    rooms(|rooms| {
        let kept = rooms.get_by_name("a").call_blocking("keep", vec![])?;
        let (done, failed) = (Value::from("fulfilled"), Value::from("rejected"));
        assert_eq!(kept, Value::List(vec![done, failed, 1.into(), Value::Undefined]));
        assert_eq!(rooms.get_by_name("a").call_blocking("read", vec!["kept".into()])?, 1.into());
        Ok(())
    })
}

#[test]
fn what_follows_a_transaction_is_done_by_its_own_event() -> Result<()> {
    rooms(|rooms| {
        let wide = rooms.get_by_name("a").call_blocking("wide", vec![])?;
        assert_eq!(wide, Value::List(vec![Value::Undefined, "late".into()]));
        Ok(())
    })
}

/// The event has the turn as long as a section is within that: it goes on meanwhile.
#[test]
fn an_event_ends_the_section_that_it_waits_for() -> Result<()> {
    rooms(|rooms| {
        assert_eq!(rooms.get_by_name("a").call_blocking("gate", vec![])?, "leaf".into());
        Ok(())
    })
}

/// One in the turn of an event waits for another object, which waits for that event.
#[test]
fn a_circle_through_an_event_that_gives_its_turn_up_is_a_deadlock() -> Result<()> {
    rooms(|rooms| {
        let leaves = rooms.get_by_name("a");
        let leaves = thread::spawn(move || leaves.call_blocking("leaves", vec![20.into()]));
        thread::sleep(Duration::from_millis(50));
        let cross = rooms.get_by_name("b").call_blocking("cross", vec!["a".into(), 30.into()]);
        assert_fails(leaves.join().expect("no panic"), ErrorCode::Deadlock, "Room/");
        assert_eq!(cross?, "leaf".into());
        Ok(())
    })
}

/// The circle is closed by the event itself, which has run while the others began to wait.
#[test]
fn an_event_that_cannot_give_its_turn_up_resets_the_object() -> Result<()> {
    rooms(|rooms| {
        let cross = rooms.get_by_name("b");
        let cross =
            thread::spawn(move || cross.call_blocking("cross", vec!["a".into(), 120.into()]));
        thread::sleep(Duration::from_millis(20));
        let burns = rooms.get_by_name("a").call_blocking("burns", vec![30.into()]);
        assert_fails(burns, ErrorCode::Reset, "Deadlock");
        assert_eq!(cross.join().expect("no panic")?, "leaf".into());
        Ok(())
    })
}

/// An event that can't go on because of a circle ends at once; what it has begun goes on for others.
#[test]
fn what_an_event_has_begun_goes_on_after_a_deadlock() -> Result<()> {
    rooms(|rooms| {
        let call = |name: &str, method: &'static str, args: Vec<Value>| {
            let room = rooms.get_by_name(name);
            thread::spawn(move || room.call_blocking(method, args))
        };
        let pass = call("b", "pass", vec!["a".into()]);
        thread::sleep(Duration::from_millis(30));
        let shared = call("a", "shared", vec![]);
        thread::sleep(Duration::from_millis(30));
        let cross = call("a", "cross", vec!["b".into(), 10.into()]);
        let message = pass.join().expect("no panic")?;
        assert!(message.as_str().is_some_and(|text| text.starts_with("Deadlock:")), "{message:?}");
        assert_eq!(cross.join().expect("no panic")?, "leaf".into());
        assert_eq!(shared.join().expect("no panic")?, "later".into());
        Ok(())
    })
}
