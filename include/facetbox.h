/* facetbox.h: made from bindings-c/src by `make header`. */

/*
 * Facetbox runs code that you don't trust inside your own process: sandboxed apps, each with its
 * own SQLite database, under a supervisor class that you write.
 *
 * This chapter says what all functions have in common; the comment of each function says only what
 * is its own. `examples/c/platform.c` is a whole program.
 *
 * OBJECTS
 *
 *   A facetbox_runtime_t is an open data directory. facetbox_runtime_namespace binds a name to a
 *   class, and facetbox_namespace_get_by_name gives a stub of one object of it. Classes are made by
 *   facetbox_class_new_host from functions of yours, or taken from guest code: a loader makes a
 *   worker out of a worker code, and facetbox_worker_get_durable_object_class takes a class out of
 *   the worker. An object has facets, its children, through facetbox_ctx_facets.
 *
 * ERRORS
 *
 *   A function that can fail returns a facetbox_error_t *: NULL for success, else an error that you
 *   free. Outputs (the last parameters, `T **out`) are written on success only. Panics of the
 *   library arrive as errors with the code FACETBOX_ERR_PANIC. Your own functions return errors the
 *   same way: NULL, or one that you made with facetbox_error_new or got from a call.
 *
 * OWNERSHIP
 *
 *   Handles are opaque. `const T *` is borrowed during the call; what a getter returns as `const T *`
 *   belongs to the handle that it was asked of and ends with it. What you get through `T **out` or
 *   returned as `T *` is yours, to be freed with facetbox_<type>_free. A parameter `T *` is changed
 *   by the call, or taken over where the line "Owns" says so: then it is taken even if the call
 *   fails. Free in any order and from any thread: a handle keeps alive what it needs. Freeing NULL
 *   does nothing. NULL for any other parameter is an error that names the parameter, unless the line
 *   "Null" gives it a meaning.
 *
 * TEXT
 *
 *   Text is a facetbox_str_t: pointer and length in bytes, UTF-8, not ended by NUL. facetbox_str
 *   makes one of a C string. What isn't UTF-8 is refused with FACETBOX_ERR_INVALID_ARGUMENT.
 *
 * CALLBACKS
 *
 *   A function of yours that the library keeps is given with `user_data`, which it gets back at each
 *   call, and `drop`, which is called exactly once when the data isn't needed any more, also if the
 *   function that took it fails. Callbacks must return: no longjmp and no C++ exception may leave
 *   them. Functions that guests pass as values are called the other way round, with
 *   facetbox_value_call.
 *
 * THREADS
 *
 *   Every handle may be used by any thread, and by several at a time as long as none of them changes
 *   it. Your callbacks are called from any thread: that of whoever calls the object, or one of the
 *   runtime's. Calls to one instance of a class never overlap, except that a call which the instance
 *   itself makes, on the same thread, may come back into it. A callback may call any function of
 *   this library, except freeing what it was lent. Blocking functions block the calling thread;
 *   those that end in _async answer through a callback.
 *
 *   After fork(), the child may only exec: everything else answers FACETBOX_ERR_FORKED.
 *
 * VERSIONS
 *
 *   FACETBOX_VERSION and FACETBOX_ABI_VERSION are those of this header, facetbox_version() and
 *   facetbox_abi_version() those of the library that the program runs with. The second has to be the
 *   same; it is part of the shared library's name (libfacetbox.so.1). Functions and error codes may be
 *   added without changing it, and maps that are results may have more keys.
 */

#ifndef FACETBOX_H
#define FACETBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/// The version of this header; `facetbox_version()` is that of the library.
#define FACETBOX_VERSION "0.1.0"

/// The version of the ABI that this header describes; `facetbox_abi_version()` is that of the library.
/// Programs work with every library that has the same one.
#define FACETBOX_ABI_VERSION 1

/// What kind of value a `facetbox_value_t` is. Later versions may add more.
typedef enum {
    /// Nothing; also the type of a NULL pointer.
    FACETBOX_TYPE_NULL = 0,
    /// JavaScript's `undefined`.
    FACETBOX_TYPE_UNDEFINED = 1,
    /// A truth value.
    FACETBOX_TYPE_BOOL = 2,
    /// A whole number of 64 bits.
    FACETBOX_TYPE_INT = 3,
    /// A double.
    FACETBOX_TYPE_FLOAT = 4,
    /// Text.
    FACETBOX_TYPE_STRING = 5,
    /// Bytes.
    FACETBOX_TYPE_BYTES = 6,
    /// A list.
    FACETBOX_TYPE_LIST = 7,
    /// A map with text keys.
    FACETBOX_TYPE_MAP = 8,
    /// A map with keys of any type.
    FACETBOX_TYPE_DICT = 9,
    /// A set.
    FACETBOX_TYPE_SET = 10,
    /// A time.
    FACETBOX_TYPE_DATE = 11,
    /// A big integer.
    FACETBOX_TYPE_BIGINT = 12,
    /// An error as a value.
    FACETBOX_TYPE_ERROR = 13,
    /// A function.
    FACETBOX_TYPE_FUNCTION = 14,
    /// An object with methods.
    FACETBOX_TYPE_OBJECT = 15,
    /// A stub.
    FACETBOX_TYPE_STUB = 16,
    /// A class.
    FACETBOX_TYPE_CLASS = 17,
    /// A namespace.
    FACETBOX_TYPE_NAMESPACE = 18,
    /// A Worker Loader.
    FACETBOX_TYPE_LOADER = 19,
    /// A request.
    FACETBOX_TYPE_REQUEST = 20,
    /// A response.
    FACETBOX_TYPE_RESPONSE = 21,
    /// Header fields.
    FACETBOX_TYPE_HEADERS = 22,
} facetbox_value_type_t;

/// The numbers that `facetbox_error_code` answers. They never change; later versions may add more.
typedef enum {
    /// Success: the code of a NULL error.
    FACETBOX_OK = 0,
    /// An argument or option has a wrong type, value or range.
    FACETBOX_ERR_INVALID_ARGUMENT = 101,
    /// The runtime or handle was closed.
    FACETBOX_ERR_CLOSED = 102,
    /// The runtime was opened in another process, before a fork.
    FACETBOX_ERR_FORKED = 103,
    /// The data directory is open in another runtime.
    FACETBOX_ERR_IN_USE = 104,
    /// The operation or module type is not supported.
    FACETBOX_ERR_UNSUPPORTED = 105,
    /// No such namespace, object, facet, method or export.
    FACETBOX_ERR_NOT_FOUND = 201,
    /// Guest code threw an error, with its own name, message and stack.
    FACETBOX_ERR_GUEST_ERROR = 301,
    /// Guest code does not load: syntax, missing or cyclic module, size.
    FACETBOX_ERR_LOAD_ERROR = 302,
    /// A value can't cross between host and guest: cycle, depth, type or range.
    FACETBOX_ERR_VALUE_ERROR = 303,
    /// The event used more CPU time than cpu_ms.
    FACETBOX_ERR_LIMIT_CPU = 401,
    /// The event took longer than wall_ms.
    FACETBOX_ERR_LIMIT_WALL = 402,
    /// The virtual machine needed more memory than memory_bytes.
    FACETBOX_ERR_LIMIT_MEMORY = 403,
    /// The stack of guest or host calls grew too deep.
    FACETBOX_ERR_LIMIT_STACK = 404,
    /// The database would grow past storage_bytes.
    FACETBOX_ERR_LIMIT_STORAGE = 405,
    /// The event made more calls to the outside than subrequests.
    FACETBOX_ERR_LIMIT_SUBREQUESTS = 406,
    /// A message is larger than message_bytes.
    FACETBOX_ERR_LIMIT_MESSAGE = 407,
    /// The object has more facets than the limit.
    FACETBOX_ERR_LIMIT_FACETS = 408,
    /// Facets or calls are nested deeper than the limit.
    FACETBOX_ERR_LIMIT_DEPTH = 409,
    /// The database or the file system refused an operation.
    FACETBOX_ERR_STORAGE = 501,
    /// A file is corrupt, too new or not one of ours; it is left untouched.
    FACETBOX_ERR_CORRUPT = 502,
    /// The object or facet was aborted, with the reason as the message.
    FACETBOX_ERR_ABORTED = 601,
    /// The object was reset and rolled back to its last committed state.
    FACETBOX_ERR_RESET = 602,
    /// Calls wait for each other in a cycle.
    FACETBOX_ERR_DEADLOCK = 603,
    /// A bug in Facetbox or a panic in host code; the object involved was reset.
    FACETBOX_ERR_PANIC = 901,
} facetbox_error_code_t;

/// When an acknowledged write is safe.
typedef enum {
    /// On disk before the answer leaves: survives a power cut. The default.
    FACETBOX_DURABILITY_FULL = 0,
    /// Survives a crash of the process; a power cut may lose the last moments, never corrupts.
    FACETBOX_DURABILITY_RELAXED = 1,
    /// No guarantee, for tests.
    FACETBOX_DURABILITY_NONE = 2,
} facetbox_durability_t;

/// Who fires alarms that are due.
typedef enum {
    /// The runtime, at their time. The default.
    FACETBOX_ALARMS_AUTOMATIC = 0,
    /// The host, by `facetbox_runtime_run_due_alarms`.
    FACETBOX_ALARMS_MANUAL = 1,
} facetbox_alarms_t;

/// Ends the calls that were made with it. One may be given to any number of calls, one after the other
/// or side by side; once it has fired, it ends those that are made later, too.
///
/// Threads: any.
typedef struct facetbox_cancel_t facetbox_cancel_t;

/// A class of objects or facets: of the host, or from guest code. The same class serves as a
/// namespace's class and as a facet's class.
///
/// Threads: any; it never changes.
typedef struct facetbox_class_t facetbox_class_t;

/// The context of one object or facet: its id, storage and facets. Once the object or facet is
/// broken, every operation fails with its error.
///
/// Threads: any, while the instance runs.
typedef struct facetbox_ctx_t facetbox_ctx_t;

/// A whole module that runs under a name: its classes are namespaces, its default export answers
/// requests. All handles of one name see the version that was deployed last.
///
/// Threads: any.
typedef struct facetbox_deployment_t facetbox_deployment_t;

/// What went wrong. Functions that can fail return one, or NULL for success.
///
/// Owns: whoever gets one frees it with `facetbox_error_free`.
/// Threads: any; it never changes.
typedef struct facetbox_error_t facetbox_error_t;

/// What a facet is: its class, and what it sees as its id.
///
/// Threads: one at a time.
typedef struct facetbox_facet_options_t facetbox_facet_options_t;

/// The facets of one object or facet.
///
/// Owns: borrowed from the context, never freed.
/// Threads: any, while the instance runs.
typedef struct facetbox_facets_t facetbox_facets_t;

/// Entries of a list, read one by one. A later list on the same storage invalidates it.
///
/// Threads: one at a time.
typedef struct facetbox_kv_list_t facetbox_kv_list_t;

/// Loads guest code; the only way from text to a class.
///
/// Threads: any.
typedef struct facetbox_loader_t facetbox_loader_t;

/// A clock that stands still until it is moved, for tests of alarms. It replaces the wall clock of the
/// runtimes that are opened with it: what `Date.now()` tells guests, and when alarms are due. Limits
/// and timers go by real time.
///
/// Threads: any.
typedef struct facetbox_manual_clock_t facetbox_manual_clock_t;

/// A name bound to a class; every id of it is one object in the whole runtime.
///
/// Threads: any; it never changes.
typedef struct facetbox_namespace_t facetbox_namespace_t;

/// Identifies one object of a namespace; or what a facet was told as its id, which may be any text.
///
/// Threads: any; it never changes.
typedef struct facetbox_object_id_t facetbox_object_id_t;

/// One page of the objects of a namespace.
///
/// Threads: any; it never changes.
typedef struct facetbox_object_list_t facetbox_object_list_t;

/// How a runtime is opened.
///
/// Threads: one at a time.
typedef struct facetbox_options_t facetbox_options_t;

/// A request: method, absolute URL, headers and a whole body.
///
/// Threads: one at a time while it is changed.
typedef struct facetbox_request_t facetbox_request_t;

/// A response: status, headers and a whole body.
///
/// Threads: one at a time while it is changed.
typedef struct facetbox_response_t facetbox_response_t;

/// Takes functions, objects and stubs back, at once and from whoever has got them meanwhile.
///
/// Threads: any.
typedef struct facetbox_revoker_t facetbox_revoker_t;

/// An open data directory.
///
/// Threads: any.
typedef struct facetbox_runtime_t facetbox_runtime_t;

/// The rows of one statement, read as they are asked for.
///
/// Threads: any, one at a time.
typedef struct facetbox_sql_cursor_t facetbox_sql_cursor_t;

/// The storage of one object or facet: a database of its own.
///
/// Owns: borrowed from the context, never freed.
/// Threads: any, while the instance runs.
typedef struct facetbox_storage_t facetbox_storage_t;

