//! The runtime that a case runs in, and the supervisor that forwards its steps to facets.

use facetbox::{
    Class, Ctx, Durability, DurableObject, Error, ErrorCode, ExportOptions, Loader, Namespace,
    Options, Request, Response, Result, Runtime, Stub, Value, ValueMap, WorkerCode, no_such_method,
};
use tempfile::TempDir;

use crate::aftermath::{Baseline, PathWatch, check_directory};
use crate::vector::{Case, Guest};

/// A case's data directory with the runtime that is open on it.
pub struct World {
    case: Case,
    code: WorkerCode,
    baseline: Baseline,
    directory: TempDir,
    /// Sees that the path of `directory` stays inside.
    pub watch: PathWatch,
    runtime: Runtime,
    namespace: Namespace,
}

impl World {
    /// Opens a runtime on a new directory and binds the case's namespace.
    pub fn open(case: &Case, guest: Guest) -> Result<World> {
        let baseline = Baseline::take();
        let directory = tempfile::tempdir().map_err(|error| {
            Error::new(ErrorCode::Storage, format!("no temporary directory: {error}"))
        })?;
        let watch = PathWatch::new(directory.path());
        let code = worker_code(case, guest)?;
        let (runtime, namespace) = start(&directory, &watch, case, code.clone())?;
        Ok(World { case: case.clone(), code, baseline, directory, watch, runtime, namespace })
    }

    /// Closes the runtime and checks what it leaves: no thread, no descriptor, no file but its own, and
    /// databases that are whole.
    pub fn end(self) -> Result<(), String> {
        let World { baseline, directory, watch, runtime, namespace, .. } = self;
        runtime.close();
        drop((runtime, namespace));
        baseline.check()?;
        watch.check_tails()?;
        check_directory(&directory.path().join("data"))
    }

    /// Closes the runtime and opens one on the same directory.
    pub fn restart(&mut self) -> Result<()> {
        self.runtime.close();
        (self.runtime, self.namespace) =
            start(&self.directory, &self.watch, &self.case, self.code.clone())?;
        Ok(())
    }

    /// Calls a method of a facet, or of the object itself if the case is a supervisor.
    pub fn call(&self, object: &str, facet: &str, method: &str, args: Vec<Value>) -> Result<Value> {
        match self.case.supervisor {
            true => self.object(object).call_blocking(method, args),
            false => self.forward(object, "call", facet, vec![method.into(), Value::List(args)]),
        }
    }

    /// Sends a request to a facet, or to the object itself if the case is a supervisor.
    pub fn fetch(&self, object: &str, facet: &str, request: Request) -> Result<Response> {
        if self.case.supervisor {
            return self.object(object).fetch_blocking(request);
        }
        let response = self.forward(object, "request", facet, vec![request.to_value()])?;
        Response::from_value(&response)
    }

    /// Aborts a facet.
    pub fn abort(&self, object: &str, facet: &str, reason: &str) -> Result<()> {
        self.forward(object, "abort", facet, vec![reason.into()]).map(drop)
    }

    /// Deletes a facet.
    pub fn delete(&self, object: &str, facet: &str) -> Result<()> {
        self.forward(object, "delete", facet, Vec::new()).map(drop)
    }

    fn object(&self, name: &str) -> Stub {
        self.namespace.get_by_name(name)
    }

    fn forward(&self, object: &str, method: &str, facet: &str, args: Vec<Value>) -> Result<Value> {
        let args = [vec![facet.into()], args].concat();
        self.object(object).call_blocking(method, args)
    }
}

/// Opens a runtime and binds the case's class: its own, or that of a supervisor around it.
fn start(
    directory: &TempDir,
    watch: &PathWatch,
    case: &Case,
    code: WorkerCode,
) -> Result<(Runtime, Namespace)> {
    let runtime = Runtime::open_with(Options {
        path: Some(directory.path().join("data")),
        durability: Durability::None,
        on_tail: Some(watch.receiver()),
        ..Options::default()
    })?;
    let props = case.props.clone();
    let class = if case.supervisor {
        let mut code = code;
        code.env.insert("LOADER", runtime.loader());
        app_class(&runtime.loader(), code, props)?
    } else {
        Class::host("Supervisor", move |ctx, _env| {
            Ok(Supervisor { ctx, code: code.clone(), props: props.clone() })
        })
    };
    let namespace = runtime.namespace(case.namespace.as_deref().unwrap_or("conformance"), class)?;
    Ok((runtime, namespace))
}

/// Passes on to the facet that each call names.
struct Supervisor {
    ctx: Ctx,
    code: WorkerCode,
    props: Value,
}

impl Supervisor {
    fn facet(&self, name: &str) -> Result<Stub> {
        let (loader, code, props) = (self.ctx.loader(), self.code.clone(), self.props.clone());
        self.ctx.facets().get(name, move || app_class(&loader, code, props))
    }
}

impl DurableObject for Supervisor {
    fn call(&self, method: &str, args: Vec<Value>) -> Result<Value> {
        match (method, args.as_slice()) {
            ("call", [Value::String(facet), Value::String(method), Value::List(args)]) => {
                self.facet(facet)?.call_blocking(method, args.clone())
            }
            ("request", [Value::String(facet), request]) => {
                let response = self.facet(facet)?.fetch_blocking(Request::from_value(request)?)?;
                Ok(response.to_value())
            }
            ("abort", [Value::String(facet), Value::String(reason)]) => {
                self.ctx.facets().abort(facet, Error::new(ErrorCode::Aborted, reason))?;
                Ok(Value::Null)
            }
            ("delete", [Value::String(facet)]) => {
                self.ctx.facets().delete(facet)?;
                Ok(Value::Null)
            }
            _ => Err(no_such_method(method)),
        }
    }
}

fn app_class(loader: &Loader, code: WorkerCode, props: Value) -> Result<Class> {
    let options = ExportOptions { props, ..ExportOptions::default() };
    Ok(loader.load(code)?.get_durable_object_class("App", options))
}

fn worker_code(case: &Case, guest: Guest) -> Result<WorkerCode> {
    let main = format!("main.{}", guest.name());
    let source = case.code(guest).unwrap_or_default();
    let mut modules = case.modules.as_map().cloned().unwrap_or_default();
    modules.insert(main.as_str(), source);
    WorkerCode::from_value(Value::Map(ValueMap::from_iter([
        ("mainModule", main.into()),
        ("modules", Value::Map(modules)),
        ("env", case.env.clone()),
        ("limits", case.limits.clone()),
    ])))
}
