package facetbox_test

import (
	"context"
	"net/http"
	"reflect"
	"testing"

	"facetbox"
)

// echo answers requests with what they are.
type echo struct{ facetbox.Base }

func (echo) Fetch(_ context.Context, request *facetbox.Request) (*facetbox.Response, error) {
	switch request.URL {
	case "http://app/nothing":
		return nil, nil
	case "http://app/status":
		return &facetbox.Response{Status: 70_000}, nil
	case "http://app/empty":
		return &facetbox.Response{Status: http.StatusNoContent}, nil
	}
	response := facetbox.TextResponse(request.Method + " " + request.URL + string(request.Body))
	response.Header["X-Seen"] = request.Header["X-List"]
	return response, nil
}

func bindEcho(t *testing.T, runtime *facetbox.Runtime) *facetbox.Stub {
	t.Helper()
	class := facetbox.HostClass(func(*facetbox.Ctx, facetbox.Env) (echo, error) { return echo{}, nil })
	return must(must(runtime.Namespace("echo", class))(t).GetByName("a"))(t)
}

func TestRequestsAndResponsesArriveWhole(t *testing.T) {
	app := bindEcho(t, open(t))
	response := must(app.Fetch(background, &facetbox.Request{
		Method: "POST",
		URL:    "http://App:80/a b#c",
		Header: http.Header{"X-List": {"one", "two"}, "Other": {"x"}},
		Body:   []byte(" and a body"),
	}))(t)
	if response.Status != 200 || response.Text() != "POST http://app/a%20b and a body" {
		t.Errorf("got %d %q", response.Status, response.Text())
	}
	if seen := response.Header["X-Seen"]; !reflect.DeepEqual(seen, []string{"one", "two"}) {
		t.Errorf("the header fields are %v", response.Header)
	}
	if kind := response.Header.Get("content-type"); kind != "text/plain;charset=UTF-8" {
		t.Errorf("the content type is %q", kind)
	}
	empty := must(app.Fetch(background, &facetbox.Request{URL: "http://app/empty"}))(t)
	if empty.Status != 204 || empty.Body != nil {
		t.Errorf("got %d with the body %v", empty.Status, empty.Body)
	}
}

func TestWrongRequestsAndResponses(t *testing.T) {
	runtime := open(t)
	app := bindEcho(t, runtime)
	for message, request := range map[string]*facetbox.Request{
		"must not be nil":           nil,
		"/relative":                 {URL: "/relative"},
		"bad method":                {URL: "http://app/", Method: "bad method"},
		"bad name":                  {URL: "http://app/", Header: http.Header{"bad name": {"x"}}},
		"neither a response nor an": {URL: "http://app/nothing"},
		"must be from 200 to 599":   {URL: "http://app/status"},
	} {
		_, err := app.Fetch(background, request)
		fails(t, err, facetbox.ErrInvalidArgument, message)
	}
	_, err := bind(t, runtime, "no fetch", nil).Fetch(background, &facetbox.Request{URL: "http://app/"})
	fails(t, err, facetbox.ErrNotFound, "Handler does not export a fetch() function.")
	_, err = app.Call(background, "fly")
	fails(t, err, facetbox.ErrNotFound, `"fly"`)
}
