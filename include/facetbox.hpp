// facetbox.hpp: the C++17 face of facetbox.h. Everything is inline and in this one file, so that a
// program needs nothing but the two headers; link libfacetbox.
//
// Each class owns a handle of the C library and frees it. What fails throws facetbox::Error. An
// exception that your own code throws travels as an error through guest code, which may catch it, and
// comes out at whoever called as the exception that it was. The comments of facetbox.h say what each
// operation does; here stands only what differs. `examples/cpp/platform.cpp` is a whole program.
//
//     class Adder : public facetbox::DurableObject {
//     public:
//         using DurableObject::DurableObject;
//         facetbox::Value call(std::string_view method, facetbox::ValueView args) override {
//             if (method != "add") return DurableObject::call(method, args);
//             return args[0].to_int() + args[1].to_int();
//         }
//     };
//
//     auto runtime = facetbox::Runtime::open("./data");
//     auto adders = runtime.define<Adder>("Adder");
//     int64_t sum = adders.get_by_name("a").call("add", 1, 2).to_int();
//
// Threads: as in C, all objects may be used by several threads as long as none of them changes it.

#ifndef FACETBOX_HPP
#define FACETBOX_HPP

#include <facetbox.h>

#include <cstdint>
#include <exception>
#include <functional>
#include <future>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
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
    std::string_view name() const { return detail::view(facetbox_error_name(error_.get())); }
    std::string_view message() const { return detail::view(facetbox_error_message(error_.get())); }
    std::string_view stack() const { return detail::view(facetbox_error_stack(error_.get())); }
    std::string_view path() const { return detail::view(facetbox_error_path(error_.get())); }

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

class Value;

// How both values that are owned and values that are borrowed are read.
template <class Self>
class ValueReader {
public:
    facetbox_value_type_t type() const { return facetbox_value_type(raw()); }
    bool is_null() const { return type() == FACETBOX_TYPE_NULL || type() == FACETBOX_TYPE_UNDEFINED; }

    // What the value is, if it is that.
    std::optional<bool> as_bool() const { return read<bool>(facetbox_value_as_bool); }
    std::optional<int64_t> as_int() const { return read<int64_t>(facetbox_value_as_int); }
    std::optional<double> as_float() const { return read<double>(facetbox_value_as_float); }
    std::optional<double> as_date_ms() const { return read<double>(facetbox_value_as_date); }
    std::optional<std::string_view> as_string() const {
        if (type() != FACETBOX_TYPE_STRING) return std::nullopt;
        return detail::view(facetbox_value_as_string(raw()));
    }
    std::optional<Bytes> as_bytes() const {
        if (type() != FACETBOX_TYPE_BYTES) return std::nullopt;
        const facetbox_bytes_t bytes = facetbox_value_as_bytes(raw());
        return Bytes(bytes.data, bytes.data + bytes.len);
    }

    // What the value must be: anything else throws INVALID_ARGUMENT.
    bool to_bool() const { return demand(as_bool(), "a truth value"); }
    int64_t to_int() const { return demand(as_int(), "a whole number"); }
    double to_float() const { return demand(as_float(), "a number"); }
    std::string to_string() const { return std::string(demand(as_string(), "text")); }
    Bytes to_bytes() const { return demand(as_bytes(), "bytes"); }

    // Members of lists and sets, values of maps and dicts; null where there is none.
    std::size_t size() const { return facetbox_value_len(raw()); }
    class ValueView operator[](std::size_t index) const;
    class ValueView operator[](std::string_view key) const;
    std::string_view key_at(std::size_t index) const {
        return detail::view(facetbox_value_map_key_at(raw(), index));
    }

    std::string to_json() const;
    Value clone() const;

private:
    const facetbox_value_t *raw() const { return static_cast<const Self *>(this)->handle(); }

    template <class T, class Read>
    std::optional<T> read(Read &&read) const {
        T out{};
        return read(raw(), &out) ? std::optional<T>(out) : std::nullopt;
    }

    template <class T>
    static T demand(std::optional<T> found, const char *what) {
        if (!found)
            throw Error(FACETBOX_ERR_INVALID_ARGUMENT, "TypeError",
                        std::string("The value is not ") + what + ".");
        return *std::move(found);
    }
};

// A value that belongs to another one, or to whoever called.
class ValueView : public ValueReader<ValueView> {
public:
    ValueView(const facetbox_value_t *handle) : handle_(handle) {}
    const facetbox_value_t *handle() const { return handle_; }

private:
    const facetbox_value_t *handle_;
};

inline bool operator==(ValueView a, ValueView b) {
    return facetbox_value_equals(a.handle(), b.handle());
}
inline bool operator!=(ValueView a, ValueView b) {
    return !(a == b);
}

// A value: null, bool, numbers, text, bytes, lists, maps and more, as copies.
class Value : public ValueReader<Value> {
public:
    using Function = std::function<Value(ValueView args)>;
    using Methods = std::function<Value(std::string_view method, ValueView args)>;

