"""A small platform: it runs an app that it doesn't trust, and keeps what the app stores.

    python platform.py <data-dir> first|second [app.luau]

Run `first`, then `second` on the same directory: the app goes on counting where it stopped.
"""

import sys
from pathlib import Path

import facetbox
from facetbox import DurableObject, FacetOptions, Request, Response, Stub, WorkerCode

APP = Path(__file__).parent.parent / "guest" / "app.luau"


class AppRunner(DurableObject):
    """The supervisor: stores the code of one app and runs it as the facet "app"."""

    def fetch(self, request: Request) -> Response:
        return self._app().fetch(request)

    def set_code(self, code: str) -> None:
        self.ctx.storage.kv.put("code", code)
        self.ctx.facets.abort("app", "The code was changed.")

    def peek(self, key: str) -> object:
        return self._app().peek(key)

    def reach(self, url: str) -> object:
        return self._app().reach(url)

    def _app(self) -> Stub:
        return self.ctx.facets.get("app", self._start)

    def _start(self) -> FacetOptions:
        code = self.ctx.storage.kv.get("code")
        worker = self.env.LOADER.load(WorkerCode("app.luau", {"app.luau": code}))
        return FacetOptions(worker.get_durable_object_class("App"))


def first(app: Stub, source: Path) -> bool:
    app.set_code(source.read_text())
    for _ in range(3):
        print(app.fetch("http://app/").text(), end="")
    return True


def second(app: Stub) -> bool:
    answer = app.fetch("http://app/").text()
    print(answer, end="")
    requests = next(word for word in answer.split() if word.isdigit())

    code = app.peek("code")
    print("The app sees of its supervisor's data:", code)

    try:
        closed = not app.reach("http://example.com/")
    except facetbox.Error as error:
        closed = True
        print("The app can't reach the network:", error)

    hidden = code is None
    yes = {True: "yes", False: "no"}
    print(f"RESULT host=Python requests={requests} hidden={yes[hidden]} closed={yes[closed]}")
    return requests == "4" and hidden and closed


def main(data: str, part: str, source: str | Path = APP) -> bool:
    with facetbox.open(data) as runtime:
        apps = runtime.namespace("AppRunner", AppRunner)
        app = apps.get_by_name("my-app")
        return first(app, Path(source)) if part == "first" else second(app)


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[2] not in ("first", "second"):
        sys.exit(__doc__)
    sys.exit(0 if main(*sys.argv[1:]) else 1)
