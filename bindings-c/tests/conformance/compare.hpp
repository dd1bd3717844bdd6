// Whether an outcome is what a step expects; the rules are those of tests/src/compare.rs.
#ifndef CONFORMANCE_COMPARE_HPP
#define CONFORMANCE_COMPARE_HPP

#include <facetbox.hpp>

#include <cmath>

namespace conformance {

// Numbers compare by value, maps regardless of order, null equals undefined. An expected value that spells
// undefined or minus zero is met by nothing else.
inline bool value_matches(facetbox::ValueView expected, facetbox::ValueView got) {
    const auto minus_zero = [](facetbox::ValueView value) {
        return value.type() == FACETBOX_TYPE_FLOAT && *value.as_float() == 0 && std::signbit(*value.as_float());
    };
    const facetbox_value_type_t type = expected.type();
    if (type == FACETBOX_TYPE_UNDEFINED) return got.type() == FACETBOX_TYPE_UNDEFINED;
    if (minus_zero(expected)) return minus_zero(got);
    if (type == FACETBOX_TYPE_LIST || type == FACETBOX_TYPE_SET) {
        if (got.type() != type || got.size() != expected.size()) return false;
        for (std::size_t i = 0; i < expected.size(); i++)
            if (!value_matches(expected[i], got[i])) return false;
        return true;
    }
    if (type == FACETBOX_TYPE_MAP) {
        if (got.type() != type || got.size() != expected.size()) return false;
        for (std::size_t i = 0; i < expected.size(); i++) {
            const facetbox::ValueView member = got[expected.key_at(i)];
            if (member.handle() == nullptr || !value_matches(expected[i], member)) return false;
        }
        return true;
    }
    return expected == got;
}

// What is given must be so. A bug of the product is never expected.
inline bool error_matches(facetbox::ValueView expected, const facetbox::Error &got) {
    const auto is = [&](const char *key, std::string_view text) {
        return expected[key].is_null() || expected[key].to_string() == text;
    };
    const facetbox_str_t name = facetbox_error_code_name(got.code());
    const std::string_view code(name.data, name.len);
    if (got.code() == FACETBOX_ERR_PANIC || !is("code", code)) return false;
    if (!is("name", got.name()) || !is("message", got.message())) return false;
    const facetbox::ValueView part = expected["message_contains"], codes = expected["code_any"];
    if (!part.is_null() && got.message().find(part.to_string()) == std::string_view::npos) return false;
    bool among = codes.is_null();
    for (std::size_t i = 0; i < codes.size(); i++) among = among || codes[i].to_string() == code;
    return among;
}

inline bool response_matches(facetbox::ValueView expected, const facetbox::Response &got) {
    if (!expected["status"].is_null() && expected["status"].to_int() != got.status()) return false;
    if (!expected["body"].is_null() && expected["body"].to_string() != got.text()) return false;
    const facetbox::ValueView headers = expected["headers"];
    for (std::size_t i = 0; i < headers.size(); i++)
        if (got.header(headers.key_at(i)) != headers[i].to_string()) return false;
    return true;
}

}  // namespace conformance

#endif
