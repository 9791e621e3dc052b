package functions

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/store"
)

// iamRates are how many calls of IAM an account may make in a second. AWS publishes no figures;
// these are guesses on the safe side.
var iamRates = map[string]float64{"iam:PutRolePolicy": 5, "iam:GetRolePolicy": 20, "iam:ListRolePolicies": 20}

// buckets throttle the calls of each account, in real time.
type buckets struct {
	mu        sync.Mutex
	left      map[string]float64
	at        map[string]time.Time
	calls     map[string]int
	throttled int
}

func newBuckets() *buckets {
	return &buckets{left: make(map[string]float64), at: make(map[string]time.Time), calls: make(map[string]int)}
}

func (b *buckets) over(op, account string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls[op]++
	rate, limited := iamRates[op]
	if !limited {
		return false
	}
	key, now := op+account, time.Now()
	if b.at[key].IsZero() {
		b.left[key] = rate
	}
	b.left[key] = min(rate, b.left[key]+rate*now.Sub(b.at[key]).Seconds())
	b.at[key] = now
	if b.left[key] < 1 {
		b.throttled++
		return true
	}
	b.left[key]--
	return false
}

// revokedOver makes grants with one session each, spread over accounts, and revokes them all.
func (w *cutWorld) revokedOver(accounts, grants int) {
	w.t.Helper()
	for n := range grants {
		account := fmt.Sprintf("%012d", 100000000000+n%accounts)
		if n < accounts {
			w.account(account)
		}
		w.grantIn(account, n)
		w.issues(n, w.orders(n), access.Credentials{AccessKeyID: "ASIAEXAMPLE", Expires: w.clock().Add(time.Hour)})
	}
	_, w.fed = w.store.Records(0, 1<<30)
	for n := range grants {
		w.revokes(n)
	}
}

// feedAll passes all orders in batches, as the mapping does.
func (w *cutWorld) feedAll(batch int) (invocations int) {
	w.t.Helper()
	for {
		records, last := w.store.Records(w.fed, batch)
		if len(records) == 0 {
			break
		}
		w.fed = last
		if records = onlyCuts(records); len(records) == 0 {
			continue
		}
		text, err := json.Marshal(events.DynamoDBEvent{Records: records})
		if err == nil {
			err = w.handle(text)
		}
		if err != nil {
			w.t.Fatal(err)
		}
		invocations++
	}
	return invocations
}

// onlyCuts are the records that pass the filter of the mapping.
func onlyCuts(records []events.DynamoDBEventRecord) (passed []events.DynamoDBEventRecord) {
	for _, r := range records {
		if _, ok := store.CutOrderOf(r); ok {
			passed = append(passed, r)
		}
	}
	return passed
}

// ending counts the grants whose cut is not done.
func (w *cutWorld) ending() (n int) {
	for _, r := range w.store.All(context.Background()) {
		if r.Cut == access.CutEnding {
			n++
		}
	}
	return n
}

// An incident: a thousand grants in fifty accounts are revoked at once.
func BenchmarkThousandCutsOverFiftyAccounts(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		w := newCutWorld(b)
		limits := newBuckets()
		w.limit = limits.over
		w.revokedOver(50, 1000)
		w.cut.Wait = func(_ context.Context, d time.Duration) error { time.Sleep(d); return nil }
		stop, peak := make(chan struct{}), make(chan uint64)
		go watchHeap(stop, peak)
		b.StartTimer()
		invocations := w.feedAll(25)
		b.StopTimer()
		close(stop)
		if n := w.ending(); n > 0 {
			b.Errorf("%d cuts are not done", n)
		}
		b.ReportMetric(float64(invocations), "invocations")
		for _, op := range []string{"sts:AssumeRole", "iam:GetRolePolicy", "iam:PutRolePolicy"} {
			b.ReportMetric(float64(limits.calls[op]), op)
		}
		b.ReportMetric(float64(limits.throttled), "throttled")
		b.ReportMetric(float64(<-peak)/1e6, "MB-heap")
		b.StartTimer()
	}
}

// watchHeap sends the largest heap that it saw until it is stopped.
func watchHeap(stop <-chan struct{}, peak chan<- uint64) {
	var most uint64
	for {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapAlloc)
		select {
		case <-stop:
			peak <- most
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}
