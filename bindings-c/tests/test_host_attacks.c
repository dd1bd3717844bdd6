/* Attacks that a C program can make; docs/host-attacks.md says which test stands for which. */
#define _XOPEN_SOURCE 700
#include "check.h"
#include <pthread.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

enum { THREADS = 64, ADDS = 10 };

static const char GUEST[] =
    "local App = DurableObject:extend('App')\n"
    "function App:echo(value) return value end\n"
    "function App:add()\n"
    "    local kv = self.ctx.storage.kv\n"
    "    kv:put('n', (kv:get('n') or 0) + 1)\n"
    "    return kv:get('n')\n"
    "end\n"
    "function App:down() return 1 + self:down() end\n"
    "function App:run(f, value) return f(value) end\n"
    "function App:often(f) for _ = 1, 900 do pcall(f) end error('its own') end\n"
    "function App:keep(f) App.kept = f end\n"
    "function App:flood() local n = 0 while pcall(App.kept) do n += 1 end return n end\n"
    "function App:burn(started)\n"
    "    self.ctx.storage.sql:exec('CREATE TABLE t(i)')\n"
    "    started()\n"
    "    self.ctx.storage.sql:exec('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) INSERT INTO t SELECT i FROM n')\n"
    "end\n"
    "return { App = App }\n";

static facetbox_runtime_t *runtime;
static facetbox_namespace_t *space;

static facetbox_namespace_t *bind(const facetbox_runtime_t *to, const char *name, const char *source) {
    facetbox_loader_t *loader;
    facetbox_namespace_t *made;
    OK(facetbox_runtime_loader(to, &loader));
    facetbox_class_t *class_ = luau_class(loader, source);
    OK(facetbox_runtime_namespace(to, S(name), class_, NULL, NULL, &made));
    facetbox_class_free(class_);
    facetbox_loader_free(loader);
    return made;
}

static facetbox_stub_t *stub_of(const char *name) {
    facetbox_stub_t *stub;
    OK(facetbox_namespace_get_by_name(space, S(name), &stub));
    return stub;
}

static facetbox_object_id_t *id_of(const char *name) {
    facetbox_object_id_t *id;
    OK(facetbox_namespace_id_from_name(space, S(name), &id));
    return id;
}

/* Calls a method with a function of the host and a text. */
static facetbox_error_t *with_function(const facetbox_stub_t *stub, const char *method, facetbox_function_fn call,
                                       const char *text, facetbox_value_t **result) {
    facetbox_value_t *args = facetbox_value_new_list(), *function, *value;
    OK(facetbox_value_new_function(S("call"), call, NULL, NULL, &function));
    OK(facetbox_value_new_string(S(text), &value));
    OK(facetbox_value_list_push(args, function));
    OK(facetbox_value_list_push(args, value));
    facetbox_error_t *error = facetbox_stub_call(stub, S(method), args, result);
    facetbox_value_free(args);
    return error;
}

static void l001_bytecode_is_not_code(void) {
    static const char *const codes[] = {"\x02\x01\x01", "\x06\x03\x01", "\x1bLua"};
    for (int i = 0; i < 3; i++) {
        char name[30];
        snprintf(name, sizeof name, "bytecode-%d", i);
        facetbox_namespace_t *made = bind(runtime, name, codes[i]);
        facetbox_stub_t *stub;
        OK(facetbox_namespace_get_by_name(made, S("it"), &stub));
        THROWS(stub, "echo", "[1]", LOAD_ERROR, "");
        facetbox_stub_free(stub);
        facetbox_namespace_free(made);
    }
}

static void *recurse(void *stub) {
    THROWS((facetbox_stub_t *)stub, "down", "[]", LIMIT_STACK, "");
    return NULL;
}

