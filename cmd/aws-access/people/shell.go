package people

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"runtime"

	"github.com/aws-access/aws-access/pkg/home"
	"github.com/aws-access/aws-access/pkg/wire"
)

func envCommand() Command {
	return Command{
		Name: "env", Args: "ACCOUNT ROLE", About: "print keys as variables for this shell", min: 2, max: 2,
		Details: `Prints commands that set the keys of a session in a shell. The keys do not renew: when they end, run it
again. A profile, or aws-access exec, renews by itself.`,
		Examples: []Example{
			{`eval "$(aws-access env payments-prod Operator)"`, "sets the keys in sh, bash or zsh"},
			{"aws-access env payments-prod Operator --shell fish | source", "sets them in fish"},
			{"aws-access env payments-prod Operator --shell powershell | Out-String | Invoke-Expression",
				"sets them in PowerShell"},
		},
		new: func() action { return &shellEnv{} },
	}
}

// shellEnv is "env".
type shellEnv struct{ shell string }

func (s *shellEnv) flags(f *flag.FlagSet) {
	f.StringVar(&s.shell, "shell", "", "`sh|fish|powershell`; else that of the variable SHELL, and on Windows powershell")
}

// setters write the line that sets a variable, by shell.
var setters = map[string]func(name, value string) string{
	"sh":         func(name, value string) string { return "export " + name + "=" + unixWord(value) },
	"fish":       func(name, value string) string { return "set -gx " + name + " " + fishWord(value) },
	"powershell": func(name, value string) string { return "$env:" + name + " = " + powershellWord(value) },
}

// settersOf finds the form of a shell by its path; nil if it is not known. Without a path it is sh.
func settersOf(path string) func(name, value string) string {
	switch name := filepath.Base(path); name {
	case "fish":
		return setters["fish"]
	case "pwsh", "powershell":
		return setters["powershell"]
	case ".", "sh", "bash", "zsh", "dash", "ksh", "ksh93", "mksh", "ash", "busybox":
		return setters["sh"]
	}
	return nil
}

func (s *shellEnv) run(ctx context.Context, e *Env, words []string) error {
	set := setters[s.shell]
	switch {
	case set != nil:
	case s.shell != "":
		return wrongUse("--shell %q is not known; write sh, fish or powershell", s.shell)
	case runtime.GOOS == "windows":
		set = setters["powershell"]
	default:
		if set = settersOf(e.Getenv("SHELL")); set == nil {
			return wrongUse("the shell in the variable SHELL, %q, is not known; give --shell sh, fish or powershell",
				e.Getenv("SHELL"))
		}
	}
	keys, err := e.Keys(ctx, Target{Account: words[0], Role: words[1], Waits: true})
	if err != nil {
		return keysError(err)
	}
	for _, v := range variables(keys) {
		if _, err := fmt.Fprintln(e.Stdout, set(v[0], v[1])); err != nil {
			return fmt.Errorf("write the keys: %w", err)
		}
	}
	c := clock{now: e.Now()}
	e.say("These keys do not renew. They end at %s.", c.at(&keys.End))
	return nil
}

// variables are those of AWS's SDKs. It is one of the places that print keys.
func variables(keys home.Keys) [][2]string {
	k := keys.Credentials
	all := [][2]string{{"AWS_ACCESS_KEY_ID", k.AccessKeyID}, {"AWS_SECRET_ACCESS_KEY", k.SecretKey.Reveal()},
		{"AWS_SESSION_TOKEN", k.SessionToken.Reveal()}}
	if keys.Region != "" {
		all = append(all, [2]string{"AWS_REGION", keys.Region}, [2]string{"AWS_DEFAULT_REGION", keys.Region})
	}
	return all
}

// keysError makes a call that was not sent a wrong command line.
func keysError(err error) error {
	if wire.CodeOf(err) == wire.BadPayload {
		return wrongUse("%v", err)
	}
	return err
}
