package client

import (
	"cmp"
	"context"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"

	"github.com/aws-access/aws-access/pkg/machine"
	"github.com/aws-access/aws-access/pkg/wire"
)

// AWS is a machine with a role in AWS. Its credentials are those that the SDK finds: of the environment, a
// container, an instance or a profile.
type AWS struct {
	config   aws.Config
	endpoint string // of STS, for a sandbox on this computer; "" for AWS
}

// FindAWS looks for a Region. Credentials are looked for at each call, because those of a role change. If
// the server is on this computer, its STS is where AWS_ENDPOINT_URL_STS or AWS_ENDPOINT_URL says.
//
// Errors: *Failure with the code no_proof.
func FindAWS(ctx context.Context, getenv func(string) string) (*AWS, error) {
	c, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.NewStandardLogger(io.Discard)))
	if err != nil {
		return nil, noProof("the AWS SDK cannot read its configuration; look at AWS_PROFILE and ~/.aws/config")
	}
	if c.Region == "" {
		return nil, noProof("no Region is set; set AWS_REGION to the Region that the machine runs in")
	}
	return &AWS{config: c, endpoint: cmp.Or(getenv("AWS_ENDPOINT_URL_STS"), getenv("AWS_ENDPOINT_URL"))}, nil
}

// Prove signs a call of sts:GetCallerIdentity, and sends it to nobody.
func (a *AWS) Prove(ctx context.Context, q machine.Question, now time.Time, p *wire.Payload) error {
	found, err := a.config.Credentials.Retrieve(ctx)
	switch {
	case err != nil && ended(ctx) != nil:
		return ended(ctx)
	case err != nil:
		return noProof("the AWS SDK finds no credentials of a role; is this running under a role?")
	case found.SessionToken == "":
		return noProof("the credentials that the AWS SDK finds are those of a user; only the session of a role is accepted")
	}
	if (wire.URL{Address: q.Audience}).Loopback() {
		q.Endpoint = strings.TrimRight(a.endpoint, "/") // the name of the host is signed too
	}
	proof, err := q.Sign(ctx, a.config.Region, found, now)
	if err != nil {
		return noProof(err.Error())
	}
	p.AWS = &proof
	return nil
}

func noProof(why string) *Failure {
	return &Failure{NoProof, "this machine cannot prove who it is: " + why}
}
