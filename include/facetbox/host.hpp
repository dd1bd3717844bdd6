// Classes of the host. Part of facetbox.hpp.

#ifndef FACETBOX_HOST_HPP
#define FACETBOX_HOST_HPP

#include <facetbox/facets.hpp>
#include <facetbox/storage.hpp>

#include <string>
#include <type_traits>

namespace facetbox {

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

// What an alarm's handler is told: scheduled_time_ms, retry_count, is_retry.
using AlarmInfo = facetbox_alarm_info_t;

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
        throw Error(facetbox_error_no_fetch_handler());
    }
    // Answers the call of a method. Call this one for methods that you don't know.
    virtual Value call(std::string_view method, ValueView) {
        throw Error(facetbox_error_no_such_method(detail::str(method)));
    }
    // Runs when the alarm of the storage is due. What it throws makes the alarm be tried again. A class that
    // doesn't override it can't set alarms.
    virtual void alarm(const AlarmInfo &) { throw Error(facetbox_error_no_alarm_handler()); }

protected:
    const Ctx &ctx() const { return ctx_; }
    const Value &env() const { return env_; }

private:
    Ctx ctx_;
    Value env_;
};

namespace detail {

// Whether a class has a handler of alarms of its own; one that isn't accessible counts.
template <class T, class = void>
struct has_alarm : std::true_type {};
template <class T>
struct has_alarm<T, std::enable_if_t<std::is_same_v<decltype(&T::alarm), void (DurableObject::*)(const AlarmInfo &)>>>
    : std::false_type {};

}  // namespace detail

template <class T>
Class Class::host(std::string_view name) {
    static_assert(std::is_base_of_v<DurableObject, T>,
                  "a class of the host derives from facetbox::DurableObject");
    facetbox_host_class_t functions{};
    functions.size = sizeof functions;
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
    if (detail::has_alarm<T>::value) {
        functions.alarm = [](void *instance, const facetbox_alarm_info_t *info) {
            return detail::guarded([&] { static_cast<DurableObject *>(instance)->alarm(*info); });
        };
    }
    functions.drop_instance = detail::drop<DurableObject>;
    return Class(detail::take<facetbox_class_t>([&](auto out) {
        return facetbox_class_new_host(detail::str(name), &functions, nullptr, nullptr, out);
    }));
}

}  // namespace facetbox

#endif
