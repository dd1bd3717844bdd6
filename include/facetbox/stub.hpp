// Stubs and ids of objects. Part of facetbox.hpp.

#ifndef FACETBOX_STUB_HPP
#define FACETBOX_STUB_HPP

#include <facetbox/http.hpp>

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace facetbox {

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

// What an object or facet takes, everything below it included.
struct Usage {
    uint64_t storage_bytes = 0;
    // Facets at all levels below it.
    uint64_t facets = 0;
    // What they have used: events that have ended, CPU time of guests, rows, bytes of arguments and results,
    // and calls of what isn't the guest's: host functions and objects, stubs, fetch().
    uint64_t events = 0, cpu_ms = 0, rows_read = 0, rows_written = 0, bytes_in = 0, bytes_out = 0,
             subrequests = 0;
};

namespace detail {

inline Usage usage(const Value &map) {
    const auto count = [&](std::string_view key) { return static_cast<uint64_t>(map[key].to_int()); };
    return {count("storageBytes"), count("facets"),      count("events"),  count("cpuMs"),
            count("rowsRead"),     count("rowsWritten"), count("bytesIn"), count("bytesOut"),
            count("subrequests")};
}

inline std::vector<std::string> strings(ValueView list) {
    std::vector<std::string> strings;
    for (std::size_t i = 0; i < list.size(); i++) strings.push_back(list[i].to_string());
    return strings;
}

}  // namespace detail

// The address of an object, a facet or an entrypoint.
class Stub {
public:
    explicit Stub(facetbox_stub_t *handle) : handle_(handle) {}

    // Calls a method, with arguments that convert to values, and waits for its answer.
    template <class... Args>
    Value call(std::string_view method, Args &&...args) const {
        return call_list(method, detail::list_of(std::forward<Args>(args)...));
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

    // The same, for calls that may be cancelled.
    Value call_list(std::string_view method, ValueView args, const Cancel &cancel) const {
        return Value(detail::take<facetbox_value_t>([&](auto out) {
            return facetbox_stub_call_cancellable(handle(), detail::str(method), args.handle(), cancel.handle(),
                                                  out);
        }));
    }
    Response fetch(const Request &request, const Cancel &cancel) const {
        return Response(detail::take<facetbox_response_t>([&](auto out) {
            return facetbox_stub_fetch_cancellable(handle(), request.handle(), cancel.handle(), out);
        }));
    }

    // The same without waiting: the call runs on the runtime's threads.
    std::future<Value> call_async(std::string_view method, ValueView args = nullptr,
                                  const std::optional<Cancel> &cancel = std::nullopt) const {
        const auto done = [](void *data, facetbox_error_t *error, facetbox_value_t *result) {
            settle<Value>(data, error, result);
        };
        return start<Value>([&](void *promise) {
            return facetbox_stub_call_async(handle(), detail::str(method), args.handle(),
                                            cancel ? cancel->handle() : nullptr, done, promise);
        });
    }
    std::future<Response> fetch_async(const Request &request,
                                      const std::optional<Cancel> &cancel = std::nullopt) const {
        const auto done = [](void *data, facetbox_error_t *error, facetbox_response_t *response) {
            settle<Response>(data, error, response);
        };
        return start<Response>([&](void *promise) {
            return facetbox_stub_fetch_async(handle(), request.handle(), cancel ? cancel->handle() : nullptr,
                                             done, promise);
        });
    }

    // Nothing for facets and entrypoints.
    std::optional<ObjectId> id() const {
        facetbox_object_id_t *id = nullptr;
        detail::check(facetbox_stub_id(handle(), &id));
        if (id == nullptr) return std::nullopt;
        return ObjectId(id);
    }
    // The name that the object's id was made from; nothing without one.
    std::optional<std::string> name() const {
        const facetbox_str_t name = facetbox_stub_name(handle());
        if (name.data == nullptr) return std::nullopt;
        return std::string(detail::view(name));
    }
    // Whether the object has data or the facet exists, what it takes, and a copy of it on disk.
    bool exists() const {
        bool exists = false;
        detail::check(facetbox_stub_exists(handle(), &exists));
        return exists;
    }
    Usage usage() const {
        return detail::usage(Value(
            detail::take<facetbox_value_t>([&](auto out) { return facetbox_stub_usage(handle(), out); })));
    }
    void export_(std::string_view path, const std::optional<Cancel> &cancel = std::nullopt) const {
        detail::check(facetbox_stub_export_cancellable(handle(), detail::str(path),
                                                       cancel ? cancel->handle() : nullptr));
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

}  // namespace facetbox

#endif
