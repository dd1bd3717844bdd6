/* Errors, requests and responses, ids: what needs no running object. */
#include "check.h"

static void errors(void) {
    facetbox_error_t *error = facetbox_error_new(FACETBOX_ERR_GUEST_ERROR, S("RangeError"), S("too far"));
    facetbox_error_t *copy = facetbox_error_clone(error);
    facetbox_error_free(error);
    CHECK(facetbox_error_code(copy) == FACETBOX_ERR_GUEST_ERROR);
    CHECK(equals(facetbox_error_name(copy), "RangeError") && equals(facetbox_error_message(copy), "too far"));
    CHECK(facetbox_error_stack(copy).data == NULL && facetbox_error_path(copy).data == NULL);
    facetbox_error_free(copy);

    const facetbox_str_t none = {NULL, 0};
    error = facetbox_error_new(FACETBOX_ERR_INVALID_ARGUMENT, none, S("x"));
    CHECK(equals(facetbox_error_name(error), "TypeError"));
    facetbox_error_free(error);

    /* Wrong arguments make an error, too, so that a callback may return the result as it is. */
    FAILS(facetbox_error_new(12345, none, S("x")), INVALID_ARGUMENT, "12345");
    FAILS(facetbox_error_new(FACETBOX_OK, none, S("x")), INVALID_ARGUMENT, "code");
    FAILS(facetbox_error_no_such_method(S("fly")), NOT_FOUND, "\"fly\"");

    CHECK(equals(facetbox_error_code_name(FACETBOX_ERR_LIMIT_CPU), "LIMIT_CPU"));
    CHECK(facetbox_error_code_name(FACETBOX_OK).data == NULL);
    CHECK(facetbox_error_code(NULL) == FACETBOX_OK && facetbox_error_message(NULL).data == NULL);
    CHECK(facetbox_error_clone(NULL) == NULL);
    facetbox_error_free(NULL);
}

static void drop_one(void *host) {
    ++*(int *)host;
}

static void drop_other(void *host) {
    (void)host;
}

static void host_data(void) {
    int drops = 0;
    facetbox_error_t *error = facetbox_error_new(FACETBOX_ERR_GUEST_ERROR, S("Error"), S("x"));
    CHECK(facetbox_error_host(error, drop_one) == NULL && facetbox_error_host(NULL, drop_one) == NULL);
    OK(facetbox_error_set_host(error, &drops, drop_one));
    facetbox_error_t *copy = facetbox_error_clone(error);
    facetbox_error_free(error);
    CHECK(facetbox_error_host(copy, drop_one) == &drops && facetbox_error_host(copy, drop_other) == NULL);
    CHECK(drops == 0);
    facetbox_error_free(copy);
    CHECK(drops == 1);
    FAILS(facetbox_error_set_host(NULL, &drops, drop_one), INVALID_ARGUMENT, "'error'");
    CHECK(drops == 2);
}

static void requests(void) {
    const facetbox_str_t none = {NULL, 0};
    facetbox_request_t *request = NULL;
    FAILS(facetbox_request_new(none, S("/relative"), &request), INVALID_ARGUMENT, "/relative");
    CHECK(request == NULL);
    OK(facetbox_request_new(none, S("http://App:80/a b#c"), &request));
    CHECK(equals(facetbox_request_method(request), "GET"));
    CHECK(equals(facetbox_request_url(request), "http://app/a%20b"));
    CHECK(facetbox_request_body(request).data == NULL);

    const facetbox_bytes_t empty = {(const uint8_t *)"", 0}, body = {(const uint8_t *)"hello", 5},
                           no_body = {NULL, 0};
    OK(facetbox_request_set_body(request, empty));
    CHECK(facetbox_request_body(request).data != NULL && facetbox_request_body(request).len == 0);
    OK(facetbox_request_set_body(request, body));
    CHECK(facetbox_request_body(request).len == 5);
    facetbox_request_t *copy = facetbox_request_clone(request);
    CHECK(facetbox_request_body(copy).len == 5 && facetbox_request_clone(NULL) == NULL);
    facetbox_request_free(copy);
    OK(facetbox_request_set_body(request, no_body));
    CHECK(facetbox_request_body(request).data == NULL);
    facetbox_request_free(request);
}

static void headers(void) {
    facetbox_response_t *response = NULL;
    FAILS(facetbox_response_new(99, &response), INVALID_ARGUMENT, "200 to 599");
    OK(facetbox_response_new(201, &response));
    CHECK(facetbox_response_status(response) == 201);

    facetbox_headers_t *fields = facetbox_response_headers_mut(response);
    OK(facetbox_headers_append(fields, S("X-List"), S("a")));
    OK(facetbox_headers_append(fields, S("x-list"), S("b")));
    OK(facetbox_headers_set(fields, S("Other"), S("c")));
    FAILS(facetbox_headers_set(fields, S("bad name"), S("c")), INVALID_ARGUMENT, "bad name");

    const facetbox_headers_t *read = facetbox_response_headers(response);
    facetbox_value_t *joined;
    CHECK(facetbox_headers_len(read) == 3 && equals(facetbox_headers_name_at(read, 2), "other"));
    CHECK(equals(facetbox_headers_value_at(read, 1), "b") && facetbox_headers_name_at(read, 3).data == NULL);
    OK(facetbox_headers_get(read, S("X-LIST"), &joined));
    CHECK(is_json(joined, "\"a, b\""));
    OK(facetbox_headers_delete(fields, S("x-list")));
    OK(facetbox_headers_get(read, S("x-list"), &joined));
    CHECK(joined == NULL && facetbox_headers_len(read) == 1);
    facetbox_response_free(response);

    OK(facetbox_response_new_text(S("hi"), &response));
    facetbox_response_t *copy = facetbox_response_clone(response);
    CHECK(facetbox_response_body(copy).len == 2 && facetbox_response_clone(NULL) == NULL);
    facetbox_response_free(copy);
    OK(facetbox_headers_get(facetbox_response_headers(response), S("content-type"), &joined));
    CHECK(is_json(joined, "\"text/plain;charset=UTF-8\""));
    facetbox_response_free(response);
}

