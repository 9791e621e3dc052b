package people

import (
	"context"
	"strings"
)

func completionCommand() Command {
	return Command{
		Name: "completion", Args: "bash|zsh", About: "print the completion for a shell", min: 1, max: 1,
		Details: `Prints a script with which the shell completes the names of commands and flags.`,
		Examples: []Example{
			{`eval "$(aws-access completion bash)"`, "in ~/.bashrc"},
			{`eval "$(aws-access completion zsh)"`, "in ~/.zshrc, after compinit"},
		},
		new: func() action { return &completion{} },
	}
}

// completion is "completion".
type completion struct{ noFlags }

func (completion) run(_ context.Context, e *Env, words []string) error {
	switch words[0] {
	case "bash":
		printf(e.Stdout, "%s", bashCompletion())
	case "zsh": // zsh reads the completions of bash
		printf(e.Stdout, "autoload -Uz bashcompinit && bashcompinit\n%s", bashCompletion())
	default:
		return wrongUse("%q is not known; write bash or zsh", words[0])
	}
	return nil
}

// values are those that a word or flag can have.
var values = map[string]string{"--as": "aws github oidc", "--shell": "sh fish powershell"}

// bashCompletion is a function for complete -F. All words in it come from the table of commands.
func bashCompletion() string {
	var names []string
	var b strings.Builder
	for _, c := range Commands() {
		names = append(names, c.Name)
	}
	b.WriteString("_aws_access() {\n  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words=\n" +
		"  COMPREPLY=()\n  if [ \"$COMP_CWORD\" -eq 1 ]; then\n    words='" + strings.Join(names, " ") + " help'\n" +
		"  else\n    case $before in\n")
	for _, flag := range []string{"--as", "--shell"} {
		b.WriteString("    " + flag + ") words='" + values[flag] + "' ;;\n")
	}
	b.WriteString("    *) case ${COMP_WORDS[1]} in\n")
	for _, c := range Commands() {
		words := firstWords(c)
		for _, f := range c.flagRows() {
			words = append(words, "--"+f.name)
		}
		b.WriteString("      " + c.Name + ") words='" + strings.Join(words, " ") + "' ;;\n")
	}
	b.WriteString("      help) words='" + strings.Join(names, " ") + "' ;;\n    esac ;;\n    esac\n  fi\n" +
		"  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n}\ncomplete -F _aws_access aws-access\n")
	return b.String()
}

// firstWords are the words of a command that are always the same.
func firstWords(c Command) []string {
	switch c.Name {
	case "completion":
		return []string{"bash", "zsh"}
	case "devices":
		return []string{"remove"}
	}
	return nil
}
