package facetbox

// #include "bridge.h"
import "C"

import (
	"iter"
	"runtime"
	"runtime/cgo"
)

// Storage is the storage of one object or facet: a database of its own.
//
// What a handler writes is committed together when it returns, or before it calls others.
type Storage struct {
	ptr *C.facetbox_storage_t
	ctx *Ctx
}

// KV is the key-value store.
func (s *Storage) KV() *KV { return &KV{s} }

// SQL is the SQL database.
func (s *Storage) SQL() *SQL { return &SQL{s} }

// TransactionSync runs body in a transaction (within another one: a savepoint). If body returns an
// error or panics, what it wrote is rolled back, and TransactionSync returns the error. body can't call
// others.
func (s *Storage) TransactionSync(body func() error) error {
	defer runtime.KeepAlive(s)
	handle := cgo.NewHandle(body)
	defer handle.Delete()
	return check(C.facetbox_go_transaction_sync(s.ptr, C.uintptr_t(handle)))
}

// Transaction is [Storage.TransactionSync] for a body that calls others: they run before it is known
// whether the transaction is committed. What was written before is committed first.
func (s *Storage) Transaction(body func() error) error {
	defer runtime.KeepAlive(s)
	handle := cgo.NewHandle(body)
	defer handle.Delete()
	return check(C.facetbox_go_transaction(s.ptr, C.uintptr_t(handle)))
}

// Sync commits what has been written, and returns when it is as durable as the runtime promises.
func (s *Storage) Sync() error {
	defer runtime.KeepAlive(s)
	return check(C.facetbox_storage_sync(s.ptr))
}

// KV is a key-value store.
type KV struct {
	storage *Storage
}

// Get reads the value of key; nil if it isn't there.
func (kv *KV) Get(key string) (any, error) {
	defer runtime.KeepAlive(kv)
	var out *C.facetbox_value_t
	if err := check(C.facetbox_storage_kv_get(kv.storage.ptr, lend(key), &out)); err != nil {
		return nil, err
	}
	return take(out), nil
}

// Put stores a value under key. Functions, stubs and other capabilities can't be stored:
// [ErrValueError].
func (kv *KV) Put(key string, value any) error {
	encoded, err := encode("value", value)
	if err != nil {
		return err
	}
	defer C.facetbox_value_free(encoded)
	defer runtime.KeepAlive(kv)
	return check(C.facetbox_storage_kv_put(kv.storage.ptr, lend(key), encoded))
}

// Delete deletes key, and says whether it was there.
func (kv *KV) Delete(key string) (bool, error) {
	defer runtime.KeepAlive(kv)
	var existed C.bool
	err := check(C.facetbox_storage_kv_delete(kv.storage.ptr, lend(key), &existed))
	return bool(existed), err
}

// ListOptions choose what [KV.List] gives; the zero value is everything in order of the keys.
type ListOptions struct {
	// Start is the first key, StartAfter the key before it; at most one of them.
	Start, StartAfter string
	// End is the key before which the list ends.
	End string
	// Prefix is what all keys begin with.
	Prefix string
	// Reverse begins at the end.
	Reverse bool
	// Limit is the highest number of entries; 0 means no limit.
	Limit int
}

// encode makes a map of the options, which the caller frees.
func (o ListOptions) encode() (*C.facetbox_value_t, error) {
	fields := map[string]any{"reverse": o.Reverse}
	for key, option := range map[string]string{
		"start": o.Start, "startAfter": o.StartAfter, "end": o.End, "prefix": o.Prefix,
	} {
		if option != "" {
			fields[key] = option
		}
	}
	if o.Limit != 0 {
		fields["limit"] = o.Limit
	}
	return encode("options", fields)
}

// Entry is one entry of a [KV].
type Entry struct {
	// Key is the key.
	Key string
	// Value is what is stored under it.
	Value any
}

// List gives entries in order of their keys' bytes, read as they are asked for. A later list on the
// same storage ends an earlier one with an error, which is the last thing that an iteration gives:
//
//	for entry, err := range kv.List(facetbox.ListOptions{Prefix: "user:"}) { ... }
func (kv *KV) List(options ListOptions) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		defer runtime.KeepAlive(kv)
		list, err := kv.open(options)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		defer C.facetbox_kv_list_free(list)
		for {
			var key, value *C.facetbox_value_t
			if err := check(C.facetbox_kv_list_next(list, &key, &value)); err != nil {
				yield(Entry{}, err)
				return
			}
			name, more := take(key).(string)
			if !more || !yield(Entry{name, take(value)}, nil) {
				return
			}
		}
	}
}

func (kv *KV) open(options ListOptions) (*C.facetbox_kv_list_t, error) {
	encoded, err := options.encode()
	if err != nil {
		return nil, err
	}
	defer C.facetbox_value_free(encoded)
	var list *C.facetbox_kv_list_t
	err = check(C.facetbox_storage_kv_list(kv.storage.ptr, encoded, &list))
	return list, err
}

// GetCurrentBookmark gives a bookmark of the storage's present state. Bookmarks of one database are in
// the order of the states.
func (s *Storage) GetCurrentBookmark() (string, error) {
	defer runtime.KeepAlive(s)
	var out *C.facetbox_value_t
	if err := check(C.facetbox_storage_get_current_bookmark(s.ptr, &out)); err != nil {
		return "", err
	}
	bookmark, _ := take(out).(string)
	return bookmark, nil
}
