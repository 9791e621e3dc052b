package dynamo

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/store"
)

// Save writes a request, its event and, if once is not empty, the unique key once:
// all or none. Errors: *access.Duplicate if the key was used before,
// access.ErrStale unless the stored version is the one before next's,
// access.ErrNewer if a newer version of the software wrote the stored item,
// access.ErrFrozen if the move gives access while everything is frozen, access.ErrHeld if it is an
// intent to vend while a sweep is held. After any other error the write may have been done.
//
// If an answer is lost, the SDK repeats the call with the same ClientRequestToken,
// and DynamoDB returns the result of the first call. So a move is never applied
// twice, and never reported as stale because of its own success. The SDK makes a new
// token for each call of Save. A token made from the contents would let two callers
// who write the same at the same time both win.
func (s *Store) Save(ctx context.Context, next access.Request, event access.Event, once string) error {
	items, err := store.MoveItems(next, event, once, s.now())
	if err == nil {
		err = s.commit(ctx, items, once, guardsOf(event))
	}
	return wrapSave(next.ID, err)
}

// SaveCut writes a request and its event as Save does, and with them the cut list that the
// request is on. Errors: as Save; access.ErrStale also if the stored list is not the version
// before l's.
func (s *Store) SaveCut(ctx context.Context, next access.Request, event access.Event, l access.CutList) error {
	items, err := store.CutItems(next, event, l, s.now())
	if err == nil {
		err = s.commitAll(ctx, nil, puts{s.table, items})
	}
	return wrapSave(next.ID, err)
}

// Submit writes a new request and its event as Save does, and with them next, the
// record that limits the requester. Errors: as Save; access.ErrStale also if another
// request wrote that record meanwhile.
func (s *Store) Submit(
	ctx context.Context, r access.Request, event access.Event, next access.Asker, once string,
) error {
	items, err := store.SubmitItems(r, event, next, once, s.now())
	if err == nil {
		err = s.commit(ctx, items, once, guardsOf(event))
	}
	return wrapSave(r.ID, err)
}

// wrapSave adds the request's id to an error of commit. A duplicate already names a
// request.
func wrapSave(id string, err error) error {
	if used := (*access.Duplicate)(nil); err == nil || errors.As(err, &used) {
		return err
	}
	return fmt.Errorf("save request %s: %w", id, err)
}

// guard is a condition on an item that a transaction does not write: the item has no such
// attribute.
type guard struct {
	key, attribute string
	err            error // of a transaction whose condition fails
}

var (
	notFrozen = guard{store.FreezeKey, "frozen", access.ErrFrozen}
	notHeld   = guard{store.SweepKey, "held", access.ErrHeld}
)

// guardsOf returns the guards of a move.
func guardsOf(e access.Event) (guards []guard) {
	if store.Gives(e) {
		guards = append(guards, notFrozen)
	}
	if store.Vends(e) {
		guards = append(guards, notHeld)
	}
	return guards
}

// failedGuard returns the error of the first guard that failed, nil for none. Guards are checked
// last.
func failedGuard(guards []guard, reasons []types.CancellationReason) error {
	for i, g := range guards {
		if conditionFailed(reasons[len(reasons)-len(guards)+i]) {
			return g.err
		}
	}
	return nil
}

// commit writes the items of a move, all or none. If once is not empty, the third
// item is the unique key. A move that a guard refuses is not written.
func (s *Store) commit(ctx context.Context, items []store.Item, once string, guards []guard) error {
	for attempt := 1; ; attempt++ {
		reasons, err := s.transact(ctx, guards, puts{s.table, items})
		switch {
		case err == nil:
			return nil
		case reasons == nil:
			return err
		case once != "" && conditionFailed(reasons[2]):
			return duplicateOf(reasons[2].Item)
		case retryable(reasons) && attempt < maxAttempts:
			if err := backOff(ctx, attempt); err != nil {
				return err
			}
		case conditionFailed(reasons[0]):
			return staleOrNewer(reasons[0].Item)
		case failedGuard(guards, reasons) != nil:
			return failedGuard(guards, reasons)
		case items[len(items)-1].SK == store.AskerSort && conditionFailed(reasons[len(items)-1]):
			return staleOrNewer(reasons[len(items)-1].Item)
		case conflict(reasons):
			return access.ErrStale
		default:
			return err
		}
	}
}

// puts are items that are written into one table.
type puts struct {
	table string
	items []store.Item
}

// transact writes items in one transaction, each on its condition, and on the guards, which are
// checked last. If DynamoDB cancelled the transaction, nothing was written, and there is one
// reason for each item, and for each guard.
func (s *Store) transact(ctx context.Context, guards []guard, all ...puts) ([]types.CancellationReason, error) {
	// The SDK writes its token into the input, so each attempt needs a new input.
	in := &dynamodb.TransactWriteItemsInput{}
	for _, into := range all {
		for _, item := range into.items {
			expression, values := conditionOf(item)
			in.TransactItems = append(in.TransactItems, types.TransactWriteItem{Put: &types.Put{
				TableName: aws.String(into.table), Item: attributes(item),
				ConditionExpression: &expression, ExpressionAttributeNames: namesIn(values), ExpressionAttributeValues: values,
				ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
			}})
		}
	}
	for _, g := range guards {
		in.TransactItems = append(in.TransactItems, types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
			TableName: &s.table, Key: map[string]types.AttributeValue{"pk": text(g.key), "sk": text(g.key)},
			ConditionExpression: aws.String("attribute_not_exists(" + g.attribute + ")"),
		}})
	}
	_, err := s.client.TransactWriteItems(ctx, in)
	var cancelled *types.TransactionCanceledException
	if errors.As(err, &cancelled) && len(cancelled.CancellationReasons) == len(in.TransactItems) {
		return cancelled.CancellationReasons, err
	}
	return nil, err
}