/// The address of an object, a facet or an entrypoint.
///
/// A stub binds to the running actor at its first use. When that actor breaks, the stub keeps
/// failing with its error; a new stub reaches a new actor.
///
/// Threads: any.
typedef struct facetbox_stub_t facetbox_stub_t;

/// Guest code with all that it is given: modules, env, outbound handler and limits. Without an env
/// it gets an empty one, without an outbound handler it has no network.
///
/// Threads: one at a time while it is changed.
typedef struct facetbox_worker_code_t facetbox_worker_code_t;

/// Loaded code.
///
/// Threads: any.
typedef struct facetbox_worker_t facetbox_worker_t;

/// Text in UTF-8: a pointer and a length in bytes, without a NUL at the end.
///
/// As an argument it is read during the call only. As a result it is borrowed from the handle that
/// it was asked from and lives as long as that handle, unless the function says otherwise. Text that
/// is absent has `data == NULL`; with `len == 0` the pointer is never read.
typedef struct {
    const char *data;
    size_t len;
} facetbox_str_t;

/// Tells the host that its `user_data` isn't needed any more. Called exactly once, from any thread,
/// also when the function that took the data failed. NULL where there is nothing to free.
typedef void (*facetbox_drop_fn)(void *user_data);

/// A value that may cross between hosts and guests: always a copy, never shared.
///
/// Threads: any, but nobody may use it while another thread changes it.
typedef struct facetbox_value_t facetbox_value_t;

/// Bytes: a pointer and a length. Borrowed as `facetbox_str_t` is; absent bytes have `data == NULL`.
typedef struct {
    const uint8_t *data;
    size_t len;
} facetbox_bytes_t;

/// A function of the host. `args` is a list, borrowed during the call. It stores its result, which
/// the library takes over, in `*result` (NULL there means null) and returns NULL, or returns an error.
typedef facetbox_error_t *(*facetbox_function_fn)(void *user_data,
                                                  const facetbox_value_t *args,
                                                  facetbox_value_t **result);

/// The methods of a host object, by name; see `facetbox_function_fn`. For names it doesn't know it
/// returns `facetbox_error_no_such_method`.
typedef facetbox_error_t *(*facetbox_method_fn)(void *user_data,
                                                facetbox_str_t method,
                                                const facetbox_value_t *args,
                                                facetbox_value_t **result);

/// A list of header fields, inside a request, response or value; names are in lower case.
///
/// Owns: borrowed from the request, response or value, never freed.
/// Threads: one at a time.
typedef struct facetbox_headers_t facetbox_headers_t;

/// Makes an instance of a host class and stores it in `*instance`. It owns `ctx` and may keep it as
/// long as it likes; `env` is a map, borrowed during the call.
typedef facetbox_error_t *(*facetbox_construct_fn)(void *user_data,
                                                   facetbox_ctx_t *ctx,
                                                   const facetbox_value_t *env,
                                                   void **instance);

/// Answers a request, which is borrowed during the call, by storing a response in `*response`.
typedef facetbox_error_t *(*facetbox_fetch_fn)(void *user_data,
                                               const facetbox_request_t *request,
                                               facetbox_response_t **response);

/// What an alarm's handler is told.
typedef struct {
    /// The time that the alarm was set to, in Unix milliseconds; the same for every retry.
    int64_t scheduled_time_ms;
    /// How often the handler has failed before.
    uint32_t retry_count;
    /// Whether this is a retry.
    bool is_retry;
} facetbox_alarm_info_t;

/// Runs when an alarm is due. `info` is borrowed during the call. An error makes the alarm be tried
/// again, up to six times, after 2, 4, 8, ... seconds.
typedef facetbox_error_t *(*facetbox_alarm_fn)(void *user_data, const facetbox_alarm_info_t *info);

/// Says whether an instance has a handler of alarms. Asked when it has been made.
typedef bool (*facetbox_has_alarm_fn)(void *instance);

/// A class of the host, as functions. Set members that you don't need to zero.
///
/// Threads: all of them are called from any thread: that of a caller of the object, or one of the
/// runtime. `construct` may run for several instances at a time; calls to one instance never
/// overlap, except that a call which the instance itself makes may come back into it.
typedef struct {
    /// `sizeof(facetbox_host_class_t)`: how a later library, whose struct has more members at the end,
    /// tells what an older program has set.
    size_t size;
    /// Makes an instance, stored in `*instance`. Must not be NULL. `user_data` is what
    /// `facetbox_class_new_host` got.
    facetbox_construct_fn construct;
    /// Answers a request; gets the instance as `user_data`. NULL refuses every request.
    facetbox_fetch_fn fetch;
    /// Answers the call of a method; gets the instance as `user_data`. For unknown names return
    /// `facetbox_error_no_such_method`. NULL refuses every call.
    facetbox_method_fn call;
    /// Runs when the alarm that was set with `facetbox_storage_set_alarm` is due; gets the instance as
    /// `user_data`. NULL refuses to set any.
    facetbox_alarm_fn alarm;
    /// Frees an instance. NULL where there is nothing to free.
    facetbox_drop_fn drop_instance;
    /// Whether the instance has a handler of alarms, without which setting one fails with UNSUPPORTED; for
    /// classes whose `alarm` serves instances of several kinds. NULL: it has one unless `alarm` is NULL.
    facetbox_has_alarm_fn has_alarm;
} facetbox_host_class_t;

/// Receives tail events. `event`, borrowed during the call, is a map with the keys `event` (what it was),
/// `eventType` (`fetch`, `rpc`, `alarm`, `tail`, `task`), `eventTimestamp`, `namespace`,
/// `durableObjectId`, `objectName`, `facets` (names), `entrypoint`, `executionModel`, `outcome` (`ok`,
/// `exception`, `exceededCpu`, ...), `cpuTime` and `wallTime` in milliseconds, `logs` (maps with
/// `timestamp`, `level`, and `message`, a list of texts), `exceptions` (maps with `timestamp`, `name`,
/// `message`, `stack`), `truncated`, `subrequests`, `bindings` (how often it called each binding of its `env`, by
/// name, such as `AI` or `STORE.get`, `globalOutbound` for `fetch()`), `dropped`. Texts are as guests wrote
/// them: treat them as untrusted.
typedef void (*facetbox_tail_fn)(void *user_data, const facetbox_value_t *event);

/// Receives the result of an asynchronous call, once: either an error or a value, and owns it.
typedef void (*facetbox_call_done_fn)(void *user_data,
                                      facetbox_error_t *error,
                                      facetbox_value_t *result);

/// Receives the result of an asynchronous fetch, once: either an error or a response, and owns it.
typedef void (*facetbox_fetch_done_fn)(void *user_data,
                                       facetbox_error_t *error,
                                       facetbox_response_t *response);

/// Gives the code of a worker that isn't cached, by storing it in `*code`.
typedef facetbox_error_t *(*facetbox_code_fn)(void *user_data, facetbox_worker_code_t **code);

/// Receives the outcome of an asynchronous deployment, once: either an error or a handle, and owns it.
typedef void (*facetbox_deploy_done_fn)(void *user_data,
                                        facetbox_error_t *error,
                                        facetbox_deployment_t *deployment);

/// Says what a facet is an instance of, by storing options in `*options`.
typedef facetbox_error_t *(*facetbox_start_fn)(void *user_data, facetbox_facet_options_t **options);

/// The body of a transaction. An error rolls the transaction back.
typedef facetbox_error_t *(*facetbox_body_fn)(void *user_data);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/// Makes an error for a callback to return. `code` is one of `facetbox_error_code_t`, such as
/// `FACETBOX_ERR_GUEST_ERROR` for what the host's own code throws; `name` is what guests read as
/// the error's name, and may be absent.
///
/// Owns: the caller, or the library once it is returned from a callback.
/// Null: never returned. For wrong arguments it makes an error that says so.
/// Threads: any.
facetbox_error_t *facetbox_error_new(int32_t code, facetbox_str_t name, facetbox_str_t message);

/// Makes the error of a call to a method that a class or object doesn't have.
///
/// Owns: the caller, or the library once it is returned from a callback.
/// Null: never returned.
/// Threads: any.
facetbox_error_t *facetbox_error_no_such_method(facetbox_str_t method);

/// Makes the error of a request to a class without a fetch handler.
///
/// Owns: the caller, or the library once it is returned from a callback.
/// Null: never returned.
/// Threads: any.
facetbox_error_t *facetbox_error_no_fetch_handler(void);

/// Makes the error of an alarm on a class without a handler for it.
///
/// Owns: the caller, or the library once it is returned from a callback.
/// Null: never returned.
/// Threads: any.
facetbox_error_t *facetbox_error_no_alarm_handler(void);

/// Attaches something of the host's own to an error before a callback returns it: what the host
/// threw, say. It comes out with the error where nobody caught that.
///
/// Owns: takes `host`, which `drop` gets when no copy of the error is left.
/// Threads: one at a time for each `error`.
facetbox_error_t *facetbox_error_set_host(facetbox_error_t *error,
                                          void *host,
                                          facetbox_drop_fn drop);

/// What the host attached to an error together with this `drop`, which tells its kinds of data apart;
/// NULL if there is nothing of that kind.
///
/// Owns: borrowed from `error`.
/// Null: gives NULL.
/// Threads: any.
void *facetbox_error_host(const facetbox_error_t *error,
                          facetbox_drop_fn drop);

/// The stable number of the error; `FACETBOX_OK` for NULL.
///
/// Threads: any.
int32_t facetbox_error_code(const facetbox_error_t *error);

/// The stable name of an error's number, such as `LIMIT_CPU`; absent for numbers that are no code.
///
/// Owns: nobody; it lives for ever.
/// Threads: any.
facetbox_str_t facetbox_error_code_name(int32_t code);

/// The error's name, such as `TypeError`.
///
/// Owns: borrowed from `error`.
/// Null: gives absent text.
/// Threads: any.
facetbox_str_t facetbox_error_name(const facetbox_error_t *error);

/// The message, without the name.
///
/// Owns: borrowed from `error`.
/// Null: gives absent text.
/// Threads: any.
facetbox_str_t facetbox_error_message(const facetbox_error_t *error);

/// The guest's stack, innermost frame first, a line `module:line` each; absent without one.
///
/// Owns: borrowed from `error`.
/// Null: gives absent text.
/// Threads: any.
facetbox_str_t facetbox_error_stack(const facetbox_error_t *error);

/// What led to the error, in most cases another error: `Error.prototype.cause` of JavaScript.
///
/// Owns: borrowed from `error`.
/// Null: gives NULL; NULL for an error without a cause.
/// Threads: any.
const facetbox_value_t *facetbox_error_cause(const facetbox_error_t *error);

/// Sets what led to an error before a callback returns it.
///
/// Owns: `cause` is borrowed.
/// Threads: one at a time for each `error`.
facetbox_error_t *facetbox_error_set_cause(facetbox_error_t *error, const facetbox_value_t *cause);

/// The path `namespace/object/facet/...` of where it happened; absent if it was nowhere.
///
/// Owns: borrowed from `error`.
/// Null: gives absent text.
/// Threads: any.
facetbox_str_t facetbox_error_path(const facetbox_error_t *error);

/// Another handle of the same error.
///
/// Owns: the caller.
/// Null: gives NULL.
/// Threads: any.
facetbox_error_t *facetbox_error_clone(const facetbox_error_t *error);

/// Frees an error.
///
/// Null: does nothing.
/// Threads: any.
void facetbox_error_free(facetbox_error_t *error);

/// Makes null.
///
/// Owns: the caller.
/// Threads: any.
facetbox_value_t *facetbox_value_new_null(void);

/// Makes undefined, which JavaScript tells from null.
///
/// Owns: the caller.
/// Threads: any.
facetbox_value_t *facetbox_value_new_undefined(void);

/// Makes a truth value.
///
/// Owns: the caller.
/// Threads: any.
facetbox_value_t *facetbox_value_new_bool(bool value);

/// Makes a whole number.
///
/// Owns: the caller.
/// Threads: any.
facetbox_value_t *facetbox_value_new_int(int64_t value);

/// Makes a double; NaN and infinities are allowed.
///
/// Owns: the caller.
/// Threads: any.
facetbox_value_t *facetbox_value_new_float(double value);

/// Makes a text; the text is copied.
///
/// Owns: the caller, `*out`.
/// Threads: any.
facetbox_error_t *facetbox_value_new_string(facetbox_str_t text, facetbox_value_t **out);

/// Makes bytes; they are copied.
///
/// Owns: the caller, `*out`.
/// Threads: any.
facetbox_error_t *facetbox_value_new_bytes(facetbox_bytes_t bytes, facetbox_value_t **out);

/// Makes a time, in Unix milliseconds.
///
/// Owns: the caller.
/// Threads: any.
facetbox_value_t *facetbox_value_new_date(double time_ms);

/// Makes a big integer from decimal digits with an optional sign.
///
/// Owns: the caller, `*out`.
/// Threads: any.
facetbox_error_t *facetbox_value_new_bigint(facetbox_str_t digits, facetbox_value_t **out);

