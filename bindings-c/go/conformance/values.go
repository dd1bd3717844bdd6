package main

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"math/big"
	"net/http"
	"time"

	"facetbox"
)

// spelled reads a value that JSON lacks from the only key of the map that spells it.
func spelled(key string, content any) (any, bool) {
	switch key {
	case "$undefined":
		return facetbox.Undefined{}, true
	case "$bytes":
		return must(base64.StdEncoding.DecodeString(content.(string))), true
	case "$date":
		return time.UnixMilli(value(content).(int64)).UTC(), true
	case "$set":
		return facetbox.Set(values(content.([]any))), true
	case "$object":
		return object(content.(map[string]any)), true
	case "$bigint":
		number, ok := new(big.Int).SetString(content.(string), 10)
		return number, ok
	case "$float":
		floats := map[string]float64{"NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1), "-0": math.Copysign(0, -1)}
		number, ok := floats[content.(string)]
		return number, ok
	case "$map":
		dict := facetbox.Dict{}
		for _, entry := range values(content.([]any)) {
			pair := entry.([]any)
			dict = append(dict, facetbox.DictEntry{Key: pair[0], Value: pair[1]})
		}
		return dict, true
	case "$request":
		inner := content.(map[string]any)
		method, _ := inner["method"].(string)
		header, body := message(inner)
		return &facetbox.Request{Method: method, URL: inner["url"].(string), Header: header, Body: body}, true
	case "$response":
		inner := content.(map[string]any)
		status, _ := value(inner["status"]).(int64)
		header, body := message(inner)
		return &facetbox.Response{Status: int(status), Header: header, Body: body}, true
	case "$headers":
		return headers(content.([]any)), true
	}
	return nil, false
}

// message reads what requests and responses have in common.
func message(inner map[string]any) (http.Header, []byte) {
	fields, _ := inner["headers"].([]any)
	body, ok := inner["body"].(string)
	if !ok {
		return headers(fields), nil
	}
	return headers(fields), []byte(body)
}

func headers(fields []any) http.Header {
	header := http.Header{}
	for _, field := range fields {
		pair := field.([]any)
		header.Add(pair[0].(string), pair[1].(string))
	}
	return header
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// value reads a value of a vector from what encoding/json made of it.
func value(read any) any {
	switch v := read.(type) {
	case json.Number:
		if whole, err := v.Int64(); err == nil {
			return whole
		}
		return must(v.Float64())
	case []any:
		return values(v)
	case map[string]any:
		for key, content := range v {
			if special, ok := spelled(key, content); ok && len(v) == 1 {
				return special
			}
		}
		return object(v)
	}
	return read
}

func values(read []any) []any {
	list := make([]any, len(read))
	for i, item := range read {
		list[i] = value(item)
	}
	return list
}

func object(read map[string]any) map[string]any {
	fields := make(map[string]any, len(read))
	for key, field := range read {
		fields[key] = value(field)
	}
	return fields
}
