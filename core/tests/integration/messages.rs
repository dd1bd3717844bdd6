//! Requests, responses and headers in arguments and results.

use facetbox::{ErrorCode, Headers, HostFunction, Request, Response, Result, Runtime, Value};

use crate::support::{app, assert_fails, facet, host_class, own, runtime_with};

#[test]
fn a_supervisor_passes_a_request_on_and_answers_the_response() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let code = app(r#"
        function App:handle(request)
            return Response.new(`{request.method} {request:text()}`, { status = 201 })
        end
    "#);
    let class = host_class(move |ctx, _, args| {
        let Value::Response(mut answer) =
            facet(ctx, "app", &code)?.call_blocking("handle", args)?
        else {
            panic!("a response");
        };
        answer.headers.set("x-by", "supervisor")?;
        Ok(Value::Response(answer))
    });
    let stub = runtime.namespace("Host", class)?.get_by_name("one");
    let request = Request::new("POST", "http://app/")?.with_body("asked");
    let Value::Response(answer) = stub.call_blocking("handle", vec![request.into()])? else {
        panic!("a response");
    };
    assert_eq!((answer.status(), answer.body_text().as_str()), (201, "POST asked"));
    assert_eq!(answer.headers.get("x-by").as_deref(), Some("supervisor"));
    Ok(())
}

#[test]
fn functions_of_the_host_take_and_answer_messages() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let mut code = app(r#"
        function App:ask()
            local answer = self.env.ASK({ request = Request.new("http://app/x"), headers = Headers.new({ a = "1" }) })
            return { answer[1]:text(), answer[2]:get("b") }
        end
    "#);
    let ask = HostFunction::new("ask", |args| {
        let given = args[0].as_map().expect("a map");
        let (Some(Value::Request(request)), Some(Value::Headers(headers))) =
            (given.get("request"), given.get("headers"))
        else {
            panic!("messages");
        };
        let text = format!("{} {:?}", request.url(), headers.get("a"));
        let mut headers = Headers::new();
        headers.set("b", "2")?;
        Ok(Value::List(vec![Response::text(text).into(), headers.into()]))
    });
    code.env.insert("ASK", ask);
    let answer = own(&runtime, code)?.call_blocking("ask", vec![])?;
    assert_eq!(answer, Value::List(vec!["http://app/x Some(\"1\")".into(), "2".into()]));
    Ok(())
}

#[test]
fn messages_count_as_what_they_hold() -> Result<()> {
    let runtime = runtime_with([("messageBytes", 10_000)])?;
    let stub = own(
        &runtime,
        app(r#"
            function App:length(response) return #response:text() end
            function App:make(length) return { Response.new(string.rep("x", length)) } end
        "#),
    )?;
    let long = |length| vec![Response::text("x".repeat(length)).into()];
    assert_eq!(stub.call_blocking("length", long(8_000))?, Value::Int(8_000));
    assert_fails(stub.call_blocking("length", long(10_001)), ErrorCode::LimitMessage, "10000");
    stub.call_blocking("make", vec![8_000.into()])?;
    assert_fails(stub.call_blocking("make", vec![10_001.into()]), ErrorCode::LimitMessage, "10000");
    Ok(())
}
