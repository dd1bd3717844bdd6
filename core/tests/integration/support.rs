//! What the tests share: guest classes in a few lines, and supervisors around them.

use std::fs;
use std::path::Path;

use facetbox::{
    Class, Ctx, DurableObject, Error, ErrorCode, LimitsPatch, Options, Request, Response, Result,
    Runtime, Stub, Value, ValueMap, WorkerCode,
};

/// Luau code that exports the class `App` with these methods.
pub fn app(methods: &str) -> WorkerCode {
    let head = "local App = DurableObject:extend(\"App\")";
    WorkerCode::luau(format!("{head}\n{methods}\nreturn {{ App = App }}"))
}

/// The app of the main job: it counts its requests.
pub fn counter() -> WorkerCode {
    app(r#"
        function App:fetch(request)
            local kv = self.ctx.storage.kv
            local count = (kv:get("counter") or 0) + 1
            kv:put("counter", count)
            return Response.new(`You've made {count} requests.\n`)
        end
        function App:count()
            return self.ctx.storage.kv:get("counter") or 0
        end
    "#)
}

/// The object "one" of a namespace whose supervisor passes everything on to the code's `App`.
pub fn serve(runtime: &Runtime, code: WorkerCode) -> Result<Stub> {
    let class =
        Class::host("Forwarder", move |ctx, _env| Ok(Forwarder { ctx, code: code.clone() }));
    Ok(runtime.namespace("Forwarder", class)?.get_by_name("one"))
}

/// The object "one" of a namespace whose class is the code's `App`.
pub fn own(runtime: &Runtime, code: WorkerCode) -> Result<Stub> {
    let class = runtime.loader().load(code)?.get_durable_object_class("App", Default::default());
    Ok(runtime.namespace("App", class)?.get_by_name("one"))
}

/// Answers `visit`'s text from a counting app.
pub fn visit(stub: &Stub) -> Result<String> {
    Ok(stub.fetch_blocking(Request::get("http://app/")?)?.body_text())
}

struct Forwarder {
    ctx: Ctx,
    code: WorkerCode,
}

impl Forwarder {
    fn app(&self) -> Result<Stub> {
        facet(&self.ctx, "app", &self.code)
    }
}

impl DurableObject for Forwarder {
    fn fetch(&self, request: Request) -> Result<Response> {
        self.app()?.fetch_blocking(request)
    }

    fn call(&self, method: &str, args: Vec<Value>) -> Result<Value> {
        self.app()?.call_blocking(method, args)
    }
}

/// The facet `name` running the `App` of `code`.
pub fn facet(ctx: &Ctx, name: &str, code: &WorkerCode) -> Result<Stub> {
    let (loader, code) = (ctx.loader(), code.clone());
    ctx.facets().get(name, move || {
        Ok(loader.load(code)?.get_durable_object_class("App", Default::default()))
    })
}

/// A host class whose methods are one function.
pub fn host_class(
    call: impl Fn(&Ctx, &str, Vec<Value>) -> Result<Value> + Clone + Send + Sync + 'static,
) -> Class {
    struct Methods<F>(Ctx, F);
    impl<F> DurableObject for Methods<F>
    where
        F: Fn(&Ctx, &str, Vec<Value>) -> Result<Value> + Send + Sync + 'static,
    {
        fn call(&self, method: &str, args: Vec<Value>) -> Result<Value> {
            (self.1)(&self.0, method, args)
        }
    }
    Class::host("Host", move |ctx, _env| Ok(Methods(ctx, call.clone())))
}

/// A runtime in memory with these limits.
pub fn runtime_with<const N: usize>(limits: [(&str, i64); N]) -> Result<Runtime> {
    Runtime::open_with(Options { limits: patch(limits)?, ..Options::default() })
}

/// Limits as a guest's code sets them.
pub fn patch<const N: usize>(limits: [(&str, i64); N]) -> Result<LimitsPatch> {
    LimitsPatch::from_value(&Value::Map(ValueMap::from_iter(limits)))
}

/// Asserts the code of a failure and a part of its message.
#[track_caller]
pub fn assert_fails<T: std::fmt::Debug>(outcome: Result<T>, code: ErrorCode, part: &str) -> Error {
    let error = outcome.expect_err("this must fail");
    assert_eq!(error.code(), code, "{error:?}");
    assert!(error.message().contains(part), "{part:?} is not in {error:?}");
    error
}

/// Copies a directory with everything in it.
pub fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_tree(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}
