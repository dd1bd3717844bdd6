//! What guests call of their env is counted by binding.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use facetbox::{
    BindingCalls, HostFunction, HostObject, Options, Outbound, Response, Result, Runtime,
    TailEvent, TailReceiver, Value, ValueMap, WorkerCode,
};

use crate::support::{app, host_class, own};

const LUAU: &str = "
function App:go()
    self.env.AI('a') self.env.AI('b')
    self.env.tools.search('c')
    self.env.STORE:get('d') self.env.STORE:put('e')
    pcall(function() self.env.STORE:none() end)
    self.env.OTHERS:getByName('x'):ping()
    self.env.ONE:ping()
    fetch('http://outside/')
    self.env.LOADER:load({ mainModule = 'm.luau', modules = { ['m.luau'] = 'return {}' } })
    for _ = 1, 2 do
        self.env.LOADER:get('id', function() return { mainModule = 'm.luau', modules = { ['m.luau'] = 'return {}' } } end)
    end
    return self.env.DATA
end
function App:idle() end
function App:hoard(names) for at = 1, names do self.env.STORE['m' .. at](self.env.STORE) end end
";

#[cfg(feature = "quickjs")]
const JS: &str = "import { DurableObject } from 'cloudflare:workers';
export class App extends DurableObject {
    async go() {
        const { AI, tools, STORE, OTHERS, ONE, LOADER, DATA } = this.env;
        await AI('a'); await AI('b');
        await tools.search('c');
        await STORE.get('d'); await STORE.put('e');
        await STORE.none().catch(() => {});
        await OTHERS.getByName('x').ping();
        await ONE.ping();
        await fetch('http://outside/');
        const code = { mainModule: 'm.js', modules: { 'm.js': 'export default {}' } };
        LOADER.load(code);
        for (let n = 0; n < 2; n++) await LOADER.get('id', () => code).getEntrypoint().fetch('http://x/').catch(() => {});
        return DATA;
    }
    idle() {}
    async hoard(names) { for (let at = 1; at <= names; at++) await this.env.STORE['m' + at](); }
}";

fn calls(calls: &[(&str, u64)]) -> Vec<BindingCalls> {
    let call = |(name, calls): &(&str, u64)| BindingCalls { name: (*name).into(), calls: *calls };
    calls.iter().map(call).collect()
}

/// A runtime, what it tells of its events, and code with bindings of every kind.
fn setup(mut code: WorkerCode) -> Result<(Runtime, Receiver<TailEvent>, WorkerCode)> {
    let (sender, events) = channel();
    let on_tail = TailReceiver::new(move |event| drop(sender.send(event)));
    let runtime = Runtime::open_with(Options { on_tail: Some(on_tail), ..Options::default() })?;
    let others = runtime.namespace("Others", host_class(|_, _, _| Ok(Value::Null)))?;
    let answer = || HostFunction::new("f", |_| Ok(Value::Null));
    let tools = ValueMap::from_iter([("search", Value::from(answer()))]);
    code.env = ValueMap::from_iter([
        ("DATA", Value::Int(7)),
        ("AI", answer().into()),
        ("tools", Value::Map(tools)),
        ("STORE", HostObject::new("Store", |_, _| Ok(Value::Null)).into()),
        ("ONE", others.get_by_name("one").into()),
        ("OTHERS", Value::Namespace(others)),
        ("LOADER", Value::Loader(runtime.loader())),
    ]);
    code.global_outbound = Outbound::Handler(Arc::new(|_| Box::pin(async { Response::new(200) })));
    Ok((runtime, events, code))
}

fn told(events: &Receiver<TailEvent>, class: &str) -> TailEvent {
    loop {
        let event = events.recv_timeout(Duration::from_secs(20)).expect("an event is told");
        if event.entrypoint == class {
            return event;
        }
    }
}

fn counts_calls(code: WorkerCode) -> Result<()> {
    let (runtime, events, code) = setup(code)?;
    let stub = own(&runtime, code)?;
    assert_eq!(stub.call_blocking("go", vec![])?, Value::Int(7));
    let event = told(&events, "App");
    let expected = [
        ("AI", 2),
        ("tools.search", 1),
        ("STORE.get", 1),
        ("STORE.put", 1),
        ("STORE.none", 1),
        ("OTHERS", 1),
        ("ONE", 1),
        ("globalOutbound", 1),
        ("LOADER", 3),
    ];
    assert_eq!(event.bindings, calls(&expected));
    let value = event.to_value();
    let bindings = value.as_map().and_then(|map| map.get("bindings")).and_then(Value::as_map);
    assert_eq!(bindings.and_then(|map| map.get("AI")), Some(&Value::Int(2)));

    stub.call_blocking("idle", vec![])?;
    assert_eq!(told(&events, "App").bindings, []);
    let mut sorted = expected;
    sorted.sort_unstable();
    assert_eq!(runtime.metrics().bindings, calls(&sorted));
    let text = runtime.metrics_text();
    assert!(text.contains("facetbox_binding_calls_total{binding=\"STORE.get\"} 1\n"), "{text}");

    // Names that a guest makes up are bounded, the calls are all counted.
    stub.call_blocking("hoard", vec![Value::Int(400)])?;
    let bindings = told(&events, "App").bindings;
    assert_eq!(bindings.len(), 257);
    assert_eq!(bindings.iter().map(|binding| binding.calls).sum::<u64>(), 400);
    assert!(runtime.metrics().bindings.len() <= 257);
    Ok(())
}

#[test]
fn calls_of_bindings_are_told_and_counted() -> Result<()> {
    counts_calls(app(LUAU))
}

#[cfg(feature = "quickjs")]
#[test]
fn calls_of_bindings_of_javascript_are_told_and_counted() -> Result<()> {
    counts_calls(WorkerCode::js(JS))
}
