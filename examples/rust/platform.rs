//! A small platform: apps written by an AI, each sandboxed, with a database of its own.
//!
//! `platform <data-dir> first` stores an app's code and sends it three requests;
//! `platform <data-dir> second`, in a new process, sends a fourth and tries to break out.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use facetbox::{
    Class, Ctx, DurableObject, Error, ErrorCode, FacetOptions, Request, Response, Result, Runtime,
    Stub, Value, WorkerCode, no_such_method,
};

/// The supervisor: one object per app, which keeps the app's code and runs it as the facet "app".
struct AppRunner {
    ctx: Ctx,
}

impl AppRunner {
    fn app(&self) -> Result<Stub> {
        let ctx = self.ctx.clone();
        self.ctx.facets().get("app", move || {
            let code = ctx.storage().kv().get("code")?;
            let code = code.as_ref().and_then(Value::as_str).ok_or_else(no_code)?;
            let worker = ctx.loader().load(WorkerCode::luau(code))?;
            Ok(FacetOptions::new(worker.get_durable_object_class("App", Default::default())))
        })
    }

    fn set_code(&self, code: &Value) -> Result<Value> {
        self.ctx.storage().kv().put("code", code)?;
        self.ctx.facets().abort("app", Error::new(ErrorCode::Aborted, "The code changed."))?;
        Ok(Value::Null)
    }
}

impl DurableObject for AppRunner {
    fn fetch(&self, request: Request) -> Result<Response> {
        self.app()?.fetch_blocking(request)
    }

    fn call(&self, method: &str, args: Vec<Value>) -> Result<Value> {
        match (method, args.as_slice()) {
            ("set_code", [code]) => self.set_code(code),
            ("peek" | "reach", _) => self.app()?.call_blocking(method, args),
            _ => Err(no_such_method(method)),
        }
    }
}

fn no_code() -> Error {
    Error::new(ErrorCode::NotFound, "The app has no code yet.")
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (data, phase, code) = match args.as_slice() {
        [data, phase] => (data, phase, default_code()),
        [data, phase, code] => (data, phase, PathBuf::from(code)),
        _ => {
            eprintln!("usage: platform <data-dir> first|second [app.luau]");
            return ExitCode::FAILURE;
        }
    };
    match run(data, phase, &code) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn default_code() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest/app.luau")
}

fn run(data: &str, phase: &str, code: &Path) -> Result<bool, Box<dyn std::error::Error>> {
    let runtime = Runtime::open(data)?;
    let class = Class::host("AppRunner", |ctx, _env| Ok(AppRunner { ctx }));
    let app = runtime.namespace("AppRunner", class)?.get_by_name("my-app");
    match phase {
        "first" => {
            app.call_blocking("set_code", vec![std::fs::read_to_string(code)?.into()])?;
            for _ in 0..3 {
                print!("{}", visit(&app)?);
            }
            Ok(true)
        }
        "second" => Ok(second(&app)?),
        _ => Err(format!("unknown phase {phase:?}").into()),
    }
}

fn visit(app: &Stub) -> Result<String> {
    Ok(app.fetch_blocking(Request::get("http://app/")?)?.body_text())
}

/// The fourth request after the restart, and two attempts that must fail.
fn second(app: &Stub) -> Result<bool> {
    let answer = visit(app)?;
    print!("{answer}");
    let requests: String = answer.chars().filter(char::is_ascii_digit).collect();

    let seen = app.call_blocking("peek", vec!["code".into()])?;
    println!("The app looked for its supervisor's data and saw {seen:?}.");
    let hidden = seen.is_nullish();

    let reached = app.call_blocking("reach", vec!["http://example.com/".into()]);
    match &reached {
        Ok(page) => println!("The app reached the network: {page:?}"),
        Err(error) => println!("The app tried the network: {error}"),
    }
    let closed = reached.is_err();

    let yes = |fact| if fact { "yes" } else { "no" };
    println!("RESULT host=Rust requests={requests} hidden={} closed={}", yes(hidden), yes(closed));
    Ok(requests == "4" && hidden && closed)
}
