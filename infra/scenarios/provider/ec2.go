package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// client calls EC2 without the SDK's client, which takes minutes to compile. Each call asks the provider
// of credentials, which is what the scenarios are about.
type client struct {
	config   aws.Config
	endpoint string
}

// answer is what the resource reads of EC2's answers.
type answer struct {
	Run      []string `xml:"instancesSet>item>instanceId"`
	Existing []string `xml:"reservationSet>item>instancesSet>item>instanceId"`
}

// call calls one action. The error of EC2 is part of the returned one.
func (c client) call(ctx context.Context, action string, parameters map[string]string) (out answer, err error) {
	form := url.Values{"Action": {action}, "Version": {"2016-11-15"}}
	for name, value := range parameters {
		form.Set(name, value)
	}
	body := form.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint+"/", strings.NewReader(body))
	if err != nil {
		return out, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	keys, err := c.config.Credentials.Retrieve(ctx)
	if err != nil {
		return out, fmt.Errorf("find credentials: %w", err)
	}
	sum := sha256.Sum256([]byte(body))
	err = v4.NewSigner().SignHTTP(ctx, keys, r, hex.EncodeToString(sum[:]), "ec2", c.config.Region, time.Now())
	if err != nil {
		return out, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return out, err
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return out, err
	}
	if response.StatusCode != http.StatusOK {
		return out, fmt.Errorf("%s: %s: %s", action, response.Status, text)
	}
	return out, xml.Unmarshal(text, &out)
}
