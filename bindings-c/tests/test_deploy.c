/* JavaScript guests, the option engines, deployments, tail events, causes of errors. */
#include "check.h"
#include <pthread.h>

static const char SITE[] =
    "import { DurableObject, WorkerEntrypoint } from 'cloudflare:workers';\n"
    "export class Room extends DurableObject {\n"
    "    visit() {\n"
    "        const visits = (this.ctx.storage.kv.get('visits') ?? 0) + 1;\n"
    "        this.ctx.storage.kv.put('visits', visits);\n"
    "        console.warn('visit', visits);\n"
    "        return visits;\n"
    "    }\n"
    "    fail() { throw new RangeError('outer', { cause: new TypeError('inner') }); }\n"
    "}\n"
    "export class Other extends WorkerEntrypoint { hello() { return 'hello'; } }\n"
    "export default {\n"
    "    async fetch(request, env, ctx) {\n"
    "        const room = ctx.exports.Room.getByName(new URL(request.url).pathname);\n"
    "        return new Response(`${env.GREETING} ${await room.visit()}`);\n"
    "    }\n"
    "};\n";

/* What the receiver of tail events has seen. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int visits, failures, dropped;
} seen = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0};

static facetbox_str_t text(const facetbox_value_t *map, const char *key) {
    return facetbox_value_as_string(facetbox_value_map_get(map, S(key)));
}

static void on_tail(void *user_data, const facetbox_value_t *event) {
    CHECK(user_data == &seen);
    const facetbox_value_t *log = facetbox_value_at(facetbox_value_map_get(event, S("logs")), 0);
    const facetbox_value_t *thrown = facetbox_value_at(facetbox_value_map_get(event, S("exceptions")), 0);
    pthread_mutex_lock(&seen.lock);
    if (log != NULL) {
        CHECK(equals(text(event, "namespace"), "site/Room") && equals(text(event, "entrypoint"), "Room"));
        CHECK(equals(text(event, "eventType"), "rpc") && equals(text(event, "outcome"), "ok"));
        const facetbox_value_t *message = facetbox_value_at(facetbox_value_map_get(log, S("message")), 0);
        CHECK(equals(text(log, "level"), "warn") && contains(facetbox_value_as_string(message), "visit"));
        seen.visits++;
    }
    if (thrown != NULL) {
        CHECK(equals(text(event, "outcome"), "exception") && equals(text(thrown, "message"), "outer"));
        seen.failures++;
    }
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
}

static void dropped(void *user_data) {
    CHECK(user_data == &seen);
    seen.dropped++;
}

static void wait_for(const int *number, int least) {
    pthread_mutex_lock(&seen.lock);
    while (*number < least) pthread_cond_wait(&seen.changed, &seen.lock);
    pthread_mutex_unlock(&seen.lock);
}

static facetbox_runtime_t *open_with(const char *engines) {
    facetbox_runtime_t *runtime;
    facetbox_options_t *options = facetbox_options_new();
    facetbox_value_t *names = json(engines), *limits = json("{\"cpuMs\": 30000}");
    OK(facetbox_options_set_limits(options, limits));
    OK(facetbox_options_set_engines(options, names));
    FAILS(facetbox_options_set_engines(options, limits), INVALID_ARGUMENT, "'engines' must be a list");
    FAILS(facetbox_options_set_engines(options, NULL), INVALID_ARGUMENT, "'engines' must not be NULL");
    OK(facetbox_options_set_on_tail(options, on_tail, &seen, dropped));
    FAILS(facetbox_options_set_on_tail(options, NULL, &seen, dropped), INVALID_ARGUMENT,
          "'receive' must not be NULL");
    CHECK(seen.dropped == 1);
    seen.dropped = 0;
    OK(facetbox_runtime_open(options, &runtime));
    facetbox_value_free(limits);
    facetbox_value_free(names);
    facetbox_options_free(options);
    return runtime;
}

static facetbox_error_t *deploy(const facetbox_runtime_t *runtime, const char *name, const char *source,
                                facetbox_deployment_t **out) {
    facetbox_worker_code_t *code;
    facetbox_value_t *env = json("{\"GREETING\": \"visit\"}");
    OK(facetbox_worker_code_new(S("site.js"), &code));
    OK(facetbox_worker_code_add_module(code, S("site.js"), S(source)));
    facetbox_error_t *error = facetbox_runtime_deploy(runtime, S(name), code, env, out);
    facetbox_value_free(env);
    facetbox_worker_code_free(code);
    return error;
}

static void fetch(const facetbox_deployment_t *site, const char *url, const char *expected) {
    facetbox_request_t *request;
    facetbox_response_t *response;
    facetbox_stub_t *fetcher;
    OK(facetbox_request_new(S("GET"), S(url), &request));
    OK(facetbox_deployment_fetch(site, request, &response));
    facetbox_bytes_t body = facetbox_response_body(response);
    CHECK(body.len == strlen(expected) && memcmp(body.data, expected, body.len) == 0);
    facetbox_response_free(response);
    OK(facetbox_deployment_fetcher(site, &fetcher));
    OK(facetbox_stub_fetch(fetcher, request, &response));
    CHECK(facetbox_response_status(response) == 200);
    facetbox_response_free(response);
    facetbox_stub_free(fetcher);
    facetbox_request_free(request);
}

static void a_site_is_deployed(const facetbox_runtime_t *runtime) {
    facetbox_deployment_t *site, *again = NULL;
    facetbox_namespace_t *rooms, *none = NULL;
    facetbox_stub_t *kitchen, *other;
    facetbox_value_t *names;
    OK(deploy(runtime, "site", SITE, &site));
    CHECK(equals(facetbox_deployment_name(site), "site"));
    OK(facetbox_deployment_class_names(site, &names));
    CHECK(is_json(names, "[\"Room\"]"));
    fetch(site, "http://site/kitchen", "visit 1");
    OK(facetbox_deployment_namespace(site, S("Room"), &rooms));
    OK(facetbox_namespace_get_by_name(rooms, S("/kitchen"), &kitchen));
    ANSWERS(kitchen, "visit", "[]", "3");
    OK(facetbox_deployment_get_entrypoint(site, S("Other"), &other));
    ANSWERS(other, "hello", "[]", "\"hello\"");

    facetbox_value_t *result = NULL;
    facetbox_error_t *error = call_json(kitchen, "fail", "[]", &result), *inner = NULL;
    CHECK(equals(facetbox_error_name(error), "RangeError"));
    CHECK(facetbox_value_as_error(facetbox_error_cause(error), &inner));
    CHECK(equals(facetbox_error_name(inner), "TypeError") && equals(facetbox_error_message(inner), "inner"));
    CHECK(facetbox_error_cause(inner) == NULL && facetbox_error_cause(NULL) == NULL);
    facetbox_error_free(inner);
    facetbox_error_free(error);
    wait_for(&seen.visits, 3);
    wait_for(&seen.failures, 1);

    FAILS(facetbox_deployment_namespace(site, S("Hall"), &none), NOT_FOUND, "Hall");
    FAILS(facetbox_deployment_namespace(NULL, S("Room"), &none), INVALID_ARGUMENT, "'deployment'");
    FAILS(deploy(runtime, "site", "export default {", &again), LOAD_ERROR, "site.js");
    FAILS(deploy(runtime, "", SITE, &again), INVALID_ARGUMENT, "empty");
    FAILS(facetbox_runtime_deploy(runtime, S("x"), NULL, NULL, &again), INVALID_ARGUMENT, "'code'");
    CHECK(again == NULL && none == NULL);
    OK(deploy(runtime, "site", SITE, &again));
    fetch(again, "http://site/kitchen", "visit 4");
    facetbox_deployment_free(again);
    facetbox_stub_free(other);
    facetbox_stub_free(kitchen);
    facetbox_namespace_free(rooms);
    facetbox_deployment_free(site);
    facetbox_deployment_free(NULL);
}

static facetbox_error_t *receive_tails(void *user_data, const facetbox_value_t *args,
                                       facetbox_value_t **result) {
    (void)result;
    const facetbox_value_t *event = facetbox_value_at(facetbox_value_at(args, 0), 0);
    CHECK(user_data == &seen && equals(text(event, "entrypoint"), "default"));
    pthread_mutex_lock(&seen.lock);
    seen.visits++;
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
    return NULL;
}

/* Loaded code tells its own tails. */
static void workers_have_tails(const facetbox_runtime_t *runtime) {
    facetbox_loader_t *loader;
    facetbox_worker_code_t *code;
    facetbox_worker_t *worker;
    facetbox_stub_t *stub;
    facetbox_value_t *tails = facetbox_value_new_list(), *function;
    seen.visits = 0;
    OK(facetbox_runtime_loader(runtime, &loader));
    OK(facetbox_worker_code_new(S("main.js"), &code));
    OK(facetbox_worker_code_add_module(code, S("main.js"), S("export default { hi() { return 1; } };")));
    OK(facetbox_value_new_function(S("tails"), receive_tails, &seen, NULL, &function));
    OK(facetbox_value_list_push(tails, function));
    OK(facetbox_worker_code_set_tails(code, tails));
    FAILS(facetbox_worker_code_set_tails(code, NULL), INVALID_ARGUMENT, "'tails' must not be NULL");
    OK(facetbox_value_list_push(tails, NULL));
    FAILS(facetbox_worker_code_set_tails(code, tails), INVALID_ARGUMENT, "tails[1]");
    OK(facetbox_loader_load(loader, code, &worker));
    OK(facetbox_worker_get_entrypoint(worker, S("default"), NULL, NULL, &stub));
    ANSWERS(stub, "hi", "[]", "1");
    wait_for(&seen.visits, 1);
    facetbox_stub_free(stub);
    facetbox_worker_free(worker);
    facetbox_worker_code_free(code);
    facetbox_value_free(tails);
    facetbox_loader_free(loader);
}

