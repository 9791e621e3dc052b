package access

import (
	"strings"
	"testing"
	"time"
)

func TestOrderWithMalformedFieldIsRefused(t *testing.T) {
	valid := Order{
		ID: "1234567890.123456.abcdef", Request: "01ARZ3NDEKTSV4RRFFQ69G5FAV", By: "U0DEV1", Kind: Keys, At: noon,
	}
	if err := valid.Check(); err != nil {
		t.Errorf("a valid order: %v", err)
	}
	signed := valid
	signed.ID = "v0=" + strings.Repeat("a0", 32) // the id of an order without a trigger id is the payload's signature
	if err := signed.Check(); err != nil {
		t.Errorf("an order whose id is a signature: %v", err)
	}
	mega := strings.Repeat("x", 1<<20)
	for name, change := range map[string]func(*Order){
		"every field of a megabyte": func(o *Order) {
			*o = Order{ID: mega, Request: mega, By: mega, Kind: Kind(mega), At: noon}
		},
		"an id of 101 bytes":      func(o *Order) { o.ID = mega[:101] },
		"no id":                   func(o *Order) { o.ID = "" },
		"an id of two lines":      func(o *Order) { o.ID = "a\nb" },
		"an id that is not ASCII": func(o *Order) { o.ID = "Ωrder" },
		"a null byte":             func(o *Order) { o.ID = "a\x00" },
		"no request":              func(o *Order) { o.Request = "" },
		"a request with a hash":   func(o *Order) { o.Request = "01A#event" },
		"a long request":          func(o *Order) { o.Request = mega[:101] },
		"no person":               func(o *Order) { o.By = "" },
		"a person in lower case":  func(o *Order) { o.By = "u0dev1" },
		"a long person id":        func(o *Order) { o.By = "U" + strings.Repeat("0", 100) },
		"a long form":             func(o *Order) { o.Form = Form(mega) },
		"another kind":            func(o *Order) { o.Kind = "secrets" },
		"no kind":                 func(o *Order) { o.Kind = "" },
		"no time":                 func(o *Order) { o.At = time.Time{} },
	} {
		o := valid
		change(&o)
		if err := o.Check(); err == nil || len(err.Error()) > 100 {
			t.Errorf("%s: got %.200v, want a short error", name, err)
		}
	}
}
