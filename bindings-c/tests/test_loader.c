/* Guest code: modules, env with functions and objects of the host, outbound requests, entrypoints, limits. */
#include "check.h"

static const char GUEST[] =
    "local util = require('./util')\n"
    "local App = DurableObject:extend('App')\n"
    "function App:modules() return { util.double(4), require('./text'), require('./data'), require('./json') "
    "} end\n"
    "function App:env() return self.env.NUMBER end\n"
    "function App:props() return self.ctx.props end\n"
    "function App:hello(who) return self.env.hello(who) end\n"
    "function App:tool(method, n) return self.env.TOOL[method](self.env.TOOL, n) end\n"
    "function App:caught() local ok, e = pcall(self.env.hello, 1) return { ok, e.name, e.message } end\n"
    "function App:reach(url) return fetch(url):text() end\n"
    "function App:loop() while true do end end\n"
    "function App:hoard() local t = {} while true do t[#t + 1] = string.rep('x', 1000) .. #t end end\n"
    "function App:recurse() local function f() return 1 + f() end return f() end\n"
    "function App:cycle() local t = {} t.self = t return t end\n"
    "local Main = WorkerEntrypoint:extend('Main')\n"
    "function Main:square(n) return n * n end\n"
    "return { App = App, default = Main }\n";

static int drops;

static void count_drop(void *user_data) {
    CHECK(user_data == &drops);
    drops++;
}

static facetbox_error_t *hello(void *user_data, const facetbox_value_t *args, facetbox_value_t **result) {
    CHECK(user_data == &drops);
    facetbox_str_t who = facetbox_value_as_string(facetbox_value_at(args, 0));
    if (who.data == NULL) return facetbox_error_new(FACETBOX_ERR_GUEST_ERROR, S("TypeError"), S("who?"));
    char text[50];
    snprintf(text, sizeof text, "hello %.*s", (int)who.len, who.data);
    return facetbox_value_new_string(S(text), result);
}

static facetbox_error_t *tool(void *user_data, facetbox_str_t method, const facetbox_value_t *args,
                              facetbox_value_t **result) {
    int64_t number = 0;
    CHECK(user_data == &drops);
    if (!equals(method, "triple")) return facetbox_error_no_such_method(method);
    CHECK(facetbox_value_as_int(facetbox_value_at(args, 0), &number));
    *result = facetbox_value_new_int(3 * number);
    return NULL;
}

static facetbox_error_t *outbound(void *user_data, const facetbox_request_t *request,
                                  facetbox_response_t **response) {
    CHECK(user_data == &drops);
    return facetbox_response_new_text(facetbox_request_url(request), response);
}

static facetbox_value_t *env(void) {
    facetbox_value_t *map = json("{\"NUMBER\": 42}"), *function, *object;
    OK(facetbox_value_new_function(S("hello"), hello, &drops, count_drop, &function));
    OK(facetbox_value_map_set(map, S("hello"), function));
    OK(facetbox_value_new_object(S("TOOL"), tool, &drops, count_drop, &object));
    OK(facetbox_value_map_set(map, S("TOOL"), object));
    return map;
}

/* Under valgrind everything takes twenty times as long, and more. */
static facetbox_value_t *limits_for_this_machine(void) {
    return json(getenv("FACETBOX_SLOW") ? "{\"cpuMs\": 5000, \"wallMs\": 300000, \"memoryBytes\": 4000000}"
                                        : "{\"cpuMs\": 50, \"memoryBytes\": 4000000}");
}

static facetbox_worker_code_t *code(void) {
    facetbox_worker_code_t *code;
    facetbox_value_t *values = env(), *limits = limits_for_this_machine(), *data = json("{\"a\": 1}");
    const facetbox_bytes_t bytes = {(const uint8_t *)"\1\2", 2};
    OK(facetbox_worker_code_new(S("main.luau"), &code));
    OK(facetbox_worker_code_add_module(code, S("main.luau"), S(GUEST)));
    OK(facetbox_worker_code_add_luau(code, S("util"), S("return { double = function(n) return 2 * n end }")));
    OK(facetbox_worker_code_add_text(code, S("text"), S("some text")));
    OK(facetbox_worker_code_add_data(code, S("data"), bytes));
    OK(facetbox_worker_code_add_json(code, S("json"), data));
    FAILS(facetbox_worker_code_add_module(code, S("x.py"), S("")), INVALID_ARGUMENT, "x.py");
    OK(facetbox_worker_code_set_env(code, values));
    OK(facetbox_worker_code_set_limits(code, limits));
    FAILS(facetbox_worker_code_set_limits(code, values), INVALID_ARGUMENT, "Unknown limit");
    facetbox_value_free(data);
    facetbox_value_free(limits);
    facetbox_value_free(values);
    return code;
}