    Value() : Value(facetbox_value_new_null()) {}
    Value(std::nullptr_t) : Value() {}
    Value(bool value) : Value(facetbox_value_new_bool(value)) {}
    Value(double value) : Value(facetbox_value_new_float(value)) {}
    template <class T, std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>, int> = 0>
    Value(T value) : Value(facetbox_value_new_int(whole(value))) {}
    Value(std::string_view text)
        : Value(detail::take<facetbox_value_t>(
              [&](auto out) { return facetbox_value_new_string(detail::str(text), out); })) {}
    Value(const std::string &text) : Value(std::string_view(text)) {}
    Value(const char *text) : Value(std::string_view(text)) {}
    Value(const Bytes &bytes)
        : Value(detail::take<facetbox_value_t>(
              [&](auto out) { return facetbox_value_new_bytes({bytes.data(), bytes.size()}, out); })) {}
    Value(ValueView view) : Value(copy(view.handle())) {}
    Value(const Value &other) : Value(copy(other.handle())) {}
    Value(Value &&other) noexcept = default;
    Value &operator=(Value other) noexcept {
        handle_.swap(other.handle_);
        return *this;
    }

    // Takes over a value of the C library.
    explicit Value(facetbox_value_t *handle) : handle_(handle) {}

    static Value date_ms(double time) { return Value(facetbox_value_new_date(time)); }
    static Value list(std::initializer_list<Value> items = {}) {
        Value list(facetbox_value_new_list());
        for (const Value &item : items) list.push(item);
        return list;
    }
    static Value map(std::initializer_list<std::pair<std::string_view, Value>> entries = {}) {
        Value map(facetbox_value_new_map());
        for (const auto &[key, item] : entries) map.set(key, item);
        return map;
    }
    static Value from_json(std::string_view text) {
        return Value(detail::take<facetbox_value_t>(
            [&](auto out) { return facetbox_value_from_json(detail::str(text), out); }));
    }
    // A function and an object of the host, which whoever gets the value can call.
    static Value function(std::string_view name, Function function);
    static Value object(std::string_view name, Methods methods);

    Value &push(Value item) {
        detail::check(facetbox_value_list_push(handle_.get(), item.release()));
        return *this;
    }
    Value &set(std::string_view key, Value item) {
        detail::check(facetbox_value_map_set(handle_.get(), detail::str(key), item.release()));
        return *this;
    }

    operator ValueView() const { return handle_.get(); }
    const facetbox_value_t *handle() const { return handle_.get(); }
    facetbox_value_t *release() { return handle_.release(); }

private:
    static facetbox_value_t *copy(const facetbox_value_t *value) {
        return value == nullptr ? facetbox_value_new_null() : facetbox_value_clone(value);
    }

    template <class T>
    static int64_t whole(T value) {
        if constexpr (std::is_unsigned_v<T> && sizeof(T) >= sizeof(int64_t)) {
            if (value > static_cast<T>(std::numeric_limits<int64_t>::max()))
                throw Error(FACETBOX_ERR_VALUE_ERROR, "RangeError", "The number needs more than 64 bits.");
        }
        return static_cast<int64_t>(value);
    }

    detail::Handle<facetbox_value_t, facetbox_value_free> handle_;
};

template <class Self>
ValueView ValueReader<Self>::operator[](std::size_t index) const {
    return facetbox_value_at(raw(), index);
}

template <class Self>
ValueView ValueReader<Self>::operator[](std::string_view key) const {
    return facetbox_value_map_get(raw(), detail::str(key));
}

template <class Self>
std::string ValueReader<Self>::to_json() const {
    Value text(detail::take<facetbox_value_t>([&](auto out) { return facetbox_value_to_json(raw(), out); }));
    return text.to_string();
}

template <class Self>
Value ValueReader<Self>::clone() const {
    return Value(ValueView(raw()));
}

inline Value Value::function(std::string_view name, Function function) {
    const auto call = [](void *data, const facetbox_value_t *args, facetbox_value_t **result) {
        return detail::guarded([&] { *result = (*static_cast<Function *>(data))(args).release(); });
    };
    auto *data = new Function(std::move(function));
    return Value(detail::take<facetbox_value_t>([&](auto out) {
        return facetbox_value_new_function(detail::str(name), call, data, detail::drop<Function>, out);
    }));
}

inline Value Value::object(std::string_view name, Methods methods) {
    const auto call = [](void *data, facetbox_str_t method, const facetbox_value_t *args,
                         facetbox_value_t **result) {
        return detail::guarded(
            [&] { *result = (*static_cast<Methods *>(data))(detail::view(method), args).release(); });
    };
    auto *data = new Methods(std::move(methods));
    return Value(detail::take<facetbox_value_t>([&](auto out) {
        return facetbox_value_new_object(detail::str(name), call, data, detail::drop<Methods>, out);
    }));
}

