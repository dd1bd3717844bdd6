//! Source that takes long to compile, or is refused because it would.

use facetbox::Module;

/// A module, and what it is.
pub type Source = (&'static str, fn() -> Module);

/// Limit of CPU time for compiling, in milliseconds.
pub const LIMIT_MS: f64 = 5_000.0;

pub const SOURCES: &[Source] = &[
    ("Luau, functions", || luau("function f() end ", 49_000)),
    ("Luau, nested functions", || luau(&("f(function() ".repeat(150) + &"end)".repeat(150)), 320)),
    ("Luau, numbers", || Module::Luau(format!("return {{ {} }}", "1,".repeat(1_000_000)))),
    ("Luau, tables", || {
        Module::Luau(format!("return {{ {} }}", "{ a = 1, b = 2 },".repeat(120_000)))
    }),
    ("Luau, attributes", || luau("@native function f() end ", 49_000)),
    ("Luau, types", || luau(&format!("type T = a{}; ", " | a".repeat(900)), 550)),
    ("Luau, interpolation", || Module::Luau(format!("return {{ {} }}", "`{a}`,".repeat(20_000)))),
    ("Luau, locals", || luau(&format!("do local {}b end ", "a, ".repeat(190)), 3_500)),
    ("Luau, too many names", || {
        Module::Luau((0..100_000).map(|at| format!("n{at} = 1;")).collect())
    }),
    ("JavaScript, scopes", || js("{ let a; () => a }", 60_000)),
    ("JavaScript, private names", || {
        Module::Js(format!(
            "class A {{ {} }}",
            (0..60_000).map(|at| format!("#a{at};")).collect::<String>()
        ))
    }),
    ("JavaScript, imports", || {
        Module::Js((0..60_000).map(|at| format!("import 'm{at}';")).collect())
    }),
    ("JavaScript, a long class of a RegExp", || {
        let class: String =
            (0..300_000).filter_map(|at| char::from_u32(0x4e00 + at * 2 % 20_000)).collect();
        Module::Js(format!("export default /[{class}]/u"))
    }),
    ("JavaScript, brackets", || js(&("(".repeat(500) + "1" + &")".repeat(500) + ";"), 5_000)),
    ("JavaScript, variables", || variables(30_000, "()=>v0;", 40_000)),
    ("JavaScript, variables used often", || variables(4_000, "v0;", 500_000)),
    ("JavaScript, exports", || {
        Module::Js((0..25_000).map(|at| format!("export let v{at};")).collect())
    }),
    ("JavaScript, too many names", || {
        let names: String = (0..60_000).map(|at| format!("let v{at};")).collect();
        Module::Js(names + &"z;".repeat(500_000))
    }),
];

fn variables(count: usize, part: &str, times: usize) -> Module {
    let names: Vec<_> = (0..count).rev().map(|at| format!("v{at}")).collect();
    Module::Js(format!("let {};{}", names.join(","), part.repeat(times)))
}

fn luau(part: &str, count: usize) -> Module {
    Module::Luau(part.repeat(count))
}

fn js(part: &str, count: usize) -> Module {
    Module::Js(part.repeat(count))
}