/// Makes an empty list.
///
/// Owns: the caller.
/// Threads: any.
facetbox_value_t *facetbox_value_new_list(void);

/// Makes an empty set: JavaScript's `Set`.
///
/// Owns: the caller.
/// Threads: any.
facetbox_value_t *facetbox_value_new_set(void);

/// Makes an empty map with text keys, which keeps the order of insertion.
///
/// Owns: the caller.
/// Threads: any.
facetbox_value_t *facetbox_value_new_map(void);

/// Makes an empty map with keys of any type: JavaScript's `Map`.
///
/// Owns: the caller.
/// Threads: any.
facetbox_value_t *facetbox_value_new_dict(void);

/// Appends `item` to a list or set.
///
/// Owns: takes `item`, also when it fails.
/// Null: a NULL `item` appends null.
/// Threads: one at a time for each `list`.
facetbox_error_t *facetbox_value_list_push(facetbox_value_t *list, facetbox_value_t *item);

/// Sets `key` of a map to `item`, in its old place if it is there already.
///
/// Owns: takes `item`, also when it fails.
/// Null: a NULL `item` sets null.
/// Threads: one at a time for each `map`.
facetbox_error_t *facetbox_value_map_set(facetbox_value_t *map,
                                         facetbox_str_t key,
                                         facetbox_value_t *item);

/// Appends an entry to a map, without looking whether the key is there already: it must not be. For large
/// maps, because `facetbox_value_map_set` looks at every key.
///
/// Owns: takes `item`, also when it fails.
/// Null: a NULL `item` stands for null.
/// Threads: one at a time for each `map`.
facetbox_error_t *facetbox_value_map_push(facetbox_value_t *map,
                                          facetbox_str_t key,
                                          facetbox_value_t *item);

/// Appends an entry to a dict. Keys are not compared with those that are there.
///
/// Owns: takes `key` and `item`, also when it fails.
/// Null: a NULL `key` or `item` stands for null.
/// Threads: one at a time for each `dict`.
facetbox_error_t *facetbox_value_dict_push(facetbox_value_t *dict,
                                           facetbox_value_t *key,
                                           facetbox_value_t *item);

/// Makes an error as a value, to be sent as data.
///
/// Owns: the caller, `*out`; `error` is borrowed.
/// Threads: any.
facetbox_error_t *facetbox_value_new_error(const facetbox_error_t *error, facetbox_value_t **out);

/// Another copy of the value; NULL gives NULL.
///
/// Owns: the caller.
/// Threads: any.
facetbox_value_t *facetbox_value_clone(const facetbox_value_t *value);

/// Frees a value with all that it contains. Never free what was borrowed from inside one.
///
/// Null: does nothing.
/// Threads: any.
void facetbox_value_free(facetbox_value_t *value);

/// What kind of value it is.
///
/// Null: is null.
/// Threads: any.
facetbox_value_type_t facetbox_value_type(const facetbox_value_t *value);

/// Reads a truth value into `*out`; answers whether it is one.
///
/// Null: answers false.
/// Threads: any.
bool facetbox_value_as_bool(const facetbox_value_t *value, bool *out);

/// Reads a whole number into `*out`, also from a double that is whole; answers whether it is one.
///
/// Null: answers false.
/// Threads: any.
bool facetbox_value_as_int(const facetbox_value_t *value, int64_t *out);

/// Reads a number into `*out` as a double; answers whether it is one.
///
/// Null: answers false.
/// Threads: any.
bool facetbox_value_as_float(const facetbox_value_t *value, double *out);

/// Reads a time into `*out`, in Unix milliseconds; answers whether it is one.
///
/// Null: answers false.
/// Threads: any.
bool facetbox_value_as_date(const facetbox_value_t *value, double *out);

/// The text; absent if the value is none.
///
/// Owns: borrowed from `value`, until it changes.
/// Null: gives absent text.
/// Threads: any.
facetbox_str_t facetbox_value_as_string(const facetbox_value_t *value);

/// The bytes; absent if the value holds none.
///
/// Owns: borrowed from `value`, until it changes.
/// Null: gives absent bytes.
/// Threads: any.
facetbox_bytes_t facetbox_value_as_bytes(const facetbox_value_t *value);

/// Writes a big integer's decimal digits as a text into `*out`; answers whether it is one.
///
/// Owns: the caller, `*out`.
/// Null: answers false.
/// Threads: any.
bool facetbox_value_as_bigint(const facetbox_value_t *value, facetbox_value_t **out);

/// How many members a list, set, map or dict has; 0 for every other value.
///
/// Null: answers 0.
/// Threads: any.
size_t facetbox_value_len(const facetbox_value_t *value);

/// Member `index` of a list or set, or the value of entry `index` of a map or dict; NULL beyond
/// the end.
///
/// Owns: borrowed from `value`, until it changes.
/// Null: gives NULL.
/// Threads: any.
const facetbox_value_t *facetbox_value_at(const facetbox_value_t *value, size_t index);

/// The key of entry `index` of a map; absent beyond the end.
///
/// Owns: borrowed from `map`, until it changes.
/// Null: gives absent text.
/// Threads: any.
facetbox_str_t facetbox_value_map_key_at(const facetbox_value_t *map, size_t index);

/// The value of `key` in a map; NULL if it isn't there.
///
/// Owns: borrowed from `map`, until it changes.
/// Null: gives NULL.
/// Threads: any.
const facetbox_value_t *facetbox_value_map_get(const facetbox_value_t *map, facetbox_str_t key);

/// The key of entry `index` of a dict; NULL beyond the end.
///
/// Owns: borrowed from `dict`, until it changes.
/// Null: gives NULL.
/// Threads: any.
const facetbox_value_t *facetbox_value_dict_key_at(const facetbox_value_t *dict, size_t index);

/// Writes an error that is a value into `*out`; answers whether it is one.
///
/// Owns: the caller, `*out`.
/// Null: answers false.
/// Threads: any.
bool facetbox_value_as_error(const facetbox_value_t *value, facetbox_error_t **out);

/// Reads a value from JSON text. What JSON lacks is spelled as a map with one key:
/// `{"$undefined": true}`, `{"$float": "NaN"}`, `{"$bigint": "123"}`, `{"$bytes": "<base64>"}`,
/// `{"$date": <ms>}`, `{"$set": [...]}`, `{"$map": [[key, value], ...]}`, `{"$error": {...}}`,
/// `{"$request": {...}}`, `{"$response": {...}}`, `{"$headers": [[name, value], ...]}`.
///
/// Owns: the caller, `*out`.
/// Threads: any.
facetbox_error_t *facetbox_value_from_json(facetbox_str_t text, facetbox_value_t **out);

/// Writes a value as JSON, which `facetbox_value_from_json` reads back, into `*out` as a text.
///
/// Functions, stubs and other capabilities have no JSON form: VALUE_ERROR.
///
/// Owns: the caller, `*out`.
/// Null: a NULL `value` is null.
/// Threads: any.
facetbox_error_t *facetbox_value_to_json(const facetbox_value_t *value, facetbox_value_t **out);

/// Whether two values are equal: numbers by value, maps whatever their order, NaN equals NaN,
/// null equals undefined, capabilities never.
///
/// Null: is null.
/// Threads: any.
bool facetbox_value_equals(const facetbox_value_t *a, const facetbox_value_t *b);

/// Makes a function of the host, which whoever receives the value can call.
///
/// Owns: the caller, `*out`; takes `user_data`, which `drop` gets when no copy of the value is left.
/// Null: `function` must not be NULL.
/// Threads: any; `function` is called from any thread, and on several at a time.
facetbox_error_t *facetbox_value_new_function(facetbox_str_t name,
                                              facetbox_function_fn function,
                                              void *user_data,
                                              facetbox_drop_fn drop,
                                              facetbox_value_t **out);

/// Makes an object of the host, whose methods whoever receives the value can call by name.
///
/// Owns: the caller, `*out`; takes `user_data`, which `drop` gets when no copy of the value is left.
/// Null: `method` must not be NULL.
/// Threads: any; `method` is called from any thread, and on several at a time.
facetbox_error_t *facetbox_value_new_object(facetbox_str_t name,
                                            facetbox_method_fn method,
                                            void *user_data,
                                            facetbox_drop_fn drop,
                                            facetbox_value_t **out);

/// Makes a value of a stub, so that whoever receives it can call what it addresses.
///
/// Owns: the caller, `*out`; `stub` is borrowed.
/// Threads: any.
facetbox_error_t *facetbox_value_new_stub(const facetbox_stub_t *stub, facetbox_value_t **out);

/// Makes a value of a class.
///
/// Owns: the caller, `*out`; `class_` is borrowed.
/// Threads: any.
facetbox_error_t *facetbox_value_new_class(const facetbox_class_t *class_, facetbox_value_t **out);

/// Makes a value of a namespace.
///
/// Owns: the caller, `*out`; `namespace_` is borrowed.
/// Threads: any.
facetbox_error_t *facetbox_value_new_namespace(const facetbox_namespace_t *namespace_,
                                               facetbox_value_t **out);

/// Makes a value of a Worker Loader, so that whoever receives it can load code.
///
/// Owns: the caller, `*out`; `loader` is borrowed.
/// Threads: any.
facetbox_error_t *facetbox_value_new_loader(const facetbox_loader_t *loader,
                                            facetbox_value_t **out);

/// Writes a stub that is a value into `*out`; answers whether it is one.
///
/// Owns: the caller, `*out`.
/// Null: answers false.
/// Threads: any.
bool facetbox_value_as_stub(const facetbox_value_t *value, facetbox_stub_t **out);

/// Writes a class that is a value into `*out`; answers whether it is one.
///
/// Owns: the caller, `*out`.
/// Null: answers false.
/// Threads: any.
bool facetbox_value_as_class(const facetbox_value_t *value, facetbox_class_t **out);

/// Writes a namespace that is a value into `*out`; answers whether it is one.
///
/// Owns: the caller, `*out`.
/// Null: answers false.
/// Threads: any.
bool facetbox_value_as_namespace(const facetbox_value_t *value, facetbox_namespace_t **out);

/// Writes a Worker Loader that is a value, such as `LOADER` in env, into `*out`; answers whether it
/// is one.
///
/// Owns: the caller, `*out`.
/// Null: answers false.
/// Threads: any.
bool facetbox_value_as_loader(const facetbox_value_t *value, facetbox_loader_t **out);

/// How many header fields there are; a name may stand several times.
///
/// Null: answers 0.
/// Threads: any.
size_t facetbox_headers_len(const facetbox_headers_t *headers);

/// The name of field `index`; absent beyond the end.
///
/// Owns: borrowed from `headers`, until they change.
/// Null: gives absent text.
/// Threads: any.
facetbox_str_t facetbox_headers_name_at(const facetbox_headers_t *headers, size_t index);

/// The value of field `index`; absent beyond the end.
///
/// Owns: borrowed from `headers`, until they change.
/// Null: gives absent text.
/// Threads: any.
facetbox_str_t facetbox_headers_value_at(const facetbox_headers_t *headers, size_t index);

/// Writes the values of `name`, joined by `", "`, into `*out` as a text; NULL if there is none.
///
/// Owns: the caller, `*out`.
/// Threads: any.
facetbox_error_t *facetbox_headers_get(const facetbox_headers_t *headers,
                                       facetbox_str_t name,
                                       facetbox_value_t **out);

/// Replaces every field `name` by one. INVALID_ARGUMENT if the name is no HTTP token or the value has
/// a line break or NUL.
///
/// Threads: one at a time for each `headers`.
facetbox_error_t *facetbox_headers_set(facetbox_headers_t *headers,
                                       facetbox_str_t name,
                                       facetbox_str_t value);

/// Adds a field beside those of the same name. Otherwise as `facetbox_headers_set`.
///
/// Threads: one at a time for each `headers`.
facetbox_error_t *facetbox_headers_append(facetbox_headers_t *headers,
                                          facetbox_str_t name,
                                          facetbox_str_t value);

/// Removes every field `name`.
///
/// Threads: one at a time for each `headers`.
facetbox_error_t *facetbox_headers_delete(facetbox_headers_t *headers, facetbox_str_t name);

/// Makes a request. The URL is parsed and normalised and loses its fragment; INVALID_ARGUMENT if it
/// isn't absolute or the method is no HTTP token.
///
/// Owns: the caller, `*out`.
/// Null: an absent `method` is GET.
/// Threads: any.
facetbox_error_t *facetbox_request_new(facetbox_str_t method,
                                       facetbox_str_t url,
                                       facetbox_request_t **out);

/// The method, such as `GET`.
///
/// Owns: borrowed from `request`.
/// Null: gives absent text.
/// Threads: any.
facetbox_str_t facetbox_request_method(const facetbox_request_t *request);

/// The absolute URL.
///
/// Owns: borrowed from `request`.
/// Null: gives absent text.
/// Threads: any.
facetbox_str_t facetbox_request_url(const facetbox_request_t *request);