// What requests and responses have in common: headers and a body.
template <class Self>
class Message {
public:
    // The values of a header, joined by ", ".
    std::optional<std::string> header(std::string_view name) const {
        facetbox_value_t *value = nullptr;
        detail::check(facetbox_headers_get(self().headers(), detail::str(name), &value));
        if (value == nullptr) return std::nullopt;
        return Value(value).to_string();
    }

    std::vector<std::pair<std::string, std::string>> headers_list() const {
        std::vector<std::pair<std::string, std::string>> list;
        const facetbox_headers_t *headers = self().headers();
        for (std::size_t i = 0; i < facetbox_headers_len(headers); i++)
            list.emplace_back(detail::view(facetbox_headers_name_at(headers, i)),
                              detail::view(facetbox_headers_value_at(headers, i)));
        return list;
    }

    Self &set_header(std::string_view name, std::string_view value) {
        detail::check(facetbox_headers_set(self().headers_mut(), detail::str(name), detail::str(value)));
        return self();
    }
    Self &append_header(std::string_view name, std::string_view value) {
        detail::check(facetbox_headers_append(self().headers_mut(), detail::str(name), detail::str(value)));
        return self();
    }

    // The body's bytes; nothing where there is no body.
    std::optional<std::string_view> body() const {
        const facetbox_bytes_t bytes = self().raw_body();
        if (bytes.data == nullptr) return std::nullopt;
        return std::string_view(reinterpret_cast<const char *>(bytes.data), bytes.len);
    }
    std::string text() const { return std::string(body().value_or("")); }

private:
    Self &self() { return *static_cast<Self *>(this); }
    const Self &self() const { return *static_cast<const Self *>(this); }
};

// A request: method, absolute URL, headers and a whole body.
class Request : public Message<Request> {
public:
    Request(std::string_view url) : Request("GET", url) {}
    Request(const char *url) : Request("GET", url) {}
    Request(std::string_view method, std::string_view url)
        : Request(detail::take<facetbox_request_t>(
              [&](auto out) { return facetbox_request_new(detail::str(method), detail::str(url), out); })) {}
    Request(const Request &other) : Request(facetbox_request_clone(other.handle())) {}
    Request(Request &&other) noexcept = default;
    Request &operator=(Request other) noexcept {
        handle_.swap(other.handle_);
        return *this;
    }

    // Takes over a request of the C library.
    explicit Request(facetbox_request_t *handle) : handle_(handle) {}

    std::string_view method() const { return detail::view(facetbox_request_method(handle())); }
    std::string_view url() const { return detail::view(facetbox_request_url(handle())); }
    Request &set_body(std::string_view body) {
        detail::check(facetbox_request_set_body(handle_.get(), detail::bytes(body)));
        return *this;
    }

    const facetbox_request_t *handle() const { return handle_.get(); }
    const facetbox_headers_t *headers() const { return facetbox_request_headers(handle()); }
    facetbox_headers_t *headers_mut() { return facetbox_request_headers_mut(handle_.get()); }
    facetbox_bytes_t raw_body() const { return facetbox_request_body(handle()); }

private:
    detail::Handle<facetbox_request_t, facetbox_request_free> handle_;
};

// A response: status, headers and a whole body.
class Response : public Message<Response> {
public:
    // Status 200 and a text body.
    Response(std::string_view body)
        : Response(detail::take<facetbox_response_t>(
              [&](auto out) { return facetbox_response_new_text(detail::str(body), out); })) {}
    Response(const std::string &body) : Response(std::string_view(body)) {}
    Response(const char *body) : Response(std::string_view(body)) {}
    // A status, without a body.
    explicit Response(std::uint16_t status)
        : Response(detail::take<facetbox_response_t>(
              [&](auto out) { return facetbox_response_new(status, out); })) {}
    Response(const Response &other) : Response(facetbox_response_clone(other.handle())) {}
    Response(Response &&other) noexcept = default;
    Response &operator=(Response other) noexcept {
        handle_.swap(other.handle_);
        return *this;
    }

    // Takes over a response of the C library.
    explicit Response(facetbox_response_t *handle) : handle_(handle) {}

    std::uint16_t status() const { return facetbox_response_status(handle()); }
    bool ok() const { return status() >= 200 && status() < 300; }
    Response &set_body(std::string_view body) {
        detail::check(facetbox_response_set_body(handle_.get(), detail::bytes(body)));
        return *this;
    }

    const facetbox_response_t *handle() const { return handle_.get(); }
    const facetbox_headers_t *headers() const { return facetbox_response_headers(handle()); }
    facetbox_headers_t *headers_mut() { return facetbox_response_headers_mut(handle_.get()); }
    facetbox_bytes_t raw_body() const { return facetbox_response_body(handle()); }
    facetbox_response_t *release() { return handle_.release(); }

private:
    detail::Handle<facetbox_response_t, facetbox_response_free> handle_;
};

