//! What guests see of the web classes, and what Rust takes from them.

use super::super::errors::error_from_lua;
use super::super::native::table_of;
use super::*;

struct Guest {
    lua: Lua,
    web: WebApi,
}

fn guest() -> Guest {
    let lua = Lua::new();
    let native = table_of(&lua, |natives| {
        natives.add("now_ms", |_, ()| Ok(1.7e12))?;
        add_natives(natives)
    });
    let native = native.unwrap();
    let web = install(&lua, &native, &WebCode::compile()).unwrap();
    for entry in web.globals.pairs::<String, Value>() {
        let (name, value) = entry.unwrap();
        lua.globals().raw_set(name, value).unwrap();
    }
    lua.sandbox(true).unwrap();
    Guest { lua, web }
}

impl Guest {
    fn value(&self, code: &str) -> Value {
        self.lua.load(code).set_name("=main").eval().unwrap()
    }

    /// Runs code that returns values and joins their text with "|".
    fn text(&self, code: &str) -> String {
        let values: mlua::MultiValue = self.lua.load(code).set_name("=main").eval().unwrap();
        let texts: Vec<_> = values.iter().map(|v| v.to_string().unwrap()).collect();
        texts.join("|")
    }

    /// Runs code that throws and gives the error's text.
    fn thrown(&self, code: &str) -> String {
        let code = format!("local ok, e = pcall(function() {code} end) assert(not ok) return e");
        error_from_lua(self.value(&code)).to_string()
    }
}

#[test]
fn headers_ignore_case_join_and_sort() {
    let guest = guest();
    let code = r#"
        local h = Headers.new({ ["X-One"] = "1" })
        h:append("x-list", " a ") h:append("X-List", "b") h:set("Content-Type", "text/html")
        h:append("set-cookie", "a=1") h:append("set-cookie", "b=2")
        local all = {}
        for name, value in h do table.insert(all, name .. "=" .. value) end
        local first = h:get("X-LIST")
        h:set("x-list", 3) h:delete("X-ONE")
        local after = {}
        for name in h:entries() do table.insert(after, name) end
        return table.concat(all, ";"), first, h:get("x-list"), h:has("x-one"), h:get("none"),
            table.concat(after, ","), #h:getSetCookie(), tostring(h)"#;
    assert_eq!(
        guest.text(code),
        "content-type=text/html;set-cookie=a=1;set-cookie=b=2;x-list=a, b;x-one=1|a, b|3|false|nil\
         |content-type,set-cookie,set-cookie,x-list|2|[object Headers]"
    );
}

#[test]
fn headers_are_made_from_maps_pairs_and_headers() {
    let guest = guest();
    let code = r#"
        local pairs = Headers.new({ { "x-a", "1" }, { "x-a", "2" }, { "x-b", "3" } })
        local copy = Headers.new(pairs)
        copy:set("x-b", "4")
        return pairs:get("x-a"), pairs:get("x-b"), copy:get("x-b"), Headers.new(null):get("x")"#;
    assert_eq!(guest.text(code), "1, 2|3|4|nil");
}

#[test]
fn headers_refuse_what_http_cannot_carry() {
    let guest = guest();
    for code in [
        r#"Headers.new({ ["a\r\nb"] = "c" })"#,
        r#"Headers.new({ a = "c\r\nd: e" })"#,
        r#"Headers.new():set("", "x")"#,
        r#"Headers.new():append("a b", "x")"#,
        r#"Headers.new():append("a", "\0")"#,
        r#"Headers.new({ a = {} })"#,
        r#"Headers.new({ { "a" } })"#,
        r#"Headers.new({ { "a", "b", "c" } })"#,
        r#"Headers.new("text")"#,
        r#"Headers.new().get("x")"#,
        r#"Headers.new({ a = setmetatable({}, { __tostring = function() while true do end end }) })"#,
    ] {
        assert!(guest.thrown(code).starts_with("TypeError: "), "{code}");
    }
}

