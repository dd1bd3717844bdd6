// What the C++ face adds to the C library: handles that move and never copy, and no allocations of its own.
#include "check.hpp"

#include <new>
#include <type_traits>

using namespace facetbox;

// Handles are as large as the pointer that they own, and move without throwing.
template <class T>
constexpr bool is_handle = sizeof(T) == sizeof(void *) && std::is_nothrow_move_constructible_v<T> &&
                           std::is_nothrow_move_assignable_v<T>;
template <class T>
constexpr bool is_move_only = !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T>;

static_assert(is_handle<Runtime> && is_move_only<Runtime>);
static_assert(is_handle<Namespace> && is_move_only<Namespace>);
static_assert(is_handle<Stub> && is_move_only<Stub>);
static_assert(is_handle<Worker> && is_move_only<Worker>);
static_assert(is_handle<Deployment> && is_move_only<Deployment>);
static_assert(is_handle<SqlCursor> && is_move_only<SqlCursor>);
// Values and code are, too; copying one copies what it holds, as with std::string.
static_assert(is_handle<Value> && std::is_copy_constructible_v<Value>);
static_assert(is_handle<WorkerCode> && std::is_copy_constructible_v<WorkerCode>);
// Views are pointers.
static_assert(std::is_trivially_copyable_v<ValueView> && sizeof(ValueView) == sizeof(void *));

static std::size_t allocations = 0;

// Not inlined: compilers would warn of a `free` of what comes from `new`.
[[gnu::noinline]] void *operator new(std::size_t size) {
    allocations++;
    if (void *memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void *memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }

// How often C++ code allocates while it runs.
template <class Code>
std::size_t allocations_of(Code &&code) {
    const std::size_t before = allocations;
    code();
    return allocations - before;
}

class Adder : public DurableObject {
public:
    using DurableObject::DurableObject;
    Value call(std::string_view method, ValueView args) override {
        if (method != "add") return DurableObject::call(method, args);
        return args[0].to_int() + args[1].to_int();
    }
};

static void calls_allocate_nothing() {
    const auto runtime = Runtime::open(":memory:");
    const auto adders = runtime.define<Adder>("adders");
    const Stub stub = adders.get_by_name("one");
    CHECK(stub.call("add", 1, 2).to_int() == 3);  // starts it
    CHECK(allocations_of([&] { CHECK(stub.call("add", 1, 2).to_int() == 3); }) == 0);
    const std::string_view text = "text longer than what a std::string keeps within itself";
    CHECK(allocations_of([&] {
              Value map = Value::map({{"a", text}, {"b", nullptr}});
              map.set("list", Value::list({1, 2.5, text}));
              CHECK(map["a"].as_string() == text && map["list"].size() == 3);
              const Value moved = std::move(map);
              CHECK(moved["list"][0].to_int() == 1);
          }) == 0);
    CHECK(allocations_of([&] { CHECK(adders.name() == "adders"); }) == 0);
}

static const char GUEST[] =
    "import { DurableObject, RpcTarget } from 'cloudflare:workers';\n"
    "class Counter extends RpcTarget { #n = 0; add(n) { return this.#n += n; } }\n"
    "export class App extends DurableObject {\n"
    "    sum() { return (a, b) => a + b; }\n"
    "    counter() { return new Counter(); }\n"
    "    never() { return () => new Promise(() => {}); }\n"
    "}\n";

static void functions_of_guests_are_called() {
    const auto runtime = Runtime::open(in_memory());
    WorkerCode code("app.js");
    code.module("app.js", GUEST);
    const auto apps = runtime.define("apps", runtime.loader().load(code).get_durable_object_class("App"));
    const Stub stub = apps.get_by_name("one");
    const Value sum = stub.call("sum"), counter = stub.call("counter"), never = stub.call("never");
    CHECK(sum.call(20, 22).to_int() == 42);
    CHECK(counter.call_method("add", 1).to_int() == 1 && counter.call_method("add", 2).to_int() == 3);
    CHECK(ValueView(sum).call("a", "b").to_string() == "ab");
    throws(FACETBOX_ERR_NOT_FOUND, "fly", [&] { counter.call_method("fly"); });
    throws(FACETBOX_ERR_INVALID_ARGUMENT, "can't be called", [&] { Value(1).call(); });
    Cancel cancel;
    CHECK(sum.call_list(std::nullopt, Value::list({1, 2}), cancel).to_int() == 3);
    cancel.fire();
    throws(FACETBOX_ERR_ABORTED, "cancelled", [&] { never.call_list(std::nullopt, nullptr, cancel); });
    throws(FACETBOX_ERR_ABORTED, "cancelled", [&] { (void)runtime.run_due_alarms(cancel); });
    throws(FACETBOX_ERR_ABORTED, "cancelled", [&] { (void)runtime.deploy("site", code, nullptr, cancel); });
    const ObjectId id = apps.id_from_name("one");
    throws(FACETBOX_ERR_ABORTED, "cancelled", [&] { apps.export_(id, "/nowhere", cancel); });
    throws(FACETBOX_ERR_ABORTED, "cancelled",
           [&] { (void)apps.query_list(id, nullptr, "SELECT 1", nullptr, cancel); });
}

int main() {
    calls_allocate_nothing();
    functions_of_guests_are_called();
}
