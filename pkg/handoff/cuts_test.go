package handoff

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws-access/aws-access/pkg/access"
)

func TestCutsAreOrderedInSmallOrdersAndOneFailureStopsNoOther(t *testing.T) {
	var mu sync.Mutex
	var bodies []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if r.Header.Get("X-Amz-Invocation-Type") != "Event" || !strings.HasSuffix(r.URL.Path, ":function:cut/invocations") {
			t.Errorf("got %s %v", r.URL.Path, r.Header)
		}
		if strings.Contains(string(body), "Role0\"") { // the first order
			w.WriteHeader(http.StatusForbidden)
			return
		}
		bodies = append(bodies, string(body))
		w.WriteHeader(http.StatusAccepted)
	}))
	defer server.Close()
	c := Cuts{Lambda: callsTo(server.URL).Lambda, Cut: "arn:aws:lambda:eu-west-1:999999999999:function:cut"}
	var lists []access.CutKey
	for i := range 2*perCutOrder + 1 {
		lists = append(lists, access.CutKey{Account: "111111111111", Role: fmt.Sprint("Role", i)})
	}
	err := c.Send(t.Context(), lists)
	if err == nil || !strings.Contains(err.Error(), "order 25 cuts, the first of them 111111111111#Role0") {
		t.Errorf("got the error %v", err)
	}
	if len(bodies) != 2 || strings.Count(bodies[0], "account") != perCutOrder ||
		bodies[1] != `{"cut":[{"account":"111111111111","role":"Role50"}]}` {
		t.Errorf("got %d orders after the failed one: %v", len(bodies), bodies)
	}
	if err := c.Send(t.Context(), nil); err != nil || len(bodies) != 2 {
		t.Errorf("nothing to cut: %v, %d orders", err, len(bodies))
	}
}
