// The C++ face: values, classes, exceptions through guest code, storage, async calls.
#include "check.hpp"

#include <future>
#include <thread>

using namespace facetbox;

// The call must throw what was thrown within it, as it was.
template <class Exception, class Call>
void comes_out(Call &&call) {
    try {
        call();
    } catch (const Error &error) {
        std::fprintf(stderr, "an Error instead of the exception itself: %s\n", error.what());
        std::exit(1);
    } catch (const Exception &) {
        return;
    }
    std::fprintf(stderr, "no exception\n");
    std::exit(1);
}

static int alive = 0;
static std::promise<void> held, let_go;

class Account : public DurableObject {
public:
    Account(Ctx ctx, Value env) : DurableObject(std::move(ctx), std::move(env)) {
        if (this->ctx().path() == "accounts/refused") throw std::out_of_range("no such account");
        alive++;
    }
    ~Account() override { alive--; }

    Response fetch(const Request &request) override {
        Response response("hello from " + std::string(request.url()));
        response.set_header("x-method", request.method()).set_header("x-body", request.text());
        return response;
    }

    Value call(std::string_view method, ValueView args) override {
        if (method == "echo") return args;
        if (method == "hold") return hold();
        if (method == "kv") return kv();
        if (method == "sql") return sql();
        if (method == "transaction") return transaction();
        if (method == "facets") return facets();
        if (method == "logic_error") throw std::logic_error("as planned");
        if (method == "number") throw 42;
        if (method == "abort") ctx().abort("as asked");
        return DurableObject::call(method, args);
    }

private:
    // Keeps the object busy until it is let go.
    Value hold() {
        held.set_value();
        let_go.get_future().wait();
        return nullptr;
    }

    Value kv() {
        const auto kv = ctx().storage().kv();
        kv.put("b", Value::list({1, "two", nullptr}));
        kv.put("a", 1.5);
        CHECK(kv.get("b")->size() == 3 && !kv.get("c"));
        const auto entries = kv.list();
        CHECK(entries.size() == 2 && entries[0].first == "a" && entries[0].second.to_float() == 1.5);
        CHECK(kv.list(Value::map({{"prefix", "b"}})).size() == 1);
        CHECK(kv.delete_("a") && !kv.delete_("a"));
        return nullptr;
    }

    Value sql() {
        const auto storage = ctx().storage();
        storage.exec("CREATE TABLE t (n INTEGER, text)");
        CHECK(storage.exec("INSERT INTO t VALUES (?, ?), (2, NULL)", 1, "one").rows_written() == 2);
        auto cursor = storage.exec("SELECT * FROM t ORDER BY n");
        CHECK(cursor.column_names() == (std::vector<std::string>{"n", "text"}));
        CHECK((*cursor.next())["text"].to_string() == "one" && cursor.next_raw()->to_json() == "[2,null]" &&
              !cursor.next());
        throws(FACETBOX_ERR_STORAGE, "syntax", [&] { storage.exec("SELEC"); });
        CHECK(storage.database_size() > 0);
        return storage.exec("SELECT count(*) AS c FROM t").one();
    }

    Value transaction() {
        const auto storage = ctx().storage();
        try {
            storage.transaction_sync([&] {
                storage.kv().put("rolled back", true);
                throw std::domain_error("enough");
            });
        } catch (const std::domain_error &error) {
            storage.transaction_sync([&] { storage.kv().put("kept", error.what()); });
        }
        try {
            storage.transaction([&] {
                storage.kv().put("rolled back", true);
                throw std::domain_error("again");
            });
        } catch (const std::domain_error &) {
            storage.transaction([&] {
                facets();
                ctx().facets().delete_("copy");
            });
        }
        return Value::list({storage.kv().get("rolled back").has_value(), *storage.kv().get("kept")});
    }

    Value facets() {
        const auto add = [this](const char *id) {
            const auto facet = ctx().facets().get("child", [this, id] {
                const WorkerCode code = WorkerCode("main.luau")
                                            .module("main.luau",
                                                    "local App = DurableObject:extend('App')\n"
                                                    "function App:id() return tostring(self.ctx.id) end\n"
                                                    "return { App = App }");
                return FacetOptions(ctx().loader().load(code).get_durable_object_class("App"), id);
            });
            return facet.call("id");
        };
        Value ids = Value::list({add("one"), add("ignored: it runs")});
        ctx().facets().abort("child", "again");
        ids.push(add("two"));
        CHECK(ctx().facets().list() == std::vector<std::string>{"child"} && ctx().facets().exists("child"));
        ctx().facets().clone("child", "copy");
        ctx().facets().delete_("child");
        CHECK(!ctx().facets().exists("child") && ctx().facets().exists("copy"));
        comes_out<std::runtime_error>([this] {
            ctx()
                .facets()
                .get("other", []() -> FacetOptions { throw std::runtime_error("won't start"); })
                .call("id");
        });
        return ids;
    }
};

