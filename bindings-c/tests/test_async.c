/* Calls with a completion callback, calls from many threads, and calls that come back into their caller. */
#include "check.h"
#include <pthread.h>

enum { THREADS = 8, CALLS = 200 };

/* A place to wait for a number of completions. */
typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int left;
    int64_t sum;
    int closed;
} gate_t;

static gate_t gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0};

static void expect(int count) {
    gate.left = count;
    gate.sum = 0;
    gate.closed = 0;
}

static void arrived(int64_t number, int closed) {
    pthread_mutex_lock(&gate.lock);
    gate.left--;
    gate.sum += number;
    gate.closed += closed;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.lock);
}

static void wait_for_all(void) {
    pthread_mutex_lock(&gate.lock);
    while (gate.left > 0) pthread_cond_wait(&gate.changed, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
}

/* A counter that is only right if its calls never overlap. */
typedef struct {
    facetbox_ctx_t *ctx;
    int64_t count;
    int inside;
} counter_t;

static facetbox_namespace_t *space;
static int let_go;

static facetbox_error_t *construct(void *user_data, facetbox_ctx_t *ctx, const facetbox_value_t *env,
                                   void **instance) {
    (void)user_data, (void)env;
    counter_t *self = calloc(1, sizeof *self);
    self->ctx = ctx;
    *instance = self;
    return NULL;
}

static void drop_instance(void *instance) {
    counter_t *self = instance;
    facetbox_ctx_free(self->ctx);
    free(self);
}

static facetbox_error_t *fetch(void *instance, const facetbox_request_t *request,
                               facetbox_response_t **response) {
    (void)instance, (void)request;
    return facetbox_response_new(204, response);
}

static facetbox_error_t *call(void *instance, facetbox_str_t method, const facetbox_value_t *args,
                              facetbox_value_t **result) {
    counter_t *self = instance;
    (void)args;
    if (equals(method, "add")) {
        CHECK(self->inside++ == 0);
        *result = facetbox_value_new_int(++self->count);
        self->inside--;
        return NULL;
    }
    if (equals(method, "hold")) { /* keeps the object busy until it is let go */
        arrived(0, 0);
        pthread_mutex_lock(&gate.lock);
        while (!let_go) pthread_cond_wait(&gate.changed, &gate.lock);
        pthread_mutex_unlock(&gate.lock);
        return NULL;
    }
    if (equals(method, "through_another")) { /* other objects call back into this one */
        facetbox_stub_t *other;
        OK(facetbox_namespace_get_by_name(space, S("other"), &other));
        facetbox_error_t *error = facetbox_stub_call(other, S("add_to_first"), NULL, result);
        facetbox_stub_free(other);
        return error;
    }
    if (equals(method, "add_to_first")) {
        facetbox_stub_t *first;
        OK(facetbox_namespace_get_by_name(space, S("first"), &first));
        facetbox_error_t *error = facetbox_stub_call(first, S("add"), NULL, result);
        facetbox_stub_free(first);
        return error;
    }
    return facetbox_error_no_such_method(method);
}

static void done(void *user_data, facetbox_error_t *error, facetbox_value_t *result) {
    int64_t number = 0;
    CHECK(user_data == &gate && (error == NULL) != (result == NULL));
    int closed = facetbox_error_code(error) == FACETBOX_ERR_CLOSED;
    CHECK(closed || facetbox_value_as_int(result, &number));
    facetbox_error_free(error);
    facetbox_value_free(result);
    arrived(number, closed);
}

static void failed(void *user_data, facetbox_error_t *error, facetbox_value_t *result) {
    CHECK(user_data == &gate && result == NULL);
    FAILS(error, NOT_FOUND, "fly");
    arrived(0, 0);
}

static void fetched(void *user_data, facetbox_error_t *error, facetbox_response_t *response) {
    CHECK(user_data == &gate && error == NULL);
    arrived(facetbox_response_status(response), 0);
    facetbox_response_free(response);
}

static void *call_often(void *stub) {
    for (int i = 0; i < CALLS; i++) {
        facetbox_value_t *result;
        OK(facetbox_stub_call(stub, S("add"), NULL, &result));
        facetbox_value_free(result);
    }
    return NULL;
}

static void calls_of_one_object_never_overlap(facetbox_stub_t *stub) {
    pthread_t threads[THREADS];
    expect(CALLS);
    for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, call_often, stub) == 0);
    for (int i = 0; i < CALLS; i++) OK(facetbox_stub_call_async(stub, S("add"), NULL, NULL, done, &gate));
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    wait_for_all();
    const int total = (THREADS + 1) * CALLS;
    char next[20];
    snprintf(next, sizeof next, "%d", total + 1);
    ANSWERS(stub, "add", "[]", next);
}

