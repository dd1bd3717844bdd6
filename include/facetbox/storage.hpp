// The database of an object or facet. Part of facetbox.hpp.

#ifndef FACETBOX_STORAGE_HPP
#define FACETBOX_STORAGE_HPP

#include <facetbox/value.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace facetbox {

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
    // Runs `body`, which can't call others, in a transaction, which is rolled back if it throws; the exception
    // goes on.
    void transaction_sync(const std::function<void()> &body) const {
        transact(facetbox_storage_transaction_sync, body);
    }
    // The same for a `body` that calls others: they run before it is known whether the transaction is committed.
    // What was written before is committed first.
    void transaction(const std::function<void()> &body) const { transact(facetbox_storage_transaction, body); }
    void sync() const { detail::check(facetbox_storage_sync(handle_)); }
    // The alarm, in Unix milliseconds.
    void set_alarm(int64_t time_ms) const { detail::check(facetbox_storage_set_alarm(handle_, time_ms)); }
    std::optional<int64_t> get_alarm() const {
        int64_t time_ms = 0;
        detail::check(facetbox_storage_get_alarm(handle_, &time_ms));
        return time_ms == 0 ? std::nullopt : std::optional<int64_t>(time_ms);
    }
    void delete_alarm() const { detail::check(facetbox_storage_delete_alarm(handle_)); }
    std::string get_current_bookmark() const {
        return Value(detail::take<facetbox_value_t>(
                         [&](auto out) { return facetbox_storage_get_current_bookmark(handle_, out); }))
            .to_string();
    }

private:
    template <class Function>
    void transact(Function run, const std::function<void()> &body) const {
        const auto call = [](void *data) {
            return detail::guarded([&] { (*static_cast<const std::function<void()> *>(data))(); });
        };
        void *data = const_cast<std::function<void()> *>(&body);
        detail::check(run(handle_, call, data));
    }

    const facetbox_storage_t *handle_;
};

}  // namespace facetbox

#endif
