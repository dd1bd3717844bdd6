/* Functions and objects that a guest passes by reference, called by the host. */
#include "check.h"
#include <pthread.h>

static const char GUEST[] =
    "import { DurableObject, RpcTarget } from 'cloudflare:workers';\n"
    "class Counter extends RpcTarget {\n"
    "    #count = 0;\n"
    "    add(n) { return this.#count += n; }\n"
    "}\n"
    "export class App extends DurableObject {\n"
    "    sum() { return (a, b) => a + b; }\n"
    "    counter() { return new Counter(); }\n"
    "    fail() { return () => { throw new RangeError('too far'); }; }\n"
    "    never() { return () => new Promise(() => {}); }\n"
    "    watched() { const f = () => 1; this.ref = new WeakRef(f); return f; }\n"
    "    alive() { return this.ref.deref() !== undefined; }\n"
    "    async subscribe() { return [await this.env.subscribe((text) => text + '!'), 'done']; }\n"
    "    stop() { this.ctx.abort('stopped'); }\n"
    "}\n";

static const facetbox_str_t ITSELF = {NULL, 0};

/* What a method answers. */
static facetbox_value_t *answer(const facetbox_stub_t *stub, const char *method) {
    facetbox_value_t *value = NULL;
    OK(facetbox_stub_call(stub, S(method), NULL, &value));
    return value;
}

static facetbox_error_t *call(const facetbox_value_t *value, facetbox_str_t method, const char *args,
                              facetbox_value_t **result) {
    facetbox_value_t *list = json(args);
    facetbox_error_t *error = facetbox_value_call(value, method, list, NULL, result);
    facetbox_value_free(list);
    return error;
}

