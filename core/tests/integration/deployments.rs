//! Whole modules under a name: their classes, their default export, new versions of them.

use facetbox::{
    Deployment, ErrorCode, HostFunction, Module, Request, Result, Runtime, Value, ValueMap,
    WorkerCode,
};

use crate::support::{app, assert_fails, patch};

/// A room that counts its visits, and a default export that finds rooms by path.
const LUAU: &str = r#"
local Room = DurableObject:extend("Room")
function Room:visit()
    local kv = self.ctx.storage.kv
    kv:put("visits", (kv:get("visits") or 0) + 1)
    return kv:get("visits")
end

local Main = WorkerEntrypoint:extend("Main")
function Main:fetch(request)
    local room = self.ctx.exports.Room:getByName(URL.new(request.url).pathname)
    return Response.new(`{self.env.GREETING} {room:visit()}`)
end

local Tool = WorkerEntrypoint:extend("Tool")
function Tool:double(n) return 2 * n end

return { Room = Room, Tool = Tool, default = Main, note = "neither class nor entrypoint" }
"#;

#[cfg(feature = "quickjs")]
const JS: &str = r#"
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";

export class Room extends DurableObject {
  visit() {
    const kv = this.ctx.storage.kv;
    kv.put("visits", (kv.get("visits") ?? 0) + 1);
    return kv.get("visits");
  }
}

export class Tool extends WorkerEntrypoint {
  double(n) { return 2 * n; }
}

export const note = "neither class nor entrypoint";

export default {
  async fetch(request, env, ctx) {
    const room = ctx.exports.Room.getByName(new URL(request.url).pathname);
    return new Response(`${env.GREETING} ${await room.visit()}`);
  },
};
"#;

/// The same module in each language that this build has.
fn modules() -> Vec<WorkerCode> {
    vec![
        WorkerCode::luau(LUAU),
        #[cfg(feature = "quickjs")]
        js(JS),
    ]
}

#[cfg(feature = "quickjs")]
fn js(source: &str) -> WorkerCode {
    WorkerCode {
        main_module: "worker.js".into(),
        modules: vec![("worker.js".into(), Module::Js(source.into()))],
        ..WorkerCode::default()
    }
}

fn luau(source: &str) -> WorkerCode {
    WorkerCode {
        main_module: "worker.luau".into(),
        modules: vec![("worker.luau".into(), Module::Luau(source.into()))],
        ..WorkerCode::default()
    }
}

fn greeting(text: &str) -> Option<ValueMap> {
    Some(ValueMap::from_iter([("GREETING", text)]))
}

fn get(deployment: &Deployment, path: &str) -> Result<String> {
    let request = Request::get(&format!("http://site{path}"))?;
    Ok(deployment.fetch_blocking(request)?.body_text())
}

#[test]
fn a_module_runs_whole() -> Result<()> {
    for code in modules() {
        let runtime = Runtime::open_in_memory()?;
        let site = runtime.deploy("site", code, greeting("Visit"))?;
        assert_eq!((site.name(), site.class_names()), ("site", vec!["Room".to_owned()]));
        assert_eq!((get(&site, "/a")?, get(&site, "/b")?), ("Visit 1".into(), "Visit 1".into()));
        assert_eq!(get(&site, "/a")?, "Visit 2");
        let rooms = site.namespace("Room")?;
        assert_eq!(rooms.name(), "site/Room");
        assert_eq!(runtime.get_namespace("site/Room")?.name(), rooms.name());
        assert_eq!(rooms.get_by_name("/a").call_blocking("visit", vec![])?, 3.into());
        let tool = site.get_entrypoint("Tool")?;
        assert_eq!(tool.call_blocking("double", vec![21.into()])?, 42.into());
    }
    Ok(())
}

#[test]
fn what_is_not_exported_is_not_found() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let parts = runtime.deploy("parts", app("function App:fetch() end"), None)?;
    assert_fails(get(&parts, "/"), ErrorCode::NotFound, "does not export a fetch() function");
    assert_fails(parts.namespace("Room"), ErrorCode::NotFound, "only [\"App\"]");
    for name in ["App", "default", "Nope"] {
        assert_fails(parts.get_entrypoint(name), ErrorCode::NotFound, &format!("{name:?}"));
    }
    let code = "local Main = WorkerEntrypoint:extend('Main') return { default = Main }";
    let mute = runtime.deploy("mute", luau(code), None)?;
    assert_fails(get(&mute, "/"), ErrorCode::NotFound, "does not export a fetch() function");
    Ok(())
}

