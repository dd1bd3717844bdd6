//! Exceptions of hosts on their way through guests, and what guests can make them hold.

use std::sync::{Arc, Weak};

use facetbox::{
    Error, ErrorCode, HostFunction, Outbound, Response, Result, Runtime, Value, WorkerCode,
};
use parking_lot::Mutex;

use crate::support::{app, assert_fails, own, runtime_with};

type Exceptions = Arc<Mutex<Vec<Weak<Vec<u8>>>>>;

const LUAU: &str = "
    function App:fail() self.env.FAIL() end
    function App:keep(times)
        self.kept = self.kept or {}
        for _ = 1, times do
            local _, e = pcall(self.env.FAIL)
            table.insert(self.kept, e)
        end
        return #self.kept
    end
    function App:first()
        local kept = {}
        for _ = 1, 64 do
            local _, e = pcall(self.env.FAIL)
            table.insert(kept, e)
        end
        error(kept[1])
    end
    function App:later() error(self.kept[#self.kept]) end";

#[cfg(feature = "quickjs")]
const JS: &str = "import { DurableObject } from 'cloudflare:workers';
export class App extends DurableObject {
    kept = [];
    async fail() { await this.env.FAIL(); }
    async keep(times) {
        for (let at = 0; at < times; at++) await this.env.FAIL().catch((e) => this.kept.push(e, new Error('x', { cause: e })));
        return this.kept.length / 2;
    }
    async first() {
        const all = await Promise.allSettled(Array.from({ length: 64 }, () => this.env.FAIL()));
        throw all[0].reason;
    }
    later() { throw this.kept.at(-2); }
}";

/// The same guest in each language, whose FAIL throws an exception of its own each time.
fn guests(made: &Exceptions) -> Vec<WorkerCode> {
    let mut codes = vec![app(LUAU)];
    #[cfg(feature = "quickjs")]
    codes.push(WorkerCode {
        main_module: "app.js".into(),
        modules: vec![("app.js".into(), facetbox::Module::Js(JS.into()))],
        ..WorkerCode::default()
    });
    for code in &mut codes {
        let made = made.clone();
        let fail = HostFunction::new("FAIL", move |_| {
            let exception = Arc::new(vec![0u8; 1 << 10]);
            made.lock().push(Arc::downgrade(&exception));
            Err(Error::guest("OutOfStock", "none left").with_host(exception))
        });
        code.env.insert("FAIL", fail);
    }
    codes
}

#[test]
fn an_exception_is_kept_until_its_event_has_ended_and_by_no_guest_for_longer() -> Result<()> {
    let made = Exceptions::default();
    for code in guests(&made) {
        let runtime = Runtime::open_in_memory()?;
        let stub = own(&runtime, code)?;
        made.lock().clear();
        stub.call_blocking("keep", vec![Value::Int(500)])?;
        assert_eq!(stub.call_blocking("keep", vec![Value::Int(500)])?, Value::Int(1000));
        assert_eq!(made.lock().len(), 1000);
        assert!(made.lock().iter().all(|exception| exception.strong_count() == 0));
        // The error itself is still the guest's.
        let error = stub.call_blocking("later", vec![]).unwrap_err();
        assert_eq!(
            (error.code(), error.to_string()),
            (ErrorCode::GuestError, "OutOfStock: none left".into())
        );
        assert!(error.host_exception().is_none());
    }
    Ok(())
}

#[test]
fn the_first_of_many_exceptions_comes_out_as_itself() -> Result<()> {
    let made = Exceptions::default();
    for code in guests(&made) {
        let runtime = Runtime::open_in_memory()?;
        let stub = own(&runtime, code)?;
        for method in ["fail", "first"] {
            made.lock().clear();
            let error = stub.call_blocking(method, vec![]).unwrap_err();
            let exception = error.host_exception().and_then(|any| any.downcast_ref::<Vec<u8>>());
            let first = made.lock()[0].upgrade();
            assert!(std::ptr::eq(exception.unwrap(), &*first.unwrap()), "{method}");
        }
    }
    Ok(())
}

#[test]
fn texts_of_errors_are_cut_whoever_writes_them() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let mut code =
        app("function App:size() local _, e = pcall(self.env.FAIL) return #e.message end");
    code.env.insert(
        "FAIL",
        HostFunction::new("FAIL", |_| {
            Err(Error::guest("Error", "€".repeat(20 << 20)).with_stack("s".repeat(40 << 20)))
        }),
    );
    // Whole characters of three bytes.
    assert_eq!(own(&runtime, code)?.call_blocking("size", vec![])?, Value::Int((64 << 10) - 1));
    Ok(())
}

#[test]
fn answers_of_the_host_are_messages_with_a_limit() -> Result<()> {
    let runtime = runtime_with([("messageBytes", 1 << 20)])?;
    let mut code = app("
        function App:get() return buffer.len(self.env.GET()) end
        function App:visit() return #fetch('http://a/'):text() end
        function App:try() local ok, e = pcall(self.env.GET) return if ok then 'ok' else e.code end");
    code.env.insert("GET", HostFunction::new("GET", |_| Ok(Value::Bytes(vec![0; 1 << 20]))));
    code.global_outbound = Outbound::Handler(Arc::new(|_| {
        Box::pin(async { Ok(Response::text("x".repeat(2 << 20))) })
    }));
    let stub = own(&runtime, code)?;
    for method in ["get", "visit"] {
        assert_fails(
            stub.call_blocking(method, vec![]),
            ErrorCode::LimitMessage,
            "limited to 1048576 bytes",
        );
    }
    assert_eq!(stub.call_blocking("try", vec![])?, "LIMIT_MESSAGE".into());
    Ok(())
}

#[cfg(feature = "quickjs")]
fn js(source: &str) -> WorkerCode {
    let modules = vec![("app.js".into(), facetbox::Module::Js(source.into()))];
    WorkerCode { main_module: "app.js".into(), modules, ..WorkerCode::default() }
}

#[test]
fn texts_of_errors_that_a_guest_keeps_count_as_its_memory_whatever_it_deletes() -> Result<()> {
    let codes = [
        app("
            local kept = {}
            function App:hoard(count)
                for _ = 1, count do table.insert(kept, select(2, pcall(self.env.FAIL))) end
            end
        "),
        #[cfg(feature = "quickjs")]
        js("import { DurableObject } from 'cloudflare:workers';
             const kept = [];
             export class App extends DurableObject {
               async hoard(count) {
                 for (let at = 0; at < count; at++) {
                   const error = await this.env.FAIL().catch((error) => error);
                   delete error.message;
                   delete error.stack;
                   kept.push(error);
                 }
               }
             }"),
    ];
    for mut code in codes {
        let fail = |_| Err(Error::guest("Error", "x".repeat(60_000)));
        code.env.insert("FAIL", HostFunction::new("FAIL", fail));
        let limits = [("memoryBytes", 16 << 20), ("cpuMs", 20_000), ("subRequests", 10_000)];
        let runtime = runtime_with(limits)?;
        let stub = own(&runtime, code)?;
        stub.call_blocking("hoard", vec![Value::Int(100)])?;
        assert_fails(
            stub.call_blocking("hoard", vec![Value::Int(1000)]),
            ErrorCode::LimitMemory,
            "memoryBytes",
        );
    }
    Ok(())
}
