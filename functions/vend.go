package functions

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/lifecycle"
	"github.com/aws-access/aws-access/pkg/slackapi"
	"github.com/aws-access/aws-access/pkg/slackui"
)

type signIn interface {
	// Link returns an address that signs the person who opens it into the console, and when
	// that console session expires.
	Link(ctx context.Context, c access.Credentials, t access.Target) (access.Secret, time.Time, error)
}

// Vend is the handler of orders, and the only one that handles credentials. It
// answers only the requester whom the table names, in that person's direct channel
// with the bot. NewVend builds it.
type Vend struct {
	Step   lifecycle.Vend
	SignIn signIn
	// Render writes keys in a form, in parts that each fit into a post.
	Render func(form access.Form, c access.Credentials, t access.Target, fits func(string) bool) []access.Secret
	Slack  *slackapi.Client
	Checks Checks // answers doctor; the zero value refuses
	Calls  *Calls // takes the steps that come through /v1; nil refuses
	// Devices does what people order about their devices.
	Devices Devices
	// Revocations does what responders order who revoke several grants.
	Revocations Revocations

	Operators Operators
	Wait      func(ctx context.Context, d time.Duration) error // with nil there is no wait
	Log       *slog.Logger
}

// Handle handles a payload: an order, an order about devices, {"device": {…}}, or one to revoke
// several grants, {"revoke": {…}}, which are answered in Slack only; a check, {"check": {…}}, or
// a call, {"call": {…}}, whose answers are returned. Any other payload is an error before anything is done.
func (h Vend) Handle(ctx context.Context, payload json.RawMessage) (any, error) {
	todo, err := readTask(payload)
	switch {
	case err != nil:
		h.Log.ErrorContext(ctx, "vend was called with an unknown payload", "error", err)
		return nil, err
	case todo.check != nil:
		return h.Checks.Do(ctx, *todo.check), nil
	case todo.call != nil:
		return h.Calls.Do(ctx, *todo.call)
	case todo.device != nil:
		return nil, h.handleDevice(ctx, *todo.device)
	case todo.revoke != nil:
		return nil, h.handleRevocation(ctx, *todo.revoke)
	}
	return nil, h.HandleOrder(ctx, *todo.order)
}

// task is what vend is asked to do. Exactly one of its parts is set.
type task struct {
	order  *access.Order
	check  *Check
	call   *Call
	device *access.DeviceOrder
	revoke *access.Revocation
}

// errUnknownTask does not wrap the decoder's error, which may quote the payload.
var errUnknownTask = errors.New("the payload is no order, no order about devices or to revoke, no check and no call")

// readTask reads a payload: an object with the one name of its kind, or an order, which has
// the names of its fields.
func readTask(payload []byte) (task, error) {
	var todo task
	var fields map[string]json.RawMessage
	if json.Unmarshal(payload, &fields) != nil {
		return task{}, errUnknownTask
	}
	var into any = &todo.order
	text := payload
	for name, part := range map[string]any{
		"check": &todo.check, "call": &todo.call, "device": &todo.device, "revoke": &todo.revoke,
	} {
		asked, found := fields[name]
		if !found {
			continue
		}
		if len(fields) > 1 {
			return task{}, errUnknownTask
		}
		into, text = part, asked
	}
	if decodeStrict(text, into) != nil || todo == (task{}) {
		return task{}, errUnknownTask
	}
	return todo, nil
}

// decodeStrict decodes exactly one JSON value, and refuses unknown fields.
func decodeStrict(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errUnknownTask
	}
	return nil
}

// HandleOrder answers one order. Its error is nil when the requester was answered,
// even with a refusal. An error goes to the failure destination: the order was
// invalid, did not come from the requester, or the answer did not arrive.
func (h Vend) HandleOrder(ctx context.Context, order access.Order) error {
	out, err := h.Step.Do(ctx, order)
	if errors.Is(err, access.ErrBadOrder) {
		// The fields of an invalid order may be of any length, so none is logged.
		h.Log.ErrorContext(ctx, "an invalid order is not answered", "error", err)
		return err
	}
	if errors.Is(err, lifecycle.ErrNotRequester) || out.Request.ID == "" {
		h.Log.ErrorContext(ctx, "an order is not answered", "order", order.ID, "request", order.Request, "by", order.By,
			"error", err)
		return err
	}
	if access.Code(err) == access.CodeOrderRepeated {
		return nil // the first delivery of this order answers
	}
	var answer []slackui.Message
	if err == nil {
		answer, err = h.answer(ctx, out)
	}
	why := ""
	if err != nil {
		h.Log.WarnContext(ctx, "an order was refused", "order", order.ID, "request", order.Request,
			"code", access.Code(err), "error", err)
		answer, why = []slackui.Message{slackui.NoSession(err, out.Request, order.ID)}, failureCode(err)
	}
	posted := h.post(ctx, out, answer)
	if posted != nil {
		// Notify tells the person to click again.
		posted, why = fmt.Errorf("answer order %s of request %s: %w", order.ID, order.Request, posted), "undelivered"
	}
	if why == "" || !out.Ordered {
		return posted
	}
	return errors.Join(posted, h.Step.Fail(ctx, out.Request.ID, order.ID, why))
}

