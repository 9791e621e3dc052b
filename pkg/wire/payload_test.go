package wire

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/pkg/access"
)

var (
	sealTo = encode64(append([]byte{9}, make([]byte, 31)...)) // the base point of X25519
	thumb  = encode64(make([]byte, 32))
	aws    = members{"region": "eu-west-1", "date": "20261126T120000Z", "token": "IQoJb3JpZ2luX2VjE/+=",
		"key_id": "ASIAIOSFODNN7EXAMPLE", "signature": strings.Repeat("0a", 32)}
)

// validPayloads has one payload of each operation, with all of its fields.
func validPayloads() map[Op]members {
	return map[Op]members{
		Options: {"op": "options"},
		List:    {"op": "list"},
		Devices: {"op": "devices"},
		Request: {"op": "request", "account": "payments prod", "role": "Operator", "length": "1 h 30 min", "reason": "x\ny",
			"ticket": "OPS-1", "answer_key": thumb},
		Status:  {"op": "status", "id": "01ARZ3NDEKTSV4RRFFQ69G5FAV"},
		Cancel:  {"op": "cancel", "id": "01ARZ3NDEKTSV4RRFFQ69G5FAV"},
		End:     {"op": "end", "id": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "aws": aws},
		Keys:    {"op": "keys", "account": "111111111111", "role": "Operator", "seal_to": sealTo, "oidc": "a.b.c"},
		Console: {"op": "console", "account": "111111111111", "role": "Operator", "seal_to": sealTo},
		Pair: {"op": "pair", "code_key": thumb, "proof": encode64(make([]byte, 64)),
			"name": "annas-laptop.local"},
		Unpair: {"op": "unpair", "device": thumb},
	}
}

func TestPayloadOfEachOperationIsReadAndWritten(t *testing.T) {
	valid := validPayloads()
	if len(valid) != len(fields) {
		t.Errorf("%d operations have a case, there are %d", len(valid), len(fields))
	}
	for op, m := range valid {
		p, err := ParsePayload([]byte(m.json(t)))
		if err != nil || p.Op != op {
			t.Errorf("%s: got %v: %v", op, p.Op, err)
			continue
		}
		if text, err := p.encode(); err != nil || string(text) != m.json(t) {
			t.Errorf("%s: got %s, want %s: %v", op, text, m.json(t), err)
		}
	}
}

// Every operation is tried with every field that it does not have, and without every field that it
// must have.
func TestOperationHasItsFieldsAndNoOthers(t *testing.T) {
	values := members{}
	for _, m := range validPayloads() {
		for name, value := range m {
			values[name] = value
		}
	}
	for op, m := range validPayloads() {
		for name, value := range values {
			if m[name] != nil || name == "answer_key" || name == "aws" || name == "oidc" {
				continue
			}
			_, err := ParsePayload([]byte(m.with(name, value).json(t)))
			if CodeOf(err) != BadPayload || !strings.Contains(err.Error(), "does not have") {
				t.Errorf("%s with %s: got %v", op, name, err)
			}
		}
		for _, name := range fields[op].must {
			_, err := ParsePayload([]byte(m.with(name, nil).json(t)))
			if CodeOf(err) != BadPayload || !strings.Contains(err.Error(), "has no "+name) {
				t.Errorf("%s without %s: got %v", op, name, err)
			}
		}
		for _, proof := range []string{"aws", "oidc"} {
			plain := m.with("aws", nil).with("oidc", nil)
			_, err := ParsePayload([]byte(plain.with(proof, map[string]any{"aws": aws, "oidc": "a.b.c"}[proof]).json(t)))
			if machines := err == nil; machines != fields[op].machines {
				t.Errorf("%s by a machine with %s: got %v", op, proof, err)
			}
		}
	}
}