#[test]
fn metatables_of_arguments_are_not_consulted() {
    let guest = guest();
    let code = r#"
        local ran = 0
        local function trap() ran += 1 return "trap" end
        local function trapped(t)
            return setmetatable(t, { __index = trap, __iter = trap, __len = trap, __tostring = trap })
        end
        Headers.new(trapped({ a = "1" }))
        Response.new("x", trapped({}))
        Request.new("http://app/", trapped({}))
        URLSearchParams.new(trapped({ a = "b" }))
        json.encode(trapped({ a = { 1 } }))
        pcall(Response.new, trapped({}))
        pcall(Request.new, trapped({}))
        pcall(Headers.new, { a = trapped({}) })
        pcall(json.encode, { [trapped({})] = 1 })
        return ran"#;
    assert_eq!(guest.text(code), "0");
}

#[test]
fn a_request_has_method_url_headers_and_one_body() {
    let guest = guest();
    let code = r#"
        local r = Request.new("http://App:80/a%20b?q=1#f", { method = "post", body = "once" })
        local before = r.bodyUsed
        local copy = r:clone()
        local text = r:text()
        local ok, e = pcall(r.text, r)
        return r.method, r.url, r.headers:get("content-type"), before, text, r.bodyUsed, ok, e.name,
            copy:text(), pcall(r.clone, r), tostring(r)"#;
    let text = guest.text(code);
    assert!(text.starts_with(
        "POST|http://app/a%20b?q=1#f|text/plain;charset=UTF-8|false|once|true|false|TypeError|once|"
    ));
}

#[test]
fn a_request_made_from_a_request_takes_its_body() {
    let guest = guest();
    let code = r#"
        local a = Request.new("http://app/", { method = "PUT", body = "x", headers = { a = "1" } })
        local b = Request.new(a, { headers = { b = "2" } })
        local c = Request.new("http://other/", b)
        return a.bodyUsed, b.bodyUsed, b.headers:get("a"), c.method, c.headers:get("b"), c:text(), c.url"#;
    assert_eq!(guest.text(code), "true|true|nil|PUT|2|x|http://other/");
}

#[test]
fn wrong_requests_are_type_errors() {
    let guest = guest();
    for code in [
        r#"Request.new("/no-host")"#,
        r#"Request.new()"#,
        r#"Request.new({})"#,
        r#"Request.new("http://app/", { method = "GET", body = "x" })"#,
        r#"Request.new("http://app/", { method = "HEAD", body = "" })"#,
        r#"Request.new("http://app/", { method = "a b" })"#,
        r#"Request.new("http://app/", { method = "POST", body = {} })"#,
        r#"Request.new("http://app/", 5)"#,
        r#"Request.new("http://app/" .. string.rep("x", 2000000))"#,
        r#"Request.new("http://app/").text()"#,
    ] {
        assert!(guest.thrown(code).starts_with("TypeError: "), "{code}");
    }
}

#[test]
fn bodies_are_read_as_text_json_and_bytes() {
    let guest = guest();
    let code = r#"
        local function r(body) return Response.new(body) end
        local bytes = r("A\0\u{e9}"):arrayBuffer()
        return r(buffer.fromstring("Hi")):text(), #r('{"list":[1,2,3]}'):json().list,
            buffer.len(bytes), buffer.readu8(bytes, 3), r():text(), r().bodyUsed, r().body,
            r("\u{feff}a\xff"):text(), r(buffer.fromstring("x")).headers:get("content-type")"#;
    assert_eq!(guest.text(code), "Hi|3|4|169||false|nil|a\u{fffd}|nil");
    assert!(guest.thrown("Response.new('no'):json()").starts_with("SyntaxError: "));
}

#[test]
fn a_body_can_be_handed_on() {
    let guest = guest();
    let code = r#"
        local a = Response.new("text", { status = 201, headers = { ["x-a"] = "1" } })
        local b = Response.new(a.body, a)
        return b.status, b.headers:get("x-a"), b:text(), a.bodyUsed"#;
    assert_eq!(guest.text(code), "201|1|text|true");
}

