package world

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/machine"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/wire"
)

// judge judges the proofs of machines, as the vend function does. A machine that knows
// nothing of the sandbox signs for the STS of its Region, as docs/wire.md says; its
// proof is sent to the fake STS under that name. A machine whose endpoint of STS is the
// sandbox signs for that one.
type judge struct {
	machine.Judge               // for the STS of a Region
	here          machine.Judge // for the sandbox's own endpoint
}

// judge judges proofs at the fake STS, by the time of this computer, because machines
// sign with it; and tokens by the keys of the fake issuers.
func (w *World) judge(p *policy.Policy) judge {
	tokens := &machine.Tokens{Issuers: p.Issuers(), Client: w.Issuers.client(), Now: w.Clock.Now, Loopback: true}
	regional := machine.NewClient()
	regional.Transport = leadTo(regional.Transport, w.stsURL)
	at := machine.Question{Endpoint: w.publicURL + "/aws"}
	return judge{
		Judge: machine.Judge{STS: machine.STS{Client: regional, Now: time.Now}, Tokens: tokens},
		here:  machine.Judge{STS: machine.STS{Question: at, Client: machine.NewClient(), Now: time.Now}},
	}
}

// Role returns the machine of a proof for either endpoint.
func (j judge) Role(ctx context.Context, p wire.AWSProof, audience, key string) (access.Machine, error) {
	m, err := j.Judge.Role(ctx, p, audience, key)
	if access.Code(err) == "bad_proof" {
		if here, hereErr := j.here.Role(ctx, p, audience, key); hereErr == nil {
			return here, nil
		}
	}
	return m, err
}

// stsPath is where the fake STS answers to the functions under the name of a Region's.
const stsPath = "/sts/"

// stsURL is where a call to the STS of a Region goes, and the Host that it has there;
// "" for that of the address.
func (w *World) stsURL(region *url.URL) (target, host string) {
	if w.settings.STS.URL != "" {
		return w.settings.STS.URL, region.Host
	}
	return w.internalURL + stsPath + region.Host + "/", ""
}

// leadTo sends requests to another address.
func leadTo(network http.RoundTripper, to func(*url.URL) (target, host string)) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		target, host := to(r.URL)
		inside, err := http.NewRequestWithContext(r.Context(), r.Method, target, r.Body)
		if err != nil {
			return nil, fmt.Errorf("lead a request to a fake: %w", err)
		}
		inside.Header, inside.ContentLength, inside.Host = r.Header, r.ContentLength, host
		return network.RoundTrip(inside)
	})
}

// asSTS answers a function as the STS of a Region.
func (w *World) asSTS(out http.ResponseWriter, r *http.Request) {
	inside := r.Clone(r.Context())
	inside.Host, _, _ = strings.Cut(strings.TrimPrefix(r.URL.Path, stsPath), "/")
	inside.URL, inside.RequestURI = &url.URL{Path: "/"}, "/"
	w.AWS.AWS().ServeHTTP(out, inside)
}
