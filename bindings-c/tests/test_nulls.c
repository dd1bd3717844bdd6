/* Every function of the header with NULL for all arguments, for all but the first, and with texts that have
 * a length but no data: an error or an empty answer, never a crash. The calls are made from the header. */
#include "check.h"

/* A handle of each type; those of a context belong to an instance. */
static struct {
    facetbox_cancel_t *facetbox_cancel_t;
    facetbox_class_t *facetbox_class_t;
    facetbox_ctx_t *facetbox_ctx_t;
    facetbox_deployment_t *facetbox_deployment_t;
    facetbox_error_t *facetbox_error_t;
    facetbox_facet_options_t *facetbox_facet_options_t;
    const facetbox_facets_t *facetbox_facets_t;
    facetbox_headers_t *facetbox_headers_t;
    facetbox_kv_list_t *facetbox_kv_list_t;
    facetbox_loader_t *facetbox_loader_t;
    facetbox_manual_clock_t *facetbox_manual_clock_t;
    facetbox_namespace_t *facetbox_namespace_t;
    facetbox_object_id_t *facetbox_object_id_t;
    facetbox_object_list_t *facetbox_object_list_t;
    facetbox_options_t *facetbox_options_t;
    facetbox_request_t *facetbox_request_t;
    facetbox_response_t *facetbox_response_t;
    facetbox_revoker_t *facetbox_revoker_t;
    facetbox_runtime_t *facetbox_runtime_t;
    facetbox_sql_cursor_t *facetbox_sql_cursor_t;
    const facetbox_storage_t *facetbox_storage_t;
    facetbox_stub_t *facetbox_stub_t;
    facetbox_value_t *facetbox_value_t;
    facetbox_worker_code_t *facetbox_worker_code_t;
    facetbox_worker_t *facetbox_worker_t;
} handles;

static facetbox_error_t *construct(void *user_data, facetbox_ctx_t *ctx, const facetbox_value_t *env,
                                   void **instance) {
    (void)user_data, (void)env;
    *instance = handles.facetbox_ctx_t = ctx;
    return NULL;
}

/* Opens what only a running instance has. */
static facetbox_error_t *call(void *instance, facetbox_str_t method, const facetbox_value_t *args,
                              facetbox_value_t **result) {
    (void)method, (void)args, (void)result;
    handles.facetbox_facets_t = facetbox_ctx_facets(instance);
    handles.facetbox_storage_t = facetbox_ctx_storage(instance);
    OK(facetbox_storage_kv_list(handles.facetbox_storage_t, NULL, &handles.facetbox_kv_list_t));
    return facetbox_storage_sql_exec(handles.facetbox_storage_t, S("SELECT 1"), NULL,
                                     &handles.facetbox_sql_cursor_t);
}

static void open_handles(void) {
    const facetbox_host_class_t functions = {.size = sizeof functions, .construct = construct, .call = call};
    handles.facetbox_cancel_t = facetbox_cancel_new();
    handles.facetbox_error_t = facetbox_error_no_fetch_handler();
    handles.facetbox_manual_clock_t = facetbox_manual_clock_new(0);
    handles.facetbox_revoker_t = facetbox_revoker_new();
    handles.facetbox_options_t = facetbox_options_new();
    handles.facetbox_runtime_t = open_memory();
    handles.facetbox_value_t = json("[{\"key\": \"value\"}]");
    OK(facetbox_request_new(S("GET"), S("http://app/"), &handles.facetbox_request_t));
    OK(facetbox_response_new(200, &handles.facetbox_response_t));
    handles.facetbox_headers_t = facetbox_request_headers_mut(handles.facetbox_request_t);

    const facetbox_runtime_t *runtime = handles.facetbox_runtime_t;
    OK(facetbox_class_new_host(S("App"), &functions, NULL, NULL, &handles.facetbox_class_t));
    OK(facetbox_facet_options_new(handles.facetbox_class_t, &handles.facetbox_facet_options_t));
    OK(facetbox_runtime_namespace(runtime, S("app"), handles.facetbox_class_t, NULL, NULL,
                                  &handles.facetbox_namespace_t));
    OK(facetbox_namespace_id_from_name(handles.facetbox_namespace_t, S("a"), &handles.facetbox_object_id_t));
    OK(facetbox_namespace_list(handles.facetbox_namespace_t, NULL, 1, &handles.facetbox_object_list_t));
    OK(facetbox_namespace_get_by_name(handles.facetbox_namespace_t, S("a"), &handles.facetbox_stub_t));

    OK(facetbox_runtime_loader(runtime, &handles.facetbox_loader_t));
    OK(facetbox_worker_code_new(S("a.luau"), &handles.facetbox_worker_code_t));
    OK(facetbox_worker_code_add_module(handles.facetbox_worker_code_t, S("a.luau"),
                                       S("return { default = WorkerEntrypoint:extend('E') }")));
    OK(facetbox_loader_load(handles.facetbox_loader_t, handles.facetbox_worker_code_t,
                            &handles.facetbox_worker_t));
    OK(facetbox_runtime_deploy(runtime, S("site"), handles.facetbox_worker_code_t, NULL,
                               &handles.facetbox_deployment_t));
    ANSWERS(handles.facetbox_stub_t, "open", "[]", "null");
}

static void free_handles(void) {
    facetbox_cancel_free(handles.facetbox_cancel_t);
    facetbox_class_free(handles.facetbox_class_t);
    facetbox_deployment_free(handles.facetbox_deployment_t);
    facetbox_error_free(handles.facetbox_error_t);
    facetbox_facet_options_free(handles.facetbox_facet_options_t);
    facetbox_kv_list_free(handles.facetbox_kv_list_t);
    facetbox_loader_free(handles.facetbox_loader_t);
    facetbox_manual_clock_free(handles.facetbox_manual_clock_t);
    facetbox_revoker_free(handles.facetbox_revoker_t);
    facetbox_namespace_free(handles.facetbox_namespace_t);
    facetbox_object_id_free(handles.facetbox_object_id_t);
    facetbox_object_list_free(handles.facetbox_object_list_t);
    facetbox_options_free(handles.facetbox_options_t);
    facetbox_request_free(handles.facetbox_request_t);
    facetbox_response_free(handles.facetbox_response_t);
    facetbox_sql_cursor_free(handles.facetbox_sql_cursor_t);
    facetbox_stub_free(handles.facetbox_stub_t);
    facetbox_value_free(handles.facetbox_value_t);
    facetbox_worker_code_free(handles.facetbox_worker_code_t);
    facetbox_worker_free(handles.facetbox_worker_t);
    facetbox_ctx_free(handles.facetbox_ctx_t);
    facetbox_runtime_free(handles.facetbox_runtime_t);
}

static int errors;

/* With nothing to go on, a function that can fail must refuse its arguments. */
static void refused(const char *name, facetbox_error_t *error) {
    if (facetbox_error_code(error) != FACETBOX_ERR_INVALID_ARGUMENT) {
        fprintf(stderr, "%s with NULLs: error %d\n", name, (int)facetbox_error_code(error));
        exit(1);
    }
    errors++;
    facetbox_error_free(error);
}

#include "nulls.inc"

int main(void) {
    open_handles();
    call_everything();
    CHECK(CALLS > 400 && errors > 100);
    free_handles();
    return 0;
}
