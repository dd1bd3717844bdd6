//! `include/facetbox.h` is made from the sources and says what they say.
//!
//! With `FACETBOX_UPDATE_HEADER` set (`make header`), the header is written instead of compared.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use facetbox::ErrorCode;

/// In the order in which a reader of the header meets them.
const SOURCES: [&str; 31] = [
    "slice",
    "error",
    "value",
    "value_read",
    "value_capability",
    "headers",
    "request",
    "response",
    "value_message",
    "callback",
    "class",
    "clock",
    "options",
    "runtime",
    "metrics",
    "namespace",
    "object_id",
    "objects",
    "cancel",
    "value_call",
    "revoker",
    "stub",
    "loader",
    "worker_code",
    "worker",
    "deployment",
    "operations",
    "guide",
    "ctx",
    "facets",
    "storage",
];
const LAST: &str = "sql";

const TITLE: &str = "/* facetbox.h: made from bindings-c/src by `make header`. */";

const VERSION: &str =
    "/// The version of this header; `facetbox_version()` is that of the library.";

const ABI: &str = "/// The version of the ABI that this header describes; `facetbox_abi_version()` is that of the library.
/// Programs work with every library that has the same one.";

const TRAILER: &str = "
/// Text of a C string, which it borrows.
static inline facetbox_str_t facetbox_str(const char *text) {
    facetbox_str_t str;
    str.data = text;
    str.len = text == NULL ? 0 : strlen(text);
    return str;
}

#endif /* FACETBOX_H */
";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn header_path() -> PathBuf {
    root().join("../include/facetbox.h")
}

fn generate() -> String {
    let mut config = cbindgen::Config::from_file(root().join("cbindgen.toml")).unwrap();
    let intro = fs::read_to_string(root().join("header_intro.h")).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    config.header = Some(format!(
        "{TITLE}

{intro}
#ifndef FACETBOX_H
#define FACETBOX_H"
    ));
    let abi = env!("FACETBOX_ABI");
    config.after_includes = Some(format!(
        "
{VERSION}
#define FACETBOX_VERSION \"{version}\"

{ABI}
#define FACETBOX_ABI_VERSION {abi}"
    ));
    config.trailer = Some(TRAILER.to_owned());
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in SOURCES.into_iter().chain([LAST]) {
        builder = builder.with_src(root().join(format!("src/{source}.rs")));
    }
    let mut text = Vec::new();
    builder.generate().unwrap().write(&mut text);
    String::from_utf8(text).unwrap()
}

#[test]
fn the_committed_header_is_up_to_date() {
    let text = generate();
    if std::env::var_os("FACETBOX_UPDATE_HEADER").is_some() {
        return fs::write(header_path(), text).unwrap();
    }
    let committed = fs::read_to_string(header_path()).unwrap();
    assert!(committed == text, "include/facetbox.h is out of date; run `make header`");
}

#[test]
fn the_header_has_every_error_code_of_core() {
    let header = generate();
    let codes = header.lines().filter_map(|line| {
        let (name, number) = line.trim().strip_prefix("FACETBOX_ERR_")?.split_once(" = ")?;
        Some((number.trim_end_matches(',').parse().unwrap(), name.to_owned()))
    });
    let codes: BTreeMap<i32, String> = codes.collect();
    let core = ErrorCode::ALL.iter().map(|code| (*code as i32, code.name().to_owned()));
    assert_eq!(codes, core.collect());
}

/// The text of every extern function of the sources, from its name to the end of its body.
fn extern_functions() -> Vec<String> {
    let mut functions = Vec::new();
    for entry in fs::read_dir(root().join("src")).unwrap() {
        let source = fs::read_to_string(entry.unwrap().path()).unwrap();
        for part in source.split("#[unsafe(no_mangle)]\n").skip(1) {
            let end = part.find("\n}\n").expect("a function ends");
            functions.push(part[..end].to_owned());
        }
    }
    functions
}

fn name(function: &str) -> &str {
    let start = function.strip_prefix("pub extern \"C\" fn ").expect("an extern function");
    &start[..start.find('(').unwrap()]
}

#[test]
fn every_extern_function_is_guarded() {
    let functions = extern_functions();
    assert!(functions.len() > 100, "found only {} functions", functions.len());
    for function in &functions {
        let body = function.split_once("{\n").expect("a body").1;
        // What may stand before the guard: names, and taking over the data of a callback.
        let mut statements = body.split(";\n").map(str::trim_start).skip_while(|statement| {
            let data =
                statement.starts_with("let data = ") && statement.contains("ForeignData::new(");
            data || statement.starts_with("const ") || statement.starts_with("use ")
        });
        let first = statements.next().unwrap_or_default();
        assert!(first.starts_with("guard("), "{} has no guard", name(function));
    }
}

/// The comment before the declaration of `name` in the header.
fn comment_of<'a>(header: &'a str, name: &str) -> Vec<&'a str> {
    let call = format!("{name}(");
    let lines: Vec<&str> = header.lines().collect();
    let declares = |line: &&str| {
        !line.starts_with("//") && !line.starts_with(['#', ' ']) && line.contains(&call)
    };
    let at = lines.iter().position(declares).unwrap_or_else(|| panic!("{name} is missing"));
    let comment = lines[..at].iter().rev().take_while(|line| line.starts_with("//"));
    comment.copied().collect()
}

#[test]
fn every_extern_function_says_who_owns_what_and_which_threads_may_call_it() {
    let header = generate();
    for function in extern_functions() {
        let name = name(&function);
        let comment = comment_of(&header, name);
        let says = |what| comment.iter().any(|line| line.starts_with(what));
        assert!(says("/// Threads: "), "{name} doesn't say on which threads it may be called");
        let hands_out =
            function.contains("MaybeUninit<Box") || function.contains("MaybeUninit<Option");
        assert!(!hands_out || says("/// Owns: "), "{name} doesn't say who owns what it gives");
    }
}

#[test]
fn raw_pointers_are_touched_in_three_files_only() {
    for entry in fs::read_dir(root().join("src")).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap();
        let code = fs::read_to_string(&path).unwrap().replace("#[unsafe(no_mangle)]", "");
        let allowed = ["handle.rs", "slice.rs", "callback.rs"].contains(&file);
        assert!(allowed || !code.contains("unsafe "), "{file} has unsafe code");
    }
}
