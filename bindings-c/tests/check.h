/* What the C tests share: checks that say where they failed, and short forms of what tests do often. */
#ifndef CHECK_H
#define CHECK_H

#include <facetbox.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)   \
    ((condition) ? (void)0 \
                 : (fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition), exit(1)))

/* The call must succeed. */
#define OK(call) check_ok((call), __FILE__, __LINE__)

/* The call must fail with this code, and with this in its message. */
#define FAILS(call, code, part) check_fails((call), FACETBOX_ERR_##code, (part), __FILE__, __LINE__)

#define S(text) facetbox_str(text)

static inline void check_ok(facetbox_error_t *error, const char *file, int line) {
    if (error == NULL) return;
    facetbox_str_t name = facetbox_error_name(error), message = facetbox_error_message(error);
    fprintf(stderr, "%s:%d: error %d %.*s: %.*s\n", file, line, (int)facetbox_error_code(error),
            (int)name.len, name.data, (int)message.len, message.data);
    exit(1);
}

/* Whether `part` is somewhere in `text`. */
static inline int contains(facetbox_str_t text, const char *part) {
    size_t len = strlen(part);
    for (size_t at = 0; at + len <= text.len; at++)
        if (memcmp(text.data + at, part, len) == 0) return 1;
    return 0;
}

static inline int equals(facetbox_str_t text, const char *expected) {
    return text.len == strlen(expected) && contains(text, expected);
}

static inline void check_fails(facetbox_error_t *error, int32_t code, const char *part, const char *file,
                               int line) {
    facetbox_str_t message = facetbox_error_message(error);
    if (facetbox_error_code(error) != code || !contains(message, part)) {
        fprintf(stderr, "%s:%d: expected error %d with \"%s\", got %d: %.*s\n", file, line, (int)code, part,
                (int)facetbox_error_code(error), (int)message.len, message.data);
        exit(1);
    }
    facetbox_error_free(error);
}

/* A value from JSON. */
static inline facetbox_value_t *json(const char *text) {
    facetbox_value_t *value;
    OK(facetbox_value_from_json(S(text), &value));
    return value;
}

/* Whether a value is what the JSON says; frees the value. */
static inline int is_json(facetbox_value_t *value, const char *expected) {
    facetbox_value_t *other = json(expected);
    int same = facetbox_value_equals(value, other);
    if (!same) {
        facetbox_value_t *text;
        OK(facetbox_value_to_json(value, &text));
        facetbox_str_t shown = facetbox_value_as_string(text);
        fprintf(stderr, "got %.*s instead of %s\n", (int)shown.len, shown.data, expected);
        facetbox_value_free(text);
    }
    facetbox_value_free(other);
    facetbox_value_free(value);
    return same;
}

/* Calls a method with arguments in JSON. */
static inline facetbox_error_t *call_json(const facetbox_stub_t *stub, const char *method, const char *args,
                                          facetbox_value_t **result) {
    facetbox_value_t *list = json(args);
    facetbox_error_t *error = facetbox_stub_call(stub, S(method), list, result);
    facetbox_value_free(list);
    return error;
}

/* The call must answer what the JSON says. */
#define ANSWERS(stub, method, args, expected)              \
    do {                                                   \
        facetbox_value_t *answer_ = NULL;                  \
        OK(call_json((stub), (method), (args), &answer_)); \
        CHECK(is_json(answer_, (expected)));               \
    } while (0)

/* The call must fail. */
#define THROWS(stub, method, args, code, part)                            \
    do {                                                                  \
        facetbox_value_t *answer_ = NULL;                                 \
        FAILS(call_json((stub), (method), (args), &answer_), code, part); \
        CHECK(answer_ == NULL);                                           \
    } while (0)

/* A runtime that keeps nothing, with time enough for what runs under valgrind. */
static inline facetbox_runtime_t *open_memory(void) {
    facetbox_runtime_t *runtime;
    facetbox_options_t *options = facetbox_options_new();
    facetbox_value_t *limits = json("{\"cpuMs\": 20000}");
    OK(facetbox_options_set_limits(options, limits));
    OK(facetbox_runtime_open(options, &runtime));
    facetbox_value_free(limits);
    facetbox_options_free(options);
    return runtime;
}

/* The class App of one Luau module. */
static inline facetbox_class_t *luau_class(const facetbox_loader_t *loader, const char *source) {
    facetbox_worker_code_t *code;
    facetbox_worker_t *worker;
    facetbox_class_t *class_;
    OK(facetbox_worker_code_new(S("main.luau"), &code));
    OK(facetbox_worker_code_add_module(code, S("main.luau"), S(source)));
    OK(facetbox_loader_load(loader, code, &worker));
    OK(facetbox_worker_get_durable_object_class(worker, S("App"), NULL, NULL, &class_));
    facetbox_worker_free(worker);
    facetbox_worker_code_free(code);
    return class_;
}

#endif
