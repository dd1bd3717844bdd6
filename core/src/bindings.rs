//! Bindings: what code is given in its `env` to call, and how often an event has called each.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use crate::actor::Event;
use crate::loader::{Loader, Outbound, Outside};
use crate::rpc::{HostFunction, HostObject};
use crate::stub::Stub;
use crate::value::{Value, ValueMap};

/// The most bindings of one `env` that are counted by their names.
const MAX_BINDINGS: usize = 256;
/// The most names that are kept of one event, and of one runtime. Calls of others count as `OTHERS`.
const MAX_NAMES: usize = 256;
/// The longest name of a method that is kept: it is the guest's to choose.
const MAX_METHOD: usize = 64;
/// What a request of `fetch()` counts as.
const OUTBOUND: &str = "globalOutbound";
/// What calls count as that are one name too many.
const OTHERS: &str = "(others)";

/// How often a binding was called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingCalls {
    /// The path to the binding in `env`, such as `AI` or `tools.search`; for an object of the host followed by the method,
    /// such as `STORE.get`; `globalOutbound` for `fetch()`. Calls of more than 256 names together count as
    /// `(others)`.
    pub name: String,
    /// How often.
    pub calls: u64,
}

/// What an event calls.
#[derive(Clone, Copy)]
pub(crate) enum Called<'a> {
    Function(&'a HostFunction),
    Object(&'a HostObject, &'a str),
    Stub(&'a Stub),
    Loader(&'a Loader),
    Outbound,
}

impl Called<'_> {
    /// Whether a value of `env` is what is called, or what that was got from.
    fn is(&self, value: &Value) -> bool {
        match (self, value) {
            (Called::Function(called), Value::Function(function)) => called.is(function),
            (Called::Object(called, _), Value::Object(object)) => called.is(object),
            (Called::Stub(called), Value::Stub(stub)) => called.addresses_as(stub),
            (Called::Stub(called), Value::Namespace(namespace)) => called.is_of(namespace),
            (Called::Loader(called), Value::Loader(loader)) => called.is(loader),
            _ => false,
        }
    }
}

/// The bindings in the `env` of loaded code, by the paths to them.
#[derive(Default)]
pub(crate) struct Bindings(Vec<(Arc<str>, Value)>);

impl Bindings {
    pub fn of(outside: &Outside) -> Bindings {
        let mut bindings = Bindings::default();
        bindings.add(&outside.env, "");
        // A function that answers requests is called as nothing else.
        if let Outbound::Stub(stub) = &outside.outbound {
            bindings.0.push((OUTBOUND.into(), stub.clone().into()));
        }
        bindings
    }

    fn add(&mut self, map: &ValueMap, prefix: &str) {
        for (name, value) in map.iter() {
            if self.0.len() == MAX_BINDINGS {
                return;
            }
            let path = format!("{prefix}{name}");
            match value {
                Value::Map(inner) => self.add(inner, &format!("{path}.")),
                Value::Function(_)
                | Value::Object(_)
                | Value::Stub(_)
                | Value::Namespace(_)
                | Value::Loader(_) => self.0.push((path.into(), value.clone())),
                _ => {}
            }
        }
    }

    fn find(&self, called: Called<'_>) -> Option<&Arc<str>> {
        self.0.iter().find(|(_, value)| called.is(value)).map(|(name, _)| name)
    }
}

/// The calls that an event has made of bindings.
#[derive(Default)]
pub(crate) struct Calls(OnceLock<Mutex<Vec<Entry>>>);

struct Entry {
    binding: Arc<str>,
    /// Empty where the binding has none.
    method: Box<str>,
    calls: u64,
    /// Whether the binding has the method, which the guest has named: it has answered.
    exists: bool,
}

impl Entry {
    fn name(&self) -> String {
        named(&self.binding, &self.method)
    }
}

fn named(binding: &str, method: &str) -> String {
    match method {
        "" => binding.to_owned(),
        method => format!("{binding}.{method}"),
    }
}

impl Calls {
    /// Counts a call; answers at which place.
    fn add(&self, binding: &Arc<str>, method: &str) -> usize {
        let mut entries = self.0.get_or_init(Mutex::default).lock();
        let known = |entry: &Entry| *entry.binding == **binding && *entry.method == *method;
        let known = entries.iter().position(known);
        // A name too many counts in the place after the last one.
        let at = known.unwrap_or_else(|| entries.len().min(MAX_NAMES));
        if at == entries.len() {
            let (binding, method) = match at {
                MAX_NAMES => (OTHERS.into(), ""),
                _ => (binding.clone(), method),
            };
            let exists = matches!(method, "" | OTHERS);
            entries.push(Entry { binding, method: method.into(), calls: 0, exists });
        }
        entries[at].calls += 1;
        at
    }

    /// Notes that what was counted at a place has answered.
    pub fn note_answer(&self, at: usize) {
        if let Some(entries) = self.0.get() {
            entries.lock()[at].exists = true;
        }
    }

    /// What was called, in the order of the first calls.
    pub fn list(&self) -> Vec<BindingCalls> {
        let Some(entries) = self.0.get() else { return Vec::new() };
        let told = |entry: &Entry| BindingCalls { name: entry.name(), calls: entry.calls };
        entries.lock().iter().map(told).collect()
    }
}

impl Event {
    /// Counts a call that is made, if it is one of a binding; answers at which place.
    pub fn count_call(&self, called: Called<'_>) -> Option<usize> {
        let class = self.actor.class.as_guest()?;
        if let Called::Outbound = called {
            return Some(self.calls().add(&OUTBOUND.into(), ""));
        }
        let outside = class.worker.outside();
        let name = outside.bindings().find(called)?;
        Some(match called {
            Called::Object(_, method) if method.len() > MAX_METHOD => {
                self.calls().add(name, OTHERS)
            }
            Called::Object(_, method) => self.calls().add(name, method),
            _ => self.calls().add(name, ""),
        })
    }
}

/// The calls of bindings that all events of a runtime have made.
#[derive(Default)]
pub(crate) struct Totals(Mutex<HashMap<String, u64>>);

impl Totals {
    /// Adds the calls of an event. Methods get a name here once they have answered somebody, else a guest
    /// could use the names up with some of its own making.
    pub fn add(&self, calls: &Calls) {
        let Some(entries) = calls.0.get() else { return };
        let mut totals = self.0.lock();
        for entry in entries.lock().iter() {
            let mut name = entry.name();
            if !entry.exists && !totals.contains_key(&name) {
                name = named(&entry.binding, OTHERS);
            }
            let is_kept = totals.contains_key(&name) || totals.len() < MAX_NAMES;
            *totals.entry(if is_kept { name } else { OTHERS.into() }).or_default() += entry.calls;
        }
    }

    /// All of them, in order of their names.
    pub fn list(&self) -> Vec<BindingCalls> {
        let totals = self.0.lock();
        let total =
            |(name, calls): (&String, &u64)| BindingCalls { name: name.clone(), calls: *calls };
        let mut list: Vec<_> = totals.iter().map(total).collect();
        list.sort_by(|a, b| a.name.cmp(&b.name));
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(name: &str, calls: u64) -> BindingCalls {
        BindingCalls { name: name.into(), calls }
    }

    #[test]
    fn bindings_are_found_by_what_they_are_and_data_is_none() {
        let function = HostFunction::new("f", |_| Ok(Value::Null));
        let object = HostObject::new("o", |_, _| Ok(Value::Null));
        let tools = ValueMap::from_iter([("search", Value::Function(function.clone()))]);
        let env = ValueMap::from_iter([
            ("DATA", Value::Int(1)),
            ("tools", Value::Map(tools)),
            ("STORE", Value::Object(object.clone())),
        ]);
        let mut outside = Outside::default();
        outside.env = env;
        let bindings = Bindings::of(&outside);
        let found = |called: Called<'_>| bindings.find(called).map(|name| name.to_string());
        let again = function.clone();
        assert_eq!(found(Called::Function(&again)), Some("tools.search".into()));
        assert_eq!(found(Called::Object(&object, "get")), Some("STORE".into()));
        let other = HostFunction::new("f", |_| Ok(Value::Null));
        assert_eq!(found(Called::Function(&other)), None);
    }

    #[test]
    fn names_are_bounded_and_no_call_is_lost() {
        let (event, total) = (Calls::default(), Totals::default());
        let name: Arc<str> = "STORE".into();
        for at in 0..2 * MAX_NAMES {
            event.add(&name, &format!("m{at}"));
        }
        event.add(&name, "m0");
        let list = event.list();
        assert_eq!(list.len(), MAX_NAMES + 1);
        assert_eq!(list[0], calls("STORE.m0", 2));
        assert_eq!(list.last(), Some(&calls(OTHERS, MAX_NAMES as u64)));
        for at in 0..list.len() {
            event.note_answer(at);
        }
        total.add(&event);
        let more = Calls::default();
        for _ in 0..3 {
            more.add(&"more".into(), "");
        }
        total.add(&more);
        let sum: u64 = total.list().iter().map(|binding| binding.calls).sum();
        assert_eq!(sum, 2 * MAX_NAMES as u64 + 4);
        assert!(total.list().len() <= MAX_NAMES + 1);
    }

    #[test]
    fn names_that_have_never_answered_take_no_place() {
        let (event, total) = (Calls::default(), Totals::default());
        let name: Arc<str> = "STORE".into();
        for at in 0..MAX_NAMES {
            event.add(&name, &format!("m{at}"));
        }
        event.note_answer(7);
        total.add(&event);
        let expected = [calls("STORE.(others)", MAX_NAMES as u64 - 1), calls("STORE.m7", 1)];
        assert_eq!(total.list(), expected);
        let later = Calls::default();
        later.add(&name, "m7");
        total.add(&later);
        assert_eq!(total.list()[1], calls("STORE.m7", 2));
    }

    #[test]
    fn an_event_without_calls_has_none() {
        assert!(Calls::default().list().is_empty());
    }
}
