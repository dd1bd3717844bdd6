// Requests and responses. Part of facetbox.hpp.

#ifndef FACETBOX_HTTP_HPP
#define FACETBOX_HTTP_HPP

#include <facetbox/value.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace facetbox {

// What requests and responses have in common: headers and a body.
template <class Self>
class Message {
public:
    // The values of a header, joined by ", ".
    std::optional<std::string> header(std::string_view name) const {
        facetbox_value_t *value = nullptr;
        detail::check(facetbox_headers_get(self().headers(), detail::str(name), &value));
        if (value == nullptr) return std::nullopt;
        return Value(value).to_string();
    }

    std::vector<std::pair<std::string, std::string>> headers_list() const {
        return detail::headers_list(self().headers());
    }

    Self &set_header(std::string_view name, std::string_view value) {
        detail::check(facetbox_headers_set(self().headers_mut(), detail::str(name), detail::str(value)));
        return self();
    }
    Self &append_header(std::string_view name, std::string_view value) {
        detail::check(facetbox_headers_append(self().headers_mut(), detail::str(name), detail::str(value)));
        return self();
    }

    // The body's bytes; nothing where there is no body.
    std::optional<std::string_view> body() const {
        const facetbox_bytes_t bytes = self().raw_body();
        if (bytes.data == nullptr) return std::nullopt;
        return std::string_view(reinterpret_cast<const char *>(bytes.data), bytes.len);
    }
    std::string text() const { return std::string(body().value_or("")); }

private:
    Self &self() { return *static_cast<Self *>(this); }
    const Self &self() const { return *static_cast<const Self *>(this); }
};

// A request: method, absolute URL, headers and a whole body.
class Request : public Message<Request> {
public:
    Request(std::string_view url) : Request("GET", url) {}
    Request(const char *url) : Request("GET", url) {}
    Request(std::string_view method, std::string_view url)
        : Request(detail::take<facetbox_request_t>(
              [&](auto out) { return facetbox_request_new(detail::str(method), detail::str(url), out); })) {}
    Request(const Request &other) : Request(facetbox_request_clone(other.handle())) {}
    Request(Request &&other) noexcept = default;
    Request &operator=(Request other) noexcept {
        handle_.swap(other.handle_);
        return *this;
    }

    // Takes over a request of the C library.
    explicit Request(facetbox_request_t *handle) : handle_(handle) {}

    std::string_view method() const { return detail::view(facetbox_request_method(handle())); }
    std::string_view url() const { return detail::view(facetbox_request_url(handle())); }
    Request &set_body(std::string_view body) {
        detail::check(facetbox_request_set_body(handle_.get(), detail::bytes(body)));
        return *this;
    }

    const facetbox_request_t *handle() const { return handle_.get(); }
    const facetbox_headers_t *headers() const { return facetbox_request_headers(handle()); }
    facetbox_headers_t *headers_mut() { return facetbox_request_headers_mut(handle_.get()); }
    facetbox_bytes_t raw_body() const { return facetbox_request_body(handle()); }

private:
    detail::Handle<facetbox_request_t, facetbox_request_free> handle_;
};

// A response: status, headers and a whole body.
class Response : public Message<Response> {
public:
    // Status 200 and a text body.
    Response(std::string_view body)
        : Response(detail::take<facetbox_response_t>(
              [&](auto out) { return facetbox_response_new_text(detail::str(body), out); })) {}
    Response(const std::string &body) : Response(std::string_view(body)) {}
    Response(const char *body) : Response(std::string_view(body)) {}
    // A status, without a body.
    explicit Response(std::uint16_t status)
        : Response(detail::take<facetbox_response_t>(
              [&](auto out) { return facetbox_response_new(status, out); })) {}
    Response(const Response &other) : Response(facetbox_response_clone(other.handle())) {}
    Response(Response &&other) noexcept = default;
    Response &operator=(Response other) noexcept {
        handle_.swap(other.handle_);
        return *this;
    }

    // Takes over a response of the C library.
    explicit Response(facetbox_response_t *handle) : handle_(handle) {}

    std::uint16_t status() const { return facetbox_response_status(handle()); }
    bool ok() const { return status() >= 200 && status() < 300; }
    Response &set_body(std::string_view body) {
        detail::check(facetbox_response_set_body(handle_.get(), detail::bytes(body)));
        return *this;
    }

    const facetbox_response_t *handle() const { return handle_.get(); }
    const facetbox_headers_t *headers() const { return facetbox_response_headers(handle()); }
    facetbox_headers_t *headers_mut() { return facetbox_response_headers_mut(handle_.get()); }
    facetbox_bytes_t raw_body() const { return facetbox_response_body(handle()); }
    facetbox_response_t *release() { return handle_.release(); }

private:
    detail::Handle<facetbox_response_t, facetbox_response_free> handle_;
};

// Requests and responses in arguments and results --------------------------------------------------

inline Value::Value(const Request &request)
    : Value(detail::take<facetbox_value_t>(
          [&](auto out) { return facetbox_value_new_request(request.handle(), out); })) {}

inline Value::Value(const Response &response)
    : Value(detail::take<facetbox_value_t>(
          [&](auto out) { return facetbox_value_new_response(response.handle(), out); })) {}

template <class Self>
std::optional<Request> ValueReader<Self>::as_request() const {
    facetbox_request_t *request = nullptr;
    if (!facetbox_value_as_request(raw(), &request)) return std::nullopt;
    return Request(request);
}

template <class Self>
std::optional<Response> ValueReader<Self>::as_response() const {
    facetbox_response_t *response = nullptr;
    if (!facetbox_value_as_response(raw(), &response)) return std::nullopt;
    return Response(response);
}

}  // namespace facetbox

#endif
