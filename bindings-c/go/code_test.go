package facetbox_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"facetbox"
)

func TestEveryCodeOfTheHeaderHasAConstant(t *testing.T) {
	header := string(must(os.ReadFile("../../include/facetbox.h"))(t))
	source := string(must(os.ReadFile("code.go"))(t))
	codes := regexp.MustCompile(`FACETBOX_ERR_(\w+) = (\d+)`).FindAllStringSubmatch(header, -1)
	if len(codes) < 20 {
		t.Fatalf("found only %d codes in the header", len(codes))
	}
	for _, code := range codes {
		name := strings.ReplaceAll(code[1], "_", "")
		constant := regexp.MustCompile(`(?i)\bErr` + name + ` Code = C\.FACETBOX_ERR_` + code[1] + `\n`)
		if !constant.MatchString(source) {
			t.Errorf("%s has no constant", code[1])
		}
		var number int32
		if _, err := fmt.Sscan(code[2], &number); err != nil {
			t.Fatal(err)
		}
		if got := facetbox.Code(number).String(); got != code[1] {
			t.Errorf("the code %d is called %q, not %q", number, got, code[1])
		}
	}
	if got := facetbox.Code(12345).Error(); got != "Code(12345)" {
		t.Errorf("an unknown code is called %q", got)
	}
}