static void l038_l040_recursion_on_small_stacks(void) {
    facetbox_stub_t *stub = stub_of("deep");
    for (size_t kib = 256; kib <= 512; kib *= 2) {
        pthread_attr_t attributes;
        pthread_t thread;
        pthread_attr_init(&attributes);
        CHECK(pthread_attr_setstacksize(&attributes, kib << 10) == 0);
        CHECK(pthread_create(&thread, &attributes, recurse, stub) == 0);
        pthread_join(thread, NULL);
        pthread_attr_destroy(&attributes);
    }
    facetbox_stub_free(stub);
}

static facetbox_error_t *fail(void *user_data, const facetbox_value_t *args, facetbox_value_t **result) {
    (void)user_data, (void)args, (void)result;
    return facetbox_error_new(FACETBOX_ERR_GUEST_ERROR, S("RangeError"), S("of the host"));
}

static void f003_errors_that_a_guest_caught_never_come_back(void) {
    facetbox_stub_t *stub = stub_of("catcher");
    facetbox_value_t *result = NULL;
    FAILS(with_function(stub, "often", fail, "", &result), GUEST_ERROR, "its own");
    ANSWERS(stub, "echo", "[1]", "1");
    facetbox_stub_free(stub);
}

static void *add(void *stub) {
    for (int i = 0; i < ADDS; i++) {
        facetbox_value_t *result = NULL;
        OK(call_json(stub, "add", "[]", &result));
        facetbox_value_free(result);
    }
    facetbox_stub_free(stub);
    return NULL;
}

static void f008_one_object_from_64_threads(void) {
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, add, stub_of("counter")) == 0);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    facetbox_stub_t *stub = stub_of("counter");
    ANSWERS(stub, "add", "[]", "641");
    facetbox_stub_free(stub);
}

static facetbox_error_t *again(void *user_data, const facetbox_value_t *args, facetbox_value_t **result) {
    (void)user_data, (void)args;
    facetbox_stub_t *stub = stub_of("chain");
    facetbox_error_t *error = with_function(stub, "run", again, "", result);
    facetbox_stub_free(stub);
    return error;
}

static void j016_f010_calls_without_end_end_at_the_depth_limit(void) {
    facetbox_stub_t *stub = stub_of("chain");
    facetbox_value_t *result = NULL;
    FAILS(with_function(stub, "run", again, "", &result), LIMIT_DEPTH, "");
    ANSWERS(stub, "echo", "[1]", "1");
    facetbox_stub_free(stub);
}

static facetbox_error_t *harm(void *user_data, const facetbox_value_t *args, facetbox_value_t **result) {
    (void)user_data;
    facetbox_str_t how = facetbox_value_as_string(facetbox_value_at(args, 0));
    facetbox_object_id_t *id = id_of("harmed");
    facetbox_error_t *error = NULL;
    if (equals(how, "delete")) error = facetbox_namespace_delete(space, id);
    if (equals(how, "query")) error = facetbox_namespace_query(space, id, NULL, S("SELECT 1"), NULL, result);
    if (equals(how, "usage")) error = facetbox_namespace_usage(space, id, result);
    facetbox_object_id_free(id);
    return error;
}

static void f011_a_function_may_harm_the_object_that_runs_it(void) {
    static const char *const ways[] = {"delete", "query", "usage"};
    for (int i = 0; i < 3; i++) {
        facetbox_stub_t *stub = stub_of("harmed");
        facetbox_value_t *result = NULL;
        facetbox_error_t *error = with_function(stub, "run", harm, ways[i], &result);
        CHECK(facetbox_error_code(error) != FACETBOX_ERR_PANIC);
        facetbox_error_free(error);
        facetbox_value_free(result);
        facetbox_stub_free(stub);
        stub = stub_of("harmed");
        ANSWERS(stub, "echo", "[2]", "2");
        facetbox_stub_free(stub);
    }
}

static void f017_a_value_of_200_levels_is_refused(void) {
    facetbox_value_t *value = facetbox_value_new_list();
    facetbox_error_t *error = NULL;
    for (int i = 0; i < 200 && error == NULL; i++) {
        facetbox_value_t *outer = facetbox_value_new_list();
        error = facetbox_value_list_push(outer, value);
        value = outer;
    }
    if (error == NULL) {
        facetbox_stub_t *stub = stub_of("deep");
        facetbox_value_t *result = NULL;
        error = facetbox_stub_call(stub, S("echo"), value, &result);
        facetbox_stub_free(stub);
    }
    FAILS(error, VALUE_ERROR, "");
    facetbox_value_free(value);
}