static void functions_and_methods_are_called(const facetbox_stub_t *stub) {
    facetbox_value_t *sum = answer(stub, "sum"), *counter = answer(stub, "counter"), *result = NULL;
    CHECK(facetbox_value_type(sum) == FACETBOX_TYPE_FUNCTION);
    CHECK(facetbox_value_type(counter) == FACETBOX_TYPE_OBJECT);
    OK(call(sum, ITSELF, "[20, 22]", &result));
    CHECK(is_json(result, "42"));
    OK(call(counter, S("add"), "[1]", &result));
    facetbox_value_free(result);
    OK(call(counter, S("add"), "[2]", &result));
    CHECK(is_json(result, "3"));

    result = NULL;
    FAILS(call(counter, ITSELF, "[]", &result), INVALID_ARGUMENT, "as a function");
    FAILS(call(counter, S("fly"), "[]", &result), NOT_FOUND, "fly");
    FAILS(call(sum, S("fly"), "[]", &result), NOT_FOUND, "fly");
    FAILS(facetbox_value_call(sum, ITSELF, sum, NULL, &result), INVALID_ARGUMENT, "'args' must be a list");
    facetbox_value_t *number = facetbox_value_new_int(1), *thrower = answer(stub, "fail");
    FAILS(call(number, ITSELF, "[]", &result), INVALID_ARGUMENT, "integer can't be called");
    FAILS(call(thrower, ITSELF, "[]", &result), GUEST_ERROR, "too far");
    CHECK(result == NULL);
    facetbox_value_free(thrower);
    facetbox_value_free(number);
    facetbox_value_free(counter);
    facetbox_value_free(sum);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int completed;

static void done(void *user_data, facetbox_error_t *error, facetbox_value_t *result) {
    pthread_mutex_lock(&lock);
    if (user_data == NULL) {
        FAILS(error, ABORTED, "cancelled");
        CHECK(result == NULL);
    } else {
        CHECK(error == NULL && is_json(result, "42"));
    }
    completed++;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static void calls_may_complete_later_or_be_cancelled(const facetbox_stub_t *stub) {
    facetbox_value_t *sum = answer(stub, "sum"), *never = answer(stub, "never"), *args = json("[20, 22]");
    facetbox_cancel_t *cancel = facetbox_cancel_new();
    OK(facetbox_value_call_async(sum, ITSELF, args, NULL, done, &completed));
    OK(facetbox_value_call_async(never, ITSELF, NULL, cancel, done, NULL));
    OK(facetbox_cancel_fire(cancel));
    pthread_mutex_lock(&lock);
    while (completed < 2) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    facetbox_value_t *result = NULL;
    FAILS(facetbox_value_call(never, ITSELF, NULL, cancel, &result), ABORTED, "cancelled");
    FAILS(facetbox_value_call_async(sum, ITSELF, NULL, NULL, NULL, NULL), INVALID_ARGUMENT, "'done'");
    facetbox_cancel_free(cancel);
    facetbox_value_free(args);
    facetbox_value_free(never);
    facetbox_value_free(sum);
}

static void the_guest_keeps_a_function_until_the_last_copy_is_freed(const facetbox_stub_t *stub) {
    facetbox_value_t *watched = answer(stub, "watched"), *copy = facetbox_value_clone(watched);
    facetbox_value_free(watched);
    CHECK(is_json(answer(stub, "alive"), "true"));
    facetbox_value_free(copy);
    CHECK(is_json(answer(stub, "alive"), "false"));
}

/* The argument of the guest's last call of subscribe. */
static facetbox_value_t *kept;

static facetbox_error_t *subscribe(void *user_data, const facetbox_value_t *args, facetbox_value_t **result) {
    (void)user_data;
    kept = facetbox_value_clone(facetbox_value_at(args, 0));
    return call(kept, ITSELF, "[\"at once\"]", result);
}

static void a_callback_is_called_while_the_guest_waits_and_later(const facetbox_stub_t *stub) {
    facetbox_value_t *result = NULL;
    CHECK(is_json(answer(stub, "subscribe"), "[\"at once!\", \"done\"]"));
    OK(call(kept, ITSELF, "[\"later\"]", &result));
    CHECK(is_json(result, "\"later!\""));
}

static void what_was_wrapped_can_be_taken_back(const facetbox_stub_t *stub, const facetbox_loader_t *loader) {
    facetbox_revoker_t *revoker = facetbox_revoker_new();
    facetbox_value_t *sum = answer(stub, "sum"), *wrapped, *result = NULL, *list = facetbox_value_new_list(), *item;
    OK(facetbox_revoker_wrap(revoker, sum, &wrapped));
    OK(call(wrapped, ITSELF, "[20, 22]", &result));
    CHECK(is_json(result, "42") && !facetbox_revoker_is_revoked(revoker));
    OK(facetbox_revoker_revoke(revoker));
    CHECK(facetbox_revoker_is_revoked(revoker));
    FAILS(call(wrapped, ITSELF, "[20, 22]", &result), ABORTED, "was revoked");
    OK(call(sum, ITSELF, "[20, 22]", &result));
    CHECK(is_json(result, "42"));

    OK(facetbox_value_new_loader(loader, &item));
    OK(facetbox_value_list_push(list, item));
    FAILS(facetbox_revoker_wrap(revoker, list, &result), INVALID_ARGUMENT, "A loader can't be revoked");
    facetbox_value_free(list);
    facetbox_value_free(wrapped);
    facetbox_value_free(sum);
    facetbox_revoker_free(revoker);
}

int main(void) {
    facetbox_runtime_t *runtime = open_memory();
    facetbox_loader_t *loader;
    facetbox_worker_code_t *code;
    facetbox_worker_t *worker;
    facetbox_class_t *class_;
    facetbox_namespace_t *space;
    facetbox_stub_t *stub;
    facetbox_value_t *env = json("{}"), *function, *result = NULL;
    OK(facetbox_value_new_function(S("subscribe"), subscribe, NULL, NULL, &function));
    OK(facetbox_value_map_set(env, S("subscribe"), function));
    OK(facetbox_worker_code_new(S("app.js"), &code));
    OK(facetbox_worker_code_add_module(code, S("app.js"), S(GUEST)));
    OK(facetbox_worker_code_set_env(code, env));
    OK(facetbox_runtime_loader(runtime, &loader));
    OK(facetbox_loader_load(loader, code, &worker));
    OK(facetbox_worker_get_durable_object_class(worker, S("App"), NULL, NULL, &class_));
    OK(facetbox_runtime_namespace(runtime, S("apps"), class_, NULL, NULL, &space));
    OK(facetbox_namespace_get_by_name(space, S("one"), &stub));

    functions_and_methods_are_called(stub);
    calls_may_complete_later_or_be_cancelled(stub);
    the_guest_keeps_a_function_until_the_last_copy_is_freed(stub);
    a_callback_is_called_while_the_guest_waits_and_later(stub);
    what_was_wrapped_can_be_taken_back(stub, loader);

    FAILS(facetbox_stub_call(stub, S("stop"), NULL, &result), ABORTED, "stopped");
    FAILS(call(kept, ITSELF, "[\"after\"]", &result), ABORTED, "");
    OK(facetbox_runtime_close(runtime));
    facetbox_runtime_free(runtime);
    facetbox_stub_free(stub);
    facetbox_namespace_free(space);
    facetbox_class_free(class_);
    facetbox_worker_free(worker);
    facetbox_loader_free(loader);
    facetbox_worker_code_free(code);
    facetbox_value_free(env);
    facetbox_value_free(kept);
    return 0;
}