static void metrics_count_events(const facetbox_runtime_t *runtime) {
    facetbox_value_t *metrics, *lines;
    int64_t loads = 0, failures = 0;
    OK(facetbox_runtime_metrics(runtime, &metrics));
    CHECK(facetbox_value_as_int(facetbox_value_map_get(metrics, S("loads")), &loads) && loads >= 2);
    const facetbox_value_t *error = facetbox_value_at(facetbox_value_map_get(metrics, S("errors")), 0);
    CHECK(equals(text(error, "code"), "GUEST_ERROR"));
    CHECK(facetbox_value_as_int(facetbox_value_map_get(error, S("count")), &failures) && failures == 1);
    const facetbox_value_t *wall = facetbox_value_map_get(metrics, S("wallMs"));
    CHECK(facetbox_value_len(facetbox_value_map_get(wall, S("counts"))) ==
          facetbox_value_len(facetbox_value_map_get(wall, S("bounds"))) + 1);
    facetbox_value_free(metrics);
    OK(facetbox_runtime_close(runtime));
    OK(facetbox_runtime_metrics_text(runtime, &lines));
    CHECK(contains(facetbox_value_as_string(lines), "# TYPE facetbox_"));
    facetbox_value_free(lines);
    FAILS(facetbox_runtime_metrics(NULL, &metrics), INVALID_ARGUMENT, "'runtime' must not be NULL");
}

