package facetbox

import (
	"errors"
	"io"
	"log"
	"net/http"
	"slices"
)

// maxBodyBytes is the default of [Handler.MaxBodyBytes].
const maxBodyBytes = 32 << 20

// ofConnection are the fields that belong to the connection and not to the response, whose sender doesn't know
// the connection.
var ofConnection = []string{
	"Connection", "Content-Length", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// Handler is an [http.Handler] that passes requests on to an object, a facet, an entrypoint, a deployment or a
// function, and answers what that answers. The context of a request ends the call, so that a client which goes away
// cancels it.
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
	header := r.Header.Clone()
	header.Set("Host", r.Host)
	return &Request{Method: r.Method, URL: urlOf(r), Header: header, Body: body}, 0
}

// urlOf puts the URL of a request together as text: a path that begins with "//" must not be taken for a host.
func urlOf(r *http.Request) string {
	scheme, host, path := "http://", r.Host, r.URL.RequestURI()
	if r.TLS != nil {
		scheme = "https://"
	}
	if host == "" {
		host = "localhost"
	}
	if path == "*" {
		path = "/"
	}
	return scheme + host + path
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
	for name, values := range response.Header {
		if !slices.Contains(ofConnection, http.CanonicalHeaderKey(name)) {
			w.Header()[http.CanonicalHeaderKey(name)] = values
		}
	}
	status := response.Status
	if status == 0 {
		status = http.StatusOK
	}
	w.WriteHeader(status)
	// A client that has gone away needs no answer.
	_, _ = w.Write(response.Body)
}
