// Values that cross between hosts and guests. Part of facetbox.hpp.

#ifndef FACETBOX_VALUE_HPP
#define FACETBOX_VALUE_HPP

#include <facetbox/base.hpp>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace facetbox {

class Request;
class Response;
class Value;

namespace detail {

// What messages call a kind of value, those of C, too.
inline std::string type_name(facetbox_value_type_t type) {
    static const char *const names[] = {
        "null",  "undefined", "boolean", "integer",  "number", "string", "bytes", "list",
        "map",   "dict",      "set",     "date",     "bigint", "error",  "function", "object",
        "stub",  "class",     "namespace", "loader", "request", "response", "headers"};
    const auto index = static_cast<std::size_t>(type);
    return index < sizeof names / sizeof *names ? names[index] : "something else";
}

inline std::vector<std::pair<std::string, std::string>> headers_list(const facetbox_headers_t *headers) {
    std::vector<std::pair<std::string, std::string>> list;
    for (std::size_t i = 0; i < facetbox_headers_len(headers); i++)
        list.emplace_back(view(facetbox_headers_name_at(headers, i)), view(facetbox_headers_value_at(headers, i)));
    return list;
}

}  // namespace detail

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

    std::optional<Request> as_request() const;
    std::optional<Response> as_response() const;
    // Header fields, in order, names in lower case.
    std::optional<std::vector<std::pair<std::string, std::string>>> as_headers() const {
        const facetbox_headers_t *headers = facetbox_value_headers(raw());
        if (headers == nullptr) return std::nullopt;
        return detail::headers_list(headers);
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

    // Calls a function, or a method of an object, such as a guest has passed in arguments or a result, with
    // arguments that convert to values.
    template <class... Args>
    Value call(Args &&...args) const;
    template <class... Args>
    Value call_method(std::string_view method, Args &&...args) const;
    // The same with a list of arguments, for calls that may be cancelled. No method calls a function.
    Value call_list(std::optional<std::string_view> method, ValueView args, const Cancel &cancel) const;

private:
    const facetbox_value_t *raw() const { return static_cast<const Self *>(this)->handle(); }

    template <class T, class Read>
    std::optional<T> read(Read &&read) const {
        T out{};
        return read(raw(), &out) ? std::optional<T>(out) : std::nullopt;
    }

    template <class T>
    T demand(std::optional<T> found, const char *what) const {
        if (!found)
            throw Error(FACETBOX_ERR_INVALID_ARGUMENT, "TypeError",
                        std::string("The value is not ") + what + ", but " + detail::type_name(type()) + ".");
        return *std::move(found);
    }
};

// A value that belongs to another one, or to whoever called, and ends with that: what a call answers has to be kept in
// a Value while views of it are used. `clone()` makes a Value.
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
    Value(const Request &request);
    Value(const Response &response);
    Value(ValueView view) : Value(copy(view.handle())) {}
    Value(const Value &other) : Value(copy(other.handle())) {}
    Value(Value &&other) noexcept = default;
    Value &operator=(Value other) noexcept {
        handle_.swap(other.handle_);
        return *this;
    }

    // Takes over a value of the C library.
    explicit Value(facetbox_value_t *handle) : handle_(handle) {}

    // What JavaScript tells from null.
    static Value undefined() { return Value(facetbox_value_new_undefined()); }
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
    static Value headers(std::initializer_list<std::pair<std::string_view, std::string_view>> fields = {}) {
        Value headers(facetbox_value_new_headers());
        for (const auto &[name, value] : fields)
            detail::check(facetbox_headers_append(facetbox_value_headers_mut(headers.handle_.get()),
                                                  detail::str(name), detail::str(value)));
        return headers;
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
                throw Error(FACETBOX_ERR_VALUE_ERROR, "RangeError",
                            "The number " + std::to_string(value) + " is beyond 64 bits with a sign.");
        }
        return static_cast<int64_t>(value);
    }

    detail::Handle<facetbox_value_t, facetbox_value_free> handle_;
};

// What led to an error, in most cases another error; null for an error without a cause.
inline ValueView cause(const Error &error) {
    return facetbox_error_cause(error.handle());
}

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

namespace detail {

// A list of what converts to values, each of which is made once and moved.
template <class... Items>
Value list_of(Items &&...items) {
    Value list(facetbox_value_new_list());
    (list.push(Value(std::forward<Items>(items))), ...);
    return list;
}

inline Value call(const facetbox_value_t *value, facetbox_str_t method, ValueView args,
                  const facetbox_cancel_t *cancel) {
    return Value(take<facetbox_value_t>(
        [&](auto out) { return facetbox_value_call(value, method, args.handle(), cancel, out); }));
}

}  // namespace detail

template <class Self>
template <class... Args>
Value ValueReader<Self>::call(Args &&...args) const {
    return detail::call(raw(), {nullptr, 0}, detail::list_of(std::forward<Args>(args)...), nullptr);
}

template <class Self>
template <class... Args>
Value ValueReader<Self>::call_method(std::string_view method, Args &&...args) const {
    return detail::call(raw(), detail::str(method), detail::list_of(std::forward<Args>(args)...), nullptr);
}

template <class Self>
Value ValueReader<Self>::call_list(std::optional<std::string_view> method, ValueView args,
                                   const Cancel &cancel) const {
    const facetbox_str_t name = method ? detail::str(*method) : facetbox_str_t{nullptr, 0};
    return detail::call(raw(), name, args, cancel.handle());
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

// Takes functions, objects and stubs back, at once and from whoever has got them meanwhile. Copies are one revoker;
// destroying it revokes nothing.
class Revoker {
public:
    Revoker() : handle_(facetbox_revoker_new(), facetbox_revoker_free) {}

    // A function, object or stub that works as `value` does until revoke(); of a list or map, such as an env, a copy in
    // which each of them does. Throws INVALID_ARGUMENT for what can't be taken back: classes, namespaces, loaders.
    Value wrap(ValueView value) const {
        return Value(detail::take<facetbox_value_t>(
            [&](auto out) { return facetbox_revoker_wrap(handle_.get(), value.handle(), out); }));
    }
    // Takes back all that was wrapped, and what will be: calls fail with ABORTED, those that are on their way included.
    void revoke() const { detail::check(facetbox_revoker_revoke(handle_.get())); }
    bool is_revoked() const { return facetbox_revoker_is_revoked(handle_.get()); }

private:
    std::shared_ptr<facetbox_revoker_t> handle_;
};

}  // namespace facetbox

#endif