static void an_engine_can_be_refused(void) {
    facetbox_runtime_t *runtime = open_with("[\"luau\"]");
    facetbox_deployment_t *site = NULL;
    FAILS(deploy(runtime, "site", SITE, &site), UNSUPPORTED, "JavaScript");
    facetbox_loader_t *loader;
    OK(facetbox_runtime_loader(runtime, &loader));
    facetbox_class_free(luau_class(loader, "return { App = DurableObject:extend('App') }"));
    facetbox_loader_free(loader);
    facetbox_runtime_free(runtime);
    CHECK(site == NULL && seen.dropped == 1);
}

int main(void) {
    facetbox_value_t *wrong = json("[\"python\"]");
    facetbox_options_t *options = facetbox_options_new();
    FAILS(facetbox_options_set_engines(options, wrong), INVALID_ARGUMENT, "'python'");
    facetbox_options_free(options);
    facetbox_value_free(wrong);

    facetbox_runtime_t *runtime = open_with("[\"luau\", \"javascript\"]");
    a_site_is_deployed(runtime);
    workers_have_tails(runtime);
    metrics_count_events(runtime);
    facetbox_runtime_free(runtime);
    CHECK(seen.dropped == 1);
    seen.dropped = 0;
    an_engine_can_be_refused();
    return 0;
}
