//! The programs that are measured, in both guest languages.

use facetbox::{Class, HostObject, Loader, Module, Result, Value, ValueMap, WorkerCode};
use serde::{Deserialize, Serialize};

/// A guest language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Guest {
    /// Luau.
    Luau,
    /// JavaScript.
    Js,
}

impl std::str::FromStr for Guest {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Guest, String> {
        let found = Guest::ALL.into_iter().find(|guest| guest.name() == name);
        found.ok_or_else(|| format!("unknown guest language {name:?}"))
    }
}

impl Guest {
    /// Both.
    pub const ALL: [Guest; 2] = [Guest::Luau, Guest::Js];

    /// Its name in jobs and namespaces.
    pub fn name(self) -> &'static str {
        match self {
            Guest::Luau => "luau",
            Guest::Js => "js",
        }
    }

    /// What guests compute without anything of the host.
    pub(crate) fn compute(self) -> &'static str {
        match self {
            Guest::Luau => include_str!("../guests/compute.luau"),
            Guest::Js => include_str!("../guests/compute.js"),
        }
    }

    fn app(self) -> &'static str {
        match self {
            Guest::Luau => include_str!("../guests/app.luau"),
            Guest::Js => include_str!("../guests/app.js"),
        }
    }

    fn small(self) -> &'static str {
        match self {
            Guest::Luau => include_str!("../guests/small.luau"),
            Guest::Js => include_str!("../guests/small.js"),
        }
    }

    fn module(self, source: String) -> Module {
        match self {
            Guest::Luau => Module::Luau(source),
            Guest::Js => Module::Js(source),
        }
    }

    fn load(self, loader: &Loader, main: &str, modules: &[(&str, String)]) -> Result<Class> {
        let file = |name: &str| format!("{name}.{}", self.name());
        let host = HostObject::new("HOST", |_method, _args| Ok(Value::Null));
        let mut env = ValueMap::new();
        env.insert("HOST", host);
        let module = |(name, source): &(&str, String)| (file(name), self.module(source.clone()));
        let worker = loader.load(WorkerCode {
            main_module: file(main),
            modules: modules.iter().map(module).collect(),
            env,
            ..WorkerCode::default()
        })?;
        Ok(worker.get_durable_object_class("App", Default::default()))
    }

    /// The class that does what is measured.
    pub(crate) fn load_app(self, loader: &Loader) -> Result<Class> {
        let modules = [("app", self.app().to_owned()), ("compute", self.compute().to_owned())];
        self.load(loader, "app", &modules)
    }

    /// The smallest class, with code that nobody has seen if it is given a mark of its own.
    ///
    /// # Errors
    /// Those of the loader.
    pub fn load_small(self, loader: &Loader, mark: Option<u64>) -> Result<Class> {
        let comment = match (self, mark) {
            (_, None) => String::new(),
            (Guest::Luau, Some(mark)) => format!("\n-- {mark}\n"),
            (Guest::Js, Some(mark)) => format!("\n// {mark}\n"),
        };
        self.load(loader, "small", &[("small", self.small().to_owned() + &comment)])
    }
}
