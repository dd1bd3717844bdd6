//! What authors of guests read: a guide that doubles as a prompt, and type files.

use crate::error::{Error, Result};
use crate::value::{Value, ValueMap};

struct Guide {
    text: &'static str,
    types: &'static str,
    /// How guest code spells its env, and what stands between an object and its method.
    env: &'static str,
    dot: &'static str,
    awaits: &'static str,
}

const LUAU: Guide = Guide {
    text: include_str!("../guides/luau.md"),
    types: include_str!("../guides/guest.d.luau"),
    env: "self.env",
    dot: ":",
    awaits: "",
};

const JAVASCRIPT: Guide = Guide {
    text: include_str!("../guides/javascript.md"),
    types: include_str!("../guides/guest.d.ts"),
    env: "this.env",
    dot: ".",
    awaits: "await ",
};

impl Guide {
    fn of(language: &str) -> Result<&'static Guide> {
        match language {
            "luau" => Ok(&LUAU),
            "js" => Ok(&JAVASCRIPT),
            other => Err(Error::type_error(format!(
                "There are guides for \"luau\" and \"js\", not for {other:?}."
            ))),
        }
    }

    /// One line for an entry of env: how it is used.
    fn entry(&self, name: &str, value: &Value) -> String {
        let Guide { env, dot, awaits, .. } = self;
        let place = format!("{env}.{name}");
        match value {
            Value::Function(_) => {
                format!("- `{awaits}{place}(...)`: a function of the host program.\n")
            }
            Value::Object(_) => {
                format!(
                    "- `{awaits}{place}{dot}method(...)`: an object of the host program with methods.\n"
                )
            }
            Value::Stub(_) => format!(
                "- `{awaits}{place}{dot}method(...)`, `{awaits}{place}{dot}fetch(request)`: another object or service.\n"
            ),
            Value::Namespace(_) => {
                format!("- `{place}{dot}getByName(name)`: a namespace of objects; gives a stub.\n")
            }
            Value::Loader(_) => {
                format!("- `{place}`: loads code, to be run as facets of this app.\n")
            }
            Value::Class(_) => format!("- `{place}`: a class, to be run as a facet of this app.\n"),
            plain => format!("- `{place}`: a value ({}).\n", plain.type_name()),
        }
    }
}

/// How to write a guest in `language` ("luau" or "js"), in Markdown: for people, and as a prompt for a
/// model that writes guests. With `env`, a section names what the guest finds there, without values.
///
/// # Errors
/// INVALID_ARGUMENT for another language.
pub fn guest_guide(language: &str, env: Option<&ValueMap>) -> Result<String> {
    let guide = Guide::of(language)?;
    let mut text = guide.text.to_owned();
    if let Some(env) = env {
        text.push_str(&format!("\n## What `{}` holds here\n\n", guide.env));
        if env.is_empty() {
            text.push_str("Nothing.\n");
        }
        for (name, value) in env.iter() {
            text.push_str(&guide.entry(name, value));
        }
    }
    Ok(text)
}

/// The types of what a guest in `language` ("luau" or "js") finds: a `.d.luau` or `.d.ts` file.
///
/// # Errors
/// INVALID_ARGUMENT for another language.
pub fn guest_types(language: &str) -> Result<&'static str> {
    Guide::of(language).map(|guide| guide.types)
}
