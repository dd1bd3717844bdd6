package facetbox

// #include "bridge.h"
import "C"

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"time"
	"unsafe"
)

// Dict is a map with keys of any type, in order: JavaScript's Map.
type Dict []DictEntry

// DictEntry is one entry of a [Dict].
type DictEntry struct {
	// Key is the key, which may be any value.
	Key any
	// Value is what belongs to the key.
	Value any
}

// Set is a set of values, in order: JavaScript's Set.
type Set []any

// Undefined is JavaScript's undefined, for guests that tell it from null. It comes back as nil.
type Undefined struct{}

// Function is a function of the host that whoever receives it as a value can call. The context is
// that of the Go call that led to it, as in [DurableObject].
//
// It may be called by several goroutines at a time.
type Function func(ctx context.Context, args []any) (any, error)

// Object is an object of the host whose methods whoever receives it as a value can call by name,
// save names that begin with an underscore. For unknown names Call returns [NoSuchMethod].
//
// It may be called by several goroutines at a time.
type Object interface {
	Call(ctx context.Context, method string, args []any) (any, error)
}

// maxDepth is how deep the library lets values be nested.
const maxDepth = 128

// place is where a value stands within the whole that is converted.
type place struct {
	parent *place
	step   string
	// container is the slice or map that stands here, to find cycles.
	container unsafe.Pointer
	depth     int
}

// encode makes a value of the library, which the caller frees. Errors name it as what.
func encode(what string, value any) (*C.facetbox_value_t, error) {
	return (&place{step: what}).encode(value)
}

// encodeArgs makes the list of arguments of a call; nil if there are none.
func encodeArgs(args []any) (*C.facetbox_value_t, error) {
	if len(args) == 0 {
		return nil, nil
	}
	return encode("args", args)
}

func (p *place) encode(value any) (*C.facetbox_value_t, error) {
	switch v := value.(type) {
	case nil:
		return C.facetbox_value_new_null(), nil
	case Undefined:
		return C.facetbox_value_new_undefined(), nil
	case bool:
		return C.facetbox_value_new_bool(C.bool(v)), nil
	case int:
		return C.facetbox_value_new_int(C.int64_t(v)), nil
	case int64:
		return C.facetbox_value_new_int(C.int64_t(v)), nil
	case float64:
		return C.facetbox_value_new_float(C.double(v)), nil
	case string:
		return p.made(func(out **C.facetbox_value_t) *C.facetbox_error_t {
			return C.facetbox_value_new_string(lend(v), out)
		})
	case []byte:
		return p.bytes(v)
	case []any:
		return p.items(C.facetbox_value_new_list(), reflect.ValueOf(v))
	case map[string]any:
		return p.fields(reflect.ValueOf(v))
	case Set:
		return p.items(C.facetbox_value_new_set(), reflect.ValueOf(v))
	case Dict:
		return p.dict(v)
	case time.Time:
		return C.facetbox_value_new_date(C.double(v.UnixMilli())), nil
	case *big.Int:
		return p.bigInt(v)
	}
	if encoded, err := p.capability(value); encoded != nil || err != nil {
		return encoded, err
	}
	return p.reflected(reflect.ValueOf(value))
}

// made adds the place to the error of what makes a value.
func (p *place) made(make func(out **C.facetbox_value_t) *C.facetbox_error_t) (*C.facetbox_value_t, error) {
	var out *C.facetbox_value_t
	if err := check(make(&out)); err != nil {
		return nil, p.refuse("can't be converted: %v", err)
	}
	return out, nil
}

// refuse is the error of a value that can't cross.
func (p *place) refuse(format string, args ...any) error {
	message := fmt.Sprintf("Could not serialize value: %v %s.", p, fmt.Sprintf(format, args...))
	return &Error{Code: ErrValueError, Name: "DataCloneError", Message: message}
}

// String is the path to the place, such as args[0]["key"].
func (p *place) String() string {
	var steps []string
	for ; p != nil; p = p.parent {
		steps = append(steps, p.step)
	}
	slices.Reverse(steps)
	return strings.Join(steps, "")
}