// failureCode returns the code of a failure for the audit trail. It never returns the
// text of an answer of AWS.
func failureCode(err error) string {
	if code := access.Code(err); code != "" {
		return code
	}
	return "error"
}

// answer returns the private answer with a session, in one post or more. It never
// says that a session is useful after its policy denies every action.
func (h Vend) answer(ctx context.Context, out lifecycle.Handout) ([]slackui.Message, error) {
	c := out.Credentials
	if out.Kind == access.Keys {
		c.Expires = out.Session.UsefulUntil()
		return slackui.Keys(out.Form, h.Render(out.Form, c, out.Target, slackui.FitsInPost), out.Request, out.Session), nil
	}
	link, expires, err := h.SignIn.Link(ctx, c, out.Target)
	if err != nil {
		return nil, err
	}
	console := out.Session
	console.Expires = expires // with wide keys later than the session that was recorded
	answer, err := slackui.Link(link, out.Request, console)
	if err != nil {
		h.reportLink(ctx, out.Target, err)
	}
	return answer, err
}

// reportLink tells the operators once a day that the console link of a role is too
// long: only they can shorten it.
func (h Vend) reportLink(ctx context.Context, t access.Target, cause error) {
	err := h.Operators.Once(ctx, "link_too_long:"+t.Account+":"+t.Role, slackui.LinkTooLong(t, cause), 24*time.Hour)
	if err != nil {
		h.Log.ErrorContext(ctx, "the operators cannot be told of a link", "account", t.Account, "role", t.Role, "error", err)
	}
}

// maxPosts is how often the handler tries to post one message of an answer.
const maxPosts = 3

// post sends the answer to the requester, in the direct channel with the bot. It stops
// at the first message that does not arrive: the others are of no use without it.
func (h Vend) post(ctx context.Context, out lifecycle.Handout, answer []slackui.Message) error {
	channel := ""
	if direct := out.Messages.At("grant"); direct != nil && direct.TS != undeliverable {
		channel = direct.Channel
	}
	for _, m := range answer {
		var err error
		if channel, err = h.postOne(ctx, out.Request.Requester.ID, channel, m); err != nil {
			return err
		}
	}
	return nil
}

// postOne posts one message. It opens the direct channel if channel is "", and returns
// it.
func (h Vend) postOne(ctx context.Context, to, channel string, m slackui.Message) (string, error) {
	var err error
	for range maxPosts {
		if channel == "" {
			channel, err = h.Slack.OpenDM(ctx, to)
		}
		if channel != "" {
			err = h.Slack.PostEphemeral(ctx, channel, to, slackapi.Message{Text: m.Text, Blocks: m.Blocks})
		}
		if err == nil || slackapi.Permanent(err) || !h.waitFor(ctx, err) {
			break
		}
	}
	if class := slackapi.Classify(err); class == slackapi.Operator || class == slackapi.Invalid {
		code := slackapi.Code(err)
		err = errors.Join(err, h.Operators.Once(ctx, "vend:"+code, slackui.AnswerRefused(err), giveUpAfter))
	}
	return channel, err
}

// maxAnswerWait is how long an answer waits for Slack between two tries. An order is
// valid for a minute, and vend has 30 s.
const maxAnswerWait = 5 * time.Second

// waitFor waits as long as Slack asks for. It returns false when that is too long.
// Then the person is told to click again.
func (h Vend) waitFor(ctx context.Context, err error) bool {
	wait, limited := slackapi.RetryAfter(err)
	if !limited || h.Wait == nil {
		return true
	}
	return wait <= maxAnswerWait && h.Wait(ctx, max(wait, time.Second)) == nil
}
