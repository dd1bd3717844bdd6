// Facets: the children of an object or facet. Part of facetbox.hpp.

#ifndef FACETBOX_FACETS_HPP
#define FACETBOX_FACETS_HPP

#include <facetbox/code.hpp>

#include <functional>
#include <string>
#include <vector>

namespace facetbox {

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
        return detail::strings(names);
    }
    bool exists(std::string_view name) const {
        bool exists = false;
        detail::check(facetbox_facets_exists(handle_, detail::str(name), &exists));
        return exists;
    }
    Usage usage(std::string_view name) const {
        return detail::usage(Value(detail::take<facetbox_value_t>(
            [&](auto out) { return facetbox_facets_usage(handle_, detail::str(name), out); })));
    }
    void export_(std::string_view name, std::string_view path) const {
        detail::check(facetbox_facets_export(handle_, detail::str(name), detail::str(path)));
    }

private:
    const facetbox_facets_t *handle_;
};

}  // namespace facetbox

#endif
