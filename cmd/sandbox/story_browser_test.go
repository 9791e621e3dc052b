package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/gif"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/chromedp/chromedp"
)

const (
	storyWidth, storyHeight = 840, 540 // of the page; the column of a README on GitHub is about as wide
	storyScale              = 2        // pixels for each of them, so that text is sharp on dense screens

	maxStoryBytes  = 2 << 20
	maxColourError = 20 // of 255, for rare colours

	storyCommand = `/aws-access payments-prod ReadOnly 10m "Payouts are stuck"`
)

// scene is one frame of docs/images/story.gif.
type scene struct {
	step    int
	caption string
	shown   time.Duration
}

// storyScenes are the frames in their order.
func storyScenes() []scene {
	return []scene{
		{1, "A developer asks in Slack", 3 * time.Second},
		{2, "A lead approves with one click", 2500 * time.Millisecond},
		{2, "A lead approves with one click", 2 * time.Second},
		{3, "The developer gets a console link or keys", 3 * time.Second},
		{4, "The console opens, with that role only", 3 * time.Second},
		{5, "After 10 minutes, AWS refuses the next call", 5 * time.Second},
	}
}

// A request becomes a session of the console, and after the grant's end the console
// denies the next call, although the session itself has not expired. The README shows
// these steps as an animation.
func TestReadmeStoryInABrowser(t *testing.T) {
	sandboxtest.SkipIfShort(t, "it needs a browser")
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	rec := &recorder{t: t, left: storyScenes()}
	slack := openBrowser(t, b.URL)
	slack.open(b.URL + "/")

	slack.click("person-U0DEV1")
	slack.write("composer", storyCommand)
	rec.capture(slack, hook("send"))
	slack.click("send")
	slack.sees("#list", "Asked for ReadOnly in payments-prod (111111111111) for 10m.")

	slack.click("person-U0LEAD1")
	slack.click("channel-C0APPROVALS")
	slack.sees("#list", "AWS access wanted")
	rec.capture(slack, hook("button-Approve"))
	slack.click("button-Approve")
	slack.sees("#list", "Approved by @lead1")
	rec.capture(slack, "")

	slack.click("person-U0DEV1")
	slack.click("dm")
	slack.sees(hook("button-Get temporary keys"), "Get temporary keys")
	rec.capture(slack, hook("button-Open AWS console"))

	slack.click("button-Open AWS console")
	const link = `#list a[href*="/federation?"]`
	slack.sees(link, "Open AWS console: payments-prod, ReadOnly")
	console := slack.another()
	console.open(slack.attribute(link, "href"))
	console.sees("#buckets", "demo-111111111111")
	rec.capture(console, "")
	b.Do("clock", `{"advance":"10m1s"}`)
	console.watch.allow(http.StatusForbidden)
	console.does("reload the console", chromedp.Reload())
	console.sees("#refusal", "Your access has ended")
	console.sees("#refusal", "The policy of this session now denies every call.")
	rec.capture(console, "")
	rec.end()
}

// recorder takes the frames of the story.
type recorder struct {
	t      *testing.T
	left   []scene
	frames []frame
}

// capture takes the next frame, of a tab. The pointer is on the element that matches at,
// or absent if at is empty.
func (r *recorder) capture(b *tab, at string) {
	r.t.Helper()
	if len(r.left) == 0 {
		r.t.Fatal("the story has more frames than storyScenes lists")
	}
	s := r.left[0]
	r.left = r.left[1:]
	css, err := os.ReadFile(filepath.Join("testdata", "story.css"))
	if err != nil {
		r.t.Fatal(err)
	}
	arguments, err := json.Marshal([]any{string(css), s.step, s.caption, at})
	if err != nil {
		r.t.Fatal(err)
	}
	b.does("set the size of the story",
		chromedp.EmulateViewport(storyWidth, storyHeight, chromedp.EmulateScale(storyScale)))
	b.does("draw the caption of "+s.caption,
		chromedp.Evaluate[chromedp.Void](fmt.Sprintf("(%s)(...%s)", drawCaption, arguments)))
	picture, err := png.Decode(bytes.NewReader(b.screenshot(s.caption)))
	if err != nil {
		r.t.Fatalf("decode the screenshot of %s: %v", s.caption, err)
	}
	r.frames = append(r.frames, frame{picture, s.shown})
}

