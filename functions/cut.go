package functions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/lifecycle"
	"github.com/aws-access/aws-access/pkg/store"
)

type cutStore interface {
	CutList(ctx context.Context, k access.CutKey) (access.CutList, error)
	SaveCutList(ctx context.Context, next access.CutList) error
}

type cutter interface {
	// Apply makes the policy of a role match its cut list. Its errors may have a method CutCode.
	Apply(
		ctx context.Context, hint string, read func(context.Context) (access.CutList, error),
	) (access.CutOutcome, error)
	// Try proves that the revoker of a role's account works, and returns codes.
	Try(ctx context.Context, arn string) (codes []string)
}

// Cut is the handler that ends live sessions. The stream and the tick order it; whatever an order
// says, it does only what the cut list in the table says. So an order may come late, often, or for
// a grant that never was.
type Cut struct {
	Store  cutStore
	Step   lifecycle.Cut
	Cutter cutter
	Now    func() time.Time
	Wait   func(ctx context.Context, d time.Duration) error // between tries; with nil there is one try
	Log    *slog.Logger
}

// cutsAtOnce is how many roles are written at once. IAM limits the calls of each account, and
// most roles of one incident are in different ones.
const cutsAtOnce = 16

// cutReserve is how much of the function's time is kept for recording what was done.
const cutReserve = 15 * time.Second

// cutSaveTries is how often a list is saved while moves put other grants on it.
const cutSaveTries = 64

// nearlyFull is how many names a role's policy has when operators are warned. About 320 fit.
const nearlyFull = 240

// CutOrder is the order of the tick: {"cut": [{"account": …, "role": …}]}.
type CutOrder struct {
	Cut []CutTarget `json:"cut"`
}

// CutTarget is a role in an order.
type CutTarget struct {
	Account string `json:"account"`
	Role    string `json:"role"`
}

var errUnknownCut = errors.New("the payload is no records of the stream and no order to cut")

// Handle handles records of the table's stream, an order of the tick, or a check of doctor, which is
// answered. Its error is about the table only: a cut that fails is recorded in its list, and the
// tick orders it again.
func (h Cut) Handle(ctx context.Context, payload json.RawMessage) (any, error) {
	var asked struct {
		Check *RevokerCheck `json:"check"`
	}
	if decodeStrict(payload, &asked) == nil && asked.Check != nil {
		return h.check(ctx, *asked.Check), nil
	}
	return nil, h.handle(ctx, payload)
}

func (h Cut) handle(ctx context.Context, payload json.RawMessage) error {
	hints, stream, err := cutOrders(payload)
	if err != nil {
		h.Log.ErrorContext(ctx, "cut was called with an unknown payload", "error", err)
		return err
	}
	keys := slices.Collect(maps.Keys(hints))
	failed := make([]error, len(keys))
	atOnce(len(keys), cutsAtOnce, func(i int) {
		k := keys[i]
		if len(keys) > 1 && h.isDone(ctx, k) {
			return
		}
		if err := h.cutUntilDone(ctx, k, hints[k], !stream); err != nil {
			failed[i] = fmt.Errorf("cut sessions of %s %s: %w", k.Account, k.Role, err)
		}
	})
	return errors.Join(failed...)
}

// atOnce calls do for each number below n, a few at the same time.
func atOnce(n, few int, do func(i int)) {
	var all sync.WaitGroup
	slots := make(chan struct{}, few)
	for i := range n {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			do(i)
		})
	}
	all.Wait()
}

// cutOrders returns the cut lists that a payload is about, each with the ARN of its role if the
// payload says it, and whether the payload is of the stream.
func cutOrders(payload []byte) (hints map[access.CutKey]string, fromStream bool, err error) {
	hints = make(map[access.CutKey]string)
	var stream struct {
		Records []events.DynamoDBEventRecord `json:"Records"`
	}
	var order CutOrder
	switch {
	case json.Unmarshal(payload, &stream) == nil && stream.Records != nil:
		for _, record := range stream.Records {
			k, ok := store.CutOrderOf(record)
			if !ok {
				continue
			}
			hints[k] = ""
			if e, ok, err := store.EventOf(record); ok && err == nil {
				hints[k] = e.RoleARN
			}
		}
		return hints, true, nil
	case decodeStrict(payload, &order) == nil && order.Cut != nil:
		for _, t := range order.Cut {
			hints[access.CutKey{Account: t.Account, Role: t.Role}] = ""
		}
	default:
		return nil, false, errUnknownCut
	}
	return hints, false, nil
}

// isDone reports whether a list is not due: an earlier batch of the same incident has done all of
// it. A single order does not ask, because that would be one call more before the deny.
func (h Cut) isDone(ctx context.Context, k access.CutKey) bool {
	l, err := h.Store.CutList(ctx, k)
	due, ok := l.Due()
	return err == nil && ok && h.Now().Before(due)
}

