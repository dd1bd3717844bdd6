//! First uses of the API's late parts where memory, CPU time or stack is nearly used up: each ends with that limit or well, never with
//! an error of ours, and the part works in the next event. Which parts there are is read from the code.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use facetbox::{ErrorCode, ExportOptions, Result, Runtime, Stub, Value, ValueMap, WorkerCode};

#[cfg(feature = "quickjs")]
use facetbox::Module;

use crate::support::{app, patch};

/// A part and code that uses it.
type Use = (&'static str, &'static str);

const LUAU: &[Use] = &[
    ("batches", "self.ctx.storage:put('a', 1)"),
    ("console", "console.log({ 1 })"),
    ("context", "self.ctx:waitUntil(7)"),
    ("cursors", "self.ctx.storage.sql:exec('SELECT 1'):one()"),
    ("exports", "local _ = self.ctx.exports.App"),
    ("facets", "self.ctx.facets:list()"),
    ("stubs", "local _ = self.env.LOADER.load"),
    ("timers", "clearTimeout(setTimeout(function() end, 1e6))"),
    ("transactions", "self.ctx.storage:transactionSync(function() end)"),
];

fn luau(code: &str) -> WorkerCode {
    app(&format!(
        "function App:ok() return 1 end
         function App:use() {code} return 1 end
         function App:late(ms)
             local begin = os.clock()
             while os.clock() - begin < ms / 1000 do end
             return self:use()
         end
         function App:deep()
             local used = 0
             local function down() pcall(down) if pcall(self.use, self) then used += 1 end error('deeper', 0) end
             pcall(down)
             return self:use()
         end"
    ))
}

#[cfg(feature = "quickjs")]
const JS: &[Use] = &[
    ("absent", "try { new EventSource(); } catch {}"),
    ("byob", "new ReadableStreamBYOBReader(new ReadableStream({ type: 'bytes' }))"),
    ("capabilities", "[this.env.LOADER]"),
    (
        "ciphers",
        "crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, true, ['encrypt']).catch(() => {})",
    ),
    ("compression", "new CompressionStream('gzip')"),
    ("console", "console.log([1])"),
    ("crypto", "crypto.randomUUID()"),
    ("cursors", "this.ctx.storage.sql.exec('SELECT 1').one()"),
    ("events", "new AbortController().abort()"),
    ("fetch", "new Response('x')"),
    ("forms", "new FormData().append('a', 'b')"),
    ("intl", "new Intl.NumberFormat('en').format(1)"),
    (
        "loaders",
        "this.env.LOADER.load({ mainModule: 'm.js', modules: { 'm.js': '' } }).getEntrypoint()",
    ),
    ("likes", "[].slice.call('ab')"),
    ("lists", "new Uint8Array([1]); [].fill.call({ length: 2 }, 1)"),
    ("locales", "(1).toLocaleString('de')"),
    ("patterns", "new URLPattern({ pathname: '/:a' }).test('http://a/b')"),
    ("pipes", "new TransformStream()"),
    ("references", "/^(\\w+)=\\1/.test('a'.repeat(2000))"),
    ("sets", "new Set([1, 2]).union(new Set([3]))"),
    (
        "signatures",
        "crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign']).catch(() => {})",
    ),
    ("streams", "new ReadableStream()"),
    ("stubs", "this.ctx.exports.default"),
    ("timers", "clearTimeout(setTimeout(() => {}, 1e6))"),
    ("transactions", "this.ctx.storage.transactionSync(() => {})"),
    ("urls", "new URL('http://a/?b').searchParams.get('b')"),
    (
        "weak",
        "new FinalizationRegistry(() => {}).register(this, new WeakRef(this).deref() === this, this)",
    ),
    ("web", "structuredClone([new TextEncoder().encode('a')])"),
];

#[cfg(feature = "quickjs")]
fn js(code: &str) -> WorkerCode {
    let source = format!(
        "import {{ DurableObject }} from 'cloudflare:workers';
         export class App extends DurableObject {{
           ok() {{ return 1; }}
           use() {{ {code}; return 1; }}
           late(ms) {{
             const begin = performance.now();
             while (performance.now() - begin < ms);
             return this.use();
           }}
           deep() {{
             let left = 60; // some of what is used takes much memory
             const down = () => {{ try {{ down(); }} finally {{ if (left-- > 0) try {{ this.use(); }} catch {{}} }} }};
             try {{ down(); }} catch {{}}
             return this.use();
           }}
         }}"
    );
    let modules = vec![("main.js".into(), Module::Js(source))];
    WorkerCode { main_module: "main.js".into(), modules, ..WorkerCode::default() }
}