// end checks the whole story. With -update it is written to docs/images/story.gif.
func (r *recorder) end() {
	r.t.Helper()
	data, colourError, err := encodeGIF(r.frames)
	if err != nil {
		r.t.Fatal(err)
	}
	if colourError > maxColourError {
		r.t.Errorf("a colour of the story is off by %d of 255, want at most %d", colourError, maxColourError)
	}
	checkStory(r.t, data)
	if !*update || r.t.Failed() {
		return
	}
	if err := os.WriteFile(storyFile(r.t), data, 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func storyFile(t *testing.T) string {
	t.Helper()
	return filepath.Join(sandboxtest.Repository(t), "docs", "images", "story.gif")
}

// checkStory checks what a reader of the README depends on: all scenes are there, each
// for its time, sharp, and quickly loaded.
func checkStory(t *testing.T, data []byte) {
	t.Helper()
	if len(data) > maxStoryBytes {
		t.Errorf("the story has %d bytes, want at most %d", len(data), maxStoryBytes)
	}
	all, err := gif.DecodeAll(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("decode the story: %v", err)
	}
	if w, h := all.Config.Width, all.Config.Height; w != storyWidth*storyScale || h != storyHeight*storyScale {
		t.Errorf("the story is %dx%d pixels, want %dx%d", w, h, storyWidth*storyScale, storyHeight*storyScale)
	}
	if all.LoopCount != 0 {
		t.Errorf("the story has loop count %d, want 0: it repeats for ever", all.LoopCount)
	}
	scenes := storyScenes()
	if len(all.Image) != len(scenes) {
		t.Fatalf("the story has %d frames, want %d", len(all.Image), len(scenes))
	}
	for i, s := range scenes {
		if got := time.Duration(all.Delay[i]) * hundredth; got != s.shown {
			t.Errorf("frame %d is shown for %v, want %v", i+1, got, s.shown)
		}
		if all.Image[i].Rect.Size() == image.Pt(1, 1) {
			t.Errorf("frame %d is the same as the one before it", i+1)
		}
	}
}

// The animation of the README is complete and small, also when no browser has drawn
// it again.
func TestReadmeStoryIsASmallAnimation(t *testing.T) {
	data, err := os.ReadFile(storyFile(t))
	if err != nil {
		t.Fatal(err)
	}
	checkStory(t, data)
}

// A reader who does not see the animation can read its steps, in their order.
func TestReadmeStoryIsDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(sandboxtest.Repository(t), "docs", "sandbox.md"))
	if err != nil {
		t.Fatal(err)
	}
	var steps strings.Builder
	last := 0
	for _, s := range storyScenes() {
		if s.step != last {
			fmt.Fprintf(&steps, "%d. %s.\n", s.step, s.caption)
			last = s.step
		}
	}
	if !strings.Contains(string(page), "\n\n"+steps.String()+"\n") {
		t.Errorf("docs/sandbox.md lacks this list:\n%s", &steps)
	}
}

// drawCaption adds the style, a caption and a pointer to a page.
const drawCaption = `(css, step, caption, at) => {
	const sheet = new CSSStyleSheet();
	sheet.replaceSync(css);
	document.adoptedStyleSheets = [sheet];
	document.querySelectorAll(".story-caption, .story-pointer").forEach((el) => el.remove());
	const bar = document.createElement("div");
	bar.className = "story-caption";
	for (const [tag, text] of [["b", step], ["span", caption], ["small", "sandbox:\nAWS and Slack are simulated"]]) {
		const part = document.createElement(tag);
		part.innerText = text;
		bar.append(part);
	}
	document.body.append(bar);
	if (!at) return;
	const box = document.querySelector(at).getBoundingClientRect();
	const pointer = document.createElementNS("http://www.w3.org/2000/svg", "svg");
	pointer.setAttribute("class", "story-pointer");
	pointer.setAttribute("viewBox", "0 0 30 38");
	pointer.innerHTML = '<path d="M2 2v28l7-6 5 12 6-2.5-5-12h10z" fill="#fff" stroke="#000" stroke-width="2"/>';
	pointer.style.left = box.right - 14 + "px";
	pointer.style.top = (box.top + box.bottom) / 2 + "px";
	document.body.append(pointer);
}`
