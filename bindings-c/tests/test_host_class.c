/* A class of the host: its methods, its storage, its errors, and how long its data lives. */
#include "check.h"

static facetbox_stub_t *other;
static int constructed, dropped_instances, dropped_class;

typedef struct {
    facetbox_ctx_t *ctx;
    char greeting[20];
} account_t;

static facetbox_error_t *construct(void *user_data, facetbox_ctx_t *ctx, const facetbox_value_t *env,
                                   void **instance) {
    account_t *self = calloc(1, sizeof *self);
    facetbox_str_t greeting = facetbox_value_as_string(facetbox_value_map_get(env, S("GREETING")));
    self->ctx = ctx;
    memcpy(self->greeting, greeting.data, greeting.len);
    ++*(int *)user_data;
    *instance = self;
    if (equals(facetbox_object_id_name(facetbox_ctx_id(ctx)), "refused")) {
        facetbox_ctx_free(ctx);
        free(self);
        return facetbox_error_new(FACETBOX_ERR_GUEST_ERROR, S("RangeError"), S("no such account"));
    }
    return NULL;
}

static void drop_instance(void *instance) {
    account_t *self = instance;
    facetbox_ctx_free(self->ctx);
    free(self);
    dropped_instances++;
}

static void drop_class(void *user_data) {
    CHECK(user_data == &constructed);
    dropped_class++;
}

static facetbox_error_t *fetch(void *instance, const facetbox_request_t *request,
                               facetbox_response_t **response) {
    account_t *self = instance;
    char text[200];
    facetbox_str_t url = facetbox_request_url(request);
    snprintf(text, sizeof text, "%s from %.*s", self->greeting, (int)url.len, url.data);
    return equals(url, "http://app/nothing") ? NULL : facetbox_response_new_text(S(text), response);
}

/* kv(): everything that keys and values can do. */
static facetbox_error_t *kv(const facetbox_storage_t *storage) {
    facetbox_value_t *value = json("{\"a\": [1, {\"$bytes\": \"AQI=\"}]}"), *read, *key;
    bool existed;
    OK(facetbox_storage_kv_put(storage, S("b"), value));
    OK(facetbox_storage_kv_put(storage, S("a"), value));
    OK(facetbox_storage_kv_get(storage, S("a"), &read));
    CHECK(facetbox_value_equals(read, value));
    facetbox_value_free(read);
    facetbox_value_free(value);
    OK(facetbox_storage_kv_get(storage, S("missing"), &read));
    CHECK(read == NULL);

    facetbox_kv_list_t *list;
    facetbox_value_t *options = json("{\"reverse\": true, \"limit\": 1}"), *wrong = json("{\"limit\": 0}");
    OK(facetbox_storage_kv_list(storage, options, &list));
    OK(facetbox_kv_list_next(list, &key, &read));
    CHECK(equals(facetbox_value_as_string(key), "b") && facetbox_value_len(read) == 1);
    facetbox_value_free(key);
    facetbox_value_free(read);
    OK(facetbox_kv_list_next(list, &key, &read));
    CHECK(key == NULL && read == NULL);
    facetbox_kv_list_free(list);
    FAILS(facetbox_storage_kv_list(storage, wrong, &list), INVALID_ARGUMENT, "limit");
    facetbox_value_free(wrong);
    facetbox_value_free(options);

    OK(facetbox_storage_kv_delete(storage, S("a"), &existed));
    CHECK(existed);
    OK(facetbox_storage_kv_delete(storage, S("a"), NULL));
    FAILS(facetbox_storage_kv_put(storage, S("a"), NULL), INVALID_ARGUMENT, "'value' must not be NULL");
    return NULL;
}