#[test]
fn statuses_follow_fetch() {
    let guest = guest();
    let code = r#"
        local late = Response.new("late")
        late.headers:set("x-late", "yes")
        return Response.new().status, Response.new(nil, { status = 299 }).ok,
            Response.new(nil, { status = 300 }).ok, Response.new("", { status = 204 }):text(),
            Response.new("x", { statusText = "Fine" }).statusText, late.headers:get("x-late")"#;
    assert_eq!(guest.text(code), "200|true|false||Fine|yes");
    for status in ["199", "600", "99999", "0/0", "200.5", "-1"] {
        let code = format!("Response.new('x', {{ status = {status} }})");
        assert!(guest.thrown(&code).starts_with("RangeError: "), "{status}");
    }
    for code in [
        "Response.new('x', { status = 204 })",
        "Response.new('x', { status = 304 })",
        "Response.new('x', { status = '200' })",
        "Response.new(5)",
        "Response.new('x', { statusText = 'a\\r\\nb' })",
        "Response.new(setmetatable({}, { __tostring = function() while true do end end }))",
        "local r = Response.new('x') r:text() r:text()",
    ] {
        assert!(guest.thrown(code).starts_with("TypeError: "), "{code}");
    }
}

#[test]
fn json_responses_and_redirects_have_their_headers() {
    let guest = guest();
    let code = r#"
        local a = Response.json({ a = { 1, null, "é" } })
        local b = Response.json("text", { status = 422, headers = { ["content-type"] = "x/y" } })
        local c = Response.redirect("http://app/new")
        return a.headers:get("content-type"), a:text(), b.status, b.headers:get("content-type"),
            b:json(), c.status, c.headers:get("location"), Response.json(null):text(),
            Response.json({}):text(), Response.error"#;
    assert_eq!(
        guest.text(code),
        "application/json|{\"a\":[1,null,\"é\"]}|422|x/y|text|302|http://app/new|null|[]|nil"
    );
    assert!(guest.thrown("Response.redirect('http://a/', 200)").starts_with("RangeError: "));
}

#[test]
fn a_url_has_parts_that_can_be_set() {
    let guest = guest();
    let code = r#"
        local u = URL.new("https://user@EXAMPLE.com:8443/a/../b%20c?x=1&y=%2F#frag")
        return u.protocol, u.hostname, u.port, u.host, u.pathname, u.search, u.hash, u.origin, u.href,
            u.username, u.password, tostring(u), URL.new("../x", "http://app/a/b/c").href"#;
    assert_eq!(
        guest.text(code),
        "https:|example.com|8443|example.com:8443|/b%20c|?x=1&y=%2F|#frag|https://example.com:8443|\
         https://user@example.com:8443/b%20c?x=1&y=%2F#frag|user||\
         https://user@example.com:8443/b%20c?x=1&y=%2F#frag|http://app/a/x"
    );
    let code = r#"
        local u = URL.new("http://app/?a=1")
        local q = u.searchParams
        q:append("b", "x y") u.pathname = "/p" u.hash = "h"
        local first = u.href
        u.search = "?c=3"
        return first, q:get("a"), q:get("c"), u.href, Request.new(u).url, URL.canParse("x"),
            URL.canParse("http://x")"#;
    assert_eq!(
        guest.text(code),
        "http://app/p?a=1&b=x+y#h|nil|3|http://app/p?c=3#h|http://app/p?c=3#h|false|true"
    );
    for code in ["URL.new('not a url')", "URL.new()", "URL.new('/x', 'y')"] {
        assert!(guest.thrown(code).starts_with("TypeError: "), "{code}");
    }
    assert_eq!(guest.thrown("URL.new('no')"), "TypeError: Invalid URL string.");
    assert!(guest.thrown("URL.new('http://a/').nothing = 1").starts_with("TypeError: "));
    assert!(guest.thrown("URL.new('http://a/').origin = 'x'").starts_with("TypeError: "));
}

