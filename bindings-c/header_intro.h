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