/// The headers, to be read.
///
/// Owns: borrowed from `request`.
/// Null: gives NULL.
/// Threads: any.
const facetbox_headers_t *facetbox_request_headers(const facetbox_request_t *request);

/// The headers, to be changed.
///
/// Owns: borrowed from `request`.
/// Null: gives NULL.
/// Threads: one at a time for each `request`.
facetbox_headers_t *facetbox_request_headers_mut(facetbox_request_t *request);

/// The body; absent where there is none, which differs from an empty one.
///
/// Owns: borrowed from `request`, until it changes.
/// Null: gives absent bytes.
/// Threads: any.
facetbox_bytes_t facetbox_request_body(const facetbox_request_t *request);

/// Sets the body; the bytes are copied. Absent bytes take the body away.
///
/// Threads: one at a time for each `request`.
facetbox_error_t *facetbox_request_set_body(facetbox_request_t *request, facetbox_bytes_t body);

/// Another copy of the request; NULL gives NULL.
///
/// Owns: the caller.
/// Threads: any.
facetbox_request_t *facetbox_request_clone(const facetbox_request_t *request);

/// Frees a request.
///
/// Null: does nothing.
/// Threads: any.
void facetbox_request_free(facetbox_request_t *request);

/// Makes a response without headers or body. INVALID_ARGUMENT if the status is outside 200 to 599.
///
/// Owns: the caller, `*out`.
/// Threads: any.
facetbox_error_t *facetbox_response_new(uint16_t status, facetbox_response_t **out);

/// Makes a response with status 200 and a text body, which is copied.
///
/// Owns: the caller, `*out`.
/// Threads: any.
facetbox_error_t *facetbox_response_new_text(facetbox_str_t body, facetbox_response_t **out);

/// The status code.
///
/// Null: answers 0.
/// Threads: any.
uint16_t facetbox_response_status(const facetbox_response_t *response);

/// The headers, to be read.
///
/// Owns: borrowed from `response`.
/// Null: gives NULL.
/// Threads: any.
const facetbox_headers_t *facetbox_response_headers(const facetbox_response_t *response);

/// The headers, to be changed.
///
/// Owns: borrowed from `response`.
/// Null: gives NULL.
/// Threads: one at a time for each `response`.
facetbox_headers_t *facetbox_response_headers_mut(facetbox_response_t *response);

/// The body; absent where there is none, which differs from an empty one.
///
/// Owns: borrowed from `response`, until it changes.
/// Null: gives absent bytes.
/// Threads: any.
facetbox_bytes_t facetbox_response_body(const facetbox_response_t *response);

/// Sets the body; the bytes are copied. Absent bytes take the body away.
///
/// Threads: one at a time for each `response`.
facetbox_error_t *facetbox_response_set_body(facetbox_response_t *response, facetbox_bytes_t body);

/// Another copy of the response; NULL gives NULL.
///
/// Owns: the caller.
/// Threads: any.
facetbox_response_t *facetbox_response_clone(const facetbox_response_t *response);

/// Frees a response.
///
/// Null: does nothing.
/// Threads: any.
void facetbox_response_free(facetbox_response_t *response);

/// Makes a value of a request, to be passed in arguments or results.
///
/// Owns: the caller, `*out`; `request` is borrowed and copied.
/// Threads: any.
facetbox_error_t *facetbox_value_new_request(const facetbox_request_t *request,
                                             facetbox_value_t **out);

/// Makes a value of a response, to be passed in arguments or results.
///
/// Owns: the caller, `*out`; `response` is borrowed and copied.
/// Threads: any.
facetbox_error_t *facetbox_value_new_response(const facetbox_response_t *response,
                                              facetbox_value_t **out);

/// Makes a value that is a list of header fields without any.
///
/// Owns: the caller.
/// Threads: any.
facetbox_value_t *facetbox_value_new_headers(void);

/// Writes a copy of a request that is a value into `*out`; answers whether it is one.
///
/// Owns: the caller, `*out`.
/// Null: answers false.
/// Threads: any.
bool facetbox_value_as_request(const facetbox_value_t *value, facetbox_request_t **out);

/// Writes a copy of a response that is a value into `*out`; answers whether it is one.
///
/// Owns: the caller, `*out`.
/// Null: answers false.
/// Threads: any.
bool facetbox_value_as_response(const facetbox_value_t *value, facetbox_response_t **out);

/// The header fields that a value is, to be read; NULL for any other value.
///
/// Owns: borrowed from `value`.
/// Null: gives NULL.
/// Threads: any.
const facetbox_headers_t *facetbox_value_headers(const facetbox_value_t *value);

/// The header fields that a value is, to be changed; NULL for any other value.
///
/// Owns: borrowed from `value`.
/// Null: gives NULL.
/// Threads: one at a time for each `value`.
facetbox_headers_t *facetbox_value_headers_mut(facetbox_value_t *value);

/// Makes a class of the host.
///
/// Owns: the caller, `*out`; `functions` is copied; takes `user_data`, which `drop` gets when the
/// class and all its instances are gone.
/// Null: `functions` and its `construct` must not be NULL.
/// Fails with INVALID_ARGUMENT for another size than that of this version.
/// Threads: any; see `facetbox_host_class_t`.
facetbox_error_t *facetbox_class_new_host(facetbox_str_t name,
                                          const facetbox_host_class_t *functions,
                                          void *user_data,
                                          facetbox_drop_fn drop,
                                          facetbox_class_t **out);

/// The name of a class.
///
/// Owns: borrowed from `class_`.
/// Null: gives absent text.
/// Threads: any.
facetbox_str_t facetbox_class_name(const facetbox_class_t *class_);

/// Frees a class. Namespaces and facets that use it keep what they need.
///
/// Null: does nothing.
/// Threads: any.
void facetbox_class_free(facetbox_class_t *class_);

/// Makes a clock that stands at `now_ms`, in Unix milliseconds.
///
/// Owns: the caller; runtimes that use the clock go on doing so when the handle is freed.
/// Threads: any.
facetbox_manual_clock_t *facetbox_manual_clock_new(int64_t now_ms);

/// What the clock shows, in Unix milliseconds.
///
/// Null: answers 0.
/// Threads: any.
int64_t facetbox_manual_clock_now_ms(const facetbox_manual_clock_t *clock);

/// Sets the clock. Alarms that are due by then fire, unless the runtime's alarms are manual.
///
/// Threads: any.
facetbox_error_t *facetbox_manual_clock_set_ms(const facetbox_manual_clock_t *clock,
                                               int64_t now_ms);

/// Moves the clock on by `by_ms` milliseconds. Otherwise as `facetbox_manual_clock_set_ms`.
///
/// Threads: any.
facetbox_error_t *facetbox_manual_clock_advance_ms(const facetbox_manual_clock_t *clock,
                                                   uint64_t by_ms);

/// Frees a clock's handle.
///
/// Null: does nothing.
/// Threads: any.
void facetbox_manual_clock_free(facetbox_manual_clock_t *clock);

/// Makes options with their defaults: nothing is kept on disk, full durability, default limits, one
/// thread per core.
///
/// Owns: the caller.
/// Threads: any.
facetbox_options_t *facetbox_options_new(void);

/// Sets the data directory, which is made if it is missing. `":memory:"` keeps nothing.
///
/// Threads: one at a time for each `options`.
facetbox_error_t *facetbox_options_set_path(facetbox_options_t *options, facetbox_str_t path);

/// Sets the durability, one of `facetbox_durability_t`.
///
/// Threads: one at a time for each `options`.
facetbox_error_t *facetbox_options_set_durability(facetbox_options_t *options, int32_t durability);

/// Sets limits of guests in place of the defaults: a map with the keys `cpuMs`, `wallMs`, `blockMs`,
/// `memoryBytes`, `storageBytes`, `subRequests`, `messageBytes`, `logBytes`, `facetDepth`, `facets`.
///
/// Owns: `limits` is borrowed.
/// Threads: one at a time for each `options`.
facetbox_error_t *facetbox_options_set_limits(facetbox_options_t *options,
                                              const facetbox_value_t *limits);

/// Sets a clock in place of the wall clock, for tests. Several runtimes may share one.
///
/// Owns: `clock` is borrowed.
/// Threads: one at a time for each `options`.
facetbox_error_t *facetbox_options_set_clock(facetbox_options_t *options,
                                             const facetbox_manual_clock_t *clock);

/// Sets who fires alarms, one of `facetbox_alarms_t`.
///
/// Threads: one at a time for each `options`.
facetbox_error_t *facetbox_options_set_alarms(facetbox_options_t *options, int32_t alarms);

/// Sets after how many milliseconds without an event an instance is dropped, to be started again by the
/// next event; by default 10,000.
///
/// Threads: one at a time for each `options`.
facetbox_error_t *facetbox_options_set_idle_ms(facetbox_options_t *options,
                                               uint64_t idle_ms);

/// Sets how many instances are kept warm; beyond that those used least recently are dropped earlier. By
/// default 1,000.
///
/// Threads: one at a time for each `options`.
facetbox_error_t *facetbox_options_set_max_warm(facetbox_options_t *options,
                                                size_t max_warm);

/// Sets how many threads the runtime has for asynchronous calls; 0 means one per core.
///
/// Threads: one at a time for each `options`.
facetbox_error_t *facetbox_options_set_threads(facetbox_options_t *options, size_t threads);

/// Sets which languages guests may be written in: a list of `"luau"` and `"javascript"`. By default both;
/// modules in others are refused with UNSUPPORTED.
///
/// Owns: `engines` is borrowed.
/// Threads: one at a time for each `options`.
facetbox_error_t *facetbox_options_set_engines(facetbox_options_t *options,
                                               const facetbox_value_t *engines);

/// Sets who gets the tail events of everything that runs: one for each event of each object, facet and
/// entrypoint, after its end. They wait for the receiver, never the other way round; what is too much for
/// it is dropped, and the next one says how many in `dropped`. Closing the runtime delivers what is left.
///
/// Owns: takes `user_data`, which `drop` gets when the options and all runtimes opened with them are gone.
/// Null: `receive` must not be NULL.
/// Threads: one at a time for each `options`; `receive` is called on a thread of its own, with one event
/// at a time for each runtime.
facetbox_error_t *facetbox_options_set_on_tail(facetbox_options_t *options,
                                               facetbox_tail_fn receive,
                                               void *user_data,
                                               facetbox_drop_fn drop);

/// Frees options.
///
/// Null: does nothing.
/// Threads: any.
void facetbox_options_free(facetbox_options_t *options);

/// The version of the library, such as `0.1.0`; `FACETBOX_VERSION` is that of the header.
///
/// Owns: nobody; it lives for ever.
/// Threads: any.
facetbox_str_t facetbox_version(void);

/// Opens a runtime.
///
/// Fails with IN_USE if another runtime has the directory open (the message names its process),
/// STORAGE if it can't be made or written, CORRUPT if it isn't ours or from a newer version.
///
/// Owns: the caller, `*out`; `options` are borrowed.
/// Null: NULL `options` are the defaults.
/// Threads: any.
facetbox_error_t *facetbox_runtime_open(const facetbox_options_t *options,
                                        facetbox_runtime_t **out);

/// The version of the library's ABI. It has to be `FACETBOX_ABI_VERSION`, that of the header; where the name
/// of the shared library has it, as on Linux, the linker sees to that.
///
/// Threads: any.
uint32_t facetbox_abi_version(void);

/// Binds a name to a class. The name decides where the objects' data is: bound again, in another
/// process or version of the program, it finds the same objects.
///
/// `env` is a map that host classes get; by default one with a Worker Loader as `LOADER`. Guest
/// classes get the env of their code instead. `limits` are as in `facetbox_options_set_limits`.
///
/// Fails with INVALID_ARGUMENT for a name that is empty or bound already, CLOSED, FORKED.
///
/// Owns: the caller, `*out`; everything else is borrowed.
/// Null: NULL `env` and `limits` are the defaults.
/// Threads: any.
facetbox_error_t *facetbox_runtime_namespace(const facetbox_runtime_t *runtime,
                                             facetbox_str_t name,
                                             const facetbox_class_t *class_,
                                             const facetbox_value_t *env,
                                             const facetbox_value_t *limits,
                                             facetbox_namespace_t **out);

/// The namespace that is bound to `name`; NOT_FOUND if none is.
///
/// Owns: the caller, `*out`.
/// Threads: any.
facetbox_error_t *facetbox_runtime_get_namespace(const facetbox_runtime_t *runtime,
                                                 facetbox_str_t name,
                                                 facetbox_namespace_t **out);

/// A Worker Loader with a cache of its own.
///
/// Owns: the caller, `*out`.
/// Threads: any.
facetbox_error_t *facetbox_runtime_loader(const facetbox_runtime_t *runtime,
                                          facetbox_loader_t **out);