// The id of an object, or what a facet was told as its id.
class ObjectId {
public:
    explicit ObjectId(facetbox_object_id_t *handle) : handle_(handle, facetbox_object_id_free) {}

    std::string to_string() const {
        return std::string(detail::view(facetbox_object_id_to_string(handle())));
    }
    std::optional<std::string> name() const {
        const facetbox_str_t name = facetbox_object_id_name(handle());
        if (name.data == nullptr) return std::nullopt;
        return std::string(detail::view(name));
    }
    const facetbox_object_id_t *handle() const { return handle_.get(); }

    friend bool operator==(const ObjectId &a, const ObjectId &b) {
        return facetbox_object_id_equals(a.handle(), b.handle());
    }
    friend bool operator!=(const ObjectId &a, const ObjectId &b) { return !(a == b); }

private:
    std::shared_ptr<facetbox_object_id_t> handle_;
};

// The address of an object, a facet or an entrypoint.
class Stub {
public:
    explicit Stub(facetbox_stub_t *handle) : handle_(handle) {}

    // Calls a method, with arguments that convert to values, and waits for its answer.
    template <class... Args>
    Value call(std::string_view method, Args &&...args) const {
        return call_list(method, Value::list({Value(std::forward<Args>(args))...}));
    }
    // Calls a method with a list of arguments, such as those of the call being answered.
    Value call_list(std::string_view method, ValueView args) const {
        return Value(detail::take<facetbox_value_t>(
            [&](auto out) { return facetbox_stub_call(handle(), detail::str(method), args.handle(), out); }));
    }
    Response fetch(const Request &request) const {
        return Response(detail::take<facetbox_response_t>(
            [&](auto out) { return facetbox_stub_fetch(handle(), request.handle(), out); }));
    }

    // The same without waiting: the call runs on the runtime's threads.
    std::future<Value> call_async(std::string_view method, ValueView args = nullptr) const {
        const auto done = [](void *data, facetbox_error_t *error, facetbox_value_t *result) {
            settle<Value>(data, error, result);
        };
        return start<Value>([&](void *promise) {
            return facetbox_stub_call_async(handle(), detail::str(method), args.handle(), done, promise,
                                            nullptr);
        });
    }
    std::future<Response> fetch_async(const Request &request) const {
        const auto done = [](void *data, facetbox_error_t *error, facetbox_response_t *response) {
            settle<Response>(data, error, response);
        };
        return start<Response>([&](void *promise) {
            return facetbox_stub_fetch_async(handle(), request.handle(), done, promise, nullptr);
        });
    }

    // Nothing for facets and entrypoints.
    std::optional<ObjectId> id() const {
        facetbox_object_id_t *id = nullptr;
        detail::check(facetbox_stub_id(handle(), &id));
        if (id == nullptr) return std::nullopt;
        return ObjectId(id);
    }
    Value to_value() const {
        return Value(
            detail::take<facetbox_value_t>([&](auto out) { return facetbox_value_new_stub(handle(), out); }));
    }
    const facetbox_stub_t *handle() const { return handle_.get(); }

private:
    template <class T, class Call>
    static std::future<T> start(Call &&call) {
        auto promise = std::make_unique<std::promise<T>>();
        auto future = promise->get_future();
        detail::check(call(promise.get()));
        promise.release();  // settle() has it, once the call ends
        return future;
    }

    template <class T, class Raw>
    static void settle(void *data, facetbox_error_t *error, Raw *result) {
        const std::unique_ptr<std::promise<T>> promise(static_cast<std::promise<T> *>(data));
        try {
            detail::check(error);
            promise->set_value(T(result));
        } catch (...) {
            promise->set_exception(std::current_exception());
        }
    }

    detail::Handle<facetbox_stub_t, facetbox_stub_free> handle_;
};

class DurableObject;

// What objects and facets are instances of: a class of the host, or one from guest code.
class Class {
public:
    explicit Class(facetbox_class_t *handle) : handle_(handle, facetbox_class_free) {}

    // A class of the host: T is a DurableObject, made with (Ctx, Value env).
    template <class T>
    static Class host(std::string_view name);

    std::string_view name() const { return detail::view(facetbox_class_name(handle())); }
    const facetbox_class_t *handle() const { return handle_.get(); }

private:
    std::shared_ptr<facetbox_class_t> handle_;
};

// Guest code with all that it is given. Each setter returns the code itself.
class WorkerCode {
public:
    using Outbound = std::function<Response(const Request &)>;

    explicit WorkerCode(std::string_view main_module)
        : handle_(detail::take<facetbox_worker_code_t>(
              [&](auto out) { return facetbox_worker_code_new(detail::str(main_module), out); })) {}

