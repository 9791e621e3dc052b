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

// signIn is a fake of AWS's sign-in endpoint, which the emulator does not have. It
// accepts credentials that the emulator's STS knows. Its page shows to whom they
// belong.
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

// token refuses SessionDuration, as AWS does for sessions from role chaining.
func (s *signIn) token(w http.ResponseWriter, r *http.Request) {
	var given struct{ SessionID, SessionKey, SessionToken string }
	err := json.Unmarshal([]byte(r.Form.Get("Session")), &given)
	if err != nil || given.SessionToken == "" || r.Form.Has("SessionDuration") {
		http.Error(w, "Invalid credentials parameter", http.StatusBadRequest)
		return
	}
	who, err := sts.New(sts.Options{
		Region: region, BaseEndpoint: s.world.endpoint(),
		Credentials: keys{given.SessionID, given.SessionKey, given.SessionToken},
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

// login shows who is signed in, and the destination.
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
