/* Values: building, reading, JSON, and what is refused. */
#include "check.h"

static void scalars(void) {
    facetbox_value_t *value = facetbox_value_new_int(INT64_MIN);
    int64_t whole = 0;
    double number = 0;
    bool truth = false;
    CHECK(facetbox_value_type(value) == FACETBOX_TYPE_INT);
    CHECK(facetbox_value_as_int(value, &whole) && whole == INT64_MIN);
    CHECK(facetbox_value_as_float(value, &number) && number == -9223372036854775808.0);
    CHECK(!facetbox_value_as_bool(value, &truth) && !truth);
    CHECK(facetbox_value_as_string(value).data == NULL);
    facetbox_value_free(value);

    value = facetbox_value_new_float(9223372036854775808.0);
    whole = 7;
    CHECK(!facetbox_value_as_int(value, &whole) && whole == 7);
    facetbox_value_free(value);

    value = facetbox_value_new_bool(true);
    CHECK(facetbox_value_as_bool(value, &truth) && truth);
    CHECK(!facetbox_value_as_bool(value, NULL));
    facetbox_value_free(value);

    value = facetbox_value_new_date(1700000000000.0);
    CHECK(facetbox_value_as_date(value, &number) && number == 1700000000000.0);
    facetbox_value_free(value);
}

static void text_and_bytes(void) {
    const facetbox_str_t with_nul = {"a\0\xc3\xa9", 4}, broken = {"ab\xff", 3}, empty = {NULL, 0};
    const facetbox_bytes_t bytes = {(const uint8_t *)"\xff\0", 2}, null_bytes = {NULL, 2};
    facetbox_value_t *value;

    OK(facetbox_value_new_string(with_nul, &value));
    facetbox_str_t text = facetbox_value_as_string(value);
    CHECK(text.len == 4 && memcmp(text.data, with_nul.data, 4) == 0);
    facetbox_value_free(value);

    OK(facetbox_value_new_string(empty, &value));
    CHECK(facetbox_value_as_string(value).data != NULL && facetbox_value_as_string(value).len == 0);
    facetbox_value_free(value);

    OK(facetbox_value_new_bytes(bytes, &value));
    CHECK(facetbox_value_as_bytes(value).len == 2 && facetbox_value_as_bytes(value).data[0] == 0xff);
    facetbox_value_free(value);

    value = NULL;
    FAILS(facetbox_value_new_string(broken, &value), INVALID_ARGUMENT,
          "'text' is not UTF-8: wrong byte at 2");
    FAILS(facetbox_value_new_bytes(null_bytes, &value), INVALID_ARGUMENT, "'bytes' is NULL but has length 2");
    FAILS(facetbox_value_new_string(with_nul, NULL), INVALID_ARGUMENT, "'out' must not be NULL");
    CHECK(value == NULL);
}

static void containers(void) {
    facetbox_value_t *list = facetbox_value_new_list(), *map = facetbox_value_new_map();
    OK(facetbox_value_map_set(map, S("b"), facetbox_value_new_int(1)));
    OK(facetbox_value_map_set(map, S("a"), facetbox_value_new_int(2)));
    OK(facetbox_value_map_set(map, S("b"), facetbox_value_new_int(3)));
    OK(facetbox_value_list_push(list, map));
    OK(facetbox_value_list_push(list, NULL));

    const facetbox_value_t *inner = facetbox_value_at(list, 0);
    int64_t number;
    CHECK(facetbox_value_len(list) == 2 && facetbox_value_len(inner) == 2);
    CHECK(equals(facetbox_value_map_key_at(inner, 0), "b") &&
          equals(facetbox_value_map_key_at(inner, 1), "a"));
    CHECK(facetbox_value_as_int(facetbox_value_at(inner, 1), &number) && number == 2);
    CHECK(facetbox_value_as_int(facetbox_value_map_get(inner, S("b")), &number) && number == 3);
    CHECK(facetbox_value_map_get(inner, S("c")) == NULL && facetbox_value_at(inner, 2) == NULL);
    CHECK(facetbox_value_map_key_at(inner, 2).data == NULL);

    /* What is pushed is taken even when that fails. */
    FAILS(facetbox_value_map_set(list, S("x"), facetbox_value_new_list()), INVALID_ARGUMENT,
          "must be a map, got list");
    FAILS(facetbox_value_list_push(NULL, facetbox_value_new_list()), INVALID_ARGUMENT,
          "'list' must not be NULL");

    facetbox_value_t *copy = facetbox_value_clone(list);
    OK(facetbox_value_list_push(copy, facetbox_value_new_null()));
    CHECK(facetbox_value_len(list) == 2 && facetbox_value_len(copy) == 3);
    facetbox_value_free(list);
    CHECK(is_json(copy, "[{\"a\": 2, \"b\": 3}, null, null]"));

    facetbox_value_t *dict = facetbox_value_new_dict(), *set = facetbox_value_new_set();
    OK(facetbox_value_list_push(set, facetbox_value_new_int(1)));
    OK(facetbox_value_dict_push(dict, facetbox_value_new_float(0.5), set));
    CHECK(facetbox_value_as_float(facetbox_value_dict_key_at(dict, 0), &(double){0}));
    CHECK(facetbox_value_type(facetbox_value_at(dict, 0)) == FACETBOX_TYPE_SET);
    CHECK(is_json(dict, "{\"$map\": [[0.5, {\"$set\": [1]}]]}"));
}

