"""Facetbox runs code that you don't trust inside your own process.

Each app is a facet with its own sandbox and its own SQLite database, under a supervisor class that
you write::

    import facetbox
    from facetbox import DurableObject, FacetOptions, Response, WorkerCode

    CODE = '''
        local App = DurableObject:extend("App")
        function App:greet(name)
            return `Hello {name}!`
        end
        return { App = App }
    '''

    class AppRunner(DurableObject):
        def greet(self, name):
            return self.ctx.facets.get("app", self._start).greet(name)

        def _start(self):
            worker = self.env.LOADER.load(WorkerCode("app.luau", {"app.luau": CODE}))
            return FacetOptions(worker.get_durable_object_class("App"))

    with facetbox.open("./data") as runtime:
        apps = runtime.namespace("AppRunner", AppRunner)
        print(apps.get_by_name("my-app").greet("world"))
"""

from ._asgi import asgi
from ._errors import (
    AbortedError,
    ClosedError,
    DeadlockError,
    Error,
    ForkedError,
    GuestError,
    InUseError,
    InvalidArgument,
    LimitError,
    LoadError,
    NotFoundError,
    PanicError,
    ResetError,
    StorageError,
    UnsupportedError,
    ValueError,
)
from ._metrics import Histogram, Metrics
from ._native import (
    Ctx,
    Deployment,
    DurableObjectClass,
    Facets,
    Headers,
    Kv,
    KvList,
    Loader,
    ManualClock,
    Namespace,
    ObjectId,
    ObjectIterator,
    RawRows,
    Request,
    Response,
    Revoker,
    RpcStub,
    Runtime,
    Sql,
    SqlCursor,
    Storage,
    Stub,
    StubMethod,
    WorkerStub,
    __version__,
    guest_guide,
    guest_types,
)
from ._object import AlarmInfo, DurableObject, Env
from ._options import FacetOptions, Limits, WorkerCode
from ._runtime import open
from ._tail import TailEvent, TailException, TailInfo, TailLog, log_guests
from ._whole import ObjectInfo, Problem, QueryRows, Report, Usage

__all__ = [
    "AbortedError",
    "AlarmInfo",
    "ClosedError",
    "Ctx",
    "DeadlockError",
    "Deployment",
    "DurableObject",
    "DurableObjectClass",
    "Env",
    "Error",
    "FacetOptions",
    "Facets",
    "ForkedError",
    "GuestError",
    "Headers",
    "Histogram",
    "InUseError",
    "InvalidArgument",
    "Kv",
    "KvList",
    "LimitError",
    "Limits",
    "LoadError",
    "Loader",
    "ManualClock",
    "Metrics",
    "Namespace",
    "NotFoundError",
    "ObjectId",
    "ObjectInfo",
    "ObjectIterator",
    "PanicError",
    "Problem",
    "QueryRows",
    "RawRows",
    "Report",
    "Request",
    "ResetError",
    "Response",
    "Revoker",
    "RpcStub",
    "Runtime",
    "Sql",
    "SqlCursor",
    "Storage",
    "StorageError",
    "Stub",
    "StubMethod",
    "TailEvent",
    "TailException",
    "TailInfo",
    "TailLog",
    "UnsupportedError",
    "Usage",
    "ValueError",
    "WorkerCode",
    "WorkerStub",
    "__version__",
    "asgi",
    "guest_guide",
    "guest_types",
    "log_guests",
    "open",
]