/// Fires the alarms that are due, one after the other, and writes into `*count` how many handlers ran.
/// For runtimes whose alarms are manual, and for tests with a manual clock. Each object's and facet's fires
/// once: one that its handler sets to a time that is past fires in the next call. Blocks until the handlers
/// have ended, which run on this thread as those of a blocking call do.
///
/// Fails with CLOSED, FORKED, STORAGE. What handlers throw is no error here: it makes the alarm be
/// tried again.
///
/// Null: `count` may be NULL.
/// Threads: any.
facetbox_error_t *facetbox_runtime_run_due_alarms(const facetbox_runtime_t *runtime,
                                                  uint64_t *count);

/// Checks every object on disk, running or not, and writes a map into `*out`: `objects`, `databases` and
/// `leftovers` (directories that a crash left and the next start removes) are counts, `problems` is a
/// list of maps with `path` and `message`, empty if everything is well. Changes nothing; objects keep
/// running. Blocks for as long as it takes to read everything.
///
/// Fails with STORAGE if directories can't be listed, CLOSED, FORKED.
///
/// Owns: the caller, `*out`.
/// Threads: any.
facetbox_error_t *facetbox_runtime_verify(const facetbox_runtime_t *runtime,
                                          facetbox_value_t **out);

/// Ends every object, closes every database and stops the threads. Calls that are going on end with
/// CLOSED, as does everything called afterwards through any handle. Closing again does nothing.
///
/// Blocks until the threads have ended, unless it is called from one of them.
///
/// Owns: nothing; the handle still has to be freed.
/// Threads: any.
facetbox_error_t *facetbox_runtime_close(const facetbox_runtime_t *runtime);

/// Frees a runtime, which closes it. Other handles may be freed before or after.
///
/// Null: does nothing.
/// Threads: any.
void facetbox_runtime_free(facetbox_runtime_t *runtime);

/// Writes a map into `*out` that tells what the runtime has done since it was opened; also after it was
/// closed.
///
/// Counts: `starts`, `hibernations`, `evictions` of instances; `alarmsFired`, `alarmsRetried`,
/// `alarmsFailed`; `loads` and `cacheHits` of code; `logBytes`; `tailEvents`, `tailEventsDropped`. What is
/// kept now: `warmActors`, `openDatabases`. `events` is a list of maps with `type`, `outcome`, `count`,
/// `errors` one of maps with `code` and `count`, `bindings` one of maps with `name` and `calls`: how often the
/// bindings of guests' `env` were called, beyond 256 names as `(others)`. `cpuMs` and `wallMs` of events are histograms: maps with
/// `bounds` (the upper bounds of ranges, in milliseconds), `counts` (one more, for what is above all
/// bounds) and `sum`.
///
/// Owns: the caller, `*out`.
/// Threads: any.
facetbox_error_t *facetbox_runtime_metrics(const facetbox_runtime_t *runtime,
                                           facetbox_value_t **out);

/// Writes the metrics into `*out` as text in the format of Prometheus: names begin with `facetbox_`, times
/// are in seconds.
///
/// Owns: the caller, `*out`.
/// Threads: any.
facetbox_error_t *facetbox_runtime_metrics_text(const facetbox_runtime_t *runtime,
                                                facetbox_value_t **out);

/// The namespace's name.
///
/// Owns: borrowed from `namespace_`.
/// Null: gives absent text.
/// Threads: any.
facetbox_str_t facetbox_namespace_name(const facetbox_namespace_t *namespace_);

/// A new random id.
///
/// Owns: the caller, `*out`.
/// Threads: any.
facetbox_error_t *facetbox_namespace_new_unique_id(const facetbox_namespace_t *namespace_,
                                                   facetbox_object_id_t **out);

/// The id that belongs to a name: always the same one.
///
/// Owns: the caller, `*out`.
/// Threads: any.
facetbox_error_t *facetbox_namespace_id_from_name(const facetbox_namespace_t *namespace_,
                                                  facetbox_str_t name,
                                                  facetbox_object_id_t **out);

/// Reads an id back from its text. INVALID_ARGUMENT for anything but 64 hex digits of an id of this
/// namespace.
///
/// Owns: the caller, `*out`.
/// Threads: any.
facetbox_error_t *facetbox_namespace_id_from_string(const facetbox_namespace_t *namespace_,
                                                    facetbox_str_t text,
                                                    facetbox_object_id_t **out);

/// A stub of the object with this id, which must be of this namespace. Neither creates nor contacts
/// the object.
///
/// Owns: the caller, `*out`; `id` is borrowed.
/// Threads: any.
facetbox_error_t *facetbox_namespace_get(const facetbox_namespace_t *namespace_,
                                         const facetbox_object_id_t *id,
                                         facetbox_stub_t **out);

/// A stub of the object with this name.
///
/// Owns: the caller, `*out`.
/// Threads: any.
facetbox_error_t *facetbox_namespace_get_by_name(const facetbox_namespace_t *namespace_,
                                                 facetbox_str_t name,
                                                 facetbox_stub_t **out);

/// Frees a namespace's handle; the name stays bound.
///
/// Null: does nothing.
/// Threads: any.
void facetbox_namespace_free(facetbox_namespace_t *namespace_);

/// The id as text: 64 hex digits, or the text that the supervisor chose.
///
/// Owns: borrowed from `id`.
/// Null: gives absent text.
/// Threads: any.
facetbox_str_t facetbox_object_id_to_string(const facetbox_object_id_t *id);

/// The name that the id was made from; absent if there is none or it isn't known.
///
/// Owns: borrowed from `id`.
/// Null: gives absent text.
/// Threads: any.
facetbox_str_t facetbox_object_id_name(const facetbox_object_id_t *id);

/// Whether two ids are the same, whatever their names.
///
/// Null: equals nothing.
/// Threads: any.
bool facetbox_object_id_equals(const facetbox_object_id_t *a, const facetbox_object_id_t *b);

/// Another handle of the same id.
///
/// Owns: the caller.
/// Null: gives NULL.
/// Threads: any.
facetbox_object_id_t *facetbox_object_id_clone(const facetbox_object_id_t *id);

/// Frees an id.
///
/// Null: does nothing.
/// Threads: any.
void facetbox_object_id_free(facetbox_object_id_t *id);

/// Lists the objects that have data, in order of their ids: at most `limit` of those after `after`,
/// which is NULL for the first page and then the last id of the page before. An object has data from
/// its first write until it is deleted. Blocks while it reads the disk.
///
/// Fails with INVALID_ARGUMENT for an id of another namespace, STORAGE, CLOSED, FORKED.
///
/// Owns: the caller, `*out`.
/// Null: NULL `after` begins at the first object.
/// Threads: any.
facetbox_error_t *facetbox_namespace_list(const facetbox_namespace_t *namespace_,
                                          const facetbox_object_id_t *after,
                                          size_t limit,
                                          facetbox_object_list_t **out);

/// How many objects are on the page; fewer than the limit only on the last one.
///
/// Null: answers 0.
/// Threads: any.
size_t facetbox_object_list_len(const facetbox_object_list_t *list);

/// The id of object `index`, which knows the name if that is known (see `facetbox_object_id_name`);
/// NULL beyond the end.
///
/// Owns: borrowed from `list`.
/// Null: gives NULL.
/// Threads: any.
const facetbox_object_id_t *facetbox_object_list_at(const facetbox_object_list_t *list,
                                                    size_t index);

/// Frees a page.
///
/// Null: does nothing.
/// Threads: any.
void facetbox_object_list_free(facetbox_object_list_t *list);

/// Writes into `*out` whether the object has data. It isn't started.
///
/// Fails as `facetbox_namespace_list`.
///
/// Threads: any.
facetbox_error_t *facetbox_namespace_exists(const facetbox_namespace_t *namespace_,
                                            const facetbox_object_id_t *id,
                                            bool *out);

/// Ends the object and removes its data, its facets and their alarms, all at once. Stubs that are bound
/// to it fail with ABORTED; a new stub reaches a new, empty object. Does nothing if there is none.
///
/// Fails as `facetbox_namespace_list`.
///
/// Threads: any.
facetbox_error_t *facetbox_namespace_delete(const facetbox_namespace_t *namespace_,
                                            const facetbox_object_id_t *id);

/// Writes into `*out` what the object takes with all its facets, and what they have used since they were
/// made, as a map of whole numbers: `storageBytes`, `facets`, `events`, `cpuMs`, `rowsRead`, `rowsWritten`,
/// `bytesIn`, `bytesOut`, `subrequests`; 0 if it has no data. Neither starts it nor waits for what it is doing.
///
/// Fails as `facetbox_namespace_list`.
///
/// Owns: the caller, `*out`.
/// Threads: any.
facetbox_error_t *facetbox_namespace_usage(const facetbox_namespace_t *namespace_,
                                           const facetbox_object_id_t *id,
                                           facetbox_value_t **out);

/// Copies the object with all its facets to `path`, a new directory with plain SQLite files in it, while
/// it runs: waits until it is between two events. Blocks until the copy is complete and on disk.
///
/// Fails with INVALID_ARGUMENT for an id of another namespace and if `path` exists, NOT_FOUND if the
/// object has no data, CORRUPT, STORAGE, DEADLOCK, CLOSED, FORKED.
///
/// Threads: any.
facetbox_error_t *facetbox_namespace_export(const facetbox_namespace_t *namespace_,
                                            const facetbox_object_id_t *id,
                                            facetbox_str_t path);

/// Makes the object from what was exported to `path`, of the same object or another, with its facets and
/// alarms: all of it or, after an error, nothing. The files are checked first. Blocks while it copies.
///
/// Fails with INVALID_ARGUMENT for an id of another namespace and if the object has data, CORRUPT for
/// files that aren't an export or are damaged, LIMIT_STORAGE, LIMIT_FACETS and LIMIT_DEPTH for more than
/// the namespace's limits allow, STORAGE, CLOSED, FORKED.
///
/// Threads: any.
facetbox_error_t *facetbox_namespace_import(const facetbox_namespace_t *namespace_,
                                            const facetbox_object_id_t *id,
                                            facetbox_str_t path);

/// Runs one SQL statement that reads, on the database of the object or, with the names of facets in
/// `facets`, of the facet that they lead to. Waits until what it reads is between two events. Writes a
/// map into `*out`: `columns` (names), `rows` (lists of values), at most 10,000 and 16 MiB of them, and
/// `truncated`, which is true if there are more.
///
/// Fails with INVALID_ARGUMENT for a statement that does anything but read, NOT_FOUND if there is no
/// such object or facet or it has no data, LIMIT_CPU for a query that takes too much, STORAGE with
/// SQLite's message, CORRUPT, DEADLOCK, CLOSED, FORKED.
///
/// Owns: the caller, `*out`; `facets`, a list of texts, and `bindings`, a list, are borrowed.
/// Null: NULL `facets` and `bindings` are none.
/// Threads: any.
facetbox_error_t *facetbox_namespace_query(const facetbox_namespace_t *namespace_,
                                           const facetbox_object_id_t *id,
                                           const facetbox_value_t *facets,
                                           facetbox_str_t sql,
                                           const facetbox_value_t *bindings,
                                           facetbox_value_t **out);

/// Makes what cancels calls.
///
/// Owns: the caller; calls that use it go on doing so when the handle is freed.
/// Threads: any.
facetbox_cancel_t *facetbox_cancel_new(void);

/// Cancels: each call that was made with it ends with ABORTED at the next place where it waits, and
/// what its event hasn't committed is discarded. A guest that computes goes on until its limits end it,
/// and a function of the host until it returns. Does nothing to calls that have ended.
///
/// Threads: any.
facetbox_error_t *facetbox_cancel_fire(const facetbox_cancel_t *cancel);

/// Frees the handle. Calls that were made with it go on.
///
/// Null: does nothing.
/// Threads: any.
void facetbox_cancel_free(facetbox_cancel_t *cancel);

/// Calls a function, or a method of an object, that is a value: what a guest has passed in arguments or
/// a result, too. Blocks until it answers or is cancelled.
///
/// What a guest has made works while its instance runs: it answers ABORTED once that has hibernated, was
/// aborted or hit a limit. The guest keeps it until the last copy of the value is freed. Fails with what
/// the function throws, NOT_FOUND for a method that isn't there, INVALID_ARGUMENT for a value that can't
/// be called.
///
/// Owns: the caller, `*out`; `value`, `args`, a list, and `cancel` are borrowed.
/// Null: absent `method` calls a function; NULL `args` are none; with a NULL `cancel` it can't be
/// cancelled.
/// Threads: any.
facetbox_error_t *facetbox_value_call(const facetbox_value_t *value,
                                      facetbox_str_t method,
                                      const facetbox_value_t *args,
                                      const facetbox_cancel_t *cancel,
                                      facetbox_value_t **out);

/// Calls a function, or a method of an object, without waiting: `done` gets the result as that of
/// `facetbox_stub_call_async`. Otherwise as `facetbox_value_call`. Calls that are made so of one function or
/// object arrive in the order in which they were made.
///
/// Owns: `value`, `args`, a list, and `cancel` are borrowed; `done` owns what it gets.
/// Null: absent `method` calls a function; NULL `args` are none; with a NULL `cancel` it can't be
/// cancelled; `done` must not be NULL.
/// Threads: any. `done` must not block for long, because it holds a thread of the runtime.
facetbox_error_t *facetbox_value_call_async(const facetbox_value_t *value,
                                            facetbox_str_t method,
                                            const facetbox_value_t *args,
                                            const facetbox_cancel_t *cancel,
                                            facetbox_call_done_fn done,
                                            void *user_data);

