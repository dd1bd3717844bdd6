package facetbox_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
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

// speak sends bytes as they are to a server, and gives what it answers until it closes the connection.
func speak(t *testing.T, url, said string) string {
	t.Helper()
	connection := must(net.Dial("tcp", strings.TrimPrefix(url, "http://")))(t)
	defer connection.Close()
	must(io.WriteString(connection, said))(t)
	return string(must(io.ReadAll(connection))(t))
}

func TestWhatAClientWritesCanNotChangeTheHost(t *testing.T) {
	var asked []string
	handler := &facetbox.Handler{Target: facetbox.FetchFunc(func(_ context.Context, request *facetbox.Request) (*facetbox.Response, error) {
		asked = append(asked, request.URL)
		return nil, nil
	})}
	url := serve(t, handler)
	get := func(url, target, host string) string {
		return speak(t, url, "GET "+target+" HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")
	}
	for _, refused := range [][2]string{
		{"x:.evil/", "site"}, {"x:@evil/", "site"}, {"/", "site@evil"}, {"/a", "site%2fb"}, {"/", "site:none"}, {"/", "a&b"},
	} {
		if answer := get(url, refused[0], refused[1]); !strings.HasPrefix(answer, "HTTP/1.1 400 ") {
			t.Errorf("%q: %q", refused, answer)
		}
	}
	get(url, "//evil/", "site")
	get(url, "http://other/a?b", "site")
	get(url, "/..%2f", "[::1]:80")
	stripping := httptest.NewServer(http.StripPrefix("/app/", handler))
	t.Cleanup(stripping.Close)
	get(stripping.URL, "/app/.evil/a", "site")
	get(stripping.URL, "/app/@evil/a", "site")
	wanted := []string{"http://site//evil/", "http://other/a?b", "http://[::1]:80/..%2f", "http://site/.evil/a", "http://site/@evil/a"}
	if !slices.Equal(asked, wanted) {
		t.Errorf("asked for %q", asked)
	}
}

func TestHeaderFieldsAreTextInLatin1AndAnswersGoOutAsTheyAre(t *testing.T) {
	var seen string
	status := 0
	url := serve(t, &facetbox.Handler{Target: facetbox.FetchFunc(func(_ context.Context, request *facetbox.Request) (*facetbox.Response, error) {
		seen = request.Header.Get("X-In")
		header := http.Header{"X-Latin": {"\u00e9"}, "X-Other": {"\u65e5"}, "X-Bytes": {"\xff"}}
		return &facetbox.Response{Status: status, Header: header, Body: []byte("<html>")}, nil
	})})
	answer := speak(t, url, "GET / HTTP/1.1\r\nHost: a\r\nX-In: \xff\xc3\xa9\r\nConnection: close\r\n\r\n")
	if seen != "\u00ff\u00c3\u00a9" {
		t.Errorf("seen %q", seen)
	}
	for _, field := range []string{"X-Latin: \xe9\r\n", "X-Other: \u65e5\r\n", "X-Bytes: \xff\r\n"} {
		if !strings.Contains(answer, field) {
			t.Errorf("%q is not in %q", field, answer)
		}
	}
	if strings.Contains(answer, "Content-Type") {
		t.Errorf("the type was guessed: %q", answer)
	}
	for _, status = range []int{-1, 99, 101, 600, 1000} {
		if status, _, _ := ask(t, "GET", url, ""); status != http.StatusInternalServerError {
			t.Errorf("got %d", status)
		}
	}
	for _, status = range []int{204, 304} {
		if got, _, body := ask(t, "GET", url, ""); got != status || body != "" {
			t.Errorf("got %d %q", got, body)
		}
	}
}