/* sql(): every way to read a cursor. */
static facetbox_error_t *sql(const facetbox_storage_t *storage) {
    facetbox_sql_cursor_t *cursor;
    facetbox_value_t *row, *bindings = json("[1, \"one\", 2, null]");
    uint64_t size;
    OK(facetbox_storage_sql_exec(storage, S("CREATE TABLE t (n INTEGER, text)"), NULL, &cursor));
    facetbox_sql_cursor_free(cursor);
    OK(facetbox_storage_sql_exec(storage, S("INSERT INTO t VALUES (?, ?), (?, ?)"), bindings, &cursor));
    CHECK(facetbox_sql_cursor_rows_written(cursor) == 2);
    facetbox_sql_cursor_free(cursor);
    facetbox_value_free(bindings);

    OK(facetbox_storage_sql_exec(storage, S("SELECT * FROM t ORDER BY n"), NULL, &cursor));
    CHECK(facetbox_sql_cursor_column_count(cursor) == 2 &&
          equals(facetbox_sql_cursor_column_name(cursor, 1), "text"));
    CHECK(facetbox_sql_cursor_column_name(cursor, 2).data == NULL);
    OK(facetbox_sql_cursor_next(cursor, &row));
    CHECK(is_json(row, "{\"n\": 1, \"text\": \"one\"}"));
    OK(facetbox_sql_cursor_next_raw(cursor, &row));
    CHECK(is_json(row, "[2, null]"));
    OK(facetbox_sql_cursor_next(cursor, &row));
    CHECK(row == NULL && facetbox_sql_cursor_rows_read(cursor) >= 2);
    facetbox_sql_cursor_free(cursor);

    OK(facetbox_storage_sql_exec(storage, S("SELECT n FROM t ORDER BY n"), NULL, &cursor));
    OK(facetbox_sql_cursor_to_array(cursor, &row));
    CHECK(is_json(row, "[{\"n\": 1}, {\"n\": 2}]"));
    facetbox_sql_cursor_free(cursor);
    OK(facetbox_storage_sql_exec(storage, S("SELECT n FROM t ORDER BY n"), NULL, &cursor));
    OK(facetbox_sql_cursor_raw(cursor, &row));
    CHECK(is_json(row, "[[1], [2]]"));
    facetbox_sql_cursor_free(cursor);
    OK(facetbox_storage_sql_exec(storage, S("SELECT count(*) AS c FROM t"), NULL, &cursor));
    OK(facetbox_sql_cursor_one(cursor, &row));
    CHECK(is_json(row, "{\"c\": 2}"));
    facetbox_sql_cursor_free(cursor);

    cursor = NULL;
    FAILS(facetbox_storage_sql_exec(storage, S("SELEC"), NULL, &cursor), STORAGE, "syntax error");
    FAILS(facetbox_storage_sql_exec(storage, S("SELECT ?, ?"), NULL, &cursor), INVALID_ARGUMENT,
          "It has 2 parameters, got 0 bindings");
    row = facetbox_value_new_map();
    FAILS(facetbox_storage_sql_exec(storage, S("SELECT ?"), row, &cursor), INVALID_ARGUMENT,
          "Argument 'bindings' must be a list, got map");
    facetbox_value_free(row);
    CHECK(cursor == NULL);
    OK(facetbox_storage_database_size(storage, &size));
    CHECK(size > 0);
    return facetbox_storage_sync(storage);
}

static facetbox_error_t *put_and_fail(void *user_data) {
    facetbox_value_t *value = facetbox_value_new_int(1);
    OK(facetbox_storage_kv_put(user_data, S("rolled back"), value));
    facetbox_value_free(value);
    return facetbox_error_new(FACETBOX_ERR_GUEST_ERROR, S("Stop"), S("enough"));
}

/* Calls another object. */
static facetbox_error_t *call_out(void *stub) {
    facetbox_value_t *answer = NULL;
    facetbox_error_t *error = call_json(stub, "echo", "[]", &answer);
    facetbox_value_free(answer);
    return error;
}

static facetbox_error_t *transaction(const facetbox_storage_t *storage, facetbox_stub_t *stub) {
    facetbox_value_t *value;
    OK(facetbox_storage_transaction(storage, call_out, stub));
    FAILS(facetbox_storage_transaction_sync(storage, call_out, stub), INVALID_ARGUMENT, "can't call others");
    FAILS(facetbox_storage_transaction(storage, put_and_fail, (void *)storage), GUEST_ERROR, "enough");
    FAILS(facetbox_storage_transaction_sync(storage, put_and_fail, (void *)storage), GUEST_ERROR, "enough");
    OK(facetbox_storage_kv_get(storage, S("rolled back"), &value));
    CHECK(value == NULL);
    return NULL;
}

static facetbox_error_t *call(void *instance, facetbox_str_t method, const facetbox_value_t *args,
                              facetbox_value_t **result) {
    account_t *self = instance;
    const facetbox_storage_t *storage = facetbox_ctx_storage(self->ctx);
    if (equals(method, "kv")) return kv(storage);
    if (equals(method, "sql")) return sql(storage);
    if (equals(method, "transaction")) return transaction(storage, other);
    if (equals(method, "echo")) return *result = facetbox_value_clone(args), NULL;
    if (equals(method, "path")) return facetbox_value_new_string(facetbox_ctx_path(self->ctx), result);
    if (equals(method, "abort")) return facetbox_ctx_abort(self->ctx, S("as asked"));
    if (equals(method, "delete_all")) return facetbox_ctx_delete_all(self->ctx);
    if (equals(method, "both")) {
        *result = facetbox_value_new_int(1); /* is freed by the library */
        return facetbox_error_new(FACETBOX_ERR_GUEST_ERROR, S("Custom"), S("an error wins"));
    }
    return facetbox_error_no_such_method(method);
}