/// Makes a revoker of nothing yet.
///
/// Owns: the caller. Freeing the handle revokes nothing.
/// Threads: any.
facetbox_revoker_t *facetbox_revoker_new(void);

/// Makes a copy of a function, object or stub that works as `value` does until `facetbox_revoker_revoke`; of a
/// list or map, such as an env, a copy in which each of them does. Fails with INVALID_ARGUMENT for classes, namespaces,
/// loaders and stubs of facets, which can't be taken back: abort the facet that has them.
///
/// Owns: the caller, `*out`; `value` is borrowed, and stays as it was.
/// Threads: any.
facetbox_error_t *facetbox_revoker_wrap(const facetbox_revoker_t *revoker,
                                        const facetbox_value_t *value,
                                        facetbox_value_t **out);

/// Takes back all that was wrapped, and what will be: calls fail with ABORTED, those that are on their way
/// included. A function of the host that runs for one goes on to its end, but its answer is lost. What calls have
/// answered before isn't taken back.
///
/// Threads: any. Doesn't block.
facetbox_error_t *facetbox_revoker_revoke(const facetbox_revoker_t *revoker);

/// Whether that has been done.
///
/// Null: answers false.
/// Threads: any.
bool facetbox_revoker_is_revoked(const facetbox_revoker_t *revoker);

/// Frees the handle. What was wrapped goes on to work.
///
/// Null: does nothing.
/// Threads: any.
void facetbox_revoker_free(facetbox_revoker_t *revoker);

/// Calls a method and blocks until it answers.
///
/// Runs on this thread while it has 1 MiB of stack left, else on one of the runtime's. Fails with
/// what the method throws, or with what stands in its way.
///
/// Owns: the caller, `*out`; `args`, a list, is borrowed.
/// Null: NULL `args` are none.
/// Threads: any.
facetbox_error_t *facetbox_stub_call(const facetbox_stub_t *stub,
                                     facetbox_str_t method,
                                     const facetbox_value_t *args,
                                     facetbox_value_t **out);

/// Sends a request and blocks until it is answered. Otherwise as `facetbox_stub_call`.
///
/// Owns: the caller, `*out`; `request` is borrowed.
/// Threads: any.
facetbox_error_t *facetbox_stub_fetch(const facetbox_stub_t *stub,
                                      const facetbox_request_t *request,
                                      facetbox_response_t **out);

/// Calls a method and blocks until it answers or is cancelled. Otherwise as `facetbox_stub_call`.
///
/// Owns: the caller, `*out`; `args`, a list, and `cancel` are borrowed.
/// Null: NULL `args` are none; with a NULL `cancel` it can't be cancelled.
/// Threads: any.
facetbox_error_t *facetbox_stub_call_cancellable(const facetbox_stub_t *stub,
                                                 facetbox_str_t method,
                                                 const facetbox_value_t *args,
                                                 const facetbox_cancel_t *cancel,
                                                 facetbox_value_t **out);

/// Sends a request and blocks until it is answered or cancelled. Otherwise as `facetbox_stub_call`.
///
/// Owns: the caller, `*out`; `request` and `cancel` are borrowed.
/// Null: with a NULL `cancel` it can't be cancelled.
/// Threads: any.
facetbox_error_t *facetbox_stub_fetch_cancellable(const facetbox_stub_t *stub,
                                                  const facetbox_request_t *request,
                                                  const facetbox_cancel_t *cancel,
                                                  facetbox_response_t **out);

/// Calls a method without waiting: `done` gets the result later, exactly once, from a thread of the
/// runtime or from the one that closes it. If this function returns an error, `done` isn't called.
/// Calls that are made so of one stub, or of stubs of one facet, arrive in their order.
///
/// Owns: `args`, a list, and `cancel` are borrowed; `done` owns what it gets.
/// Null: NULL `args` are none; with a NULL `cancel` it can't be cancelled; `done` must not be NULL.
/// Threads: any. `done` must not block for long, because it holds a thread of the runtime.
facetbox_error_t *facetbox_stub_call_async(const facetbox_stub_t *stub,
                                           facetbox_str_t method,
                                           const facetbox_value_t *args,
                                           const facetbox_cancel_t *cancel,
                                           facetbox_call_done_fn done,
                                           void *user_data);

/// Sends a request without waiting. Otherwise as `facetbox_stub_call_async`.
///
/// Owns: `request` and `cancel` are borrowed; `done` owns what it gets.
/// Null: with a NULL `cancel` it can't be cancelled; `done` must not be NULL.
/// Threads: any. `done` must not block for long, because it holds a thread of the runtime.
facetbox_error_t *facetbox_stub_fetch_async(const facetbox_stub_t *stub,
                                            const facetbox_request_t *request,
                                            const facetbox_cancel_t *cancel,
                                            facetbox_fetch_done_fn done,
                                            void *user_data);

/// Writes the object's id into `*out`; NULL for facets and entrypoints.
///
/// Owns: the caller, `*out`.
/// Threads: any.
facetbox_error_t *facetbox_stub_id(const facetbox_stub_t *stub, facetbox_object_id_t **out);

/// The name that the object's id was made from; absent without one.
///
/// Owns: borrowed from `stub`.
/// Null: gives absent text.
/// Threads: any.
facetbox_str_t facetbox_stub_name(const facetbox_stub_t *stub);

/// Writes into `*out` whether the object has data, or the facet exists. Neither is started. UNSUPPORTED
/// for an entrypoint.
///
/// Threads: any.
facetbox_error_t *facetbox_stub_exists(const facetbox_stub_t *stub,
                                       bool *out);

/// Writes into `*out` what the object or facet takes with everything below it; see
/// `facetbox_namespace_usage` and `facetbox_facets_usage`. UNSUPPORTED for an entrypoint.
///
/// Owns: the caller, `*out`.
/// Threads: any.
facetbox_error_t *facetbox_stub_usage(const facetbox_stub_t *stub, facetbox_value_t **out);

/// Copies the object or facet with everything below it to `path`, a new directory; see
/// `facetbox_namespace_export` and `facetbox_facets_export`. UNSUPPORTED for an entrypoint.
///
/// Threads: any.
facetbox_error_t *facetbox_stub_export(const facetbox_stub_t *stub, facetbox_str_t path);

/// Another handle of the same stub, bound to the same actor.
///
/// Owns: the caller.
/// Null: gives NULL.
/// Threads: any.
facetbox_stub_t *facetbox_stub_clone(const facetbox_stub_t *stub);

/// Frees a stub.
///
/// Null: does nothing.
/// Threads: any.
void facetbox_stub_free(facetbox_stub_t *stub);

/// Loads code that isn't cached.
///
/// Fails with INVALID_ARGUMENT, LOAD_ERROR or UNSUPPORTED for code that can't be loaded whatever its
/// modules say. Errors in modules show at the first use of a class or entrypoint.
///
/// Owns: the caller, `*out`; `code` is borrowed.
/// Threads: any.
facetbox_error_t *facetbox_loader_load(const facetbox_loader_t *loader,
                                       const facetbox_worker_code_t *code,
                                       facetbox_worker_t **out);

/// The worker cached as `id`, loaded from what `code` stores if there is none.
///
/// A failure of `code` isn't cached: it shows at the first use of the worker, and the next get tries
/// again.
///
/// Owns: the caller, `*out`; `user_data` is borrowed during the call.
/// Null: `code` must not be NULL.
/// Threads: any; `code` runs on this thread, during the call, at most once.
facetbox_error_t *facetbox_loader_get(const facetbox_loader_t *loader,
                                      facetbox_str_t id,
                                      facetbox_code_fn code,
                                      void *user_data,
                                      facetbox_worker_t **out);

/// Frees a loader. Never free one that was borrowed from a context.
///
/// Null: does nothing.
/// Threads: any.
void facetbox_loader_free(facetbox_loader_t *loader);

/// Makes code without modules. `main_module` names the module that exports classes; its type chooses
/// the engine.
///
/// Owns: the caller, `*out`.
/// Threads: any.
facetbox_error_t *facetbox_worker_code_new(facetbox_str_t main_module,
                                           facetbox_worker_code_t **out);

/// Makes code from a map with the keys of the JavaScript API: `mainModule`, `modules`, `env`,
/// `globalOutbound`, `limits`, `tails`.
///
/// Owns: the caller, `*out`; `value` is borrowed.
/// Threads: any.
facetbox_error_t *facetbox_worker_code_from_value(const facetbox_value_t *value,
                                                  facetbox_worker_code_t **out);

/// Adds a module whose type its name says: `.luau`, `.lua`, `.js` or `.mjs`. Of two modules with one name the later
/// one counts.
///
/// Threads: one at a time for each `code`.
facetbox_error_t *facetbox_worker_code_add_module(facetbox_worker_code_t *code,
                                                  facetbox_str_t name,
                                                  facetbox_str_t source);

/// Adds a module of Luau source, whatever its name.
///
/// Threads: one at a time for each `code`.
facetbox_error_t *facetbox_worker_code_add_luau(facetbox_worker_code_t *code,
                                                facetbox_str_t name,
                                                facetbox_str_t source);

/// Adds a module of JavaScript source, an ES module, whatever its name.
///
/// Threads: one at a time for each `code`.
facetbox_error_t *facetbox_worker_code_add_js(facetbox_worker_code_t *code,
                                              facetbox_str_t name,
                                              facetbox_str_t source);

/// Adds a module of text, which `require` gives as a string.
///
/// Threads: one at a time for each `code`.
facetbox_error_t *facetbox_worker_code_add_text(facetbox_worker_code_t *code,
                                                facetbox_str_t name,
                                                facetbox_str_t text);

/// Adds a module of bytes, which `require` gives as a buffer.
///
/// Threads: one at a time for each `code`.
facetbox_error_t *facetbox_worker_code_add_data(facetbox_worker_code_t *code,
                                                facetbox_str_t name,
                                                facetbox_bytes_t data);

/// Adds a module that is a value, of which `require` gives a copy.
///
/// Owns: `value` is borrowed.
/// Threads: one at a time for each `code`.
facetbox_error_t *facetbox_worker_code_add_json(facetbox_worker_code_t *code,
                                                facetbox_str_t name,
                                                const facetbox_value_t *value);

/// Sets what the code gets as `env`: a map of data, functions, objects, stubs, loaders.
///
/// Owns: `env` is borrowed.
/// Threads: one at a time for each `code`.
facetbox_error_t *facetbox_worker_code_set_env(facetbox_worker_code_t *code,
                                               const facetbox_value_t *env);

/// Sets who gets the tail events of the code: a list of stubs, whose method `tail` is called with a list of
/// events, and functions of the host. INVALID_ARGUMENT for anything else.
///
/// Owns: `tails` is borrowed.
/// Threads: one at a time for each `code`.
facetbox_error_t *facetbox_worker_code_set_tails(facetbox_worker_code_t *code,
                                                 const facetbox_value_t *tails);

/// Sets limits, which count where they are lower than the runtime's: a map with the keys of
/// `facetbox_options_set_limits`.
///
/// Owns: `limits` is borrowed.
/// Threads: one at a time for each `code`.
facetbox_error_t *facetbox_worker_code_set_limits(facetbox_worker_code_t *code,
                                                  const facetbox_value_t *limits);

/// Lets a function of the host answer the requests that the code makes with `fetch()`.
///
/// Owns: takes `user_data`, which `drop` gets when the code isn't used any more.
/// Null: `outbound` must not be NULL.
/// Threads: one at a time for each `code`; `outbound` is called from any thread, and on several at a
/// time.
facetbox_error_t *facetbox_worker_code_set_global_outbound(facetbox_worker_code_t *code,
                                                           facetbox_fetch_fn outbound,
                                                           void *user_data,
                                                           facetbox_drop_fn drop);

/// Lets an object or entrypoint answer the requests that the code makes with `fetch()`.
///
/// Owns: `stub` is borrowed.
/// Threads: one at a time for each `code`.
facetbox_error_t *facetbox_worker_code_set_global_outbound_stub(facetbox_worker_code_t *code,
                                                                const facetbox_stub_t *stub);

/// Lets a value answer the requests that the code makes with `fetch()`: a stub, or a function that gets a request
/// and answers a response, such as one that a revoker has wrapped. With a null value nobody does.
///
/// Owns: `value` is borrowed.
/// Threads: one at a time for each `code`.
facetbox_error_t *facetbox_worker_code_set_global_outbound_value(facetbox_worker_code_t *code,
                                                                 const facetbox_value_t *value);

/// Another copy of the code; NULL gives NULL.
///
/// Owns: the caller.
/// Threads: any.
facetbox_worker_code_t *facetbox_worker_code_clone(const facetbox_worker_code_t *code);

