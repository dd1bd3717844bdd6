package facetbox_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"facetbox"
)

// serve gives the address of a server whose requests a handler answers.
func serve(t *testing.T, handler *facetbox.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// ask sends a request and gives the status, the header fields and the body.
func ask(t *testing.T, method, url, body string) (int, http.Header, string) {
	t.Helper()
	request := must(http.NewRequestWithContext(background, method, url, strings.NewReader(body)))(t)
	response := must(http.DefaultClient.Do(request))(t)
	defer response.Body.Close()
	return response.StatusCode, response.Header, string(must(io.ReadAll(response.Body))(t))
}

func TestAnObjectIsServed(t *testing.T) {
	url := serve(t, &facetbox.Handler{Target: bindEcho(t, open(t)), MaxBodyBytes: 10})
	status, _, body := ask(t, "POST", url+"//other/a%20b?q=1", "hello")
	if status != http.StatusOK || body != "POST "+url+"//other/a%20b?q=1hello" {
		t.Errorf("got %d %q", status, body)
	}
	if status, _, _ := ask(t, "POST", url, "longer than that"); status != http.StatusRequestEntityTooLarge {
		t.Errorf("too long a body: %d", status)
	}
}

func TestAnswersSayNothingOfTheConnectionAndFailuresNothingToTheClient(t *testing.T) {
	var failed error
	handler := &facetbox.Handler{Target: facetbox.FetchFunc(func(_ context.Context, request *facetbox.Request) (*facetbox.Response, error) {
		if strings.HasSuffix(request.URL, "/fail") {
			return nil, errors.New("a secret")
		}
		header := http.Header{"Content-Length": {"1"}, "transfer-encoding": {"chunked"}, "X-Own": {"1", "2"}}
		return &facetbox.Response{Status: http.StatusCreated, Header: header, Body: []byte("whole")}, nil
	})}
	url := serve(t, handler)
	status, header, body := ask(t, "GET", url, "")
	if status != http.StatusCreated || body != "whole" || header.Get("Content-Length") != "5" || len(header["X-Own"]) != 2 {
		t.Errorf("got %d %v %q", status, header, body)
	}
	if status, _, body := ask(t, "GET", url+"/fail", ""); status != http.StatusInternalServerError || strings.Contains(body, "secret") {
		t.Errorf("a failure: %d %q", status, body)
	}
	handler.OnError = func(w http.ResponseWriter, _ *http.Request, err error) {
		failed = err
		w.WriteHeader(http.StatusTeapot)
	}
	if status, _, _ := ask(t, "GET", url+"/fail", ""); status != http.StatusTeapot || failed.Error() != "a secret" {
		t.Errorf("a failure that is handled: %d %v", status, failed)
	}
}

func TestAClientThatGoesAwayEndsTheCall(t *testing.T) {
	entered, ended := make(chan struct{}), make(chan error, 1)
	url := serve(t, &facetbox.Handler{Target: facetbox.FetchFunc(func(ctx context.Context, _ *facetbox.Request) (*facetbox.Response, error) {
		close(entered)
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	})})
	ctx, cancel := context.WithCancel(background)
	go func() {
		<-entered
		cancel()
	}()
	request := must(http.NewRequestWithContext(ctx, "GET", url, nil))(t)
	if response, err := http.DefaultClient.Do(request); err == nil {
		response.Body.Close()
		t.Error("an answer came")
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
