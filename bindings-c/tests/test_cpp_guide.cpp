// The C++ face of the guides for authors of guests.
#include "check.hpp"

#include <string>

using namespace facetbox;

static bool has(const std::string &text, const std::string &part) {
    return text.find(part) != std::string::npos;
}

int main() {
    const auto log = Value::function("log", [](ValueView) { return nullptr; });
    CHECK(!has(guest_guide("luau"), "holds here"));
    CHECK(has(guest_guide("luau", Value::map({{"LOG", log}})), "`self.env.LOG(...)`"));
    CHECK(has(guest_guide("js", Value::map({{"LIMIT", 3}})), "`this.env.LIMIT`"));
    CHECK(has(guest_types("luau"), "DurableObject") && has(guest_types("js"), "DurableObject"));
    throws(FACETBOX_ERR_INVALID_ARGUMENT, "py", [] { guest_guide("py"); });
    throws(FACETBOX_ERR_INVALID_ARGUMENT, "py", [] { guest_types("py"); });
    throws(FACETBOX_ERR_INVALID_ARGUMENT, "'env'", [] { guest_guide("js", Value(1)); });
    return 0;
}
