package facetbox

/*
#include "bridge.h"

// What is called for each part of a value doesn't keep Go's memory, and what owns no value but makes or reads one
// doesn't call Go.
#cgo noescape facetbox_value_type
#cgo nocallback facetbox_value_type
#cgo noescape facetbox_value_len
#cgo nocallback facetbox_value_len
#cgo noescape facetbox_value_at
#cgo nocallback facetbox_value_at
#cgo noescape facetbox_value_map_key_at
#cgo nocallback facetbox_value_map_key_at
#cgo noescape facetbox_value_as_string
#cgo nocallback facetbox_value_as_string
#cgo noescape facetbox_value_as_int
#cgo nocallback facetbox_value_as_int
#cgo noescape facetbox_value_as_float
#cgo nocallback facetbox_value_as_float
#cgo noescape facetbox_value_new_string
#cgo nocallback facetbox_value_new_string
#cgo noescape facetbox_value_new_int
#cgo nocallback facetbox_value_new_int
#cgo noescape facetbox_value_new_float
#cgo nocallback facetbox_value_new_float
#cgo noescape facetbox_value_map_push
*/
import "C"

import (
	"math"
	"math/big"
	"time"
)

// take converts a value of the library and frees it. A null pointer gives nil.
func take(value *C.facetbox_value_t) any {
	defer C.facetbox_value_free(value)
	return decode(value)
}

// takeList converts a list of the library and frees it.
func takeList(value *C.facetbox_value_t) []any {
	list, _ := take(value).([]any)
	return list
}

// takeMap converts a map of the library and frees it.
func takeMap(value *C.facetbox_value_t) map[string]any {
	fields, _ := take(value).(map[string]any)
	return fields
}

// decode converts a value of the library, which stays the caller's.
func decode(value *C.facetbox_value_t) any {
	switch C.facetbox_value_type(value) {
	case C.FACETBOX_TYPE_NULL, C.FACETBOX_TYPE_UNDEFINED:
		return nil
	case C.FACETBOX_TYPE_BOOL:
		var truth C.bool
		C.facetbox_value_as_bool(value, &truth)
		return bool(truth)
	case C.FACETBOX_TYPE_INT:
		var number C.int64_t
		C.facetbox_value_as_int(value, &number)
		return int64(number)
	case C.FACETBOX_TYPE_FLOAT:
		var number C.double
		C.facetbox_value_as_float(value, &number)
		return float64(number)
	case C.FACETBOX_TYPE_STRING:
		return text(C.facetbox_value_as_string(value))
	case C.FACETBOX_TYPE_BYTES:
		return bytes(C.facetbox_value_as_bytes(value))
	case C.FACETBOX_TYPE_LIST:
		return decodeItems(value)
	case C.FACETBOX_TYPE_SET:
		return Set(decodeItems(value))
	case C.FACETBOX_TYPE_MAP:
		return decodeMap(value)
	case C.FACETBOX_TYPE_DICT:
		return decodeDict(value)
	case C.FACETBOX_TYPE_DATE:
		return decodeDate(value)
	case C.FACETBOX_TYPE_BIGINT:
		return decodeBigInt(value)
	case C.FACETBOX_TYPE_ERROR:
		var failure *C.facetbox_error_t
		C.facetbox_value_as_error(value, &failure)
		return check(failure)
	case C.FACETBOX_TYPE_REQUEST:
		var request *C.facetbox_request_t
		C.facetbox_value_as_request(value, &request)
		return takeRequest(request)
	case C.FACETBOX_TYPE_RESPONSE:
		var response *C.facetbox_response_t
		C.facetbox_value_as_response(value, &response)
		return takeResponse(response)
	case C.FACETBOX_TYPE_HEADERS:
		return decodeHeader(C.facetbox_value_headers(value))
	}
	return decodeCapability(value)
}

func decodeItems(value *C.facetbox_value_t) []any {
	items := make([]any, C.facetbox_value_len(value))
	for i := range items {
		items[i] = decode(C.facetbox_value_at(value, C.size_t(i)))
	}
	return items
}

func decodeMap(value *C.facetbox_value_t) map[string]any {
	size := C.facetbox_value_len(value)
	fields := make(map[string]any, size)
	for i := range size {
		fields[text(C.facetbox_value_map_key_at(value, i))] = decode(C.facetbox_value_at(value, i))
	}
	return fields
}

func decodeDict(value *C.facetbox_value_t) Dict {
	entries := make(Dict, C.facetbox_value_len(value))
	for i := range entries {
		index := C.size_t(i)
		entries[i].Key = decode(C.facetbox_value_dict_key_at(value, index))
		entries[i].Value = decode(C.facetbox_value_at(value, index))
	}
	return entries
}

// decodeDate gives the zero time for JavaScript's Invalid Date.
func decodeDate(value *C.facetbox_value_t) time.Time {
	var ms C.double
	C.facetbox_value_as_date(value, &ms)
	if math.IsNaN(float64(ms)) {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms)).UTC()
}

func decodeBigInt(value *C.facetbox_value_t) *big.Int {
	var digits *C.facetbox_value_t
	C.facetbox_value_as_bigint(value, &digits)
	defer C.facetbox_value_free(digits)
	number, _ := new(big.Int).SetString(text(C.facetbox_value_as_string(digits)), 10)
	return number
}
