// Namespaces and whole objects. Part of facetbox.hpp.

#ifndef FACETBOX_NAMESPACE_HPP
#define FACETBOX_NAMESPACE_HPP

#include <facetbox/code.hpp>

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

namespace facetbox {

// The answer of an operator's query.
struct QueryRows {
    std::vector<std::string> columns;
    // A list of rows, each a list of values.
    Value rows;
    // Whether rows are missing because there are more than 10,000, or more than 16 MiB.
    bool truncated = false;
};

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

    // The ids of objects that have data: at most `limit` of those after `after`, which is the last id of
    // the page before.
    std::vector<ObjectId> list(const std::optional<ObjectId> &after = std::nullopt,
                               std::size_t limit = 1000) const {
        const facetbox_object_id_t *from = after ? after->handle() : nullptr;
        const detail::Handle<facetbox_object_list_t, facetbox_object_list_free> page(
            detail::take<facetbox_object_list_t>(
                [&](auto out) { return facetbox_namespace_list(handle_.get(), from, limit, out); }));
        std::vector<ObjectId> ids;
        for (std::size_t i = 0; i < facetbox_object_list_len(page.get()); i++)
            ids.emplace_back(facetbox_object_id_clone(facetbox_object_list_at(page.get(), i)));
        return ids;
    }
    bool exists(const ObjectId &id) const {
        bool exists = false;
        detail::check(facetbox_namespace_exists(handle_.get(), id.handle(), &exists));
        return exists;
    }
    void delete_(const ObjectId &id) const {
        detail::check(facetbox_namespace_delete(handle_.get(), id.handle()));
    }
    Usage usage(const ObjectId &id) const {
        return detail::usage(Value(detail::take<facetbox_value_t>(
            [&](auto out) { return facetbox_namespace_usage(handle_.get(), id.handle(), out); })));
    }
    void export_(const ObjectId &id, std::string_view path,
                 const std::optional<Cancel> &cancel = std::nullopt) const {
        detail::check(facetbox_namespace_export_cancellable(handle_.get(), id.handle(), detail::str(path),
                                                            cancel ? cancel->handle() : nullptr));
    }
    void import_(const ObjectId &id, std::string_view path) const {
        detail::check(facetbox_namespace_import(handle_.get(), id.handle(), detail::str(path)));
    }
    // Runs SQL that reads, with bindings that convert to values, on the object or the facet that the
    // names of `facets` lead to.
    template <class... Bindings>
    QueryRows query(const ObjectId &id, std::initializer_list<std::string_view> facets, std::string_view sql,
                    Bindings &&...bindings) const {
        Value path = Value::list();
        for (const std::string_view name : facets) path.push(name);
        return query_list(id, path, sql, detail::list_of(std::forward<Bindings>(bindings)...));
    }
    // The same with lists of names and of bindings, for queries that may be cancelled.
    QueryRows query_list(const ObjectId &id, ValueView facets, std::string_view sql, ValueView bindings,
                         const std::optional<Cancel> &cancel = std::nullopt) const {
        const Value answer(detail::take<facetbox_value_t>([&](auto out) {
            return facetbox_namespace_query_cancellable(handle_.get(), id.handle(), facets.handle(),
                                                        detail::str(sql), bindings.handle(),
                                                        cancel ? cancel->handle() : nullptr, out);
        }));
        return {detail::strings(answer["columns"]), answer["rows"], answer["truncated"].to_bool()};
    }

private:
    template <class Call>
    static ObjectId id(Call &&call) {
        return ObjectId(detail::take<facetbox_object_id_t>(std::forward<Call>(call)));
    }

    detail::Handle<facetbox_namespace_t, facetbox_namespace_free> handle_;
};

}  // namespace facetbox

#endif
