package awsfake

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// signinToken signs in everybody who has it, any number of times, for 15 minutes
// (docs/facts.md#b).
type signinToken struct {
	to    *caller
	until time.Time
}

const (
	tokenLife  = 15 * time.Minute
	cookieName = "console-session"
)

// Federation serves the sign-in endpoint: getSigninToken and login, by GET and by
// POST. It answers errors with pages, like AWS.
func (s *Server) Federation() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if err := r.ParseForm(); err != nil || r.Method != http.MethodGet && r.Method != http.MethodPost {
			signInFailure(incorrect("Invalid request")).write(w)
			return
		}
		actions := map[string]func(*http.Request) (answer, *failure){
			"getSigninToken": s.getSigninToken, "login": s.login,
		}
		do, ok := actions[r.Form.Get("Action")]
		if !ok {
			signInFailure(incorrect("Invalid action parameter")).write(w)
			return
		}
		s.withFault(r.Context(), "signin:"+r.Form.Get("Action"), func(Fault) answer {
			a, f := do(r)
			if f != nil {
				return signInFailure(f)
			}
			return a
		}, signInFailure).write(w)
	})
}

// signInFailure is an error page, also for getSigninToken, which otherwise answers
// with JSON.
func signInFailure(f *failure) answer {
	status := f.status
	if f == throttled {
		status = http.StatusTooManyRequests
	}
	return page(status, "refusal", refusal{Title: f.code, Says: f.message})
}

// incorrect is an error of the sign-in endpoint.
func incorrect(title string) *failure {
	return fail(http.StatusBadRequest, title, "The request sent by the client was syntactically incorrect.")
}

// getSigninToken takes temporary credentials in a JSON object. SessionDuration
// makes the call fail: AWS refuses it for sessions from role chaining, and all
// sessions here are such sessions (docs/facts.md#0.3).
//
// AWS does not document the length of a sign-in token. The token contains the
// session, so here it is as long as the session in base64. The example in the IAM
// User Guide ("Enable custom identity broker access to the AWS console") has about
// 1,000 characters.
func (s *Server) getSigninToken(r *http.Request) (answer, *failure) {
	var session struct{ SessionID, SessionKey, SessionToken string }
	badCredentials := incorrect("Invalid credentials parameter")
	if err := json.Unmarshal([]byte(r.Form.Get("Session")), &session); err != nil || r.Form.Has("SessionDuration") {
		return answer{}, badCredentials
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.findCaller(session.SessionID, session.SessionToken)
	if c == nil || c.SessionToken.Empty() || !equalSecret(c.SecretKey, session.SessionKey) || s.expired(c) {
		return answer{}, badCredentials
	}
	now := s.options.Now()
	maps.DeleteFunc(s.tokens, func(_ string, t signinToken) bool { return !now.Before(t.until) })
	token := "VCQgs5" + urlSafe(base64.RawURLEncoding.EncodedLen(len(r.Form.Get("Session"))))
	s.tokens[token] = signinToken{to: c, until: now.Add(tokenLife)}
	body, err := json.Marshal(map[string]string{"SigninToken": token})
	if err != nil {
		return answer{}, broken
	}
	return answer{status: http.StatusOK, kind: "application/json", body: body}, nil
}

// urlSafe returns length random characters that need no escaping in an address.
func urlSafe(length int) string {
	return strings.NewReplacer("+", "-", "/", "_").Replace(random(length))
}

// consoles matches the hosts of the console, by partition (docs/facts.md#b2). Their
// subdomains are regions and, with multi-session support, accounts.
var consoles = map[string]*regexp.Regexp{
	"aws":        regexp.MustCompile(`^([a-z0-9-]+\.){0,2}console\.aws\.amazon\.com$`),
	"aws-cn":     regexp.MustCompile(`^([a-z0-9-]+\.){0,2}console\.amazonaws\.cn$`),
	"aws-us-gov": regexp.MustCompile(`^([a-z0-9-]+\.){0,2}console\.amazonaws-us-gov\.com$`),
	"aws-eusc":   regexp.MustCompile(`^([a-z0-9-]+\.){0,2}console\.amazonaws-eusc\.eu$`),
}

// login signs in a browser and redirects it to the fake console, never to AWS. It
// keeps only page and region of the destination.
func (s *Server) login(r *http.Request) (answer, *failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tokens[r.Form.Get("SigninToken")]
	if !ok || !s.options.Now().Before(t.until) {
		return answer{}, fail(http.StatusBadRequest, "This sign-in link is no longer valid",
			"A link works for 15 minutes. Press the button in Slack again to get a new one.")
	}
	destination, ok := consolePage(t.to.partition, r.Form.Get("Destination"))
	if !ok {
		return answer{}, fail(http.StatusBadRequest, "Invalid destination",
			"The destination is not a page of the console of this partition.")
	}
	if f := s.authorizeConsole(t.to); f != nil {
		return answer{}, f
	}
	id := urlSafe(43)
	s.cookies[id], s.issuers[id] = t.to, webAddress(r.Form.Get("Issuer"))
	cookie := http.Cookie{
		Name: cookieName, Value: id, Path: s.options.Console, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	query := url.Values{"page": {destination.Path}, "region": {destination.Query().Get("region")}}
	return answer{status: http.StatusFound, header: http.Header{
		"Location": {s.options.Console + "?" + query.Encode()}, "Set-Cookie": {cookie.String()},
	}}, nil
}

// consolePage parses a destination. ok is false if it is not a page of the
// console of the partition.
func consolePage(partition, destination string) (page *url.URL, ok bool) {
	host := consoles[partition]
	page, err := url.Parse(destination)
	if err != nil || host == nil || page.Scheme != "https" || page.User != nil || !host.MatchString(page.Host) {
		return nil, false
	}
	return page, true
}

// authorizeConsole checks a sign-in if console authorization is on. No policy has
// to allow the sign-in, but a deny in any policy of the session refuses it (AWS
// Sign-In User Guide, "Control console access").
func (s *Server) authorizeConsole(c *caller) *failure {
	if !s.options.ConsoleAuthorization {
		return nil
	}
	for _, action := range [...]string{"signin:AuthorizeOAuth2Access", "signin:CreateOAuth2Token"} {
		resource := "arn:" + c.partition + ":signin:::console/home"
		call := Call{Action: action, Resource: resource, Context: s.context(c, nil)}
		if s.permissions(c).Evaluate(call) == Denied {
			return fail(http.StatusForbidden, "You cannot open this console",
				"A policy of your session denies "+action+".")
		}
	}
	return nil
}

// webAddress returns link if it is an address of the web, else "". A link with
// another scheme, such as javascript:, could run a script in the console's page.
func webAddress(link string) string {
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	return link
}
