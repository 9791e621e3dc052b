package people

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"

	"github.com/aws-access/aws-access/pkg/credserver"
	"github.com/aws-access/aws-access/pkg/home"
)

func serveCommand() Command {
	return Command{
		Name: "serve", About: "give keys to programs and containers, each its own role",
		Details: `Serves container credentials, which every AWS SDK and the AWS CLI read. Each NAME has a role, an address
and a token, and gets no keys of another one. The two variables that a program needs are printed for each NAME. Keys
renew as long as it runs; Ctrl-C ends it and removes the files of the tokens.

It listens on 127.0.0.1. In a network of Docker Compose with the subnet 169.254.170.0/24, a container can listen on
169.254.170.2, from where SDKs take keys by plain http; other addresses are refused. Tokens are written with mode
0600 into a directory that is removed in the end, or into the one of --tokens, from which only they are removed.

An SDK asks this server last: keys in variables or in the default profile of the program win.`,
		Examples: []Example{
			{"aws-access serve --map app=payments-prod/ReadOnly --map job=payments-prod/Operator", "serves two roles"},
			{"aws-access serve --as aws --address 169.254.170.2:80 --tokens /tokens --map app=111111111111/Deploy",
				"in a container of Compose"},
		},
		new: func() action { return &serve{} },
	}
}

// serve is "serve".
type serve struct {
	as      As
	maps    []mapping
	address string
	tokens  string
}

// mapping is one --map.
type mapping struct{ name, account, role string }

func (s *serve) flags(f *flag.FlagSet) {
	f.Func("map", "`NAME=ACCOUNT/ROLE`, once for each role", func(text string) error {
		m, ok := parseMapping(text)
		if !ok {
			return errors.New("write NAME=ACCOUNT/ROLE")
		}
		s.maps = append(s.maps, m)
		return nil
	})
	f.StringVar(&s.address, "address", "127.0.0.1", "`IP[:PORT]` to listen on; without a port, a free one")
	f.StringVar(&s.tokens, "tokens", "", "`directory` for the files of the tokens, which exists")
	s.as.flags(f)
}

// parseMapping splits a mapping. The name of an account may have = and /, the others have neither.
func parseMapping(text string) (m mapping, ok bool) {
	name, target, found := strings.Cut(text, "=")
	slash := strings.LastIndexByte(target, '/')
	if !found || slash < 1 || name == "" || slash == len(target)-1 {
		return mapping{}, false
	}
	return mapping{name, target[:slash], target[slash+1:]}, true
}

func parseAddress(text string) (netip.AddrPort, error) {
	if ip, err := netip.ParseAddr(text); err == nil {
		return netip.AddrPortFrom(ip, 0), credserver.CheckAddress(ip)
	}
	at, err := netip.ParseAddrPort(text)
	if err != nil {
		return at, fmt.Errorf("%q is no address such as 127.0.0.1 or 169.254.170.2:80", text)
	}
	return at, credserver.CheckAddress(at.Addr())
}

func (s *serve) run(ctx context.Context, e *Env, _ []string) error {
	if len(s.maps) == 0 {
		return wrongUse("it needs --map NAME=ACCOUNT/ROLE at least once")
	}
	at, err := parseAddress(s.address)
	if err != nil {
		return wrongUse("--address: %v", err)
	}
	if _, err := e.Client(ctx, s.as); err != nil { // now, and not when the first program asks
		return err
	}
	server := credserver.New()
	closeCache, err := s.add(e, server)
	if err != nil {
		return err
	}
	defer closeCache()
	var mu sync.Mutex
	server.Report = func(name string, err error) {
		mu.Lock()
		defer mu.Unlock()
		e.say("aws-access serve: keys for %s: %v", name, err)
	}
	if err := server.Listen(ctx, at); err != nil {
		return err
	}
	paths, removeTokens, err := s.writeTokens(server)
	if err != nil {
		return err
	}
	defer removeTokens()
	for _, m := range s.maps {
		if _, err := fmt.Fprintf(e.Stdout, "# %s\nAWS_CONTAINER_CREDENTIALS_FULL_URI=%s\n"+
			"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=%s\n", m.name, server.URL(m.name), paths[m.name]); err != nil {
			return fmt.Errorf("write the variables: %w", err)
		}
	}
	return server.Serve(ctx)
}

// add adds the roles. A machine's keys are kept in a directory that closeCache removes.
func (s *serve) add(e *Env, server *credserver.Server) (closeCache func(), err error) {
	closeCache = func() {}
	var cache *home.Cache
	if s.as.Machine != "" {
		if cache, closeCache, err = e.machineCache(); err != nil {
			return nil, fmt.Errorf("make a cache for this run: %w", err)
		}
	}
	for _, m := range s.maps {
		t := Target{Account: m.account, Role: m.role, As: s.as, Cache: cache}
		err := server.Add(m.name, func(ctx context.Context) (home.Keys, error) { return e.Keys(ctx, t) })
		if err != nil {
			closeCache()
			return nil, wrongUse("--map: %v", err)
		}
	}
	return closeCache, nil
}

func (s *serve) writeTokens(server *credserver.Server) (paths map[string]string, remove func(), err error) {
	if s.tokens != "" {
		return server.WriteTokens(s.tokens)
	}
	dir, err := os.MkdirTemp("", "aws-access-serve-") // mode 0700
	if err != nil {
		return nil, nil, fmt.Errorf("make a directory for the tokens: %w", err)
	}
	paths, removeFiles, err := server.WriteTokens(dir)
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, nil, err
	}
	return paths, func() { removeFiles(); _ = os.RemoveAll(dir) }, nil
}