static void f020_hostile_json_is_an_error_or_a_value(void) {
    static const char *const bad[] = {"[1] 2", "1e400", "\"\\ud800\"", "nul", "", "{\"$bigint\": 5}", "{\"$map\": [1]}"};
    facetbox_value_t *value;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        value = NULL;
        facetbox_error_t *error = facetbox_value_from_json(S(bad[i]), &value);
        CHECK((error == NULL) == (value != NULL));
        facetbox_error_free(error);
        facetbox_value_free(value);
    }
    size_t levels = 100000;
    char *deep = malloc(levels);
    memset(deep, '[', levels);
    FAILS(facetbox_value_from_json((facetbox_str_t){deep, levels}, &value), INVALID_ARGUMENT, "");
    free(deep);
    CHECK(is_json(json("{\"a\": 1, \"a\": 2, \"\\u0000\": -0}"), "{\"a\": 2, \"\\u0000\": 0}"));
}

static void f021_limits_that_are_none_are_refused(void) {
    static const char *const limits[] = {"{\"cpuMs\": 0}", "{\"cpuMs\": -1}", "{\"cpuMs\": \"1\"}", "{\"cpuMs\": 0.5}", "{\"memoryBytes\": 18446744073709551616}",
                                         "{\"wallMs\": {\"$float\": \"NaN\"}}", "{\"storageBytes\": {\"$float\": \"Infinity\"}}", "{\"none\": 1}", "[1]", "5"};
    facetbox_options_t *options = facetbox_options_new();
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        facetbox_value_t *value = json(limits[i]);
        FAILS(facetbox_options_set_limits(options, value), INVALID_ARGUMENT, "");
        facetbox_value_free(value);
    }
    facetbox_options_free(options);
}