#[test]
fn search_params_keep_order_and_decode() {
    let guest = guest();
    let code = r#"
        local q = URL.new("http://app/?a=1&a=two%20words&b&c=x+y%26z").searchParams
        local all = q:getAll("a")
        local s = URLSearchParams.new("?z=1&y=2")
        s:set("z", 3) s:append("é", "&") s:delete("y")
        local names = {}
        for name in s do table.insert(names, name) end
        return q:get("a"), #all, all[2], q:get("none"), q:has("b"), q:get("b"), q:get("c"),
            s:toString(), tostring(s), table.concat(names, ","),
            URLSearchParams.new({ { "k", "v" } }):toString(),
            Request.new("http://app/", { method = "POST", body = s }).headers:get("content-type")"#;
    assert_eq!(
        guest.text(code),
        "1|2|two words|nil|true||x y&z|z=3&%C3%A9=%26|z=3&%C3%A9=%26|z,é|k=v|\
         application/x-www-form-urlencoded;charset=UTF-8"
    );
}

#[test]
fn json_is_written_compactly() {
    let guest = guest();
    let code = r#"
        local sparse = { [1] = 1, [3] = 3 }
        return json.encode({ 1, 2.5, -0, 1e21, 1/0, 0/0, 2^53, true, "a\"\n\u{1}é" }),
            json.encode({}), json.encode(json.object({})), json.encode(nil), json.encode(null),
            #json.encode(sparse), json.encode({ [2] = "b" }), json.encode({ a = { b = {} } }),
            json.encode("\xff")"#;
    assert_eq!(
        guest.text(code),
        "[1,2.5,0,1e21,null,null,9007199254740992,true,\"a\\\"\\n\\u0001é\"]|[]|{}|null|null|13|\
         {\"2\":\"b\"}|{\"a\":{\"b\":[]}}|\"\u{fffd}\""
    );
}

#[test]
fn json_refuses_what_it_cannot_write() {
    let guest = guest();
    assert_eq!(
        guest.thrown("local t = {} t.t = { t } json.encode(t)"),
        "TypeError: Converting circular structure to JSON"
    );
    for code in [
        "json.encode(print)",
        "json.encode({ Response.new('x') })",
        "json.encode(Headers.new())",
        "json.encode({ buffer.create(1) })",
        "json.encode({ [{}] = 1 })",
        "json.encode({ [true] = 1 })",
        "json.encode(coroutine.create(print))",
        "local t = {} for i = 1, 129 do t = { t } end json.encode(t)",
    ] {
        assert!(guest.thrown(code).starts_with("TypeError: "), "{code}");
    }
    assert_eq!(
        guest.text("local t = 1 for i = 1, 128 do t = { t } end return #json.encode(t)"),
        "257"
    );
}

#[test]
fn json_of_shared_tables_ends_at_the_longest_text() {
    let guest = guest();
    let code =
        "local t = { string.rep('x', 9999) } for i = 1, 60 do t = { t, t } end json.encode(t)";
    assert!(guest.thrown(code).contains("longer than"));
}

#[test]
fn a_stop_of_the_engine_reaches_json() {
    let guest = guest();
    let code = "local t = table.create(1000000) local all = {} for i = 1, 1000000 do all[i] = t end
        return all";
    let all = guest.value(code);
    let encode: Function = guest.lua.load("return json.encode").eval().unwrap();
    let begun = std::time::Instant::now();
    guest.lua.set_interrupt(move |_| {
        if begun.elapsed().as_millis() > 50 {
            return Err(mlua::Error::external(Error::new(ErrorCode::LimitCpu, "too slow")));
        }
        Ok(mlua::VmState::Continue)
    });
    let error = encode.call::<Value>(all).unwrap_err();
    assert!(begun.elapsed().as_millis() < 3000, "{error}");
}

