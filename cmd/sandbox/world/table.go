package world

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/store"
	"github.com/aws-access/aws-access/pkg/store/memory"
)

// tableName is the name of the table for programs of operators.
const tableName = "aws-access"

// operatorPermissions is what aws-access close, freeze, thaw and sweep need.
const operatorPermissions = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["dynamodb:Query",` +
	`"dynamodb:BatchGetItem","dynamodb:PutItem","dynamodb:TransactWriteItems"],"Resource":"*"}]}`

// table is the store in memory as DynamoDB shows it to programs of operators. It has the calls
// that pkg/store/dynamo makes for them, and refuses every other one: it is no DynamoDB.
type table struct {
	store   *memory.Store
	now     func() time.Time
	written func() // called after each write, because the stream may have a new record
}

func (w *World) table() table {
	return table{store: w.Store, now: w.Clock.Now, written: w.Engine.StartDue}
}

type image = map[string]events.DynamoDBAttributeValue

// tableError is an error as DynamoDB writes it.
type tableError struct {
	Type    string `json:"__type"`
	Message string `json:"message"`
	Item    image  `json:",omitempty"`
	// Reasons are those of a transaction that was cancelled.
	Reasons []cancellation `json:"CancellationReasons,omitempty"`
}

type cancellation struct {
	Code string
	Item image `json:",omitempty"`
}

func (e *tableError) Error() string { return e.Type + ": " + e.Message }

func unsupported(what string) error {
	return &tableError{Type: "ValidationException", Message: "The sandbox's table does not have " + what + "."}
}

// serve answers one call.
func (t table) serve(operation string, body []byte) (status int, answer []byte) {
	do := map[string]func([]byte) (any, error){
		"BatchGetItem": t.batchGet, "Query": t.query, "PutItem": t.put, "TransactWriteItems": t.transact,
	}[operation]
	var out any
	err := unsupported("the operation " + operation)
	if do != nil {
		out, err = do(body)
	}
	status = http.StatusOK
	if failed := (*tableError)(nil); errors.As(err, &failed) {
		failed.Type = "com.amazonaws.dynamodb.v20120810#" + failed.Type
		out, status = failed, http.StatusBadRequest
	} else if err != nil {
		out, status = &tableError{Type: "InternalServerError", Message: err.Error()}, http.StatusInternalServerError
	}
	text, err := json.Marshal(out)
	if err != nil {
		return http.StatusInternalServerError, nil
	}
	return status, text
}

// checkName refuses a call about another table.
func checkName(name string) error {
	if name != tableName {
		return &tableError{Type: "ResourceNotFoundException", Message: "Requested resource not found"}
	}
	return nil
}

func (t table) batchGet(body []byte) (any, error) {
	var in struct {
		RequestItems map[string]struct{ Keys []image }
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, unsupported("such a body")
	}
	found := map[string][]image{}
	for name, one := range in.RequestItems {
		if err := checkName(name); err != nil {
			return nil, err
		}
		for _, k := range one.Keys {
			item, ok, err := t.item(textOf(k, "pk"), textOf(k, "sk"))
			if err != nil {
				return nil, err
			}
			if ok {
				found[name] = append(found[name], item.Image())
			}
		}
	}
	return map[string]any{"Responses": found, "UnprocessedKeys": map[string]any{}}, nil
}

// textOf is a text attribute, "" if there is none.
func textOf(of image, name string) string {
	if v, ok := of[name]; ok && v.DataType() == events.DataTypeString {
		return v.String()
	}
	return ""
}

// item reads an item by its key. Items of devices and unique keys are not in reach.
func (t table) item(pk, sk string) (item store.Item, ok bool, err error) {
	ctx := context.Background()
	version := 0
	switch sk {
	case store.RequestSort:
		id := strings.TrimPrefix(pk, store.RequestKey(""))
		var all []access.Request
		if all, err = t.store.Requests(ctx, []string{id}); err == nil && len(all) > 0 {
			version = all[0].Version
			item, err = store.RequestItem(all[0])
		}
	case store.MessagesSort:
		id := strings.TrimPrefix(pk, store.RequestKey(""))
		_, m, failed := t.store.Messages(ctx, id)
		if failed != nil {
			return item, false, nil //nolint:nilerr // no request has this id
		}
		version = m.Version
		item, err = store.MessagesItem(id, m)
	case store.CutSort:
		k, _ := access.CutKeyOf(strings.TrimPrefix(pk, store.CutListPrefix))
		var l access.CutList
		if l, err = t.store.CutList(ctx, k); err == nil {
			version = l.Version
			item, err = store.CutListItem(l)
		}
	case store.FreezeKey:
		var f access.Freeze
		if f, err = t.store.Freeze(ctx); err == nil {
			version = f.Version
			item, err = store.FreezeItem(f)
		}
	case store.SweepKey:
		var s access.Sweep
		if s, err = t.store.Sweep(ctx); err == nil {
			version = s.Version
			item, err = store.SweepItem(s)
		}
	case store.DirectoryKey:
		var d access.Directory
		if d, err = t.store.Directory(ctx); err == nil {
			version = d.Version
			item, err = store.DirectoryItem(d)
		}
	default:
		return item, false, unsupported("the item " + pk + " " + sk)
	}
	return item, version > 0, err
}

// everyRequest is more requests than a sandbox has.
const everyRequest = 1 << 20

// query lists the keys of requests in a state, or of a person.
func (t table) query(body []byte) (any, error) {
	var in struct {
		TableName, IndexName, KeyConditionExpression string
		Limit                                        int
		ExpressionAttributeValues                    image
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, unsupported("such a body")
	}
	if err := checkName(in.TableName); err != nil {
		return nil, err
	}
	var all []access.Request
	var err error
	switch value := textOf(in.ExpressionAttributeValues, ":partition"); in.IndexName + " " + in.KeyConditionExpression {
	case "state #partition = :partition":
		all, err = t.store.InState(context.Background(), access.State(value), cmp.Or(in.Limit, everyRequest))
	case "state #state = :state AND due <= :now":
		return t.dueCuts(textOf(in.ExpressionAttributeValues, ":state"), textOf(in.ExpressionAttributeValues, ":now"))
	case "requester #partition = :partition":
		all, err = t.store.ByRequester(context.Background(), value, cmp.Or(in.Limit, everyRequest))
	default:
		return nil, unsupported("the query " + in.KeyConditionExpression + " of the index " + in.IndexName)
	}
	keys := []image{}
	for _, r := range all {
		item, failed := store.RequestItem(r)
		err = errors.Join(err, failed)
		keys = append(keys, item.Image())
	}
	return map[string]any{"Items": keys, "Count": len(keys), "ScannedCount": len(keys)}, err
}

// dueCuts lists the keys of cut lists that are due at a time.
func (t table) dueCuts(state, now string) (any, error) {
	at, err := time.Parse(time.RFC3339Nano, now)
	if err != nil || state != store.Cutting {
		return nil, unsupported("a query of what is due, but for cuts")
	}
	due, err := t.store.DueCuts(context.Background(), at, everyRequest)
	keys := []image{}
	for _, k := range due {
		item := store.Item{PK: store.CutListKey(k), SK: store.CutSort, State: state, Due: at}
		keys = append(keys, item.Image())
	}
	return map[string]any{"Items": keys, "Count": len(keys), "ScannedCount": len(keys)}, err
}

// put writes the freeze, the record of the sweep or a cut list, on the condition of its version.
func (t table) put(body []byte) (any, error) {
	var in struct {
		TableName string
		Item      image
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, unsupported("such a body")
	}
	if err := checkName(in.TableName); err != nil {
		return nil, err
	}
	item, err := store.FromImage(in.Item)
	if err != nil {
		return nil, unsupported("such an item")
	}
	defer t.written()
	ctx := context.Background()
	switch item.SK {
	case store.FreezeKey:
		var next access.Freeze
		if err = item.Decode(&next); err == nil {
			err = t.store.SaveFreeze(ctx, next)
		}
	case store.SweepKey:
		var next access.Sweep
		if err = item.Decode(&next); err == nil {
			err = t.store.SaveSweep(ctx, next)
		}
	case store.CutSort:
		var next access.CutList
		if err = item.Decode(&next); err == nil {
			err = t.store.SaveCutList(ctx, next)
		}
	default:
		err = unsupported("a write of " + item.SK)
	}
	if errors.Is(err, access.ErrStale) {
		old, _, _ := t.item(item.PK, item.SK)
		return nil, &tableError{
			Type: "ConditionalCheckFailedException", Message: "The conditional request failed", Item: old.Image(),
		}
	}
	return struct{}{}, err
}

// transact makes one move of a request, with its event and perhaps a cut list.
func (t table) transact(body []byte) (any, error) {
	var in struct {
		TransactItems []struct {
			Put *struct {
				TableName string
				Item      image
			}
			ConditionCheck *struct{ TableName string }
		}
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, unsupported("such a body")
	}
	var m move
	for _, one := range in.TransactItems {
		if one.Put == nil {
			return nil, unsupported("moves that give access, for operators")
		}
		if err := checkName(one.Put.TableName); err != nil {
			return nil, err
		}
		if err := m.add(one.Put.Item); err != nil {
			return nil, err
		}
	}
	defer t.written()
	err := m.save(t.store)
	if errors.Is(err, access.ErrStale) {
		reasons := make([]cancellation, len(in.TransactItems))
		for i := range reasons {
			reasons[i].Code = "None"
		}
		reasons[0].Code = "ConditionalCheckFailed"
		return nil, &tableError{
			Type: "TransactionCanceledException", Message: "Transaction cancelled", Reasons: reasons,
		}
	}
	return struct{}{}, err
}

// move is what a transaction writes.
type move struct {
	request access.Request
	event   access.Event
	cut     *access.CutList
}

func (m *move) add(of image) error {
	item, err := store.FromImage(of)
	switch {
	case err != nil:
		return unsupported("such an item")
	case item.SK == store.RequestSort:
		return item.Decode(&m.request)
	case strings.HasPrefix(item.SK, store.EventPrefix):
		return item.Decode(&m.event)
	case item.SK == store.CutSort:
		m.cut = &access.CutList{}
		return item.Decode(m.cut)
	}
	return unsupported("a move with " + item.SK)
}

func (m *move) save(to *memory.Store) error {
	switch {
	case m.request.ID == "" || m.event.Request == "":
		return unsupported("a move without a request and its event")
	case m.cut != nil:
		return to.SaveCut(context.Background(), m.request, m.event, *m.cut)
	}
	return to.Save(context.Background(), m.request, m.event, "")
}
