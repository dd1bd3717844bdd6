package facetbox

// #include "bridge.h"
import "C"

// GuestGuide is a guide for authors of guests in "luau" or "js", in Markdown, which doubles as a prompt for
// a model that writes guests. If env isn't nil, a section tells how each entry of it is used, without
// values. It fails with [ErrInvalidArgument] for another language.
func GuestGuide(language string, env Env) (string, error) {
	var encoded, out *C.facetbox_value_t
	if env != nil {
		var err error
		if encoded, err = encode("env", map[string]any(env)); err != nil {
			return "", err
		}
	}
	defer C.facetbox_value_free(encoded)
	if err := check(C.facetbox_guest_guide(lend(language), encoded, &out)); err != nil {
		return "", err
	}
	guide, _ := take(out).(string)
	return guide, nil
}

// GuestTypes are the types of what guests in "luau" or "js" find: the text of a .d.luau or .d.ts file. It
// fails with [ErrInvalidArgument] for another language.
func GuestTypes(language string) (string, error) {
	var out *C.facetbox_value_t
	if err := check(C.facetbox_guest_types(lend(language), &out)); err != nil {
		return "", err
	}
	types, _ := take(out).(string)
	return types, nil
}