#[test]
fn env_is_the_codes_with_the_given_one_over_it_and_a_loader() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let source = r#"
        local Main = WorkerEntrypoint:extend("Main")
        function Main:read()
            local env = self.env
            return { env.A, env.B, env.C, type(env.LOADER) }
        end
        return { default = Main }
    "#;
    let mut code = luau(source);
    code.env = ValueMap::from_iter([("A", "code"), ("B", "code")]);
    let given = ValueMap::from_iter([("B", "given"), ("C", "given")]);
    let read = |deployment: Deployment| {
        deployment.get_entrypoint("default")?.call_blocking("read", vec![])
    };
    let list = |items: [&str; 4]| Value::List(items.map(Value::from).to_vec());
    let main = runtime.deploy("main", code.clone(), Some(given))?;
    assert_eq!(read(main)?, list(["code", "given", "given", "table"]));
    let given = ValueMap::from_iter([("C", "given"), ("LOADER", "mine")]);
    let main = runtime.deploy("main", code, Some(given))?;
    assert_eq!(read(main)?, list(["code", "code", "given", "string"]));
    Ok(())
}

#[test]
fn code_that_fails_deploys_nothing_and_says_where() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let cases = [
        ("return {\n", ErrorCode::LoadError, "worker.luau:2: "),
        ("\nerror('no ' .. 'way')", ErrorCode::GuestError, "worker.luau:2: no way"),
        ("require('./nope')", ErrorCode::LoadError, "./nope"),
        ("return { App = {} }", ErrorCode::LoadError, "neither a class nor an entrypoint"),
        ("", ErrorCode::LoadError, "neither a class nor an entrypoint"),
    ];
    for (source, code, part) in cases {
        let error = assert_fails(runtime.deploy("site", luau(source), None), code, part);
        assert_eq!(error.path(), Some("site"), "{source}");
    }
    assert_fails(
        runtime.deploy("", WorkerCode::luau(LUAU), None),
        ErrorCode::InvalidArgument,
        "got \"\"",
    );
    assert_fails(runtime.get_namespace("site/Room"), ErrorCode::NotFound, "site/Room");
    Ok(())
}

#[test]
fn evaluation_has_the_limits_of_an_event() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let mut endless = luau("while true do end");
    endless.limits = patch([("cpuMs", 20)])?;
    let failed = runtime.deploy("site", endless, None);
    assert_fails(failed, ErrorCode::LimitCpu, "20");
    Ok(())
}

#[test]
fn a_namespace_of_someone_else_is_left_alone() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let code = app("function App:who() return 'mine' end");
    let class = runtime.loader().load(code)?.get_durable_object_class("App", Default::default());
    let mine = runtime.namespace("site/Room", class)?;
    let two = format!("local Attic = DurableObject:extend('Attic')\n{LUAU}")
        .replace("return { Room", "return { Attic = Attic, Room");
    let failed = runtime.deploy("site", luau(&two), None);
    assert_fails(failed, ErrorCode::InvalidArgument, "\"site/Room\" is bound already");
    assert_fails(runtime.get_namespace("site/Attic"), ErrorCode::NotFound, "site/Attic");
    assert_eq!(mine.get_by_name("x").call_blocking("who", vec![])?, "mine".into());
    Ok(())
}

#[test]
fn a_new_version_takes_over_data_and_namespaces() -> Result<()> {
    for code in modules() {
        let runtime = Runtime::open_in_memory()?;
        let first = runtime.deploy("site", code, greeting("One"))?;
        get(&first, "/a")?;
        let rooms = first.namespace("Room")?;
        let bound = rooms.get_by_name("/a");
        assert_eq!(bound.call_blocking("visit", vec![])?, 2.into());

        assert!(runtime.deploy("site", luau("return {"), None).is_err());
        assert_eq!(bound.call_blocking("visit", vec![])?, 3.into());

        let next = LUAU.replace("function Room:visit()", "function Room:visit(n)");
        let second = runtime.deploy("site", luau(&next), greeting("Two"))?;
        let outcome = bound.call_blocking("visit", vec![]);
        assert_fails(outcome, ErrorCode::Reset, "because its code was updated");
        assert_eq!(rooms.get_by_name("/a").call_blocking("visit", vec![])?, 4.into());
        assert_eq!((get(&first, "/a")?, get(&second, "/a")?), ("Two 5".into(), "Two 6".into()));
    }
    Ok(())
}