// A program that asks by itself names neither a length nor a ticket: the policy decides.
func TestAutomaticRequestHasItsFieldsAndNoOthers(t *testing.T) {
	valid := members{"op": "request", "account": "prod", "role": "Operator", "reason": "x", "automatic": true}
	for _, m := range []members{valid, valid.with("oidc", "a.b.c"), valid.with("answer_key", thumb)} {
		p, err := ParsePayload([]byte(m.json(t)))
		if err != nil || !p.Automatic || p.Length != "" {
			t.Errorf("%s: got %+v, %v", m.json(t), p, err)
			continue
		}
		if text, err := p.encode(); err != nil || string(text) != m.json(t) {
			t.Errorf("got %s, want %s: %v", text, m.json(t), err)
		}
	}
	for want, m := range map[string]members{
		"does not have": valid.with("length", "1h"), "does not have.": valid.with("ticket", "OPS-1"),
		"automatic is not true": valid.with("automatic", false), "automatic is not true.": valid.with("automatic", "true"),
		"automatic is not true..": valid.with("automatic", 1), "has no reason": valid.with("reason", nil),
		"has no account": valid.with("account", nil), "has no role": valid.with("role", nil),
		"does not have..": {"op": "status", "automatic": true},
	} {
		_, err := ParsePayload([]byte(m.json(t)))
		if CodeOf(err) != BadPayload || !strings.Contains(err.Error(), strings.TrimRight(want, ".")) {
			t.Errorf("%s: got %v, want %s", m.json(t), err, want)
		}
	}
	// The fields of the operation itself are as before.
	if _, err := ParsePayload([]byte(valid.with("automatic", nil).json(t))); CodeOf(err) != BadPayload {
		t.Errorf("without a length: got %v", err)
	}
}

func TestMalformedFieldIsRefusedByItsName(t *testing.T) {
	long := strings.Repeat("x", 4000)
	for _, c := range []struct {
		op    Op
		field string
		value any
	}{
		{Request, "account", ""}, {Request, "account", " a"}, {Request, "account", "a\nb"}, {Request, "account", "a\x1b[2J"},
		{Request, "account", "a\u202eb"}, {Request, "account", long}, {Request, "account", 1}, {Request, "account", nil},
		{Request, "role", "a b"}, {Request, "role", "a/b"}, {Request, "role", "Ω"}, {Request, "role", long[:65]},
		{Request, "role", "a*"}, {Request, "role", "a\n"}, {Request, "role", ""}, {Request, "role", []string{"a"}},
		{Request, "length", "2h;"}, {Request, "length", long}, {Request, "length", 2}, {Request, "length", "-1h"},
		{Request, "reason", ""}, {Request, "reason", " \n"}, {Request, "reason", "a\x00"}, {Request, "reason", "a\u202eb"},
		{Request, "reason", long}, {Request, "reason", "\ufffd"}, {Request, "reason", "\x1b]0;x\x07"},
		{Request, "ticket", "a\nb"}, {Request, "ticket", long}, {Request, "ticket", "a "}, {Request, "ticket", ""},
		{Status, "id", ""}, {Cancel, "id", "01A#event"}, {Cancel, "id", long}, {Cancel, "id", "a b"},
		{Keys, "seal_to", thumb}, {Keys, "seal_to", encode64(append([]byte{1}, make([]byte, 31)...))},
		{Keys, "seal_to", lowOrder()}, {Keys, "seal_to", sealTo + "="}, {Keys, "seal_to", sealTo[:40]},
		{Keys, "seal_to", ""}, {Keys, "role", "a b"}, {Keys, "account", ""},
		{Unpair, "device", "x"}, {Unpair, "device", thumb[:42] + "B"}, {Unpair, "device", ""},
		{Pair, "name", "a<b>"}, {Pair, "name", "-a"}, {Pair, "name", long[:65]}, {Pair, "name", ""},
		{Pair, "code_key", "x"}, {Pair, "proof", thumb}, {List, "answer_key", "x"}, {List, "answer_key", ""},
	} {
		m := validPayloads()[c.op]
		changed := members{}
		for name, value := range m {
			changed[name] = value
		}
		changed[c.field] = c.value
		_, err := ParsePayload([]byte(changed.json(t)))
		if CodeOf(err) != BadPayload || !strings.Contains(err.Error(), "its "+c.field+" is empty, too long or malformed") ||
			strings.Contains(err.Error(), "xxxx") {
			t.Errorf("%s with %s %.40q: got %v", c.op, c.field, c.value, err)
		}
	}
}

