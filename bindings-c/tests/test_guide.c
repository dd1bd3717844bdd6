/* The guides for authors of guests. */
#include "check.h"

static void has(facetbox_value_t *text, const char *part) {
    CHECK(contains(facetbox_value_as_string(text), part));
    facetbox_value_free(text);
}

int main(void) {
    facetbox_value_t *text, *env = json("{\"LIMIT\": 3}"), *list = json("[]");
    OK(facetbox_guest_guide(S("luau"), NULL, &text));
    CHECK(!contains(facetbox_value_as_string(text), "holds here"));
    has(text, "DurableObject");
    OK(facetbox_guest_guide(S("luau"), env, &text));
    has(text, "`self.env.LIMIT`");
    OK(facetbox_guest_guide(S("js"), env, &text));
    has(text, "`this.env.LIMIT`");
    OK(facetbox_guest_types(S("luau"), &text));
    has(text, "DurableObject");
    OK(facetbox_guest_types(S("js"), &text));
    has(text, "DurableObject");
    text = NULL;
    FAILS(facetbox_guest_guide(S("py"), NULL, &text), INVALID_ARGUMENT, "not for \"py\"");
    FAILS(facetbox_guest_guide(S("js"), list, &text), INVALID_ARGUMENT, "'env' must be a map");
    FAILS(facetbox_guest_types(S("py"), &text), INVALID_ARGUMENT, "not for \"py\"");
    FAILS(facetbox_guest_types(S("js"), NULL), INVALID_ARGUMENT, "'out' must not be NULL");
    CHECK(text == NULL);
    facetbox_value_free(list);
    facetbox_value_free(env);
    return 0;
}
