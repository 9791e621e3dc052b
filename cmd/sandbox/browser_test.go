package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"image/png"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

var update = flag.Bool("update", false, "write the pictures of the story to docs/images")

const (
	wholeStory = 2 * time.Minute
	oneStep    = 20 * time.Second
	lookAgain  = 50 * time.Millisecond

	pageWidth, pageHeight = 1440, 900
)

// The story as people see it: nothing but the page is touched, from the
// command to the console that refuses after the end.
func TestTheStoryInABrowser(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	slack := openBrowser(t, b.URL)
	slack.open(b.URL + "/")

	askByHand(slack)
	approveByHand(slack)
	slack.click("person-U0DEV1")
	slack.click("dm")
	for _, label := range []string{"Open AWS console", "Get temporary keys", "I'm done"} {
		slack.sees(hook("button-"+label), label)
	}
	slack.sees("#list", "AWS access granted")
	slack.picture("4-message")

	console := openConsole(slack)
	slack.click("button-Get temporary keys")
	slack.sees("#list", "export AWS_ACCESS_KEY_ID")
	slack.sees(hook("button-Credentials file"), "Credentials file")
	slack.picture("7-keys")

	slack.click("clock-end")
	slack.sees("#list", "AWS access has ended")
	slack.seesNo(hook("button-Open AWS console"))
	slack.seesNo(hook("button-Get temporary keys"))
	slack.picture("6-ended")
	console.isRefusedWhenReloaded()
}

// askByHand fills in the form as the first developer.
func askByHand(slack *tab) {
	slack.click("person-U0DEV1")
	slack.write("composer", "/aws-access")
	slack.click("send")
	slack.sees(hook("modal"), "AWS access")
	slack.search("input-Account", "pay")
	slack.click("option-payments-prod (111111111111)")
	slack.sees(hook("modal"), "At most 4h in this account.")
	slack.click("input-Role")
	slack.click("option-ReadOnly")
	slack.sees(hook("modal"), "At most 4h here.")
	slack.write("input-How long", "2h")
	slack.write("input-Reason", "Payouts have been stuck since this morning")
	slack.picture("1-form")
	slack.click("modal-submit")
	slack.sees(hook("modal"), "Asked for ReadOnly in payments-prod (111111111111) for 2h.")
	slack.click("modal-close")
	slack.seesNo(hook("modal") + "[open]")
}

// approveByHand says yes as the first lead.
func approveByHand(slack *tab) {
	slack.click("person-U0LEAD1")
	slack.click("channel-C0APPROVALS")
	slack.sees("#list", "AWS access wanted")
	slack.sees("#list", "Payouts have been stuck since this morning")
	slack.sees(hook("button-Approve"), "Approve")
	slack.picture("2-card")
	slack.click("button-Approve")
	slack.sees("#list", "AWS access granted")
	slack.sees("#list", "Approved by @lead1")
	slack.seesNo(hook("button-Approve"))
	slack.picture("3-approved")
}

// openConsole takes the link that the app hands out, and follows it in a tab
// of its own, as the link does.
func openConsole(slack *tab) *tab {
	slack.click("button-Open AWS console")
	const link = `#list a[href*="/federation?"]`
	slack.sees(link, "Open AWS console: payments-prod, ReadOnly")
	if where := slack.attribute(link, "target"); where != "_blank" {
		slack.t.Errorf("the link to the console opens in %q, want _blank", where)
	}
	console := slack.another()
	console.open(slack.attribute(link, "href"))
	console.sees("h1", "Signed in as ReadOnly")
	console.sees("#account", "111111111111")
	console.sees("#person", "dev1@example.com")
	console.picture("5-console")
	return console
}

// tab is one tab of the browser.
type tab struct {
	t     *testing.T
	ctx   context.Context
	watch *watch
}

