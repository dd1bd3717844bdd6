//! The native half of the Python package: `facetbox._native`.
//!
//! Each function converts, calls core once, and converts back. The GIL is released around every call
//! of core that may block, touch the disk or run guest code; host code takes it again.

#![deny(unsafe_code)]

mod aio;
mod class;
mod clock;
mod ctx;
mod deployment;
mod error;
mod facets;
mod from_python;
mod guide;
mod headers;
mod host;
mod http;
mod interpreter;
mod loader;
mod methods;
mod metrics;
mod namespace;
mod revoker;
mod rpc;
mod runtime;
mod sql;
mod storage;
mod stub;
mod tail;
mod to_python;
mod whole;

#[global_allocator]
static ALLOCATOR: facetbox::Allocator = facetbox::Allocator;

// Nothing has been tried on builds of Python without a GIL; there it is turned on with the import.
#[pyo3::pymodule(gil_used = true)]
mod _native {
    use pyo3::prelude::*;
    use pyo3::types::PyTuple;

    #[pymodule_export]
    use crate::aio::{Ask, Call, EventLoop, EventScope, Guard, Inbox, Transaction};
    #[pymodule_export]
    use crate::class::DurableObjectClass;
    #[pymodule_export]
    use crate::clock::ManualClock;
    #[pymodule_export]
    use crate::ctx::{Awake, Ctx};
    #[pymodule_export]
    use crate::deployment::Deployment;
    #[pymodule_export]
    use crate::facets::Facets;
    #[pymodule_export]
    use crate::guide::{guest_guide, guest_types};
    #[pymodule_export]
    use crate::headers::Headers;
    #[pymodule_export]
    use crate::http::{Request, Response};
    #[pymodule_export]
    use crate::interpreter::end;
    #[pymodule_export]
    use crate::loader::{Loader, WorkerStub};
    #[pymodule_export]
    use crate::namespace::{Namespace, ObjectId};
    #[pymodule_export]
    use crate::revoker::{Revocable, Revoker};
    #[pymodule_export]
    use crate::rpc::{RpcMethod, RpcStub};
    #[pymodule_export]
    use crate::runtime::{Runtime, open_runtime};
    #[pymodule_export]
    use crate::sql::{RawRows, Sql, SqlCursor};
    #[pymodule_export]
    use crate::storage::{Kv, KvList, Storage};
    #[pymodule_export]
    use crate::stub::{Stub, StubMethod};
    #[pymodule_export]
    use crate::whole::ObjectIterator;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::interpreter::begin();
        let codes = facetbox::ErrorCode::ALL.iter();
        let rows = codes.map(|code| (code.name(), *code as i32, code.class(), code.describe()));
        module.add("ERROR_CODES", PyTuple::new(module.py(), rows)?)?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
