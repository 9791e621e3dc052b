package vend

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
)

// A thousand sessions that were started at any time before the end of a grant, some with a short
// length of their own, some that STS refuses to narrow. The last call that is allowed is before
// the end. The first one that is refused is at the end or, if the session was narrowed, at most
// three seconds before it, and then GetCallerIdentity is refused too.
func TestAThousandSessionsEndAtTheirTime(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	for i := range 1000 {
		c := newCloud(t)
		c.now = noon.Add(time.Duration(random.IntN(1_000_000_000))) // any part of a second
		ends := c.now.Add(5*time.Second + time.Duration(random.Int64N(int64(2*time.Hour))))
		v := vending("Admin", c.now, ends)
		if random.IntN(2) == 0 {
			v.Until = c.now.Add(time.Minute + time.Duration(random.Int64N(int64(time.Hour))))
		}
		narrows := random.IntN(2) == 0
		if !narrows {
			c.fault = faultIn(getScopedCredentials, awsfake.FaultCode+"AccessDenied")
		}
		k, err := c.assumer().Assume(t.Context(), v)
		if err != nil {
			t.Fatalf("seed %d, case %d: %v", seed, i, err)
		}
		if wrong := c.endsWrong(t, k, v, narrows); wrong != "" {
			t.Errorf("seed %d, case %d: a session of %s from %s on, narrowed %v: %s", seed, i,
				v.DeniedFrom().Sub(v.Now), v.Now.Format(time.StampNano), narrows, wrong)
		}
	}
}

// endsWrong says what is wrong with the end of a session, "" if nothing is.
func (c *cloud) endsWrong(t *testing.T, k access.Credentials, v access.Vending, narrows bool) string {
	end := v.Ends
	if !v.Until.IsZero() && v.Until.Before(end) {
		end = v.Until
	}
	if hour := v.Now.Add(maxSession); hour.Before(end) {
		end = hour // STS ends the session
	}
	exact := narrows || end.Sub(v.Now) >= minSession
	first := end.Truncate(time.Second) // at which a call must be refused
	if exact && k.Expires.Before(first) {
		first = k.Expires
	}
	if early := end.Sub(first); early > 3*time.Second {
		return "it ends " + early.String() + " too early"
	}
	c.now = first.Add(-time.Second)
	if got := c.listing(t, k); got != "allowed" && c.now.After(v.Now) {
		return "a call one second before the end gets " + got
	}
	for _, at := range []time.Time{first, end, end.Add(time.Minute)} {
		c.now = at
		who, lists := c.whoami(t, k), c.listing(t, k)
		switch {
		case lists != "AccessDenied" && lists != "ExpiredToken":
			return "a call " + at.Sub(end).String() + " after the end is " + lists
		case exact && !at.Before(k.Expires) && who != "ExpiredToken":
			return "GetCallerIdentity " + at.Sub(end).String() + " after the end says " + who
		case !exact && at.Before(k.Expires) && !strings.HasPrefix(who, "arn:"):
			return "GetCallerIdentity is refused although nothing narrowed the session: " + who
		}
	}
	if exact && k.Expires.After(end) {
		return "its keys expire " + k.Expires.Sub(end).String() + " after the end"
	}
	return ""
}
