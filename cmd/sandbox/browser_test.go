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

var update = flag.Bool("update", false, "write the pictures of the page to docs/images")

const (
	testTimeout  = 2 * time.Minute
	stepTimeout  = 20 * time.Second
	pollInterval = 50 * time.Millisecond

	pageWidth, pageHeight = 1440, 900
)

// A person can go through the life of a request with the page alone, from the
// command to the console that refuses after the end.
func TestLifeOfARequestInABrowser(t *testing.T) {
	sandboxtest.SkipIfShort(t, "it needs a browser")
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	slack := openBrowser(t, b.URL)
	slack.open(b.URL + "/")

	askOnThePage(slack)
	approveOnThePage(slack)
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

// askOnThePage fills in the form as the first developer.
func askOnThePage(slack *tab) {
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

// approveOnThePage approves as the first lead.
func approveOnThePage(slack *tab) {
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

// openConsole asks the app for a console link and follows it in another tab.
func openConsole(slack *tab) *tab {
	slack.click("button-Open AWS console")
	const link = `#list a[href*="/federation?"]`
	slack.sees(link, "Open AWS console: payments-prod, ReadOnly")
	if where := slack.attribute(link, "target"); where != "_blank" {
		slack.t.Errorf("the console link opens in %q, want _blank", where)
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

// openBrowser starts a browser for this test. At the end of the test, no error may
// have happened in it, and no request may have gone to another address than url.
func openBrowser(t *testing.T, url string) *tab {
	t.Helper()
	options := append([]chromedp.ExecAllocatorOption{
		chromedp.ExecPath(findBrowser(t)), chromedp.UserDataDir(t.TempDir()), chromedp.Env("TZ=UTC"),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.WindowSize(pageWidth, pageHeight),
		chromedp.Flag("force-color-profile", "srgb"), //nolint:misspell // Chromium's own spelling
		chromedp.Flag("force-prefers-reduced-motion", true),
	}, disabled(
		"quic", "background-networking", "component-update", "sync", "default-apps", "extensions", "dev-shm-usage")...)
	ctx, stop := context.WithTimeout(context.Background(), testTimeout)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	return newTab(ctx, t, &watch{url: url + "/"})
}

// disabled are the flags that disable features of Chromium.
func disabled(names ...string) (flags []chromedp.ExecAllocatorOption) {
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
	t.Fatal("there is no browser on the PATH: install Chromium (the package chromium) or Google Chrome")
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

// does runs steps, or fails the test with what the page shows.
func (b *tab) does(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, stepTimeout)
	defer stop()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%s: %v\nthe page shows:\n%s", what, err, b.text())
	}
}

// text is the text of the page, for failure messages.
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

// search pastes text into a menu in one piece, so that the menu is filled once and
// does not change while the test chooses from it.
func (b *tab) search(name, text string) {
	b.t.Helper()
	put := chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, input.InsertText, input.InsertTextParams{Text: text})
		return err
	})
	b.does("search in "+name, chromedp.Focus(chromedp.CSS(hook(name)), chromedp.NodeVisible), put)
}

// sees waits until the first element that matches is visible and some matching
// element contains the words.
func (b *tab) sees(selector, words string) {
	b.t.Helper()
	const contains = `(at, words) => [...document.querySelectorAll(at)].some((el) => el.innerText.includes(words))`
	said := chromedp.PollFunction[bool](contains, chromedp.WithPollingInterval(pollInterval),
		chromedp.WithPollingTimeout(0), chromedp.WithPollingArgs(selector, words))
	b.does(fmt.Sprintf("see %q in %s", words, selector), chromedp.WaitVisible(chromedp.CSS(selector)),
		chromedp.Func(func(ctx context.Context, at *chromedp.Target) error { _, err := said(ctx, at); return err }))
}

// seesNo waits until no element matches.
func (b *tab) seesNo(selector string) {
	b.t.Helper()
	b.does("see no "+selector, chromedp.WaitNotPresent(chromedp.CSS(selector)))
}

func (b *tab) attribute(selector, name string) string {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, stepTimeout)
	defer stop()
	got, err := chromedp.Run(ctx, chromedp.AttributeValue(chromedp.CSS(selector), name))
	if err != nil {
		b.t.Fatalf("read %s of %s: %v", name, selector, err)
	}
	return got.Value
}

// isRefusedWhenReloaded checks that the console refuses after the end. The browser
// logs the status of that answer as an error, which is allowed once.
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

// settled is true when no animation is running, except endless ones.
const settled = `document.getAnimations().every((one) =>
	one.playState === "finished" || one.effect.getTiming().iterations === Infinity)`

// picture takes a screenshot. With -update it is written to docs/images/<name>.png.
func (b *tab) picture(name string) {
	b.t.Helper()
	got := b.screenshot(name)
	shape, err := png.DecodeConfig(bytes.NewReader(got))
	if err != nil || shape.Width != pageWidth || shape.Height != pageHeight {
		b.t.Fatalf("the screenshot %s: got %d bytes, %dx%d, %v; want a PNG of %dx%d",
			name, len(got), shape.Width, shape.Height, err, pageWidth, pageHeight)
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

// screenshot waits until nothing on the page moves, and takes a PNG of what is seen.
func (b *tab) screenshot(name string) []byte {
	b.t.Helper()
	b.does("let the page settle for "+name, chromedp.Poll[chromedp.Void](settled,
		chromedp.WithPollingInterval(pollInterval), chromedp.WithPollingTimeout(0)))
	ctx, stop := context.WithTimeout(b.ctx, stepTimeout)
	defer stop()
	got, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatalf("take the screenshot %s: %v", name, err)
	}
	return got
}

// watch listens to the events of the tabs and keeps errors and requests to other
// addresses than the sandbox's.
type watch struct {
	url string // with which every request must begin

	mu      sync.Mutex
	allowed string // part of the text of the one error that is expected
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
	case w.allowed != "" && strings.HasPrefix(e.URL, w.url+"console") && strings.Contains(e.Text, w.allowed):
		w.allowed = ""
	default:
		w.wrong = append(w.wrong, "log: "+e.Text+" "+e.URL)
	}
}

func (w *watch) sent(url string) {
	if !strings.HasPrefix(url, w.url) {
		w.wrong = append(w.wrong, "request to another address: "+url)
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
