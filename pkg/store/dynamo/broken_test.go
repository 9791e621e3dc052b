package dynamo_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/pkg/store/dynamo"
	"github.com/aws-access/aws-access/pkg/store/dynamo/dynamotest"
	"github.com/aws-access/aws-access/pkg/store/storetest"
)

// Each breaks the store on the wire; the checks named must see it.
func TestABrokenStoreFailsTheContract(t *testing.T) {
	leaveOut := func(prefix string) func(*call) {
		return func(c *call) {
			if c.op == "TransactWriteItems" {
				c.body["TransactItems"] = slices.DeleteFunc(c.puts(), func(item any) bool {
					return strings.HasPrefix(sortKey(put(item)), prefix)
				})
			}
		}
	}
	without := func(sort string) func(*call) {
		return func(c *call) {
			for _, item := range c.puts() {
				if put := put(item); sortKey(put) == sort {
					unconditional(put)
				}
			}
		}
	}
	for name, broken := range map[string]struct {
		spoil func(*call)
		fails []string
	}{
		"the request's condition left out": {without("request"), []string{
			"a move is saved only over the version before it", "a stale move writes nothing", "items of a newer version are refused",
			"concurrent moves: one winner and one event for each version",
		}},
		"the key's condition left out": {
			without("once"),
			[]string{"a used key writes nothing and names its request", "concurrent submissions of one form: one request"},
		},
		"the asker's condition left out": {without("asker"), []string{
			"a request is written together with its person's limits or not at all",
			"concurrent submissions of one person: one winner for each version",
		}},
		"the asker left out": {leaveOut("asker"),
			[]string{"a request is written together with its person's limits or not at all"}},
		"the event left out": {leaveOut("event#"), []string{"the stream carries every event in order",
			"concurrent moves: one winner and one event for each version"}},
		"the key left out": {leaveOut("once"), []string{"a used key writes nothing and names its request",
			"concurrent submissions of one form: one request"}},
		"the directory's condition left out": {func(c *call) {
			if c.op == "PutItem" {
				unconditional(c.body)
			}
		}, []string{"the directory has its own versions", "messages have their own versions", "concurrent writers of the directory: one winner for each version"}},
		"lists in the other order": {func(c *call) {
			if forward, said := c.body["ScanIndexForward"].(bool); said {
				c.body["ScanIndexForward"] = !forward
			}
		}, []string{
			"a requester's requests are listed newest first", "requests in a state are listed by due time",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, check := range storetest.Checks() {
				if !slices.Contains(broken.fails, check.Name) {
					continue
				}
				table := dynamotest.NewTable(t)
				spoiled := &wire{before: func(c *call) *http.Response { broken.spoil(c); return nil }}
				if err := check.Do(t.Context(), subject(dynamo.New(table.Client(spoiled), table.Name, now), table)); err == nil {
					t.Errorf("%q: passed", check.Name)
				}
			}
		})
	}
}
