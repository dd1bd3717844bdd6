// Runs a project written for Cloudflare: examples/app-platform/worker.js.
//
//     app_platform <data directory> [<worker.js>]
//
// Has an app generated and visits it twice. The app keeps counting when the program runs again.

#include <facetbox.hpp>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>

using namespace facetbox;

static std::string read_file(const char *path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error(std::string("cannot read ") + path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

// Sends a request, prints the answer, and returns the number in it.
static int send_request(const Deployment &platform, const Request &request) {
    const std::string answer = platform.fetch(request).text();
    std::cout << answer;
    int visits = 0;
    std::sscanf(answer.c_str(), "You've made %d requests.", &visits);
    return visits;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        std::cerr << "usage: " << argv[0] << " <data directory> [<worker.js>]\n";
        return 2;
    }
    try {
        const char *worker = argc > 2 ? argv[2] : "examples/app-platform/worker.js";
        const auto runtime = Runtime::open(argv[1]);
        const auto platform =
            runtime.deploy("app-platform", WorkerCode("worker.js").module("worker.js", read_file(worker)));

        Request prompt("POST", "http://platform/apps/my-app/prompt");
        prompt.set_body("An app that counts my visits.");
        send_request(platform, prompt);
        send_request(platform, Request("http://platform/apps/my-app/"));
        const int visits = send_request(platform, Request("http://platform/apps/my-app/"));
        std::cout << "PROJECT host=C++ visits=" << visits << "\n";
    } catch (const std::exception &error) {
        std::cerr << error.what() << "\n";
        return EXIT_FAILURE;
    }
}
