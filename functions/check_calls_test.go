package functions

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/wire"
)

func TestCheckSaysWhetherVendCanAnswerCalls(t *testing.T) {
	one, two := newKey(t), newKey(t)
	pem := func(keys ...wire.PrivateKey) string {
		var all strings.Builder
		for _, key := range keys {
			text, err := key.PEM()
			if err != nil {
				t.Fatal(err)
			}
			all.WriteString(text.Reveal())
		}
		return all.String()
	}
	first, second := one.Public().Thumbprint(), two.Public().Thumbprint()
	away := errors.New("canary-away")
	for name, c := range map[string]struct {
		addresses []string
		noAddress error
		key       string
		noKey     error
		want      CallsAnswer
	}{
		"as it should be": {[]string{callAddress}, nil, pem(one), nil,
			CallsAnswer{Addresses: []string{callAddress}, Address: "ok", Devices: "ok", Key: "ok", Thumbprint: first}},
		"a rotation": {[]string{callAddress, "https://old.example.com/v1"}, nil, pem(one, two), nil, CallsAnswer{
			Addresses: []string{callAddress, "https://old.example.com/v1"}, Address: "ok", Devices: "ok", Key: "ok",
			Thumbprint: first, Next: second}},
		"no address": {nil, nil, pem(one), nil,
			CallsAnswer{Address: "none", Devices: "ok", Key: "ok", Thumbprint: first}},
		"address unreadable": {nil, away, pem(one), nil,
			CallsAnswer{Address: "unreadable", Devices: "ok", Key: "ok", Thumbprint: first}},
		"key unreadable": {[]string{callAddress}, nil, "", away,
			CallsAnswer{Addresses: []string{callAddress}, Address: "ok", Devices: "ok", Key: "unreadable"}},
		"another text": {[]string{callAddress}, nil, "canary-key", nil,
			CallsAnswer{Addresses: []string{callAddress}, Address: "ok", Devices: "ok", Key: "malformed"}},
		"one key twice": {[]string{callAddress}, nil, pem(one, one), nil,
			CallsAnswer{Addresses: []string{callAddress}, Address: "ok", Devices: "ok", Key: "malformed"}},
	} {
		w := newWorld(t)
		w.checked()
		w.Vend.Checks.Calls = &Calls{
			Address: func(context.Context) ([]string, error) { return c.addresses, c.noAddress },
			AnswerKeys: func(_ context.Context, fresh bool) (access.Secret, error) {
				if !fresh {
					t.Errorf("%s: a key that was put into SSM just now is not seen", name)
				}
				return access.NewSecret(c.key), c.noKey
			},
		}
		answer := w.ask(Check{Kind: CheckStack})
		if diff := cmp.Diff(&c.want, answer.Stack.Calls); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
		if strings.Contains(w.logs.String(), "canary-key") {
			t.Errorf("%s: the log has the key", name)
		}
	}
}

func TestCheckWithoutCallsSaysNothingOfThem(t *testing.T) {
	w := newWorld(t)
	w.checked()
	if answer := w.ask(Check{Kind: CheckStack}); answer.Stack.Calls != nil {
		t.Errorf("got %+v", answer.Stack.Calls)
	}
}
