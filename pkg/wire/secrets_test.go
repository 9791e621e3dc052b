package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/pkg/access"
)

// holders are all types of the package that hold a secret, with the texts by which it would be seen.
func holders(t *testing.T) map[string]struct {
	value any
	seen  []string
} {
	t.Helper()
	key, code := newKey(t), newCode(t)
	pem, err := key.PEM()
	if err != nil {
		t.Fatal(err)
	}
	scalar, err := key.key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	x := ask(t, keysCall)
	token := access.NewSecret(canary + ".b.c")
	machine, err := Caller{Server: x.sent.server, Key: key}.Sign(Payload{Op: Status, OIDC: token}, noon)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := x.sent.Read(x.sealed(t))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := answer.Keys()
	if err != nil {
		t.Fatal(err)
	}
	seal, err := x.sent.seal.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	proof := &AWSProof{Region: "eu-west-1", Token: access.NewSecret(canary)}
	type h = struct {
		value any
		seen  []string
	}
	return map[string]h{
		"a private key": {key, append(forms(scalar), pem.Reveal())},
		"answer keys":   {x.keys, forms(must(x.keys.current.key.Bytes()))},
		"a caller":      {Caller{Key: key}, forms(scalar)},
		"a code":        {code, append(forms([]byte(code.bits.Reveal())), code.Text().Reveal())},
		"a sent call":   {*x.sent, forms(seal)},
		"a machine":     {*machine, []string{machine.Body.Reveal()}},
		"an answer":     {answer, []string{canary, "ASIAEXAMPLE"}},
		"keys":          {keys, []string{canary}},
		"a link":        {Link{Address: access.NewSecret(canary)}, []string{canary}},
		"a payload":     {Payload{AWS: proof, OIDC: access.NewSecret(canary)}, []string{canary}},
		"an AWS proof":  {*proof, []string{canary}},
	}
}

func must(data []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return data
}

// forms are the ways in which fmt and encoders write bytes.
func forms(data []byte) []string {
	list := strings.Trim(fmt.Sprintf("%v", data), "[]")
	var number []string
	for _, b := range data {
		number = append(number, fmt.Sprintf("0x%x", b))
	}
	return []string{string(data), fmt.Sprintf("%x", data), fmt.Sprintf("%X", data), list, strings.Join(number, ", "),
		encode64(data), strings.ReplaceAll(list, " ", ",")}
}

func TestSecretsDoNotPrintMarshalOrLog(t *testing.T) {
	for name, h := range holders(t) {
		var out bytes.Buffer
		pointer := reflect.New(reflect.TypeOf(h.value))
		pointer.Elem().Set(reflect.ValueOf(h.value))
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
			fmt.Fprintf(&out, verb+"\n", h.value)
			fmt.Fprintf(&out, verb+"\n", pointer.Interface())
			// Package fmt does not call Format for these.
			fmt.Fprintf(&out, verb+"\n", []any{struct{ v any }{h.value}, struct{ v any }{pointer.Interface()}})
			list := reflect.Append(reflect.MakeSlice(reflect.SliceOf(pointer.Type()), 0, 1), pointer)
			fmt.Fprintf(&out, verb+"\n", list.Interface())
		}
		marshalled, err := json.Marshal(h.value)
		out.Write(marshalled)
		for _, handler := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
			slog.New(handler).Info("secret", "value", h.value)
		}
		for _, seen := range h.seen {
			if strings.Contains(out.String(), seen) {
				at := strings.Index(out.String(), seen)
				t.Errorf("%s can be seen: …%s (marshalled: %v)", name, out.String()[max(0, at-80):at+len(seen)], err)
				break
			}
		}
	}
}

// The control of the test above: it sees each kind of secret that is not hidden.
func TestSecretsInTheOpenWouldBeSeen(t *testing.T) {
	scalar := must(newKey(t).key.Bytes())
	for _, verb := range []string{"%v", "%s", "%x", "%X", "%#v"} {
		printed := fmt.Sprintf(verb, struct{ B []byte }{scalar})
		found := false
		for _, form := range forms(scalar) {
			found = found || strings.Contains(printed, form)
		}
		if !found {
			t.Errorf("%s prints %s, which is not looked for", verb, printed)
		}
	}
}

// Not even an address is printed where package fmt asks the value.
func TestHoldersOfSecretsPrintAsHidden(t *testing.T) {
	x := ask(t, listCall)
	answer, err := x.sent.Read(x.answer(t, 200, members{}))
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []any{newKey(t), newCode(t), x.sent, answer} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x"} {
			if got := fmt.Sprintf(verb, value); got != hidden {
				t.Errorf("%s of %T: got %s, want %s", verb, value, got, hidden)
			}
		}
		if text, err := json.Marshal(value); err == nil {
			t.Errorf("%T marshals to %s", value, text)
		}
	}
}
