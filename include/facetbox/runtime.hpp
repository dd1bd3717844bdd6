// The runtime and its options. Part of facetbox.hpp.

#ifndef FACETBOX_RUNTIME_HPP
#define FACETBOX_RUNTIME_HPP

#include <facetbox/deployment.hpp>
#include <facetbox/host.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace facetbox {

// A clock that stands still until it is moved, for tests of alarms. Copies are the same clock.
class ManualClock {
public:
    explicit ManualClock(int64_t now_ms)
        : handle_(facetbox_manual_clock_new(now_ms), facetbox_manual_clock_free) {}

    int64_t now_ms() const { return facetbox_manual_clock_now_ms(handle()); }
    void set_ms(int64_t now_ms) const { detail::check(facetbox_manual_clock_set_ms(handle(), now_ms)); }
    void advance_ms(uint64_t by_ms) const {
        detail::check(facetbox_manual_clock_advance_ms(handle(), by_ms));
    }
    const facetbox_manual_clock_t *handle() const { return handle_.get(); }

private:
    std::shared_ptr<facetbox_manual_clock_t> handle_;
};

// How a runtime is opened.
struct Options {
    // The data directory; ":memory:" keeps nothing.
    std::string path = ":memory:";
    facetbox_durability_t durability = FACETBOX_DURABILITY_FULL;
    // Limits of guests in place of the defaults: a map.
    Value limits = nullptr;
    // A clock in place of the wall clock, for tests.
    std::optional<ManualClock> clock = std::nullopt;
    facetbox_alarms_t alarms = FACETBOX_ALARMS_AUTOMATIC;
    // Instances without events are dropped after so many milliseconds.
    std::optional<uint64_t> idle_ms = std::nullopt;
    // More instances than this are not kept.
    std::optional<std::size_t> max_warm = std::nullopt;
    // The languages that guests may be written in, of "luau" and "javascript". By default both.
    std::optional<std::vector<std::string>> engines = std::nullopt;
    // Gets the tail events of everything that runs, as maps, on a thread of its own; must not throw.
    std::function<void(ValueView event)> on_tail = nullptr;
    // Threads for asynchronous calls; 0 means one per core.
    std::size_t threads = 0;
};

// What Runtime::verify() has found.
struct Report {
    struct Problem {
        std::string path, message;
    };
    uint64_t objects = 0, databases = 0;
    // Directories that a crash left and the next start removes.
    uint64_t leftovers = 0;
    // Empty if everything is well.
    std::vector<Problem> problems;
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
        if (options.clock) detail::check(facetbox_options_set_clock(raw.get(), options.clock->handle()));
        detail::check(facetbox_options_set_alarms(raw.get(), options.alarms));
        if (options.idle_ms) detail::check(facetbox_options_set_idle_ms(raw.get(), *options.idle_ms));
        if (options.max_warm) detail::check(facetbox_options_set_max_warm(raw.get(), *options.max_warm));
        if (options.engines) {
            Value engines = Value::list();
            for (const std::string &engine : *options.engines) engines.push(engine);
            detail::check(facetbox_options_set_engines(raw.get(), engines.handle()));
        }
        if (options.on_tail) set_on_tail(raw.get(), options.on_tail);
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
    // Runs a whole module, supervisors and fetch handler included, that you trust. `env` is a map.
    Deployment deploy(std::string_view name, const WorkerCode &code, ValueView env = nullptr,
                      const std::optional<Cancel> &cancel = std::nullopt) const {
        return Deployment(detail::take<facetbox_deployment_t>([&](auto out) {
            return facetbox_runtime_deploy_cancellable(handle_.get(), detail::str(name), code.handle(),
                                                       env.handle(), cancel ? cancel->handle() : nullptr, out);
        }));
    }
    Loader loader() const {
        return Loader(detail::take<facetbox_loader_t>(
            [&](auto out) { return facetbox_runtime_loader(handle_.get(), out); }));
    }
    // Fires the alarms that are due, each object's and facet's once, and answers how many handlers ran.
    uint64_t run_due_alarms(const std::optional<Cancel> &cancel = std::nullopt) const {
        uint64_t count = 0;
        detail::check(facetbox_runtime_run_due_alarms_cancellable(
            handle_.get(), cancel ? cancel->handle() : nullptr, &count));
        return count;
    }
    Report verify() const {
        const Value map(detail::take<facetbox_value_t>(
            [&](auto out) { return facetbox_runtime_verify(handle_.get(), out); }));
        const auto count = [&](std::string_view key) { return static_cast<uint64_t>(map[key].to_int()); };
        Report report{count("objects"), count("databases"), count("leftovers"), {}};
        const ValueView problems = map["problems"];
        for (std::size_t i = 0; i < problems.size(); i++)
            report.problems.push_back({problems[i]["path"].to_string(), problems[i]["message"].to_string()});
        return report;
    }
    // What the runtime has done since it was opened: a map, as in C, and text for Prometheus.
    Value metrics() const {
        return Value(detail::take<facetbox_value_t>(
            [&](auto out) { return facetbox_runtime_metrics(handle_.get(), out); }));
    }
    std::string metrics_text() const {
        return Value(detail::take<facetbox_value_t>(
                         [&](auto out) { return facetbox_runtime_metrics_text(handle_.get(), out); }))
            .to_string();
    }
    void close() const { detail::check(facetbox_runtime_close(handle_.get())); }

private:
    explicit Runtime(facetbox_runtime_t *handle) : handle_(handle) {}

    static void set_on_tail(facetbox_options_t *options, const std::function<void(ValueView)> &on_tail) {
        using OnTail = std::function<void(ValueView)>;
        const auto receive = [](void *data, const facetbox_value_t *event) noexcept {
            (*static_cast<OnTail *>(data))(event);
        };
        detail::check(facetbox_options_set_on_tail(options, receive, new OnTail(on_tail), detail::drop<OnTail>));
    }

    detail::Handle<facetbox_runtime_t, facetbox_runtime_free> handle_;
};

}  // namespace facetbox

#endif