static void big_integers_and_errors(void) {
    facetbox_value_t *value, *digits;
    OK(facetbox_value_new_bigint(S("-340282366920938463463374607431768211456"), &value));
    CHECK(facetbox_value_as_bigint(value, &digits));
    CHECK(equals(facetbox_value_as_string(digits), "-340282366920938463463374607431768211456"));
    facetbox_value_free(digits);
    CHECK(is_json(value, "{\"$bigint\": \"-340282366920938463463374607431768211456\"}"));
    FAILS(facetbox_value_new_bigint(S("12a"), &value), INVALID_ARGUMENT, "decimal digits");

    facetbox_error_t *error = facetbox_error_new(FACETBOX_ERR_GUEST_ERROR, S("RangeError"), S("too far")),
                     *again;
    OK(facetbox_value_new_error(error, &value));
    facetbox_error_free(error);
    CHECK(facetbox_value_as_error(value, &again) && equals(facetbox_error_name(again), "RangeError"));
    facetbox_error_free(again);
    CHECK(is_json(value, "{\"$error\": {\"name\": \"RangeError\", \"message\": \"too far\"}}"));
}

static void json_spellings(void) {
    const char *texts[] = {"{\"$float\":\"NaN\"}",  "{\"$float\":\"-0\"}",
                           "{\"$bytes\":\"AQI=\"}", "{\"$date\":-1}",
                           "{\"$undefined\":true}", "{\"a\":[1,1.5,\"\\u0000\",true,null]}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        facetbox_value_t *value = json(texts[i]), *text;
        OK(facetbox_value_to_json(value, &text));
        CHECK(equals(facetbox_value_as_string(text), texts[i]));
        facetbox_value_free(text);
        facetbox_value_free(value);
    }
    facetbox_value_t *value = NULL;
    FAILS(facetbox_value_from_json(S("[1,"), &value), INVALID_ARGUMENT, "Invalid JSON");
    FAILS(facetbox_value_from_json(S("{\"$bytes\":\"*\"}"), &value), VALUE_ERROR, "$bytes");
    CHECK(value == NULL);
}

static facetbox_error_t *nothing(void *user_data, const facetbox_value_t *args, facetbox_value_t **result) {
    (void)user_data, (void)args, (void)result;
    return NULL;
}

static void count(void *user_data) {
    ++*(int *)user_data;
}

static void functions_are_dropped_once(void) {
    int dropped = 0;
    facetbox_value_t *function, *text;
    OK(facetbox_value_new_function(S("f"), nothing, &dropped, count, &function));
    facetbox_value_t *copy = facetbox_value_clone(function);
    CHECK(facetbox_value_type(copy) == FACETBOX_TYPE_FUNCTION);
    FAILS(facetbox_value_to_json(copy, &text), VALUE_ERROR, "function");
    facetbox_value_free(function);
    CHECK(dropped == 0);
    facetbox_value_free(copy);
    CHECK(dropped == 1);

    FAILS(facetbox_value_new_function(S("f"), NULL, &dropped, count, &function), INVALID_ARGUMENT,
          "'function'");
    FAILS(facetbox_value_new_function(S("f"), nothing, &dropped, count, NULL), INVALID_ARGUMENT, "'out'");
    CHECK(dropped == 3);
}

