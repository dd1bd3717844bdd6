/* Calls functions of the C ABI in any order, with arguments out of a pool, on several threads:
 *
 *     fuzz_calls SECONDS [SEED]
 *
 * Every call keeps the rules that the header states about ownership and NULL, and no other: handles may be of runtimes
 * that are closed, frees come in any order, callbacks fail and call back. An error that is a PANIC, an output that is
 * written beside an error, or a call that never returns is a finding; a sanitizer and valgrind see the rest. */
#define _XOPEN_SOURCE 700
#include "check.h"
#include <pthread.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 3, SLOTS = 12 };

static double seconds = 2;
static uint64_t first_seed = 1;
static const char *volatile step = "nothing"; /* of any thread: where a hang began */

static const char *const TEXTS[] = {
    "", "a", "App", "echo", "fail", "burn", "main.luau", "main.js", "default", "http://a/", "GET", "POST", "x-a", "\xff", "__proto__", "text\n", "SELECT 1", "DROP TABLE _fb_kv",
    "{\"mainModule\": \"main.luau\", \"modules\": {\"main.luau\": \"return {}\"}}", "[1, [2, {\"a\": null}]]", "{\"cpuMs\": 50, \"wallMs\": 400}", "{\"$map\": [[1, 2]]}", "{\"$error\": {\"name\": \"E\", \"message\": \"m\"}}", "[[", "{\"$bytes\": \"AQID\"}", "-9223372036854775808", "1e308", "/nonexistent/x",
    "local App = DurableObject:extend('App') function App:echo(...) return ... end function App:fail() error('x') end function App:burn() while true do end end function App:fetch() return Response.new('x') end return { App = App }",
    "import { DurableObject } from 'facetbox'; export class App extends DurableObject { echo(x) { return x; } fail() { throw new Error('x'); } burn() { for (;;); } } export default { fetch() { return new Response('x'); } };",
};
enum { TEXT_COUNT = sizeof TEXTS / sizeof *TEXTS };

/* What one thread has; each type of handle has some slots, any of which may be NULL. */
typedef struct {
    uint64_t random;
    unsigned long calls, failed;
    facetbox_value_t *value[SLOTS];
    facetbox_error_t *error[SLOTS];
    facetbox_request_t *request[SLOTS];
    facetbox_response_t *response[SLOTS];
    facetbox_options_t *options[SLOTS];
    facetbox_runtime_t *runtime[2];
    facetbox_loader_t *loader[SLOTS];
    facetbox_worker_code_t *code[SLOTS];
    facetbox_worker_t *worker[SLOTS];
    facetbox_class_t *class_[SLOTS];
    facetbox_namespace_t *space[SLOTS];
    facetbox_object_id_t *id[SLOTS];
    facetbox_stub_t *stub[SLOTS];
    facetbox_cancel_t *cancel[SLOTS];
    facetbox_revoker_t *revoker[SLOTS];
} pool_t;

static uint64_t next(pool_t *p) {
    p->random ^= p->random << 13;
    p->random ^= p->random >> 7;
    p->random ^= p->random << 17;
    return p->random;
}

static size_t below(pool_t *p, size_t bound) { return next(p) % bound; }

static facetbox_str_t text(pool_t *p) {
    switch (below(p, 40)) {
        case 0: return (facetbox_str_t){NULL, 0};
        case 1: return (facetbox_str_t){NULL, 7};
        case 2: return (facetbox_str_t){"a\0b", 3};
        default: return S(TEXTS[below(p, TEXT_COUNT)]);
    }
}

#define ANY(type) (p->type[below(p, sizeof p->type / sizeof *p->type)])

/* Counts an error and keeps some; `written` says whether an output was written beside it. */
static void done(pool_t *p, facetbox_error_t *error, bool written, const char *call) {
    p->calls++;
    if (error == NULL) return;
    p->failed++;
    facetbox_str_t message = facetbox_error_message(error);
    if (facetbox_error_code(error) == FACETBOX_ERR_PANIC || written) {
        fprintf(stderr, "fuzz_calls: %s: %s%.*s\n", call, written ? "wrote its output beside " : "PANIC ", (int)message.len, message.data);
        exit(1);
    }
    facetbox_error_t **slot = &ANY(error);
    facetbox_error_free(*slot);
    *slot = error;
}