static facetbox_namespace_t *bind(facetbox_runtime_t *runtime) {
    const facetbox_host_class_t functions = {sizeof functions, construct, fetch, call, NULL, drop_instance, NULL};
    facetbox_class_t *class_;
    facetbox_namespace_t *space;
    facetbox_value_t *env = json("{\"GREETING\": \"hello\"}"), *no_map = json("[1]");
    OK(facetbox_class_new_host(S("Account"), &functions, &constructed, drop_class, &class_));
    FAILS(facetbox_runtime_namespace(runtime, S("accounts"), class_, no_map, NULL, &space), INVALID_ARGUMENT,
          "'env' must be a map");
    OK(facetbox_runtime_namespace(runtime, S("accounts"), class_, env, NULL, &space));
    facetbox_class_free(class_);
    facetbox_value_free(no_map);
    facetbox_value_free(env);
    return space;
}

static void requests(const facetbox_stub_t *stub) {
    const facetbox_str_t get = {NULL, 0};
    facetbox_request_t *request;
    facetbox_response_t *response = NULL;
    OK(facetbox_request_new(get, S("http://app/x"), &request));
    OK(facetbox_stub_fetch(stub, request, &response));
    facetbox_bytes_t body = facetbox_response_body(response);
    CHECK(equals((facetbox_str_t){(const char *)body.data, body.len}, "hello from http://app/x"));
    facetbox_response_free(response);
    facetbox_request_free(request);

    response = NULL;
    OK(facetbox_request_new(get, S("http://app/nothing"), &request));
    FAILS(facetbox_stub_fetch(stub, request, &response), INVALID_ARGUMENT, "neither a response nor an error");
    FAILS(facetbox_stub_fetch(stub, NULL, &response), INVALID_ARGUMENT, "'request' must not be NULL");
    CHECK(response == NULL);
    facetbox_request_free(request);
}

static void aborts(const facetbox_namespace_t *space, const facetbox_stub_t *stub) {
    facetbox_stub_t *fresh;
    int before = constructed;
    THROWS(stub, "abort", "[]", ABORTED, "as asked");
    THROWS(stub, "echo", "[]", ABORTED, "as asked");
    OK(facetbox_namespace_get_by_name(space, S("a"), &fresh));
    ANSWERS(fresh, "echo", "[]", "[]");
    CHECK(constructed == before + 1);
    facetbox_stub_free(fresh);
}

int main(void) {
    facetbox_runtime_t *runtime = open_memory();
    facetbox_namespace_t *space = bind(runtime);
    facetbox_stub_t *stub, *refused;
    OK(facetbox_namespace_get_by_name(space, S("a"), &stub));
    OK(facetbox_namespace_get_by_name(space, S("refused"), &refused));

    ANSWERS(stub, "kv", "[]", "null");
    ANSWERS(stub, "sql", "[]", "null");
    OK(facetbox_namespace_get_by_name(space, S("other"), &other));
    ANSWERS(stub, "transaction", "[]", "null");
    facetbox_stub_free(other);
    ANSWERS(stub, "echo", "[1, {\"$float\": \"NaN\"}, {\"a\": null}]",
            "[1, {\"$float\": \"NaN\"}, {\"a\": null}]");
    ANSWERS(stub, "path", "[]", "\"accounts/a\"");
    ANSWERS(stub, "delete_all", "[]", "null");
    THROWS(stub, "fly", "[]", NOT_FOUND, "fly");
    THROWS(stub, "both", "[]", GUEST_ERROR, "an error wins");
    THROWS(refused, "echo", "[]", GUEST_ERROR, "no such account");
    requests(stub);
    aborts(space, stub);

    /* Freed in the wrong order on purpose. */
    facetbox_runtime_free(runtime);
    THROWS(stub, "echo", "[]", CLOSED, "closed");
    facetbox_namespace_free(space);
    facetbox_stub_free(refused);
    facetbox_stub_free(stub);
    CHECK(dropped_class == 1 && dropped_instances == constructed - 1);
    return 0;
}
