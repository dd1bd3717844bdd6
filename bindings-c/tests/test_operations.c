/* Deployments, exports, queries and alarms that are cancelled or answer through a callback. */
#define _XOPEN_SOURCE 700
#include "check.h"
#include <pthread.h>
#include <unistd.h>

static char root[] = "/tmp/facetbox-test-XXXXXX";
static facetbox_runtime_t *runtime;
static facetbox_manual_clock_t *clock_;
static facetbox_namespace_t *space;
static facetbox_object_id_t *id;
static facetbox_worker_code_t *code;

static const char *in_root(const char *name) {
    static char path[200];
    snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

/* What happened, for whoever waits for it. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int holding, let_go, alarms, completed, cancelled;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void happened(int *what) {
    pthread_mutex_lock(&seen.lock);
    ++*what;
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
}

static void wait_until(const int *what, int times) {
    pthread_mutex_lock(&seen.lock);
    while (*what < times) pthread_cond_wait(&seen.changed, &seen.lock);
    pthread_mutex_unlock(&seen.lock);
}

static facetbox_error_t *construct(void *user_data, facetbox_ctx_t *ctx, const facetbox_value_t *env,
                                   void **instance) {
    (void)user_data, (void)env;
    *instance = ctx;
    return NULL;
}

static facetbox_error_t *call(void *instance, facetbox_str_t method, const facetbox_value_t *args,
                              facetbox_value_t **result) {
    const facetbox_storage_t *storage = facetbox_ctx_storage(instance);
    (void)args, (void)result;
    if (equals(method, "hold")) { /* keeps the object busy until it is let go */
        happened(&seen.holding);
        wait_until(&seen.let_go, 1);
        return NULL;
    }
    facetbox_value_t *value = facetbox_value_new_int(1);
    facetbox_error_t *error = facetbox_storage_kv_put(storage, S("key"), value);
    facetbox_value_free(value);
    return error ? error : facetbox_storage_set_alarm(storage, 1000);
}

static facetbox_error_t *alarm_(void *instance, const facetbox_alarm_info_t *info) {
    (void)instance, (void)info;
    happened(&seen.alarms);
    return NULL;
}

static void drop_instance(void *instance) {
    facetbox_ctx_free(instance);
}

static void ended(void *user_data, facetbox_error_t *error, facetbox_value_t *result) {
    if (user_data == &seen.cancelled) {
        FAILS(error, ABORTED, "cancelled");
        CHECK(result == NULL);
        happened(&seen.cancelled);
    } else {
        CHECK(error == NULL && is_json(result, user_data));
        happened(&seen.completed);
    }
}

static void deployed(void *user_data, facetbox_error_t *error, facetbox_deployment_t *deployment) {
    if (user_data == NULL) {
        CHECK(error == NULL && equals(facetbox_deployment_name(deployment), "later"));
        facetbox_deployment_free(deployment);
        happened(&seen.completed);
    } else {
        CHECK(deployment == NULL);
        FAILS(error, ABORTED, "cancelled");
        happened(&seen.cancelled);
    }
}

static const char ROWS[] = "{\"columns\": [\"1\"], \"rows\": [[1]], \"truncated\": false}";

/* With a token that has fired, nothing begins. */
static void what_is_cancelled_before_has_no_effect(const facetbox_cancel_t *cancel) {
    facetbox_deployment_t *deployment = NULL;
    facetbox_value_t *rows = NULL;
    uint64_t count = 7;
    int *mark = &seen.cancelled;
    FAILS(facetbox_runtime_deploy_cancellable(runtime, S("never"), code, NULL, cancel, &deployment), ABORTED,
          "cancelled");
    FAILS(facetbox_runtime_run_due_alarms_cancellable(runtime, cancel, &count), ABORTED, "cancelled");
    FAILS(facetbox_namespace_export_cancellable(space, id, S(in_root("never")), cancel), ABORTED, "cancelled");
    FAILS(facetbox_namespace_query_cancellable(space, id, NULL, S("SELECT 1"), NULL, cancel, &rows), ABORTED,
          "cancelled");
    CHECK(deployment == NULL && rows == NULL && count == 7);
    OK(facetbox_runtime_deploy_async(runtime, S("never"), code, NULL, cancel, deployed, mark));
    OK(facetbox_runtime_run_due_alarms_async(runtime, cancel, ended, mark));
    OK(facetbox_namespace_export_async(space, id, S(in_root("never")), cancel, ended, mark));
    OK(facetbox_namespace_query_async(space, id, NULL, S("SELECT 1"), NULL, cancel, ended, mark));
    wait_until(&seen.cancelled, 4);
    CHECK(seen.alarms == 0 && access(in_root("never"), F_OK) != 0);
    facetbox_namespace_t *room;
    FAILS(facetbox_runtime_get_namespace(runtime, S("never/Room"), &room), NOT_FOUND, "");
}