    WorkerCode(const WorkerCode &other) : handle_(facetbox_worker_code_clone(other.handle())) {}
    WorkerCode(WorkerCode &&other) noexcept = default;
    WorkerCode &operator=(WorkerCode other) noexcept {
        handle_.swap(other.handle_);
        return *this;
    }

    // A module of source code; the extension of its name says the type.
    WorkerCode &module(std::string_view name, std::string_view source) {
        return done(facetbox_worker_code_add_module(handle_.get(), detail::str(name), detail::str(source)));
    }
    WorkerCode &text(std::string_view name, std::string_view text) {
        return done(facetbox_worker_code_add_text(handle_.get(), detail::str(name), detail::str(text)));
    }
    WorkerCode &data(std::string_view name, const Bytes &bytes) {
        return done(
            facetbox_worker_code_add_data(handle_.get(), detail::str(name), {bytes.data(), bytes.size()}));
    }
    WorkerCode &json(std::string_view name, ValueView value) {
        return done(facetbox_worker_code_add_json(handle_.get(), detail::str(name), value.handle()));
    }
    WorkerCode &env(ValueView map) { return done(facetbox_worker_code_set_env(handle_.get(), map.handle())); }
    WorkerCode &limits(ValueView map) {
        return done(facetbox_worker_code_set_limits(handle_.get(), map.handle()));
    }
    // Who answers the requests that the code makes; without one it has no network.
    WorkerCode &global_outbound(Outbound outbound);
    WorkerCode &global_outbound(const Stub &stub) {
        return done(facetbox_worker_code_set_global_outbound_stub(handle_.get(), stub.handle()));
    }

    const facetbox_worker_code_t *handle() const { return handle_.get(); }
    facetbox_worker_code_t *release() { return handle_.release(); }

private:
    WorkerCode &done(facetbox_error_t *error) {
        detail::check(error);
        return *this;
    }

    detail::Handle<facetbox_worker_code_t, facetbox_worker_code_free> handle_;
};

namespace detail {

inline facetbox_error_t *call_fetch(void *data, const facetbox_request_t *request,
                                    facetbox_response_t **response) {
    return guarded([&] {
        const Request copy(facetbox_request_clone(request));
        *response = (*static_cast<WorkerCode::Outbound *>(data))(copy).release();
    });
}

}  // namespace detail

inline WorkerCode &WorkerCode::global_outbound(Outbound outbound) {
    auto *data = new Outbound(std::move(outbound));
    return done(facetbox_worker_code_set_global_outbound(handle_.get(), detail::call_fetch, data,
                                                         detail::drop<Outbound>));
}

// Loaded code.
class Worker {
public:
    explicit Worker(facetbox_worker_t *handle) : handle_(handle) {}

    Class get_durable_object_class(std::string_view name, ValueView props = nullptr,
                                   ValueView limits = nullptr) const {
        return Class(detail::take<facetbox_class_t>([&](auto out) {
            return facetbox_worker_get_durable_object_class(handle_.get(), detail::str(name), props.handle(),
                                                            limits.handle(), out);
        }));
    }
    Stub get_entrypoint(std::string_view name = "default", ValueView props = nullptr,
                        ValueView limits = nullptr) const {
        return Stub(detail::take<facetbox_stub_t>([&](auto out) {
            return facetbox_worker_get_entrypoint(handle_.get(), detail::str(name), props.handle(),
                                                  limits.handle(), out);
        }));
    }

private:
    detail::Handle<facetbox_worker_t, facetbox_worker_free> handle_;
};

// Loads guest code.
class Loader {
public:
    explicit Loader(facetbox_loader_t *handle) : handle_(handle, facetbox_loader_free) {}
    // A loader that belongs to a context.
    explicit Loader(const facetbox_loader_t *handle) : handle_(handle, [](const facetbox_loader_t *) {}) {}

    Worker load(const WorkerCode &code) const {
        return Worker(detail::take<facetbox_worker_t>(
            [&](auto out) { return facetbox_loader_load(handle_.get(), code.handle(), out); }));
    }
    // The worker cached as `id`, loaded from what `code` returns if there is none.
    Worker get(std::string_view id, const std::function<WorkerCode()> &code) const {
        const auto call = [](void *data, facetbox_worker_code_t **out) {
            return detail::guarded(
                [&] { *out = (*static_cast<const std::function<WorkerCode()> *>(data))().release(); });
        };
        void *data = const_cast<std::function<WorkerCode()> *>(&code);
        return Worker(detail::take<facetbox_worker_t>(
            [&](auto out) { return facetbox_loader_get(handle_.get(), detail::str(id), call, data, out); }));
    }
    Value to_value() const {
        return Value(detail::take<facetbox_value_t>(
            [&](auto out) { return facetbox_value_new_loader(handle_.get(), out); }));
    }

private:
    std::shared_ptr<const facetbox_loader_t> handle_;
};

