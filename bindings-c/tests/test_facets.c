/* Facets under a host class: guest and host children, ids, abort, delete, clone, and start callbacks. */
#include "check.h"

static const char GUEST[] =
    "local App = DurableObject:extend('App')\n"
    "function App:add(n)\n"
    "    local kv = self.ctx.storage.kv\n"
    "    local sum = (kv:get('sum') or 0) + n\n"
    "    kv:put('sum', sum)\n"
    "    return sum\n"
    "end\n"
    "function App:id() return tostring(self.ctx.id) end\n"
    "function App:fail() error({ name = 'RangeError', message = 'too far' }) end\n"
    "return { App = App }\n";

static int starts, drops;

/* What a start callback gets: whose facet, and how to start it. */
typedef struct {
    const facetbox_ctx_t *ctx;
    char how;
} start_t;

static facetbox_error_t *start(void *user_data, facetbox_facet_options_t **options) {
    const start_t *self = user_data;
    starts++;
    if (self->how == 'n') return NULL;
    if (self->how == 'e') return facetbox_error_new(FACETBOX_ERR_GUEST_ERROR, S("Nope"), S("can't start"));
    facetbox_class_t *class_ = luau_class(facetbox_ctx_loader(self->ctx), GUEST);
    facetbox_error_t *error = facetbox_facet_options_new(class_, options);
    if (!error && self->how == 't') error = facetbox_facet_options_set_id_text(*options, S("chosen"));
    if (!error && self->how == 'o')
        error = facetbox_facet_options_set_id(*options, facetbox_ctx_id(self->ctx));
    facetbox_class_free(class_);
    return error;
}

static void drop_start(void *user_data) {
    drops++;
    free(user_data);
}

static facetbox_error_t *get(const facetbox_ctx_t *ctx, facetbox_str_t name, char how,
                             facetbox_stub_t **facet) {
    start_t *self = malloc(sizeof *self);
    *self = (start_t){ctx, how};
    return facetbox_facets_get(facetbox_ctx_facets(ctx), name, start, self, drop_start, facet);
}

static facetbox_error_t *construct(void *user_data, facetbox_ctx_t *ctx, const facetbox_value_t *env,
                                   void **instance) {
    (void)user_data, (void)env;
    *instance = ctx;
    return NULL;
}

static void drop_instance(void *instance) {
    facetbox_ctx_free(instance);
}

static facetbox_str_t text_at(const facetbox_value_t *args, size_t index) {
    return facetbox_value_as_string(facetbox_value_at(args, index));
}

/* use(facet, how, method, ...): calls the facet. The others are those of ctx.facets. */
static facetbox_error_t *call(void *instance, facetbox_str_t method, const facetbox_value_t *args,
                              facetbox_value_t **result) {
    const facetbox_facets_t *facets = facetbox_ctx_facets(instance);
    facetbox_str_t name = text_at(args, 0);
    if (equals(method, "abort")) return facetbox_facets_abort(facets, name, text_at(args, 1));
    if (equals(method, "delete")) return facetbox_facets_delete(facets, name);
    if (equals(method, "clone")) return facetbox_facets_clone(facets, name, text_at(args, 1));
    if (equals(method, "list")) return facetbox_facets_list(facets, result);
    if (equals(method, "exists")) {
        bool exists = false;
        facetbox_error_t *error = facetbox_facets_exists(facets, name, &exists);
        if (!error) *result = facetbox_value_new_bool(exists);
        return error;
    }
    if (!equals(method, "use")) return facetbox_error_no_such_method(method);

    facetbox_stub_t *facet;
    facetbox_error_t *error = get(instance, name, *text_at(args, 1).data, &facet);
    if (error) return error;
    facetbox_value_t *rest = facetbox_value_new_list();
    for (size_t i = 3; i < facetbox_value_len(args); i++)
        OK(facetbox_value_list_push(rest, facetbox_value_clone(facetbox_value_at(args, i))));
    error = facetbox_stub_call(facet, text_at(args, 2), rest, result);
    facetbox_value_free(rest);
    facetbox_stub_free(facet);
    return error;
}