/* Makes a handle into some slot, whose old one is freed: MAKE(value, facetbox_value_new_string(text(p), &made)). */
#define MAKE(type, call)                                              \
    do {                                                              \
        step = #call;                                                 \
        __typeof__(p->type[0]) made = NULL, *slot;                    \
        facetbox_error_t *error_ = (call);                            \
        done(p, error_, error_ != NULL && made != NULL, #call);       \
        if (error_ == NULL) slot = &ANY(type), free_##type(*slot), *slot = made; \
    } while (0)
#define PUT(type, expression)                          \
    do {                                               \
        step = #expression;                            \
        __typeof__(p->type[0]) made = (expression);    \
        __typeof__(p->type[0]) *slot = &ANY(type);     \
        if (made != *slot) free_##type(*slot);         \
        *slot = made, p->calls++;                      \
    } while (0)
#define TRY(call) (step = #call, done(p, (call), false, #call))
#define DROP(type)                                 \
    do {                                           \
        __typeof__(p->type[0]) *slot = &ANY(type); \
        free_##type(*slot);                        \
        *slot = NULL, p->calls++;                  \
    } while (0)

#define free_value facetbox_value_free
#define free_error facetbox_error_free
#define free_request facetbox_request_free
#define free_response facetbox_response_free
#define free_options facetbox_options_free
#define free_runtime facetbox_runtime_free
#define free_loader facetbox_loader_free
#define free_code facetbox_worker_code_free
#define free_worker facetbox_worker_free
#define free_class_ facetbox_class_free
#define free_space facetbox_namespace_free
#define free_id facetbox_object_id_free
#define free_stub facetbox_stub_free
#define free_cancel facetbox_cancel_free
#define free_revoker facetbox_revoker_free

/* Takes a value out of its slot, for functions that own what they get. */
static facetbox_value_t *taken(pool_t *p) {
    facetbox_value_t **slot = &ANY(value), *value = *slot;
    *slot = NULL;
    return value;
}

static facetbox_error_t *call_back(void *user_data, const facetbox_value_t *args, facetbox_value_t **result) {
    (void)user_data;
    switch (facetbox_value_len(args) % 3) {
        case 0: return NULL;
        case 1: return facetbox_error_new((int32_t)facetbox_value_len(args), S("RangeError"), S("from the callback"));
        default: *result = facetbox_value_clone(facetbox_value_at(args, 0)); return NULL;
    }
}

static void call_done(void *user_data, facetbox_error_t *error, facetbox_value_t *result) {
    (void)user_data;
    facetbox_error_free(error);
    facetbox_value_free(result);
}

static facetbox_error_t *give_code(void *user_data, facetbox_worker_code_t **code) {
    *code = facetbox_worker_code_clone(user_data);
    return *code == NULL ? facetbox_error_new(FACETBOX_ERR_GUEST_ERROR, S("Error"), S("no code")) : NULL;
}

static void values(pool_t *p) {
    size_t at = below(p, 5);
    switch (below(p, 20)) {
        case 0: PUT(value, facetbox_value_new_int((int64_t)next(p))); break;
        case 1: PUT(value, facetbox_value_new_float((double)(int64_t)next(p) / 3)); break;
        case 2: PUT(value, below(p, 2) ? facetbox_value_new_list() : facetbox_value_new_set()); break;
        case 3: PUT(value, below(p, 2) ? facetbox_value_new_map() : facetbox_value_new_dict()); break;
        case 4: MAKE(value, facetbox_value_new_string(text(p), &made)); break;
        case 5: MAKE(value, facetbox_value_from_json(text(p), &made)); break;
        case 6: MAKE(value, facetbox_value_to_json(ANY(value), &made)); break;
        case 7: { facetbox_value_t *item = taken(p); TRY(facetbox_value_list_push(ANY(value), item)); break; }
        case 8: { facetbox_value_t *item = taken(p); TRY(facetbox_value_map_set(ANY(value), text(p), item)); break; }
        case 9: { facetbox_value_t *key = taken(p), *item = taken(p); TRY(facetbox_value_dict_push(ANY(value), key, item)); break; }
        case 10: PUT(value, facetbox_value_clone(ANY(value))); break;
        case 11: MAKE(value, facetbox_value_new_function(text(p), call_back, p, NULL, &made)); break;
        case 12: MAKE(value, facetbox_value_new_bigint(text(p), &made)); break;
        case 13: MAKE(value, facetbox_value_new_error(ANY(error), &made)); break;
        case 14: MAKE(value, below(p, 2) ? facetbox_value_new_stub(ANY(stub), &made) : facetbox_value_new_loader(ANY(loader), &made)); break;
        case 15: (void)facetbox_value_equals(ANY(value), ANY(value)); break;
        case 16: PUT(revoker, facetbox_revoker_new()); break;
        case 17: MAKE(value, facetbox_revoker_wrap(ANY(revoker), ANY(value), &made)); break;
        case 18: if (below(p, 8) == 0) TRY(facetbox_revoker_revoke(ANY(revoker))); (void)facetbox_revoker_is_revoked(ANY(revoker)); break;
        default: PUT(value, facetbox_value_clone(facetbox_value_at(ANY(value), at))); break;
    }
}

static void messages(pool_t *p) {
    switch (below(p, 9)) {
        case 0: MAKE(request, facetbox_request_new(text(p), text(p), &made)); break;
        case 1: MAKE(response, facetbox_response_new((uint16_t)next(p), &made)); break;
        case 2: MAKE(response, facetbox_response_new_text(text(p), &made)); break;
        case 3: TRY(facetbox_headers_append(facetbox_request_headers_mut(ANY(request)), text(p), text(p))); break;
        case 4: TRY(facetbox_headers_delete(facetbox_response_headers_mut(ANY(response)), text(p))); break;
        case 5: PUT(request, facetbox_request_clone(ANY(request))); break;
        case 6: PUT(response, facetbox_response_clone(ANY(response))); break;
        case 7: PUT(error, facetbox_error_new((int32_t)below(p, 1000), text(p), text(p))); break;
        default: PUT(error, facetbox_error_clone(ANY(error))); break;
    }
}

static void loading(pool_t *p) {
    switch (below(p, 12)) {
        case 0: MAKE(code, facetbox_worker_code_new(text(p), &made)); break;
        case 1: MAKE(code, facetbox_worker_code_from_value(ANY(value), &made)); break;
        case 2: TRY(facetbox_worker_code_add_module(ANY(code), text(p), text(p))); break;
        case 3: TRY(facetbox_worker_code_set_env(ANY(code), ANY(value))); break;
        case 4: TRY(facetbox_worker_code_set_limits(ANY(code), ANY(value))); break;
        case 5: PUT(code, facetbox_worker_code_clone(ANY(code))); break;
        case 6: MAKE(worker, facetbox_loader_load(ANY(loader), ANY(code), &made)); break;
        case 7: MAKE(worker, facetbox_loader_get(ANY(loader), text(p), give_code, ANY(code), &made)); break;
        case 8: MAKE(class_, facetbox_worker_get_durable_object_class(ANY(worker), text(p), ANY(value), ANY(value), &made)); break;
        case 9: MAKE(stub, facetbox_worker_get_entrypoint(ANY(worker), text(p), ANY(value), NULL, &made)); break;
        case 10: MAKE(loader, facetbox_runtime_loader(ANY(runtime), &made)); break;
        default: MAKE(space, facetbox_runtime_namespace(ANY(runtime), text(p), ANY(class_), ANY(value), NULL, &made)); break;
    }
}

/* Code that works, so that calls reach guests. */
static void app(pool_t *p) {
    facetbox_worker_code_t *code = NULL;
    OK(facetbox_worker_code_new(S("main.luau"), &code));
    OK(facetbox_worker_code_add_module(code, S("main.luau"), S(TEXTS[TEXT_COUNT - 2])));
    facetbox_value_t *limits = json("{\"cpuMs\": 30, \"wallMs\": 300}");
    OK(facetbox_worker_code_set_limits(code, limits));
    facetbox_value_free(limits);
    MAKE(worker, facetbox_loader_load(ANY(loader), code, &made));
    MAKE(class_, facetbox_worker_get_durable_object_class(ANY(worker), S("App"), NULL, NULL, &made));
    facetbox_worker_code_free(code);
}

static void objects(pool_t *p) {
    bool yes;
    switch (below(p, 16)) {
        case 0: MAKE(stub, facetbox_namespace_get_by_name(ANY(space), text(p), &made)); break;
        case 1: MAKE(id, facetbox_namespace_id_from_name(ANY(space), text(p), &made)); break;
        case 2: MAKE(id, facetbox_namespace_id_from_string(ANY(space), text(p), &made)); break;
        case 3: MAKE(stub, facetbox_namespace_get(ANY(space), ANY(id), &made)); break;
        case 4: case 5: case 6: MAKE(value, facetbox_stub_call(ANY(stub), text(p), ANY(value), &made)); break;
        case 7: MAKE(response, facetbox_stub_fetch(ANY(stub), ANY(request), &made)); break;
        case 8: TRY(facetbox_stub_call_async(ANY(stub), text(p), ANY(value), ANY(cancel), call_done, NULL)); break;
        case 9: PUT(cancel, facetbox_cancel_new()); TRY(facetbox_cancel_fire(ANY(cancel))); break;
        case 10: TRY(facetbox_namespace_delete(ANY(space), ANY(id))); break;
        case 11: TRY(facetbox_namespace_exists(ANY(space), ANY(id), &yes)); TRY(facetbox_stub_exists(ANY(stub), &yes)); break;
        case 12: MAKE(value, facetbox_namespace_query(ANY(space), ANY(id), NULL, text(p), NULL, &made)); break;
        case 13: TRY(below(p, 2) ? facetbox_namespace_import(ANY(space), ANY(id), text(p)) : facetbox_namespace_export(ANY(space), ANY(id), S("/nonexistent/x"))); break;
        case 14: PUT(stub, facetbox_stub_clone(ANY(stub))); break;
        default: MAKE(value, facetbox_runtime_metrics(ANY(runtime), &made)); break;
    }
}

static void frees(pool_t *p) {
    switch (below(p, 14)) {
        case 0: DROP(value); break;
        case 1: DROP(error); break;
        case 2: DROP(request); break;
        case 3: DROP(response); break;
        case 4: DROP(loader); break;
        case 5: DROP(code); break;
        case 6: DROP(worker); break;
        case 7: DROP(class_); break;
        case 8: DROP(space); break;
        case 9: DROP(id); break;
        case 10: DROP(stub); break;
        case 11: DROP(cancel); break;
        case 12: DROP(revoker); break;
        default: DROP(options); break;
    }
}

static void runtimes(pool_t *p) {
    facetbox_options_t *options = facetbox_options_new();
    TRY(facetbox_options_set_threads(options, 1 + below(p, 3)));
    TRY(facetbox_options_set_max_warm(options, below(p, 4)));
    TRY(facetbox_options_set_limits(options, ANY(value)));
    switch (below(p, 3)) {
        case 0: TRY(facetbox_runtime_close(ANY(runtime))); break;
        case 1: DROP(runtime); break;
        default: break;
    }
    MAKE(runtime, facetbox_runtime_open(options, &made));
    MAKE(loader, facetbox_runtime_loader(ANY(runtime), &made));
    facetbox_options_free(options);
}

#define CLEAR(type) \
    for (size_t i = 0; i < sizeof p->type / sizeof *p->type; i++) free_##type(p->type[i])

static void *run(void *pool) {
    pool_t *p = pool;
    struct timespec begun, now;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    do {
        const size_t what = below(p, 1000);
        if (what < 4) runtimes(p);
        else if (what < 30) app(p);
        else if (what < 400) values(p);
        else if (what < 500) messages(p);
        else if (what < 650) loading(p);
        else if (what < 900) objects(p);
        else frees(p);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((double)(now.tv_sec - begun.tv_sec) + (double)(now.tv_nsec - begun.tv_nsec) / 1e9 < seconds);
    CLEAR(value); CLEAR(stub); CLEAR(runtime); CLEAR(space); CLEAR(class_); CLEAR(worker); CLEAR(code); CLEAR(loader);
    CLEAR(id); CLEAR(cancel); CLEAR(revoker); CLEAR(options); CLEAR(request); CLEAR(response); CLEAR(error);
    return NULL;
}

/* Nothing takes longer than a limit, so a process that is late hangs. */
static void *watch(void *unused) {
    (void)unused;
    const unsigned slow = getenv("FACETBOX_SLOW") != NULL ? 10 : 1;
    sleep((unsigned)seconds + 60 * slow);
    fprintf(stderr, "fuzz_calls: seed %llu hangs, last seen in %s\n", (unsigned long long)first_seed, step);
    _exit(1);
}

int main(int count, char **arguments) {
    static pool_t pools[THREADS];
    pthread_t threads[THREADS], watcher;
    if (count > 1) seconds = atof(arguments[1]);
    if (count > 2) first_seed = strtoull(arguments[2], NULL, 10);
    /* Said first, because a finding ends the process. */
    fprintf(stderr, "fuzz_calls: seed %llu\n", (unsigned long long)first_seed);
    CHECK(pthread_create(&watcher, NULL, watch, NULL) == 0);
    CHECK(pthread_detach(watcher) == 0);
    for (int i = 0; i < THREADS; i++) {
        pools[i].random = (first_seed * THREADS + (uint64_t)i) * 0x9E3779B97F4A7C15u | 1;
        CHECK(pthread_create(&threads[i], NULL, run, &pools[i]) == 0);
    }
    unsigned long calls = 0, failed = 0;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        calls += pools[i].calls, failed += pools[i].failed;
    }
    CHECK(calls > failed);
    printf("fuzz_calls: %lu calls, %lu of them refused\n", calls, failed);
    return 0;
}
