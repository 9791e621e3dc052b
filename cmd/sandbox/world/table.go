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
		item, err = recordItem(t.store.Freeze, store.FreezeItem)
		version = item.Version
	case store.SweepKey:
		item, err = recordItem(t.store.Sweep, store.SweepItem)
		version = item.Version
	case store.DirectoryKey:
		item, err = recordItem(t.store.Directory, store.DirectoryItem)
		version = item.Version
	case store.ProblemsKey:
		item, err = recordItem(t.store.Problems, store.ProblemsItem)
		version = item.Version
	default:
		return item, false, unsupported("the item " + pk + " " + sk)
	}
	return item, version > 0, err
}

// recordItem reads one of the records of which there is one.
func recordItem[T any](
	load func(context.Context) (T, error), form func(T) (store.Item, error),
) (item store.Item, err error) {
	record, err := load(context.Background())
	if err != nil {
		return item, err
	}
	return form(record)
}

// saveRecord writes what recordItem reads.
func saveRecord[T any](item store.Item, save func(context.Context, T) error) error {
	var next T
	if err := item.Decode(&next); err != nil {
		return err
	}
	return save(context.Background(), next)
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
		return t.due(textOf(in.ExpressionAttributeValues, ":state"), textOf(in.ExpressionAttributeValues, ":now"))
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

// due lists the keys of cut lists, or of closed grants whose sessions are ending, that are due at a time.
func (t table) due(state, now string) (any, error) {
	at, err := time.Parse(time.RFC3339Nano, now)
	if err != nil {
		return nil, unsupported("a query of what is due at " + now)
	}
	keys := []image{}
	add := func(pk, sk string) { keys = append(keys, store.Item{PK: pk, SK: sk, State: state, Due: at}.Image()) }
	switch state {
	case store.Cutting:
		due, failed := t.store.DueCuts(context.Background(), at, everyRequest)
		for _, k := range due {
			add(store.CutListKey(k), store.CutSort)
		}
		err = failed
	case store.Ending:
		due, failed := t.store.Ending(context.Background(), at, everyRequest)
		for _, id := range due {
			add(store.RequestKey(id), store.RequestSort)
		}
		err = failed
	default:
		return nil, unsupported("a query of what is due in the state " + state)
	}
	return map[string]any{"Items": keys, "Count": len(keys), "ScannedCount": len(keys)}, err
}

// put writes the freeze, the record of the sweep, the problems or a cut list, on the condition of its version.
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
	switch item.SK {
	case store.FreezeKey:
		err = saveRecord(item, t.store.SaveFreeze)
	case store.SweepKey:
		err = saveRecord(item, t.store.SaveSweep)
	case store.ProblemsKey:
		err = saveRecord(item, t.store.SaveProblems)
	case store.CutSort:
		err = saveRecord(item, t.store.SaveCutList)
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
