package slackui

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/slack-go/slack"

	"github.com/aws-access/aws-access/pkg/access"
)

// This file holds what people see who revoke: the answer to /aws-access revoke, and the forms of responders.

// revokeBlock begins the block ids of the list of what somebody may revoke, by which a click on it is recognised.
const revokeBlock = "revocable:"

// MaxRevocable is how many grants a page of that list shows.
const MaxRevocable = 10

// Revocable is what somebody may revoke.
type Revocable struct {
	Grants     []access.Request // in the order in which they are listed
	More       bool             // there may be others, which were not read
	Ending     []access.Request // closed grants that they may revoke, whose sessions are still ending
	Responder  bool
	Responders bool             // the policy names responders
	Freeze     access.Freeze    // read for responders only
	Failing    []access.CutList // cuts that fail; read for responders only
}

// RevokeList lists the grants that somebody may revoke, with a button each, and for a responder what ends many at once.
// page counts from 0; one that does not exist shows the last one.
func RevokeList(s Revocable, page int, now time.Time) Message {
	m := Message{Text: "What you may revoke", Blocks: []slack.Block{section("*What you may revoke*")}}
	if s.Responder {
		m.Blocks = append(m.Blocks, responderBlocks(s)...)
	}
	if len(s.Grants) == 0 {
		text := "There is no grant that you may revoke now."
		if !s.Responder {
			text += " You give your own access back with `/aws-access list`."
		}
		m.Blocks = append(m.Blocks, section(text))
		m.Blocks = append(m.Blocks, endingBlocks(s.Ending, now)...)
		return m
	}
	pages := (len(s.Grants) + MaxRevocable - 1) / MaxRevocable
	page = max(0, min(page, pages-1))
	first := page * MaxRevocable
	last := min(first+MaxRevocable, len(s.Grants))
	for _, r := range s.Grants[first:last] {
		m.Blocks = append(m.Blocks, revokeEntry(r, now))
	}
	if row := pageButtons(page, pages); len(row) > 0 {
		m.Blocks = append(m.Blocks, slack.NewActionBlock(revokeBlock+"pages", row...))
	}
	shown := strconv.Itoa(first+1) + " to " + strconv.Itoa(last) + " of " + strconv.Itoa(len(s.Grants))
	if s.More {
		shown += ", and there are more"
	}
	m.Blocks = append(m.Blocks, smallPrint(shown+". The newest come first."))
	m.Blocks = append(m.Blocks, endingBlocks(s.Ending, now)...)
	return m
}

// maxEnding is how many characters name the grants whose sessions are still ending.
const maxEnding = 1500

// endingBlocks name closed grants whose sessions are still ending, so that nobody takes a list without grants for the
// end of all access.
func endingBlocks(ending []access.Request, now time.Time) []slack.Block {
	if len(ending) == 0 {
		return nil
	}
	lines := []string{":hourglass_flowing_sand: *The sessions of " + counted(len(ending), "closed grant") +
		" are still ending.* That goes on by itself."}
	for _, r := range ending {
		text := "• " + asker(r.Requester) + ": " + roleIn(r) + ", request " + shortName(r.ID) + ", ending since " +
			formatTime(r.CutSince)
		if until := r.CanActUntil(now); !until.IsZero() {
			text += ", can act until " + formatTime(until) + " at the latest"
		}
		lines = append(lines, text)
	}
	return sections(fitLines(lines, maxEnding)...)
}

// responderBlocks are what only responders see of the list.
func responderBlocks(s Revocable) []slack.Block {
	var blocks []slack.Block
	freeze := button("Freeze…", ActionFreeze, "freeze", slack.StyleDanger)
	if s.Freeze.On {
		blocks = append(blocks, section(frozenSince(s.Freeze)+"\nWhy: "+escape(quoted(s.Freeze.Why))))
		freeze = button("Thaw…", ActionThaw, "thaw", slack.StyleDefault)
	}
	var lines []string
	for _, l := range s.Failing {
		lines = append(lines, ":warning: "+cutFails(l))
	}
	blocks = append(blocks, sections(fitLines(lines, maxStatus)...)...)
	return append(blocks, slack.NewActionBlock(revokeBlock+"responders",
		button("Everything of a person…", ActionRevokePerson, "person", slack.StyleDefault),
		button("Everything in an account…", ActionRevokeAccount, "account", slack.StyleDefault),
		button("Everything…", ActionRevokeAll, "all", slack.StyleDanger), freeze))
}

