"""runtime.deploy: whole modules in the style of Cloudflare Workers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import facetbox
import pytest
from facetbox import Runtime, WorkerCode

SITE = """
local Room = DurableObject:extend("Room")
function Room:visit()
    local kv = self.ctx.storage.kv
    kv:put("visits", (kv:get("visits") or 0) + 1)
    return kv:get("visits")
end

local Main = WorkerEntrypoint:extend("Main")
function Main:fetch(request)
    local room = self.ctx.exports.Room:getByName(URL.new(request.url).pathname)
    return Response.new(`{self.env.GREETING}: visit {room:visit()} by {request.method}`)
end
function Main:version() return VERSION end

return { Room = Room, default = Main }
"""


def site(version: int = 1) -> WorkerCode:
    return WorkerCode("m.luau", {"m.luau": f"local VERSION = {version}\n{SITE}"})


def test_requests_and_objects_meet(runtime: Runtime) -> None:
    deployed = runtime.deploy("site", site(), {"GREETING": "hello"})
    assert (deployed.name, deployed.class_names) == ("site", ["Room"])
    answer = deployed.fetch("http://site/kitchen", method="POST")
    assert answer.text() == "hello: visit 1 by POST"
    kitchen = deployed.namespace("Room").get_by_name("/kitchen")
    assert kitchen.visit() == 2
    assert deployed.namespace("Room").name == "site/Room"
    assert deployed.fetcher().fetch("http://site/kitchen").text() == "hello: visit 3 by GET"
    assert repr(deployed) == 'Deployment("site")'


def test_a_new_version_replaces_the_code_and_keeps_the_data(runtime: Runtime) -> None:
    runtime.deploy("site", site(1)).namespace("Room").get_by_name("a").visit()
    deployed = runtime.deploy("site", site(2))
    assert deployed.get_entrypoint().version() == 2
    assert deployed.namespace("Room").get_by_name("a").visit() == 2


def test_what_is_not_exported_is_not_found(runtime: Runtime) -> None:
    deployed = runtime.deploy("site", site())
    with pytest.raises(facetbox.NotFoundError, match="Room"):
        deployed.namespace("Hall")
    with pytest.raises(facetbox.NotFoundError):
        deployed.get_entrypoint("Hall")
    lonely = WorkerCode("m.luau", {"m.luau": 'return { A = DurableObject:extend("A") }'})
    with pytest.raises(facetbox.NotFoundError, match="fetch"):
        runtime.deploy("lonely", lonely).fetch("http://x/")


def test_errors_show_at_once_and_change_nothing(runtime: Runtime) -> None:
    deployed = runtime.deploy("site", site(), {"GREETING": "hello"})
    with pytest.raises(facetbox.LoadError):
        runtime.deploy("site", WorkerCode("m.luau", {"m.luau": "return {"}))
    with pytest.raises(facetbox.InvalidArgument, match="name must not be empty"):
        runtime.deploy("", site())
    assert deployed.fetch("http://site/a").status == 200


def test_a_project_for_cloudflare_keeps_counting(tmp_path: Path) -> None:
    program = Path(__file__).parents[2] / "examples" / "python" / "app_platform.py"
    for visits in (2, 4):
        command = [sys.executable, "-W", "error", str(program), str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        last = done.stdout.splitlines()[-1:]
        assert (last, done.stderr) == ([f"PROJECT host=Python visits={visits}"], "")
