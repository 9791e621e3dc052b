package functions

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/slackapi"
	"github.com/aws-access/aws-access/pkg/slackui"
)

type noticeStore interface {
	Notice(ctx context.Context, id string) (access.Notice, error)
	SaveNotice(ctx context.Context, next access.Notice) error
	// Notices lists at most limit notices that are due, the longest overdue first.
	Notices(ctx context.Context, now time.Time, limit int) ([]string, error)
}

const (
	maxNotices     = 1000            // that one tick looks at
	noticesTimeout = 5 * time.Second // of the 55 s of a tick
)

// sendNotices sends the notices that Slack has not accepted. all is false if there may be
// more of them.
func (h *run) sendNotices(ctx context.Context, timeout time.Duration) (all bool, err error) {
	// Those that another invocation has claimed are listed too, for their causes.
	ids, err := h.Notices.Notices(ctx, h.Now().Add(claimLife), maxNotices)
	if err != nil {
		return false, fmt.Errorf("list the notices: %w", err)
	}
	var failed []error
	all = len(ids) < maxNotices
	for end := h.Now().Add(timeout); len(ids) > 0 && !h.Now().After(end); ids = ids[1:] {
		failed = append(failed, h.sendNotice(ctx, ids[0]))
	}
	return all && len(ids) == 0, errors.Join(failed...)
}

// sendNotice posts a notice, if it may be posted now and nobody else is posting it, and
// records what became of it. A notice that Slack does not accept is owed: the tick tries it
// again, as it does with other messages.
func (h *run) sendNotice(ctx context.Context, id string) error {
	n, known, claimed, err := h.claimNotice(ctx, id)
	if err != nil || !claimed {
		return err
	}
	m := slackui.PersonNotice(n)
	message := slackapi.Message{Text: m.Text, Blocks: m.Blocks}
	err = h.call("post "+n.To, func() error {
		if n.TS != "" {
			return h.Slack.Update(ctx, n.Channel, n.TS, message)
		}
		channel, ts, err := h.Slack.Post(ctx, n.To, message)
		if n.Kind == access.DevicePaired {
			n.Channel, n.TS = channel, ts
		}
		return err
	})
	next := h.noticeAfter(ctx, n, known, err)
	next.Version++
	if err = h.Notices.SaveNotice(ctx, next); err != nil { // unrecorded, it would be posted again
		if stored, read := h.Notices.Notice(ctx, id); errors.Is(err, access.ErrStale) && read == nil {
			next = stored.PostedAt(next)
		}
		err = h.Notices.SaveNotice(ctx, next)
	}
	if err != nil {
		return fmt.Errorf("record notice %s: %w", id, err)
	}
	return nil
}

// claimNotice claims a notice that is due, so that no other invocation posts it. known is how
// it was owed before, nil if this is the first try.
func (h *run) claimNotice(
	ctx context.Context, id string,
) (n access.Notice, known *access.Owed, claimed bool, err error) {
	if n, err = h.Notices.Notice(ctx, id); err != nil {
		return n, nil, false, fmt.Errorf("load notice %s: %w", id, err)
	}
	now := h.Now()
	due, unsent := n.Due()
	if known = n.Owed; known != nil && known.Class == "" {
		known = nil // an invocation that was to post it has ended
	}
	if unsent {
		h.noteNotice(n, known, now)
	}
	if _, held := h.holdOn("post " + n.To); held || !unsent || due.After(now) {
		return n, known, false, nil
	}
	claim := access.Owed{Since: now}
	if known != nil {
		claim = *known
	}
	claim.Channel, claim.Next, claim.Claim = n.To, now.Add(claimLife), rand.Text()
	n.Owed = &claim
	n.Version++
	err = h.Notices.SaveNotice(ctx, n)
	if errors.Is(err, access.ErrStale) {
		return n, known, false, nil // another invocation was faster
	}
	if err != nil {
		return n, known, false, fmt.Errorf("claim notice %s: %w", id, err)
	}
	return n, known, true, nil
}

// noteNotice notes in the run why a notice is owed, and whether it is late.
func (h *run) noteNotice(n access.Notice, known *access.Owed, now time.Time) {
	if known != nil {
		h.causes[cause(*known)] = true
	}
	operator := known != nil && known.Class == string(slackapi.Operator)
	if now.Sub(n.Since()) >= lateAfter && !operator {
		h.lateNotices++
	}
}

// noticeAfter is a notice after Slack's answer. It ends when Slack has accepted it, when the
// person has left, and when Slack refuses its form, which another try cannot change.
func (h *run) noticeAfter(ctx context.Context, n access.Notice, known *access.Owed, err error) access.Notice {
	class, code := slackapi.Classify(err), slackapi.Code(err)
	if code == "channel_not_found" {
		class = slackapi.Gone // the person has left the workspace
	}
	o := access.Owed{Channel: n.To, Class: string(class), Code: code}
	if known != nil && known.Code != code {
		h.recovered(ctx, *known)
	}
	switch class {
	case "":
		n.Sent, n.Owed = h.Now(), nil
		return n
	case slackapi.Gone:
		h.Log.InfoContext(ctx, "a notice is dropped, because its person no longer exists", "notice", n.ID, "to", n.To,
			"error", err)
		n.Sent, n.Owed = h.Now(), nil
	case slackapi.Invalid:
		// template.yaml has an alarm on this line.
		h.Log.ErrorContext(ctx, "a message is set aside, because Slack refuses its form", "notice", n.ID, "error", err)
		n.Sent, n.Owed = h.Now(), nil
	default:
		h.Log.WarnContext(ctx, "a notice is owed", "notice", n.ID, "to", n.To, "class", class, "error", err)
		o = owedAfter(known, o, err, h.Now())
		n.Owed = &o
		h.causes[cause(o)] = true
	}
	h.report(ctx, o, "the devices of "+n.To, err)
	return n
}
