// Runs one conformance case with a supervisor in C++. The driver, tests/src/bin/conformance.rs, starts it:
//
//     case --guest luau|js --only NAME FILE
//
// Ends with 0 and without output, or with 1 and what failed.
#include "compare.hpp"
#include "watchdog.hpp"
#include "world.hpp"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <thread>

using namespace facetbox;
using conformance::World;

// Times of vectors are those of a machine without other load.
static const double SLOWNESS = 4;

// What came of a step.
struct Outcome {
    Value value;
    std::optional<Response> response;
    std::optional<Error> error;

    std::string shown() const {
        if (error) return std::string("error ") + error->what();
        if (response) return "response " + std::to_string(response->status()) + " " + response->text();
        return "value " + value.to_json();
    }
};

static Request request(ValueView fetch) {
    Request request(fetch["method"].to_string(), fetch["url"].to_string());
    const ValueView headers = fetch["headers"];
    for (std::size_t i = 0; i < headers.size(); i++)
        request.append_header(headers.key_at(i), headers[i].to_string());
    if (!fetch["body"].is_null()) request.set_body(fetch["body"].to_string());
    return request;
}

static Outcome perform(World &world, ValueView step) {
    Outcome outcome;
    const std::string object = step["object"].is_null() ? world.name() : step["object"].to_string();
    const std::string facet = step["facet"].is_null() ? "app" : step["facet"].to_string();
    try {
        if (!step["call"].is_null()) {
            const Value args = step["args"].is_null() ? Value::list() : Value(step["args"]);
            outcome.value = world.call(object, facet, step["call"].to_string(), args);
        } else if (!step["fetch"].is_null()) {
            outcome.response = world.fetch(object, facet, request(step["fetch"]));
        } else if (!step["restart"].is_null()) {
            world.restart();
        } else if (!step["abort"].is_null()) {
            world.abort(object, facet, step["abort"].to_string());
        } else if (!step["delete"].is_null()) {
            world.delete_(object, facet);
        } else {
            std::this_thread::sleep_for(std::chrono::milliseconds(step["wait_ms"].to_int()));
        }
    } catch (const Error &error) {
        outcome.error = error;
    }
    return outcome;
}

static bool meets(ValueView step, const Outcome &outcome) {
    const auto has = [&](const char *key) { return step[key].handle() != nullptr; };
    if (outcome.error)
        return (has("or_throws") && conformance::error_matches(step["or_throws"], *outcome.error)) ||
               (has("throws") && conformance::error_matches(step["throws"], *outcome.error));
    if (has("throws")) return false;
    if (has("response"))
        return outcome.response && conformance::response_matches(step["response"], *outcome.response);
    if (has("returns")) return !outcome.response && conformance::value_matches(step["returns"], outcome.value);
    if (!has("returns_any")) return true;
    const ValueView any = step["returns_any"];
    for (std::size_t i = 0; i < any.size(); i++)
        if (conformance::value_matches(any[i], outcome.value)) return true;
    return false;
}

// Runs the steps; what failed, or nothing.
static std::string execute(ValueView test, const std::string &guest, conformance::Watchdog &watchdog) {
    watchdog.at("opening the runtime");
    World world(test, guest);
    const ValueView steps = test["steps"];
    for (std::size_t i = 0; i < steps.size(); i++) {
        const std::string title = "step " + std::to_string(i + 1) + " of " + std::to_string(steps.size()) + ": " +
                                  steps[i].to_json().substr(0, 800);
        watchdog.at(title);
        const auto begin = std::chrono::steady_clock::now();
        const Outcome outcome = perform(world, steps[i]);
        const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
        if (!meets(steps[i], outcome)) return title + "\n  got: " + outcome.shown().substr(0, 800);
        const auto limit = steps[i]["max_ms"].as_float();
        if (limit && took.count() > *limit * SLOWNESS)
            return title + "\n  took " + std::to_string(took.count()) + " ms";
    }
    return "";
}

static Value read_case(const char *path, const std::string &name) {
    std::ifstream file(path);
    const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const Value cases = Value::from_json(text);
    for (std::size_t i = 0; i < cases.size(); i++)
        if (cases[i]["name"].to_string() == name) return cases[i];
    throw std::runtime_error("no case " + name);
}

int main(int count, char **arguments) {
    if (count != 6 || std::string(arguments[1]) != "--guest" || std::string(arguments[3]) != "--only") {
        std::fprintf(stderr, "usage: %s --guest luau|js --only NAME FILE\n", arguments[0]);
        return 2;
    }
    std::string failure;
    try {
        conformance::Watchdog watchdog;
        failure = execute(read_case(arguments[5], arguments[4]), arguments[2], watchdog);
    } catch (const std::exception &error) {
        failure = std::string("The case can't start: ") + error.what();
    }
    if (failure.empty()) return 0;
    std::printf("%s\n", failure.c_str());
    return 1;
}
