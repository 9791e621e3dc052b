package access

import (
	"strings"
	"testing"
	"time"
)

func TestOrderWithMalformedFieldIsRefused(t *testing.T) {
	sound := Order{ID: "1234567890.123456.abcdef", Request: "01ARZ3NDEKTSV4RRFFQ69G5FAV", By: "U0DEV1", Kind: Keys,
		At: noon}
	if err := sound.Check(); err != nil {
		t.Errorf("a sound order: %v", err)
	}
	signed := sound
	signed.ID = "v0=" + strings.Repeat("a0", 32) // a payload without a trigger id has its signature
	if err := signed.Check(); err != nil {
		t.Errorf("an order by a signature: %v", err)
	}
	mega := strings.Repeat("x", 1<<20)
	for name, spoil := range map[string]func(*Order){
		"everything of a megabyte": func(o *Order) {
			*o = Order{ID: mega, Request: mega, By: mega, Kind: Kind(mega), At: noon}
		},
		"an id of 101 bytes":     func(o *Order) { o.ID = mega[:101] },
		"no id":                  func(o *Order) { o.ID = "" },
		"an id of two lines":     func(o *Order) { o.ID = "a\nb" },
		"an id in other letters": func(o *Order) { o.ID = "Ωrder" },
		"a null":                 func(o *Order) { o.ID = "a\x00" },
		"no request":             func(o *Order) { o.Request = "" },
		"a request with a hash":  func(o *Order) { o.Request = "01A#event" },
		"a long request":         func(o *Order) { o.Request = mega[:101] },
		"nobody":                 func(o *Order) { o.By = "" },
		"somebody in lower case": func(o *Order) { o.By = "u0dev1" },
		"a long name":            func(o *Order) { o.By = "U" + strings.Repeat("0", 100) },
		"a long form":            func(o *Order) { o.Form = Form(mega) },
		"another kind":           func(o *Order) { o.Kind = "secrets" },
		"no kind":                func(o *Order) { o.Kind = "" },
		"no time":                func(o *Order) { o.At = time.Time{} },
	} {
		o := sound
		spoil(&o)
		if err := o.Check(); err == nil || len(err.Error()) > 100 {
			t.Errorf("%s: got %.200v, want a short error", name, err)
		}
	}
}
