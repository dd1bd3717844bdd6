// Command conformance runs one conformance case with a supervisor in Go. The driver,
// tests/src/bin/conformance.rs, starts it:
//
//	conformance --guest luau|js --only NAME FILE
//
// It ends with 0 and without output, or with 1 and what failed.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"facetbox"
)

const (
	// timeout is how long a case may take.
	timeout = 30 * time.Second
	// slowness: times of vectors are those of a machine without other load.
	slowness = 4
)

// at is the step that the case is at.
var at atomic.Value

func main() {
	guest := flag.String("guest", "luau", "the guest language")
	name := flag.String("only", "", "the name of the case")
	flag.Parse()
	at.Store("opening the runtime")
	time.AfterFunc(timeout, func() { fail(fmt.Sprintf("%v\n  did not end within %v", at.Load(), timeout)) })
	given, err := readCase(flag.Arg(0), *name)
	if err != nil {
		fail(err.Error())
	}
	if err := run(given, *guest); err != nil {
		fail(err.Error())
	}
}

func fail(failure string) {
	fmt.Println(failure)
	os.Exit(1)
}

// given is a case; the README of the vectors describes the format.
type given struct {
	Name       string
	Luau, JS   string
	Modules    map[string]any
	Supervisor bool
	Namespace  string
	Env, Props any
	Limits     map[string]any
	Steps      []step
}

type step struct {
	Object, Facet  string
	Call           *string
	Args           []any
	Fetch          *request
	Restart, Abort *string
	Delete         *bool
	Wait           int64 `json:"wait_ms"`
	Max            int64 `json:"max_ms"`
	// What is expected; a null that is there differs from nothing.
	Returns    *json.RawMessage
	ReturnsAny []any `json:"returns_any"`
	Response   *response
	Throws     *thrown
	OrThrows   *thrown `json:"or_throws"`
}

type request struct {
	Method, URL string
	Headers     map[string]string
	Body        *string
}

type response struct {
	Status  *int
	Headers map[string]string
	Body    *string
}

type thrown struct {
	Name, Message, Code *string
	Part                string   `json:"message_contains"`
	Codes               []string `json:"code_any"`
	Any                 bool
}

// UnmarshalJSON keeps `"returns": null`, which encoding/json takes for absent.
func (s *step) UnmarshalJSON(data []byte) error {
	type plain step
	if err := decode(data, (*plain)(s)); err != nil {
		return err
	}
	var members map[string]json.RawMessage
	err := json.Unmarshal(data, &members)
	if returns, ok := members["returns"]; ok {
		s.Returns = &returns
	}
	return err
}

func decode(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	return decoder.Decode(into)
}

func readCase(path, name string) (*given, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var cases []given
	if err := decode(text, &cases); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for i := range cases {
		if cases[i].Name == name {
			return &cases[i], nil
		}
	}
	return nil, fmt.Errorf("no case %q in %s", name, path)
}

// outcome is what came of a step.
type outcome struct {
	value    any
	response *facetbox.Response
	err      error
}

func run(given *given, guest string) error {
	directory, err := os.MkdirTemp("", "facetbox-case-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(directory)
	world, err := open(given, guest, directory)
	if err != nil {
		return fmt.Errorf("the case can't start: %w", err)
	}
	defer func() { world.runtime.Close() }()
	for i, step := range given.Steps {
		title := fmt.Sprintf("step %d of %d: %s", i+1, len(given.Steps), describe(step))
		at.Store(title)
		begin := time.Now()
		outcome := world.perform(step)
		took := time.Since(begin)
		if !meets(step, outcome) {
			return fmt.Errorf("%s\n  got: %.800s", title, fmt.Sprintf("%#v %#v %v", outcome.value, outcome.response, outcome.err))
		}
		if limit := time.Duration(step.Max) * time.Millisecond * slowness; limit > 0 && took > limit {
			return fmt.Errorf("%s\n  took %v, more than %v", title, took, limit)
		}
	}
	return nil
}

func describe(step step) string {
	text, err := json.Marshal(step)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%.800s", text)
}

func (w *world) perform(step step) outcome {
	object, facet := step.Object, step.Facet
	if object == "" {
		object = w.given.Name
	}
	if facet == "" {
		facet = "app"
	}
	switch {
	case step.Call != nil:
		value, err := w.call(object, facet, *step.Call, values(step.Args))
		return outcome{value: value, err: err}
	case step.Fetch != nil:
		response, err := w.fetch(object, facet, step.Fetch.make())
		return outcome{response: response, err: err}
	case step.Restart != nil:
		return outcome{err: w.restart()}
	case step.Abort != nil:
		return outcome{err: w.forward(object, "abort", facet, *step.Abort)}
	case step.Delete != nil:
		return outcome{err: w.forward(object, "delete", facet)}
	}
	time.Sleep(time.Duration(step.Wait) * time.Millisecond)
	return outcome{}
}

func (r *request) make() *facetbox.Request {
	request := &facetbox.Request{Method: r.Method, URL: r.URL, Header: http.Header{}}
	for name, value := range r.Headers {
		request.Header.Add(name, value)
	}
	if r.Body != nil {
		request.Body = []byte(*r.Body)
	}
	return request
}

var background = context.Background()
