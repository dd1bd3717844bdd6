package facetbox

// #include "bridge.h"
import "C"

import (
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
)

// Request is a request to an object, a facet or an entrypoint. It never touches the network.
type Request struct {
	// Method is the HTTP method; empty means GET.
	Method string
	// URL is the absolute URL. It reaches the receiver parsed, normalised and without a fragment.
	URL string
	// Header holds the header fields; nil means none.
	Header http.Header
	// Body is the whole body; nil means none, which differs from an empty one.
	Body []byte
}

// Response is the answer to a [Request].
type Response struct {
	// Status is the status code, from 200 to 599; 0 means 200.
	Status int
	// Header holds the header fields; nil means none.
	Header http.Header
	// Body is the whole body; nil means none, which differs from an empty one.
	Body []byte
}

// TextResponse makes a response with status 200 and a text as its body.
func TextResponse(text string) *Response {
	header := http.Header{"Content-Type": {"text/plain;charset=UTF-8"}}
	return &Response{Status: http.StatusOK, Header: header, Body: []byte(text)}
}

// Text is the body as text.
func (r *Response) Text() string {
	return string(r.Body)
}

// encode makes a request of the library, which the caller frees.
func (r *Request) encode() (*C.facetbox_request_t, error) {
	if r == nil {
		return nil, invalid("The request must not be nil.")
	}
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	var out *C.facetbox_request_t
	if err := check(C.facetbox_request_new(lend(method), lend(r.URL), &out)); err != nil {
		return nil, err
	}
	err := encodeHeader(C.facetbox_request_headers_mut(out), r.Header)
	if err == nil && r.Body != nil {
		err = check(C.facetbox_request_set_body(out, lendBytes(r.Body)))
	}
	if err != nil {
		C.facetbox_request_free(out)
		return nil, err
	}
	return out, nil
}

// decodeRequest converts a request of the library, which stays the caller's.
func decodeRequest(request *C.facetbox_request_t) *Request {
	return &Request{
		Method: text(C.facetbox_request_method(request)),
		URL:    text(C.facetbox_request_url(request)),
		Header: decodeHeader(C.facetbox_request_headers(request)),
		Body:   bytes(C.facetbox_request_body(request)),
	}
}

// encode makes a response of the library, which the caller frees.
func (r *Response) encode() (*C.facetbox_response_t, error) {
	status := r.Status
	if status == 0 {
		status = http.StatusOK
	}
	if status < 0 || status > math.MaxUint16 {
		return nil, invalid("The status of a response must be from 200 to 599.")
	}
	var out *C.facetbox_response_t
	if err := check(C.facetbox_response_new(C.uint16_t(status), &out)); err != nil {
		return nil, err
	}
	err := encodeHeader(C.facetbox_response_headers_mut(out), r.Header)
	if err == nil && r.Body != nil {
		err = check(C.facetbox_response_set_body(out, lendBytes(r.Body)))
	}
	if err != nil {
		C.facetbox_response_free(out)
		return nil, err
	}
	return out, nil
}

// message makes a value of a request, a response or header fields.
func (e *encoder) message(value any) (*C.facetbox_value_t, error) {
	encoded, err := encodeMessage(value)
	if err != nil {
		return nil, e.refuse("can't be converted: %v", strings.TrimSuffix(err.Error(), "."))
	}
	return encoded, nil
}

func encodeMessage(value any) (*C.facetbox_value_t, error) {
	var out *C.facetbox_value_t
	switch v := value.(type) {
	case *Request:
		request, err := v.encode()
		if err != nil {
			return nil, err
		}
		defer C.facetbox_request_free(request)
		err = check(C.facetbox_value_new_request(request, &out))
		return out, err
	case *Response:
		response, err := v.encode()
		if err != nil {
			return nil, err
		}
		defer C.facetbox_response_free(response)
		err = check(C.facetbox_value_new_response(response, &out))
		return out, err
	}
	out = C.facetbox_value_new_headers()
	if err := encodeHeader(C.facetbox_value_headers_mut(out), value.(http.Header)); err != nil {
		C.facetbox_value_free(out)
		return nil, err
	}
	return out, nil
}

// takeRequest converts a request of the library and frees it.
func takeRequest(request *C.facetbox_request_t) *Request {
	defer C.facetbox_request_free(request)
	return decodeRequest(request)
}

// takeResponse converts a response of the library and frees it.
func takeResponse(response *C.facetbox_response_t) *Response {
	defer C.facetbox_response_free(response)
	return &Response{
		Status: int(C.facetbox_response_status(response)),
		Header: decodeHeader(C.facetbox_response_headers(response)),
		Body:   bytes(C.facetbox_response_body(response)),
	}
}

// encodeHeader adds the fields in the order of their names, because a Go map has none of its own.
func encodeHeader(headers *C.facetbox_headers_t, header http.Header) error {
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, value := range header[name] {
			if err := check(C.facetbox_headers_append(headers, lend(name), lend(value))); err != nil {
				return err
			}
		}
	}
	return nil
}

func decodeHeader(headers *C.facetbox_headers_t) http.Header {
	header := http.Header{}
	for i := range C.facetbox_headers_len(headers) {
		header.Add(text(C.facetbox_headers_name_at(headers, i)), text(C.facetbox_headers_value_at(headers, i)))
	}
	return header
}
