//! What authors of guests read.

use pyo3::prelude::*;

use crate::aio::Home;
use crate::error::Result;
use crate::from_python;

/// How to write a guest in `language` ("luau" or "js"), in Markdown: for people, and as a prompt for a
/// model that writes guests. With `env`, a section names what the guest finds there, without values.
///
/// Raises InvalidArgument for another language.
#[pyfunction]
#[pyo3(signature = (language, env=None))]
pub fn guest_guide(language: &str, env: Option<&Bound<'_, PyAny>>) -> Result<String> {
    let env = env.map(|env| from_python::env(env, &Home::Caller)).transpose()?;
    Ok(facetbox::guest_guide(language, env.as_ref())?)
}

/// The types of what a guest in `language` ("luau" or "js") finds: a `.d.luau` or `.d.ts` file.
///
/// Raises InvalidArgument for another language.
#[pyfunction]
pub fn guest_types(language: &str) -> Result<&'static str> {
    Ok(facetbox::guest_types(language)?)
}
