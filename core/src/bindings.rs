//! Bindings: what code is given in its `env` to call, and how often an event has called each.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use crate::actor::Event;
use crate::loader::{Loader, Outbound, WorkerCode};
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
    pub fn of(code: &WorkerCode) -> Bindings {
        let mut bindings = Bindings::default();
        bindings.add(&code.env, "");
        // A function that answers requests is called as nothing else.
        if let Outbound::Stub(stub) = &code.global_outbound {
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
}

impl Calls {
    fn add(&self, binding: &Arc<str>, method: &str) {
        let mut entries = self.0.get_or_init(Mutex::default).lock();
        let known = |entry: &&mut Entry| *entry.binding == **binding && *entry.method == *method;
        if let Some(entry) = entries.iter_mut().find(known) {
            entry.calls += 1;
        } else if entries.len() < MAX_NAMES {
            entries.push(Entry { binding: binding.clone(), method: method.into(), calls: 1 });
        } else {
            drop(entries);
            self.add_other();
        }
    }

    /// Counts a call of a name too many, in the place of the last one.
    fn add_other(&self) {
        let mut entries = self.0.get_or_init(Mutex::default).lock();
        match entries.last_mut() {
            Some(entry) if *entry.binding == *OTHERS => entry.calls += 1,
            _ => entries.push(Entry { binding: OTHERS.into(), method: "".into(), calls: 1 }),
        }
    }

    /// What was called, in the order of the first calls.
    pub fn list(&self) -> Vec<BindingCalls> {
        let Some(entries) = self.0.get() else { return Vec::new() };
        let name = |entry: &Entry| match &*entry.method {
            "" => entry.binding.to_string(),
            method => format!("{}.{method}", entry.binding),
        };
        let entries = entries.lock();
        entries.iter().map(|entry| BindingCalls { name: name(entry), calls: entry.calls }).collect()
    }
}

impl Event {
    /// Counts a call that is made, if it is one of a binding.
    pub fn count_call(&self, called: Called<'_>) {
        let Some(class) = self.actor.class.as_guest() else { return };
        if let Called::Outbound = called {
            return self.calls().add(&OUTBOUND.into(), "");
        }
        let Some(name) = class.worker.bindings().find(called) else { return };
        match called {
            Called::Object(_, method) if method.len() > MAX_METHOD => {
                self.calls().add(name, OTHERS)
            }
            Called::Object(_, method) => self.calls().add(name, method),
            _ => self.calls().add(name, ""),
        }
    }
}

/// The calls of bindings that all events of a runtime have made.
#[derive(Default)]
pub(crate) struct Totals(Mutex<HashMap<String, u64>>);

impl Totals {
    pub fn add(&self, calls: &[BindingCalls]) {
        if calls.is_empty() {
            return;
        }
        let mut totals = self.0.lock();
        for BindingCalls { name, calls } in calls {
            let is_kept = totals.contains_key(name) || totals.len() < MAX_NAMES;
            *totals.entry(if is_kept { name.clone() } else { OTHERS.into() }).or_default() += calls;
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
        let bindings = Bindings::of(&WorkerCode { env, ..WorkerCode::default() });
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
        total.add(&list);
        total.add(&[calls("more", 3)]);
        let sum: u64 = total.list().iter().map(|binding| binding.calls).sum();
        assert_eq!(sum, 2 * MAX_NAMES as u64 + 4);
        assert!(total.list().len() <= MAX_NAMES + 1);
    }

    #[test]
    fn an_event_without_calls_has_none() {
        assert!(Calls::default().list().is_empty());
    }
}