#[test]
fn json_is_read_with_empty_objects_kept() {
    let guest = guest();
    let code = r#"
        local v = json.decode(' {"a": [1, -2.5e1, true, null, "\\u00e9\\ud83e\\udd8a\\n"], "o": {}, "l": []} ')
        local huge = json.decode("9007199254740993")
        v.o.late = null
        return v.a[1], v.a[2], v.a[3], v.a[4] == null, v.a[5], json.encode(v.o), json.encode(v.l),
            json.encode(json.decode("{}")), huge == 2^53, json.decode('{"a":1,"a":2}').a,
            json.decode("[1e400]")[1] == math.huge, json.decode('"\\ud800x"'), tostring(null), type(null)"#;
    assert_eq!(
        guest.text(code),
        "1|-25|true|true|é🦊\n|{\"late\":null}|[]|{}|true|2|true|\u{fffd}x|null|userdata"
    );
}

#[test]
fn malformed_json_is_a_syntax_error() {
    let guest = guest();
    for text in [
        "",
        "nul",
        "[1,]",
        "[1] x",
        "NaN",
        "-",
        "01",
        "1.",
        "1e",
        "{\"a\":1,}",
        "{a:1}",
        "\"\n\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"open",
        "[",
        "{\"a\"",
        "\u{feff}1",
        "[1 2]",
    ] {
        let decode: Function = guest
            .lua
            .load(
                "return function(s) local ok, e = pcall(json.decode, s)
            assert(not ok) return e end",
            )
            .eval()
            .unwrap();
        let error = error_from_lua(decode.call(text).unwrap());
        assert_eq!(error.name(), "SyntaxError", "{text}");
    }
    assert!(guest.thrown("json.decode(string.rep('[', 100000))").contains("deeper than 128"));
    assert!(guest.thrown("json.decode(string.rep('{\"a\":', 100000))").contains("deeper"));
    assert!(guest.thrown("json.decode({})").starts_with("TypeError: "));
    guest.text("return #json.decode(string.rep('[', 128) .. string.rep(']', 128))");
}

#[test]
fn base64_round_trips_and_forgives_padding() {
    let guest = guest();
    let code = r#"
        return base64.encode("hi?"), base64.encode(buffer.fromstring("\255\0")),
            buffer.tostring(base64.decode("aGk/")), buffer.tostring(base64.decode(" aG k ")),
            buffer.len(base64.decode(""))"#;
    assert_eq!(guest.text(code), "aGk/|/wA=|hi?|hi|0");
    for code in ["base64.decode('a')", "base64.decode('a*==')", "base64.decode({})"] {
        assert!(guest.thrown(code).starts_with("TypeError: "), "{code}");
    }
}

#[test]
fn crypto_gives_digests_and_random_bytes() {
    let guest = guest();
    let code = r#"
        local d = crypto.digest("sha-256", "abc")
        local id = crypto.randomUUID()
        local b = crypto.getRandomValues(buffer.create(32))
        return string.format("%08x", bit32.byteswap(buffer.readu32(d, 0))),
            buffer.len(crypto.digest("SHA-512", buffer.create(3))),
            string.match(id, "^%x+%-%x%x%x%x%-4%x%x%x%-[89ab]%x%x%x%-%x+$") == id and #id,
            buffer.tostring(b) ~= string.rep("\0", 32)"#;
    assert_eq!(guest.text(code), "ba7816bf|64|36|true");
    assert!(guest.thrown("crypto.digest('MD0', 'x')").starts_with("NotSupportedError: "));
    assert!(guest.thrown("crypto.getRandomValues(-1)").starts_with("TypeError: "));
    assert!(
        guest.thrown("crypto.getRandomValues(buffer.create(65537))").starts_with("QuotaExceeded")
    );
}

#[test]
fn the_date_is_in_whole_milliseconds() {
    let guest = guest();
    assert_eq!(guest.text("local t = Date.now() return t % 1, t > 1.6e12"), "0|true");
}