static facetbox_stub_t *object_of(facetbox_runtime_t *runtime, const char *space_name,
                                  facetbox_worker_t *worker, const char *export) {
    facetbox_value_t *props = json("{\"tenant\": 7}");
    facetbox_class_t *class_;
    facetbox_namespace_t *space;
    facetbox_stub_t *stub;
    OK(facetbox_worker_get_durable_object_class(worker, S(export), props, NULL, &class_));
    OK(facetbox_runtime_namespace(runtime, S(space_name), class_, NULL, NULL, &space));
    OK(facetbox_namespace_get_by_name(space, S("a"), &stub));
    facetbox_namespace_free(space);
    facetbox_class_free(class_);
    facetbox_value_free(props);
    return stub;
}

/* A guest class is a namespace's class, with all that its code is given. */
static void guest_as_supervisor(const facetbox_stub_t *stub) {
    ANSWERS(stub, "modules", "[]", "[8, \"some text\", {\"$bytes\": \"AQI=\"}, {\"a\": 1}]");
    ANSWERS(stub, "env", "[]", "42");
    ANSWERS(stub, "props", "[]", "{\"tenant\": 7}");
    ANSWERS(stub, "hello", "[\"you\"]", "\"hello you\"");
    ANSWERS(stub, "tool", "[\"triple\", 5]", "15");
    ANSWERS(stub, "caught", "[]", "[false, \"TypeError\", \"who?\"]");
    THROWS(stub, "hello", "[1]", GUEST_ERROR, "who?");
    THROWS(stub, "tool", "[\"fly\", 1]", NOT_FOUND, "fly");
    THROWS(stub, "missing", "[]", NOT_FOUND, "missing");
    THROWS(stub, "reach", "[\"http://example.com/\"]", UNSUPPORTED, "not permitted to access the internet");
}

/* What a guest does to the process: nothing. */
static void guest_without_end(const facetbox_stub_t *stub) {
    THROWS(stub, "loop", "[]", LIMIT_CPU, "the limit cpuMs of guest/a");
    THROWS(stub, "hoard", "[]", LIMIT_MEMORY, "4000000");
    THROWS(stub, "recurse", "[]", LIMIT_STACK, "");
    THROWS(stub, "cycle", "[]", VALUE_ERROR, "");
    ANSWERS(stub, "env", "[]", "42");
}

static void outbound_handler(facetbox_runtime_t *runtime, const facetbox_loader_t *loader,
                             const facetbox_worker_code_t *code) {
    facetbox_worker_t *worker;
    facetbox_worker_code_t *open = facetbox_worker_code_clone(code);
    OK(facetbox_worker_code_set_global_outbound(open, outbound, &drops, count_drop));
    OK(facetbox_loader_load(loader, open, &worker));
    facetbox_worker_code_free(open);
    facetbox_stub_t *stub = object_of(runtime, "open", worker, "App");
    ANSWERS(stub, "reach", "[\"http://example.com/page\"]", "\"http://example.com/page\"");
    facetbox_stub_free(stub);
    facetbox_worker_free(worker);
}

static facetbox_error_t *network(void *user_data, const facetbox_value_t *args, facetbox_value_t **result) {
    facetbox_request_t *request = NULL;
    facetbox_response_t *response;
    CHECK(user_data == NULL && facetbox_value_as_request(facetbox_value_at(args, 0), &request));
    OK(facetbox_response_new_text(facetbox_request_url(request), &response));
    OK(facetbox_value_new_response(response, result));
    facetbox_response_free(response);
    facetbox_request_free(request);
    return NULL;
}

static void outbound_function(facetbox_runtime_t *runtime, const facetbox_loader_t *loader,
                              const facetbox_worker_code_t *code) {
    facetbox_revoker_t *revoker = facetbox_revoker_new();
    facetbox_worker_t *worker;
    facetbox_worker_code_t *open = facetbox_worker_code_clone(code);
    facetbox_value_t *function, *wrapped, *number = facetbox_value_new_int(1);
    OK(facetbox_value_new_function(S("network"), network, NULL, NULL, &function));
    OK(facetbox_revoker_wrap(revoker, function, &wrapped));
    FAILS(facetbox_worker_code_set_global_outbound_value(open, number), INVALID_ARGUMENT, "got integer");
    OK(facetbox_worker_code_set_global_outbound_value(open, wrapped));
    OK(facetbox_loader_load(loader, open, &worker));
    facetbox_worker_code_free(open);
    facetbox_stub_t *stub = object_of(runtime, "function", worker, "App");
    ANSWERS(stub, "reach", "[\"http://example.com/page\"]", "\"http://example.com/page\"");
    OK(facetbox_revoker_revoke(revoker));
    THROWS(stub, "reach", "[\"http://example.com/page\"]", ABORTED, "The function \"network\" was revoked.");
    facetbox_value_free(number);
    facetbox_value_free(wrapped);
    facetbox_value_free(function);
    facetbox_revoker_free(revoker);
    facetbox_stub_free(stub);
    facetbox_worker_free(worker);
}

