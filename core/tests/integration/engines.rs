//! The runtime's option `engines`: code for an engine that it leaves out isn't loaded.

use facetbox::{Engine, ErrorCode, Module, Options, Result, Runtime, WorkerCode};

use crate::support::{assert_fails, counter, own, visit};

fn runtime(engines: &[Engine]) -> Result<Runtime> {
    Runtime::open_with(Options { engines: Some(engines.to_vec()), ..Options::default() })
}

fn javascript() -> WorkerCode {
    WorkerCode {
        main_module: "main.js".into(),
        modules: vec![("main.js".into(), Module::Js("export class App {}".into()))],
        ..WorkerCode::default()
    }
}

#[test]
fn engines_have_the_names_of_the_options() -> Result<()> {
    for engine in Engine::ALL {
        assert_eq!(Engine::from_name(engine.name())?, engine);
    }
    assert_fails(Engine::from_name("js"), ErrorCode::InvalidArgument, "'javascript', got 'js'");
    Ok(())
}

#[test]
fn javascript_is_refused_where_it_is_off() -> Result<()> {
    let runtime = runtime(&[Engine::Luau])?;
    let reason = match cfg!(feature = "quickjs") {
        true => "the runtime's option `engines` does not allow.",
        false => "this build does not include.",
    };
    let part = format!("Module 'main.js' is JavaScript, which {reason}");
    assert_fails(runtime.loader().load(javascript()), ErrorCode::Unsupported, &part);
    assert_eq!(visit(&own(&runtime, counter())?)?, "You've made 1 requests.\n");
    Ok(())
}

#[test]
fn luau_is_refused_where_it_is_off() -> Result<()> {
    let refused = runtime(&[Engine::JavaScript])?.loader().load(counter());
    let part = "Module 'main.luau' is Luau, which the runtime's option `engines` does not allow.";
    assert_fails(refused, ErrorCode::Unsupported, part);
    Ok(())
}

#[test]
fn a_module_beside_the_main_one_is_refused_too() -> Result<()> {
    let mut code = counter();
    code.modules.push(("helper.js".into(), Module::Js("export default 1".into())));
    let refused = runtime(&[Engine::Luau])?.loader().load(code);
    assert_fails(refused, ErrorCode::Unsupported, "Module 'helper.js' is JavaScript");
    Ok(())
}

#[test]
fn a_worker_that_is_got_shows_the_refusal_at_its_first_use() -> Result<()> {
    let runtime = runtime(&[])?;
    let worker = runtime.loader().get("counter", || Ok(counter()));
    let class = worker.get_durable_object_class("App", Default::default());
    let stub = runtime.namespace("App", class)?.get_by_name("one");
    assert_fails(visit(&stub), ErrorCode::Unsupported, "Module 'main.luau' is Luau");
    Ok(())
}
