package facetbox

// #include "bridge.h"
import "C"

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/big"
	"net/http"
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

// encoder makes values of the library, and knows where in the whole it is.
type encoder struct {
	what string
	path []step
}

// step leads from a container to what stands in it.
type step struct {
	// container is the slice or map, to find cycles.
	container unsafe.Pointer
	kind      stepKind
	index     int
	key       string
}

type stepKind int

const (
	inList stepKind = iota
	inMap
	isKey
	isValue
)

// encode makes a value of the library, which the caller frees. Errors name it as what.
func encode(what string, value any) (*C.facetbox_value_t, error) {
	return (&encoder{what: what}).encode(value)
}

// encodeArgs makes the list of arguments of a call; nil if there are none.
func encodeArgs(args []any) (*C.facetbox_value_t, error) {
	if len(args) == 0 {
		return nil, nil
	}
	return encode("args", args)
}

func (e *encoder) encode(value any) (*C.facetbox_value_t, error) {
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
		var out *C.facetbox_value_t
		failure := C.facetbox_value_new_string(lend(v), &out)
		return e.made(out, failure)
	case []byte:
		return e.bytes(v)
	case []any:
		return e.list(C.facetbox_value_new_list(), v)
	case map[string]any:
		if v == nil {
			return C.facetbox_value_new_null(), nil
		}
		keys := slices.Collect(maps.Keys(v))
		return e.fields(reflect.ValueOf(v).UnsafePointer(), keys, func(key string) any { return v[key] })
	case Set:
		return e.list(C.facetbox_value_new_set(), v)
	case Dict:
		return e.dict(v)
	case time.Time:
		return C.facetbox_value_new_date(C.double(v.UnixMilli())), nil
	case *big.Int:
		return e.bigInt(v)
	}
	if isNil(value) {
		return C.facetbox_value_new_null(), nil
	}
	switch value.(type) {
	case *Request, *Response, http.Header:
		return e.message(value)
	}
	if encoded, err := e.capability(value); encoded != nil || err != nil {
		return encoded, err
	}
	return e.reflected(reflect.ValueOf(value))
}

// isNil says whether a value is a nil pointer to one of the library's types, which is null.
func isNil(value any) bool {
	switch value.(type) {
	case *Request, *Response, *RpcStub, *Stub, *Class, *Namespace, *Loader:
		return reflect.ValueOf(value).IsNil()
	}
	return false
}

// made adds the place to the error of what makes a value.
func (e *encoder) made(out *C.facetbox_value_t, failure *C.facetbox_error_t) (*C.facetbox_value_t, error) {
	if failure != nil {
		return nil, e.refuse("can't be converted: %v", strings.TrimSuffix(check(failure).Error(), "."))
	}
	return out, nil
}

// refuse is the error of a value that can't cross.
func (e *encoder) refuse(format string, args ...any) error {
	message := fmt.Sprintf("Could not serialize value: %v %s.", e.place(), fmt.Sprintf(format, args...))
	return &Error{Code: ErrValueError, Name: "DataCloneError", Message: message}
}

// place is the path to what is being converted, such as args[0]["key"].
func (e *encoder) place() string {
	var path strings.Builder
	path.WriteString(e.what)
	for _, step := range e.path {
		switch step.kind {
		case inList:
			fmt.Fprintf(&path, "[%d]", step.index)
		case inMap:
			fmt.Fprintf(&path, "[%q]", step.key)
		case isKey:
			fmt.Fprintf(&path, "[key %d]", step.index)
		case isValue:
			fmt.Fprintf(&path, "[value %d]", step.index)
		}
	}
	return path.String()
}

// enter checks that the container that stands here is neither too deep nor inside itself, and goes on into it.
func (e *encoder) enter(container unsafe.Pointer) error {
	for _, outer := range e.path {
		if outer.container == container && container != nil {
			return e.refuse("is a cycle: it contains itself")
		}
	}
	if len(e.path) >= maxDepth {
		message := fmt.Sprintf("Could not serialize value: it is nested deeper than the limit of %d levels.", maxDepth)
		return &Error{Code: ErrValueError, Name: "DataCloneError", Message: message}
	}
	e.path = append(e.path, step{container: container})
	return nil
}

// at converts what stands in the container that was entered last. After an error the path stays where that is.
func (e *encoder) at(kind stepKind, index int, key string, value any) (*C.facetbox_value_t, error) {
	step := &e.path[len(e.path)-1]
	step.kind, step.index, step.key = kind, index, key
	return e.encode(value)
}