// openBrowser starts a browser for this test alone; at its end nothing may
// have gone wrong in it.
func openBrowser(t *testing.T, own string) *tab {
	t.Helper()
	options := append([]chromedp.ExecAllocatorOption{
		chromedp.ExecPath(findBrowser(t)), chromedp.UserDataDir(t.TempDir()), chromedp.Env("TZ=UTC"),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.WindowSize(pageWidth, pageHeight), chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("force-prefers-reduced-motion", true), //nolint:misspell // Chromium's own spelling
	}, off("quic", "background-networking", "component-update", "sync", "default-apps", "extensions", "dev-shm-usage")...)
	ctx, stop := context.WithTimeout(context.Background(), wholeStory)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	return newTab(ctx, t, &watch{own: own + "/"})
}

func off(names ...string) (flags []chromedp.ExecAllocatorOption) {
	for _, name := range names {
		flags = append(flags, chromedp.Flag("disable-"+name, true))
	}
	return flags
}

func findBrowser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("there is no browser: install Chromium (the package chromium) or Google Chrome, so that it is on the PATH")
	return ""
}

func newTab(parent context.Context, t *testing.T, w *watch) *tab {
	t.Helper()
	ctx, stop := chromedp.NewContext(parent)
	t.Cleanup(stop)
	if err := chromedp.Listen(ctx, w.hear); err != nil {
		t.Fatalf("start the browser: %v", err)
	}
	t.Cleanup(func() { w.report(t) })
	b := &tab{t: t, ctx: ctx, watch: w}
	b.does("set the size of the window", chromedp.EmulateViewport(pageWidth, pageHeight))
	return b
}

// another opens a second tab of the same browser.
func (b *tab) another() *tab { b.t.Helper(); return newTab(b.ctx, b.t, b.watch) }

// hook is the selector of an element that the page names for tests.
func hook(name string) string { return `[data-test="` + name + `"]` }

func (b *tab) does(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, oneStep)
	defer stop()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%s: %v\nthe page says:\n%s", what, err, b.text())
	}
}

// text is what can be read in the tab, for reports of what went wrong.
func (b *tab) text() string {
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText"))
	if err != nil {
		return "(nothing: " + err.Error() + ")"
	}
	return text
}

func (b *tab) open(url string) { b.t.Helper(); b.does("open "+url, chromedp.Navigate(url)) }

func (b *tab) click(name string) {
	b.t.Helper()
	at := chromedp.CSS(hook(name))
	b.does("click "+name, chromedp.WaitEnabled(at), chromedp.Click(at))
}

func (b *tab) write(name, text string) {
	b.t.Helper()
	at := chromedp.CSS(hook(name))
	b.does("write into "+name, chromedp.Click(at), chromedp.SendKeys(at, text))
}

// search puts text into a menu in one piece, as pasting does: the menu is
// filled once, and does not change under the hand that chooses.
func (b *tab) search(name, text string) {
	b.t.Helper()
	put := chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, input.InsertText, input.InsertTextParams{Text: text})
		return err
	})
	b.does("search in "+name, chromedp.Focus(chromedp.CSS(hook(name)), chromedp.NodeVisible), put)
}

// sees waits until the first element of a selector is visible and some
// element of it contains the words.
func (b *tab) sees(selector, words string) {
	b.t.Helper()
	said := chromedp.PollFunction[bool](`(at, words) => [...document.querySelectorAll(at)].some((el) => el.innerText.includes(words))`,
		chromedp.WithPollingInterval(lookAgain), chromedp.WithPollingTimeout(0), chromedp.WithPollingArgs(selector, words))
	b.does(fmt.Sprintf("see %q in %s", words, selector), chromedp.WaitVisible(chromedp.CSS(selector)),
		chromedp.Func(func(ctx context.Context, at *chromedp.Target) error { _, err := said(ctx, at); return err }))
}

func (b *tab) seesNo(selector string) {
	b.t.Helper()
	b.does("see no "+selector, chromedp.WaitNotPresent(chromedp.CSS(selector)))
}

