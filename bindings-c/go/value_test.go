package facetbox_test

import (
	"context"
	"errors"
	"math"
	"math/big"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"facetbox"
)

type (
	name  string
	names []name
	level int8
)

// cases are values as they go in and come out of a host class.
func valueCases() map[string][2]any {
	huge, _ := new(big.Int).SetString("-123456789012345678901234567890", 10)
	date := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.FixedZone("east", 3600))
	request := &facetbox.Request{Method: "PUT", URL: "http://a/", Header: http.Header{"A": {"1"}}, Body: []byte("x")}
	return map[string][2]any{
		"nil":        {nil, nil},
		"bool":       {true, true},
		"int":        {-7, int64(-7)},
		"int64":      {int64(math.MinInt64), int64(math.MinInt64)},
		"uint8":      {uint8(200), int64(200)},
		"uint64":     {uint64(math.MaxInt64), int64(math.MaxInt64)},
		"float64":    {0.5, 0.5},
		"float32":    {float32(0.25), 0.25},
		"infinity":   {math.Inf(-1), math.Inf(-1)},
		"string":     {"naïve 🦆\x00", "naïve 🦆\x00"},
		"empty":      {"", ""},
		"bytes":      {[]byte{0, 255}, []byte{0, 255}},
		"no bytes":   {[]byte{}, []byte{}},
		"list":       {[]any{1, "a", nil, []any{}}, []any{int64(1), "a", nil, []any{}}},
		"map":        {map[string]any{"b": 1, "": map[string]any{}}, map[string]any{"b": int64(1), "": map[string]any{}}},
		"set":        {facetbox.Set{1, "a"}, facetbox.Set{int64(1), "a"}},
		"dict":       {facetbox.Dict{{Key: 1, Value: "a"}, {Key: nil, Value: nil}}, facetbox.Dict{{Key: int64(1), Value: "a"}, {}}},
		"time":       {date, date.UTC()},
		"big":        {huge, huge},
		"strings":    {[]string{"a", "b"}, []any{"a", "b"}},
		"array":      {[2]int{1, 2}, []any{int64(1), int64(2)}},
		"string map": {map[name]level{"x": 3}, map[string]any{"x": int64(3)}},
		"named":      {names{"a"}, []any{"a"}},
		"request":    {request, request},
		"response":   {[]any{&facetbox.Response{Status: 404, Header: http.Header{}}}, []any{&facetbox.Response{Status: 404, Header: http.Header{}}}},
		"headers":    {http.Header{"A": {"1", "2"}}, http.Header{"A": {"1", "2"}}},
		"nil map":    {map[string]any(nil), nil},
		"nil stub":   {(*facetbox.Stub)(nil), nil},
		"nil answer": {[]any{(*facetbox.Response)(nil), (*facetbox.RpcStub)(nil)}, []any{nil, nil}},
		"shared":     {func() any { inner := []any{1}; return []any{inner, inner} }(), []any{[]any{int64(1)}, []any{int64(1)}}},
	}
}

func TestValuesGoBothWays(t *testing.T) {
	echo := bind(t, open(t), "echo", methods{
		"echo": func(_ *object, _ context.Context, args []any) (any, error) { return args[0], nil },
	})
	for name, value := range valueCases() {
		got, err := echo.Call(background, "echo", value[0])
		if err != nil || !reflect.DeepEqual(got, value[1]) {
			t.Errorf("%s: got %#v and %v, want %#v", name, got, err, value[1])
		}
	}
	nan := must(echo.Call(background, "echo", math.NaN()))(t)
	if number, ok := nan.(float64); !ok || !math.IsNaN(number) {
		t.Errorf("NaN came back as %v", nan)
	}
}

func TestErrorsAreValuesToo(t *testing.T) {
	echo := bind(t, open(t), "echo", methods{
		"echo": func(_ *object, _ context.Context, args []any) (any, error) { return args[0], nil },
	})
	sent := &facetbox.Error{Code: facetbox.ErrGuestError, Name: "RangeError", Message: "too far"}
	got, ok := must(echo.Call(background, "echo", sent))(t).(error)
	if !ok || !errors.Is(got, facetbox.ErrGuestError) || got.Error() != "RangeError: too far" {
		t.Errorf("got %#v", got)
	}
}

func TestValuesThatCanNotCross(t *testing.T) {
	echo := bind(t, open(t), "echo", methods{
		"echo":    func(_ *object, _ context.Context, args []any) (any, error) { return args[0], nil },
		"channel": func(*object, context.Context, []any) (any, error) { return make(chan int), nil },
	})
	list, table := make([]any, 1), map[string]any{}
	list[0], table["self"] = list, []any{table}
	var deep any
	for range 200 {
		deep = []any{deep}
	}
	for message, value := range map[string]any{
		`args[0][1]["x"] has the Go type chan int`:    []any{0, map[string]any{"x": make(chan int)}},
		"args[0] has the Go type struct {}":           struct{}{},
		"args[0] is 18446744073709551615":             uint64(math.MaxUint64),
		"args[0][0] is a cycle":                       list,
		`args[0]["self"][0] is a cycle`:               table,
		"nested deeper than the limit of 128":         deep,
		`args[0] can't be converted`:                  "\xff",
		"args[0] has the Go type map[int]string":      map[int]string{},
		"args[0][value 0] has the Go type complex128": facetbox.Dict{{Key: 1, Value: 1i}},
	} {
		_, err := echo.Call(background, "echo", value)
		fails(t, err, facetbox.ErrValueError, message)
	}
	_, err := echo.Call(background, "channel")
	fails(t, err, facetbox.ErrValueError, "result has the Go type chan int")
	if _, err := echo.Call(background, "echo", strings.Repeat("x", 33<<20)); !errors.Is(err, facetbox.ErrLimitMessage) {
		t.Errorf("a message over the limit gives %v", err)
	}
}
