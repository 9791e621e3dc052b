//go:build deployed

package scenarios

import (
	"encoding/xml"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// The picture is as wide as the column of a README on GitHub, and has a background of its own. Each line has
// the length of its characters in a font of which they are known, so that it fits with every other font.
const (
	pictureWidth = 840
	margin       = 14
	advance      = 8.12 // of a character
	lineHeight   = 18
	titleHeight  = 40
)

// pictureStyle has a class for each kind of entry.
const pictureStyle = `text { font: 13.5px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  white-space: pre; fill: #c9d1d9 }
.title { font: 13.5px sans-serif; fill: #aab4be }
.typed text { fill: #ffffff; font-weight: 700 }
.slack text { fill: #e8d5f0 }
.slack rect { fill: #4a2355 }
`

// draw draws a recording. Nothing but the entries decides how.
func draw(entries []entry) string {
	var body strings.Builder
	y := titleHeight
	for i, e := range entries {
		if i > 0 && (e.kind == typed || (e.kind == slack) != (entries[i-1].kind == slack)) {
			y += 8
		}
		fmt.Fprintf(&body, "<g class=%q>\n", e.kind)
		for _, piece := range wrap(e.text) {
			if e.kind == slack { // a pixel higher, so that there are no seams
				fmt.Fprintf(&body, "<rect x=\"0\" y=\"%d\" width=\"%d\" height=\"%d\"/>\n", y, pictureWidth, lineHeight+1)
			}
			fmt.Fprintf(&body, "<text x=\"%d\" y=\"%d\" textLength=\"%.0f\" xml:space=\"preserve\">%s</text>\n",
				margin, y+13, advance*float64(utf8.RuneCountInString(piece)), escape(piece))
			y += lineHeight
		}
		body.WriteString("</g>\n")
	}
	y += margin
	return fmt.Sprintf("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "+
		"role=\"img\">\n<title>A recording of the terminal and of Slack</title>\n<style>\n%s</style>\n"+
		"<rect width=\"%d\" height=\"%d\" rx=\"8\" fill=\"#161b22\"/>\n"+
		"<text class=\"title\" x=\"%d\" y=\"24\">Recorded in the sandbox: AWS and Slack are simulated; "+
		"aws-access and the AWS CLI are the real programs.</text>\n%s</svg>\n",
		pictureWidth, y, pictureWidth, y, pictureStyle, pictureWidth, y, margin, &body)
}

// wrap cuts a line as a terminal does.
func wrap(text string) (pieces []string) {
	all := []rune(text)
	for len(all) > columns {
		pieces, all = append(pieces, string(all[:columns])), all[columns:]
	}
	return append(pieces, string(all))
}

func escape(text string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(text)) // a Builder takes everything
	return out.String()
}

// readDrawing returns the entries that draw has drawn.
func readDrawing(t *testing.T, picture string) (entries []entry) {
	t.Helper()
	var svg struct {
		Groups []struct {
			Class  string   `xml:"class,attr"`
			Pieces []string `xml:"text"`
		} `xml:"g"`
	}
	if err := xml.Unmarshal([]byte(picture), &svg); err != nil {
		t.Fatalf("read docs/images/terminal.svg: %v", err)
	}
	for _, g := range svg.Groups {
		entries = append(entries, entry{g.Class, strings.Join(g.Pieces, "")})
	}
	return entries
}
