//! What authors of guests read.

use std::mem::MaybeUninit;

use facetbox::{guest_guide, guest_types};

use crate::error::facetbox_error_t;
use crate::guard::guard;
use crate::handle::write;
use crate::slice::facetbox_str_t;
use crate::value::facetbox_value_t;

/// Writes a guide for authors of guests into `*out`: text in Markdown, which doubles as a prompt for a
/// model that writes guests. `language` is "luau" or "js". With `env`, the map that the guests will get, a
/// section names each entry and how it is used, without values.
///
/// Fails with INVALID_ARGUMENT for another language.
///
/// Owns: the caller, `*out`; `env` is borrowed.
/// Null: NULL `env` leaves the section out.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_guest_guide(
    language: facetbox_str_t,
    env: Option<&facetbox_value_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let env = facetbox_value_t::map(env, "env")?;
        let text = guest_guide(language.read("language")?, env.as_ref())?;
        write(out, facetbox_value_t::boxed(text))
    })
}

/// Writes the types of what guests in `language` ("luau" or "js") find into `*out`: the text of a
/// `.d.luau` or `.d.ts` file.
///
/// Fails with INVALID_ARGUMENT for another language.
///
/// Owns: the caller, `*out`.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_guest_types(
    language: facetbox_str_t,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| write(out, facetbox_value_t::boxed(guest_types(language.read("language")?)?)))
}