// frozenSince says who froze everything, and who wants to end that.
func frozenSince(f access.Freeze) string {
	text := ":snowflake: *Everything is frozen* by " + mention(f.By) + ", since " + formatTime(f.At) +
		". Nothing is granted, handed out or paired."
	for _, p := range f.Thaw {
		text += " " + mention(p) + " wants to thaw it."
	}
	return text
}

// cutFails says of a role that its sessions cannot be ended.
func cutFails(l access.CutList) string {
	return "The sessions of *" + shortName(l.Role) + "* in " + shortName(l.Account) + " could not be ended, " +
		counted(l.Tries, "time") + " since " + formatTime(l.Since) + " (" + shortName(l.Failed) +
		"). It is tried again until it works."
}

// revokeEntry is a grant with its button.
func revokeEntry(r access.Request, now time.Time) slack.Block {
	who := asker(r.Requester)
	if r.Requester.Machine != nil {
		who += " (“" + shortName(r.Requester.Name) + "”)"
	}
	text := who + ": " + roleIn(r) + "\ngranted until " + formatTime(r.Ends) + ", " +
		liveSessionCount(r.LiveSessions(now))
	entry := slack.NewSectionBlock(markup(text), nil, nil)
	entry.BlockID = revokeBlock + r.ID
	entry.Accessory = slack.NewAccessory(button("Revoke", ActionRevoke, r.ID, slack.StyleDanger))
	return entry
}

func liveSessionCount(n int) string {
	if n == 0 {
		return "no live session"
	}
	return counted(n, "live session")
}

func grantCount(n int) string { return counted(n, "grant") }

// counted is a number with its noun.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// pageButtons lead to the pages beside one. Their values are the numbers of those pages.
func pageButtons(page, pages int) (row []slack.BlockElement) {
	if page > 0 {
		row = append(row, button("Newer", ActionRevokePage+":newer", strconv.Itoa(page-1), slack.StyleDefault))
	}
	if page < pages-1 {
		row = append(row, button("Older", ActionRevokePage+":older", strconv.Itoa(page+1), slack.StyleDefault))
	}
	return row
}

// RevokePersonForm asks a responder whose grants are to be revoked.
func RevokePersonForm() slack.ModalViewRequest {
	menu := slack.NewOptionsSelectBlockElement(slack.OptTypeUser, plainText("Choose a person"), ActionPerson)
	return modal(CallbackRevokePerson, "Everything of a person", "Next", "Back", []slack.Block{
		input("Person", ActionPerson, menu, "Nothing is revoked yet: the next step says how much it would be."),
	})
}

// RevokeAccountForm asks a responder in which account all grants are to be revoked. It offers the accounts in which
// somebody has access.
func RevokeAccountForm(grants []access.Request) slack.ModalViewRequest {
	const title = "All of an account"
	accounts := make(map[string]access.Request)
	count := make(map[string]int)
	for _, r := range grants {
		accounts[r.Account] = r
		count[r.Account]++
	}
	if len(accounts) == 0 {
		return modal(callbackNone, title, "", "Close", []slack.Block{section("No grant in any account can be revoked now.")})
	}
	ids := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(count[b]-count[a], cmp.Compare(a, b))
	})
	var options []*slack.OptionBlockObject
	for _, id := range ids[:min(len(ids), MaxOptions)] {
		more := " (" + id + "): " + grantCount(count[id])
		name := truncate(oneLine(accounts[id].AccountName), maxOption-len(more)) + more
		options = append(options, slack.NewOptionBlockObject(id, plainText(name), nil))
	}
	hint := "Nothing is revoked yet: the next step says how much it would be."
	if more := len(ids) - len(options); more > 0 {
		hint += " " + strconv.Itoa(more) + " more accounts do not fit here."
	}
	choose := plainText("Choose an account")
	menu := slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, choose, ActionRevokeIn, options...)
	return modal(CallbackRevokeAccount, title, "Next", "Back", []slack.Block{
		input("Account", ActionRevokeIn, menu, hint),
	})
}

// ConfirmRevocation says what a revocation of several grants would end, and asks for the reason. grants are those of
// the scope; more says that there may be others. Its metadata is the scope.
func ConfirmRevocation(of access.Scope, grants []access.Request, more bool, now time.Time) slack.ModalViewRequest {
	sessions, own := 0, ""
	for _, r := range grants {
		sessions += r.LiveSessions(now)
	}
	if more {
		own = "at least "
	}
	text := "*" + scopeInWords(of, grants) + "*\nThis revokes " + own + "*" + grantCount(len(grants)) + "* with *" +
		liveSessionCount(sessions) + "*, and what is granted until it is done."
	if of.Kind == access.OfPerson {
		text += " All computers of this person are removed, so their command line has to be paired again."
	}
	after := "Requests that wait for approval stay: deny them on their cards. These people may not ask for the same " +
		"again within an hour, unless a responder allows it. To stop all new access too, freeze everything first."
	v := modal(CallbackRevokeMany, "Revoke all of this?", "Revoke", "Back", []slack.Block{
		section(text), smallPrint(after),
		input("Reason", ActionReason, reasonInput("Everybody concerned reads this"), ""),
	})
	v.PrivateMetadata = of.String()
	return v
}