// lowOrder is a point of order 8 on Curve25519: the shared secret with it is zero, whatever the private key
// is.
func lowOrder() string {
	point, err := hex.DecodeString("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")
	if err != nil {
		panic(err)
	}
	return encode64(point)
}

func TestMalformedProofOfAMachineIsRefused(t *testing.T) {
	status := members{"op": "status"}
	for _, c := range []struct {
		name  string
		value any
		why   string
	}{
		{"region", "eu-west-1.evil.example", "region of its aws"}, {"region", "eu-west-1/", "region of its aws"},
		{"date", "20261126T120000", "date of its aws"}, {"date", 20261126, "date of its aws"},
		{"token", "a b", "token of its aws"}, {"token", "", "token of its aws"},
		{"token", "a\r\nHost: x", "token of its aws"},
		{"token", strings.Repeat("x", 9000), "token of its aws"},
		{"key_id", "AKIAIOSFODNN7EXAMPLE", "key_id of its aws"}, {"key_id", "ASIA/../x", "key_id of its aws"},
		{"signature", strings.Repeat("0A", 32), "signature of its aws"}, {"signature", nil, "signature of its aws"},
		{"url", "https://" + canary, "not known"}, {"headers", members{}, "not known"},
	} {
		_, err := ParsePayload([]byte(status.with("aws", aws.with(c.name, c.value)).json(t)))
		wantRefusal(t, err, BadPayload, c.why)
	}
	for why, text := range map[string]string{
		"two proofs":          `{"op":"status","aws":{},"oidc":"a.b.c"}`,
		"its aws cannot be":   `{"op":"status","aws":[]}`,
		"stands in it twice":  `{"op":"status","aws":{"region":"a","region":"b"}}`,
		"not a compact JWS":   `{"op":"status","oidc":"` + canary + `"}`,
		"its oidc is not a":   `{"op":"status","oidc":""}`,
		"a machine cannot as": `{"op":"console","oidc":"a.b.c"}`,
		"op is missing":       `{"oidc":"a.b.c"}`,
	} {
		_, err := ParsePayload([]byte(text))
		wantRefusal(t, err, BadPayload, why)
	}
}

func TestPayloadMustBeOneObjectWithAKnownOperation(t *testing.T) {
	for text, why := range map[string]string{
		`{"op":"approve"}`: "op is missing or not known", `{"op":"LIST"}`: "op is missing or not known",
		`{"Op":"list"}`: "op is missing or not known", `{"op":["list"]}`: "op is missing or not known",
		`{}`: "op is missing or not known", `null`: "not a JSON object", `[]`: "not a JSON object",
		`"list"`:           "not a JSON object",
		`{"op":"list"} {}`: "follows", `{"op":"list"},`: "follows", `{"op":"list",}`: "not a JSON object",
		"{\"op\":\"list\",\"x\xff\":1}": "UTF-8", `{"op":"list","OP":"x"}`: "does not have",
		`{"op":"list" "x":1}`: "not a JSON object", `{op:"list"}`: "not a JSON object", `{"op":"list"`: "not a JSON object",
	} {
		_, err := ParsePayload([]byte(text))
		wantRefusal(t, err, BadPayload, why)
	}
}

func TestReasonMayBeWrittenInAnyLanguage(t *testing.T) {
	for _, reason := range []string{
		"می\u200cخواهم", "שלום \u200fעולם", "👩\u200d👩\u200d👧", "Straße\n2. Zeile", strings.Repeat("é", access.MaxReason),
	} {
		m := validPayloads()[Request].with("reason", reason)
		if p, err := ParsePayload([]byte(m.json(t))); err != nil || p.Reason != reason {
			t.Errorf("%.40q: got %.40q: %v", reason, p.Reason, err)
		}
	}
}
