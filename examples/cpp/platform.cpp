// A platform for apps that you don't trust, in C++.
//
//     platform <data directory> first|second [<guest code>]
//
// `first` gives an app its code and sends it three requests; `second`, in another process, sends a
// fourth, and shows that the app neither sees its supervisor's data nor reaches the network.

#include <facetbox.hpp>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>

using namespace facetbox;

// The supervisor: one object of this class for each app. Its facet "app" runs the app's code.
class AppRunner : public DurableObject {
public:
    using DurableObject::DurableObject;

    Response fetch(const Request &request) override { return app().fetch(request); }

    Value call(std::string_view method, ValueView args) override {
        if (method == "set_code") return set_code(args[0]);
        if (method == "peek" || method == "reach") return app().call_list(method, args);
        return DurableObject::call(method, args);
    }

private:
    // Stores new code and stops the app, so that the next request starts it with that code.
    Value set_code(ValueView code) {
        ctx().storage().kv().put("code", code);
        ctx().facets().abort("app", "code changed");
        return nullptr;
    }

    Stub app() {
        return ctx().facets().get("app", [this]() -> FacetOptions {
            const auto code = ctx().storage().kv().get("code");
            if (!code) throw std::runtime_error("the app has no code yet");
            const auto worker =
                ctx().loader().load(WorkerCode("app.luau").module("app.luau", code->to_string()));
            return worker.get_durable_object_class("App");
        });
    }
};

static std::string read_file(const char *path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error(std::string("cannot read ") + path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

// Sends a request, prints the answer, and returns the number in it.
static int send_request(const Stub &app) {
    const std::string answer = app.fetch("http://app/").text();
    std::cout << answer;
    int requests = 0;
    std::sscanf(answer.c_str(), "You've made %d requests.", &requests);
    return requests;
}

static void first(const Stub &app, const char *guest) {
    app.call("set_code", read_file(guest));
    for (int i = 0; i < 3; i++) send_request(app);
}

static int second(const Stub &app) {
    const int requests = send_request(app);

    const Value secret = app.call("peek", "code");
    std::cout << "The app looked for its supervisor's code and found " << secret.to_json() << ".\n";
    const bool hidden = secret.is_null();

    bool closed = false;
    try {
        app.call("reach", "http://example.com/");
    } catch (const Error &error) {
        std::cout << "The app tried the network: " << error.message() << "\n";
        closed = true;
    }

    std::cout << "RESULT host=C++ requests=" << requests << " hidden=" << (hidden ? "yes" : "no")
              << " closed=" << (closed ? "yes" : "no") << "\n";
    return requests == 4 && hidden && closed ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        std::cerr << "usage: " << argv[0] << " <data directory> first|second [<guest code>]\n";
        return 2;
    }
    try {
        const auto runtime = Runtime::open(argv[1]);
        const auto apps = runtime.define<AppRunner>("AppRunner");
        const auto app = apps.get_by_name("my-app");
        if (argv[2] == std::string_view("second")) return second(app);
        first(app, argc > 3 ? argv[3] : "examples/guest/app.luau");
    } catch (const std::exception &error) {
        std::cerr << error.what() << "\n";
        return EXIT_FAILURE;
    }
}
