/* Long runs, handles that are freed anywhere, and a process that ends without closing anything. */
#define _XOPEN_SOURCE 700
#include "check.h"
#include <pthread.h>
#include <unistd.h>

enum { CALLS = 100000, FEW = 2000, THREADS = 4, HANDLES = 64 };

static const char GUEST[] =
    "local App = DurableObject:extend('App')\n"
    "function App:echo(value) return value end\n"
    "function App:spin(started) started() while true do end end\n"
    "return { App = App }\n";

static facetbox_namespace_t *bind(const facetbox_runtime_t *runtime) {
    facetbox_loader_t *loader;
    facetbox_namespace_t *space;
    OK(facetbox_runtime_loader(runtime, &loader));
    facetbox_class_t *class_ = luau_class(loader, GUEST);
    OK(facetbox_runtime_namespace(runtime, S("app"), class_, NULL, NULL, &space));
    facetbox_class_free(class_);
    facetbox_loader_free(loader);
    return space;
}

/* Memory that is resident, in bytes; 0 where that can't be read. */
static long resident(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL) return 0;
    if (fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

static void call_often(const facetbox_stub_t *stub, int times) {
    facetbox_value_t *args = json("[{\"key\": [1, \"text\", {\"$bytes\": \"AQID\"}]}]");
    for (int i = 0; i < times; i++) {
        facetbox_value_t *result = NULL;
        OK(facetbox_stub_call(stub, S("echo"), args, &result));
        facetbox_value_free(result);
        FAILS(facetbox_stub_call(stub, S("fly"), NULL, &result), NOT_FOUND, "fly");
    }
    facetbox_value_free(args);
}

/* Under valgrind, which keeps what is freed and finds itself what isn't, a few calls will do. */
static void many_calls_take_no_more_memory(const facetbox_namespace_t *space) {
    const bool slow = getenv("FACETBOX_SLOW") != NULL;
    const int calls = slow ? FEW : CALLS;
    facetbox_stub_t *stub;
    OK(facetbox_namespace_get_by_name(space, S("a"), &stub));
    call_often(stub, calls / 10);
    const long before = resident();
    call_often(stub, calls);
    const long grown = resident() - before;
    if (!slow && grown >= 4 << 20) {
        fprintf(stderr, "grown by %ld bytes in %d calls\n", grown, calls);
        exit(1);
    }
    facetbox_stub_free(stub);
}

/* Stubs that one thread makes and others use and free, all at once. */
static facetbox_stub_t *shared[HANDLES];

static void *use_and_free(void *first) {
    for (int i = *(int *)first; i < HANDLES; i += THREADS) {
        facetbox_stub_t *copy = facetbox_stub_clone(shared[i]);
        facetbox_stub_free(shared[i]);
        ANSWERS(copy, "echo", "[7]", "7");
        facetbox_stub_free(copy);
    }
    return NULL;
}

static void handles_are_freed_by_other_threads(const facetbox_namespace_t *space) {
    pthread_t threads[THREADS];
    int firsts[THREADS];
    char name[20];
    for (int i = 0; i < HANDLES; i++) {
        snprintf(name, sizeof name, "object-%d", i % 7);
        OK(facetbox_namespace_get_by_name(space, S(name), &shared[i]));
    }
    for (int i = 0; i < THREADS; i++) {
        firsts[i] = i;
        CHECK(pthread_create(&threads[i], NULL, use_and_free, &firsts[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int spinning;

static facetbox_error_t *started(void *user_data, const facetbox_value_t *args, facetbox_value_t **result) {
    (void)user_data, (void)args, (void)result;
    pthread_mutex_lock(&lock);
    spinning = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void ended(void *user_data, facetbox_error_t *error, facetbox_value_t *result) {
    (void)user_data;
    facetbox_error_free(error);
    facetbox_value_free(result);
}

/* The process that ends while a guest computes and everything is open. */
static int leave(void) {
    facetbox_runtime_t *runtime = open_memory();
    facetbox_namespace_t *space = bind(runtime);
    facetbox_stub_t *stub;
    facetbox_value_t *args = facetbox_value_new_list(), *function;
    OK(facetbox_namespace_get_by_name(space, S("a"), &stub));
    OK(facetbox_value_new_function(S("started"), started, NULL, NULL, &function));
    OK(facetbox_value_list_push(args, function));
    OK(facetbox_stub_call_async(stub, S("spin"), args, NULL, ended, NULL));
    pthread_mutex_lock(&lock);
    while (!spinning) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    return 0;
}

static void a_process_may_end_with_everything_open(const char *program) {
    char command[300];
    snprintf(command, sizeof command, "timeout 10 '%s' leave", program);
    CHECK(system(command) == 0);
}

int main(int count, char **arguments) {
    if (count > 1) return leave();
    facetbox_runtime_t *runtime = open_memory();
    facetbox_namespace_t *space = bind(runtime);
    many_calls_take_no_more_memory(space);
    handles_are_freed_by_other_threads(space);
    a_process_may_end_with_everything_open(arguments[0]);
    facetbox_runtime_free(runtime);
    facetbox_namespace_free(space);
    return 0;
}
