package controls

import (
	"errors"
	"net/http"

	"github.com/aws-access/aws-access/cmd/sandbox/web"
	"github.com/aws-access/aws-access/cmd/sandbox/world"
)

// machines answers with credentials of a machine in AWS.
func (s *Server) machines(w http.ResponseWriter, r *http.Request) {
	var order world.MachineOrder
	err := web.Read(r, maxBody, &order)
	var keys world.MachineKeys
	if err == nil {
		keys, err = s.World().Machine(order)
	}
	answer(w, err, keys)
}

// token is an answer with a token. Value is how GitHub's own answer calls it.
type token struct {
	Token string `json:"token"`
	Value string `json:"value"`
}

// oidc answers with a token of a pipeline.
func (s *Server) oidc(w http.ResponseWriter, r *http.Request) {
	var order world.TokenOrder
	if err := web.Read(r, maxBody, &order); err != nil {
		web.BadRequest(w, err)
		return
	}
	s.answerToken(w, order)
}

// oidcByQuery answers as the address in ACTIONS_ID_TOKEN_REQUEST_URL does: every
// parameter is a claim, and audience is the claim aud.
func (s *Server) oidcByQuery(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	order := world.TokenOrder{Aud: query.Get("audience")}
	query.Del("audience")
	query.Del("api-version") // GitHub's own address has it
	if order.Aud == "" {
		web.BadRequest(w, errors.New("write audience=… into the address"))
		return
	}
	order.Claims = world.TokenClaims(query)
	s.answerToken(w, order)
}

func (s *Server) answerToken(w http.ResponseWriter, order world.TokenOrder) {
	signed, err := s.World().Issuers.Token(order)
	answer(w, err, token{Token: signed.Reveal(), Value: signed.Reveal()})
}
