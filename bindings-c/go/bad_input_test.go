package facetbox_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"facetbox"
)

const badGuest = `
local App = DurableObject:extend("App")
function App:loop() while true do end end
function App:hoard() local t = {} while true do t[#t + 1] = string.rep("x", 1000) .. #t end end
function App:recurse() local function f() return 1 + f() end return f() end
function App:cycle() local t = {} t.self = t return t end
function App:fine() return "fine" end
return { App = App }
`

func TestGuestsWithoutEndEnd(t *testing.T) {
	code := luau(badGuest)
	code.Limits = facetbox.Limits{CPUMs: 100, MemoryBytes: 4_000_000}
	app := guest(t, open(t), "guest", code)
	for method, code := range map[string]facetbox.Code{
		"loop":    facetbox.ErrLimitCPU,
		"hoard":   facetbox.ErrLimitMemory,
		"recurse": facetbox.ErrLimitStack,
		"cycle":   facetbox.ErrValueError,
		"missing": facetbox.ErrNotFound,
		"alarm":   facetbox.ErrInvalidArgument,
	} {
		_, err := app.Call(background, method)
		fails(t, err, code, "")
	}
	if answer := must(app.Call(background, "fine"))(t); answer != "fine" {
		t.Errorf("afterwards: %v", answer)
	}
}

func TestCodeThatDoesNotLoad(t *testing.T) {
	runtime := open(t)
	_, err := guest(t, runtime, "syntax", luau("return {\n  = }")).Call(background, "any")
	fails(t, err, facetbox.ErrLoadError, "main.luau:2")
	_, err = guest(t, runtime, "export", luau("return {}")).Call(background, "any")
	fails(t, err, facetbox.ErrNotFound, "App")
	_, err = guest(t, runtime, "module", luau(`return require("./missing")`)).Call(background, "any")
	fails(t, err, facetbox.ErrLoadError, "missing")

	loader := must(runtime.Loader())(t)
	_, err = loader.Load(facetbox.WorkerCode{MainModule: "main.luau"})
	fails(t, err, facetbox.ErrLoadError, "at least one module")
	_, err = loader.Load(facetbox.WorkerCode{MainModule: "a.py", Modules: map[string]facetbox.Module{"a.py": facetbox.Source("")}})
	fails(t, err, facetbox.ErrInvalidArgument, "a.py")
	_, err = loader.Load(facetbox.WorkerCode{MainModule: "a", Modules: map[string]facetbox.Module{"a": nil}})
	fails(t, err, facetbox.ErrInvalidArgument, "a")
}

func TestDirectoriesThatCanNotBeOpened(t *testing.T) {
	path := t.TempDir()
	openAt(t, filepath.Join(path, "used"))
	_, err := facetbox.Open(filepath.Join(path, "used"))
	fails(t, err, facetbox.ErrInUse, strconv.Itoa(os.Getpid()))

	letters := filepath.Join(path, "foreign", "letters.txt")
	if err := errors.Join(os.Mkdir(filepath.Dir(letters), 0o700), os.WriteFile(letters, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	_, err = facetbox.Open(filepath.Dir(letters))
	fails(t, err, facetbox.ErrCorrupt, "letters.txt")
	_, err = facetbox.Open(letters)
	fails(t, err, facetbox.ErrStorage, "letters.txt")
}

func TestWrongOptions(t *testing.T) {
	_, err := facetbox.Open(":memory:", facetbox.WithDurability(7))
	fails(t, err, facetbox.ErrInvalidArgument, "got 7")
	_, err = facetbox.Open(":memory:", facetbox.WithThreads(-1))
	fails(t, err, facetbox.ErrInvalidArgument, "threads")
	_, err = facetbox.Open(":memory:", facetbox.WithLimits(facetbox.Limits{WallMs: -5}))
	fails(t, err, facetbox.ErrInvalidArgument, "wallMs")
}

func TestWrongNames(t *testing.T) {
	runtime := open(t, facetbox.WithDurability(facetbox.None), facetbox.WithThreads(1))
	class := host(nil)
	apps := must(runtime.Namespace("apps", class))(t)
	_, err := runtime.Namespace("apps", class)
	fails(t, err, facetbox.ErrInvalidArgument, "bound already")
	_, err = runtime.Namespace("", class)
	fails(t, err, facetbox.ErrInvalidArgument, "empty")
	_, err = runtime.Namespace("none", nil)
	fails(t, err, facetbox.ErrInvalidArgument, "class must not be nil")
	_, err = must(runtime.Loader())(t).Get("id", nil)
	fails(t, err, facetbox.ErrInvalidArgument, "code must not be nil")
	_, err = runtime.GetNamespace("unknown")
	fails(t, err, facetbox.ErrNotFound, "unknown")
	_, err = apps.GetByName("\xff")
	fails(t, err, facetbox.ErrInvalidArgument, "UTF-8")
	_, err = apps.Get(nil)
	fails(t, err, facetbox.ErrInvalidArgument, "'id'")
	_, err = apps.IDFromString("x")
	fails(t, err, facetbox.ErrInvalidArgument, "64 hex digits")
}

func TestEverythingFailsAfterClosing(t *testing.T) {
	runtime := open(t)
	app := guest(t, runtime, "guest", luau(badGuest))
	must(app.Call(background, "fine"))(t)
	for range 2 {
		if err := runtime.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, err := app.Call(background, "fine")
	fails(t, err, facetbox.ErrClosed, "closed")
	_, err = app.Fetch(background, &facetbox.Request{URL: "http://app/"})
	fails(t, err, facetbox.ErrClosed, "closed")
	_, err = runtime.Namespace("late", host(nil))
	fails(t, err, facetbox.ErrClosed, "closed")
}
