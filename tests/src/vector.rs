//! The vectors as they stand in the files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use facetbox::Value;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// A guest language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guest {
    /// Luau, main module `main.luau`.
    Luau,
    /// JavaScript, main module `main.js`.
    Js,
}

impl Guest {
    /// The language called `luau` or `js`.
    pub fn from_name(name: &str) -> Option<Guest> {
        [Guest::Luau, Guest::Js].into_iter().find(|guest| guest.name() == name)
    }

    /// Its name in the vectors and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Guest::Luau => "luau",
            Guest::Js => "js",
        }
    }
}

/// Guest code and the steps it must pass.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Unique among all files.
    pub name: String,
    /// The part of the product it belongs to.
    pub area: String,
    /// Where the expected values come from: `workerd` or `spec`.
    pub checked: String,
    /// Why an expectation differs from workerd's answer, or what an attack tries.
    pub why: Option<String>,
    /// Names of the attacks that the case stands for.
    #[serde(default)]
    pub refs: Vec<String>,
    luau: Option<String>,
    js: Option<String>,
    /// Further modules, as in WorkerCode.
    #[serde(default, deserialize_with = "value")]
    pub modules: Value,
    /// Whether the class is a namespace's class itself instead of a facet's.
    #[serde(default)]
    pub supervisor: bool,
    /// The namespace it runs in.
    pub namespace: Option<String>,
    /// Values in the guest's env.
    #[serde(default, deserialize_with = "value")]
    pub env: Value,
    /// The class's props.
    #[serde(default, deserialize_with = "value")]
    pub props: Value,
    /// The code's limits.
    #[serde(default, deserialize_with = "value")]
    pub limits: Value,
    /// What is done, in order.
    pub steps: Vec<Step>,
}

impl Case {
    /// The main module in this language; `None` where the case is another language's alone.
    pub fn code(&self, guest: Guest) -> Option<&str> {
        match guest {
            Guest::Luau => self.luau.as_deref(),
            Guest::Js => self.js.as_deref(),
        }
    }
}

/// One thing that is done, to whom, and how it must end.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawStep")]
pub struct Step {
    /// The object; by default the case's name.
    pub object: Option<String>,
    /// The facet.
    pub facet: String,
    /// What is done.
    pub action: Action,
    /// How it must end.
    pub expect: Expect,
    /// An error that it may end with instead.
    pub or_throws: Option<Throws>,
    /// How long it may take, in milliseconds.
    pub max_ms: Option<u64>,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Action {
    /// Calls a method.
    Call {
        /// The method.
        method: String,
        /// Its arguments.
        args: Vec<Value>,
    },
    /// Sends a request.
    Fetch(FetchSpec),
    /// Closes the runtime and opens it again.
    Restart,
    /// Aborts the facet with a reason.
    Abort(String),
    /// Deletes the facet.
    Delete,
    /// Waits so many milliseconds.
    Wait(u64),
}

/// How a step must end.
#[derive(Clone, Debug)]
pub enum Expect {
    /// Without an error.
    Success,
    /// With this value.
    Returns(Value),
    /// With one of these values.
    ReturnsAny(Vec<Value>),
    /// With this response.
    Response(ExpectedResponse),
    /// With this error.
    Throws(Throws),
}

/// A request.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FetchSpec {
    /// GET and so on.
    pub method: String,
    /// The absolute URL.
    pub url: String,
    /// Header fields.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A body of text.
    pub body: Option<String>,
}

/// What is compared of a response: what is given here.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedResponse {
    /// The status code.
    pub status: Option<u16>,
    /// Header fields that must be among the response's.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body as text.
    pub body: Option<String>,
}

/// What is compared of an error: what is given here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Throws {
    /// The exact name.
    pub name: Option<String>,
    /// The exact message.
    pub message: Option<String>,
    /// A part of the message; empty for any.
    pub message_contains: Option<String>,
    /// The code's name.
    pub code: Option<String>,
    /// Names of codes, of which it must have one.
    pub code_any: Option<Vec<String>>,
    /// Any error at all.
    #[serde(default)]
    pub any: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    object: Option<String>,
    facet: Option<String>,
    call: Option<String>,
    #[serde(default, deserialize_with = "value")]
    args: Value,
    fetch: Option<FetchSpec>,
    restart: Option<Restart>,
    abort: Option<String>,
    delete: Option<bool>,
    wait_ms: Option<u64>,
    #[serde(default, deserialize_with = "present")]
    returns: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    returns_any: Option<Value>,
    response: Option<ExpectedResponse>,
    throws: Option<Throws>,
    or_throws: Option<Throws>,
    max_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Restart {
    Runtime,
}

