// What the other pieces share: handles, errors, exceptions. Part of facetbox.hpp.

#ifndef FACETBOX_BASE_HPP
#define FACETBOX_BASE_HPP

#include <facetbox.h>

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace facetbox {

using Bytes = std::vector<std::uint8_t>;

namespace detail {

inline facetbox_str_t str(std::string_view text) {
    return {text.data() == nullptr ? "" : text.data(), text.size()};
}

inline std::string_view view(facetbox_str_t text) {
    return text.data == nullptr ? std::string_view() : std::string_view(text.data, text.len);
}

inline facetbox_bytes_t bytes(std::string_view data) {
    const facetbox_str_t text = str(data);
    return {reinterpret_cast<const std::uint8_t *>(text.data), text.len};
}

template <auto Free>
struct Deleter {
    template <class T>
    void operator()(T *handle) const {
        Free(handle);
    }
};

template <class T, auto Free>
using Handle = std::unique_ptr<T, Deleter<Free>>;

}  // namespace detail

// What failed. code() is a number of facetbox_error_code_t; what() is "Name: message".
class Error : public std::runtime_error {
public:
    // An error to throw from functions of the host.
    Error(int32_t code, std::string_view name, std::string_view message)
        : Error(facetbox_error_new(code, detail::str(name), detail::str(message))) {}

    // Takes over an error of the C library.
    explicit Error(facetbox_error_t *error)
        : std::runtime_error(text(error)), error_(error, facetbox_error_free) {}

    int32_t code() const { return facetbox_error_code(error_.get()); }
    // The stable name of the code, such as "LIMIT_CPU".
    std::string_view code_name() const { return detail::view(facetbox_error_code_name(code())); }
    std::string_view name() const { return detail::view(facetbox_error_name(error_.get())); }
    std::string_view message() const { return detail::view(facetbox_error_message(error_.get())); }
    std::string_view stack() const { return detail::view(facetbox_error_stack(error_.get())); }
    std::string_view path() const { return detail::view(facetbox_error_path(error_.get())); }

    const facetbox_error_t *handle() const { return error_.get(); }

    // A copy for the C library, which owns it.
    facetbox_error_t *release() const { return facetbox_error_clone(error_.get()); }

private:
    static std::string text(const facetbox_error_t *error) {
        return std::string(detail::view(facetbox_error_name(error))) + ": " +
               std::string(detail::view(facetbox_error_message(error)));
    }

    std::shared_ptr<facetbox_error_t> error_;
};

namespace detail {

template <class T>
void drop(void *user_data) {
    delete static_cast<T *>(user_data);
}

// Throws an error of the C library: as the exception that it was, if it comes from C++.
inline void check(facetbox_error_t *error) {
    if (error == nullptr) return;
    const Error owned(error);
    if (void *thrown = facetbox_error_host(error, drop<std::exception_ptr>))
        std::rethrow_exception(*static_cast<std::exception_ptr *>(thrown));
    throw owned;
}

// An error that remembers the exception being handled.
inline facetbox_error_t *remember(const char *message) {
    facetbox_error_t *error = facetbox_error_new(FACETBOX_ERR_GUEST_ERROR, str("Error"), str(message));
    facetbox_error_free(facetbox_error_set_host(error, new std::exception_ptr(std::current_exception()),
                                                drop<std::exception_ptr>));
    return error;
}

// The error for the exception that is being handled.
inline facetbox_error_t *current_error() noexcept {
    try {
        throw;
    } catch (const Error &error) {
        return error.release();
    } catch (const std::exception &error) {
        return remember(error.what());
    } catch (...) {
        return remember("unknown C++ exception");
    }
}

// Runs a callback of the C library: no exception may leave it.
template <class Body>
facetbox_error_t *guarded(Body &&body) noexcept {
    try {
        body();
        return nullptr;
    } catch (...) {
        return current_error();
    }
}

// Calls a function that gives a handle through its last parameter.
template <class T, class Call>
T *take(Call &&call) {
    T *out = nullptr;
    check(call(&out));
    return out;
}

}  // namespace detail

// Ends the calls that it is given to, from any thread. Copies are the same. With C++20:
//
//     std::stop_callback on_stop(token, [&] { cancel.fire(); });
class Cancel {
public:
    Cancel() : handle_(facetbox_cancel_new(), facetbox_cancel_free) {}

    // Ends each of them with ABORTED at the next place where it waits, those that are made later, too.
    void fire() const { detail::check(facetbox_cancel_fire(handle())); }
    const facetbox_cancel_t *handle() const { return handle_.get(); }

private:
    std::shared_ptr<facetbox_cancel_t> handle_;
};

}  // namespace facetbox

#endif
