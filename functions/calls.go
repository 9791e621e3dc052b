package functions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/lifecycle"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/slackui"
	"github.com/aws-access/aws-access/pkg/wire"
)

// Calls takes the steps that people's devices and machines ask for through /v1. It
// believes nothing that the public function says: it checks each call itself, signs each
// answer, and seals what is secret. Only vend has one. NewVend builds it.
//
// A call is checked in this order: form and address, signature, clock, device or proof.
// What needs no network comes before what needs it.
type Calls struct {
	// Address returns the addresses of this installation, as wire.URL has them.
	Address func(ctx context.Context) ([]string, error)
	// AnswerKeys returns the text of wire.ParseAnswerKeys. fresh asks to read it again.
	AnswerKeys func(ctx context.Context, fresh bool) (access.Secret, error)
	Machines   machines // nil refuses every machine
	Store      callStore
	Submit     lifecycle.Submit
	Close      lifecycle.Close
	Vend       lifecycle.Vend
	Pair       lifecycle.Pair
	SignIn     signIn
	Policy     *policy.Policy
	Operators  Operators
	NewID      func() string // names a failure in the log
	Now        func() time.Time
	Log        *slog.Logger

	parsed answerKeys
	cache  directoryCache
}

// machines judges the proofs of machines. pkg/machine implements it; this package must
// not import that, because the public functions would then link it.
type machines interface {
	// Role returns the machine that has signed a call of sts:GetCallerIdentity for an
	// audience and a key.
	Role(ctx context.Context, p wire.AWSProof, audience, key string) (access.Machine, error)
	// Run returns the machine of a token that was made for an audience and a key.
	Run(ctx context.Context, token access.Secret, audience, key string) (access.Machine, error)
}

type callStore interface {
	requestStore
	Device(ctx context.Context, id string) (access.Device, error)
}

// Call is a call as the public function passes it on: the JWS, and nothing beside it.
type Call struct {
	Text string `json:"text"`
}

// caller is who made a call: the owner of a device, a machine, or, to pair, somebody whom
// the code will name.
type caller struct {
	wire.Call
	device  access.Device  // zero for a machine, and to pair
	machine *access.Person // nil for a person
}

// person is the caller as a requester. Of a person, only the id is known.
func (c caller) person() access.Person {
	if c.machine != nil {
		return *c.machine
	}
	return access.Person{ID: c.device.Owner}
}

// callAnswer is what an operation answers: a body to be signed, or what is sealed already.
type callAnswer struct {
	status int
	body   any
	sealed *wire.Response
}

// Do answers a call. An error means that no answer can be signed; the public function then
// answers by itself. Nothing of a call's text is in the error or the log.
func (h *Calls) Do(ctx context.Context, in Call) (wire.Response, error) {
	if h == nil || h.AnswerKeys == nil {
		return wire.Response{}, errors.New("answer a call: no answer key is configured")
	}
	u, address, err := h.parse(ctx, in.Text)
	ref := wire.RefOf([]byte(in.Text))
	if u != nil {
		ref = u.Ref()
	}
	keys, keyErr := h.answerKeys(ctx, ref)
	if keyErr != nil {
		return wire.Response{}, fmt.Errorf("answer a call: %w", keyErr)
	}
	var c caller
	var a callAnswer
	if err == nil {
		c, err = h.verify(ctx, u, address)
	}
	if err == nil {
		a, err = h.take(ctx, c, keys)
		h.forget(ctx, c, err)
	}
	if err != nil {
		a = h.refused(ctx, err, c.machine != nil)
	}
	h.log(ctx, c, a, err)
	if a.sealed != nil {
		return *a.sealed, nil
	}
	return keys.Answer(ref, a.status, a.body, h.Now())
}

// parse reads a call for any of the addresses, and returns the one that it names.
func (h *Calls) parse(ctx context.Context, text string) (*wire.Unverified, string, error) {
	if len(text) > wire.MaxCall { // before the addresses are read
		return nil, "", &wire.Error{Code: wire.TooLarge, What: "call", Why: "it has more than 16 KiB"}
	}
	addresses, err := h.Address(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("read the address of this installation: %w", err)
	}
	err = errNoURL
	for _, address := range addresses {
		var u *wire.Unverified
		if u, err = wire.Parse([]byte(text), address); err == nil {
			return u, address, nil
		}
		if wire.CodeOf(err) != wire.WrongURL {
			return nil, "", err
		}
	}
	return nil, "", err
}

// verify finds out who made a call.
func (h *Calls) verify(ctx context.Context, u *wire.Unverified, address string) (caller, error) {
	key, embedded := u.Embedded()
	if embedded {
		call, err := u.Verify(key, h.Now())
		if err != nil || !call.Payload.Machine() {
			return caller{Call: call}, err
		}
		who, err := h.prove(ctx, call, address)
		return caller{Call: call, machine: &who}, err
	}
	device, err := h.Store.Device(ctx, u.Thumbprint())
	switch {
	case errors.Is(err, access.ErrNotFound) || err == nil && device.ID != u.Thumbprint():
		return caller{}, access.RefuseUnknownDevice()
	case err != nil:
		return caller{}, fmt.Errorf("load the device of a call: %w", err)
	}
	if key, err = wire.ParsePublicKey([]byte(device.Key)); err != nil {
		return caller{}, fmt.Errorf("read the key of device %s: %w", device.ID, errors.New(string(wire.CodeOf(err))))
	}
	call, err := u.Verify(key, h.Now())
	if err != nil {
		return caller{}, err
	}
	return caller{Call: call, device: device}, h.Vend.CheckDevice(device)
}