static void completions(const facetbox_stub_t *stub) {
    const facetbox_str_t get = {NULL, 0};
    facetbox_request_t *request;
    facetbox_value_t *map = json("{}");
    expect(2);
    OK(facetbox_request_new(get, S("http://app/"), &request));
    OK(facetbox_stub_fetch_async(stub, request, NULL, fetched, &gate));
    OK(facetbox_stub_call_async(stub, S("fly"), NULL, NULL, failed, &gate));
    wait_for_all();
    CHECK(gate.sum == 204);
    FAILS(facetbox_stub_call_async(stub, S("add"), NULL, NULL, NULL, &gate), INVALID_ARGUMENT,
          "'done' must not be NULL");
    FAILS(facetbox_stub_call_async(stub, S("add"), map, NULL, done, &gate), INVALID_ARGUMENT,
          "'args' must be a list");
    FAILS(facetbox_stub_fetch_async(NULL, request, NULL, fetched, &gate), INVALID_ARGUMENT,
          "'stub' must not be NULL");
    facetbox_value_free(map);
    facetbox_request_free(request);
}

static void cancelled(void *user_data, facetbox_error_t *error, facetbox_value_t *result) {
    CHECK(user_data == &gate && result == NULL);
    FAILS(error, ABORTED, "cancelled");
    arrived(0, 0);
}

static void ended(void *user_data, facetbox_error_t *error, facetbox_value_t *result) {
    CHECK(user_data == &gate && error == NULL);
    facetbox_value_free(result);
    arrived(0, 0);
}

/* Lets the object go that is held. */
static void release(void) {
    pthread_mutex_lock(&gate.lock);
    let_go = 1;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.lock);
}

/* Fires when the call that its thread makes is about to wait, or before. */
static void *fire(void *cancel) {
    OK(facetbox_cancel_fire(cancel));
    return NULL;
}

/* Calls that wait for a busy object end at once when they are cancelled; the object goes on. */
static void calls_can_be_cancelled(void) {
    facetbox_stub_t *busy;
    facetbox_cancel_t *cancel = facetbox_cancel_new();
    facetbox_value_t *result = NULL;
    facetbox_response_t *response = NULL;
    facetbox_request_t *request;
    pthread_t thread;
    OK(facetbox_request_new(S("GET"), S("http://app/"), &request));
    OK(facetbox_namespace_get_by_name(space, S("busy"), &busy));
    expect(1);
    OK(facetbox_stub_call_async(busy, S("hold"), NULL, NULL, ended, &gate));
    wait_for_all();

    expect(1);
    OK(facetbox_stub_call_async(busy, S("add"), NULL, cancel, cancelled, &gate));
    CHECK(pthread_create(&thread, NULL, fire, cancel) == 0);
    FAILS(facetbox_stub_call_cancellable(busy, S("add"), NULL, cancel, &result), ABORTED, "cancelled");
    FAILS(facetbox_stub_fetch_cancellable(busy, request, cancel, &response), ABORTED, "cancelled");
    pthread_join(thread, NULL);
    wait_for_all();
    CHECK(result == NULL && response == NULL);
    FAILS(facetbox_cancel_fire(NULL), INVALID_ARGUMENT, "'cancel' must not be NULL");
    FAILS(facetbox_stub_call_cancellable(NULL, S("add"), NULL, cancel, &result), INVALID_ARGUMENT,
          "'stub' must not be NULL");

    expect(1);
    release();
    wait_for_all();
    OK(facetbox_stub_call_cancellable(busy, S("add"), NULL, NULL, &result));
    CHECK(is_json(result, "1"));
    facetbox_cancel_free(cancel);
    cancel = facetbox_cancel_new();
    OK(facetbox_stub_fetch_cancellable(busy, request, cancel, &response));
    CHECK(facetbox_response_status(response) == 204);
    OK(facetbox_cancel_fire(cancel));
    facetbox_response_free(response);
    facetbox_cancel_free(cancel);
    facetbox_cancel_free(NULL);
    facetbox_request_free(request);
    facetbox_stub_free(busy);
}

/* Whatever closing interrupts, each callback is called once. */
static void closing_completes_what_is_left(facetbox_runtime_t *runtime, const facetbox_stub_t *stub) {
    expect(CALLS + 1);
    for (int i = 0; i < CALLS; i++) OK(facetbox_stub_call_async(stub, S("add"), NULL, NULL, done, &gate));
    OK(facetbox_runtime_close(runtime));
    OK(facetbox_stub_call_async(stub, S("add"), NULL, NULL, done, &gate));
    wait_for_all();
    CHECK(gate.left == 0 && gate.closed >= 1);
}

int main(void) {
    const facetbox_host_class_t functions = {sizeof functions, construct, fetch, call, NULL, drop_instance, NULL};
    facetbox_runtime_t *runtime = open_memory();
    facetbox_class_t *class_;
    facetbox_stub_t *stub;
    OK(facetbox_class_new_host(S("Counter"), &functions, NULL, NULL, &class_));
    OK(facetbox_runtime_namespace(runtime, S("counters"), class_, NULL, NULL, &space));
    OK(facetbox_namespace_get_by_name(space, S("first"), &stub));

    calls_of_one_object_never_overlap(stub);
    ANSWERS(stub, "through_another", "[]", "1802");
    completions(stub);
    calls_can_be_cancelled();
    closing_completes_what_is_left(runtime, stub);

    facetbox_stub_free(stub);
    facetbox_namespace_free(space);
    facetbox_class_free(class_);
    facetbox_runtime_free(runtime);
    return 0;
}
