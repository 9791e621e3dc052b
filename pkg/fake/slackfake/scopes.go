package slackfake

import (
	"net/http"
	"slices"
	"strings"
)

// requiredScopes lists for each method the scopes of which it requires one. A
// method that is not listed requires none.
var requiredScopes = map[string][]string{
	"users.info":            {"users:read"},
	"users.list":            {"users:read"},
	"users.lookupByEmail":   {"users:read.email"},
	"usergroups.list":       {"usergroups:read"},
	"usergroups.users.list": {"usergroups:read"},
	"conversations.open":    {"im:write", "mpim:write", "channels:manage", "groups:write"},
	"conversations.info":    {"channels:read", "groups:read", "im:read", "mpim:read"},
	"chat.postMessage":      {"chat:write"},
	"chat.postEphemeral":    {"chat:write"},
	"chat.update":           {"chat:write"},
	"chat.delete":           {"chat:write"},
}

// Scoped wraps a Web API whose token has these scopes. As Slack does
// (docs.slack.dev/authentication/installing-with-oauth), it names the scopes in a
// header of every answer and refuses a method that they do not cover. It checks
// methods as a whole: it does not restrict channels:read to public channels.
func Scoped(next http.Handler, scopes func() []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		has := scopes()
		method := strings.TrimPrefix(r.URL.Path, "/")
		w.Header().Set("X-Oauth-Scopes", strings.Join(has, ","))
		wants := requiredScopes[method]
		if wants == nil || slices.ContainsFunc(wants, func(s string) bool { return slices.Contains(has, s) }) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("X-Accepted-Oauth-Scopes", strings.Join(wants, ","))
		write(w, http.StatusOK, object{
			"ok": false, "error": "missing_scope", "needed": wants[0], "provided": strings.Join(has, ","),
		})
	})
}
