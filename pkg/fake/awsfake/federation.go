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

// grant is a sign-in token: whoever has it is signed in, as often as they like,
// for 15 minutes (docs/facts.md#b).
type grant struct {
	to    *caller
	until time.Time
}

const (
	tokenLife  = 15 * time.Minute
	cookieName = "played-console"
)

// Federation plays the sign-in endpoint: getSigninToken and login, by GET and
// by POST. Errors are pages, as AWS's are.
func (s *Server) Federation() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if err := r.ParseForm(); err != nil || r.Method != http.MethodGet && r.Method != http.MethodPost {
			signInFailure(fail(http.StatusBadRequest, "Invalid request", "The request sent by the client was syntactically incorrect.")).write(w)
			return
		}
		actions := map[string]func(*http.Request) (answer, *failure){"getSigninToken": s.getSigninToken, "login": s.login}
		do, ok := actions[r.Form.Get("Action")]
		if !ok {
			signInFailure(fail(http.StatusBadRequest, "Invalid action parameter", "The request sent by the client was syntactically incorrect.")).write(w)
			return
		}
		s.play(r.Context(), "signin:"+r.Form.Get("Action"), func() answer {
			a, f := do(r)
			if f != nil {
				return signInFailure(f)
			}
			return a
		}, signInFailure).write(w)
	})
}

// signInFailure is a page for people, whatever was asked.
func signInFailure(f *failure) answer {
	status := f.status
	if f == throttled {
		status = http.StatusTooManyRequests
	}
	return page(status, "refusal", refusal{Title: f.code, Says: f.message})
}

var badCredentials = fail(http.StatusBadRequest, "Invalid credentials parameter", "The request sent by the client was syntactically incorrect.")

// getSigninToken takes temporary credentials in the form of a JSON object. For
// a session that was begun by another, as every session here was,
// SessionDuration makes it fail (docs/facts.md#0.3).
//
// AWS does not say how long a sign-in token is. It holds the session, so here it
// is as long as the session in base64; the example in the IAM User Guide ("Enable
// custom identity broker access to the AWS console") has about 1,000 characters.
func (s *Server) getSigninToken(r *http.Request) (answer, *failure) {
	var session struct{ SessionID, SessionKey, SessionToken string }
	if err := json.Unmarshal([]byte(r.Form.Get("Session")), &session); err != nil || r.Form.Has("SessionDuration") {
		return answer{}, badCredentials
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.known(session.SessionID, session.SessionToken)
	if c == nil || c.SessionToken.Empty() || !same(c.SecretKey, session.SessionKey) || s.expired(c) {
		return answer{}, badCredentials
	}
	now := s.options.Now()
	maps.DeleteFunc(s.tokens, func(_ string, g grant) bool { return !now.Before(g.until) })
	token := "VCQgs5" + urlSafe(base64.RawURLEncoding.EncodedLen(len(r.Form.Get("Session"))))
	s.tokens[token] = grant{to: c, until: now.Add(tokenLife)}
	body, err := json.Marshal(map[string]string{"SigninToken": token})
	if err != nil {
		return answer{}, broken
	}
	return answer{status: http.StatusOK, kind: "application/json", body: body}, nil
}

// urlSafe is random text of a length that stands in an address as it is.
func urlSafe(length int) string {
	return strings.NewReplacer("+", "-", "/", "_").Replace(random(length))
}

// consoles are the hosts of the console, by partition (docs/facts.md#b2). Below them
// stand regions and, with several sessions, accounts.
var consoles = map[string]*regexp.Regexp{
	"aws":        regexp.MustCompile(`^([a-z0-9-]+\.){0,2}console\.aws\.amazon\.com$`),
	"aws-cn":     regexp.MustCompile(`^([a-z0-9-]+\.){0,2}console\.amazonaws\.cn$`),
	"aws-us-gov": regexp.MustCompile(`^([a-z0-9-]+\.){0,2}console\.amazonaws-us-gov\.com$`),
	"aws-eusc":   regexp.MustCompile(`^([a-z0-9-]+\.){0,2}console\.amazonaws-eusc\.eu$`),
}

// login signs a browser in and sends it to the console that is played, never to
// AWS: of the destination only page and region are kept.
func (s *Server) login(r *http.Request) (answer, *failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.tokens[r.Form.Get("SigninToken")]
	if !ok || !s.options.Now().Before(g.until) {
		return answer{}, fail(http.StatusBadRequest, "This sign-in link is no longer valid", "A link works for 15 minutes. Press the button in Slack again to get a new one.")
	}
	to, err := url.Parse(r.Form.Get("Destination"))
	if host := consoles[g.to.partition]; err != nil || host == nil || to.Scheme != "https" || to.User != nil || !host.MatchString(to.Host) {
		return answer{}, fail(http.StatusBadRequest, "Invalid destination", "The destination is not a page of the console of this partition.")
	}
	if f := s.authorizeConsole(g.to); f != nil {
		return answer{}, f
	}
	id := urlSafe(43)
	s.cookies[id], s.issuers[id] = g.to, webAddress(r.Form.Get("Issuer"))
	cookie := http.Cookie{Name: cookieName, Value: id, Path: s.options.Console, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	there := s.options.Console + "?" + url.Values{"page": {to.Path}, "region": {to.Query().Get("region")}}.Encode()
	return answer{status: http.StatusFound, header: http.Header{"Location": {there}, "Set-Cookie": {cookie.String()}}}, nil
}

// authorizeConsole judges a sign-in where console authorization is on. Nothing
// has to allow it; a deny in any policy of the session refuses it (AWS Sign-In
// User Guide, "Control console access").
func (s *Server) authorizeConsole(c *caller) *failure {
	if !s.options.ConsoleAuthorization {
		return nil
	}
	for _, action := range [...]string{"signin:AuthorizeOAuth2Access", "signin:CreateOAuth2Token"} {
		call := Call{Action: action, Resource: "arn:" + c.partition + ":signin:::console/home", Context: s.context(c, nil)}
		if s.permissions(c).Evaluate(call) == Denied {
			return fail(http.StatusForbidden, "You cannot open this console", "A policy of your session denies "+action+".")
		}
	}
	return nil
}

// webAddress lets no link run a script.
func webAddress(link string) string {
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	return link
}
