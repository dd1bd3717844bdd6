//! Objects from plain SQLite files.

use std::path::Path;

use crate::alarm::AlarmKey;
use crate::error::{Error, ErrorCode, Result};
use crate::id::ObjectId;
use crate::namespace::Namespace;
use crate::storage::{Scratch, Tree, stage};

impl Namespace {
    /// Makes the object from what was exported to `path`, of the same object or another: with its facets
    /// and alarms. All of it is there, or nothing after an error or a crash. Blocks while it copies.
    ///
    /// The files may come from anywhere: they are copied first and checked before the object gets them.
    /// An object that runs without data is aborted.
    ///
    /// # Errors
    /// INVALID_ARGUMENT (a `TypeError`) for an id of another namespace and if the object has data; CORRUPT
    /// for files that aren't an export, are damaged or of a newer version; LIMIT_STORAGE, LIMIT_FACETS and
    /// LIMIT_DEPTH for more than the namespace's limits allow; STORAGE, CLOSED, FORKED.
    pub fn import(&self, id: &ObjectId, path: impl AsRef<Path>) -> Result<()> {
        self.check_id(id)?;
        let runtime = self.runtime();
        runtime.check_open()?;
        let dir = runtime.object_dir(self.name(), id);
        let check = || match runtime.disk.exists(&dir)? {
            true => Err(Error::type_error(
                "Cannot import into an object that has data; delete it first.",
            )),
            false => Ok(()),
        };
        check()?;
        let id = id.for_object();
        let staged = Scratch::new(&runtime.scratch_dir()?, "import-")?;
        let tree = stage(path.as_ref(), staged.path(), &self.limits(), id.name())?;
        let imported = Error::new(ErrorCode::Aborted, "The object's data was imported.");
        self.vacate(&id, &imported, || {
            check()?;
            runtime.disk.install(staged, &tree, &dir)
        })?;
        let key = AlarmKey {
            key: runtime.key_of(&dir),
            namespace: self.name().to_owned(),
            object: id.to_string(),
            name: id.name().map(str::to_owned),
            facets: Vec::new(),
        };
        self.enter_alarms(&key, &tree);
        Ok(())
    }

    fn enter_alarms(&self, key: &AlarmKey, tree: &Tree) {
        if tree.due.is_some() {
            self.runtime().alarms.settle(key, tree.due);
        }
        for (name, number, below) in &tree.facets {
            let mut facet = AlarmKey { key: format!("{}/{number}", key.key), ..key.clone() };
            facet.facets.push(name.clone());
            self.enter_alarms(&facet, below);
        }
    }
}