static void values() {
    const Value value =
        Value::map({{"list", Value::list({1, 2.5, "text", true, nullptr})}, {"bytes", Bytes{1, 2}}});
    CHECK(value.to_json() == R"({"list":[1,2.5,"text",true,null],"bytes":{"$bytes":"AQI="}})");
    CHECK(value == Value::from_json(value.to_json()) && value != Value(1));
    CHECK(value["list"][2].to_string() == "text" && value["list"][9].is_null() && value["none"].is_null());
    CHECK(value["bytes"].to_bytes() == (Bytes{1, 2}) && value.key_at(1) == "bytes");
    CHECK(Value(INT64_MAX).to_int() == INT64_MAX && !Value("1").as_int());
    throws(FACETBOX_ERR_INVALID_ARGUMENT, "not a whole number, but number", [&] { value["list"][1].to_int(); });
    throws(FACETBOX_ERR_INVALID_ARGUMENT, "not text, but null", [&] { value["none"].to_string(); });
    throws(FACETBOX_ERR_VALUE_ERROR, "18446744073709551615 is beyond 64 bits", [] { Value(UINT64_MAX); });
    CHECK(Error(FACETBOX_ERR_LIMIT_CPU, "Error", "late").code_name() == "LIMIT_CPU");
    throws(FACETBOX_ERR_INVALID_ARGUMENT, "UTF-8", [] { Value("\xff"); });
    Value copy = value;
    copy.set("more", 1);
    CHECK(copy.size() == 3 && value.size() == 2);
}

static void objects(const Runtime &runtime) {
    const auto accounts = runtime.define<Account>("accounts");
    const auto stub = accounts.get_by_name("a");
    CHECK(stub.call("echo", 1, "x").to_json() == R"([1,"x"])");
    const Value messages = stub.call("echo", Request("PUT", "http://a/").set_body("x"), Response("said"), Value::headers({{"A", "1"}}));
    CHECK(messages[0].as_request()->method() == "PUT" && messages[0].as_request()->text() == "x");
    CHECK(messages[1].as_response()->text() == "said" && !messages[1].as_request() && !messages[0].as_headers());
    CHECK(messages[2].as_headers()->at(0).first == "a" && messages[2].as_headers()->at(0).second == "1");
    CHECK(stub.call("kv").is_null());
    CHECK(stub.call("sql").to_json() == R"({"c":2})");
    CHECK(stub.call("transaction").to_json() == R"([false,"enough"])");
    CHECK(stub.call("facets").to_json() == R"(["one","one","two"])");
    throws(FACETBOX_ERR_NOT_FOUND, "fly", [&] { stub.call("fly"); });
    comes_out<std::logic_error>([&] { stub.call("logic_error"); });
    comes_out<int>([&] { stub.call("number"); });
    comes_out<std::out_of_range>([&] { accounts.get_by_name("refused").call("echo"); });
    comes_out<std::logic_error>([&] { stub.call_async("logic_error").get(); });

    Request request("POST", "http://app/x");
    request.set_body("body").set_header("x-a", "1");
    const Response response = stub.fetch(request);
    CHECK(response.ok() && response.text() == "hello from http://app/x");
    CHECK(response.header("X-Method") == "POST" && response.header("x-body") == "body" &&
          !response.header("x-none"));
    CHECK(response.headers_list().size() == 3);

    CHECK(stub.call_async("echo", Value::list({7})).get().to_json() == "[7]");
    CHECK(stub.fetch_async("http://app/").get().status() == 200);
    throws(FACETBOX_ERR_NOT_FOUND, "fly", [&] { stub.call_async("fly").get(); });

    const auto id = accounts.id_from_name("a");
    CHECK(accounts.id_from_string(id.to_string()) == id && accounts.new_unique_id() != id && stub.id() == id);
    CHECK(stub.name() == id.name());
    CHECK(id.name() == "a" && accounts.get(id).call("echo").size() == 0);
    throws(FACETBOX_ERR_ABORTED, "as asked", [&] { stub.call("abort"); });
    throws(FACETBOX_ERR_ABORTED, "as asked", [&] { stub.call("echo"); });
    CHECK(accounts.get_by_name("a").call("echo").size() == 0);
}