// enter checks that the container that stands here is neither too deep nor inside itself.
func (p *place) enter(container unsafe.Pointer) error {
	for outer := p.parent; outer != nil && container != nil; outer = outer.parent {
		if outer.container == container {
			return p.refuse("is a cycle: it contains itself")
		}
	}
	p.container = container
	if p.depth >= maxDepth {
		message := fmt.Sprintf("Could not serialize value: it is nested deeper than the limit of %d levels.", maxDepth)
		return &Error{Code: ErrValueError, Name: "DataCloneError", Message: message}
	}
	return nil
}

func (p *place) at(format string, step any) *place {
	return &place{parent: p, step: fmt.Sprintf(format, step), depth: p.depth + 1}
}

// items appends the members of a slice or array to list, which is freed if that fails.
func (p *place) items(list *C.facetbox_value_t, members reflect.Value) (*C.facetbox_value_t, error) {
	var container unsafe.Pointer
	if members.Kind() == reflect.Slice && members.Len() > 0 {
		container = members.UnsafePointer()
	}
	err := p.enter(container)
	for i := 0; i < members.Len() && err == nil; i++ {
		var item *C.facetbox_value_t
		if item, err = p.at("[%d]", i).encode(members.Index(i).Interface()); err == nil {
			err = check(C.facetbox_value_list_push(list, item))
		}
	}
	return keep(list, err)
}

// fields makes a map of a Go map whose keys are strings.
func (p *place) fields(fields reflect.Value) (*C.facetbox_value_t, error) {
	if fields.IsNil() {
		return C.facetbox_value_new_null(), nil
	}
	if err := p.enter(fields.UnsafePointer()); err != nil {
		return nil, err
	}
	keys := fields.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	encoded := C.facetbox_value_new_map()
	for _, key := range keys {
		item, err := p.at("[%q]", key.String()).encode(fields.MapIndex(key).Interface())
		if err == nil {
			err = check(C.facetbox_value_map_push(encoded, lend(key.String()), item))
		}
		if err != nil {
			return keep(encoded, err)
		}
	}
	return encoded, nil
}

func (p *place) dict(entries Dict) (*C.facetbox_value_t, error) {
	if err := p.enter(unsafe.Pointer(unsafe.SliceData(entries))); err != nil {
		return nil, err
	}
	encoded := C.facetbox_value_new_dict()
	for i, entry := range entries {
		key, err := p.at("[key %d]", i).encode(entry.Key)
		if err != nil {
			return keep(encoded, err)
		}
		item, err := p.at("[value %d]", i).encode(entry.Value)
		if err != nil {
			C.facetbox_value_free(key)
			return keep(encoded, err)
		}
		if err := check(C.facetbox_value_dict_push(encoded, key, item)); err != nil {
			return keep(encoded, err)
		}
	}
	return encoded, nil
}

// keep frees a container that could not be filled.
func keep(container *C.facetbox_value_t, err error) (*C.facetbox_value_t, error) {
	if err != nil {
		C.facetbox_value_free(container)
		return nil, err
	}
	return container, nil
}

func (p *place) bytes(data []byte) (*C.facetbox_value_t, error) {
	if data == nil {
		data = empty[:0]
	}
	return p.made(func(out **C.facetbox_value_t) *C.facetbox_error_t {
		return C.facetbox_value_new_bytes(lendBytes(data), out)
	})
}

func (p *place) bigInt(number *big.Int) (*C.facetbox_value_t, error) {
	if number == nil {
		return C.facetbox_value_new_null(), nil
	}
	return p.made(func(out **C.facetbox_value_t) *C.facetbox_error_t {
		return C.facetbox_value_new_bigint(lend(number.String()), out)
	})
}

// reflected converts the types that encode has no case for.
func (p *place) reflected(value reflect.Value) (*C.facetbox_value_t, error) {
	switch value.Kind() {
	case reflect.Bool:
		return p.encode(value.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return p.encode(value.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		if value.Uint() > math.MaxInt64 {
			return nil, p.refuse("is %d, beyond 64 bits with a sign; use a *big.Int", value.Uint())
		}
		return p.encode(int64(value.Uint()))
	case reflect.Float32, reflect.Float64:
		return p.encode(value.Float())
	case reflect.String:
		return p.encode(value.String())
	case reflect.Slice, reflect.Array:
		return p.items(C.facetbox_value_new_list(), value)
	case reflect.Map:
		if value.Type().Key().Kind() == reflect.String {
			return p.fields(value)
		}
	}
	return nil, p.refuse("has the Go type %v, which is not supported", value.Type())
}