static void what_is_not_cancelled_completes(void) {
    facetbox_deployment_t *deployment;
    facetbox_value_t *rows;
    uint64_t count;
    OK(facetbox_runtime_run_due_alarms_cancellable(runtime, NULL, &count));
    CHECK(count == 1 && seen.alarms == 1);
    OK(facetbox_runtime_run_due_alarms_async(runtime, NULL, ended, "0"));
    OK(facetbox_runtime_deploy_cancellable(runtime, S("now"), code, NULL, NULL, &deployment));
    facetbox_deployment_free(deployment);
    OK(facetbox_runtime_deploy_async(runtime, S("later"), code, NULL, NULL, deployed, NULL));
    OK(facetbox_namespace_export_cancellable(space, id, S(in_root("now")), NULL));
    OK(facetbox_namespace_export_async(space, id, S(in_root("later")), NULL, ended, "null"));
    OK(facetbox_namespace_query_cancellable(space, id, NULL, S("SELECT 1"), NULL, NULL, &rows));
    CHECK(is_json(rows, ROWS));
    OK(facetbox_namespace_query_async(space, id, NULL, S("SELECT 1"), NULL, NULL, ended, (void *)ROWS));
    wait_until(&seen.completed, 4);
    CHECK(access(in_root("later"), F_OK) == 0);
}

static void *hold(void *stub) {
    facetbox_value_t *result;
    OK(facetbox_stub_call(stub, S("hold"), NULL, &result));
    facetbox_value_free(result);
    return NULL;
}

static void *fire(void *cancel) {
    OK(facetbox_cancel_fire(cancel));
    return NULL;
}

/* What waits for a busy object ends at once when it is cancelled. */
static void waiting_can_be_cancelled(facetbox_stub_t *stub) {
    facetbox_cancel_t *cancel = facetbox_cancel_new();
    facetbox_value_t *rows = NULL;
    pthread_t holder, firer;
    CHECK(pthread_create(&holder, NULL, hold, stub) == 0);
    wait_until(&seen.holding, 1);
    OK(facetbox_namespace_query_async(space, id, NULL, S("SELECT 1"), NULL, cancel, ended, &seen.cancelled));
    CHECK(pthread_create(&firer, NULL, fire, cancel) == 0);
    FAILS(facetbox_namespace_export_cancellable(space, id, S(in_root("busy")), cancel), ABORTED, "cancelled");
    FAILS(facetbox_stub_export_cancellable(stub, S(in_root("busy")), cancel), ABORTED, "cancelled");
    FAILS(facetbox_namespace_query_cancellable(space, id, NULL, S("SELECT 1"), NULL, cancel, &rows), ABORTED,
          "cancelled");
    OK(facetbox_stub_export_async(stub, S(in_root("busy")), cancel, ended, &seen.cancelled));
    pthread_join(firer, NULL);
    wait_until(&seen.cancelled, 6);
    CHECK(access(in_root("busy"), F_OK) != 0);
    happened(&seen.let_go);
    pthread_join(holder, NULL);
    OK(facetbox_stub_export_async(stub, S(in_root("busy")), NULL, ended, "null"));
    wait_until(&seen.completed, 5);
    OK(facetbox_stub_export_cancellable(stub, S(in_root("idle")), NULL));
    facetbox_cancel_free(cancel);
}

int main(void) {
    const facetbox_host_class_t functions = {sizeof functions, construct, NULL, call, alarm_, drop_instance, NULL};
    facetbox_options_t *options = facetbox_options_new();
    facetbox_value_t *limits = json("{\"cpuMs\": 20000}"); /* enough under valgrind */
    facetbox_class_t *class_;
    facetbox_stub_t *stub;
    CHECK(mkdtemp(root) != NULL);
    clock_ = facetbox_manual_clock_new(0);
    OK(facetbox_options_set_path(options, S(in_root("data"))));
    OK(facetbox_options_set_clock(options, clock_));
    OK(facetbox_options_set_limits(options, limits));
    OK(facetbox_options_set_alarms(options, FACETBOX_ALARMS_MANUAL));
    OK(facetbox_runtime_open(options, &runtime));
    OK(facetbox_class_new_host(S("Box"), &functions, NULL, NULL, &class_));
    OK(facetbox_runtime_namespace(runtime, S("boxes"), class_, NULL, NULL, &space));
    OK(facetbox_namespace_id_from_name(space, S("one"), &id));
    OK(facetbox_namespace_get_by_name(space, S("one"), &stub));
    OK(facetbox_worker_code_new(S("site.js"), &code));
    OK(facetbox_worker_code_add_module(code, S("site.js"),
                                       S("import { DurableObject } from 'cloudflare:workers';\n"
                                         "export class Room extends DurableObject {}\n")));
    ANSWERS(stub, "put", "[]", "null");
    OK(facetbox_manual_clock_advance_ms(clock_, 2000));

    facetbox_cancel_t *cancel = facetbox_cancel_new();
    OK(facetbox_cancel_fire(cancel));
    what_is_cancelled_before_has_no_effect(cancel);
    what_is_not_cancelled_completes();
    waiting_can_be_cancelled(stub);
    FAILS(facetbox_runtime_run_due_alarms_async(runtime, NULL, NULL, NULL), INVALID_ARGUMENT, "'done'");

    facetbox_cancel_free(cancel);
    facetbox_stub_free(stub);
    facetbox_object_id_free(id);
    facetbox_namespace_free(space);
    facetbox_class_free(class_);
    facetbox_worker_code_free(code);
    facetbox_options_free(options);
    facetbox_value_free(limits);
    facetbox_runtime_free(runtime);
    facetbox_manual_clock_free(clock_);
    char remove[100];
    snprintf(remove, sizeof remove, "rm -r %s", root);
    return system(remove);
}
