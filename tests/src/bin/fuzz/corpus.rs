//! Where mutation begins: the files of tests/fuzz, the guests and statements of the conformance vectors, the example guests.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::Outcome;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The seeds of a target, in a stable order.
pub fn load(name: &str) -> Outcome<Vec<Vec<u8>>> {
    let mut seeds = files(&root().join("tests/fuzz").join(name), |_| true)?;
    match name {
        "luau" | "js" => {
            seeds.extend(files(&root().join("examples/guest"), |path| {
                path.extension().is_some_and(|extension| extension == name)
            })?);
            seeds.extend(from_vectors(|case| {
                case[name].as_str().map(str::to_owned).into_iter().collect()
            })?);
        }
        "sql" => seeds.extend(from_vectors(statements)?),
        _ => {}
    }
    Ok(seeds)
}

fn files(dir: &Path, wanted: impl Fn(&Path) -> bool) -> Outcome<Vec<Vec<u8>>> {
    let failed = |e: std::io::Error| format!("{}: {e}", dir.display());
    let entries = std::fs::read_dir(dir).map_err(failed)?;
    let mut paths: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    paths.retain(|path| wanted(path));
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).map_err(failed)).collect()
}

/// Texts that `take` finds in the cases of all vectors, each once.
fn from_vectors(take: impl Fn(&Json) -> Vec<String>) -> Outcome<Vec<Vec<u8>>> {
    let mut texts = Vec::new();
    for folder in ["tests/conformance", "tests/conformance/attacks"] {
        let json = |path: &Path| path.extension().is_some_and(|extension| extension == "json");
        for file in files(&root().join(folder), json)? {
            let cases: Vec<Json> = serde_json::from_slice(&file).map_err(|e| e.to_string())?;
            texts.extend(cases.iter().flat_map(&take));
        }
    }
    texts.sort();
    texts.dedup();
    Ok(texts.into_iter().map(String::into_bytes).collect())
}

/// Arguments of a case's steps that look like SQL.
fn statements(case: &Json) -> Vec<String> {
    const VERBS: [&str; 12] = [
        "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "PRAGMA", "WITH",
        "ATTACH", "VACUUM", "REPLACE",
    ];
    let steps = case["steps"].as_array().into_iter().flatten();
    let args = steps.filter_map(|step| step["args"].as_array()).flatten();
    let texts = args.flat_map(|arg| match arg {
        Json::Array(items) => items.iter().collect(),
        other => vec![other],
    });
    let is_sql = |text: &&str| {
        let first = text.split_whitespace().next().unwrap_or_default().to_uppercase();
        VERBS.contains(&first.as_str())
    };
    texts.filter_map(Json::as_str).filter(is_sql).map(str::to_owned).collect()
}
