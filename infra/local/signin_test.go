//go:build deployed

package local

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// signIn plays AWS's sign-in, which the emulator does not have: it takes
// credentials that the emulator's STS knows, and gives a token that shows in a
// browser who they belong to.
type signIn struct {
	world *world

	mu     sync.Mutex
	tokens map[string]string // whose they are
}

func (s *signIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "Invalid request", http.StatusBadRequest)
		return
	}
	switch r.Form.Get("Action") {
	case "getSigninToken":
		s.token(w, r)
	case "login":
		s.login(w, r)
	default:
		http.Error(w, "Invalid action parameter", http.StatusBadRequest)
	}
}

// token refuses a session's length, as AWS does for sessions of sessions.
func (s *signIn) token(w http.ResponseWriter, r *http.Request) {
	var given struct{ SessionID, SessionKey, SessionToken string }
	if err := json.Unmarshal([]byte(r.Form.Get("Session")), &given); err != nil || given.SessionToken == "" || r.Form.Has("SessionDuration") {
		http.Error(w, "Invalid credentials parameter", http.StatusBadRequest)
		return
	}
	who, err := sts.New(sts.Options{
		Region: region, BaseEndpoint: s.world.endpoint(), Credentials: keys{given.SessionID, given.SessionKey, given.SessionToken},
	}).GetCallerIdentity(r.Context(), nil)
	if err != nil {
		http.Error(w, "Invalid credentials parameter", http.StatusBadRequest)
		return
	}
	token := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[token] = *who.Arn
	_ = json.NewEncoder(w).Encode(map[string]string{"SigninToken": token})
}

// login shows whose console it would be.
func (s *signIn) login(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	who, ok := s.tokens[r.Form.Get("SigninToken")]
	if !ok {
		http.Error(w, "This sign-in link is not valid", http.StatusBadRequest)
		return
	}
	_, _ = fmt.Fprintf(w, "%s at %s", who, r.Form.Get("Destination"))
}
