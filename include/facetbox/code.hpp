// Classes, guest code, and the loader. Part of facetbox.hpp.

#ifndef FACETBOX_CODE_HPP
#define FACETBOX_CODE_HPP

#include <facetbox/stub.hpp>

#include <functional>
#include <memory>

namespace facetbox {

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

    // Code from a map with the keys of the JavaScript API: mainModule, modules, env, globalOutbound, limits, tails.
    static WorkerCode from_value(ValueView map) {
        return WorkerCode(detail::take<facetbox_worker_code_t>(
            [&](auto out) { return facetbox_worker_code_from_value(map.handle(), out); }));
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
    // Who gets the tail events of the code: a list of stubs and functions.
    WorkerCode &tails(ValueView list) {
        return done(facetbox_worker_code_set_tails(handle_.get(), list.handle()));
    }
    // Who answers the requests that the code makes; without one it has no network.
    WorkerCode &global_outbound(Outbound outbound);
    WorkerCode &global_outbound(const Stub &stub) {
        return done(facetbox_worker_code_set_global_outbound_stub(handle_.get(), stub.handle()));
    }
    // A value that answers: a stub, or a function that gets a request and answers a response, such as one that a
    // Revoker has wrapped.
    WorkerCode &global_outbound(const Value &value) {
        return done(facetbox_worker_code_set_global_outbound_value(handle_.get(), value.handle()));
    }

    const facetbox_worker_code_t *handle() const { return handle_.get(); }
    facetbox_worker_code_t *release() { return handle_.release(); }

private:
    explicit WorkerCode(facetbox_worker_code_t *handle) : handle_(handle) {}

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

}  // namespace facetbox

#endif