// leave goes back out of the container that was entered last, which is freed if it could not be filled.
func (e *encoder) leave(container *C.facetbox_value_t, err error) (*C.facetbox_value_t, error) {
	if err != nil {
		C.facetbox_value_free(container)
		return nil, err
	}
	e.path = e.path[:len(e.path)-1]
	return container, nil
}

func (e *encoder) list(list *C.facetbox_value_t, members []any) (*C.facetbox_value_t, error) {
	var container unsafe.Pointer
	if len(members) > 0 {
		container = unsafe.Pointer(unsafe.SliceData(members))
	}
	return e.items(list, container, len(members), func(i int) any { return members[i] })
}

// items appends to list what stands in a slice or array, and frees it if that fails.
func (e *encoder) items(list *C.facetbox_value_t, container unsafe.Pointer, length int, get func(int) any) (*C.facetbox_value_t, error) {
	err := e.enter(container)
	for i := 0; i < length && err == nil; i++ {
		var item *C.facetbox_value_t
		if item, err = e.at(inList, i, "", get(i)); err == nil {
			err = check(C.facetbox_value_list_push(list, item))
		}
	}
	return e.leave(list, err)
}

// fields makes a map of what has these keys, in their order.
func (e *encoder) fields(container unsafe.Pointer, keys []string, get func(string) any) (*C.facetbox_value_t, error) {
	slices.Sort(keys)
	encoded := C.facetbox_value_new_map()
	err := e.enter(container)
	for i := 0; i < len(keys) && err == nil; i++ {
		var item *C.facetbox_value_t
		if item, err = e.at(inMap, 0, keys[i], get(keys[i])); err == nil {
			err = check(C.facetbox_value_map_push(encoded, lend(keys[i]), item))
		}
	}
	return e.leave(encoded, err)
}

func (e *encoder) dict(entries Dict) (*C.facetbox_value_t, error) {
	encoded := C.facetbox_value_new_dict()
	err := e.enter(unsafe.Pointer(unsafe.SliceData(entries)))
	for i := 0; i < len(entries) && err == nil; i++ {
		err = e.entry(encoded, i, entries[i])
	}
	return e.leave(encoded, err)
}

func (e *encoder) entry(dict *C.facetbox_value_t, i int, entry DictEntry) error {
	key, err := e.at(isKey, i, "", entry.Key)
	if err != nil {
		return err
	}
	item, err := e.at(isValue, i, "", entry.Value)
	if err != nil {
		C.facetbox_value_free(key)
		return err
	}
	return check(C.facetbox_value_dict_push(dict, key, item))
}

func (e *encoder) bytes(data []byte) (*C.facetbox_value_t, error) {
	if data == nil {
		data = empty[:0]
	}
	var out *C.facetbox_value_t
	failure := C.facetbox_value_new_bytes(lendBytes(data), &out)
	return e.made(out, failure)
}

func (e *encoder) bigInt(number *big.Int) (*C.facetbox_value_t, error) {
	if number == nil {
		return C.facetbox_value_new_null(), nil
	}
	var out *C.facetbox_value_t
	failure := C.facetbox_value_new_bigint(lend(number.String()), &out)
	return e.made(out, failure)
}

// reflected converts the types that encode has no case for.
func (e *encoder) reflected(value reflect.Value) (*C.facetbox_value_t, error) {
	switch value.Kind() {
	case reflect.Bool:
		return e.encode(value.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return e.encode(value.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		if value.Uint() > math.MaxInt64 {
			return nil, e.refuse("is %d, beyond 64 bits with a sign; use a *big.Int", value.Uint())
		}
		return e.encode(int64(value.Uint()))
	case reflect.Float32, reflect.Float64:
		return e.encode(value.Float())
	case reflect.String:
		return e.encode(value.String())
	case reflect.Slice, reflect.Array:
		var container unsafe.Pointer
		if value.Kind() == reflect.Slice && value.Len() > 0 {
			container = value.UnsafePointer()
		}
		get := func(i int) any { return value.Index(i).Interface() }
		return e.items(C.facetbox_value_new_list(), container, value.Len(), get)
	case reflect.Map:
		if value.Type().Key().Kind() == reflect.String {
			return e.reflectedMap(value)
		}
	}
	return nil, e.refuse("has the Go type %v, which is not supported", value.Type())
}

func (e *encoder) reflectedMap(value reflect.Value) (*C.facetbox_value_t, error) {
	if value.IsNil() {
		return C.facetbox_value_new_null(), nil
	}
	fields := make(map[string]reflect.Value, value.Len())
	for each := value.MapRange(); each.Next(); {
		fields[each.Key().String()] = each.Value()
	}
	get := func(key string) any { return fields[key].Interface() }
	return e.fields(value.UnsafePointer(), slices.Collect(maps.Keys(fields)), get)
}
