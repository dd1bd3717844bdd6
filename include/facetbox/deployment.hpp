// Whole modules that run under a name. Part of facetbox.hpp.

#ifndef FACETBOX_DEPLOYMENT_HPP
#define FACETBOX_DEPLOYMENT_HPP

#include <facetbox/namespace.hpp>

#include <string>
#include <vector>

namespace facetbox {

// A whole module that runs under a name: its classes are namespaces, its default export answers requests.
class Deployment {
public:
    explicit Deployment(facetbox_deployment_t *handle) : handle_(handle) {}

    std::string_view name() const { return detail::view(facetbox_deployment_name(handle_.get())); }
    std::vector<std::string> class_names() const {
        return detail::strings(Value(detail::take<facetbox_value_t>(
            [&](auto out) { return facetbox_deployment_class_names(handle_.get(), out); })));
    }
    Namespace get_namespace(std::string_view class_name) const {
        return Namespace(detail::take<facetbox_namespace_t>([&](auto out) {
            return facetbox_deployment_namespace(handle_.get(), detail::str(class_name), out);
        }));
    }
    Stub get_entrypoint(std::string_view name = "default") const {
        return Stub(detail::take<facetbox_stub_t>([&](auto out) {
            return facetbox_deployment_get_entrypoint(handle_.get(), detail::str(name), out);
        }));
    }
    // The stub that requests go through: for those that are asynchronous or may be cancelled.
    Stub fetcher() const {
        return Stub(detail::take<facetbox_stub_t>(
            [&](auto out) { return facetbox_deployment_fetcher(handle_.get(), out); }));
    }
    Response fetch(const Request &request) const {
        return Response(detail::take<facetbox_response_t>(
            [&](auto out) { return facetbox_deployment_fetch(handle_.get(), request.handle(), out); }));
    }

private:
    detail::Handle<facetbox_deployment_t, facetbox_deployment_free> handle_;
};

}  // namespace facetbox

#endif
