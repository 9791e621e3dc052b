package controls

import (
	"net/http"

	"github.com/aws-access/aws-access/cmd/sandbox/web"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// peopleChange is the body of the people control. Fields that are left out keep
// their values.
type peopleChange struct {
	Users    []userChange              `json:"users"`
	Groups   map[string]*[]string      `json:"groups"` // null removes the group
	Channels []slackfake.ChannelChange `json:"channels"`
}

type userChange struct {
	ID         string  `json:"id"`
	Email      *string `json:"email"`
	Name       *string `json:"name"`
	Team       *string `json:"team"`
	Restricted *bool   `json:"restricted"`
	Bot        *bool   `json:"bot"`
	Deleted    *bool   `json:"deleted"`
	Confirmed  *bool   `json:"email_confirmed"` // false: Slack says that the address is not confirmed
}

// people changes people, groups and channels. The change takes effect at once:
// the functions start cold, and ticks read the workspace again.
func (s *Server) people(w http.ResponseWriter, r *http.Request) {
	var change peopleChange
	if err := web.Read(r, maxPeople, &change); err != nil {
		web.BadRequest(w, err)
		return
	}
	current := s.World()
	// Try the change on a workspace that is thrown away, so that a refused one
	// changes nothing.
	if err := change.apply(slackfake.NewSandbox(slackfake.Options{Now: current.Clock.Now})); err != nil {
		web.BadRequest(w, err)
		return
	}
	err := change.apply(current.Slack)
	if err == nil {
		current.Deploy(current.Policy())
		err = current.Refresh(r.Context())
	}
	answer(w, err, done)
}

func (c peopleChange) apply(slack *slackfake.Server) error {
	for _, u := range c.Users {
		if err := slack.SetUser(u.withAddress(slack)); err != nil {
			return err
		}
	}
	for id, members := range c.Groups {
		if members == nil {
			slack.RemoveGroup(id)
			continue
		}
		if err := slack.SetGroup(id, *members); err != nil {
			return err
		}
	}
	for _, change := range c.Channels {
		if err := slack.ChangeChannel(change); err != nil {
			return err
		}
	}
	return nil
}

// withAddress is the change for the fake Slack. A new person other than a bot
// gets an address, as every full member has one.
func (u userChange) withAddress(slack *slackfake.Server) slackfake.UserChange {
	_, known := slack.User(u.ID)
	if bot := u.Bot != nil && *u.Bot; u.Email == nil && !known && !bot {
		address := access.FoldEmail(u.ID) + "@example.com"
		u.Email = &address
	}
	return slackfake.UserChange{
		ID: u.ID, Name: u.Name, Email: u.Email, Team: u.Team, Restricted: u.Restricted, Bot: u.Bot, Deleted: u.Deleted,
		EmailConfirmed: u.Confirmed,
	}
}
