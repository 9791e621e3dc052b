package slackfake

import "cmp"

// CommandChannel is the channel in which users type commands. It is shared with
// another workspace.
const CommandChannel = "C0PAYMENTS"

// NewSandbox returns the workspace of the sandbox with its users, groups and
// channels. An empty Team becomes T0SANDBOX, an empty AppID A0SANDBOX.
func NewSandbox(o Options) *Server {
	o.Team, o.AppID = cmp.Or(o.Team, "T0SANDBOX"), cmp.Or(o.AppID, "A0SANDBOX")
	return newServer(o, func(w *workspace) {
		member := func(id, name, email string) User {
			return User{ID: id, Name: name, Email: email, Team: o.Team, Enterprise: o.Enterprise, EmailConfirmed: email != ""}
		}
		guest := member("U0GUEST", "guest", "guest@example.com")
		guest.Restricted = true
		bot := member("U0BOT", "bot", "")
		bot.Bot = true
		gone := member("U0GONE", "gone", "gone@example.com")
		gone.Deleted = true
		for _, u := range []User{
			member("U0DEV1", "dev1", "dev1@example.com"), member("U0DEV2", "dev2", "dev2@example.com"),
			member("U0LEAD1", "lead1", "lead1@example.com"), member("U0LEAD2", "lead2", "lead2@example.com"),
			member("U0SEC1", "sec1", "sec1@example.com"), guest, bot, gone,
			{ID: "U0OUTSIDE", Name: "outside", Team: "T0OTHER"},
		} {
			w.users.add(u)
		}
		w.groups = []Group{
			{ID: "S0DEVS", Handle: "devs", Members: []string{"U0DEV1", "U0DEV2"}},
			{ID: "S0LEADS", Handle: "leads", Members: []string{"U0LEAD1", "U0LEAD2"}},
			{ID: "S0SECURITY", Handle: "security", Members: []string{"U0SEC1"}},
		}
		w.channels = []Channel{
			{ID: "C0APPROVALS", Name: "approvals"},
			{ID: CommandChannel, Name: "payments", Shared: true},
			{ID: "C0OPS", Name: "ops"},
		}
	})
}