/// Frees code; workers loaded from it keep what they need.
///
/// Null: does nothing.
/// Threads: any.
void facetbox_worker_code_free(facetbox_worker_code_t *code);

/// The exported class `name`. That it exists is checked when it is used.
///
/// Instances see `props` as `ctx.props`; `limits` count where they are lower than those of the code.
///
/// Owns: the caller, `*out`; `props` and `limits` are borrowed.
/// Null: NULL `props` and `limits` are none.
/// Threads: any.
facetbox_error_t *facetbox_worker_get_durable_object_class(const facetbox_worker_t *worker,
                                                           facetbox_str_t name,
                                                           const facetbox_value_t *props,
                                                           const facetbox_value_t *limits,
                                                           facetbox_class_t **out);

/// A stub of the exported entrypoint `name`, which is stateless.
///
/// Owns: the caller, `*out`; `props` and `limits` are borrowed.
/// Null: an absent `name` is the default export; NULL `props` and `limits` are none.
/// Threads: any.
facetbox_error_t *facetbox_worker_get_entrypoint(const facetbox_worker_t *worker,
                                                 facetbox_str_t name,
                                                 const facetbox_value_t *props,
                                                 const facetbox_value_t *limits,
                                                 facetbox_stub_t **out);

/// Frees a worker; classes and stubs from it keep what they need.
///
/// Null: does nothing.
/// Threads: any.
void facetbox_worker_free(facetbox_worker_t *worker);

/// Runs a whole module that you trust, with supervisors and a fetch handler, such as one that was written
/// for Cloudflare Workers. Each class that it exports and that extends DurableObject becomes the
/// namespace `name/Class`, which its own code reaches as `ctx.exports.Class`. Its env is that of `code`
/// with the entries of the map `env` put over it, and has a Worker Loader as `LOADER` unless one of them
/// says otherwise.
///
/// Deploying a name again replaces its code once the new code has been evaluated: objects that run fail
/// what they are doing with RESET, new stubs reach the new code, data stays. Blocks until the module has
/// been evaluated, which runs guest code on this thread.
///
/// Fails with LOAD_ERROR if the module doesn't load or exports nothing to run, GUEST_ERROR for what it
/// throws when it is evaluated, the codes of limits, INVALID_ARGUMENT for a name that is empty, has a NUL,
/// or would bind a namespace that is bound to something else, UNSUPPORTED, CLOSED, FORKED. Nothing has
/// changed then.
///
/// Owns: the caller, `*out`; `code` and `env` are borrowed.
/// Null: NULL `env` adds nothing.
/// Threads: any.
facetbox_error_t *facetbox_runtime_deploy(const facetbox_runtime_t *runtime,
                                          facetbox_str_t name,
                                          const facetbox_worker_code_t *code,
                                          const facetbox_value_t *env,
                                          facetbox_deployment_t **out);

/// The deployment's name.
///
/// Owns: borrowed from `deployment`.
/// Null: gives absent text.
/// Threads: any.
facetbox_str_t facetbox_deployment_name(const facetbox_deployment_t *deployment);

/// Writes the names of the classes that it exports into `*out`, a sorted list of texts.
///
/// Owns: the caller, `*out`.
/// Threads: any.
facetbox_error_t *facetbox_deployment_class_names(const facetbox_deployment_t *deployment,
                                                  facetbox_value_t **out);

/// The namespace of an exported class; NOT_FOUND if there is none.
///
/// Owns: the caller, `*out`.
/// Threads: any.
facetbox_error_t *facetbox_deployment_namespace(const facetbox_deployment_t *deployment,
                                                facetbox_str_t class_name,
                                                facetbox_namespace_t **out);

/// A stub of an exported entrypoint, which keeps to the code that is deployed now; `"default"` names the
/// default export. NOT_FOUND if there is none.
///
/// Owns: the caller, `*out`.
/// Threads: any.
facetbox_error_t *facetbox_deployment_get_entrypoint(const facetbox_deployment_t *deployment,
                                                     facetbox_str_t name,
                                                     facetbox_stub_t **out);

/// The stub that requests to the deployment go through, of its default export as it is deployed now: for
/// requests that are asynchronous or may be cancelled. NOT_FOUND if it has no fetch handler.
///
/// Owns: the caller, `*out`.
/// Threads: any.
facetbox_error_t *facetbox_deployment_fetcher(const facetbox_deployment_t *deployment,
                                              facetbox_stub_t **out);

/// Sends a request to the default export's fetch handler and blocks until it is answered, as
/// `facetbox_stub_fetch` does. NOT_FOUND if there is no such handler.
///
/// Owns: the caller, `*out`; `request` is borrowed.
/// Threads: any.
facetbox_error_t *facetbox_deployment_fetch(const facetbox_deployment_t *deployment,
                                            const facetbox_request_t *request,
                                            facetbox_response_t **out);

/// Frees a deployment's handle; the module goes on running.
///
/// Null: does nothing.
/// Threads: any.
void facetbox_deployment_free(facetbox_deployment_t *deployment);

/// As `facetbox_runtime_deploy`, until it is cancelled: then nothing has changed.
///
/// Owns: the caller, `*out`; `code`, `env` and `cancel` are borrowed.
/// Null: NULL `env` adds nothing; with a NULL `cancel` it can't be cancelled.
/// Threads: any.
facetbox_error_t *facetbox_runtime_deploy_cancellable(const facetbox_runtime_t *runtime,
                                                      facetbox_str_t name,
                                                      const facetbox_worker_code_t *code,
                                                      const facetbox_value_t *env,
                                                      const facetbox_cancel_t *cancel,
                                                      facetbox_deployment_t **out);

/// As `facetbox_runtime_deploy_cancellable`, without waiting: `done` gets the deployment as that of
/// `facetbox_stub_call_async` gets its result.
///
/// Owns: `code`, `env` and `cancel` are borrowed; `done` owns what it gets.
/// Null: NULL `env` adds nothing; with a NULL `cancel` it can't be cancelled; `done` must not be NULL.
/// Threads: any. `done` must not block for long, because it holds a thread of the runtime.
facetbox_error_t *facetbox_runtime_deploy_async(const facetbox_runtime_t *runtime,
                                                facetbox_str_t name,
                                                const facetbox_worker_code_t *code,
                                                const facetbox_value_t *env,
                                                const facetbox_cancel_t *cancel,
                                                facetbox_deploy_done_fn done,
                                                void *user_data);

/// As `facetbox_runtime_run_due_alarms`, until it is cancelled: the handler that runs ends as a call that is
/// cancelled does, and the alarms that are left stay due.
///
/// Owns: `cancel` is borrowed.
/// Null: `count` may be NULL; with a NULL `cancel` it can't be cancelled.
/// Threads: any.
facetbox_error_t *facetbox_runtime_run_due_alarms_cancellable(const facetbox_runtime_t *runtime,
                                                              const facetbox_cancel_t *cancel,
                                                              uint64_t *count);

/// As `facetbox_runtime_run_due_alarms_cancellable`, without waiting: `done` gets the count, a whole number,
/// as that of `facetbox_stub_call_async` gets its result.
///
/// Owns: `cancel` is borrowed; `done` owns what it gets.
/// Null: with a NULL `cancel` it can't be cancelled; `done` must not be NULL.
/// Threads: any. `done` must not block for long, because it holds a thread of the runtime.
facetbox_error_t *facetbox_runtime_run_due_alarms_async(const facetbox_runtime_t *runtime,
                                                        const facetbox_cancel_t *cancel,
                                                        facetbox_call_done_fn done,
                                                        void *user_data);

/// As `facetbox_namespace_export`, until it is cancelled: then nothing is left at `path`.
///
/// Owns: `cancel` is borrowed.
/// Null: with a NULL `cancel` it can't be cancelled.
/// Threads: any.
facetbox_error_t *facetbox_namespace_export_cancellable(const facetbox_namespace_t *namespace_,
                                                        const facetbox_object_id_t *id,
                                                        facetbox_str_t path,
                                                        const facetbox_cancel_t *cancel);

/// As `facetbox_namespace_export_cancellable`, without waiting: `done` gets null when the copy is on disk, as
/// that of `facetbox_stub_call_async` gets its result.
///
/// Owns: `cancel` is borrowed; `done` owns what it gets.
/// Null: with a NULL `cancel` it can't be cancelled; `done` must not be NULL.
/// Threads: any. `done` must not block for long, because it holds a thread of the runtime.
facetbox_error_t *facetbox_namespace_export_async(const facetbox_namespace_t *namespace_,
                                                  const facetbox_object_id_t *id,
                                                  facetbox_str_t path,
                                                  const facetbox_cancel_t *cancel,
                                                  facetbox_call_done_fn done,
                                                  void *user_data);

/// As `facetbox_stub_export`, until it is cancelled: then nothing is left at `path`.
///
/// Owns: `cancel` is borrowed.
/// Null: with a NULL `cancel` it can't be cancelled.
/// Threads: any.
facetbox_error_t *facetbox_stub_export_cancellable(const facetbox_stub_t *stub,
                                                   facetbox_str_t path,
                                                   const facetbox_cancel_t *cancel);

/// As `facetbox_stub_export_cancellable`, without waiting: `done` gets null when the copy is on disk, as that
/// of `facetbox_stub_call_async` gets its result.
///
/// Owns: `cancel` is borrowed; `done` owns what it gets.
/// Null: with a NULL `cancel` it can't be cancelled; `done` must not be NULL.
/// Threads: any. `done` must not block for long, because it holds a thread of the runtime.
facetbox_error_t *facetbox_stub_export_async(const facetbox_stub_t *stub,
                                             facetbox_str_t path,
                                             const facetbox_cancel_t *cancel,
                                             facetbox_call_done_fn done,
                                             void *user_data);

/// As `facetbox_namespace_query`, until it is cancelled. A statement that computes goes on until its limit.
///
/// Owns: the caller, `*out`; `facets`, a list of texts, `bindings`, a list, and `cancel` are borrowed.
/// Null: NULL `facets` and `bindings` are none; with a NULL `cancel` it can't be cancelled.
/// Threads: any.
facetbox_error_t *facetbox_namespace_query_cancellable(const facetbox_namespace_t *namespace_,
                                                       const facetbox_object_id_t *id,
                                                       const facetbox_value_t *facets,
                                                       facetbox_str_t sql,
                                                       const facetbox_value_t *bindings,
                                                       const facetbox_cancel_t *cancel,
                                                       facetbox_value_t **out);

/// As `facetbox_namespace_query_cancellable`, without waiting: `done` gets the rows as that of
/// `facetbox_stub_call_async` gets its result.
///
/// Owns: `facets`, a list of texts, `bindings`, a list, and `cancel` are borrowed; `done` owns what it gets.
/// Null: NULL `facets` and `bindings` are none; with a NULL `cancel` it can't be cancelled; `done` must not
/// be NULL.
/// Threads: any. `done` must not block for long, because it holds a thread of the runtime.
facetbox_error_t *facetbox_namespace_query_async(const facetbox_namespace_t *namespace_,
                                                 const facetbox_object_id_t *id,
                                                 const facetbox_value_t *facets,
                                                 facetbox_str_t sql,
                                                 const facetbox_value_t *bindings,
                                                 const facetbox_cancel_t *cancel,
                                                 facetbox_call_done_fn done,
                                                 void *user_data);

/// Writes a guide for authors of guests into `*out`: text in Markdown, which doubles as a prompt for a
/// model that writes guests. `language` is "luau" or "js". With `env`, the map that the guests will get, a
/// section names each entry and how it is used, without values.
///
/// Fails with INVALID_ARGUMENT for another language.
///
/// Owns: the caller, `*out`; `env` is borrowed.
/// Null: NULL `env` leaves the section out.
/// Threads: any.
facetbox_error_t *facetbox_guest_guide(facetbox_str_t language,
                                       const facetbox_value_t *env,
                                       facetbox_value_t **out);

/// Writes the types of what guests in `language` ("luau" or "js") find into `*out`: the text of a
/// `.d.luau` or `.d.ts` file.
///
/// Fails with INVALID_ARGUMENT for another language.
///
/// Owns: the caller, `*out`.
/// Threads: any.
facetbox_error_t *facetbox_guest_types(facetbox_str_t language, facetbox_value_t **out);

/// The object's id; for a facet its parent's, or what its supervisor chose.
///
/// Owns: borrowed from `ctx`.
/// Null: gives NULL.
/// Threads: any.
const facetbox_object_id_t *facetbox_ctx_id(const facetbox_ctx_t *ctx);

/// The path `namespace/object/facet/...`, for messages and logs.
///
/// Owns: borrowed from `ctx`.
/// Null: gives absent text.
/// Threads: any.
facetbox_str_t facetbox_ctx_path(const facetbox_ctx_t *ctx);

/// The props that the class was bound with; null without.
///
/// Owns: borrowed from `ctx`.
/// Null: gives NULL.
/// Threads: any.
const facetbox_value_t *facetbox_ctx_props(const facetbox_ctx_t *ctx);

