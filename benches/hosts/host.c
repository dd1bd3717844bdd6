/* The host program in C: host-c <guests> <data>. */

#define _POSIX_C_SOURCE 200809L

#include <facetbox.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void check(facetbox_error_t *error) {
    if (!error) return;
    const facetbox_str_t message = facetbox_error_message(error);
    fprintf(stderr, "%.*s\n", (int)message.len, message.data);
    exit(1);
}

static int is(facetbox_str_t text, const char *expected) {
    return text.len == strlen(expected) && memcmp(text.data, expected, text.len) == 0;
}

/* One measurement, as a map. */

static const facetbox_value_t *field(const facetbox_value_t *job, const char *name) {
    return facetbox_value_map_get(job, facetbox_str(name));
}

static int is_loop(const facetbox_value_t *job, const char *loop) {
    return is(facetbox_value_as_string(field(job, "loop")), loop);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

/* What guests call. */
static facetbox_error_t *ping(void *user_data, facetbox_str_t method, const facetbox_value_t *args,
                              facetbox_value_t **result) {
    (void)user_data, (void)method, (void)args;
    *result = facetbox_value_new_null();
    return NULL;
}

/* The supervisor: it runs the guest as its facet. */
typedef struct {
    facetbox_ctx_t *ctx;
    const facetbox_worker_code_t *code;
} supervisor_t;

static facetbox_error_t *construct(void *user_data, facetbox_ctx_t *ctx, const facetbox_value_t *env,
                                   void **instance) {
    (void)env;
    supervisor_t *supervisor = malloc(sizeof *supervisor);
    if (!supervisor) abort();
    supervisor->ctx = ctx;
    supervisor->code = user_data;
    *instance = supervisor;
    return NULL;
}

static void drop_supervisor(void *instance) {
    facetbox_ctx_free(((supervisor_t *)instance)->ctx);
    free(instance);
}

static facetbox_error_t *start_app(void *instance, facetbox_facet_options_t **options) {
    const supervisor_t *supervisor = instance;
    facetbox_worker_t *worker = NULL;
    facetbox_class_t *app = NULL;
    facetbox_error_t *error =
        facetbox_loader_load(facetbox_ctx_loader(supervisor->ctx), supervisor->code, &worker);
    if (!error)
        error = facetbox_worker_get_durable_object_class(worker, facetbox_str("App"), NULL, NULL, &app);
    if (!error) error = facetbox_facet_options_new(app, options);
    facetbox_class_free(app);
    facetbox_worker_free(worker);
    return error;
}

static facetbox_error_t *fetch_once(const facetbox_stub_t *app) {
    facetbox_request_t *request = NULL;
    facetbox_response_t *response = NULL;
    facetbox_error_t *error = facetbox_request_new(facetbox_str("GET"), facetbox_str("http://app/"), &request);
    if (!error) error = facetbox_stub_fetch(app, request, &response);
    facetbox_response_free(response);
    facetbox_request_free(request);
    return error;
}

/* Calls what a stub addresses, over and over; answers the seconds that it took. */
static facetbox_error_t *repeat(const facetbox_stub_t *stub, const facetbox_value_t *job, double *seconds) {
    const facetbox_str_t method = facetbox_value_as_string(field(job, "method"));
    const facetbox_value_t *args = field(job, "args");
    const int fetches = is_loop(job, "fetch");
    int64_t count = 0;
    facetbox_error_t *error = NULL;
    facetbox_value_as_int(field(job, "count"), &count);
    const double begin = now();
    for (int64_t i = 0; i < count && !error; i++) {
        facetbox_value_t *result = NULL;
        error = fetches ? fetch_once(stub) : facetbox_stub_call(stub, method, args, &result);
        facetbox_value_free(result);
    }
    *seconds = now() - begin;
    return error;
}

static facetbox_error_t *call(void *instance, facetbox_str_t method, const facetbox_value_t *args,
                              facetbox_value_t **result) {
    const supervisor_t *supervisor = instance;
    facetbox_stub_t *app = NULL;
    double seconds;
    facetbox_error_t *error = facetbox_facets_get(facetbox_ctx_facets(supervisor->ctx), facetbox_str("app"),
                                                  start_app, instance, NULL, &app);
    if (!error && is(method, "loop")) {
        error = repeat(app, facetbox_value_at(args, 0), &seconds);
        if (!error) *result = facetbox_value_new_float(seconds);
    } else if (!error) {
        error = facetbox_stub_call(app, method, args, result);
    }
    facetbox_stub_free(app);
    return error;
}

/* The program. */

static void add_module(facetbox_worker_code_t *code, const char *guests, const char *name, const char *guest) {
    static char source[1 << 16];
    char path[4096], module[64];
    snprintf(module, sizeof module, "%s.%s", name, guest);
    snprintf(path, sizeof path, "%s/%s", guests, module);
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    source[fread(source, 1, sizeof source - 1, file)] = '\0';
    fclose(file);
    check(facetbox_worker_code_add_module(code, facetbox_str(module), facetbox_str(source)));
}

/* Binds the supervisor of guests of one language, whose code it returns. */
static facetbox_worker_code_t *bind(facetbox_runtime_t *runtime, const char *guests, const char *name) {
    const facetbox_host_class_t functions = {
        .size = sizeof functions,
        .construct = construct,
        .call = call,
        .drop_instance = drop_supervisor,
    };
    facetbox_value_t *env = facetbox_value_new_map(), *host;
    facetbox_worker_code_t *code;
    facetbox_class_t *class;
    facetbox_namespace_t *objects;
    char main_module[64];
    snprintf(main_module, sizeof main_module, "app.%s", name);
    check(facetbox_value_new_object(facetbox_str("HOST"), ping, NULL, NULL, &host));
    check(facetbox_value_map_set(env, facetbox_str("HOST"), host));
    check(facetbox_worker_code_new(facetbox_str(main_module), &code));
    add_module(code, guests, "app", name);
    add_module(code, guests, "compute", name);
    check(facetbox_worker_code_set_env(code, env));
    check(facetbox_class_new_host(facetbox_str("Supervisor"), &functions, code, NULL, &class));
    check(facetbox_runtime_namespace(runtime, facetbox_str(name), class, NULL, NULL, &objects));
    facetbox_namespace_free(objects);
    facetbox_class_free(class);
    facetbox_value_free(env);
    return code;
}

static facetbox_error_t *measure(facetbox_runtime_t *runtime, const facetbox_value_t *job, double *seconds) {
    facetbox_namespace_t *objects = NULL;
    facetbox_stub_t *one = NULL;
    facetbox_error_t *error =
        facetbox_runtime_get_namespace(runtime, facetbox_value_as_string(field(job, "guest")), &objects);
    if (!error) error = facetbox_namespace_get_by_name(objects, facetbox_str("one"), &one);
    if (!error && is_loop(job, "through")) {
        error = repeat(one, job, seconds);
    } else if (!error) {
        facetbox_value_t *args = facetbox_value_new_list(), *result = NULL;
        error = facetbox_value_list_push(args, facetbox_value_clone(job));
        if (!error) error = facetbox_stub_call(one, facetbox_str("loop"), args, &result);
        if (!error) facetbox_value_as_float(result, seconds);
        facetbox_value_free(result);
        facetbox_value_free(args);
    }
    facetbox_stub_free(one);
    facetbox_namespace_free(objects);
    return error;
}

static void answer(facetbox_runtime_t *runtime, const char *line) {
    facetbox_value_t *job;
    double seconds = 0;
    check(facetbox_value_from_json(facetbox_str(line), &job));
    facetbox_error_t *error = measure(runtime, job, &seconds);
    if (error) {
        const facetbox_str_t name = facetbox_error_name(error);
        printf("{\"error\": \"%.*s\"}\n", (int)name.len, name.data);
    } else {
        printf("{\"seconds\": %.9f}\n", seconds);
    }
    fflush(stdout);
    facetbox_error_free(error);
    facetbox_value_free(job);
}

int main(int argc, char **argv) {
    static char line[1 << 16];
    facetbox_runtime_t *runtime;
    facetbox_value_t *limits;
    facetbox_options_t *options = facetbox_options_new();
    if (argc != 3) {
        fprintf(stderr, "usage: %s <guests> <data>\n", argv[0]);
        return 2;
    }
    check(facetbox_options_set_path(options, facetbox_str(argv[2])));
    check(facetbox_value_from_json(facetbox_str("{\"subRequests\": 100000000}"), &limits));
    check(facetbox_options_set_limits(options, limits)); /* a loop makes more calls than is allowed by default */
    facetbox_value_free(limits);
    check(facetbox_runtime_open(options, &runtime));
    facetbox_options_free(options);
    facetbox_worker_code_t *luau = bind(runtime, argv[1], "luau"), *js = bind(runtime, argv[1], "js");
    while (fgets(line, sizeof line, stdin)) answer(runtime, line);
    facetbox_runtime_free(runtime);
    facetbox_worker_code_free(luau);
    facetbox_worker_code_free(js);
    return 0;
}
