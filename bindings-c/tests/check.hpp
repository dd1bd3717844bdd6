// What the C++ tests share.
#ifndef CHECK_HPP
#define CHECK_HPP

#include <facetbox.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>

#define CHECK(condition) \
    ((condition)         \
         ? (void)0       \
         : (std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition), std::exit(1)))

// Options of a runtime that keeps nothing, with time enough for what runs under valgrind.
inline facetbox::Options in_memory() {
    facetbox::Options options;
    options.limits = facetbox::Value::map({{"cpuMs", 20000}});
    return options;
}

// The call must throw an Error with this code and this in its message.
template <class Call>
void throws(int32_t code, std::string_view part, Call &&call) {
    try {
        call();
    } catch (const facetbox::Error &error) {
        if (error.code() == code && error.message().find(part) != std::string_view::npos) return;
        std::fprintf(stderr, "expected error %d with \"%s\", got %d: %s\n", code, std::string(part).c_str(),
                     error.code(), error.what());
        std::exit(1);
    }
    std::fprintf(stderr, "no error instead of %d: %s\n", code, std::string(part).c_str());
    std::exit(1);
}

#endif
