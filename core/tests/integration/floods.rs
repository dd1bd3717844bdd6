//! Names and texts that were chosen to have one hash in an engine, which looks up each among all of them, and source that takes the
//! square of its length: what takes long by that ends, too.

use std::time::Instant;

use facetbox::{ErrorCode, Module, Result, Value, WorkerCode};

use crate::support::{app, own, runtime_with};

/// Parts of five characters: texts of one of each, in this order, have one hash in Luau.
const PARTS: [&str; 3] = [
    "50t3aw2t3aV3t3aY-t3aznv3aYov3awpv3aVqv3a5rv3aYNw3azOw3aVPw3awQw3a5Sw3a5Np4aVOp4awPp4aYQp4azRp4a5mq4awoq4aVpq4azqq4aYrq4a50U4aw2U4aV3U4aY-U4aYNV4azOV4aVPV4awQV4a\
     5SV4aznW4aYoW4awpW4aVqW4a5rW4a5mM-awoM-aVpM-azqM-aYrM-a5NN-aVON-awPN-aYQN-azRN-azn7-aYo7-awp7-aVq7-a5r7-aYN8-azO8-aVP8-awQ8-a5S8-a509-aw29-aV39-aY-9-a5NpNZVOpNZ",
    "CaA3aofB3aNgB3a-hB3aCAB3a3uC3aTvC3aoEC3a-GC3aNHC3aTWD3a3XD3anZD3a37E3aT8E3an9E3aT0V3a31V3aT074a3174a37g6aT8g6an9g6aTWh6a3Xh6anZh6a3ui6aTvi6aoEi6a-Gi6aNHi6aofj6a\
     Ngj6a-hj6aCAj6aCak6aT0v6a31v6aCaAqcofBqcNgBqc-hBqcCABqc3uCqcTvCqcoECqc-GCqcNHCqcTWDqc3XDqcnZDqc37EqcT8Eqcn9EqcT0Vqc31VqcT07rc317rc37gxcT8gxcn9gxcTWhxc3XhxcnZhxc",
    "-i68aLj68aok68a2M68aQN68atO68aQm78a2n78atp78aoM98aLN98a-O98aQmV9a2nV9atpV9a-iW9aLjW9aokW9a2MW9aQNW9atOW9aoMX9aLNX9a-OX9a2ptAbQqtAbtrtAb-TtAbLUtAboVtAbLtuAb-uuAb\
     owuAb2-vAbtLwAbQMwAb2NwAbo8wAbL9wAboMwBbLNwBb-OwBbQmyBb2nyBbtpyBb-izBbLjzBbokzBb2MzBbQNzBbtOzBboMXCbLNXCb-OXCb-iYCbLjYCbokYCb2MYCbQNYCbtOYCbQmZCb2nZCbtpZCbQmVXb",
];

/// Texts of one hash.
fn flood() -> Vec<Value> {
    let parts =
        PARTS.map(|parts| parts.as_bytes().chunks(5).map(|part| str::from_utf8(part).unwrap()));
    let [first, middle, last] = parts;
    let texts = first.flat_map(|a| {
        let last = last.clone();
        middle
            .clone()
            .flat_map(move |b| last.clone().map(move |c| Value::from(format!("{a}{b}{c}"))))
    });
    texts.collect()
}

/// A call of a method ends at the limit of CPU time, and not much later.
fn ends(source: &str, method: &str, args: Vec<Value>) -> Result<()> {
    let runtime = runtime_with([("cpuMs", 200), ("wallMs", 60_000)])?;
    let stub = own(&runtime, app(source))?;
    let begun = Instant::now();
    let error = stub.call_blocking(method, args).unwrap_err();
    assert_eq!(error.code(), ErrorCode::LimitCpu, "{error:?}");
    assert!(begun.elapsed().as_secs() < 20, "it took {:?}", begun.elapsed());
    Ok(())
}

#[test]
fn arguments_of_one_hash_end_at_the_limit_of_cpu_time() -> Result<()> {
    let all = flood();
    assert_eq!(all.len(), 262_144);
    ends("function App:take(list) return #list end", "take", vec![Value::List(all)])
}

#[test]
fn a_text_is_split_until_the_limit_of_cpu_time() -> Result<()> {
    let all: Vec<_> = flood().iter().map(|text| text.as_str().unwrap().to_owned()).collect();
    let source = "function App:split(text) return #string.split(text, ',') end";
    ends(source, "split", vec![all.join(",").into()])
}

