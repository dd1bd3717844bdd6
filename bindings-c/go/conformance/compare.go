package main

import (
	"bytes"
	"errors"
	"math"
	"math/big"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"facetbox"
)

// meets says whether an outcome is what the step expects; the rules are those of tests/src/compare.rs.
func meets(step step, got outcome) bool {
	if got.err != nil {
		return step.OrThrows.matches(got.err) || step.Throws.matches(got.err)
	}
	switch {
	case step.Throws != nil:
		return false
	case step.Response != nil:
		return got.response != nil && step.Response.matches(got.response)
	case step.Returns != nil:
		var expected any
		return decode(*step.Returns, &expected) == nil && matches(value(expected), got.value)
	case step.ReturnsAny != nil:
		return slices.ContainsFunc(step.ReturnsAny, func(any any) bool { return matches(value(any), got.value) })
	}
	return true
}

// matches says whether an error is the expected one. A bug of the product never is.
func (t *thrown) matches(got error) bool {
	var failure *facetbox.Error
	if t == nil || !errors.As(got, &failure) || failure.Code == facetbox.ErrPanic {
		return false
	}
	same := func(expected *string, got string) bool { return expected == nil || *expected == got }
	return same(t.Name, failure.Name) && same(t.Message, failure.Message) && same(t.Code, failure.Code.String()) &&
		strings.Contains(failure.Message, t.Part) &&
		(t.Codes == nil || slices.Contains(t.Codes, failure.Code.String()))
}

func (r *response) matches(got *facetbox.Response) bool {
	if (r.Status != nil && *r.Status != got.Status) || (r.Body != nil && *r.Body != got.Text()) {
		return false
	}
	for name, expected := range r.Headers {
		if strings.Join(got.Header.Values(name), ", ") != expected {
			return false
		}
	}
	return true
}

// matches compares numbers by value, and minus zero with itself only. Undefined comes back as nil.
func matches(expected, got any) bool {
	switch e := expected.(type) {
	case nil, facetbox.Undefined:
		return got == nil
	case int64, float64:
		return sameNumber(e, got)
	case []byte:
		g, ok := got.([]byte)
		return ok && bytes.Equal(e, g)
	case *big.Int:
		g, ok := got.(*big.Int)
		return ok && e.Cmp(g) == 0
	case time.Time:
		g, ok := got.(time.Time)
		return ok && e.Equal(g)
	case []any:
		g, ok := got.([]any)
		return ok && slices.EqualFunc(e, g, matches)
	case facetbox.Set:
		g, ok := got.(facetbox.Set)
		return ok && slices.EqualFunc(e, g, matches)
	case facetbox.Dict:
		g, ok := got.(facetbox.Dict)
		return ok && slices.EqualFunc(e, g, func(e, g facetbox.DictEntry) bool {
			return matches(e.Key, g.Key) && matches(e.Value, g.Value)
		})
	case map[string]any:
		g, ok := got.(map[string]any)
		return ok && sameFields(e, g)
	case *facetbox.Request, *facetbox.Response, http.Header:
		return reflect.DeepEqual(expected, got)
	}
	return expected == got
}

func sameFields(expected, got map[string]any) bool {
	for key, field := range expected {
		if found, ok := got[key]; !ok || !matches(field, found) {
			return false
		}
	}
	return len(expected) == len(got)
}

func sameNumber(expected, got any) bool {
	e, expectedWhole := expected.(int64)
	if g, ok := got.(int64); ok && expectedWhole {
		return e == g
	}
	a, b := float(expected), float(got)
	if a == 0 && math.Signbit(a) {
		return b == 0 && math.Signbit(b)
	}
	_, isNumber := got.(float64)
	_, isWhole := got.(int64)
	return (isNumber || isWhole) && (a == b || math.IsNaN(a) && math.IsNaN(b))
}

func float(number any) float64 {
	switch n := number.(type) {
	case int64:
		return float64(n)
	case float64:
		return n
	}
	return math.NaN()
}