func (b *tab) attribute(selector, name string) string {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, oneStep)
	defer stop()
	got, err := chromedp.Run(ctx, chromedp.AttributeValue(chromedp.CSS(selector), name))
	if err != nil {
		b.t.Fatalf("read %s of %s: %v", name, selector, err)
	}
	return got.Value
}

// isRefusedWhenReloaded is the console after the end. The browser itself logs
// the status of that one answer as an error.
func (b *tab) isRefusedWhenReloaded() {
	b.t.Helper()
	b.watch.allow(http.StatusForbidden)
	answer, err := chromedp.RunResponse(b.ctx, chromedp.Reload())
	if err != nil {
		b.t.Fatalf("reload the console: %v", err)
	}
	if answer.Status != http.StatusForbidden {
		b.t.Errorf("the console after the end: got %d, want %d", answer.Status, http.StatusForbidden)
	}
	b.sees("#refusal", "Your session has expired")
	b.sees("#refusal", "ReadOnly in 111111111111")
	b.seesNo("#buckets")
}

// settled is true when nothing moves or fades any more.
const settled = `document.getAnimations().every((one) => one.playState === "finished" || one.effect.getTiming().iterations === Infinity)`

// picture takes what stands in the window; with -update it becomes
// docs/images/<name>.png.
func (b *tab) picture(name string) {
	b.t.Helper()
	b.does("let the page settle for "+name, chromedp.Poll[chromedp.Void](settled, chromedp.WithPollingInterval(lookAgain), chromedp.WithPollingTimeout(0)))
	ctx, stop := context.WithTimeout(b.ctx, oneStep)
	defer stop()
	got, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatalf("take the picture %s: %v", name, err)
	}
	shape, err := png.DecodeConfig(bytes.NewReader(got))
	if err != nil || shape.Width != pageWidth || shape.Height != pageHeight {
		b.t.Fatalf("the picture %s: got %d bytes, %dx%d, %v; want a PNG of %dx%d", name, len(got), shape.Width, shape.Height, err, pageWidth, pageHeight)
	}
	if !*update {
		return
	}
	folder := filepath.Join("..", "..", "docs", "images")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), got, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// watch hears what goes on in the tabs and keeps what must not: errors, and
// requests to anywhere but the sandbox's own address.
type watch struct {
	own string // address that everything begins with

	mu      sync.Mutex
	allowed string // in the text of the one error that is awaited
	wrong   []string
}

// allow lets the browser log one answer with this status.
func (w *watch) allow(status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.allowed = fmt.Sprintf("status of %d", status)
}

func (w *watch) hear(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		w.wrong = append(w.wrong, "exception: "+thrown(e.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError {
			w.wrong = append(w.wrong, "console.error: "+spoken(e.Args))
		}
	case *log.EventEntryAdded:
		w.logged(e.Entry)
	case *network.EventRequestWillBeSent:
		w.sent(e.Request.URL)
	case *network.EventWebSocketCreated:
		w.sent(e.URL)
	}
}

func (w *watch) logged(e *log.Entry) {
	switch {
	case e.Level != log.EntryLevelError:
	case w.allowed != "" && strings.HasPrefix(e.URL, w.own+"console") && strings.Contains(e.Text, w.allowed):
		w.allowed = ""
	default:
		w.wrong = append(w.wrong, "log: "+e.Text+" "+e.URL)
	}
}

func (w *watch) sent(url string) {
	if !strings.HasPrefix(url, w.own) {
		w.wrong = append(w.wrong, "request elsewhere: "+url)
	}
}

// report fails the test with what went wrong since the last report.
func (w *watch) report(t *testing.T) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, what := range w.wrong {
		t.Errorf("in the browser: %s", what)
	}
	w.wrong = nil
}

func thrown(d *runtime.ExceptionDetails) string {
	if d.Exception != nil {
		return d.Text + " " + d.Exception.Description
	}
	return d.Text
}

func spoken(args []*runtime.RemoteObject) string {
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = a.Description + string(a.Value)
	}
	return strings.Join(words, " ")
}
