// The runtime that a case runs in, and the supervisor that forwards its steps to facets.
#ifndef CONFORMANCE_WORLD_HPP
#define CONFORMANCE_WORLD_HPP

#include <facetbox.hpp>

#include <filesystem>
#include <optional>
#include <random>
#include <string>

namespace conformance {

using facetbox::Request, facetbox::Response, facetbox::Value, facetbox::ValueView;

// A case's code and props, by which supervisors start facets. A process runs one case.
struct Given {
    facetbox::WorkerCode code;
    Value props;

    facetbox::Class app(const facetbox::Loader &loader) const {
        return loader.load(code).get_durable_object_class("App", props);
    }
};

inline std::optional<Given> given;
// The facet that the next request is for.
inline std::string requested_facet;

// Passes on to the facet that each call names: call(facet, method, args), abort(facet, reason),
// delete(facet).
class Supervisor : public facetbox::DurableObject {
public:
    using DurableObject::DurableObject;

    Response fetch(const Request &request) override { return facet(requested_facet).fetch(request); }

    Value call(std::string_view method, ValueView args) override {
        const std::string name = args[0].to_string();
        if (method == "call") return facet(name).call_list(args[1].to_string(), args[2]);
        if (method == "abort") ctx().facets().abort(name, args[1].to_string());
        if (method == "delete") ctx().facets().delete_(name);
        return nullptr;
    }

private:
    facetbox::Stub facet(const std::string &name) {
        return ctx().facets().get(name, [this] { return facetbox::FacetOptions(given->app(ctx().loader())); });
    }
};

// A case's data directory with the runtime that is open on it.
class World {
public:
    World(ValueView test, const std::string &guest) : test_(test), directory_(temporary()) {
        const std::string main = "main." + guest;
        Value modules = test["modules"].is_null() ? Value::map() : Value(test["modules"]);
        modules.set(main, test[guest]);
        const auto code = facetbox::WorkerCode::from_value(Value::map(
            {{"mainModule", main}, {"modules", modules}, {"env", test["env"]}, {"limits", test["limits"]}}));
        given = Given{code, test["props"]};
        start();
    }
    ~World() {
        runtime_.reset();
        std::error_code ignored;
        std::filesystem::remove_all(directory_, ignored);
    }
    World(const World &) = delete;
    World &operator=(const World &) = delete;

    std::string name() const { return test_["name"].to_string(); }

    void restart() {
        space_.reset();
        runtime_.reset();
        start();
    }

    Value call(const std::string &object, const std::string &facet, const std::string &method, ValueView args) {
        if (is_supervisor()) return stub(object).call_list(method, args);
        return stub(object).call("call", facet, method, args);
    }
    Response fetch(const std::string &object, const std::string &facet, const Request &request) {
        requested_facet = facet;
        return stub(object).fetch(request);
    }
    void abort(const std::string &object, const std::string &facet, const std::string &reason) {
        stub(object).call("abort", facet, reason);
    }
    void delete_(const std::string &object, const std::string &facet) { stub(object).call("delete", facet); }

private:
    static std::filesystem::path temporary() {
        const auto path = std::filesystem::temp_directory_path() /
                          ("facetbox-case-" + std::to_string(std::random_device()()));
        std::filesystem::create_directory(path);
        return path;
    }

    bool is_supervisor() const { return test_["supervisor"].as_bool().value_or(false); }
    facetbox::Stub stub(const std::string &object) const { return space_->get_by_name(object); }

    void start() {
        facetbox::Options options;
        options.path = (directory_ / "data").string();
        options.durability = FACETBOX_DURABILITY_NONE;
        runtime_.emplace(facetbox::Runtime::open(options));
        const ValueView name = test_["namespace"];
        space_.emplace(runtime_->define(name.is_null() ? "conformance" : name.to_string(), app_class()));
    }

    // The case's own class, or that of a supervisor around it.
    facetbox::Class app_class() const {
        if (!is_supervisor()) return facetbox::Class::host<Supervisor>("Supervisor");
        const auto loader = runtime_->loader();
        Given with_loader = *given;
        Value env = test_["env"].is_null() ? Value::map() : Value(test_["env"]);
        env.set("LOADER", loader.to_value());
        with_loader.code.env(env);
        return with_loader.app(loader);
    }

    const Value test_;
    const std::filesystem::path directory_;
    std::optional<facetbox::Runtime> runtime_;
    std::optional<facetbox::Namespace> space_;
};

}  // namespace conformance

#endif
