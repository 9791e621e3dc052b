package awsfake

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the pages
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// Console serves a small AWS console. Its page shows who is signed in, until when,
// and what the session may do now, by the same checks that AWS makes for calls.
func (s *Server) Console() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			page(http.StatusMethodNotAllowed, "refusal", refusal{
				Title: "Not simulated", Says: "This console is read-only.",
			}).write(w)
			return
		}
		s.view(r).write(w)
	})
}

// refusal is the content of a page that shows no console.
type refusal struct {
	Title, Says, Next string
	Link              string // where to sign in again
	Who               *identity
}

// identity describes the session that is signed in.
type identity struct {
	Account, Role, Session, Person string
	Tags                           []shownTag
	Issued, Expires, Ends          string
	Left                           string // time until the session or the grant ends
	Percent                        int    // of that time that has passed
}

type shownTag struct{ Key, Value string }

// screen is the content of the console's page.
type screen struct {
	Who     identity
	Page    string
	Region  string
	Buckets []bucket
	Denied  string // why the buckets are not shown
	Probes  []probe
	Now     string
}

// Name is the name of a bucket. The page's template calls it.
func (b bucket) Name() string { return b.name }

// Made is the time at which a bucket was made.
func (b bucket) Made() string { return b.made.Format("2 Jan 2006, 15:04 UTC") }

// Objects is the number of objects in a bucket.
func (b bucket) Objects() int { return len(b.objects) }

// probe is a call that the page checks, without making it.
type probe struct {
	Does, Action string
	Allowed      bool
	Why          string
}

func (s *Server) view(r *http.Request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	cookie, err := r.Cookie(cookieName)
	if err != nil || s.cookies[cookie.Value] == nil {
		return page(http.StatusUnauthorized, "refusal", refusal{
			Title: "You are not signed in", Says: "You need a sign-in link to open this console.",
			Next: "Press Open AWS console in Slack.",
		})
	}
	c, link := s.cookies[cookie.Value], s.issuers[cookie.Value]
	who := s.identity(c)
	switch ends, ok := c.ends(); {
	case s.expired(c), s.currentRole(c) == nil:
		return page(http.StatusForbidden, "refusal", refusal{
			Title: "Your session has expired", Says: "The credentials of this session expired at " + who.Expires + ".",
			Next: "If you still have access, open the console again from Slack.", Link: link, Who: &who,
		})
	case ok && !s.options.Now().Before(ends):
		return page(http.StatusForbidden, "refusal", refusal{
			Title: "Your access has ended",
			Says:  "It ended at " + who.Ends + ". The policy of this session now denies every call.",
			Next:  "Ask again with /aws-access in Slack.", Link: link, Who: &who,
		})
	}
	a := page(http.StatusOK, "console", s.screen(c, who, r))
	a.header.Set("Refresh", "20") // the page shows the end of access without a reload by the user
	return a
}

func (s *Server) screen(c *caller, who identity, r *http.Request) screen {
	sc := screen{
		Who: who, Page: r.URL.Query().Get("page"), Region: r.URL.Query().Get("region"),
		Now: s.options.Now().UTC().Format("2 Jan 15:04:05 UTC"), Probes: s.probes(c),
	}
	if f := s.authorize(c, "s3:ListAllMyBuckets", "*", nil); f != nil {
		sc.Denied = f.message
		return sc
	}
	sc.Buckets = bucketsOf(c.account)
	return sc
}

func (s *Server) identity(c *caller) identity {
	now := s.options.Now()
	who := identity{
		Account: c.account, Role: c.role.Name, Session: c.name, Person: c.sourceIdentity,
		Issued: access.FormatTime(c.issued), Expires: access.FormatTime(c.Expires),
	}
	until := c.Expires
	if ends, ok := c.ends(); ok {
		who.Ends = access.FormatTime(ends)
		if ends.Before(until) {
			until = ends
		}
	}
	if left := until.Sub(now); left > 0 {
		who.Left = access.FormatLength(left.Truncate(time.Second))
	}
	if life := until.Sub(c.issued); life > 0 {
		who.Percent = min(max(int(100*now.Sub(c.issued)/life), 0), 100)
	}
	for _, t := range c.tags {
		who.Tags = append(who.Tags, shownTag{t.key, t.value})
	}
	return who
}