static facetbox_error_t *construct(void *user_data, facetbox_ctx_t *ctx, const facetbox_value_t *env,
                                   void **instance) {
    (void)user_data, (void)env, (void)instance;
    facetbox_ctx_free(ctx);
    return NULL;
}

static void ids_and_namespaces(void) {
    const facetbox_host_class_t functions = {.size = sizeof functions, .construct = construct};
    const facetbox_host_class_t none = {.size = sizeof none}, old = {.construct = construct};
    facetbox_runtime_t *runtime = open_memory();
    facetbox_class_t *class_ = NULL;
    facetbox_namespace_t *space, *same, *other;
    FAILS(facetbox_class_new_host(S("A"), &none, NULL, NULL, &class_), INVALID_ARGUMENT,
          "functions->construct");
    FAILS(facetbox_class_new_host(S("A"), &old, NULL, NULL, &class_), INVALID_ARGUMENT, "functions->size");
    OK(facetbox_class_new_host(S("A"), &functions, NULL, NULL, &class_));
    CHECK(equals(facetbox_class_name(class_), "A"));
    OK(facetbox_runtime_namespace(runtime, S("mykey"), class_, NULL, NULL, &space));
    OK(facetbox_runtime_namespace(runtime, S("other"), class_, NULL, NULL, &other));
    FAILS(facetbox_runtime_namespace(runtime, S("other"), class_, NULL, NULL, &same), INVALID_ARGUMENT,
          "bound already");
    FAILS(facetbox_runtime_namespace(runtime, S(""), class_, NULL, NULL, &same), INVALID_ARGUMENT, "empty");
    FAILS(facetbox_runtime_get_namespace(runtime, S("none"), &same), NOT_FOUND, "none");
    OK(facetbox_runtime_get_namespace(runtime, S("mykey"), &same));
    CHECK(equals(facetbox_namespace_name(same), "mykey"));

    facetbox_object_id_t *id, *again, *unique;
    OK(facetbox_namespace_id_from_name(space, S("name"), &id));
    facetbox_str_t text = facetbox_object_id_to_string(id);
    CHECK(equals(text, "3652ef6221834806dc8df802d1d216e27b7d07e0a6b7adf6cfdaeec90f06459a"));
    CHECK(equals(facetbox_object_id_name(id), "name"));
    OK(facetbox_namespace_id_from_string(same, text, &again));
    OK(facetbox_namespace_new_unique_id(space, &unique));
    CHECK(facetbox_object_id_equals(id, again) && !facetbox_object_id_equals(id, unique));
    CHECK(facetbox_object_id_name(again).data == NULL && !facetbox_object_id_equals(id, NULL));
    facetbox_object_id_free(again);
    FAILS(facetbox_namespace_id_from_string(other, text, &again), INVALID_ARGUMENT,
          "not valid for this namespace");
    FAILS(facetbox_namespace_id_from_string(space, S("x"), &again), INVALID_ARGUMENT, "64 hex digits");

    facetbox_stub_t *stub = NULL;
    FAILS(facetbox_namespace_get(other, id, &stub), INVALID_ARGUMENT, "not valid for this namespace");
    FAILS(facetbox_namespace_get(space, NULL, &stub), INVALID_ARGUMENT, "'id' must not be NULL");
    CHECK(stub == NULL);
    OK(facetbox_namespace_get(space, id, &stub));
    OK(facetbox_stub_id(stub, &again));
    CHECK(facetbox_object_id_equals(id, again) && equals(facetbox_stub_name(stub), "name"));
    THROWS(stub, "anything", "[]", NOT_FOUND, "anything");
    THROWS(stub, "alarm", "[]", INVALID_ARGUMENT, "reserved");
    FAILS(call_json(NULL, "x", "[]", &(facetbox_value_t *){NULL}), INVALID_ARGUMENT,
          "'stub' must not be NULL");
    FAILS(call_json(stub, "x", "{}", &(facetbox_value_t *){NULL}), INVALID_ARGUMENT,
          "'args' must be a list, got map");

    facetbox_object_id_free(again);
    facetbox_object_id_free(unique);
    facetbox_object_id_free(id);
    facetbox_stub_free(stub);
    facetbox_namespace_free(other);
    facetbox_namespace_free(same);
    facetbox_namespace_free(space);
    facetbox_class_free(class_);
    facetbox_runtime_free(runtime);
}

int main(void) {
    CHECK(equals(facetbox_version(), FACETBOX_VERSION));
    CHECK(facetbox_abi_version() == FACETBOX_ABI_VERSION);
    errors();
    host_data();
    requests();
    headers();
    ids_and_namespaces();
    return 0;
}
