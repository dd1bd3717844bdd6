package facetbox_test

import (
	"errors"
	"strings"
	"testing"

	"facetbox"
)

func TestTheGuideForGuestsTellsWhatEnvHolds(t *testing.T) {
	env := facetbox.Env{"LIMIT": 3}
	for language, entry := range map[string]string{"luau": "`self.env.LIMIT`", "js": "`this.env.LIMIT`"} {
		if guide := must(facetbox.GuestGuide(language, env))(t); !strings.Contains(guide, entry) {
			t.Errorf("%s is not in the guide for %s", entry, language)
		}
		if guide := must(facetbox.GuestGuide(language, nil))(t); strings.Contains(guide, "holds here") {
			t.Errorf("the guide for %s tells of an env that isn't there", language)
		}
		if types := must(facetbox.GuestTypes(language))(t); !strings.Contains(types, "DurableObject") {
			t.Errorf("the types for %s have no DurableObject", language)
		}
	}
}

func TestThereIsNoGuideForOtherLanguages(t *testing.T) {
	if _, err := facetbox.GuestGuide("py", nil); !errors.Is(err, facetbox.ErrInvalidArgument) {
		t.Errorf("the error is %v", err)
	}
	if _, err := facetbox.GuestTypes("py"); !errors.Is(err, facetbox.ErrInvalidArgument) {
		t.Errorf("the error is %v", err)
	}
}
