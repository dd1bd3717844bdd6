#include "bridge.h"
#include "_cgo_export.h"

/* The state of the Go call that this thread is in. What the call reaches runs on the same thread,
 * unless that has too little stack: then it runs without a state. */
static _Thread_local uintptr_t current;

static void drop(void *handle) {
    facetboxGoDrop((uintptr_t)handle);
}

static facetbox_error_t *construct(void *class_, facetbox_ctx_t *ctx, const facetbox_value_t *env, void **instance) {
    return facetboxGoConstruct((uintptr_t)class_, ctx, (facetbox_value_t *)env, (uintptr_t *)instance);
}

static facetbox_error_t *fetch(void *fetcher, const facetbox_request_t *request, facetbox_response_t **response) {
    return facetboxGoFetch((uintptr_t)fetcher, current, (facetbox_request_t *)request, response);
}

static facetbox_error_t *call(void *object, facetbox_str_t method, const facetbox_value_t *args, facetbox_value_t **result) {
    return facetboxGoCall((uintptr_t)object, current, method, (facetbox_value_t *)args, result);
}

static facetbox_error_t *alarm_(void *object, const facetbox_alarm_info_t *info) {
    return facetboxGoAlarm((uintptr_t)object, current, (facetbox_alarm_info_t *)info);
}

static bool has_alarm(void *object) {
    return facetboxGoHasAlarm((uintptr_t)object);
}

static facetbox_error_t *function(void *function_, const facetbox_value_t *args, facetbox_value_t **result) {
    return facetboxGoFunction((uintptr_t)function_, current, (facetbox_value_t *)args, result);
}

static facetbox_error_t *start(void *start_, facetbox_facet_options_t **options) {
    return facetboxGoStart((uintptr_t)start_, options);
}

static facetbox_error_t *code(void *code_, facetbox_worker_code_t **out) {
    return facetboxGoCode((uintptr_t)code_, out);
}

static void tail(void *receive, const facetbox_value_t *event) {
    facetboxGoTail((uintptr_t)receive, (facetbox_value_t *)event);
}

static facetbox_error_t *body(void *body_) {
    return facetboxGoBody((uintptr_t)body_);
}

/* Makes a call while `current` is its state. */
#define WITH_STATE(call)            \
    const uintptr_t outer = current; \
    current = state;                 \
    facetbox_error_t *error = call;  \
    current = outer;                 \
    return error

facetbox_error_t *facetbox_go_stub_call(const facetbox_stub_t *stub, facetbox_str_t method,
                                        const facetbox_value_t *args, const facetbox_cancel_t *cancel,
                                        uintptr_t state, facetbox_value_t **out) {
    WITH_STATE(facetbox_stub_call_cancellable(stub, method, args, cancel, out));
}

facetbox_error_t *facetbox_go_stub_fetch(const facetbox_stub_t *stub, const facetbox_request_t *request,
                                         const facetbox_cancel_t *cancel, uintptr_t state,
                                         facetbox_response_t **out) {
    WITH_STATE(facetbox_stub_fetch_cancellable(stub, request, cancel, out));
}

facetbox_error_t *facetbox_go_value_call(const facetbox_value_t *value, facetbox_str_t method,
                                         const facetbox_value_t *args, const facetbox_cancel_t *cancel,
                                         uintptr_t state, facetbox_value_t **out) {
    WITH_STATE(facetbox_value_call(value, method, args, cancel, out));
}

facetbox_error_t *facetbox_go_runtime_deploy(const facetbox_runtime_t *runtime, facetbox_str_t name,
                                             const facetbox_worker_code_t *worker_code,
                                             const facetbox_value_t *env, const facetbox_cancel_t *cancel,
                                             uintptr_t state, facetbox_deployment_t **out) {
    WITH_STATE(facetbox_runtime_deploy_cancellable(runtime, name, worker_code, env, cancel, out));
}

facetbox_error_t *facetbox_go_run_due_alarms(const facetbox_runtime_t *runtime, const facetbox_cancel_t *cancel,
                                             uintptr_t state, uint64_t *count) {
    WITH_STATE(facetbox_runtime_run_due_alarms_cancellable(runtime, cancel, count));
}

facetbox_error_t *facetbox_go_options_set_on_tail(facetbox_options_t *options, uintptr_t handle) {
    return facetbox_options_set_on_tail(options, tail, (void *)handle, drop);
}

facetbox_error_t *facetbox_go_class_new_host(facetbox_str_t name, uintptr_t handle, facetbox_class_t **out) {
    const facetbox_host_class_t functions = {
        .size = sizeof functions,
        .construct = construct,
        .fetch = fetch,
        .call = call,
        .alarm = alarm_,
        .drop_instance = drop,
        .has_alarm = has_alarm,
    };
    return facetbox_class_new_host(name, &functions, (void *)handle, drop, out);
}

facetbox_error_t *facetbox_go_value_new_function(facetbox_str_t name, uintptr_t handle, facetbox_value_t **out) {
    return facetbox_value_new_function(name, function, (void *)handle, drop, out);
}

facetbox_error_t *facetbox_go_value_new_object(facetbox_str_t name, uintptr_t handle, facetbox_value_t **out) {
    return facetbox_value_new_object(name, call, (void *)handle, drop, out);
}

facetbox_error_t *facetbox_go_set_global_outbound(facetbox_worker_code_t *worker_code, uintptr_t handle) {
    return facetbox_worker_code_set_global_outbound(worker_code, fetch, (void *)handle, drop);
}

facetbox_error_t *facetbox_go_facets_get(const facetbox_facets_t *facets, facetbox_str_t name, uintptr_t handle,
                                         facetbox_stub_t **out) {
    return facetbox_facets_get(facets, name, start, (void *)handle, drop, out);
}

facetbox_error_t *facetbox_go_loader_get(const facetbox_loader_t *loader, facetbox_str_t id, uintptr_t handle,
                                         facetbox_worker_t **out) {
    return facetbox_loader_get(loader, id, code, (void *)handle, out);
}

facetbox_error_t *facetbox_go_transaction_sync(const facetbox_storage_t *storage, uintptr_t handle) {
    return facetbox_storage_transaction_sync(storage, body, (void *)handle);
}

facetbox_error_t *facetbox_go_transaction(const facetbox_storage_t *storage, uintptr_t handle) {
    return facetbox_storage_transaction(storage, body, (void *)handle);
}

facetbox_error_t *facetbox_go_error_set_host(facetbox_error_t *error, uintptr_t handle) {
    return facetbox_error_set_host(error, (void *)handle, drop);
}

uintptr_t facetbox_go_error_host(const facetbox_error_t *error) {
    return (uintptr_t)facetbox_error_host(error, drop);
}
