package facetbox

// #include "bridge.h"
import "C"

import (
	"errors"
	"io"
	"log"
	"net/http"
	"slices"
	"strings"
)

// maxBodyBytes is the default of [Handler.MaxBodyBytes].
const maxBodyBytes = 32 << 20

// ofConnection are the fields that belong to the connection and not to the response, whose sender doesn't know
// the connection.
var ofConnection = []string{
	"Connection", "Content-Length", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// inHosts are the characters that hosts have besides letters and digits. Others could end one early, in a URL.
const inHosts = "-._:[]"

// Handler is an [http.Handler] that passes requests on to an object, a facet, an entrypoint, a deployment or a
// function, and answers what that answers. The context of a request ends the call, so that a client which goes away
// cancels it. Header fields are text on one side and bytes on the other: each byte is a character of Latin-1, as the
// Fetch standard has it, and a response's value with others is sent in UTF-8.
type Handler struct {
	// Target answers: a [Stub], a [Deployment], a [FetchFunc] that chooses a stub by the request.
	Target Fetcher
	// MaxBodyBytes is how large a body may be; larger ones are answered with 413. 0 means 32 MiB.
	MaxBodyBytes int64
	// OnError answers when Target fails. By default the failure is logged and the status is 500; what failed is
	// not told to the client.
	OnError func(w http.ResponseWriter, r *http.Request, err error)
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request, status := h.request(w, r)
	if status != 0 {
		http.Error(w, http.StatusText(status), status)
		return
	}
	response, err := h.Target.Fetch(r.Context(), request)
	switch {
	case r.Context().Err() != nil:
		// Nobody is there to be answered.
	case err != nil:
		h.fail(w, r, err)
	case response != nil && response.Status != 0 && (response.Status < 200 || response.Status > 599):
		h.fail(w, r, invalid("The status of a response must be from 200 to 599."))
	default:
		respond(w, response)
	}
}

// request reads a request whole, or says with which status it is refused.
func (h *Handler) request(w http.ResponseWriter, r *http.Request) (*Request, int) {
	limit := h.MaxBodyBytes
	if limit == 0 {
		limit = maxBodyBytes
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, http.StatusRequestEntityTooLarge
	}
	if err != nil {
		return nil, http.StatusBadRequest
	}
	if len(body) == 0 {
		body = nil
	}
	header := http.Header{"Host": {r.Host}}
	for name, values := range r.Header {
		for _, value := range values {
			header[name] = append(header[name], fromLatin1(value))
		}
	}
	request := &Request{Method: r.Method, URL: urlOf(r), Header: header}
	if !request.isValid() {
		return nil, http.StatusBadRequest
	}
	request.Body = body
	return request, 0
}

// isValid tells whether the library takes the request: what it refuses is the client's fault, not Target's.
func (r *Request) isValid() bool {
	encoded, err := r.encode()
	if err != nil {
		return false
	}
	C.facetbox_request_free(encoded)
	return true
}

// urlOf puts the URL of a request together as text: a path that begins with "//" must not be taken for a host. It is empty,
// which is no URL, where what the client asks for, or the host that it names, would get into the other's place.
func urlOf(r *http.Request) string {
	scheme, host, path := "http://", r.Host, r.URL.RequestURI()
	if r.URL.Opaque != "" && path != "*" || strings.ContainsFunc(host, isOutsideHosts) {
		return ""
	}
	if r.TLS != nil {
		scheme = "https://"
	}
	if host == "" {
		host = "localhost"
	}
	if path == "*" {
		path = "/"
	}
	// [http.StripPrefix] may have left none.
	return scheme + host + "/" + strings.TrimPrefix(path, "/")
}

func isOutsideHosts(c rune) bool {
	isPlain := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	return !isPlain && !strings.ContainsRune(inHosts, c)
}

// fromLatin1 gives the text whose characters are these bytes.
func fromLatin1(bytes string) string {
	var text strings.Builder
	for i := range len(bytes) {
		text.WriteRune(rune(bytes[i]))
	}
	return text.String()
}

// toLatin1 gives the bytes that are the characters of a text, or those of the text in UTF-8 where a character is none.
func toLatin1(text string) string {
	bytes := make([]byte, 0, len(text))
	for _, c := range text {
		if c > 0xff {
			return text
		}
		bytes = append(bytes, byte(c))
	}
	return string(bytes)
}

func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	if h.OnError != nil {
		h.OnError(w, r, err)
		return
	}
	log.Printf("facetbox: %s %s failed: %v", r.Method, r.URL.Path, err)
	http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
}

func respond(w http.ResponseWriter, response *Response) {
	if response == nil {
		response = &Response{}
	}
	// Without a type, the server would guess one.
	w.Header()["Content-Type"] = nil
	for name, values := range response.Header {
		name = http.CanonicalHeaderKey(name)
		if slices.Contains(ofConnection, name) {
			continue
		}
		sent := make([]string, len(values))
		for i, value := range values {
			sent[i] = toLatin1(value)
		}
		w.Header()[name] = sent
	}
	status := response.Status
	if status == 0 {
		status = http.StatusOK
	}
	w.WriteHeader(status)
	// A client that has gone away needs no answer.
	_, _ = w.Write(response.Body)
}
