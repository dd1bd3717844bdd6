/* Alarms of host classes under a clock that the test moves, and the options that rule instances. */
#include "check.h"

enum { START = 1000000, MINUTE = 60000 };

/* What handlers were told, and how many of the next ones fail. */
static int runs, failures;
static int64_t told_time;
static uint32_t told_retries;
static bool told_retry;
static int instances;

static facetbox_error_t *construct(void *user_data, facetbox_ctx_t *ctx, const facetbox_value_t *env,
                                   void **instance) {
    (void)user_data, (void)env;
    instances++;
    *instance = ctx;
    return NULL;
}

static void drop_instance(void *instance) {
    instances--;
    facetbox_ctx_free(instance);
}

/* set(time), get(), delete(): each answers the time that is set; bookmark(): that of the storage. */
static facetbox_error_t *call(void *instance, facetbox_str_t method, const facetbox_value_t *args,
                              facetbox_value_t **result) {
    const facetbox_storage_t *storage = facetbox_ctx_storage(instance);
    facetbox_error_t *error = NULL;
    int64_t time = -1;
    facetbox_value_as_int(facetbox_value_at(args, 0), &time);
    if (equals(method, "bookmark")) return facetbox_storage_get_current_bookmark(storage, result);
    if (equals(method, "set")) error = facetbox_storage_set_alarm(storage, time);
    if (equals(method, "delete")) error = facetbox_storage_delete_alarm(storage);
    if (error) return error;
    if ((error = facetbox_storage_get_alarm(storage, &time)) != NULL) return error;
    *result = facetbox_value_new_int(time);
    return NULL;
}

static facetbox_error_t *alarm_(void *instance, const facetbox_alarm_info_t *info) {
    int64_t set = -1;
    OK(facetbox_storage_get_alarm(facetbox_ctx_storage(instance), &set));
    CHECK(set == 0);
    runs++;
    told_time = info->scheduled_time_ms;
    told_retries = info->retry_count;
    told_retry = info->is_retry;
    if (failures == 0) return NULL;
    failures--;
    return facetbox_error_new(FACETBOX_ERR_GUEST_ERROR, S("Error"), S("not yet"));
}

static uint64_t run_due(const facetbox_runtime_t *runtime) {
    uint64_t count = 99;
    OK(facetbox_runtime_run_due_alarms(runtime, &count));
    return count;
}

static facetbox_runtime_t *open_manual(const facetbox_manual_clock_t *clock, size_t max_warm) {
    facetbox_runtime_t *runtime;
    facetbox_options_t *options = facetbox_options_new();
    OK(facetbox_options_set_clock(options, clock));
    OK(facetbox_options_set_alarms(options, FACETBOX_ALARMS_MANUAL));
    OK(facetbox_options_set_idle_ms(options, 3600000));
    OK(facetbox_options_set_max_warm(options, max_warm));
    FAILS(facetbox_options_set_alarms(options, 2), INVALID_ARGUMENT, "'alarms' must be 0 or 1, got 2");
    FAILS(facetbox_options_set_clock(options, NULL), INVALID_ARGUMENT, "'clock' must not be NULL");
    OK(facetbox_runtime_open(options, &runtime));
    facetbox_options_free(options);
    return runtime;
}

static facetbox_stub_t *bind_class(const facetbox_runtime_t *runtime, const char *name, facetbox_alarm_fn alarm,
                                   facetbox_has_alarm_fn has_alarm) {
    const facetbox_host_class_t functions = {
        .size = sizeof functions,
        .construct = construct,
        .call = call,
        .alarm = alarm,
        .drop_instance = drop_instance,
        .has_alarm = has_alarm,
    };
    facetbox_class_t *class_;
    facetbox_namespace_t *space;
    facetbox_stub_t *stub;
    OK(facetbox_class_new_host(S(name), &functions, NULL, NULL, &class_));
    OK(facetbox_runtime_namespace(runtime, S(name), class_, NULL, NULL, &space));
    OK(facetbox_namespace_get_by_name(space, S("a"), &stub));
    facetbox_namespace_free(space);
    facetbox_class_free(class_);
    return stub;
}

static facetbox_stub_t *bind(const facetbox_runtime_t *runtime, const char *name) {
    return bind_class(runtime, name, alarm_, NULL);
}

static void an_alarm_fires_once_at_its_time(const facetbox_runtime_t *runtime,
                                            const facetbox_manual_clock_t *clock) {
    facetbox_stub_t *stub = bind(runtime, "Once");
    ANSWERS(stub, "get", "[]", "0");
    ANSWERS(stub, "set", "[1060000]", "1060000");
    OK(facetbox_manual_clock_set_ms(clock, START + MINUTE - 1));
    CHECK(run_due(runtime) == 0 && runs == 0);
    OK(facetbox_manual_clock_advance_ms(clock, 1));
    CHECK(facetbox_manual_clock_now_ms(clock) == START + MINUTE);
    CHECK(run_due(runtime) == 1 && runs == 1);
    CHECK(told_time == START + MINUTE && told_retries == 0 && !told_retry);
    ANSWERS(stub, "get", "[]", "0");
    OK(facetbox_runtime_run_due_alarms(runtime, NULL));
    CHECK(runs == 1);

    ANSWERS(stub, "set", "[9000000]", "9000000");
    ANSWERS(stub, "delete", "[]", "0");
    OK(facetbox_manual_clock_set_ms(clock, 9000000));
    CHECK(run_due(runtime) == 0);
    THROWS(stub, "set", "[0]", INVALID_ARGUMENT, "alarm time <= 0");
    THROWS(stub, "alarm", "[]", INVALID_ARGUMENT, "reserved");
    facetbox_stub_free(stub);
}

