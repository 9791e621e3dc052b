package awsfake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// member is one name and value of a JSON object.
type member struct {
	name  string
	value json.RawMessage
}

// readObject reads an object's members in their order. It refuses two members with
// the same name in any letter case. encoding/json would silently use the last one,
// although the policy is ambiguous.
func readObject(raw json.RawMessage) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return nil, errors.New("not an object")
	}
	var members []member
	seen := map[string]bool{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		m := member{name: fmt.Sprint(name)}
		if err := d.Decode(&m.value); err != nil {
			return nil, err
		}
		lower := strings.ToLower(m.name)
		if seen[lower] {
			return nil, fmt.Errorf("%s: given twice", m.name)
		}
		seen[lower] = true
		members = append(members, m)
	}
	if len(members) == 0 {
		return nil, errors.New("an empty object")
	}
	return members, nil
}

// readList reads a list that is not empty, or a single value as a list of one.
func readList(raw json.RawMessage) ([]json.RawMessage, error) {
	if len(raw) == 0 {
		return nil, errors.New("missing")
	}
	if raw[0] != '[' {
		return []json.RawMessage{raw}, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errors.New("an empty list")
	}
	return list, nil
}

// readStrings reads one string or a list of strings.
func readStrings(raw json.RawMessage) ([]string, error) {
	return readEach(raw, readString)
}

// readScalars reads the values of a condition: strings, numbers and booleans.
func readScalars(raw json.RawMessage) ([]string, error) {
	return readEach(raw, func(one json.RawMessage) (string, error) {
		if one[0] == '"' {
			return readString(one)
		}
		if strings.ContainsRune("[{n", rune(one[0])) {
			return "", fmt.Errorf("%s is not a string, number or boolean", one)
		}
		return string(one), nil
	})
}

func readEach(raw json.RawMessage, read func(json.RawMessage) (string, error)) ([]string, error) {
	list, err := readList(raw)
	if err != nil {
		return nil, err
	}
	values := make([]string, 0, len(list))
	for _, one := range list {
		value, err := read(one)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, nil
}

func readString(raw json.RawMessage) (value string, err error) {
	if raw[0] != '"' {
		return "", fmt.Errorf("%s is not a string", raw)
	}
	return value, json.Unmarshal(raw, &value)
}