/// Reads a value with the spellings for what JSON lacks.
fn value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    let json = serde_json::Value::deserialize(deserializer)?;
    Value::from_json(&json.to_string()).map_err(D::Error::custom)
}

/// Tells a null that is there from an absent value.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    value(deserializer).map(Some)
}

impl TryFrom<RawStep> for Step {
    type Error = String;

    fn try_from(raw: RawStep) -> Result<Step, String> {
        let args = match raw.args {
            Value::Null => Vec::new(),
            Value::List(args) => args,
            other => return Err(format!("args must be a list, not {}", other.type_name())),
        };
        let actions = [
            raw.call.map(|method| Action::Call { method, args }),
            raw.fetch.map(Action::Fetch),
            raw.restart.map(|Restart::Runtime| Action::Restart),
            raw.abort.map(Action::Abort),
            raw.delete.map(|_| Action::Delete),
            raw.wait_ms.map(Action::Wait),
        ];
        let any = match raw.returns_any {
            None => None,
            Some(Value::List(any)) => Some(any),
            Some(other) => {
                return Err(format!("returns_any must be a list, not {}", other.type_name()));
            }
        };
        let expectations = [
            raw.returns.map(Expect::Returns),
            any.map(Expect::ReturnsAny),
            raw.response.map(Expect::Response),
            raw.throws.map(Expect::Throws),
        ];
        Ok(Step {
            object: raw.object,
            facet: raw.facet.unwrap_or_else(|| "app".into()),
            action: only(actions)?.ok_or("a step does nothing")?,
            expect: only(expectations)?.unwrap_or(Expect::Success),
            or_throws: raw.or_throws,
            max_ms: raw.max_ms,
        })
    }
}

/// The only member that is there, if one is.
fn only<T, const N: usize>(options: [Option<T>; N]) -> Result<Option<T>, String> {
    let mut given = options.into_iter().flatten();
    let first = given.next();
    match given.next() {
        None => Ok(first),
        Some(_) => Err("a step has two actions or two expectations".into()),
    }
}

/// Reads a file of cases, or every `*.json` file of a directory in order of name.
///
/// # Errors
/// What can't be read or isn't in the format, with the file's name.
pub fn read_cases(path: &Path) -> Result<Vec<(PathBuf, Case)>, String> {
    let mut cases = Vec::new();
    for file in files(path).map_err(|error| format!("{}: {error}", path.display()))? {
        let read = fs::read_to_string(&file).map_err(|error| error.to_string());
        let parsed = read.and_then(|text| {
            serde_json::from_str::<Vec<Case>>(&text).map_err(|error| error.to_string())
        });
        let parsed = parsed.map_err(|error| format!("{}: {error}", file.display()))?;
        cases.extend(parsed.into_iter().map(|case| (file.clone(), case)));
    }
    Ok(cases)
}

fn files(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        files.push(entry?.path());
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(text: &str) -> Result<Step, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn an_expected_null_differs_from_no_expectation() {
        let expect = |text| step(text).unwrap().expect;
        assert!(matches!(expect(r#"{"call": "f"}"#), Expect::Success));
        assert!(matches!(
            expect(r#"{"call": "f", "returns": null}"#),
            Expect::Returns(Value::Null)
        ));
    }

    #[test]
    fn what_the_format_lacks_is_refused_instead_of_ignored() {
        for text in [
            r#"{"call": "f", "retruns": 1}"#,
            r#"{"call": "f", "throws": {"kode": "X"}}"#,
            r#"{"call": "f", "wait_ms": 1}"#,
            r#"{"call": "f", "returns": 1, "throws": {}}"#,
            r#"{"restart": "machine"}"#,
            r#"{"returns": 1}"#,
        ] {
            assert!(step(text).is_err(), "{text}");
        }
    }
}
