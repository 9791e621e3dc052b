package dynamo_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
)

// meter is a transport between the client and DynamoDB Local that adds up what calls
// cost. DynamoDB Local reports wrong figures for transactions, so the meter counts
// writes by the rules of DynamoDB's price list: one unit per started KB, two in a
// transaction, and one for each index entry that is written or removed. Reads are
// counted as DynamoDB Local reports them.
type meter struct {
	mu    sync.Mutex
	held  map[string]map[string]string // index entries by item
	Calls map[string]int
	Read  float64 // units, of the table and its indexes
	Write float64 // units of the table
	Index float64 // units of the indexes, before any factor for transactions
}

// localTransport limits the connections to what DynamoDB Local can serve at once.
var localTransport = &http.Transport{MaxConnsPerHost: 50}

// attributes is an item in a call: texts and numbers.
type attributes map[string]map[string]string

func (m *meter) RoundTrip(r *http.Request) (*http.Response, error) {
	asked, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	sent := r.Clone(r.Context())
	body := append([]byte(`{"ReturnConsumedCapacity":"TOTAL",`), asked[1:]...)
	sent.Body, sent.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	answer, err := localTransport.RoundTrip(sent)
	if err != nil {
		return nil, err
	}
	said, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	answer.Body = io.NopCloser(bytes.NewReader(said))
	m.count(op, asked, said, answer.StatusCode == http.StatusOK)
	return answer, err
}

func (m *meter) count(op string, asked, said []byte, done bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Calls == nil {
		m.Calls, m.held = make(map[string]int), make(map[string]map[string]string)
	}
	m.Calls[op]++
	var in struct {
		Item          attributes
		TransactItems []struct{ Put *struct{ Item attributes } }
	}
	_ = json.Unmarshal(asked, &in) // reads have no items
	switch op {
	case "PutItem":
		m.put(in.Item, 1, done)
	case "TransactWriteItems":
		for _, one := range in.TransactItems {
			if one.Put == nil { // a condition costs what a write of one unit costs
				m.Write += 2
				continue
			}
			m.put(one.Put.Item, 2, done)
		}
	default:
		m.Read += units(said)
	}
}

// put counts one write. A write whose condition failed costs the same, except for the
// indexes.
func (m *meter) put(item attributes, factor float64, done bool) {
	size := 0
	for name, value := range item {
		size += len(name) + len(value["S"]) + len(value["N"])
	}
	m.Write += factor * float64((size+1023)/1024)
	if !done {
		return
	}
	key := item["pk"]["S"] + item["sk"]["S"]
	entries := map[string]string{
		"state": item["state"]["S"] + item["due"]["S"], "requester": item["requester"]["S"] + item["submitted"]["S"],
	}
	for index, next := range entries {
		before := m.held[key][index]
		if next != before && before != "" {
			m.Index++
		}
		if next != before && next != "" {
			m.Index++
		}
	}
	m.held[key] = entries
}

// units reads ConsumedCapacity, which is an object or a list.
func units(said []byte) (sum float64) {
	var one struct {
		ConsumedCapacity struct{ CapacityUnits float64 }
	}
	var list struct {
		ConsumedCapacity []struct{ CapacityUnits float64 }
	}
	if json.Unmarshal(said, &one) == nil {
		return one.ConsumedCapacity.CapacityUnits
	}
	_ = json.Unmarshal(said, &list) // without ConsumedCapacity the sum stays 0
	for _, c := range list.ConsumedCapacity {
		sum += c.CapacityUnits
	}
	return sum
}
