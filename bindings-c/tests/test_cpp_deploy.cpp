// The C++ face of JavaScript guests, deployments and tail events.
#include "check.hpp"

#include <future>
#include <mutex>
#include <string>
#include <vector>

using namespace facetbox;

static const char SITE[] = R"(
import { DurableObject } from "cloudflare:workers";
export class Room extends DurableObject {
    visit() {
        console.log("visit");
        return this.ctx.storage.kv.put("visits", (this.ctx.storage.kv.get("visits") ?? 0) + 1)
            ?? this.ctx.storage.kv.get("visits");
    }
    fail() { throw new RangeError("outer", { cause: new TypeError("inner") }); }
}
export default {
    async fetch(request, env, ctx) {
        return new Response(`${env.GREETING} ${await ctx.exports.Room.getByName("a").visit()}`);
    }
};)";

static WorkerCode site() {
    return WorkerCode("site.js").module("site.js", SITE);
}

static void deploys(const Runtime &runtime) {
    const Deployment deployed = runtime.deploy("site", site(), Value::map({{"GREETING", "visit"}}));
    CHECK(deployed.name() == "site" && deployed.class_names() == std::vector<std::string>{"Room"});
    CHECK(deployed.fetch("http://site/").text() == "visit 1");
    CHECK(deployed.fetcher().fetch("http://site/", Cancel()).text() == "visit 2");
    CHECK(deployed.get_entrypoint().fetch("http://site/").text() == "visit 3");
    const auto room = deployed.get_namespace("Room").get_by_name("a");
    CHECK(room.call("visit").to_int() == 4);
    try {
        room.call("fail");
        CHECK(false);
    } catch (const Error &error) {
        CHECK(error.name() == "RangeError" && cause(error).type() == FACETBOX_TYPE_ERROR);
    }
    throws(FACETBOX_ERR_NOT_FOUND, "Hall", [&] { deployed.get_namespace("Hall"); });
    throws(FACETBOX_ERR_LOAD_ERROR, "x.js", [&] {
        runtime.deploy("x", WorkerCode("x.js").module("x.js", "export {"));
    });
}

static void tails_of_a_worker(const Runtime &runtime) {
    std::promise<std::string> told;
    const auto tail = Value::function("tail", [&](ValueView args) {
        told.set_value(std::string(*args[0][0]["entrypoint"].as_string()));
        return nullptr;
    });
    WorkerCode code("main.js");
    code.module("main.js", "export default { hi() { return 1; } };").tails(Value::list({tail}));
    CHECK(runtime.loader().load(code).get_entrypoint().call("hi").to_int() == 1);
    CHECK(told.get_future().get() == "default");
    throws(FACETBOX_ERR_INVALID_ARGUMENT, "tails[0]", [&] { code.tails(Value::list({1})); });
}

int main() {
    std::mutex lock;
    int logged = 0, failed = 0;
    {
        Options options = in_memory();
        options.on_tail = [&](ValueView event) {
            const std::lock_guard<std::mutex> guard(lock);
            logged += static_cast<int>(event["logs"].size());
            failed += *event["outcome"].as_string() == "exception";
        };
        const auto runtime = Runtime::open(options);
        deploys(runtime);
        tails_of_a_worker(runtime);
        CHECK(runtime.metrics()["errors"][0]["code"].to_string() == "GUEST_ERROR");
        CHECK(runtime.metrics_text().find("facetbox_") != std::string::npos);
    }  // delivers what is left
    CHECK(logged == 4 && failed == 1);

    Options options;
    options.engines = {"luau"};
    const auto runtime = Runtime::open(options);
    throws(FACETBOX_ERR_UNSUPPORTED, "JavaScript", [&] { runtime.deploy("site", site()); });
    options.engines = {"python"};
    throws(FACETBOX_ERR_INVALID_ARGUMENT, "'python'", [&] { Runtime::open(options); });
    return 0;
}
