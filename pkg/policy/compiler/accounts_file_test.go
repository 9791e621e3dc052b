package compiler_test

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/pkg/policy/compiler"
)

func TestAccountsFromAnotherFile(t *testing.T) {
	text := "version: 1\nsettings: {channel: C0A}\nroles: {A: {}}\naccounts_from: %s\n" +
		"rules: [{name: a, who: [everyone], accounts: [prod], roles: [A], max: 1h, approvals: none}]\n"
	files := map[string]string{
		"etc/list.yaml": "- {id: \"111111111111\", name: prod}\n",
		"etc/map.yaml":  "accounts:\n  - {id: \"111111111111\", name: prod}\n",
		"etc/wrong.yaml": "- {id: \"111111111111\", name: prod, reggion: x}\n" +
			"- {id: \"999999999999\", name: hub, roles: [B]}\n",
		"etc/empty.yaml": "",
	}
	read := func(name string) ([]byte, error) {
		if text, ok := files[name]; ok {
			return []byte(text), nil
		}
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	for name, want := range map[string]string{
		"list.yaml": "", "map.yaml": "",
		"wrong.yaml": "etc/wrong.yaml:1:36: an account cannot have the key \"reggion\"; did you mean \"region\"?\n" +
			"etc/wrong.yaml:2:8: the account 999999999999 is the bastion, which cannot be a target; remove it\n" +
			"etc/wrong.yaml:2:43: no role is called \"B\"; write \"A\"",
		"empty.yaml": "etc/empty.yaml:1:1: this file is empty; begin with version: 1, or with accounts: in a file " +
			"of accounts",
		"none.yaml": "etc/policy.yaml:4:16: the file in accounts_from cannot be read (open etc/none.yaml: file does " +
			"not exist); write the path of a file next to the policy",
		"../secret.yaml": "etc/policy.yaml:4:16: accounts_from cannot be \"../secret.yaml\"; write the path of a file " +
			"next to the policy",
		"/etc/passwd": "etc/policy.yaml:4:16: accounts_from cannot be \"/etc/passwd\"; write the path of a file next " +
			"to the policy",
	} {
		p, _, err := compiler.Compile("etc/policy.yaml", fmt.Appendf(nil, text, name), testOptions(read))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want || (p == nil) != (want != "") {
			t.Errorf("%s: got:\n%s\nwant:\n%s", name, got, want)
		}
	}
	_, _, err := compiler.Compile("policy.yaml", fmt.Appendf(nil, text, "list.yaml"), compiler.Options{})
	if err == nil || !strings.Contains(err.Error(),
		"accounts_from cannot be used here, because no other file can be read; write accounts: […] in the policy") {
		t.Errorf("without Options.Read: got %v", err)
	}
}
