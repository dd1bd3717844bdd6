package facetbox_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"facetbox"
)

// inside runs a test within a handler, which is where storage and facets are.
func inside(t *testing.T, test func(ctx *facetbox.Ctx) error) {
	t.Helper()
	object := bind(t, open(t), "host", methods{
		"test": func(self *object, _ context.Context, _ []any) (any, error) { return nil, test(self.ctx) },
	})
	if _, err := object.Call(background, "test"); err != nil {
		t.Fatal(err)
	}
}

func keys(kv *facetbox.KV, options facetbox.ListOptions) (keys []string, err error) {
	for entry, err := range kv.List(options) {
		if err != nil {
			return keys, err
		}
		keys = append(keys, entry.Key)
	}
	return keys, nil
}

func TestKV(t *testing.T) {
	inside(t, func(ctx *facetbox.Ctx) error {
		kv := ctx.Storage().KV()
		value := map[string]any{"list": []any{int64(1), []byte{1}}}
		for _, key := range []string{"a1", "a2", "b1"} {
			if err := kv.Put(key, value); err != nil {
				return err
			}
		}
		if got, err := kv.Get("a1"); err != nil || !reflect.DeepEqual(got, value) {
			t.Errorf("a1 is %v, %v", got, err)
		}
		if got, err := kv.Get("missing"); err != nil || got != nil {
			t.Errorf("missing is %v, %v", got, err)
		}
		for _, c := range []struct {
			options facetbox.ListOptions
			want    []string
		}{
			{facetbox.ListOptions{}, []string{"a1", "a2", "b1"}},
			{facetbox.ListOptions{Prefix: "a", Reverse: true}, []string{"a2", "a1"}},
			{facetbox.ListOptions{Start: "a2", End: "b1"}, []string{"a2"}},
			{facetbox.ListOptions{StartAfter: "a1", Limit: 1}, []string{"a2"}},
		} {
			if got, err := keys(kv, c.options); err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v gives %v, %v", c.options, got, err)
			}
		}
		for range kv.List(facetbox.ListOptions{}) {
			break
		}
		_, err := keys(kv, facetbox.ListOptions{Limit: -1})
		fails(t, err, facetbox.ErrInvalidArgument, "limit")
		fails(t, kv.Put("f", func([]any) (any, error) { return nil, nil }), facetbox.ErrValueError, "")
		for _, want := range []bool{true, false} {
			if existed, err := kv.Delete("a1"); err != nil || existed != want {
				t.Errorf("deleting a1 gives %v, %v", existed, err)
			}
		}
		return ctx.Storage().Sync()
	})
}

