// The C++ face of alarms and of operations on whole objects.
#include "check.hpp"

#include <filesystem>
#include <random>
#include <string>
#include <vector>

using namespace facetbox;

static std::vector<AlarmInfo> told;

class Sleeper : public DurableObject {
public:
    using DurableObject::DurableObject;

    Value call(std::string_view method, ValueView args) override {
        const auto storage = ctx().storage();
        if (method == "set") storage.set_alarm(args[0].to_int());
        if (method == "delete") storage.delete_alarm();
        if (method == "facet") return facet();
        const auto alarm = storage.get_alarm();
        return alarm ? Value(*alarm) : Value();
    }

    void alarm(const AlarmInfo &info) override {
        told.push_back(info);
        if (!info.is_retry) throw std::runtime_error("not yet");
    }

private:
    Value facet() {
        const auto facets = ctx().facets();
        auto facet = facets.get("child", [] { return FacetOptions(Class::host<Sleeper>("Child")); });
        facet.call("set", 99'000'000);
        CHECK(facet.exists() && facets.usage("child").storage_bytes > 0 &&
              facets.usage("child").facets == 0 && facet.usage().facets == 0);
        CHECK(facets.list() == std::vector<std::string>{"child"});
        facets.export_("child", std::string(env()["path"].to_string()) + "/facet");
        return ctx().storage().get_current_bookmark();
    }
};

class Deaf : public DurableObject {
public:
    using DurableObject::DurableObject;
    Value call(std::string_view, ValueView) override {
        ctx().storage().set_alarm(1);
        return nullptr;
    }
};

static void alarms(const Runtime &runtime, const ManualClock &clock, const Stub &stub) {
    CHECK(stub.call("get").is_null() && stub.call("set", 2'000).to_int() == 2'000);
    CHECK(runtime.run_due_alarms() == 0);
    clock.set_ms(2'000);
    CHECK(runtime.run_due_alarms() == 1 && told.size() == 1);
    clock.advance_ms(5'000);
    CHECK(clock.now_ms() == 7'000 && runtime.run_due_alarms() == 1 && told.size() == 2);
    CHECK(told[1].scheduled_time_ms == 2'000 && told[1].retry_count == 1 && told[1].is_retry);
    CHECK(stub.call("set", 90'000).to_int() == 90'000 && stub.call("delete").is_null());
    const Stub deaf = runtime.define<Deaf>("Deaf").get_by_name("a");
    throws(FACETBOX_ERR_UNSUPPORTED, "must have an alarm() handler", [&] { deaf.call("set"); });
}

static void objects(const Runtime &runtime, const Namespace &sleepers, const std::string &root) {
    const ObjectId a = sleepers.id_from_name("a"), b = sleepers.id_from_name("b");
    CHECK(sleepers.exists(a) && !sleepers.exists(b) && !sleepers.get(b).exists());
    CHECK(!sleepers.get(a).call("facet").to_string().empty());
    CHECK(sleepers.usage(a).facets == 1 && sleepers.usage(a).storage_bytes > sleepers.get(b).usage().storage_bytes);

    sleepers.export_(a, root + "/object");
    throws(FACETBOX_ERR_INVALID_ARGUMENT, "exists", [&] { sleepers.get(a).export_(root + "/object"); });
    sleepers.import_(b, root + "/object");
    const auto first = sleepers.list(std::nullopt, 1);
    const auto second = sleepers.list(first.at(0), 1);
    CHECK(first.at(0) != second.at(0) && sleepers.list(second.at(0)).empty());

    const QueryRows rows = sleepers.query(b, {"child"}, "SELECT ?, ? AS x", 1, "two");
    CHECK(rows.columns.at(1) == "x" && rows.rows.to_json() == "[[1,\"two\"]]" && !rows.truncated);
    throws(FACETBOX_ERR_INVALID_ARGUMENT, "", [&] { sleepers.query(a, {}, "DELETE FROM _fb_kv"); });

    const Report report = runtime.verify();
    CHECK(report.objects == 2 && report.problems.empty() && report.leftovers == 0);
    sleepers.delete_(b);
    CHECK(!sleepers.exists(b));
    throws(FACETBOX_ERR_UNSUPPORTED, "stateless", [&] {
        WorkerCode code("main.luau");
        code.module("main.luau", "return { default = WorkerEntrypoint:extend('E') }");
        runtime.loader().load(code).get_entrypoint().usage();
    });
}

int main() {
    const auto root = std::filesystem::temp_directory_path() /
                      ("facetbox-cpp-" + std::to_string(std::random_device()()));
    std::filesystem::create_directory(root);
    {
        const ManualClock clock(1'000);
        Options options = in_memory();
        options.path = (root / "data").string();
        options.durability = FACETBOX_DURABILITY_NONE;
        options.clock = clock;
        options.alarms = FACETBOX_ALARMS_MANUAL;
        options.idle_ms = 60'000;
        options.max_warm = 100;
        const Runtime runtime = Runtime::open(options);
        const auto sleepers =
            runtime.define<Sleeper>("Sleeper", Value::map({{"path", root.string()}}));
        alarms(runtime, clock, sleepers.get_by_name("a"));
        objects(runtime, sleepers, root.string());
    }
    std::filesystem::remove_all(root);
    return 0;
}
