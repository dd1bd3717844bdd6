//! Names of methods as the engine has them.

use std::cell::RefCell;

use rquickjs::Ctx;

use super::give::Name;

/// Names kept for later calls, and how long they are at most; callers may send any.
const KEPT: usize = 32;
const LONGEST: usize = 64;

/// Names that were made before. They are the engine's own of properties, which it looks up without reading them.
#[derive(Default)]
pub(super) struct Names<'js>(RefCell<Vec<(Box<str>, Name<'js>)>>);

impl<'js> Names<'js> {
    /// The name, made once for all calls of its method.
    pub fn of(&self, ctx: &Ctx<'js>, name: &str) -> rquickjs::Result<Name<'js>> {
        let known = |names: &Vec<(Box<str>, Name<'js>)>| {
            let known = names.iter().find(|(known, _)| **known == *name);
            known.map(|(_, name)| name.clone())
        };
        if let Some(name) = known(&self.0.borrow()) {
            return Ok(name);
        }
        let made = Name::of_text(ctx, name)?;
        let mut names = self.0.borrow_mut();
        if names.len() < KEPT && name.len() <= LONGEST {
            names.push((name.into(), made.clone()));
        }
        Ok(made)
    }
}