/// The storage.
///
/// Owns: borrowed from `ctx`.
/// Null: gives NULL.
/// Threads: any.
const facetbox_storage_t *facetbox_ctx_storage(const facetbox_ctx_t *ctx);

/// The facets.
///
/// Owns: borrowed from `ctx`.
/// Null: gives NULL.
/// Threads: any.
const facetbox_facets_t *facetbox_ctx_facets(const facetbox_ctx_t *ctx);

/// A Worker Loader with a cache of its own.
///
/// Owns: borrowed from `ctx`.
/// Null: gives NULL.
/// Threads: any.
const facetbox_loader_t *facetbox_ctx_loader(const facetbox_ctx_t *ctx);

/// Aborts the object or facet: discards what is uncommitted and breaks it and its facets. Return the
/// error from the handler; every caller gets it.
///
/// Owns: the caller, or the library once it is returned from a callback.
/// Null: an absent `reason` stands for a general one; never returns NULL.
/// Threads: any.
facetbox_error_t *facetbox_ctx_abort(const facetbox_ctx_t *ctx,
                                     facetbox_str_t reason);

/// Deletes everything that the object or facet and its facets store; running facets are aborted.
///
/// Threads: any.
facetbox_error_t *facetbox_ctx_delete_all(const facetbox_ctx_t *ctx);

/// Frees a context.
///
/// Null: does nothing.
/// Threads: any.
void facetbox_ctx_free(facetbox_ctx_t *ctx);

/// Makes options for a facet that is an instance of this class and has its parent's id.
///
/// Owns: the caller, `*out`, until a start callback gives it away; `class_` is borrowed.
/// Threads: any.
facetbox_error_t *facetbox_facet_options_new(const facetbox_class_t *class_,
                                             facetbox_facet_options_t **out);

/// Sets what the facet sees as its id: the id of an object.
///
/// Owns: `id` is borrowed.
/// Threads: one at a time for each `options`.
facetbox_error_t *facetbox_facet_options_set_id(facetbox_facet_options_t *options,
                                                const facetbox_object_id_t *id);

/// Sets what the facet sees as its id: any text.
///
/// Threads: one at a time for each `options`.
facetbox_error_t *facetbox_facet_options_set_id_text(facetbox_facet_options_t *options,
                                                     facetbox_str_t id);

/// Frees facet options that no start callback has given away.
///
/// Null: does nothing.
/// Threads: any.
void facetbox_facet_options_free(facetbox_facet_options_t *options);

/// A stub of the facet `name`. Nothing starts before its first use; `start` runs then, at most once,
/// unless the facet runs already.
///
/// Fails with INVALID_ARGUMENT for a name that is empty or longer than 256 bytes, LIMIT_DEPTH when
/// facets would be nested too deep.
///
/// Owns: the caller, `*out`; takes `user_data`, which `drop` gets when `start` isn't needed any more.
/// Null: `start` must not be NULL.
/// Threads: any; `start` runs on the thread of the stub's first use.
facetbox_error_t *facetbox_facets_get(const facetbox_facets_t *facets,
                                      facetbox_str_t name,
                                      facetbox_start_fn start,
                                      void *user_data,
                                      facetbox_drop_fn drop,
                                      facetbox_stub_t **out);

/// Stops the facet and its descendants; their stubs fail with ABORTED and `reason` as the message.
/// Data is kept. Does nothing if the facet isn't running.
///
/// Threads: any.
facetbox_error_t *facetbox_facets_abort(const facetbox_facets_t *facets,
                                        facetbox_str_t name,
                                        facetbox_str_t reason);

/// Stops the facet and deletes its data and that of its descendants, together with what the parent
/// writes in the same transaction. Does nothing if there is none.
///
/// Threads: any.
facetbox_error_t *facetbox_facets_delete(const facetbox_facets_t *facets, facetbox_str_t name);

/// Replaces facet `dst` and its descendants by a copy of `src` and its descendants. A missing `src`
/// leaves `dst` empty; `src` goes on running, `dst` is stopped first.
///
/// Threads: any.
facetbox_error_t *facetbox_facets_clone(const facetbox_facets_t *facets,
                                        facetbox_str_t src,
                                        facetbox_str_t dst);

/// Writes the names of the facets that exist, running or not, into `*out` as a list, in order.
///
/// Owns: the caller, `*out`.
/// Threads: any.
facetbox_error_t *facetbox_facets_list(const facetbox_facets_t *facets, facetbox_value_t **out);

/// Writes into `*out` whether the facet exists, running or not.
///
/// Threads: any.
facetbox_error_t *facetbox_facets_exists(const facetbox_facets_t *facets,
                                         facetbox_str_t name,
                                         bool *out);

/// Writes into `*out` what the facet takes with all its own facets; see `facetbox_namespace_usage`.
/// NOT_FOUND if there is no such facet.
///
/// Owns: the caller, `*out`.
/// Threads: any.
facetbox_error_t *facetbox_facets_usage(const facetbox_facets_t *facets,
                                        facetbox_str_t name,
                                        facetbox_value_t **out);

/// Copies the facet with its own facets, as they were last committed, to `path`, a new directory like
/// that of `facetbox_namespace_export`, which can be imported as an object. NOT_FOUND if there is no
/// such facet or it has no data.
///
/// Threads: any.
facetbox_error_t *facetbox_facets_export(const facetbox_facets_t *facets,
                                         facetbox_str_t name,
                                         facetbox_str_t path);

/// Writes the value of `key` into `*out`; NULL if it isn't there.
///
/// Owns: the caller, `*out`.
/// Threads: any.
facetbox_error_t *facetbox_storage_kv_get(const facetbox_storage_t *storage,
                                          facetbox_str_t key,
                                          facetbox_value_t **out);

/// Stores a value under `key`. Functions, stubs and other capabilities can't be stored: VALUE_ERROR.
///
/// Owns: `value` is borrowed.
/// Threads: any.
facetbox_error_t *facetbox_storage_kv_put(const facetbox_storage_t *storage,
                                          facetbox_str_t key,
                                          const facetbox_value_t *value);

/// Deletes `key`; writes into `*existed` whether it was there.
///
/// Null: `existed` may be NULL.
/// Threads: any.
facetbox_error_t *facetbox_storage_kv_delete(const facetbox_storage_t *storage,
                                             facetbox_str_t key,
                                             bool *existed);

/// Lists entries in order of their keys' bytes. `options` is a map with the keys `start`,
/// `startAfter`, `end`, `prefix`, `reverse`, `limit`; others are ignored, as JavaScript does.
///
/// Owns: the caller, `*out`; `options` is borrowed.
/// Null: NULL `options` list everything.
/// Threads: any.
facetbox_error_t *facetbox_storage_kv_list(const facetbox_storage_t *storage,
                                           const facetbox_value_t *options,
                                           facetbox_kv_list_t **out);

/// Writes the next entry into `*key` (a text) and `*value`; both are NULL at the end.
///
/// Owns: the caller, `*key` and `*value`.
/// Threads: one at a time for each `list`.
facetbox_error_t *facetbox_kv_list_next(facetbox_kv_list_t *list,
                                        facetbox_value_t **key,
                                        facetbox_value_t **value);

/// Frees a list.
///
/// Null: does nothing.
/// Threads: any.
void facetbox_kv_list_free(facetbox_kv_list_t *list);

/// Runs `body` in a transaction (within one: a savepoint), which is rolled back if it returns an
/// error; that error is what this function returns. `body` can't call others: INVALID_ARGUMENT.
///
/// Owns: `user_data` is borrowed during the call.
/// Null: `body` must not be NULL.
/// Threads: any; `body` runs on this thread, during the call.
facetbox_error_t *facetbox_storage_transaction_sync(const facetbox_storage_t *storage,
                                                    facetbox_body_fn body,
                                                    void *user_data);

/// As `facetbox_storage_transaction_sync`, for a `body` that calls others: they run before it is known
/// whether the transaction is committed. What was written before is committed first.
///
/// Owns: `user_data` is borrowed during the call.
/// Null: `body` must not be NULL.
/// Threads: any; `body` runs on this thread, during the call.
facetbox_error_t *facetbox_storage_transaction(const facetbox_storage_t *storage,
                                               facetbox_body_fn body,
                                               void *user_data);

/// Commits what has been written and returns when it is as durable as the runtime promises.
///
/// Threads: any.
facetbox_error_t *facetbox_storage_sync(const facetbox_storage_t *storage);

/// Sets the alarm to a time in Unix milliseconds, in place of the one that is set; a time in the past
/// means now. It is set when the transaction commits. INVALID_ARGUMENT for a time that isn't above 0.
///
/// Threads: any.
facetbox_error_t *facetbox_storage_set_alarm(const facetbox_storage_t *storage,
                                             int64_t time_ms);

/// Writes into `*out` the time that the alarm is set to, in Unix milliseconds; 0 if none is. Within its
/// handler it reads as unset.
///
/// Threads: any.
facetbox_error_t *facetbox_storage_get_alarm(const facetbox_storage_t *storage,
                                             int64_t *out);

/// Deletes the alarm, if one is set.
///
/// Threads: any.
facetbox_error_t *facetbox_storage_delete_alarm(const facetbox_storage_t *storage);

/// Writes a bookmark of the storage's present state into `*out`, as text. Bookmarks of one database are
/// in the order of the states.
///
/// Owns: the caller, `*out`.
/// Threads: any.
facetbox_error_t *facetbox_storage_get_current_bookmark(const facetbox_storage_t *storage,
                                                        facetbox_value_t **out);

/// Runs one or more statements, the last with `bindings`, a list of null, booleans, numbers, texts
/// and bytes. Fails with STORAGE and SQLite's message.
///
/// Owns: the caller, `*out`; `bindings` is borrowed.
/// Null: NULL `bindings` are none.
/// Threads: any.
facetbox_error_t *facetbox_storage_sql_exec(const facetbox_storage_t *storage,
                                            facetbox_str_t query,
                                            const facetbox_value_t *bindings,
                                            facetbox_sql_cursor_t **out);

/// Writes how many bytes of the database are in use into `*out`.
///
/// Threads: any.
facetbox_error_t *facetbox_storage_database_size(const facetbox_storage_t *storage, uint64_t *out);

/// Writes the next row into `*out` as a map from column names; NULL at the end.
///
/// Owns: the caller, `*out`.
/// Threads: one at a time for each `cursor`.
facetbox_error_t *facetbox_sql_cursor_next(const facetbox_sql_cursor_t *cursor,
                                           facetbox_value_t **out);

/// Writes the next row into `*out` as a list of its columns; NULL at the end.
///
/// Owns: the caller, `*out`.
/// Threads: one at a time for each `cursor`.
facetbox_error_t *facetbox_sql_cursor_next_raw(const facetbox_sql_cursor_t *cursor,
                                               facetbox_value_t **out);

/// Writes the only row that is left into `*out` as a map; fails with GUEST_ERROR, as a guest would see it, if there
/// is none or more than one.
///
/// Owns: the caller, `*out`.
/// Threads: one at a time for each `cursor`.
facetbox_error_t *facetbox_sql_cursor_one(const facetbox_sql_cursor_t *cursor,
                                          facetbox_value_t **out);

/// Writes the rows that are left into `*out` as a list of maps.
///
/// Owns: the caller, `*out`.
/// Threads: one at a time for each `cursor`.
facetbox_error_t *facetbox_sql_cursor_to_array(const facetbox_sql_cursor_t *cursor,
                                               facetbox_value_t **out);

/// Writes the rows that are left into `*out` as a list of lists of their columns.
///
/// Owns: the caller, `*out`.
/// Threads: one at a time for each `cursor`.
facetbox_error_t *facetbox_sql_cursor_raw(const facetbox_sql_cursor_t *cursor,
                                          facetbox_value_t **out);

/// How many columns the rows have.
///
/// Null: answers 0.
/// Threads: any.
size_t facetbox_sql_cursor_column_count(const facetbox_sql_cursor_t *cursor);

/// The name of column `index`; absent beyond the end.
///
/// Owns: borrowed from `cursor`.
/// Null: gives absent text.
/// Threads: any.
facetbox_str_t facetbox_sql_cursor_column_name(const facetbox_sql_cursor_t *cursor, size_t index);

/// Rows read so far.
///
/// Null: answers 0.
/// Threads: any.
uint64_t facetbox_sql_cursor_rows_read(const facetbox_sql_cursor_t *cursor);

/// Rows written so far.
///
/// Null: answers 0.
/// Threads: any.
uint64_t facetbox_sql_cursor_rows_written(const facetbox_sql_cursor_t *cursor);

/// Frees a cursor.
///
/// Null: does nothing.
/// Threads: any.
void facetbox_sql_cursor_free(facetbox_sql_cursor_t *cursor);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus


/// Text of a C string, which it borrows.
static inline facetbox_str_t facetbox_str(const char *text) {
    facetbox_str_t str;
    str.data = text;
    str.len = text == NULL ? 0 : strlen(text);
    return str;
}

#endif /* FACETBOX_H */