// prove finds out which machine made a call.
//
// Refusals: those of pkg/machine and Person.RefusedToAsk, unknown_machine, not_allowed,
// target_role.
func (h *Calls) prove(ctx context.Context, call wire.Call, address string) (access.Person, error) {
	p := call.Payload
	var m access.Machine
	var err error
	switch key := call.Key.Thumbprint(); {
	case h.Machines == nil:
		err = access.RefuseUnknownMachine()
	case p.AWS != nil && !h.Policy.HasRoles():
		err = access.RefuseNothingAllowed()
	case p.AWS != nil:
		m, err = h.Machines.Role(ctx, *p.AWS, address, key)
	default:
		m, err = h.Machines.Run(ctx, p.OIDC, address, key)
	}
	if err != nil {
		return access.Person{}, err
	}
	who := m.Person()
	if refusal := who.RefusedToAsk(); refusal != nil {
		return access.Person{}, refusal
	}
	return who, h.Policy.CheckMachine(&m)
}

// take takes the step that a verified call asks for.
func (h *Calls) take(ctx context.Context, c caller, keys wire.AnswerKeys) (callAnswer, error) {
	switch c.Payload.Op {
	case wire.Request:
		return h.request(ctx, c)
	case wire.Status:
		return h.status(ctx, c)
	case wire.Cancel:
		return h.close(ctx, c, h.Close.From(c.device.ID, c.machine).Cancel)
	case wire.End:
		return h.close(ctx, c, h.Close.From(c.device.ID, c.machine).End)
	case wire.Keys:
		return h.vend(ctx, c, access.Keys, keys)
	}
	if c.machine != nil { // wire.ParsePayload has refused it; this is the backstop
		return callAnswer{}, access.RefuseMachine()
	}
	switch c.Payload.Op {
	case wire.Console:
		return h.vend(ctx, c, access.Console, keys)
	case wire.Options:
		return h.options(ctx, c)
	case wire.List:
		return h.list(ctx, c)
	case wire.Pair:
		return h.pair(ctx, c)
	case wire.Devices:
		return h.devices(ctx, c)
	case wire.Unpair:
		return h.unpair(ctx, c)
	}
	return callAnswer{}, fmt.Errorf("no step is known for the operation %s", c.Payload.Op)
}

// refused puts an error into an answer. What is no refusal is logged under a reference,
// and the caller reads only that.
func (h *Calls) refused(ctx context.Context, err error, machine bool) callAnswer {
	var malformed *wire.Error
	if errors.As(err, &malformed) {
		return callAnswer{status: malformed.Code.Status(), body: malformed.Refusal()}
	}
	all := access.Refusals(err)
	for i, one := range all {
		all[i] = access.Refusals(one.OnCommandLine(machine))[0]
	}
	if len(all) == 0 {
		reference := h.NewID()
		h.Log.ErrorContext(ctx, "a call failed", "reference", reference, "error", err)
		return callAnswer{status: http.StatusInternalServerError, body: wire.Refusal{
			Code: "error", Text: slackui.CallFailed(reference),
		}}
	}
	body := wire.RefusalOf(all[0])
	for _, more := range all[1:] { // all mistakes of a request at once
		body.Text += " " + more.Says
		body.Next = strings.TrimSpace(body.Next + " " + more.Next)
	}
	status := http.StatusForbidden
	if isDeviceRefusal(body.Code) {
		status = http.StatusUnauthorized
	}
	return callAnswer{status: status, body: body}
}

// isDeviceRefusal reports whether a refusal means that the device has to be paired again.
func isDeviceRefusal(code string) bool {
	return code == access.CodeUnknownDevice || code == access.CodeDeviceRemoved || code == access.CodeDeviceExpired
}

// log writes one line for each call: ids and codes, and nothing that was typed.
func (h *Calls) log(ctx context.Context, c caller, a callAnswer, err error) {
	status, code := a.status, access.Code(err)
	if a.sealed != nil {
		status = a.sealed.Status
	}
	if code == "" {
		code = string(wire.CodeOf(err))
	}
	args := []any{"op", string(c.Payload.Op), "by", c.person().ID, "device", c.device.ID, "status", status, "code", code}
	if err != nil && len(access.Refusals(err)) > 0 {
		args = append(args, "error", err) // with what pkg/machine says for the log alone
	}
	h.Log.InfoContext(ctx, "a call was answered", args...)
}

// answerKeys are the keys as they were parsed last.
type answerKeys struct {
	mu   sync.Mutex
	text access.Secret
	keys wire.AnswerKeys
}

func (k *answerKeys) parse(text access.Secret) (wire.AnswerKeys, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if text == k.text && !text.Empty() {
		return k.keys, nil
	}
	keys, err := wire.ParseAnswerKeys(text)
	if err == nil {
		k.text, k.keys = text, keys
	}
	return keys, err
}

// answerKeys returns the keys that sign answers. It reads the secret again if it cannot be
// used, or if the caller has pinned another key: it may have been rotated just now.
func (h *Calls) answerKeys(ctx context.Context, to wire.Ref) (keys wire.AnswerKeys, err error) {
	for _, fresh := range []bool{false, true} {
		var text access.Secret
		if text, err = h.AnswerKeys(ctx, fresh); err != nil {
			return keys, err
		}
		if keys, err = h.parsed.parse(text); err == nil && keys.Knows(to) {
			return keys, nil
		}
	}
	if err != nil {
		told := h.Operators.Once(ctx, "answer_key", slackui.AnswerKeyUnusable(err), 24*time.Hour)
		return keys, errors.Join(err, told)
	}
	return keys, nil // the caller will refuse the answer, and has to pair again
}
