/*
 * A platform for apps that you don't trust, in C.
 *
 *     platform <data directory> first|second [<guest code>]
 *
 * `first` gives an app its code and sends it three requests; `second`, in another process, sends a
 * fourth, and shows that the app neither sees its supervisor's data nor reaches the network.
 */

#include <facetbox.h>
#include <stdio.h>
#include <stdlib.h>

/* The supervisor: one object of this class for each app. Its facet "app" runs the app's code. */

static facetbox_error_t *construct(void *user_data, facetbox_ctx_t *ctx, const facetbox_value_t *env,
                                   void **instance) {
    (void)user_data;
    (void)env;
    *instance = ctx; /* all that this class keeps */
    return NULL;
}

static void drop_instance(void *instance) {
    facetbox_ctx_free(instance);
}

/* Says what the facet is: the class App of the code that the supervisor stored. */
static facetbox_error_t *start_app(void *instance, facetbox_facet_options_t **options) {
    const facetbox_ctx_t *ctx = instance;
    const facetbox_str_t main_module = facetbox_str("app.luau");
    facetbox_value_t *source = NULL;
    facetbox_worker_code_t *code = NULL;
    facetbox_worker_t *worker = NULL;
    facetbox_class_t *app = NULL;

    facetbox_error_t *error =
        facetbox_storage_kv_get(facetbox_ctx_storage(ctx), facetbox_str("code"), &source);
    if (!error) error = facetbox_worker_code_new(main_module, &code);
    if (!error) error = facetbox_worker_code_add_module(code, main_module, facetbox_value_as_string(source));
    if (!error) error = facetbox_loader_load(facetbox_ctx_loader(ctx), code, &worker);
    if (!error)
        error = facetbox_worker_get_durable_object_class(worker, facetbox_str("App"), NULL, NULL, &app);
    if (!error) error = facetbox_facet_options_new(app, options);

    facetbox_class_free(app);
    facetbox_worker_free(worker);
    facetbox_worker_code_free(code);
    facetbox_value_free(source);
    return error;
}

static facetbox_error_t *get_app(void *instance, facetbox_stub_t **app) {
    return facetbox_facets_get(facetbox_ctx_facets(instance), facetbox_str("app"), start_app, instance, NULL,
                               app);
}

/* Stores new code and stops the app, so that the next request starts it with that code. */
static facetbox_error_t *set_code(void *instance, const facetbox_value_t *code) {
    facetbox_error_t *error =
        facetbox_storage_kv_put(facetbox_ctx_storage(instance), facetbox_str("code"), code);
    if (!error)
        error = facetbox_facets_abort(facetbox_ctx_facets(instance), facetbox_str("app"),
                                      facetbox_str("code changed"));
    return error;
}

static facetbox_error_t *fetch(void *instance, const facetbox_request_t *request,
                               facetbox_response_t **response) {
    facetbox_stub_t *app = NULL;
    facetbox_error_t *error = get_app(instance, &app);
    if (!error) error = facetbox_stub_fetch(app, request, response);
    facetbox_stub_free(app);
    return error;
}

static int is(facetbox_str_t method, const char *name) {
    return method.len == strlen(name) && memcmp(method.data, name, method.len) == 0;
}

static facetbox_error_t *call(void *instance, facetbox_str_t method, const facetbox_value_t *args,
                              facetbox_value_t **result) {
    if (is(method, "set_code")) return set_code(instance, facetbox_value_at(args, 0));
    if (!is(method, "peek") && !is(method, "reach")) return facetbox_error_no_such_method(method);

    facetbox_stub_t *app = NULL;
    facetbox_error_t *error = get_app(instance, &app);
    if (!error) error = facetbox_stub_call(app, method, args, result);
    facetbox_stub_free(app);
    return error;
}

/* The program. */

static void check(facetbox_error_t *error) {
    if (!error) return;
    const facetbox_str_t name = facetbox_error_name(error), message = facetbox_error_message(error);
    fprintf(stderr, "%.*s: %.*s\n", (int)name.len, name.data, (int)message.len, message.data);
    exit(1);
}

static facetbox_runtime_t *open_runtime(const char *path) {
    facetbox_runtime_t *runtime;
    facetbox_options_t *options = facetbox_options_new();
    check(facetbox_options_set_path(options, facetbox_str(path)));
    check(facetbox_runtime_open(options, &runtime));
    facetbox_options_free(options);
    return runtime;
}

