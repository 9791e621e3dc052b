package people

import (
	"context"
	"fmt"

	"github.com/aws-access/aws-access/pkg/client"
)

// newClient is Env.Client.
func (e *Env) newClient(_ context.Context, as As) (*client.Client, error) {
	if as.URL != "" && as.Machine == "" {
		return nil, wrongUse("--url is for machines: a person's computer knows the URL since aws-access login")
	}
	h, err := e.Home()
	if err != nil {
		return nil, err
	}
	defer func() { _ = h.Close() }()
	config, err := h.Config()
	if err != nil {
		return nil, err
	}
	key, err := h.Key()
	if err != nil {
		return nil, err
	}
	return &client.Client{
		Server: config.Server, Key: key, NextKey: config.NextKey, HTTP: client.NewHTTP(), Now: e.Now, Pause: client.Sleep,
		Say: func(text string) { e.say("%s", text) },
	}, nil
}

// say prints a line of words.
func (e *Env) say(format string, args ...any) {
	printf(e.Stderr, "%s\n", plain(fmt.Sprintf(format, args...)))
}