// cutUntilDone cuts until the policy was read back, or there is no time for another try. Records of
// the stream get one try, because those behind them wait: the tick orders what failed within a
// minute.
func (h Cut) cutUntilDone(ctx context.Context, k access.CutKey, hint string, again bool) error {
	for {
		next, err := h.cut(ctx, k, hint)
		if err != nil || next.IsZero() || !again || h.Wait == nil {
			return err
		}
		wait := next.Sub(h.Now())
		if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) < wait+cutReserve {
			return nil
		}
		if h.Wait(ctx, max(wait, 0)) != nil {
			return nil //nolint:nilerr // there is no time left, and the tick orders it again
		}
	}
}

// cut makes one try. next is when another one is due after a failure, the zero time otherwise.
func (h Cut) cut(ctx context.Context, k access.CutKey, hint string) (next time.Time, err error) {
	read := func(ctx context.Context) (access.CutList, error) { return h.Store.CutList(ctx, k) }
	out, err := h.Cutter.Apply(ctx, hint, read)
	if err != nil {
		return h.failed(ctx, k, err)
	}
	if _, due := out.List.Due(); !due {
		return time.Time{}, nil
	}
	for _, id := range out.Missing {
		h.Log.ErrorContext(ctx, "a deny had gone missing", "account", k.Account, "role", k.Role, "request", id)
		if err := h.Step.WasMissing(ctx, id); err != nil && access.Code(err) != access.CodeUnknownRequest {
			return time.Time{}, err
		}
	}
	h.report(ctx, k, out)
	now := h.Now()
	return time.Time{}, h.save(ctx, k, func(l access.CutList) (access.CutList, []string) {
		out.List = l
		return l.Worked(out.Denied, now).Cleared(now), finished(out, now)
	})
}

// finished returns the grants whose sessions can do nothing any more, if that is not known yet:
// their names were read back from the policy, or they have all expired.
func finished(out access.CutOutcome, now time.Time) (ids []string) {
	for _, n := range out.List.Names {
		until, named := out.Denied.Grants[n.Grant]
		denied := named && !until.Before(n.Until) || !now.Before(n.Until)
		if denied && (n.Done.IsZero() || slices.Contains(out.Missing, n.Grant)) {
			ids = append(ids, n.Grant)
		}
	}
	return ids
}

// report logs what operators have to know of a role's policy.
func (h Cut) report(ctx context.Context, k access.CutKey, out access.CutOutcome) {
	for _, name := range out.Bad {
		h.Log.ErrorContext(ctx, "a cut failed", "account", k.Account, "role", k.Role, "code", "bad_name",
			"name", fmt.Sprintf("%.40q", name))
	}
	switch names := len(out.Denied.Grants); {
	case len(out.Denied.ByIssue) > 0:
		h.Log.ErrorContext(ctx, "a whole role was cut", "account", k.Account, "role", k.Role,
			"grants", len(out.Denied.ByIssue), "issued_before", out.Denied.Whole)
	case names > nearlyFull:
		h.Log.ErrorContext(ctx, "a role has little room for denies", "account", k.Account, "role", k.Role, "names", names)
	}
}

// failed records a try that failed.
func (h Cut) failed(ctx context.Context, k access.CutKey, cause error) (next time.Time, err error) {
	var coded interface{ CutCode() string }
	if !errors.As(cause, &coded) {
		return time.Time{}, cause // the table
	}
	now, live := h.Now(), 0
	err = h.save(ctx, k, func(l access.CutList) (access.CutList, []string) {
		var over []string
		for _, n := range l.Over(now) {
			over = append(over, n.Grant)
		}
		live = len(l.Live(now))
		l = l.FailedWith(coded.CutCode(), now)
		next = l.NextTry
		return l, over
	})
	args := []any{"account", k.Account, "role", k.Role, "code", coded.CutCode(), "error", cause}
	if live == 0 { // nobody can act any more
		h.Log.WarnContext(ctx, "denies that are over were not taken out", args...)
		return time.Time{}, err
	}
	h.Log.ErrorContext(ctx, "a cut failed", args...)
	return next, err
}

// save saves a change of a list, after it has recorded for some grants that their sessions can do
// nothing any more. It starts again from the newer list if a move has put a grant on it meanwhile:
// that move may have been about one of these grants.
func (h Cut) save(
	ctx context.Context, k access.CutKey, change func(access.CutList) (next access.CutList, done []string),
) error {
	for try := range cutSaveTries {
		l, err := h.Store.CutList(ctx, k)
		if err != nil {
			return err
		}
		next, done := change(l)
		for _, id := range done {
			err := h.Step.IsDone(ctx, id)
			if err != nil && access.Code(err) != access.CodeUnknownRequest { // the table is an older copy
				return err
			}
		}
		next.Version = l.Version + 1
		if err = h.Store.SaveCutList(ctx, next); !errors.Is(err, access.ErrStale) {
			return err
		}
		if h.Wait != nil && h.Wait(ctx, rand.N(10*time.Millisecond<<min(try, 5))) != nil { //nolint:gosec // spreads tries
			break
		}
	}
	return nil //nolint:nilerr // the list is still due
}
