"""The main job: a supervisor runs code as a facet, and the app's state survives a restart."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import facetbox
from facetbox import DurableObject, FacetOptions, Request, Response, Stub, WorkerCode

ROOT = Path(__file__).parents[2]
APP = (ROOT / "examples" / "guest" / "app.luau").read_text()


class AppRunner(DurableObject):
    def fetch(self, request: Request) -> Response:
        return self._app().fetch(request)

    def set_code(self, code: str) -> None:
        self.ctx.storage.kv.put("code", code)
        self.ctx.facets.abort("app", "code changed")

    def peek(self, key: str) -> object:
        return self._app().peek(key)

    def _app(self) -> Stub:
        def start() -> FacetOptions:
            code = self.ctx.storage.kv.get("code")
            worker = self.env.LOADER.load(
                WorkerCode(main_module="app.luau", modules={"app.luau": code})
            )
            return FacetOptions(cls=worker.get_durable_object_class("App"))

        return self.ctx.facets.get("app", start)


def visit(app: Stub) -> str:
    return app.fetch("http://app/").text()


def test_the_count_goes_on_after_the_runtime_is_opened_again(tmp_path: Path) -> None:
    with facetbox.open(tmp_path / "data") as runtime:
        app = runtime.namespace("AppRunner", AppRunner).get_by_name("my-app")
        app.set_code(APP)
        assert [visit(app) for _ in range(3)] == [f"You've made {n} requests.\n" for n in (1, 2, 3)]
    with facetbox.open(tmp_path / "data") as runtime:
        app = runtime.namespace("AppRunner", AppRunner).get_by_name("my-app")
        assert visit(app) == "You've made 4 requests.\n"
        assert app.peek("code") is None


def test_new_code_keeps_the_data_of_the_old(tmp_path: Path) -> None:
    with facetbox.open() as runtime:
        app = runtime.namespace("AppRunner", AppRunner).get_by_name("my-app")
        app.set_code(APP)
        visit(app)
        app.set_code(APP.replace("You've made", "Now"))
        assert visit(app) == "Now 2 requests.\n"


def test_each_object_has_its_own_app() -> None:
    with facetbox.open() as runtime:
        apps = runtime.namespace("AppRunner", AppRunner)
        for name in ("a", "b"):
            apps.get_by_name(name).set_code(APP)
            assert visit(apps.get_by_name(name)) == "You've made 1 requests.\n"


def test_the_example_goes_on_in_another_process(tmp_path: Path) -> None:
    def platform(part: str) -> str:
        program = ROOT / "examples" / "python" / "platform.py"
        command = [sys.executable, str(program), str(tmp_path / "data"), part]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert platform("first") == "".join(f"You've made {n} requests.\n" for n in (1, 2, 3))
    lines = platform("second").splitlines()
    assert lines[0] == "You've made 4 requests."
    assert lines[-1] == "RESULT host=Python requests=4 hidden=yes closed=yes"
