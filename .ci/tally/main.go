// Command tally reads the output of `go test -json` and prints the time of each
// package, the output of each failed test, and a last line with the numbers of tests.
// It fails if a test failed or was skipped, or if no test passed.
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
	output := make(map[string]*strings.Builder)
	broken := 0
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	for in.Scan() {
		var l line
		if json.Unmarshal(in.Bytes(), &l) != nil {
			fmt.Println(in.Text()) // output of the build
			continue
		}
		key := l.Package + " " + l.Test
		if output[key] == nil {
			output[key] = new(strings.Builder)
		}
		switch l.Action {
		case "output", "build-output":
			_, _ = output[key].WriteString(l.Output)
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
				fmt.Printf("--- %s: %s\n%s", l.Action, key, output[key])
			}
			delete(output, key)
		}
	}
	if err := in.Err(); err != nil {
		fmt.Println("read the output of go test:", err)
		broken++
	}
	for _, s := range output { // of tests without an end: a failed build or a crash
		if s.Len() > 0 && broken > 0 {
			fmt.Print(s)
		}
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", count["pass"], count["fail"], count["skip"])
	if broken > 0 || count["pass"] == 0 {
		os.Exit(1)
	}
}