static void starts_once_and_keeps_its_data(const facetbox_stub_t *stub) {
    ANSWERS(stub, "use", "[\"a\", \"g\", \"add\", 1]", "1");
    ANSWERS(stub, "use", "[\"a\", \"g\", \"add\", 2]", "3");
    CHECK(starts == 1);
    ANSWERS(stub, "abort", "[\"a\", \"new code\"]", "null");
    ANSWERS(stub, "use", "[\"a\", \"g\", \"add\", 3]", "6");
    CHECK(starts == 2 && drops == 3);
}

static void is_deleted_and_cloned(const facetbox_stub_t *stub) {
    ANSWERS(stub, "clone", "[\"a\", \"b\"]", "null");
    ANSWERS(stub, "use", "[\"b\", \"g\", \"add\", 1]", "7");
    ANSWERS(stub, "use", "[\"a\", \"g\", \"add\", 0]", "6");
    ANSWERS(stub, "list", "[]", "[\"a\", \"b\"]");
    ANSWERS(stub, "delete", "[\"a\"]", "null");
    ANSWERS(stub, "exists", "[\"a\"]", "false");
    ANSWERS(stub, "exists", "[\"b\"]", "true");
    ANSWERS(stub, "use", "[\"a\", \"g\", \"add\", 1]", "1");
}

static void has_the_id_it_is_given(const facetbox_stub_t *stub, const char *own_id) {
    ANSWERS(stub, "use", "[\"text\", \"t\", \"id\"]", "\"chosen\"");
    ANSWERS(stub, "use", "[\"object\", \"o\", \"id\"]", own_id);
    ANSWERS(stub, "use", "[\"none\", \"g\", \"id\"]", own_id);
}

static void fails_clearly(const facetbox_stub_t *stub) {
    THROWS(stub, "use", "[\"\", \"g\", \"add\"]", INVALID_ARGUMENT, "empty");
    THROWS(stub, "use", "[\"c\", \"n\", \"add\"]", INVALID_ARGUMENT, "neither facet options nor an error");
    THROWS(stub, "use", "[\"c\", \"e\", \"add\"]", GUEST_ERROR, "can't start");
    THROWS(stub, "use", "[\"a\", \"g\", \"missing\"]", NOT_FOUND, "missing");

    facetbox_value_t *args = json("[\"a\", \"g\", \"fail\"]"), *result = NULL;
    facetbox_error_t *error = facetbox_stub_call(stub, S("use"), args, &result);
    CHECK(facetbox_error_code(error) == FACETBOX_ERR_GUEST_ERROR &&
          equals(facetbox_error_name(error), "RangeError"));
    CHECK(contains(facetbox_error_stack(error), "main.luau:9") && contains(facetbox_error_path(error), "/a"));
    facetbox_error_free(error);
    facetbox_value_free(args);
}

int main(void) {
    const facetbox_host_class_t functions = {
        .size = sizeof functions, .construct = construct, .call = call, .drop_instance = drop_instance};
    facetbox_runtime_t *runtime = open_memory();
    facetbox_class_t *class_;
    facetbox_namespace_t *space;
    facetbox_object_id_t *id;
    facetbox_stub_t *stub;
    OK(facetbox_class_new_host(S("Supervisor"), &functions, NULL, NULL, &class_));
    OK(facetbox_runtime_namespace(runtime, S("apps"), class_, NULL, NULL, &space));
    OK(facetbox_namespace_id_from_name(space, S("a"), &id));
    OK(facetbox_namespace_get(space, id, &stub));
    char own_id[80];
    facetbox_str_t digits = facetbox_object_id_to_string(id);
    snprintf(own_id, sizeof own_id, "\"%.*s\"", (int)digits.len, digits.data);

    starts_once_and_keeps_its_data(stub);
    is_deleted_and_cloned(stub);
    has_the_id_it_is_given(stub, own_id);
    fails_clearly(stub);

    facetbox_class_free(class_);
    facetbox_object_id_free(id);
    facetbox_namespace_free(space);
    facetbox_stub_free(stub);
    facetbox_runtime_free(runtime);
    return 0;
}
