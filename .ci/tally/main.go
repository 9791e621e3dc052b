// Command tally reads the output of `go test -json`, prints what failed and
// how long each package took, and ends with a line that counts. It fails when a test
// failed, was skipped, or when there was none.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

type line struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

func main() {
	count := make(map[string]int)
	said := make(map[string]*strings.Builder)
	broken := 0
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	for in.Scan() {
		var l line
		if json.Unmarshal(in.Bytes(), &l) != nil {
			fmt.Println(in.Text()) // what the build printed
			continue
		}
		key := l.Package + " " + l.Test
		if said[key] == nil {
			said[key] = new(strings.Builder)
		}
		switch l.Action {
		case "output", "build-output":
			_, _ = said[key].WriteString(l.Output)
		case "build-fail":
			broken++
		case "pass", "fail", "skip":
			if l.Test != "" {
				count[l.Action]++
			} else if l.Action != "skip" {
				fmt.Printf("%-5s %6.1f s  %s\n", l.Action, l.Elapsed, l.Package)
			}
			if l.Action == "fail" || (l.Action == "skip" && l.Test != "") {
				broken++
				fmt.Printf("--- %s: %s\n%s", l.Action, key, said[key])
			}
			delete(said, key)
		}
	}
	if err := in.Err(); err != nil {
		fmt.Println("the output of go test cannot be read:", err)
		broken++
	}
	for _, s := range said { // what never ended: a build that failed, a crash
		if s.Len() > 0 && broken > 0 {
			fmt.Print(s)
		}
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", count["pass"], count["fail"], count["skip"])
	if broken > 0 || count["pass"] == 0 {
		os.Exit(1)
	}
}