/// The guests of both languages, one for each part.
fn guests() -> Vec<(String, WorkerCode)> {
    let guests = LUAU.iter().map(|(part, code)| (format!("Luau {part}"), luau(code)));
    #[cfg(feature = "quickjs")]
    let guests =
        guests.chain(JS.iter().map(|(part, code)| (format!("JavaScript {part}"), js(code))));
    guests.collect()
}

fn prelude(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guest").join(path)
}

/// An object that hasn't run yet, with these limits.
fn object<const N: usize>(
    runtime: &Runtime,
    code: &WorkerCode,
    limits: [(&str, i64); N],
    number: i64,
) -> Result<Stub> {
    let mut code = code.clone();
    code.env = ValueMap::from_iter([("LOADER", Value::Loader(runtime.loader()))]);
    let options = ExportOptions { limits: patch(limits)?, ..ExportOptions::default() };
    let class = runtime.loader().load(code)?.get_durable_object_class("App", options);
    Ok(runtime.namespace(&format!("App{number}"), class)?.get_by_name("one"))
}

#[test]
fn each_late_part_has_a_use_here() -> Result<()> {
    let files = std::fs::read_dir(prelude("luau/prelude/late")).unwrap();
    let names: BTreeSet<_> = files
        .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, LUAU.iter().map(|(part, _)| (*part).to_owned()).collect());
    #[cfg(feature = "quickjs")]
    {
        let mut names = BTreeSet::new();
        for file in std::fs::read_dir(prelude("js/prelude")).unwrap() {
            let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for (begin, end) in [("lazily(\"facetbox:", "\""), (" part(\"", "\")")] {
                names.extend(source.split(begin).skip(1).filter_map(|rest| {
                    let name = rest.split_once(end)?.0;
                    name.bytes().all(|byte| byte.is_ascii_lowercase()).then(|| name.to_owned())
                }));
            }
        }
        assert_eq!(names, JS.iter().map(|(part, _)| (*part).to_owned()).collect());
    }
    Ok(())
}

#[test]
fn a_late_part_works_or_ends_at_the_memory_limit() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let mut number = 0;
    for (part, code) in guests() {
        let (mut ended, mut worked) = (0, 0);
        for kib in (1024..4096).step_by(16) {
            number += 1;
            let object = object(&runtime, &code, [("memoryBytes", kib << 10)], number)?;
            if object.call_blocking("ok", vec![]).is_err() {
                continue;
            }
            // The second finds what the first has left, or a fresh guest.
            for _ in 0..2 {
                match object.call_blocking("use", vec![]) {
                    Ok(value) => worked += i32::from(value == Value::Int(1)),
                    Err(error) => {
                        assert_eq!(
                            error.code(),
                            ErrorCode::LimitMemory,
                            "{part}, {kib} KiB: {error:?}"
                        );
                        ended += 1;
                    }
                }
            }
            if worked > 8 {
                break;
            }
        }
        assert!(worked > 8, "{part} works with enough memory; {ended} ended");
    }
    Ok(())
}

#[test]
fn a_late_part_works_or_ends_at_the_limit_of_cpu_time() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let mut number = 0;
    for (part, code) in guests() {
        for tenths in (170..=205).step_by(5) {
            number += 1;
            let object = object(&runtime, &code, [("cpuMs", 20)], number)?;
            let late = object.call_blocking("late", vec![Value::Float(f64::from(tenths) / 10.0)]);
            let late = late.map_err(|error| error.code());
            assert!(
                matches!(late, Ok(Value::Int(1)) | Err(ErrorCode::LimitCpu)),
                "{part}: {late:?}"
            );
            let again = object.call_blocking("use", vec![]).map_err(|error| error.code());
            // The machine may be busy with others.
            assert!(
                matches!(again, Ok(Value::Int(1)) | Err(ErrorCode::LimitCpu)),
                "{part}: {again:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn a_late_part_that_found_no_stack_works_later() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    for (number, (part, code)) in (0..).zip(guests()) {
        let object = object(&runtime, &code, [], number)?;
        for method in ["deep", "use"] {
            assert_eq!(object.call_blocking(method, vec![]), Ok(Value::Int(1)), "{part}, {method}");
        }
    }
    Ok(())
}