static void entrypoint(facetbox_worker_t *worker) {
    const facetbox_str_t default_export = {NULL, 0};
    facetbox_stub_t *stub;
    facetbox_object_id_t *id;
    OK(facetbox_worker_get_entrypoint(worker, default_export, NULL, NULL, &stub));
    ANSWERS(stub, "square", "[9]", "81");
    OK(facetbox_stub_id(stub, &id));
    CHECK(id == NULL && facetbox_stub_name(stub).data == NULL);
    facetbox_stub_free(stub);
}

static facetbox_error_t *give_code(void *user_data, facetbox_worker_code_t **out) {
    if (++*(int *)user_data == 1)
        return facetbox_error_new(FACETBOX_ERR_GUEST_ERROR, S("Error"), S("not yet"));
    OK(facetbox_worker_code_new(S("main.luau"), out));
    return facetbox_worker_code_add_module(
        *out, S("main.luau"),
        S("local A = DurableObject:extend('A')\nfunction A:one() return 1 end\nreturn { A = A }"));
}

/* A failure isn't cached; what was loaded is. */
static void cache(facetbox_runtime_t *runtime, const facetbox_loader_t *loader) {
    int calls = 0;
    facetbox_worker_t *failed, *worker, *again;
    OK(facetbox_loader_get(loader, S("id"), give_code, &calls, &failed));
    OK(facetbox_loader_get(loader, S("id"), give_code, &calls, &worker));
    OK(facetbox_loader_get(loader, S("id"), give_code, &calls, &again));
    CHECK(calls == 2);
    facetbox_stub_t *bad = object_of(runtime, "failed", failed, "A"),
                    *good = object_of(runtime, "cached", again, "A");
    THROWS(bad, "one", "[]", GUEST_ERROR, "not yet");
    ANSWERS(good, "one", "[]", "1");
    facetbox_stub_free(good);
    facetbox_stub_free(bad);
    facetbox_worker_free(again);
    facetbox_worker_free(worker);
    facetbox_worker_free(failed);
}

static void bad_code(facetbox_runtime_t *runtime, const facetbox_loader_t *loader) {
    facetbox_class_t *class_ = luau_class(loader, "return {\n  = }");
    facetbox_namespace_t *space;
    facetbox_stub_t *stub;
    OK(facetbox_runtime_namespace(runtime, S("syntax"), class_, NULL, NULL, &space));
    OK(facetbox_namespace_get_by_name(space, S("a"), &stub));
    THROWS(stub, "x", "[]", LOAD_ERROR, "main.luau:2");
    facetbox_stub_free(stub);
    facetbox_namespace_free(space);
    facetbox_class_free(class_);

    facetbox_worker_code_t *code;
    facetbox_worker_t *worker = NULL;
    facetbox_value_t *map =
        json("{\"mainModule\": \"a.luau\", \"modules\": {\"a.luau\": \"return {}\"}, \"limit\": {}}");
    FAILS(facetbox_worker_code_from_value(map, &code), INVALID_ARGUMENT, "'limit'");
    facetbox_value_free(map);
    OK(facetbox_worker_code_new(S("main.luau"), &code));
    FAILS(facetbox_loader_load(loader, code, &worker), LOAD_ERROR, "at least one module");
    CHECK(worker == NULL);
    facetbox_worker_code_free(code);
}

int main(void) {
    facetbox_runtime_t *runtime = open_memory();
    facetbox_loader_t *loader;
    facetbox_worker_t *worker;
    facetbox_worker_code_t *guest = code();
    OK(facetbox_runtime_loader(runtime, &loader));
    OK(facetbox_loader_load(loader, guest, &worker));

    facetbox_stub_t *stub = object_of(runtime, "guest", worker, "App"),
                    *missing = object_of(runtime, "none", worker, "Missing");
    THROWS(missing, "x", "[]", NOT_FOUND, "Missing");
    guest_as_supervisor(stub);
    guest_without_end(stub);
    outbound_handler(runtime, loader, guest);
    outbound_function(runtime, loader, guest);
    entrypoint(worker);
    cache(runtime, loader);
    bad_code(runtime, loader);

    facetbox_runtime_free(runtime);
    facetbox_stub_free(missing);
    facetbox_stub_free(stub);
    facetbox_worker_code_free(guest);
    facetbox_worker_free(worker);
    facetbox_loader_free(loader);
    CHECK(drops == 3);
    return 0;
}