// SaveCutList writes a cut list. Errors: as SaveDirectory.
func (s *Store) SaveCutList(ctx context.Context, next access.CutList) error {
	item, err := store.CutListItem(next)
	return s.saveOne(ctx, fmt.Sprintf("the cut list of %s %s", next.Account, next.Role), item, err)
}

// SaveFreeze writes the freeze. Errors: as SaveDirectory.
func (s *Store) SaveFreeze(ctx context.Context, next access.Freeze) error {
	item, err := store.FreezeItem(next)
	return s.saveOne(ctx, "the freeze", item, err)
}

// SaveSweep writes the record of the last sweep. Errors: as SaveDirectory.
func (s *Store) SaveSweep(ctx context.Context, next access.Sweep) error {
	item, err := store.SweepItem(next)
	return s.saveOne(ctx, "the record of the sweep", item, err)
}

// SaveDirectory writes the directory. Errors: access.ErrStale unless the stored
// version is the one before next's, or equals next; access.ErrNewer.
func (s *Store) SaveDirectory(ctx context.Context, next access.Directory) error {
	item, err := store.DirectoryItem(next)
	return s.saveOne(ctx, "the directory", item, err)
}

// SaveAsker writes the record that limits a user. Errors: as SaveDirectory.
func (s *Store) SaveAsker(ctx context.Context, user string, next access.Asker) error {
	item, err := store.AskerItem(user, next, s.now().Add(store.AskerLife))
	return s.saveOne(ctx, "the limits of "+user, item, err)
}

// SaveReading writes the progress of reading people. Errors: as SaveDirectory.
func (s *Store) SaveReading(ctx context.Context, next access.Reading) error {
	item, err := store.ReadingItem(next)
	return s.saveOne(ctx, "the reading of people", item, err)
}

// SaveProblems writes the problems that operators were told about. Errors: as
// SaveDirectory.
func (s *Store) SaveProblems(ctx context.Context, next access.Problems) error {
	item, err := store.ProblemsItem(next)
	return s.saveOne(ctx, "the operators' problems", item, err)
}

// SaveBuilds writes the builds that have run. Errors: as SaveDirectory.
func (s *Store) SaveBuilds(ctx context.Context, next access.Builds) error {
	item, err := store.BuildsItem(next)
	return s.saveOne(ctx, "the builds that have run", item, err)
}

// SaveMessages writes a request's posted messages. Errors: as SaveDirectory.
func (s *Store) SaveMessages(ctx context.Context, id string, next access.Messages) error {
	item, err := store.MessagesItem(id, next)
	return s.saveOne(ctx, "the messages of request "+id, item, err)
}

// saveOne writes one item. err is that of making the item.
func (s *Store) saveOne(ctx context.Context, what string, item store.Item, err error) error {
	if err == nil {
		err = s.replace(ctx, item)
	}
	if err != nil {
		return fmt.Errorf("save %s: %w", what, err)
	}
	return nil
}

// replace writes one item on its condition. A single write has no token. If the SDK
// repeats it, the condition fails on the item of the first attempt, which is
// recognised by its body.
func (s *Store) replace(ctx context.Context, item store.Item) error {
	expression, values := conditionOf(item)
	_, err := s.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &s.table, Item: attributes(item),
		ConditionExpression: &expression, ExpressionAttributeNames: namesIn(values), ExpressionAttributeValues: values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	var refused *types.ConditionalCheckFailedException
	if !errors.As(err, &refused) {
		return err
	}
	if old, err := itemOf(refused.Item); err == nil && old.Body == item.Body {
		return nil
	}
	return staleOrNewer(refused.Item)
}

// conditionOf returns the condition on which an item is written: the table holds the
// version before it in a known format, or for version 1 no item.
func conditionOf(item store.Item) (expression string, values map[string]types.AttributeValue) {
	if item.Version <= 1 {
		return "attribute_not_exists(pk)", nil
	}
	return "#version = :before AND #format <= :known", map[string]types.AttributeValue{
		":before": number(strconv.Itoa(item.Version - 1)), ":known": number(strconv.Itoa(store.Format)),
	}
}

// namesIn returns the attribute names that a condition uses; DynamoDB refuses unused
// names.
func namesIn(values map[string]types.AttributeValue) map[string]string {
	if values == nil {
		return nil
	}
	return map[string]string{"#version": "version", "#format": "format"}
}

// staleOrNewer returns the error for a failed condition, given the stored item.
func staleOrNewer(held map[string]types.AttributeValue) error {
	old, err := itemOf(held)
	if err == nil && old.Newer() {
		return old.Decode(nil)
	}
	return access.ErrStale
}

// duplicateOf returns the error for a used unique key, with the request of the key.
func duplicateOf(held map[string]types.AttributeValue) error {
	item, err := itemOf(held)
	if err != nil {
		return err
	}
	var used access.Duplicate
	if err := item.Decode(&used.Request); err != nil {
		return err
	}
	return &used
}

func conditionFailed(r types.CancellationReason) bool {
	return aws.ToString(r.Code) == "ConditionalCheckFailed"
}

// conflict reports whether another call was writing the same items.
func conflict(reasons []types.CancellationReason) bool {
	return hasCode(reasons, "TransactionConflict")
}

// retryable reports whether the same write may succeed a moment later. The SDK does
// not repeat such a write by itself.
func retryable(reasons []types.CancellationReason) bool {
	return conflict(reasons) || hasCode(reasons, "ThrottlingError") || hasCode(reasons, "ProvisionedThroughputExceeded")
}

func hasCode(reasons []types.CancellationReason, code string) bool {
	for _, r := range reasons {
		if aws.ToString(r.Code) == code {
			return true
		}
	}
	return false
}
