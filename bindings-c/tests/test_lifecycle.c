/* Data directories: kept, locked, refused; and what is left after closing. */
#define _XOPEN_SOURCE 700
#include "check.h"
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char COUNTER[] =
    "local App = DurableObject:extend('App')\n"
    "function App:add() local kv = self.ctx.storage.kv kv:put('n', (kv:get('n') or 0) + 1) return "
    "kv:get('n') end\n"
    "return { App = App }\n";

static char root[] = "/tmp/facetbox-test-XXXXXX";

static facetbox_error_t *open_at(const char *name, facetbox_runtime_t **runtime) {
    char path[100];
    facetbox_options_t *options = facetbox_options_new();
    facetbox_value_t *limits = json("{\"cpuMs\": 30000}"), *wrong = json("{\"cpuMs\": 0}");
    snprintf(path, sizeof path, "%s/%s", root, name);
    OK(facetbox_options_set_path(options, S(path)));
    OK(facetbox_options_set_durability(options, FACETBOX_DURABILITY_RELAXED));
    FAILS(facetbox_options_set_durability(options, 3), INVALID_ARGUMENT, "got 3");
    OK(facetbox_options_set_threads(options, 1));
    OK(facetbox_options_set_limits(options, limits));
    FAILS(facetbox_options_set_limits(options, wrong), INVALID_ARGUMENT, "cpuMs");
    facetbox_error_t *error = facetbox_runtime_open(options, runtime);
    facetbox_value_free(wrong);
    facetbox_value_free(limits);
    facetbox_options_free(options);
    return error;
}

static facetbox_stub_t *counter(facetbox_runtime_t *runtime) {
    facetbox_loader_t *loader;
    facetbox_namespace_t *space;
    facetbox_stub_t *stub;
    OK(facetbox_runtime_loader(runtime, &loader));
    facetbox_class_t *class_ = luau_class(loader, COUNTER);
    OK(facetbox_runtime_namespace(runtime, S("counters"), class_, NULL, NULL, &space));
    OK(facetbox_namespace_get_by_name(space, S("a"), &stub));
    facetbox_namespace_free(space);
    facetbox_class_free(class_);
    facetbox_loader_free(loader);
    return stub;
}

static void data_is_kept_and_the_directory_is_locked(void) {
    facetbox_runtime_t *runtime, *second = NULL;
    facetbox_stub_t *stub;
    char pid[20];
    OK(open_at("kept", &runtime));
    stub = counter(runtime);
    ANSWERS(stub, "add", "[]", "1");
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    FAILS(open_at("kept", &second), IN_USE, pid);
    CHECK(second == NULL);
    facetbox_runtime_free(runtime);
    facetbox_stub_free(stub);

    OK(open_at("kept", &runtime));
    stub = counter(runtime);
    ANSWERS(stub, "add", "[]", "2");
    facetbox_stub_free(stub);
    facetbox_runtime_free(runtime);
}

static void everything_fails_after_closing(void) {
    facetbox_runtime_t *runtime;
    facetbox_namespace_t *space = NULL;
    facetbox_loader_t *loader;
    OK(open_at("closed", &runtime));
    facetbox_stub_t *stub = counter(runtime);
    OK(facetbox_runtime_loader(runtime, &loader));
    facetbox_class_t *class_ = luau_class(loader, COUNTER);
    OK(facetbox_runtime_close(runtime));
    OK(facetbox_runtime_close(runtime));
    THROWS(stub, "add", "[]", CLOSED, "closed");
    FAILS(facetbox_runtime_namespace(runtime, S("late"), class_, NULL, NULL, &space), CLOSED, "closed");
    FAILS(facetbox_runtime_close(NULL), INVALID_ARGUMENT, "'runtime' must not be NULL");
    CHECK(space == NULL);
    facetbox_runtime_free(runtime);
    facetbox_class_free(class_);
    facetbox_loader_free(loader);
    facetbox_stub_free(stub);
}

static void foreign_directories_are_refused(void) {
    facetbox_runtime_t *runtime = NULL;
    char path[100];
    snprintf(path, sizeof path, "%s/foreign", root);
    CHECK(mkdir(path, 0700) == 0);
    snprintf(path, sizeof path, "%s/foreign/letters.txt", root);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fclose(file) == 0);
    FAILS(open_at("foreign", &runtime), CORRUPT, "letters.txt");
    FAILS(open_at("foreign/letters.txt/below", &runtime), STORAGE, "letters.txt");
    CHECK(runtime == NULL);
}

/* A forked child has neither the threads nor the files: it gets an error, never a hang. */
static void a_forked_child_is_refused(void) {
    facetbox_runtime_t *runtime;
    int status;
    OK(open_at("forked", &runtime));
    facetbox_stub_t *stub = counter(runtime);
    ANSWERS(stub, "add", "[]", "1");
    pid_t child = fork();
    if (child == 0) {
        /* It ends without an exit, because what the lost threads own would count as leaked. */
        facetbox_value_t *result;
        facetbox_error_t *error = facetbox_stub_call(stub, S("add"), NULL, &result);
        raise(facetbox_error_code(error) == FACETBOX_ERR_FORKED ? SIGKILL : SIGABRT);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == SIGKILL);
    ANSWERS(stub, "add", "[]", "2");
    facetbox_stub_free(stub);
    facetbox_runtime_free(runtime);
}

/* A handle keeps what it needs: here everything that led to the stub is gone before it is used. */
static void frees_come_in_any_order(void) {
    facetbox_runtime_t *runtime = open_memory();
    facetbox_stub_t *stub = counter(runtime), *copy = facetbox_stub_clone(stub);
    facetbox_stub_free(stub);
    ANSWERS(copy, "add", "[]", "1");
    facetbox_runtime_free(runtime);
    THROWS(copy, "add", "[]", CLOSED, "closed");
    facetbox_stub_free(copy);
}

static void free_of_null_does_nothing(void) {
    facetbox_runtime_free(NULL);
    facetbox_options_free(NULL);
    facetbox_namespace_free(NULL);
    facetbox_object_id_free(NULL);
    facetbox_class_free(NULL);
    facetbox_stub_free(NULL);
    facetbox_request_free(NULL);
    facetbox_response_free(NULL);
    facetbox_loader_free(NULL);
    facetbox_worker_code_free(NULL);
    facetbox_worker_free(NULL);
    facetbox_ctx_free(NULL);
    facetbox_facet_options_free(NULL);
    facetbox_kv_list_free(NULL);
    facetbox_sql_cursor_free(NULL);
}

int main(void) {
    CHECK(mkdtemp(root) != NULL);
    data_is_kept_and_the_directory_is_locked();
    everything_fails_after_closing();
    foreign_directories_are_refused();
    a_forked_child_is_refused();
    frees_come_in_any_order();
    free_of_null_does_nothing();

    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    CHECK(system(command) == 0);
    return 0;
}