static facetbox_stub_t *get_object(facetbox_runtime_t *runtime, const char *name) {
    const facetbox_host_class_t functions = {
        .size = sizeof functions,
        .construct = construct,
        .fetch = fetch,
        .call = call,
        .drop_instance = drop_instance,
    };
    facetbox_class_t *app_runner;
    facetbox_namespace_t *apps;
    facetbox_stub_t *app;
    check(facetbox_class_new_host(facetbox_str("AppRunner"), &functions, NULL, NULL, &app_runner));
    check(facetbox_runtime_namespace(runtime, facetbox_str("AppRunner"), app_runner, NULL, NULL, &apps));
    check(facetbox_namespace_get_by_name(apps, facetbox_str(name), &app));
    facetbox_namespace_free(apps);
    facetbox_class_free(app_runner);
    return app;
}

/* Calls a method with one text. */
static facetbox_error_t *call_with(facetbox_stub_t *app, const char *method, const char *text,
                                   facetbox_value_t **result) {
    facetbox_value_t *args = facetbox_value_new_list(), *arg = NULL;
    facetbox_error_t *error = facetbox_value_new_string(facetbox_str(text), &arg);
    if (!error) error = facetbox_value_list_push(args, arg);
    if (!error) error = facetbox_stub_call(app, facetbox_str(method), args, result);
    facetbox_value_free(args);
    return error;
}

/* Sends a request, prints the answer, and returns the number in it. */
static int send_request(facetbox_stub_t *app) {
    facetbox_request_t *request;
    facetbox_response_t *response;
    char text[100];
    int requests = 0;
    check(facetbox_request_new(facetbox_str("GET"), facetbox_str("http://app/"), &request));
    check(facetbox_stub_fetch(app, request, &response));
    const facetbox_bytes_t body = facetbox_response_body(response);
    snprintf(text, sizeof text, "%.*s", (int)body.len, (const char *)body.data);
    printf("%s", text);
    sscanf(text, "You've made %d requests.", &requests);
    facetbox_response_free(response);
    facetbox_request_free(request);
    return requests;
}

static void first(facetbox_stub_t *app, const char *guest) {
    static char code[1 << 16];
    FILE *file = fopen(guest, "rb");
    if (!file) {
        perror(guest);
        exit(1);
    }
    code[fread(code, 1, sizeof code - 1, file)] = '\0';
    fclose(file);

    facetbox_value_t *result;
    check(call_with(app, "set_code", code, &result));
    facetbox_value_free(result);
    for (int i = 0; i < 3; i++) send_request(app);
}

static int second(facetbox_stub_t *app) {
    const int requests = send_request(app);

    facetbox_value_t *secret, *json;
    check(call_with(app, "peek", "code", &secret));
    check(facetbox_value_to_json(secret, &json));
    const facetbox_str_t shown = facetbox_value_as_string(json);
    printf("The app looked for its supervisor's code and found %.*s.\n", (int)shown.len, shown.data);
    const int hidden = facetbox_value_type(secret) == FACETBOX_TYPE_NULL;
    facetbox_value_free(json);
    facetbox_value_free(secret);

    facetbox_value_t *page = NULL;
    facetbox_error_t *error = call_with(app, "reach", "http://example.com/", &page);
    const facetbox_str_t message = facetbox_error_message(error);
    printf("The app tried the network: %.*s\n", (int)message.len, message.data);
    const int closed = error != NULL;
    facetbox_error_free(error);
    facetbox_value_free(page);

    printf("RESULT host=C requests=%d hidden=%s closed=%s\n", requests, hidden ? "yes" : "no",
           closed ? "yes" : "no");
    return requests == 4 && hidden && closed ? 0 : 1;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: %s <data directory> first|second [<guest code>]\n", argv[0]);
        return 2;
    }
    facetbox_runtime_t *runtime = open_runtime(argv[1]);
    facetbox_stub_t *app = get_object(runtime, "my-app");
    int status = 0;
    if (strcmp(argv[2], "first") == 0)
        first(app, argc > 3 ? argv[3] : "examples/guest/app.luau");
    else
        status = second(app);
    facetbox_stub_free(app);
    facetbox_runtime_free(runtime);
    return status;
}