// What a facet is: its class, and what it sees as its id (by default its parent's).
class FacetOptions {
public:
    FacetOptions(const Class &facet_class)
        : handle_(detail::take<facetbox_facet_options_t>(
              [&](auto out) { return facetbox_facet_options_new(facet_class.handle(), out); })) {}

    FacetOptions(const Class &facet_class, const ObjectId &id) : FacetOptions(facet_class) {
        detail::check(facetbox_facet_options_set_id(handle_.get(), id.handle()));
    }
    FacetOptions(const Class &facet_class, std::string_view id) : FacetOptions(facet_class) {
        detail::check(facetbox_facet_options_set_id_text(handle_.get(), detail::str(id)));
    }
    facetbox_facet_options_t *release() { return handle_.release(); }

private:
    detail::Handle<facetbox_facet_options_t, facetbox_facet_options_free> handle_;
};

// The facets of one object or facet. Lent by its context.
class Facets {
public:
    using Start = std::function<FacetOptions()>;

    explicit Facets(const facetbox_facets_t *handle) : handle_(handle) {}

    // A stub of a facet; `start` runs at its first use, unless the facet runs already.
    Stub get(std::string_view name, Start start) const {
        const auto call = [](void *data, facetbox_facet_options_t **options) {
            return detail::guarded([&] { *options = (*static_cast<Start *>(data))().release(); });
        };
        auto *data = new Start(std::move(start));
        return Stub(detail::take<facetbox_stub_t>([&](auto out) {
            return facetbox_facets_get(handle_, detail::str(name), call, data, detail::drop<Start>, out);
        }));
    }
    void abort(std::string_view name, std::string_view reason) const {
        detail::check(facetbox_facets_abort(handle_, detail::str(name), detail::str(reason)));
    }
    void delete_(std::string_view name) const {
        detail::check(facetbox_facets_delete(handle_, detail::str(name)));
    }
    void clone(std::string_view src, std::string_view dst) const {
        detail::check(facetbox_facets_clone(handle_, detail::str(src), detail::str(dst)));
    }
    std::vector<std::string> list() const {
        const Value names(
            detail::take<facetbox_value_t>([&](auto out) { return facetbox_facets_list(handle_, out); }));
        std::vector<std::string> list;
        for (std::size_t i = 0; i < names.size(); i++) list.push_back(names[i].to_string());
        return list;
    }
    bool exists(std::string_view name) const {
        bool exists = false;
        detail::check(facetbox_facets_exists(handle_, detail::str(name), &exists));
        return exists;
    }

private:
    const facetbox_facets_t *handle_;
};

// The rows of one statement.
class SqlCursor {
public:
    explicit SqlCursor(facetbox_sql_cursor_t *handle) : handle_(handle) {}

    // The next row as a map or as a list; nothing at the end.
    std::optional<Value> next() const { return row(facetbox_sql_cursor_next); }
    std::optional<Value> next_raw() const { return row(facetbox_sql_cursor_next_raw); }
    // The only row that is left, and all rows that are left.
    Value one() const { return rows(facetbox_sql_cursor_one); }
    Value to_array() const { return rows(facetbox_sql_cursor_to_array); }
    Value raw() const { return rows(facetbox_sql_cursor_raw); }
    std::vector<std::string> column_names() const {
        std::vector<std::string> names;
        for (std::size_t i = 0; i < facetbox_sql_cursor_column_count(handle_.get()); i++)
            names.emplace_back(detail::view(facetbox_sql_cursor_column_name(handle_.get(), i)));
        return names;
    }
    uint64_t rows_read() const { return facetbox_sql_cursor_rows_read(handle_.get()); }
    uint64_t rows_written() const { return facetbox_sql_cursor_rows_written(handle_.get()); }

private:
    template <class Read>
    Value rows(Read &&read) const {
        return Value(detail::take<facetbox_value_t>([&](auto out) { return read(handle_.get(), out); }));
    }
    template <class Read>
    std::optional<Value> row(Read &&read) const {
        facetbox_value_t *row =
            detail::take<facetbox_value_t>([&](auto out) { return read(handle_.get(), out); });
        return row == nullptr ? std::nullopt : std::optional<Value>(Value(row));
    }

    detail::Handle<facetbox_sql_cursor_t, facetbox_sql_cursor_free> handle_;
};

// Keys and values. Lent by its context.
class Kv {
public:
    explicit Kv(const facetbox_storage_t *handle) : handle_(handle) {}

