package slackfake

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// The app's bot user. users.list and users.info do not show it.
const (
	botUser = "U0APPBOT"
	botID   = "B0APPBOT"
)

func (s *Server) authTest(args) (object, *refusal) {
	a := object{
		"url": "https://sandbox.slack.com/", "team": "Sandbox", "user": "aws-access",
		"team_id": s.o.Team, "user_id": botUser, "bot_id": botID, "is_enterprise_install": false,
	}
	if s.o.Enterprise != "" {
		a["enterprise_id"] = s.o.Enterprise
	}
	return a, nil
}

func (s *Server) usersInfo(a args) (object, *refusal) {
	u := s.w.user(a.get("user"))
	if u == nil {
		return nil, refuse("user_not_found")
	}
	return object{"user": u.json()}, nil
}

// usersLookup finds the first active user of this workspace with an address, as
// Slack does. It does not tell whether a second user has the same address.
func (s *Server) usersLookup(a args) (object, *refusal) {
	email := strings.TrimSpace(a.get("email"))
	for _, u := range s.w.users.all() {
		if !u.Deleted && !u.Bot && u.Team == s.o.Team && u.Email != "" && strings.EqualFold(u.Email, email) {
			return object{"user": u.json()}, nil
		}
	}
	return nil, refuse("users_not_found")
}

// maxUsersPerPage is the largest page of users.list. Without the argument limit,
// users.list refuses to list more users than this
// (docs.slack.dev/reference/methods/users.list).
const maxUsersPerPage = 1000

// usersList lists the users of this workspace page by page, in the order in
// which they were added. It leaves out users of other workspaces and
// organisations, who are known through shared channels.
func (s *Server) usersList(a args) (object, *refusal) {
	limit, err := strconv.Atoi(a.get("limit"))
	if a.has("limit") && (err != nil || limit < 0 || limit > maxUsersPerPage) {
		return nil, refuse("invalid_limit")
	}
	first, ok := s.w.users.indexOf(a.get("cursor"))
	if !ok {
		return nil, refuse("invalid_cursor")
	}
	members, next := []profile{}, ""
	for _, u := range s.w.users.list[first:] {
		if u.Team != s.o.Team {
			continue
		}
		if limit > 0 && len(members) == limit {
			next = base64.StdEncoding.EncodeToString([]byte(cursorPrefix + u.ID))
			break
		}
		members = append(members, u.json())
	}
	if limit == 0 && len(members) > maxUsersPerPage {
		return nil, refuse("limit_required")
	}
	return object{"members": members, "cache_ts": s.o.Now().Unix(), "response_metadata": object{"next_cursor": next}}, nil
}

const cursorPrefix = "user:"

// indexOf returns the position at which a cursor continues; the empty cursor
// means 0. A cursor names the next user, so it stays valid when users are added
// between two pages.
func (l *userList) indexOf(cursor string) (first int, ok bool) {
	if cursor == "" {
		return 0, true
	}
	text, err := base64.StdEncoding.DecodeString(cursor)
	id, named := strings.CutPrefix(string(text), cursorPrefix)
	first, ok = l.index[id]
	return first, err == nil && named && ok
}

// profile is the JSON form of a user.
type profile struct {
	ID               string `json:"id"`
	Team             string `json:"team_id"`
	Name             string `json:"name"`
	RealName         string `json:"real_name"`
	Deleted          bool   `json:"deleted"`
	Profile          object `json:"profile"`
	Admin            bool   `json:"is_admin"`
	Owner            bool   `json:"is_owner"`
	PrimaryOwner     bool   `json:"is_primary_owner"`
	Bot              bool   `json:"is_bot"`
	AppUser          bool   `json:"is_app_user"`
	Restricted       bool   `json:"is_restricted"`
	UltraRestricted  bool   `json:"is_ultra_restricted"`
	Stranger         bool   `json:"is_stranger"`
	EmailConfirmed   bool   `json:"is_email_confirmed"`
	Updated          int    `json:"updated"`
	TimeZone         string `json:"tz"`
	EnterpriseMember object `json:"enterprise_user,omitempty"`
}

func (u User) json() profile {
	p := profile{
		ID: u.ID, Team: u.Team, Name: u.Name, RealName: u.Name, Deleted: u.Deleted, Bot: u.Bot, TimeZone: "Etc/UTC",
		Restricted:      u.Restricted || u.UltraRestricted,
		UltraRestricted: u.UltraRestricted,
		EmailConfirmed:  u.EmailConfirmed && u.Email != "",
		Profile:         object{"real_name": u.Name, "display_name": u.Name, "team": u.Team, "avatar_hash": "0"},
	}
	if u.Email != "" {
		p.Profile["email"] = u.Email
	}
	if u.Enterprise != "" {
		teams := []string{u.Team}
		if u.ActsFrom != "" {
			teams = append(teams, u.ActsFrom)
		}
		p.EnterpriseMember = object{"id": u.ID, "enterprise_id": u.Enterprise, "enterprise_name": "Enterprise",
			"teams": teams}
	}
	return p
}

func (s *Server) groupsList(a args) (object, *refusal) {
	groups := make([]object, 0, len(s.w.groups))
	for _, g := range s.w.groups {
		if g.Disabled && !a.flag("include_disabled") {
			continue
		}
		o := object{
			"id": g.ID, "team_id": s.o.Team, "is_usergroup": true, "name": g.Handle, "handle": g.Handle,
			"description": "", "is_external": false, "date_create": 0, "date_update": 0, "date_delete": 0,
		}
		if g.Disabled {
			o["date_delete"] = 1
		}
		if a.flag("include_users") {
			o["users"] = g.Members
		}
		groups = append(groups, o)
	}
	return object{"usergroups": groups}, nil
}

func (s *Server) groupMembers(a args) (object, *refusal) {
	g := s.w.group(a.get("usergroup"))
	if g == nil || g.Disabled && !a.flag("include_disabled") {
		return nil, refuse("no_such_subteam")
	}
	return object{"users": append([]string{}, g.Members...)}, nil
}