static void null_is_null(void) {
    CHECK(facetbox_value_type(NULL) == FACETBOX_TYPE_NULL && facetbox_value_len(NULL) == 0);
    CHECK(facetbox_value_at(NULL, 0) == NULL && facetbox_value_clone(NULL) == NULL);
    CHECK(facetbox_value_equals(NULL, NULL));
    facetbox_value_free(NULL);
    facetbox_value_t *value = facetbox_value_new_null();
    CHECK(facetbox_value_equals(value, NULL));
    facetbox_value_free(value);
}

static void maps_grow_by_pushing(void) {
    facetbox_value_t *map = facetbox_value_new_map(), *list = facetbox_value_new_list();
    OK(facetbox_value_map_push(map, S("a"), facetbox_value_new_int(1)));
    OK(facetbox_value_map_push(map, S("b"), NULL));
    FAILS(facetbox_value_map_push(list, S("a"), NULL), INVALID_ARGUMENT, "'map' must be a map");
    CHECK(is_json(map, "{\"a\": 1, \"b\": null}"));
    CHECK(facetbox_value_len(list) == 0);
    facetbox_value_free(list);
    list = facetbox_value_new_undefined();
    CHECK(facetbox_value_type(list) == FACETBOX_TYPE_UNDEFINED);
    facetbox_value_free(list);
}

static void messages(void) {
    facetbox_request_t *request, *again;
    facetbox_response_t *response;
    facetbox_value_t *value, *other, *headers = facetbox_value_new_headers();
    const facetbox_bytes_t body = {(const uint8_t *)"x", 1};
    OK(facetbox_request_new(S("PUT"), S("http://a/b"), &request));
    OK(facetbox_request_set_body(request, body));
    OK(facetbox_value_new_request(request, &value));
    facetbox_request_free(request);
    CHECK(facetbox_value_type(value) == FACETBOX_TYPE_REQUEST && facetbox_value_headers(value) == NULL);
    CHECK(!facetbox_value_as_response(value, &response) && facetbox_value_as_request(value, &again));
    CHECK(equals(facetbox_request_method(again), "PUT") && facetbox_request_body(again).len == 1);
    facetbox_request_free(again);
    facetbox_value_free(value);

    OK(facetbox_response_new(404, &response));
    OK(facetbox_value_new_response(response, &value));
    facetbox_response_free(response);
    CHECK(facetbox_value_type(value) == FACETBOX_TYPE_RESPONSE && facetbox_value_headers_mut(value) == NULL);
    CHECK(!facetbox_value_as_request(value, &again) && facetbox_value_as_response(value, &response));
    CHECK(facetbox_response_status(response) == 404);
    facetbox_response_free(response);

    OK(facetbox_headers_append(facetbox_value_headers_mut(headers), S("A"), S("1")));
    CHECK(facetbox_value_type(headers) == FACETBOX_TYPE_HEADERS);
    CHECK(facetbox_headers_len(facetbox_value_headers(headers)) == 1);
    other = json("{\"$response\": {\"status\": 404}}");
    CHECK(facetbox_value_equals(other, value) && !facetbox_value_equals(other, headers));
    facetbox_value_free(other);
    facetbox_value_free(value);
    CHECK(is_json(headers, "{\"$headers\": [[\"a\", \"1\"]]}"));
    FAILS(facetbox_value_new_request(NULL, &value), INVALID_ARGUMENT, "'request'");
    FAILS(facetbox_value_new_response(NULL, &value), INVALID_ARGUMENT, "'response'");
}

int main(void) {
    maps_grow_by_pushing();
    scalars();
    text_and_bytes();
    containers();
    big_integers_and_errors();
    json_spellings();
    functions_are_dropped_once();
    null_is_null();
    messages();
    return 0;
}
