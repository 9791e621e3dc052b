package dynamo_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
)

// meter stands between the client and DynamoDB Local, and adds up what calls
// cost. Writes are counted from the items by the rules of DynamoDB's price
// list, because DynamoDB Local's own figures for transactions do not follow
// them: a unit for each KB that was begun, two in a transaction, and one for
// each entry of an index that is put or taken away. Reads are as it reports.
type meter struct {
	mu    sync.Mutex
	held  map[string]map[string]string // entries of indexes, by item
	Calls map[string]int
	Read  float64 // units, of the table and its indexes
	Write float64 // units of the table
	Index float64 // units of the indexes, before any factor for transactions
}

// wires is as many connections as DynamoDB Local takes at once.
var wires = &http.Transport{MaxConnsPerHost: 50}

// attributes is an item on the wire: text and numbers.
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
	answer, err := wires.RoundTrip(sent)
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
		TransactItems []struct{ Put struct{ Item attributes } }
	}
	_ = json.Unmarshal(asked, &in) // reads have neither
	switch op {
	case "PutItem":
		m.put(in.Item, 1, done)
	case "TransactWriteItems":
		for _, one := range in.TransactItems {
			m.put(one.Put.Item, 2, done)
		}
	default:
		m.Read += units(said)
	}
}

// put counts one write. One whose condition failed costs the same, but for the
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

// units reads ConsumedCapacity, which is one or a list.
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
	_ = json.Unmarshal(said, &list) // an answer without it costs nothing that is known
	for _, c := range list.ConsumedCapacity {
		sum += c.CapacityUnits
	}
	return sum
}
