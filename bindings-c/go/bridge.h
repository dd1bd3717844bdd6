/* What Go can't say itself: callbacks are C functions, and their data are handles, not pointers. */
#ifndef FACETBOX_GO_BRIDGE_H
#define FACETBOX_GO_BRIDGE_H

#include <facetbox.h>

/* Calls with the state of a Go call: a handle, or 0 for a call without one. Go code that
 * the call reaches on this thread gets the same state. */
facetbox_error_t *facetbox_go_stub_call(const facetbox_stub_t *stub, facetbox_str_t method,
                                        const facetbox_value_t *args, const facetbox_cancel_t *cancel,
                                        uintptr_t state, facetbox_value_t **out);
facetbox_error_t *facetbox_go_stub_fetch(const facetbox_stub_t *stub, const facetbox_request_t *request,
                                         const facetbox_cancel_t *cancel, uintptr_t state,
                                         facetbox_response_t **out);
facetbox_error_t *facetbox_go_value_call(const facetbox_value_t *value, facetbox_str_t method,
                                         const facetbox_value_t *args, const facetbox_cancel_t *cancel,
                                         uintptr_t state, facetbox_value_t **out);
facetbox_error_t *facetbox_go_runtime_deploy(const facetbox_runtime_t *runtime, facetbox_str_t name,
                                             const facetbox_worker_code_t *worker_code,
                                             const facetbox_value_t *env, const facetbox_cancel_t *cancel,
                                             uintptr_t state, facetbox_deployment_t **out);
facetbox_error_t *facetbox_go_run_due_alarms(const facetbox_runtime_t *runtime, const facetbox_cancel_t *cancel,
                                             uintptr_t state, uint64_t *count);

/* As the functions of facetbox.h that they are named after. The library takes over each handle, but
 * those of `loader_get` and the transactions, which it borrows. */
facetbox_error_t *facetbox_go_options_set_on_tail(facetbox_options_t *options, uintptr_t handle);
facetbox_error_t *facetbox_go_class_new_host(facetbox_str_t name, uintptr_t handle, facetbox_class_t **out);
facetbox_error_t *facetbox_go_value_new_function(facetbox_str_t name, uintptr_t handle, facetbox_value_t **out);
facetbox_error_t *facetbox_go_value_new_object(facetbox_str_t name, uintptr_t handle, facetbox_value_t **out);
facetbox_error_t *facetbox_go_set_global_outbound(facetbox_worker_code_t *worker_code, uintptr_t handle);
facetbox_error_t *facetbox_go_facets_get(const facetbox_facets_t *facets, facetbox_str_t name, uintptr_t handle,
                                         facetbox_stub_t **out);
facetbox_error_t *facetbox_go_loader_get(const facetbox_loader_t *loader, facetbox_str_t id, uintptr_t handle,
                                         facetbox_worker_t **out);
facetbox_error_t *facetbox_go_transaction_sync(const facetbox_storage_t *storage, uintptr_t handle);
facetbox_error_t *facetbox_go_transaction(const facetbox_storage_t *storage, uintptr_t handle);

/* The Go error that an error carries, as a handle; 0 if it carries none. */
facetbox_error_t *facetbox_go_error_set_host(facetbox_error_t *error, uintptr_t handle);
uintptr_t facetbox_go_error_host(const facetbox_error_t *error);

#endif
