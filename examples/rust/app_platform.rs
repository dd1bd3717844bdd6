//! Runs a project written for Cloudflare: examples/app-platform/worker.js.
//!
//! `app-platform <data-dir> [worker.js]` has an app generated and visits it twice. The app keeps counting when
//! the program runs again.

use std::process::ExitCode;

use facetbox::{Module, Request, Runtime, WorkerCode};

const WORKER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../app-platform/worker.js");

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (data, worker) = match args.as_slice() {
        [data] => (data, WORKER),
        [data, worker] => (data, worker.as_str()),
        _ => {
            eprintln!("usage: app-platform <data-dir> [worker.js]");
            return ExitCode::FAILURE;
        }
    };
    match run(data, worker) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(data: &str, worker: &str) -> Result<(), Box<dyn std::error::Error>> {
    let code = WorkerCode {
        main_module: "worker.js".into(),
        modules: vec![("worker.js".into(), Module::Js(std::fs::read_to_string(worker)?))],
        ..WorkerCode::default()
    };
    let runtime = Runtime::open(data)?;
    let platform = runtime.deploy("app-platform", code, None)?;
    let send = |request| -> facetbox::Result<String> {
        let answer = platform.fetch_blocking(request)?.body_text();
        print!("{answer}");
        Ok(answer)
    };

    let prompt = Request::new("POST", "http://platform/apps/my-app/prompt")?;
    send(prompt.with_body("An app that counts my visits."))?;
    send(Request::get("http://platform/apps/my-app/")?)?;
    let answer = send(Request::get("http://platform/apps/my-app/")?)?;

    let visits: String = answer.chars().filter(char::is_ascii_digit).collect();
    println!("PROJECT host=Rust visits={visits}");
    Ok(())
}