#[test]
fn a_class_that_is_gone_keeps_its_data() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let site = runtime.deploy("site", luau(LUAU), greeting("Visit"))?;
    get(&site, "/a")?;
    let rooms = site.namespace("Room")?;
    let gone = LUAU.replace("Room = Room, ", "");
    runtime.deploy("site", luau(&gone), None)?;
    assert_eq!(site.class_names(), Vec::<String>::new());
    assert_fails(site.namespace("Room"), ErrorCode::NotFound, "Room");
    let outcome = rooms.get_by_name("/a").call_blocking("visit", vec![]);
    assert_fails(outcome, ErrorCode::NotFound, "no such Durable Object class: Room");
    runtime.deploy("site", luau(LUAU), greeting("Back"))?;
    assert_eq!(get(&site, "/a")?, "Back 2");
    Ok(())
}

#[test]
fn a_request_that_is_being_answered_ends_in_the_old_version() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let source = |version: &str| {
        luau(&format!(
            "local Main = WorkerEntrypoint:extend('Main')
             function Main:fetch() if self.env.DEPLOY then self.env.DEPLOY() end return Response.new('{version}') end
             return {{ default = Main }}"
        ))
    };
    let (host, next) = (runtime.clone(), source("new"));
    let deploy = HostFunction::new("deploy", move |_| {
        host.deploy("site", next.clone(), None).map(|_| Value::Null)
    });
    let env = Some(ValueMap::from_iter([("DEPLOY", Value::Function(deploy))]));
    let site = runtime.deploy("site", source("old"), env)?;
    assert_eq!((get(&site, "/")?, get(&site, "/")?), ("old".into(), "new".into()));
    runtime.close();
    Ok(())
}

#[test]
fn objects_are_found_again_after_a_restart() -> Result<()> {
    for code in modules() {
        let dir = tempfile::tempdir().expect("a directory");
        for visit in 1..=3 {
            let runtime = Runtime::open(dir.path())?;
            let site = runtime.deploy("site", code.clone(), greeting("Visit"))?;
            assert_eq!(get(&site, "/a")?, format!("Visit {visit}"));
            runtime.close();
            let closed = [
                site.namespace("Room").map(drop),
                get(&site, "/a").map(drop),
                runtime.deploy("site", code.clone(), None).map(drop),
            ];
            for outcome in closed {
                assert_fails(outcome, ErrorCode::Closed, "");
            }
        }
    }
    Ok(())
}

#[cfg(feature = "quickjs")]
mod javascript {
    use super::*;

    #[test]
    fn errors_of_a_module_say_where() -> Result<()> {
        let runtime = Runtime::open_in_memory()?;
        let cases = [
            ("export class {", ErrorCode::LoadError, "worker.js:1:14"),
            ("\n  throw new RangeError('no way');", ErrorCode::GuestError, "no way"),
            ("export const a = 1;", ErrorCode::LoadError, "neither a class nor an entrypoint"),
        ];
        for (source, code, part) in cases {
            assert_fails(runtime.deploy("site", js(source), None), code, part);
        }
        let error = runtime.deploy("site", js("\n  throw new RangeError('x');"), None).unwrap_err();
        assert_eq!(error.name(), "RangeError");
        assert!(error.stack().is_some_and(|stack| stack.contains("worker.js:2:")), "{error:?}");
        Ok(())
    }

    #[test]
    fn a_module_that_never_settles_meets_the_wall_limit() -> Result<()> {
        let runtime = Runtime::open_in_memory()?;
        let mut code = js("await new Promise(() => {});");
        code.limits = patch([("wallMs", 30)])?;
        assert_fails(runtime.deploy("site", code, None), ErrorCode::LimitWall, "30");
        Ok(())
    }

    #[test]
    fn the_default_export_may_be_a_class_and_the_module_may_wait() -> Result<()> {
        let runtime = Runtime::open_in_memory()?;
        let source = r#"
            import { WorkerEntrypoint, env } from "cloudflare:workers";
            const greeting = await env.ASK();
            export default class extends WorkerEntrypoint {
              fetch(request) { return new Response(greeting + this.env.LOADER.constructor.name); }
            }
        "#;
        let ask = HostFunction::new("ask", |_| Ok("Hello, ".into()));
        let env = Some(ValueMap::from_iter([("ASK", Value::Function(ask))]));
        let site = runtime.deploy("site", js(source), env)?;
        assert_eq!(get(&site, "/")?, "Hello, WorkerLoader");
        Ok(())
    }
}

/// Programs are checked with the compiler's default recursion limit, unlike the library.
#[test]
fn a_program_may_move_everything_between_threads() {
    fn movable<T: Send + Sync + 'static>() {}
    movable::<Deployment>();
    movable::<std::sync::Mutex<Option<std::collections::HashMap<String, Vec<Runtime>>>>>();
    movable::<std::sync::Mutex<Option<std::collections::HashMap<String, Vec<facetbox::Stub>>>>>();
    movable::<std::sync::Mutex<Option<std::collections::HashMap<String, Vec<Value>>>>>();
}
