//! The guides for authors of guests: the code in them runs, and env is described.

use facetbox::{
    BigInt, ErrorCode, HostFunction, Module, Request, Result, Runtime, Value, ValueMap, WorkerCode,
    guest_guide, guest_types,
};

use crate::support::{assert_fails, own};

/// The code blocks of a guide.
fn blocks(language: &str) -> Result<Vec<String>> {
    let guide = guest_guide(language, None)?;
    let fence = format!("```{language}\n");
    let parts = guide.split(&fence).skip(1);
    Ok(parts.map(|part| part.split("```").next().unwrap_or_default().to_owned()).collect())
}

fn examples_run(language: &str) -> Result<()> {
    let blocks = blocks(language)?;
    let [notes, storage, alarms] = &blocks[..] else { panic!("{} blocks", blocks.len()) };
    let app = |source: &str| {
        let name = format!("app.{language}");
        let module = Module::from_name(&name, source.to_owned())?;
        let code = WorkerCode {
            main_module: name.clone(),
            modules: vec![(name, module)],
            ..WorkerCode::default()
        };
        let runtime = Runtime::open_in_memory()?;
        Ok::<_, facetbox::Error>((own(&runtime, code)?, runtime))
    };

    let (stub, _runtime) = app(notes)?;
    let post =
        |body: &str| Ok::<_, facetbox::Error>(Request::new("POST", "http://app/")?.with_body(body));
    assert_eq!(stub.fetch_blocking(post(r#"{"text":"milk"}"#)?)?.status(), 201);
    assert_eq!(stub.fetch_blocking(post(r#"{"text":1}"#)?)?.status(), 400);
    let listed = stub.fetch_blocking(Request::get("http://app/")?)?.body_text();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&listed).unwrap()[0]["text"], "milk");
    assert_eq!(stub.call_blocking("count", vec![])?.as_i64(), Some(1));

    let (stub, _runtime) = app(storage)?;
    let told = stub.call_blocking("demo", vec![])?;
    let told = told.as_map().unwrap();
    assert_eq!(told.get("theme").and_then(Value::as_str), Some("dark"));
    assert_eq!(told.get("best").and_then(Value::as_i64), Some(7));

    let (stub, _runtime) = app(alarms)?;
    stub.call_blocking("remind", vec!["tea".into(), 60.into()])?;
    assert!(stub.call_blocking("next", vec![])?.as_f64().is_some());
    Ok(())
}

#[test]
fn the_examples_of_the_luau_guide_run() -> Result<()> {
    examples_run("luau")
}

#[cfg(feature = "quickjs")]
#[test]
fn the_examples_of_the_javascript_guide_run() -> Result<()> {
    examples_run("js")
}

#[test]
fn env_is_described_by_kind_and_without_values() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let env = ValueMap::from_iter([
        ("SECRET", Value::String("hunter2".into())),
        ("BIG", Value::BigInt(BigInt::from(1))),
        ("NOTIFY", Value::Function(HostFunction::new("notify", |_| Ok(Value::Null)))),
        ("LOADER", Value::Loader(runtime.loader())),
    ]);
    let guide = guest_guide("luau", Some(&env))?;
    assert!(guide.contains("`self.env.NOTIFY(...)`: a function of the host program."));
    assert!(guide.contains("- `self.env.SECRET`: a value (string)."));
    assert!(!guide.contains("hunter2"));
    assert!(guest_guide("js", Some(&env))?.contains("`await this.env.NOTIFY(...)`"));
    assert!(guest_guide("js", Some(&ValueMap::new()))?.ends_with("holds here\n\nNothing.\n"));
    assert_fails(guest_guide("py", None), ErrorCode::InvalidArgument, "not for \"py\"");
    assert!(guest_types("js")?.contains("declare module \"cloudflare:workers\""));
    assert!(guest_types("luau")?.contains("declare class DurableObjectState"));
    Ok(())
}
