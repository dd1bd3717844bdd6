//! The example project in Cloudflare's style, deployed as it is.

use facetbox::{Deployment, Module, Request, Result, Runtime, WorkerCode};

const WORKER: &str = include_str!("../../../examples/app-platform/worker.js");

fn deploy(runtime: &Runtime) -> Result<Deployment> {
    let code = WorkerCode {
        main_module: "worker.js".into(),
        modules: vec![("worker.js".into(), Module::Js(WORKER.into()))],
        ..WorkerCode::default()
    };
    runtime.deploy("app-platform", code, None)
}

/// Status and text of the answer.
fn send(platform: &Deployment, method: &str, path: &str, body: &str) -> Result<(u16, String)> {
    let request = Request::new(method, &format!("http://platform{path}"))?;
    let request = if body.is_empty() { request } else { request.with_body(body) };
    let response = platform.fetch_blocking(request)?;
    Ok((response.status(), response.body_text()))
}

fn ok(text: &str) -> (u16, String) {
    (200, text.to_owned())
}

#[test]
fn generated_apps_keep_their_data_through_restarts() -> Result<()> {
    let dir = tempfile::tempdir().expect("a directory");
    let runtime = Runtime::open(dir.path())?;
    let platform = deploy(&runtime)?;
    assert_eq!(send(&platform, "GET", "/apps/a/", "")?.0, 404);
    assert_eq!(send(&platform, "GET", "/elsewhere", "")?.0, 404);
    send(&platform, "POST", "/apps/a/prompt", "count my visits")?;
    send(&platform, "POST", "/apps/b/prompt", "keep notes")?;
    assert_eq!(send(&platform, "GET", "/apps/a/", "")?, ok("You've made 1 requests.\n"));
    assert_eq!(send(&platform, "GET", "/apps/a/deep/path", "")?, ok("You've made 2 requests.\n"));
    let note = r#"{"id":1,"text":"milk"}"#;
    assert_eq!(send(&platform, "POST", "/apps/b/", "milk")?, (201, note.to_owned()));
    runtime.close();

    let runtime = Runtime::open(dir.path())?;
    let platform = deploy(&runtime)?;
    assert_eq!(send(&platform, "GET", "/apps/a", "")?, ok("You've made 3 requests.\n"));
    assert_eq!(send(&platform, "GET", "/apps/b/", "")?, ok(&format!("[{note}]")));
    Ok(())
}

#[test]
fn new_code_runs_from_the_next_request_on() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let platform = deploy(&runtime)?;
    send(&platform, "POST", "/apps/a/prompt", "count my visits")?;
    send(&platform, "GET", "/apps/a/", "")?;
    let code = |body: &str| {
        format!(
            "import {{ DurableObject }} from 'cloudflare:workers';
             export class App extends DurableObject {{ async fetch(request) {{ {body} }} }}"
        )
    };
    let path = code(
        "return new Response(`${new URL(request.url).pathname} ${this.ctx.storage.kv.get('counter')}`);",
    );
    send(&platform, "PUT", "/apps/a/code", &path)?;
    assert_eq!(send(&platform, "GET", "/apps/a/x/y", "")?, ok("/x/y 1"));

    send(&platform, "PUT", "/apps/a/code", "export class App {")?;
    let (status, text) = send(&platform, "GET", "/apps/a/", "")?;
    assert!(status == 500 && text.contains("app.js:1:"), "{text}");

    send(&platform, "PUT", "/apps/a/code", &code("return fetch('http://example.com/');"))?;
    let (status, text) = send(&platform, "GET", "/apps/a/", "")?;
    assert!(status == 500 && text.contains("not permitted to access the internet"), "{text}");

    send(&platform, "PUT", "/apps/a/code", &path)?;
    assert_eq!(send(&platform, "GET", "/apps/a/", "")?, ok("/ 1"));
    Ok(())
}

#[test]
fn the_host_reaches_the_same_objects() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let platform = deploy(&runtime)?;
    assert_eq!(platform.class_names(), ["AppRunner"]);
    let runner = platform.namespace("AppRunner")?.get_by_name("a");
    let source = "import { DurableObject } from 'facetbox';
                  export class App extends DurableObject { fetch() { return new Response('here'); } }";
    runner.call_blocking("setCode", vec![source.into()])?;
    assert_eq!(send(&platform, "GET", "/apps/a/", "")?, ok("here"));
    Ok(())
}