static void a_handler_that_fails_is_tried_again(const facetbox_runtime_t *runtime,
                                                const facetbox_manual_clock_t *clock) {
    facetbox_stub_t *stub = bind(runtime, "Again");
    runs = 0, failures = 1;
    ANSWERS(stub, "set", "[9000001]", "9000001");
    OK(facetbox_manual_clock_set_ms(clock, 9000001));
    CHECK(run_due(runtime) == 1 && failures == 0);
    OK(facetbox_manual_clock_advance_ms(clock, 5000));
    CHECK(run_due(runtime) == 1 && runs == 2);
    CHECK(told_time == 9000001 && told_retries == 1 && told_retry);
    facetbox_stub_free(stub);
}

static bool hears_nothing(void *instance) {
    (void)instance;
    return false;
}

static void without_a_handler_no_alarm_can_be_set(const facetbox_runtime_t *runtime) {
    facetbox_stub_t *none = bind_class(runtime, "Deaf", NULL, NULL);
    facetbox_stub_t *says_so = bind_class(runtime, "SaysSo", alarm_, hears_nothing);
    THROWS(none, "set", "[9100000]", UNSUPPORTED, "must have an alarm() handler");
    THROWS(says_so, "set", "[9100000]", UNSUPPORTED, "must have an alarm() handler");
    ANSWERS(none, "get", "[]", "0");
    facetbox_stub_free(none);
    facetbox_stub_free(says_so);
}

static void bookmarks_grow(const facetbox_runtime_t *runtime) {
    facetbox_stub_t *stub = bind(runtime, "Marks");
    facetbox_value_t *before, *after;
    OK(call_json(stub, "bookmark", "[]", &before));
    ANSWERS(stub, "set", "[99000000]", "99000000");
    OK(call_json(stub, "bookmark", "[]", &after));
    facetbox_str_t first = facetbox_value_as_string(before), second = facetbox_value_as_string(after);
    CHECK(first.len > 0 && first.len == second.len && memcmp(first.data, second.data, first.len) < 0);
    facetbox_value_free(before);
    facetbox_value_free(after);
    facetbox_stub_free(stub);
}

/* The cap of one warm instance lets the one before go when the next one has done its work. */
static void few_instances_stay_warm(const facetbox_runtime_t *runtime) {
    facetbox_stub_t *one = bind(runtime, "One"), *two = bind(runtime, "Two");
    ANSWERS(one, "get", "[]", "0");
    ANSWERS(two, "get", "[]", "0");
    CHECK(instances <= 2);
    facetbox_stub_free(one);
    facetbox_stub_free(two);
}

static void misuse(facetbox_runtime_t *runtime, const facetbox_manual_clock_t *clock) {
    int64_t time;
    FAILS(facetbox_storage_set_alarm(NULL, 1), INVALID_ARGUMENT, "'storage' must not be NULL");
    FAILS(facetbox_storage_get_alarm(NULL, &time), INVALID_ARGUMENT, "'storage' must not be NULL");
    FAILS(facetbox_storage_delete_alarm(NULL), INVALID_ARGUMENT, "'storage' must not be NULL");
    FAILS(facetbox_manual_clock_set_ms(NULL, 1), INVALID_ARGUMENT, "'clock' must not be NULL");
    FAILS(facetbox_manual_clock_advance_ms(NULL, 1), INVALID_ARGUMENT, "'clock' must not be NULL");
    FAILS(facetbox_options_set_idle_ms(NULL, 1), INVALID_ARGUMENT, "'options' must not be NULL");
    FAILS(facetbox_options_set_max_warm(NULL, 1), INVALID_ARGUMENT, "'options' must not be NULL");
    FAILS(facetbox_runtime_run_due_alarms(NULL, NULL), INVALID_ARGUMENT, "'runtime' must not be NULL");
    CHECK(facetbox_manual_clock_now_ms(NULL) == 0);
    facetbox_stub_t *stub = bind(runtime, "Closed");
    OK(facetbox_runtime_close(runtime));
    FAILS(facetbox_runtime_run_due_alarms(runtime, NULL), CLOSED, "closed");
    THROWS(stub, "set", "[1]", CLOSED, "closed");
    OK(facetbox_manual_clock_advance_ms(clock, UINT64_MAX));
    CHECK(facetbox_manual_clock_now_ms(clock) == INT64_MAX);
    facetbox_stub_free(stub);
}

int main(void) {
    facetbox_manual_clock_t *clock = facetbox_manual_clock_new(START);
    facetbox_runtime_t *runtime = open_manual(clock, 1);
    an_alarm_fires_once_at_its_time(runtime, clock);
    a_handler_that_fails_is_tried_again(runtime, clock);
    without_a_handler_no_alarm_can_be_set(runtime);
    bookmarks_grow(runtime);
    few_instances_stay_warm(runtime);
    misuse(runtime, clock);
    facetbox_runtime_free(runtime);
    facetbox_manual_clock_free(clock);
    facetbox_manual_clock_free(NULL);
    CHECK(instances == 0);
    return 0;
}