func TestSQL(t *testing.T) {
	inside(t, func(ctx *facetbox.Ctx) error {
		sql := ctx.Storage().SQL()
		if _, err := sql.Exec("CREATE TABLE t (n INTEGER, text)"); err != nil {
			return err
		}
		written, err := sql.Exec("INSERT INTO t VALUES (?, ?), (?, ?), (3, x'0102')", 1, "one", int64(2), nil)
		if err != nil || written.RowsWritten() != 3 {
			t.Errorf("wrote %d rows, %v", written.RowsWritten(), err)
		}
		exec := func(query string) *facetbox.SQLCursor { return must(sql.Exec(query))(t) }

		cursor := exec("SELECT * FROM t ORDER BY n")
		if names := cursor.ColumnNames(); !reflect.DeepEqual(names, []string{"n", "text"}) {
			t.Errorf("the columns are %v", names)
		}
		if row := must(cursor.Next())(t); !reflect.DeepEqual(row, map[string]any{"n": int64(1), "text": "one"}) {
			t.Errorf("the first row is %v", row)
		}
		if row := must(cursor.NextRaw())(t); !reflect.DeepEqual(row, []any{int64(2), nil}) {
			t.Errorf("the second row is %v", row)
		}
		if rows := must(cursor.ToArray())(t); !reflect.DeepEqual(rows, []map[string]any{{"n": int64(3), "text": []byte{1, 2}}}) {
			t.Errorf("the rows that are left are %v", rows)
		}
		if row, err := cursor.Next(); row != nil || err != nil || cursor.RowsRead() < 3 {
			t.Errorf("at the end: %v, %v, %d rows read", row, err, cursor.RowsRead())
		}
		if row, err := cursor.NextRaw(); row != nil || err != nil {
			t.Errorf("at the end: %v, %v", row, err)
		}

		if rows := must(exec("SELECT n FROM t ORDER BY n").Raw())(t); !reflect.DeepEqual(rows, [][]any{{int64(1)}, {int64(2)}, {int64(3)}}) {
			t.Errorf("the raw rows are %v", rows)
		}
		if row := must(exec("SELECT count(*) AS c FROM t").One())(t); row["c"] != int64(3) {
			t.Errorf("the count is %v", row)
		}
		sum := int64(0)
		for row, err := range exec("SELECT n FROM t").Rows() {
			if err != nil {
				return err
			}
			sum += row["n"].(int64)
		}
		if sum != 6 {
			t.Errorf("the sum is %d", sum)
		}
		_, err = exec("SELECT n FROM t").One()
		fails(t, err, facetbox.ErrGuestError, "one")
		_, err = sql.Exec("SELEC")
		fails(t, err, facetbox.ErrStorage, "syntax error")
		if size, err := sql.DatabaseSize(); err != nil || size == 0 {
			t.Errorf("the size is %d, %v", size, err)
		}
		return nil
	})
}

func TestTheBodyOfATransactionMayCallOthers(t *testing.T) {
	runtime := open(t)
	other := bind(t, runtime, "other", methods{
		"hi": func(*object, context.Context, []any) (any, error) { return "hi", nil },
	})
	enough := errors.New("enough")
	stub := bind(t, runtime, "caller", methods{
		"run": func(self *object, ctx context.Context, _ []any) (any, error) {
			storage := self.ctx.Storage()
			err := storage.Transaction(func() error {
				if err := storage.KV().Put("undone", true); err != nil {
					return err
				}
				return enough
			})
			if !errors.Is(err, enough) {
				t.Errorf("got %v", err)
			}
			call := func() error { _, err := other.Call(ctx, "hi"); return err }
			fails(t, storage.TransactionSync(call), facetbox.ErrInvalidArgument, "can't call others")
			if err := storage.Transaction(call); err != nil {
				return nil, err
			}
			return storage.KV().Get("undone")
		},
	})
	if left := must(stub.Call(background, "run"))(t); left != nil {
		t.Errorf("%v is left", left)
	}
}

func TestClosedCursorsFail(t *testing.T) {
	inside(t, func(ctx *facetbox.Ctx) error {
		cursor := must(ctx.Storage().SQL().Exec("SELECT 1"))(t)
		cursor.Close()
		cursor.Close()
		_, err := cursor.Next()
		fails(t, err, facetbox.ErrClosed, "The cursor was closed.")
		if cursor.RowsRead() != 0 || len(cursor.ColumnNames()) != 0 {
			t.Error("a closed cursor has rows")
		}
		return nil
	})
}

func TestTransactionsRollBack(t *testing.T) {
	inside(t, func(ctx *facetbox.Ctx) error {
		storage, stop := ctx.Storage(), errors.New("stop")
		put := func(key string, err error) func() error {
			return func() error { return errors.Join(storage.KV().Put(key, 1), err) }
		}
		if err := storage.TransactionSync(put("kept", nil)); err != nil {
			return err
		}
		if err := storage.TransactionSync(func() error { return errors.Join(put("gone", nil)(), stop) }); !errors.Is(err, stop) {
			t.Errorf("got %v", err)
		}
		if got := must(keys(storage.KV(), facetbox.ListOptions{}))(t); !reflect.DeepEqual(got, []string{"kept"}) {
			t.Errorf("the keys are %v", got)
		}
		return nil
	})
}