// ends returns the time from which the session policy denies everything: the end
// of the grant. ok is false if the policy has no such time.
func (c *caller) ends() (at time.Time, ok bool) {
	var policy struct {
		Statement []struct {
			Effect           string
			Action, Resource any
			Condition        map[string]map[string]string
		}
	}
	if json.Unmarshal([]byte(c.policy), &policy) != nil {
		return time.Time{}, false
	}
	for _, st := range policy.Statement {
		if st.Effect != "Deny" || !isStar(st.Action) || !isStar(st.Resource) || len(st.Condition) != 1 {
			continue
		}
		if t, err := readDate(st.Condition["DateGreaterThanEquals"]["aws:CurrentTime"]); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// isStar reports whether an element of a policy is "*" or a list with "*".
func isStar(element any) bool {
	list, ok := element.([]any)
	return element == "*" || ok && slices.Contains(list, any("*"))
}

// probes checks which of the calls that people often try the session may make.
func (s *Server) probes(c *caller) []probe {
	list := []probe{}
	for _, p := range [...]struct{ does, action, resource string }{
		{"List the buckets", "s3:ListAllMyBuckets", "*"},
		{"View servers", "ec2:DescribeInstances", "*"},
		{"Restart a server", "ec2:RebootInstances", "*"},
		{"Delete an object", "s3:DeleteObject", "arn:" + c.partition + ":s3:::demo-" + c.account + "/README.txt"},
		{"Make a long-lived access key", "iam:CreateAccessKey",
			"arn:" + c.partition + ":iam::" + c.account + ":user/somebody"},
		{"Assume another role", "sts:AssumeRole", "arn:" + c.partition + ":iam::" + c.account + ":role/another"},
		{"Sign in with aws login", "signin:AuthorizeOAuth2Access",
			"arn:" + c.partition + ":signin:us-east-1:" + c.account + ":oauth2/public-client/localhost"},
		{"Change this role", "iam:DeleteRolePolicy", c.role.arn},
		{"Open CloudShell", "cloudshell:CreateSession", "*"},
	} {
		f := s.authorize(c, p.action, p.resource, nil)
		one := probe{Does: p.does, Action: p.action, Allowed: f == nil}
		if f != nil {
			_, one.Why, _ = strings.Cut(f.message, " on resource: "+p.resource+" ")
		}
		list = append(list, one)
	}
	return list
}

//go:embed console.html
var pages string

//go:embed console.css
var style string

// page renders one of the two pages. The content security policy allows the inline
// style by its hash, and nothing else: no scripts, no images, no frames.
func page(status int, name string, data any) answer {
	t, err := template.New("pages").Parse(pages)
	if err != nil {
		return answer{status: http.StatusInternalServerError, header: http.Header{}}
	}
	var b bytes.Buffer
	err = t.ExecuteTemplate(&b, name, struct {
		Style template.CSS
		It    any
	}{template.CSS(style), data})
	if err != nil {
		return answer{status: http.StatusInternalServerError, header: http.Header{}}
	}
	sum := sha256.Sum256([]byte(style))
	hash := base64.StdEncoding.EncodeToString(sum[:])
	return answer{status: status, kind: "text/html; charset=utf-8", body: b.Bytes(), header: http.Header{
		"Content-Security-Policy": {"default-src 'none'; style-src 'sha256-" + hash +
			"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
		"X-Content-Type-Options": {"nosniff"},
		"Referrer-Policy":        {"no-referrer"},
	}}
}