    std::optional<Value> get(std::string_view key) const {
        facetbox_value_t *value = nullptr;
        detail::check(facetbox_storage_kv_get(handle_, detail::str(key), &value));
        return value == nullptr ? std::nullopt : std::optional<Value>(Value(value));
    }
    void put(std::string_view key, const Value &value) const {
        detail::check(facetbox_storage_kv_put(handle_, detail::str(key), value.handle()));
    }
    bool delete_(std::string_view key) const {
        bool existed = false;
        detail::check(facetbox_storage_kv_delete(handle_, detail::str(key), &existed));
        return existed;
    }
    // Entries in order of their keys; options as in C.
    std::vector<std::pair<std::string, Value>> list(ValueView options = nullptr) const {
        const detail::Handle<facetbox_kv_list_t, facetbox_kv_list_free> list(detail::take<facetbox_kv_list_t>(
            [&](auto out) { return facetbox_storage_kv_list(handle_, options.handle(), out); }));
        std::vector<std::pair<std::string, Value>> entries;
        for (;;) {
            facetbox_value_t *key = nullptr, *value = nullptr;
            detail::check(facetbox_kv_list_next(list.get(), &key, &value));
            if (key == nullptr) return entries;
            Value item(value);
            entries.emplace_back(Value(key).to_string(), std::move(item));
        }
    }

private:
    const facetbox_storage_t *handle_;
};

// The storage of one object or facet. Lent by its context.
class Storage {
public:
    explicit Storage(const facetbox_storage_t *handle) : handle_(handle) {}

    Kv kv() const { return Kv(handle_); }
    // Runs SQL, with bindings that convert to values.
    template <class... Bindings>
    SqlCursor exec(std::string_view query, Bindings &&...bindings) const {
        const Value list = Value::list({Value(std::forward<Bindings>(bindings))...});
        return SqlCursor(detail::take<facetbox_sql_cursor_t>([&](auto out) {
            return facetbox_storage_sql_exec(handle_, detail::str(query), list.handle(), out);
        }));
    }
    uint64_t database_size() const {
        uint64_t size = 0;
        detail::check(facetbox_storage_database_size(handle_, &size));
        return size;
    }
    // Runs `body` in a transaction, which is rolled back if it throws; the exception goes on.
    void transaction_sync(const std::function<void()> &body) const {
        const auto call = [](void *data) {
            return detail::guarded([&] { (*static_cast<const std::function<void()> *>(data))(); });
        };
        void *data = const_cast<std::function<void()> *>(&body);
        detail::check(facetbox_storage_transaction_sync(handle_, call, data));
    }
    void sync() const { detail::check(facetbox_storage_sync(handle_)); }

private:
    const facetbox_storage_t *handle_;
};

// What a class of the host sees of its own object or facet.
class Ctx {
public:
    explicit Ctx(facetbox_ctx_t *handle) : handle_(handle) {}

    std::string id() const {
        return std::string(detail::view(facetbox_object_id_to_string(facetbox_ctx_id(handle_.get()))));
    }
    std::string_view path() const { return detail::view(facetbox_ctx_path(handle_.get())); }
    ValueView props() const { return facetbox_ctx_props(handle_.get()); }
    Storage storage() const { return Storage(facetbox_ctx_storage(handle_.get())); }
    Facets facets() const { return Facets(facetbox_ctx_facets(handle_.get())); }
    Loader loader() const { return Loader(facetbox_ctx_loader(handle_.get())); }
    // Aborts the object or facet by throwing what its callers get.
    [[noreturn]] void abort(std::string_view reason) const {
        throw Error(facetbox_ctx_abort(handle_.get(), detail::str(reason)));
    }
    void delete_all() const { detail::check(facetbox_ctx_delete_all(handle_.get())); }

private:
    detail::Handle<facetbox_ctx_t, facetbox_ctx_free> handle_;
};

// The base of classes of the host. Calls of one instance never overlap, but for those that the
// instance itself causes.
class DurableObject {
public:
    DurableObject(Ctx ctx, Value env) : ctx_(std::move(ctx)), env_(std::move(env)) {}
    virtual ~DurableObject() = default;
    DurableObject(const DurableObject &) = delete;
    DurableObject &operator=(const DurableObject &) = delete;

    // Answers a request. By default there is no handler.
    virtual Response fetch(const Request &) {
        throw Error(FACETBOX_ERR_NOT_FOUND, "Error", "Handler does not export a fetch() function.");
    }
    // Answers the call of a method. Call this one for methods that you don't know.
    virtual Value call(std::string_view method, ValueView) {
        throw Error(facetbox_error_no_such_method(detail::str(method)));
    }

protected:
    const Ctx &ctx() const { return ctx_; }
    const Value &env() const { return env_; }

private:
    Ctx ctx_;
    Value env_;
};