static void f022_d002_texts_are_read_by_their_length_and_checked(void) {
    char exact[4] = {'t', 'e', 'x', 't'}; /* nothing ends it */
    facetbox_value_t *value;
    OK(facetbox_value_new_string((facetbox_str_t){exact, 4}, &value));
    CHECK(equals(facetbox_value_as_string(value), "text"));
    facetbox_value_free(value);
    OK(facetbox_value_new_string((facetbox_str_t){(const char *)1, 0}, &value));
    facetbox_value_free(value);
    const facetbox_str_t bad[] = {{"\xff", 1}, {"a\xc3", 2}, {"\xed\xa0\x80", 3}, {NULL, 5}, {"x", SIZE_MAX}, {"x", (size_t)PTRDIFF_MAX + 1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        facetbox_stub_t *stub = NULL;
        facetbox_object_id_t *id = NULL;
        FAILS(facetbox_value_new_string(bad[i], &value), INVALID_ARGUMENT, "");
        FAILS(facetbox_value_from_json(bad[i], &value), INVALID_ARGUMENT, "");
        FAILS(facetbox_namespace_get_by_name(space, bad[i], &stub), INVALID_ARGUMENT, "");
        FAILS(facetbox_namespace_id_from_name(space, bad[i], &id), INVALID_ARGUMENT, "");
        CHECK(stub == NULL && id == NULL);
    }
}

static int calls;

static facetbox_error_t *count(void *user_data, const facetbox_value_t *args, facetbox_value_t **result) {
    (void)user_data, (void)args, (void)result;
    calls++;
    return NULL;
}

static void f025_a_kept_function_is_counted_in_each_event(void) {
    facetbox_stub_t *stub = stub_of("keeper");
    facetbox_value_t *result = NULL;
    OK(with_function(stub, "keep", count, "", &result));
    facetbox_value_free(result);
    ANSWERS(stub, "flood", "[]", "1000");
    ANSWERS(stub, "flood", "[]", "1000");
    CHECK(calls == 2000);
    facetbox_stub_free(stub);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int burning;

static facetbox_error_t *started(void *user_data, const facetbox_value_t *args, facetbox_value_t **result) {
    (void)user_data, (void)args, (void)result;
    pthread_mutex_lock(&lock);
    burning = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void *burn(void *stub) {
    facetbox_value_t *result = NULL;
    facetbox_error_t *error = with_function(stub, "burn", started, "", &result);
    CHECK(error != NULL);
    facetbox_error_free(error);
    facetbox_stub_free(stub);
    return NULL;
}

static void l089_s059_closing_ends_a_statement_and_leaves_the_data_whole(void) {
    char root[] = "/tmp/facetbox-test-XXXXXX";
    CHECK(mkdtemp(root) != NULL);
    facetbox_options_t *options = facetbox_options_new();
    facetbox_value_t *limits = json("{\"cpuMs\": 60000, \"wallMs\": 60000}"), *report;
    OK(facetbox_options_set_path(options, S(root)));
    OK(facetbox_options_set_limits(options, limits));
    facetbox_runtime_t *own;
    facetbox_stub_t *stub;
    pthread_t thread;
    OK(facetbox_runtime_open(options, &own));
    facetbox_namespace_t *objects = bind(own, "app", GUEST);
    OK(facetbox_namespace_get_by_name(objects, S("it"), &stub));
    CHECK(pthread_create(&thread, NULL, burn, stub) == 0);
    pthread_mutex_lock(&lock);
    while (!burning) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    OK(facetbox_runtime_close(own));
    pthread_join(thread, NULL);
    facetbox_namespace_free(objects);
    facetbox_runtime_free(own);
    OK(facetbox_runtime_open(options, &own));
    OK(facetbox_runtime_verify(own, &report));
    CHECK(facetbox_value_len(facetbox_value_map_get(report, S("problems"))) == 0);
    facetbox_value_free(report);
    facetbox_runtime_free(own);
    facetbox_value_free(limits);
    facetbox_options_free(options);
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    CHECK(system(command) == 0);
}

static void s053_places_that_are_no_export_are_not_imported(void) {
    char root[] = "/tmp/facetbox-test-XXXXXX", pipe[100];
    CHECK(mkdtemp(root) != NULL);
    snprintf(pipe, sizeof pipe, "%s/data.sqlite", root);
    CHECK(mkfifo(pipe, 0600) == 0);
    const char *const places[] = {"/dev/zero", "/dev/null", "/nonexistent", "/etc", root, pipe, "", "/proc/self/mem"};
    facetbox_object_id_t *id = id_of("new");
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        facetbox_error_t *error = facetbox_namespace_import(space, id, S(places[i]));
        CHECK(error != NULL && facetbox_error_code(error) != FACETBOX_ERR_PANIC);
        facetbox_error_free(error);
    }
    facetbox_object_id_free(id);
    CHECK(unlink(pipe) == 0 && rmdir(root) == 0);
}

int main(void) {
    runtime = open_memory();
    space = bind(runtime, "app", GUEST);
    l001_bytecode_is_not_code();
    l038_l040_recursion_on_small_stacks();
    f003_errors_that_a_guest_caught_never_come_back();
    f008_one_object_from_64_threads();
    j016_f010_calls_without_end_end_at_the_depth_limit();
    f011_a_function_may_harm_the_object_that_runs_it();
    f017_a_value_of_200_levels_is_refused();
    f020_hostile_json_is_an_error_or_a_value();
    f021_limits_that_are_none_are_refused();
    f022_d002_texts_are_read_by_their_length_and_checked();
    f025_a_kept_function_is_counted_in_each_event();
    l089_s059_closing_ends_a_statement_and_leaves_the_data_whole();
    s053_places_that_are_no_export_are_not_imported();
    facetbox_namespace_free(space);
    facetbox_runtime_free(runtime);
    return 0;
}
