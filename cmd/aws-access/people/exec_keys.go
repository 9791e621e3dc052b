package people

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/aws-access/aws-access/pkg/client"
	"github.com/aws-access/aws-access/pkg/credserver"
	"github.com/aws-access/aws-access/pkg/home"
	"github.com/aws-access/aws-access/pkg/wire"
)

// parent is what the profile of a machine's program has to know to ask for keys. It stands in a file that only
// the user can read.
type parent struct{ URL, Token string }

const parentName = "keys"

// serveChild answers the profile of a machine's program until stop is called.
func (e *Env) serveChild(ctx context.Context, t Target, dir string) (file string, stop func(), err error) {
	server := credserver.New()
	if err := server.Add(parentName, func(ctx context.Context) (home.Keys, error) { return e.Keys(ctx, t) }); err != nil {
		return "", nil, err
	}
	if err := server.Listen(ctx, netip.MustParseAddrPort("127.0.0.1:0")); err != nil {
		return "", nil, err
	}
	server.Report = func(_ string, err error) {
		if _, refused := errors.AsType[*home.Refused](err); !refused { // the program's profile says refusals
			e.say("aws-access exec: get keys: %v", err)
		}
	}
	serving, cancel := context.WithCancel(context.WithoutCancel(ctx)) // signals are for the program
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(serving) }()
	stop = func() {
		cancel()
		if err := <-ended; err != nil {
			e.say("aws-access exec: give keys to the program: %v", err)
		}
	}
	text, err := json.Marshal(parent{server.URL(parentName), server.Token(parentName).Reveal()})
	file = filepath.Join(dir, "parent")
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		stop()
		return "", nil, fmt.Errorf("write how to ask for keys: %w", err)
	}
	return file, stop, nil
}

func execKeysCommand() Command {
	return Command{
		Name: "exec-keys", Args: "FILE", About: "print keys of the exec that runs this program", min: 1, max: 1,
		Details: `The profile of a program that exec runs as a machine uses it.`,
		new:     func() action { return execKeys{} },
	}
}

// execKeys is "exec-keys".
type execKeys struct{ noFlags }

// maxKeys is how much of an answer is read. A session token has at most 4,096 bytes.
const maxKeys = 64 << 10

func (execKeys) run(ctx context.Context, e *Env, words []string) error {
	text, err := os.ReadFile(words[0])
	var p parent
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil {
		return errors.New("the aws-access exec that started this program has ended, so there are no more keys")
	}
	ctx, cancel := context.WithTimeout(ctx, processTimeout)
	defer cancel()
	body, err := askParent(ctx, p)
	if err != nil {
		return err
	}
	var keys struct{ AccessKeyId, SecretAccessKey, Token, Expiration, AccountId string }
	if err := json.Unmarshal(body, &keys); err != nil || keys.AccessKeyId == "" {
		return errors.New("the aws-access exec that started this program gave no keys")
	}
	out, err := json.Marshal(map[string]any{
		"Version": 1, "AccessKeyId": keys.AccessKeyId, "SecretAccessKey": keys.SecretAccessKey,
		"SessionToken": keys.Token, "Expiration": keys.Expiration, "AccountId": keys.AccountId,
	})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(e.Stdout, "%s\n", out); err != nil {
		return fmt.Errorf("write the keys: %w", err)
	}
	return nil
}

// askParent asks on loopback, so no proxy and no redirect has a part in it.
func askParent(ctx context.Context, p parent) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL, nil)
	if err != nil {
		return nil, errors.New("the file of aws-access exec is damaged")
	}
	r.Header.Set("Authorization", p.Token)
	transport := &http.Transport{Proxy: nil, ResponseHeaderTimeout: time.Minute}
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return nil, &client.Failure{Code: client.Unreachable,
			Text: "the aws-access exec that started this program does not answer; it may have ended"}
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxKeys))
	if err != nil {
		return nil, errors.New("the answer of aws-access exec broke off")
	}
	var refusal struct{ Code, Message string }
	switch {
	case answer.StatusCode == http.StatusOK:
		return body, nil
	case json.Unmarshal(body, &refusal) == nil && answer.StatusCode == http.StatusBadRequest:
		return nil, &home.Refused{Refusal: wire.Refusal{Code: refusal.Code, Text: refusal.Message}}
	}
	return nil, &client.Failure{Code: client.Unavailable,
		Text: "aws-access exec could not get keys; its own line says why"}
}
