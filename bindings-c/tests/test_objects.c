/* Whole objects: pages of them, usage, export and import, queries, deletion, verification. */
#define _XOPEN_SOURCE 700
#include "check.h"
#include <unistd.h>

static const char GUEST[] =
    "local App = DurableObject:extend('App')\n"
    "function App:put(key, value) self.ctx.storage.kv:put(key, value) end\n"
    "function App:get(key) return self.ctx.storage.kv:get(key) end\n"
    "local Parent = DurableObject:extend('Parent')\n"
    "function Parent:child()\n"
    "    return self.ctx.facets:get('child', function() return { class = self.ctx.exports.Child } end)\n"
    "end\n"
    "function Parent:put(key, value) self.ctx.storage.kv:put(key, value) self:child():put(key, value) end\n"
    "function Parent:get(key) return self:child():get(key) end\n"
    "return { App = Parent, Child = App }\n";

static char root[] = "/tmp/facetbox-test-XXXXXX";
static facetbox_runtime_t *runtime;
static facetbox_namespace_t *space;

static const char *in_root(const char *name) {
    static char path[200];
    snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static facetbox_object_id_t *id_of(const char *name) {
    facetbox_object_id_t *id;
    OK(facetbox_namespace_id_from_name(space, S(name), &id));
    return id;
}

static facetbox_stub_t *stub_of(const char *name) {
    facetbox_stub_t *stub;
    OK(facetbox_namespace_get_by_name(space, S(name), &stub));
    return stub;
}

static bool exists(const char *name) {
    facetbox_object_id_t *id = id_of(name);
    facetbox_stub_t *stub = stub_of(name);
    bool by_id = false, by_stub = true;
    OK(facetbox_namespace_exists(space, id, &by_id));
    OK(facetbox_stub_exists(stub, &by_stub));
    CHECK(by_id == by_stub);
    facetbox_stub_free(stub);
    facetbox_object_id_free(id);
    return by_id;
}

static int64_t field(const facetbox_value_t *map, const char *key) {
    int64_t number = -1;
    CHECK(facetbox_value_as_int(facetbox_value_map_get(map, S(key)), &number));
    return number;
}

static void write_objects(void) {
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    for (int i = 0; i < 5; i++) {
        facetbox_stub_t *stub = stub_of(names[i]);
        CHECK(!exists(names[i]));
        ANSWERS(stub, "put", "[\"key\", [1, 2]]", "null");
        CHECK(exists(names[i]));
        facetbox_stub_free(stub);
    }
}

static void pages_are_complete_and_in_order(void) {
    facetbox_object_list_t *page = NULL, *before = NULL;
    size_t seen = 0;
    char last[65] = "";
    do {
        const size_t len = facetbox_object_list_len(before);
        const facetbox_object_id_t *after = len == 0 ? NULL : facetbox_object_list_at(before, len - 1);
        OK(facetbox_namespace_list(space, after, 2, &page));
        facetbox_object_list_free(before);
        before = page;
        for (size_t i = 0; i < facetbox_object_list_len(page); i++, seen++) {
            const facetbox_object_id_t *id = facetbox_object_list_at(page, i);
            facetbox_str_t text = facetbox_object_id_to_string(id), name = facetbox_object_id_name(id);
            CHECK(text.len == 64 && memcmp(last, text.data, 64) < 0);
            memcpy(last, text.data, 64);
            CHECK(name.len == 1 && name.data[0] >= 'a' && name.data[0] <= 'e');
        }
        CHECK(facetbox_object_list_at(page, facetbox_object_list_len(page)) == NULL);
    } while (facetbox_object_list_len(page) == 2);
    CHECK(seen == 5);
    facetbox_object_list_free(page);
    FAILS(facetbox_namespace_list(NULL, NULL, 2, &page), INVALID_ARGUMENT, "'namespace_' must not be NULL");
    CHECK(facetbox_object_list_len(NULL) == 0 && facetbox_object_list_at(NULL, 0) == NULL);
}

static void usage_counts_facets(void) {
    facetbox_object_id_t *id = id_of("a"), *none = id_of("none");
    facetbox_stub_t *stub = stub_of("a");
    facetbox_value_t *by_id, *by_stub;
    OK(facetbox_namespace_usage(space, id, &by_id));
    OK(facetbox_stub_usage(stub, &by_stub));
    CHECK(field(by_id, "facets") == 1 && field(by_id, "storageBytes") > 4096 && field(by_id, "events") > 0);
    CHECK(facetbox_value_equals(by_id, by_stub));
    facetbox_value_free(by_id);
    facetbox_value_free(by_stub);
    OK(facetbox_namespace_usage(space, none, &by_id));
    CHECK(field(by_id, "facets") == 0 && field(by_id, "storageBytes") == 0 && field(by_id, "events") == 0);
    facetbox_value_free(by_id);
    facetbox_stub_free(stub);
    facetbox_object_id_free(none);
    facetbox_object_id_free(id);
}

static facetbox_error_t *query(const char *name, const char *facets, const char *sql, const char *bindings,
                               facetbox_value_t **rows) {
    facetbox_object_id_t *id = id_of(name);
    facetbox_value_t *path = json(facets), *list = json(bindings);
    facetbox_error_t *error = facetbox_namespace_query(space, id, path, S(sql), list, rows);
    facetbox_value_free(list);
    facetbox_value_free(path);
    facetbox_object_id_free(id);
    return error;
}

static void queries_read_only(void) {
    facetbox_value_t *rows = NULL;
    OK(query("a", "[\"child\"]", "SELECT key, ? AS n FROM _fb_kv", "[7]", &rows));
    CHECK(is_json(rows, "{\"columns\": [\"key\", \"n\"], \"rows\": [[\"key\", 7]], \"truncated\": false}"));
    rows = NULL;
    FAILS(query("a", "[]", "DELETE FROM _fb_kv", "[]", &rows), INVALID_ARGUMENT, "");
    FAILS(query("a", "[\"other\"]", "SELECT 1", "[]", &rows), NOT_FOUND, "other");
    FAILS(query("a", "[1]", "SELECT 1", "[]", &rows), INVALID_ARGUMENT, "'facets' must be a list of texts");
    FAILS(query("a", "{}", "SELECT 1", "[]", &rows), INVALID_ARGUMENT, "'facets' must be a list");
    FAILS(query("a", "[]", "SELECT 1", "{}", &rows), INVALID_ARGUMENT, "'bindings' must be a list");
    FAILS(query("none", "[]", "SELECT 1", "[]", &rows), NOT_FOUND, "");
    CHECK(rows == NULL);
}

static void what_is_exported_can_be_imported(void) {
    facetbox_object_id_t *from = id_of("a"), *to = id_of("copy"), *none = id_of("none");
    facetbox_stub_t *stub = stub_of("a"), *copy = stub_of("copy");
    OK(facetbox_namespace_export(space, from, S(in_root("export"))));
    FAILS(facetbox_namespace_export(space, from, S(in_root("export"))), INVALID_ARGUMENT, "exists");
    FAILS(facetbox_namespace_export(space, none, S(in_root("none"))), NOT_FOUND, "no data");
    OK(facetbox_stub_export(stub, S(in_root("by-stub"))));
    OK(facetbox_namespace_import(space, to, S(in_root("export"))));
    ANSWERS(copy, "get", "[\"key\"]", "[1, 2]");
    FAILS(facetbox_namespace_import(space, to, S(in_root("export"))), INVALID_ARGUMENT, "delete it first");
    FAILS(facetbox_namespace_import(space, none, S(root)), CORRUPT, "");

    OK(facetbox_namespace_delete(space, to));
    CHECK(!exists("copy"));
    THROWS(copy, "get", "[\"key\"]", ABORTED, "deleted");
    OK(facetbox_namespace_delete(space, to));
    OK(facetbox_namespace_import(space, to, S(in_root("by-stub"))));
    CHECK(exists("copy"));
    facetbox_stub_free(copy);
    facetbox_stub_free(stub);
    facetbox_object_id_free(from);
    facetbox_object_id_free(to);
    facetbox_object_id_free(none);
}

static void verify(void) {
    facetbox_value_t *report;
    OK(facetbox_runtime_verify(runtime, &report));
    CHECK(is_json(report, "{\"objects\": 6, \"databases\": 12, \"leftovers\": 0, \"problems\": []}"));
    OK(facetbox_runtime_close(runtime));
    FAILS(facetbox_runtime_verify(runtime, &report), CLOSED, "closed");
}

static void ids_must_be_of_the_namespace(void) {
    facetbox_object_id_t *foreign, *id = id_of("a"), *again = facetbox_object_id_clone(id);
    facetbox_namespace_t *other;
    facetbox_class_t *class_;
    bool there;
    facetbox_loader_t *loader;
    OK(facetbox_runtime_loader(runtime, &loader));
    class_ = luau_class(loader, GUEST);
    OK(facetbox_runtime_namespace(runtime, S("other"), class_, NULL, NULL, &other));
    OK(facetbox_namespace_id_from_name(other, S("a"), &foreign));
    FAILS(facetbox_namespace_exists(space, foreign, &there), INVALID_ARGUMENT, "not valid for this namespace");
    FAILS(facetbox_namespace_delete(space, foreign), INVALID_ARGUMENT, "not valid for this namespace");
    FAILS(facetbox_namespace_delete(space, NULL), INVALID_ARGUMENT, "'id' must not be NULL");
    FAILS(facetbox_namespace_exists(space, id, NULL), INVALID_ARGUMENT, "'out' must not be NULL");
    CHECK(facetbox_object_id_equals(id, again) && equals(facetbox_object_id_name(again), "a"));
    facetbox_object_id_free(again);
    facetbox_object_id_free(id);
    facetbox_object_id_free(foreign);
    facetbox_class_free(class_);
    facetbox_loader_free(loader);
    facetbox_namespace_free(other);
}

int main(void) {
    CHECK(mkdtemp(root) != NULL);
    facetbox_options_t *options = facetbox_options_new();
    facetbox_value_t *limits = json("{\"cpuMs\": 30000}");
    OK(facetbox_options_set_path(options, S(in_root("data"))));
    OK(facetbox_options_set_durability(options, FACETBOX_DURABILITY_RELAXED));
    OK(facetbox_options_set_limits(options, limits));
    OK(facetbox_runtime_open(options, &runtime));
    facetbox_loader_t *loader;
    OK(facetbox_runtime_loader(runtime, &loader));
    facetbox_class_t *class_ = luau_class(loader, GUEST);
    OK(facetbox_runtime_namespace(runtime, S("objects"), class_, NULL, NULL, &space));

    write_objects();
    pages_are_complete_and_in_order();
    usage_counts_facets();
    queries_read_only();
    what_is_exported_can_be_imported();
    ids_must_be_of_the_namespace();
    verify();

    facetbox_class_free(class_);
    facetbox_loader_free(loader);
    facetbox_namespace_free(space);
    facetbox_runtime_free(runtime);
    facetbox_value_free(limits);
    facetbox_options_free(options);
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    CHECK(system(command) == 0);
    return 0;
}