#[test]
fn a_text_is_split_as_ever() -> Result<()> {
    let runtime = runtime_with([])?;
    let source = "function App:run()
            local long, seen = string.rep('a,b;', 2000), {}
            for _, separator in { ',', ';', ',b;a', '', 'x', 5 } do
                local short, parts = string.split(string.rep('a,b;', 3), separator), string.split(long, separator)
                for at = 1, #short - 1 do assert(parts[at] == short[at] or #short == 1, separator) end
                table.insert(seen, #parts)
                assert(table.concat(parts, separator) == long)
            end
            table.insert(seen, #string.split(long))
            table.insert(seen, tostring(pcall(string.split, long, {})))
            table.insert(seen, tostring(pcall(string.unpack, string.rep('z', 65), string.rep('\\0', 65))))
            table.insert(seen, #{ string.unpack(string.rep('z', 64), string.rep('\\0', 64)) })
            return json.encode(seen)
        end";
    let seen = own(&runtime, app(source))?.call_blocking("run", vec![])?;
    assert_eq!(seen, "[2001,2001,2000,8000,1,1,2001,\"false\",\"false\",65]".into());
    Ok(())
}

/// What loading a main module says.
fn refused(module: Module) -> Result<String> {
    let runtime = runtime_with([])?;
    let modules = vec![("main".into(), module)];
    let code = WorkerCode { main_module: "main".into(), modules, ..WorkerCode::default() };
    let error = own(&runtime, code).and_then(|stub| stub.call_blocking("x", vec![])).unwrap_err();
    assert_eq!((error.code(), error.name()), (ErrorCode::LoadError, "RangeError"), "{error:?}");
    Ok(error.message().to_owned())
}

#[test]
fn source_that_would_take_long_is_not_compiled() -> Result<()> {
    let names: String = (0..30_000).map(|at| format!("n{at} = 1;")).collect();
    let words: Vec<_> =
        flood().iter().map(|text| text.as_str().unwrap().replace('-', "_")).collect();
    for (source, part) in [
        ("function f() end ".repeat(60_000), "60000 functions"),
        (names, "different names"),
        (" ".repeat(3 << 20), "3145728 bytes"),
        (format!("return {{ '{}' }}", words[..30_000].join("','")), "different names"),
    ] {
        let message = refused(Module::Luau(source))?;
        assert!(message.contains(part) && message.starts_with("Module \"main\" has"), "{message}");
    }
    // Few enough to be compiled, but not to be loaded.
    let few: Vec<_> =
        flood().iter().take(15_000).map(|text| format!("'{}'", text.as_str().unwrap())).collect();
    let message = refused(Module::Luau(format!("return {{ {} }}", few.join(","))))?;
    assert!(message.contains("in one place"), "{message}");
    Ok(())
}

#[cfg(feature = "quickjs")]
#[test]
fn scripts_that_would_take_long_are_neither_compiled_nor_evaluated() -> Result<()> {
    let names: String = (0..60_000).map(|at| format!("let v{at};")).collect();
    let message = refused(Module::Js(names + &"z;".repeat(200_000)))?;
    assert!(message.contains("is too long to be compiled"), "{message}");
    let message = refused(Module::Js(format!("export default {}n", "7".repeat(50_000))))?;
    assert!(message.contains("BigInt of more than"), "{message}");
    let of_one_hash: String = (0..20_000_u32)
        .map(|at| {
            let (a, b) = (at % 180, at / 180);
            let units = [0x1000 + a, 0xc000 - 263 * a + b, 0xc000 - 263 * b];
            let name: String =
                units.into_iter().map(|unit| char::from_u32(unit).unwrap()).collect();
            format!("'{name}':1,")
        })
        .collect();
    let message = refused(Module::Js(format!("export default {{ {of_one_hash} }}")))?;
    assert!(message.contains("in one place"), "{message}");

    let source = "import { DurableObject } from 'cloudflare:workers';
        export class App extends DurableObject {
          run() {
            const long = Array.from({ length: 60_000 }, (_, at) => `let v${at};`).join('') + 'z;'.repeat(200_000);
            const seen = [];
            for (const run of [() => eval(long), () => (0, eval)(long), () => new Function(long), () => eval('7'.repeat(50_000) + 'n')]) {
              try { run(); } catch (error) { seen.push(error instanceof RangeError && error.message.startsWith('What is evaluated ')); }
            }
            let local = 40;
            return [...seen, eval('local + 2'), new Function('a', 'return a')(7)].join();
          }
        }";
    let modules = vec![("main.js".into(), Module::Js(source.into()))];
    let code = WorkerCode { main_module: "main.js".into(), modules, ..WorkerCode::default() };
    let answer = own(&runtime_with([])?, code)?.call_blocking("run", vec![])?;
    assert_eq!(answer, "true,true,true,true,42,7".into());
    Ok(())
}

/// Calls a method until that ends the guest because of its names, each time with plenty of CPU time. Answers how many names
/// it had at the end of the call before.
fn ends_with_names(code: WorkerCode, method: &str, args: Vec<Value>) -> Result<i64> {
    let runtime = runtime_with([("cpuMs", 60_000), ("wallMs", 120_000)])?;
    let stub = own(&runtime, code)?;
    let mut names = 0;
    loop {
        match stub.call_blocking(method, args.clone()) {
            Ok(Value::Int(count)) => names = count,
            Ok(other) => panic!("{method}: {other:?}"),
            Err(error) => {
                assert_eq!(error.code(), ErrorCode::LimitCpu, "{method}: {error:?}");
                assert!(error.message().contains("have one hash"), "{method}: {error:?}");
                return Ok(names);
            }
        }
        assert!(names < 50_000, "{method}: {names} names");
    }
}

#[test]
fn a_guest_ends_whose_texts_have_one_hash_however_slowly_it_makes_them() -> Result<()> {
    let source = "
        local all, at = {}, 0
        local function text(first, middle, last)
            local a, b, c = at % 64 * 5, at // 64 % 64 * 5, at // 4096 * 5
            at += 1
            return string.sub(first, a + 1, a + 5) .. string.sub(middle, b + 1, b + 5) .. string.sub(last, c + 1, c + 5)
        end
        function App:some(...) for _ = 1, 500 do table.insert(all, text(...)) end return #all end
        function App:many(...) for _ = 1, 1e5 do table.insert(all, text(...)) end return #all end
        function App:split(joined) return #string.split(joined, ',') end
        function App:take(list) return #list end";
    let parts = PARTS.map(Value::from).to_vec();
    let names = ends_with_names(app(source), "some", parts.clone())?;
    assert!((3_500..15_000).contains(&names), "{names} names");
    let flood = flood();
    let texts: Vec<_> = flood.iter().filter_map(Value::as_str).collect();
    let joined = vec![texts.join(",").into()];
    for (method, args) in [("many", parts), ("split", joined), ("take", vec![Value::List(flood)])] {
        assert_eq!(ends_with_names(app(source), method, args)?, 0);
    }
    Ok(())
}

#[cfg(feature = "quickjs")]
#[test]
fn a_guest_ends_whose_names_have_one_hash_however_slowly_it_makes_them() -> Result<()> {
    let source = "import { DurableObject } from 'cloudflare:workers';
        const all = {};
        let at = 0;
        const name = () => {
          const [a, b, c] = [at % 180, Math.floor(at / 180) % 180, Math.floor(at++ / 32400)];
          return String.fromCharCode(0x1000 + a, 0xc000 - 263 * a + b, 0xc000 - 263 * b + c, 0xc000 - 263 * c);
        };
        const names = (count) => Array.from({ length: count }, name);
        export class App extends DurableObject {
          some() { for (let i = 0; i < 500; i++) all[name()] = 1; return at; }
          many() { for (let i = 0; i < 1e5; i++) all[name()] = 1; return at; }
          symbols() { for (let i = 0; i < 1e5; i++) all[i] = Symbol.for(name()); return at; }
          entries() { return Object.keys(Object.fromEntries(names(1e5).map((name) => [name, 1]))).length; }
          parse() { return Object.keys(JSON.parse('{' + names(1e5).map((name) => `\"${name}\":1`) + '}')).length; }
        }";
    let code = || {
        let modules = vec![("main.js".into(), Module::Js(source.into()))];
        WorkerCode { main_module: "main.js".into(), modules, ..WorkerCode::default() }
    };
    let names = ends_with_names(code(), "some", vec![])?;
    assert!((3_500..15_000).contains(&names), "{names} names");
    for method in ["many", "symbols", "entries", "parse"] {
        assert_eq!(ends_with_names(code(), method, vec![])?, 0);
    }
    Ok(())
}
