package people

import (
	"fmt"
	"strings"
)

// Page returns docs/cli.md. It is written by `go test ./cmd/aws-access/people -run Page -update`.
func Page() string {
	var b strings.Builder
	b.WriteString(pageTop)
	for _, c := range Commands() {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s |\n", c.Name, c.Name, c.About)
	}
	for _, c := range Commands() {
		fmt.Fprintf(&b, "\n## %s\n\n```\n%s\n```\n\n%s\n", c.Name, c.synopsis(), strings.TrimSpace(c.Details))
		if flags := c.flagRows(); len(flags) > 0 {
			b.WriteString("\n| flag | meaning |\n| --- | --- |\n")
			for _, f := range flags {
				fmt.Fprintf(&b, "| `%s` | %s |\n", strings.ReplaceAll(f.form, "|", `\|`), f.usage)
			}
		}
		for i, e := range c.Examples {
			if i == 0 {
				b.WriteString("\n| example | what it does |\n| --- | --- |\n")
			}
			fmt.Fprintf(&b, "| `%s` | %s |\n", strings.ReplaceAll(e.Line, "|", `\|`), e.Does)
		}
	}
	return b.String()
}

const noColour = "NO_COLOR" //nolint:misspell // the name of a variable

const pageTop = `# The command

` + "`aws-access`" + ` is the command for everybody who needs access, and for machines. A test compares this page
with the table of commands in the program, so ` + "`aws-access help COMMAND`" + ` says the same.

In a clone of the repository, with Go installed, this builds the command for the present shell:

` + "```sh\ngo build -o bin/aws-access ./cmd/aws-access\nexport PATH=\"$PWD/bin:$PATH\"\n```" + `

It has the commands of operators too, such as ` + "`doctor`" + `. With ` + "`-tags people`" + ` they are left out, which
makes a smaller program that starts faster. To keep it, copy the program into a directory that is always on your
` + "`PATH`" + ` before ` + "`aws-access profiles --write`" + `, which writes its whole path.

Data goes to standard output, words to standard error. Flags may stand before, between and after the
other arguments; what follows ` + "`--`" + ` is never read as a flag. No colours are used, with or without
` + "`" + noColour + "`" + `.

| exit code | meaning |
| --- | --- |
| 0 | done |
| 1 | refused: no access, or the server does not know this device. One line says what to do |
| 2 | the command line is wrong |
| 3 | the server could not be asked, or its answer cannot be trusted |
| 130 | Ctrl-C |

` + "`exec`" + ` ends with the exit code of its program.

| command | what it does |
| --- | --- |
`