// scopeInWords names the grants of a scope.
func scopeInWords(of access.Scope, grants []access.Request) string {
	switch of.Kind {
	case access.OfPerson:
		return "Everything of <@" + of.ID + ">"
	case access.InAccount:
		if len(grants) > 0 {
			return "Everything in " + shortName(grants[0].AccountName) + " (" + of.ID + ")"
		}
		return "Everything in " + shortName(of.ID)
	}
	return "Everything"
}

// RevocationSent takes the place of the form when a revocation of several grants has been ordered.
func RevocationSent() slack.ModalViewRequest {
	return modal(callbackNone, "Being revoked", "", "Close", []slack.Block{
		section(":hourglass_flowing_sand: This is being revoked now. A message from this app says when it is done."),
	})
}

// RevokedMany is the private answer to the responder who revoked several grants. devices is how many computers were
// removed.
func RevokedMany(of access.Scope, grants, sessions, devices int) Message {
	text := ":white_check_mark: *" + scopeInWords(of, nil) + "*: " + grantCount(grants) + " revoked."
	if grants == 0 {
		text = ":white_check_mark: *" + scopeInWords(of, nil) + "*: there was nothing left to revoke."
	}
	if sessions > 0 {
		text += " " + liveSessionCount(sessions) + " being ended; the cards say when that is done."
	}
	if of.Kind == access.OfPerson {
		text += " " + counted(devices, "paired computer") + " removed."
	}
	return markupMessage(text)
}

// RevokedPartly is the private answer to the responder when not all could be revoked.
func RevokedPartly(of access.Scope, grants, failed, left int, reference string) Message {
	return markupMessage(":warning: *" + scopeInWords(of, nil) + "*: " + grantCount(grants) + " revoked, " +
		strconv.Itoa(failed) + " failed, and for " + strconv.Itoa(left) + " there was no time. " +
		"*Revoke it again* with `/aws-access revoke`: what is done stays done. Reference: " + shortName(reference))
}

// NotRevoked is the private answer to the responder when nothing could be revoked.
func NotRevoked(err error, reference string) Message { return plainMessage(explain(err, reference)) }

// FreezeForm asks a responder why everything is to be frozen.
func FreezeForm() slack.ModalViewRequest {
	return modal(CallbackFreeze, "Freeze everything?", "Freeze", "Back", []slack.Block{
		section("*Nothing new is granted, handed out or paired* until two responders thaw it, or an operator with rights " +
			"on the table. Access that people have stays: revoke it as well if it must end."),
		input("Reason", ActionReason, reasonInput("The operators and responders read this"), ""),
	})
}

// ThawForm asks a responder to confirm that everything is to be thawed. Its metadata is the mark of the freeze.
func ThawForm(f access.Freeze) slack.ModalViewRequest {
	if !f.On {
		return ThawView(f, false)
	}
	blocks := append([]slack.Block{section(frozenSince(f))}, typedText("*Why*, as it was typed:", f.Why)...)
	v := modal(CallbackThaw, "Thaw everything?", "Thaw", "Back", append(blocks,
		smallPrint("Two responders have to agree. When the second one does, people get access again.")))
	v.PrivateMetadata = f.Mark()
	return v
}

// FreezeView takes the place of the form when everything is frozen. changed says that this form did it.
func FreezeView(f access.Freeze, changed bool) slack.ModalViewRequest {
	text := frozenSince(f)
	if !changed {
		text += " It was frozen before."
	}
	return modal(callbackNone, "AWS access", "", "Close", []slack.Block{section(text)})
}

// ThawView takes the place of the form when somebody has agreed to thaw. changed says that this form did it.
func ThawView(f access.Freeze, changed bool) slack.ModalViewRequest {
	text := ":white_check_mark: Nothing is frozen. People get access again."
	switch {
	case f.On && changed:
		text = frozenSince(f) + " Another responder has to agree."
	case f.On:
		text = frozenSince(f) + " You have agreed before. Another responder has to agree."
	}
	return modal(callbackNone, "AWS access", "", "Close", []slack.Block{section(text)})
}
