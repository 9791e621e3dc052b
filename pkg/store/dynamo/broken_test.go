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

// dropItem removes the item with this prefix of its sort key from a transaction.
func dropItem(prefix string) func(*call) {
	return func(c *call) {
		if c.op != "TransactWriteItems" {
			return
		}
		c.body["TransactItems"] = slices.DeleteFunc(c.puts(), func(item any) bool {
			return strings.HasPrefix(sortKey(put(item)), prefix)
		})
	}
}

// dropCondition removes the condition of the item with this sort key from a
// transaction.
func dropCondition(sort string) func(*call) {
	return func(c *call) {
		for _, item := range c.puts() {
			if put := put(item); sortKey(put) == sort {
				unconditional(put)
			}
		}
	}
}

// brokenCalls change calls on their way to DynamoDB; the named checks must fail.
var brokenCalls = map[string]struct {
	spoil func(*call)
	fails []string
}{
	"the request without its condition": {dropCondition("request"), []string{
		"a move is saved only over the version before it",
		"a stale move writes nothing",
		"items of a newer version are refused",
		"concurrent moves: one winner and one event for each version",
	}},
	"the unique key without its condition": {dropCondition("once"), []string{
		"a used key writes nothing and names its request",
		"concurrent submissions of one form: one request",
	}},
	"the limits of a person without their condition": {dropCondition("asker"), []string{
		"a request is written together with its person's limits or not at all",
		"concurrent submissions of one person: one winner for each version",
	}},
	"no limits of a person": {dropItem("asker"), []string{
		"a request is written together with its person's limits or not at all",
	}},
	"no event": {dropItem("event#"), []string{
		"the stream carries every event in order",
		"concurrent moves: one winner and one event for each version",
	}},
	"no unique key": {dropItem("once"), []string{
		"a used key writes nothing and names its request",
		"concurrent submissions of one form: one request",
	}},
	"the directory without its condition": {func(c *call) {
		if c.op == "PutItem" {
			unconditional(c.body)
		}
	}, []string{
		"the directory has its own versions",
		"messages have their own versions",
		"concurrent writers of the directory: one winner for each version",
	}},
	"the list of devices without its condition": {dropCondition("owner"), []string{
		"a person's devices are changed together or not at all",
	}},
	"a code without its condition": {dropCondition("code"), []string{
		"a person's devices are changed together or not at all",
	}},
	"a device without its condition": {dropCondition("device"), []string{
		"a person's devices are changed together or not at all",
	}},
	"the cut list without its condition": {dropCondition("cut"), []string{
		"a grant and the cut list that it is on are written together or not at all",
		"concurrent cuts of one role: no name is lost",
	}},
	"no cut list": {dropItem("cut"), []string{
		"a grant and the cut list that it is on are written together or not at all",
	}},
	"no condition on the freeze": {func(c *call) {
		if c.op == "TransactWriteItems" {
			c.body["TransactItems"] = c.puts()
		}
	}, []string{"nothing is given while everything is frozen", "nothing is vended while a sweep is held"}},
	"no notice": {dropItem("notice"), []string{"a new notice is in the stream once"}},
	"no device": {dropItem("device"), []string{"devices, codes and lists come back as they were saved"}},
	"lists in reverse order": {func(c *call) {
		if forward, ok := c.body["ScanIndexForward"].(bool); ok {
			c.body["ScanIndexForward"] = !forward
		}
	}, []string{
		"a requester's requests are listed newest first",
		"requests in a state are listed by due time",
	}},
}

func TestABrokenStoreFailsTheContract(t *testing.T) {
	for name, broken := range brokenCalls {
		t.Run(name, func(t *testing.T) {
			for _, promise := range broken.fails {
				i := slices.IndexFunc(storetest.Checks(), func(c storetest.Check) bool { return c.Name == promise })
				if i < 0 {
					t.Errorf("the contract has no check %q", promise)
					continue
				}
				table := dynamotest.NewTable(t)
				spoiled := &wire{before: func(c *call) *http.Response { broken.spoil(c); return nil }}
				s := subject(dynamo.New(table.Client(spoiled), table.Name, now), table)
				if err := storetest.Checks()[i].Do(t.Context(), s); err == nil {
					t.Errorf("%q: passed", promise)
				}
			}
		})
	}
}
