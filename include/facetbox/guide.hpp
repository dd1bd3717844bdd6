// What authors of guests read. Part of facetbox.hpp.

#ifndef FACETBOX_GUIDE_HPP
#define FACETBOX_GUIDE_HPP

#include <facetbox/value.hpp>

#include <string>

namespace facetbox {

// A guide for authors of guests in "luau" or "js", in Markdown, which doubles as a prompt for a model that
// writes guests. With `env`, the map that the guests will get, a section tells how each entry is used.
inline std::string guest_guide(std::string_view language, ValueView env = nullptr) {
    return Value(detail::take<facetbox_value_t>([&](auto out) {
               return facetbox_guest_guide(detail::str(language), env.handle(), out);
           }))
        .to_string();
}

// The types of what guests in "luau" or "js" find: the text of a .d.luau or .d.ts file.
inline std::string guest_types(std::string_view language) {
    return Value(detail::take<facetbox_value_t>(
                     [&](auto out) { return facetbox_guest_types(detail::str(language), out); }))
        .to_string();
}

}  // namespace facetbox

#endif