#[test]
fn classes_and_metatables_are_closed() {
    let guest = guest();
    let code = r#"
        local done = {}
        local function try(name, f, ...) if pcall(f, ...) then table.insert(done, name) end end
        local r, h, u = Request.new("http://a/"), Headers.new(), URL.new("http://a/")
        for name, c in { H = Headers, Q = Request, S = Response, U = URL, P = URLSearchParams, j = json,
            b = base64, c = crypto, D = Date } do
            try(name, function() c.new = 1 end)
            try(name .. " raw", rawset, c, "new", 1)
            try(name .. " clear", table.clear, c)
        end
        for name, v in { r = r, h = h, u = u, p = u.searchParams, s = Response.new("x"), n = null,
            m = json.object({}), b = Response.new("x").body } do
            if type(getmetatable(v)) ~= "string" then table.insert(done, name .. " open") end
            try(name .. " set", setmetatable, v, {})
        end
        try("field", function() r.url = "x" end)
        try("raw field", rawset, r, "url", "x")
        try("clone", table.clone, r)
        return table.concat(done, ",")"#;
    assert_eq!(guest.text(code), "");
}

#[test]
fn requests_and_responses_cross_both_ways() {
    let Guest { lua, web } = guest();
    let mut request = Request::new("POST", "http://app/a%20b?x").unwrap().with_body("body");
    request.headers.append("x-a", "1").unwrap();
    request.headers.append("x-a", "2").unwrap();
    let table = Value::Table(web.request_to_lua(&lua, &request, "follow").unwrap());
    assert!(!web.is_response(&table));
    assert_eq!(web.request_from_lua(&lua, table.clone()).unwrap(), request);
    let again = web.request_from_lua(&lua, table).unwrap_err();
    assert_eq!((again.name(), again.message().contains("already been used")), ("TypeError", true));

    let mut response = Response::new(404).unwrap();
    response.headers.append("x-b", "é").unwrap();
    let table = Value::Table(web.response_to_lua(&lua, &response).unwrap());
    assert!(web.is_response(&table));
    assert_eq!(web.response_from_lua(&lua, table.clone()).unwrap(), response);
    assert_eq!(web.response_from_lua(&lua, table).unwrap(), response, "no body, no use");
}

#[test]
fn what_is_no_response_is_a_type_error() {
    let guest = guest();
    for code in [
        "return nil",
        "return 'text'",
        "return { status = 200 }",
        "return Request.new('http://a/')",
        "return setmetatable({}, { __metatable = 'Response', __index = function() while true do end end })",
        "local r = Response.new('x') r.headers._list[1] = 'a\\r\\nb' return r",
        "local r = Response.new('x') r.headers._list[2] = {} return r",
        "local r = Response.new('x') r.headers._list[2] = '\\255' return r",
        "local r = Response.new('x') r.body.data = {} return r",
        "local r = Response.new('x') r:text() return r",
    ] {
        let error = guest.web.response_from_lua(&guest.lua, guest.value(code)).unwrap_err();
        assert_eq!(error.name(), "TypeError", "{code}: {error}");
    }
}

#[test]
fn headers_that_share_a_long_string_are_bounded() {
    let guest = guest();
    let code = "local r, v = Response.new(), string.rep('x', 100000)
        for i = 1, 20 do r.headers:append('a', v) end return r";
    let error = guest.web.response_from_lua(&guest.lua, guest.value(code)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::LimitMessage);
}

#[test]
fn a_full_heap_gives_errors_not_panics() {
    let guest = guest();
    guest.lua.set_memory_limit(guest.lua.used_memory() + (1 << 20)).unwrap();
    let code = r#"
        local tries = {
            function() return json.encode({ 1, 2, { a = 3 } }) end,
            function() return json.decode('[1,{"a":"b"}]') end,
            function() return Response.new("x"):text() end,
            function() return URL.new("http://app/") end,
            function() return crypto.randomUUID() end,
            function() return Headers.new({ ["a b"] = "c" }) end,
        }
        local keep, size = {}, 65536
        local function fill() table.insert(keep, string.rep("x", size) .. #keep) end
        while size >= 16 do
            if not pcall(fill) then size //= 2 end
        end
        for i = 1, 100 do
            for _, try in tries do pcall(try) end
        end
        return "done""#;
    assert_eq!(guest.text(code), "done");
}