static void cancelling(const Runtime &runtime) {
    const auto stub = runtime.get_namespace("accounts").get_by_name("busy");
    auto holding = stub.call_async("hold");
    held.get_future().wait();
    const Cancel cancel;
    auto waiting = stub.call_async("echo", nullptr, cancel);
    std::thread other([copy = cancel] { copy.fire(); });
    throws(FACETBOX_ERR_ABORTED, "cancelled", [&] { stub.call_list("echo", nullptr, cancel); });
    throws(FACETBOX_ERR_ABORTED, "cancelled", [&] { waiting.get(); });
    throws(FACETBOX_ERR_ABORTED, "cancelled", [&] { stub.fetch("http://app/", cancel); });
    throws(FACETBOX_ERR_ABORTED, "cancelled", [&] { stub.fetch_async("http://app/", cancel).get(); });
    other.join();
    let_go.set_value();
    CHECK(holding.get().is_null() && stub.fetch("http://app/", Cancel()).ok());
}

static void guests(const Runtime &runtime) {
    int calls = 0;
    const auto env = Value::map({
        {"half", Value::function("half",
                                 [](ValueView args) -> Value {
                                     if (args[0].to_int() == 0) throw std::domain_error("zero");
                                     if (args[0].to_int() % 2 != 0)
                                         throw Error(FACETBOX_ERR_GUEST_ERROR, "RangeError", "odd");
                                     return args[0].to_int() / 2;
                                 })},
        {"TOOL", Value::object("TOOL",
                               [](std::string_view method, ValueView args) -> Value {
                                   return std::string(method) + std::to_string(args.size());
                               })},
    });
    const auto code = [&] {
        calls++;
        WorkerCode made("main.luau");
        made.module("main.luau",
                    "local App = DurableObject:extend('App')\n"
                    "function App:half(n) return self.env.half(n) end\n"
                    "function App:catch(n) local ok, e = pcall(self.env.half, n) return e.message end\n"
                    "function App:tool() return self.env.TOOL:do_it(1, 2) end\n"
                    "function App:reach() return fetch('http://example.com/'):text() end\n"
                    "return { App = App }")
            .env(env)
            .global_outbound(
                [](const Request &request) { return Response("no " + std::string(request.url())); });
        return made;
    };
    const auto loader = runtime.loader();
    loader.get("id", code);
    const auto app =
        runtime.define("guests", loader.get("id", code).get_durable_object_class("App")).get_by_name("a");
    CHECK(calls == 1 && app.call("half", 8).to_int() == 4 && app.call("tool").to_string() == "do_it2");
    comes_out<std::domain_error>([&] { app.call("half", 0); });
    CHECK(app.call("catch", 0).to_string() == "zero" && app.call("catch", 1).to_string() == "odd");
    CHECK(app.call("reach").to_string() == "no http://example.com/");
    const Revoker revoker;
    const auto network = Value::function(
        "network", [](ValueView args) -> Value { return Response(args[0].as_request()->url()); });
    const auto fetching = code().global_outbound(revoker.wrap(network));
    const auto wrapped =
        runtime.define("wrapped", loader.load(fetching).get_durable_object_class("App")).get_by_name("a");
    CHECK(wrapped.call("reach").to_string() == "http://example.com/");
    revoker.revoke();
    throws(FACETBOX_ERR_ABORTED, "\"network\" was revoked", [&] { wrapped.call("reach"); });
    try {
        app.call("half", 3);
        CHECK(false);
    } catch (const Error &error) {
        CHECK(error.name() == "RangeError" && error.message() == "odd" &&
              error.what() == std::string("RangeError: odd"));
    }
}

int main() {
    values();
    {
        const auto runtime = Runtime::open(in_memory());
        objects(runtime);
        cancelling(runtime);
        guests(runtime);
        throws(FACETBOX_ERR_NOT_FOUND, "none", [&] { runtime.get_namespace("none"); });
        runtime.close();
        throws(FACETBOX_ERR_CLOSED, "closed", [&] { runtime.define<Account>("late"); });
    }
    CHECK(alive == 0);
}