template <class T>
Class Class::host(std::string_view name) {
    static_assert(std::is_base_of_v<DurableObject, T>,
                  "a class of the host derives from facetbox::DurableObject");
    facetbox_host_class_t functions{};
    functions.construct = [](void *, facetbox_ctx_t *ctx, const facetbox_value_t *env, void **instance) {
        return detail::guarded([&] {
            Ctx owned(ctx);
            DurableObject *object = new T(std::move(owned), Value(ValueView(env)));
            *instance = object;
        });
    };
    functions.fetch = [](void *instance, const facetbox_request_t *request, facetbox_response_t **response) {
        return detail::guarded([&] {
            const Request copy(facetbox_request_clone(request));
            *response = static_cast<DurableObject *>(instance)->fetch(copy).release();
        });
    };
    functions.call = [](void *instance, facetbox_str_t method, const facetbox_value_t *args,
                        facetbox_value_t **result) {
        return detail::guarded([&] {
            *result = static_cast<DurableObject *>(instance)->call(detail::view(method), args).release();
        });
    };
    functions.drop_instance = detail::drop<DurableObject>;
    return Class(detail::take<facetbox_class_t>([&](auto out) {
        return facetbox_class_new_host(detail::str(name), &functions, nullptr, nullptr, out);
    }));
}

// A name bound to a class.
class Namespace {
public:
    explicit Namespace(facetbox_namespace_t *handle) : handle_(handle) {}

    std::string_view name() const { return detail::view(facetbox_namespace_name(handle_.get())); }
    ObjectId id_from_name(std::string_view name) const {
        return id(
            [&](auto out) { return facetbox_namespace_id_from_name(handle_.get(), detail::str(name), out); });
    }
    ObjectId id_from_string(std::string_view text) const {
        return id([&](auto out) {
            return facetbox_namespace_id_from_string(handle_.get(), detail::str(text), out);
        });
    }
    ObjectId new_unique_id() const {
        return id([&](auto out) { return facetbox_namespace_new_unique_id(handle_.get(), out); });
    }
    Stub get(const ObjectId &id) const {
        return Stub(detail::take<facetbox_stub_t>(
            [&](auto out) { return facetbox_namespace_get(handle_.get(), id.handle(), out); }));
    }
    Stub get_by_name(std::string_view name) const {
        return Stub(detail::take<facetbox_stub_t>(
            [&](auto out) { return facetbox_namespace_get_by_name(handle_.get(), detail::str(name), out); }));
    }

private:
    template <class Call>
    static ObjectId id(Call &&call) {
        return ObjectId(detail::take<facetbox_object_id_t>(std::forward<Call>(call)));
    }

    detail::Handle<facetbox_namespace_t, facetbox_namespace_free> handle_;
};

// How a runtime is opened.
struct Options {
    // The data directory; ":memory:" keeps nothing.
    std::string path = ":memory:";
    facetbox_durability_t durability = FACETBOX_DURABILITY_FULL;
    // Limits of guests in place of the defaults: a map.
    Value limits = nullptr;
    // Threads for asynchronous calls; 0 means one per core.
    std::size_t threads = 0;
};

// An open data directory. Its destructor closes it.
class Runtime {
public:
    static Runtime open(std::string_view path) {
        Options options;
        options.path = path;
        return open(options);
    }
    static Runtime open(const Options &options) {
        const detail::Handle<facetbox_options_t, facetbox_options_free> raw(facetbox_options_new());
        detail::check(facetbox_options_set_path(raw.get(), detail::str(options.path)));
        detail::check(facetbox_options_set_durability(raw.get(), options.durability));
        detail::check(facetbox_options_set_limits(raw.get(), options.limits.handle()));
        detail::check(facetbox_options_set_threads(raw.get(), options.threads));
        return Runtime(detail::take<facetbox_runtime_t>(
            [&](auto out) { return facetbox_runtime_open(raw.get(), out); }));
    }

    // Binds a namespace to a class of the host. `env` is a map; by default one with a LOADER.
    template <class T>
    Namespace define(std::string_view name, ValueView env = nullptr, ValueView limits = nullptr) const {
        return define(name, Class::host<T>(name), env, limits);
    }
    // Binds a namespace to a class, such as one from guest code.
    Namespace define(std::string_view name, const Class &bound, ValueView env = nullptr,
                     ValueView limits = nullptr) const {
        return Namespace(detail::take<facetbox_namespace_t>([&](auto out) {
            return facetbox_runtime_namespace(handle_.get(), detail::str(name), bound.handle(), env.handle(),
                                              limits.handle(), out);
        }));
    }
    Namespace get_namespace(std::string_view name) const {
        return Namespace(detail::take<facetbox_namespace_t>(
            [&](auto out) { return facetbox_runtime_get_namespace(handle_.get(), detail::str(name), out); }));
    }
    Loader loader() const {
        return Loader(detail::take<facetbox_loader_t>(
            [&](auto out) { return facetbox_runtime_loader(handle_.get(), out); }));
    }
    void close() const { detail::check(facetbox_runtime_close(handle_.get())); }

private:
    explicit Runtime(facetbox_runtime_t *handle) : handle_(handle) {}

    detail::Handle<facetbox_runtime_t, facetbox_runtime_free> handle_;
};

}  // namespace facetbox

#endif
