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

// Save writes a request, its event and, unless it is empty, the unique key
// once, as one. Errors: *access.Taken if the key was used before,
// access.ErrStale unless the stored version is the one before next's,
// access.ErrNewer if a newer version of the software wrote what is there. After
// any other error the write may have been done.
//
// An answer that was lost is asked for again by the SDK with the same
// ClientRequestToken, and DynamoDB then answers for the first one: a move is
// neither applied twice nor reported as stale by its own success. The token is
// the SDK's, a new one for each call. One made of the contents would let two
// callers who write the same at the same instant both win.
func (s *Store) Save(ctx context.Context, next access.Request, event access.Event, once string) error {
	items, err := store.MoveItems(next, event, once, s.now())
	if err == nil {
		err = s.commit(ctx, items, once)
	}
	return saved(next.ID, err)
}

// Submit writes a new request and its event, as Save does, and with them what
// limits the person who made it. Errors: as Save; access.ErrStale also if
// somebody wrote next's Asker meanwhile.
func (s *Store) Submit(
	ctx context.Context, r access.Request, event access.Event, next access.Asker, once string,
) error {
	items, err := store.SubmitItems(r, event, next, once, s.now())
	if err == nil {
		err = s.commit(ctx, items, once)
	}
	return saved(r.ID, err)
}

// saved says what an error of commit is about. That a key was taken names the
// other request by itself.
func saved(id string, err error) error {
	if used := (*access.Duplicate)(nil); err == nil || errors.As(err, &used) {
		return err
	}
	return fmt.Errorf("save request %s: %w", id, err)
}

// commit writes the items of a move, all or none; the third is the unique key,
// if there is one.
func (s *Store) commit(ctx context.Context, items []store.Item, once string) error {
	for try := 1; ; try++ {
		reasons, err := s.transact(ctx, items)
		switch {
		case err == nil:
			return nil
		case reasons == nil:
			return err
		case once != "" && failed(reasons[2]):
			return taken(reasons[2].Item)
		case busy(reasons) && try < tries:
			if err := pause(ctx, try); err != nil {
				return err
			}
		case failed(reasons[0]):
			return stale(reasons[0].Item)
		case items[len(items)-1].SK == store.AskerSort && failed(reasons[len(items)-1]):
			return stale(reasons[len(items)-1].Item)
		case conflict(reasons):
			return access.ErrStale
		default:
			return err
		}
	}
}

// transact writes items as one, each on its condition. If the transaction was
// cancelled, the reasons are one for each item, and nothing was written.
func (s *Store) transact(ctx context.Context, items []store.Item) ([]types.CancellationReason, error) {
	// The SDK writes its token into the input, so each try has its own.
	in := &dynamodb.TransactWriteItemsInput{}
	for _, item := range items {
		expression, values := condition(item)
		in.TransactItems = append(in.TransactItems, types.TransactWriteItem{Put: &types.Put{
			TableName: &s.table, Item: attributes(item),
			ConditionExpression: &expression, ExpressionAttributeNames: names(values), ExpressionAttributeValues: values,
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		}})
	}
	_, err := s.client.TransactWriteItems(ctx, in)
	var cancelled *types.TransactionCanceledException
	if errors.As(err, &cancelled) && len(cancelled.CancellationReasons) == len(items) {
		return cancelled.CancellationReasons, err
	}
	return nil, err
}

// SaveDirectory writes the directory. Errors: access.ErrStale unless the stored
// version is the one before next's or the very same is stored already,
// access.ErrNewer.
func (s *Store) SaveDirectory(ctx context.Context, next access.Directory) error {
	item, err := store.DirectoryItem(next)
	if err == nil {
		err = s.replace(ctx, item)
	}
	if err != nil {
		return fmt.Errorf("save the directory: %w", err)
	}
	return nil
}

// SaveAsker writes what limits somebody. Errors: as SaveDirectory.
func (s *Store) SaveAsker(ctx context.Context, user string, next access.Asker) error {
	item, err := store.AskerItem(user, next, s.now().Add(store.AskerLife))
	if err == nil {
		err = s.replace(ctx, item)
	}
	if err != nil {
		return fmt.Errorf("save what %s asked for: %w", user, err)
	}
	return nil
}

// SaveReading writes how far the reading of people is. Errors: as SaveDirectory.
func (s *Store) SaveReading(ctx context.Context, next access.Reading) error {
	item, err := store.ReadingItem(next)
	if err == nil {
		err = s.replace(ctx, item)
	}
	if err != nil {
		return fmt.Errorf("save the reading of people: %w", err)
	}
	return nil
}

// SaveProblems writes what the operators were told. Errors: as SaveDirectory.
func (s *Store) SaveProblems(ctx context.Context, next access.Problems) error {
	item, err := store.ProblemsItem(next)
	if err == nil {
		err = s.replace(ctx, item)
	}
	if err != nil {
		return fmt.Errorf("save the operators' problems: %w", err)
	}
	return nil
}

// SaveMessages writes the record of a request's messages. Errors: as
// SaveDirectory.
func (s *Store) SaveMessages(ctx context.Context, id string, next access.Messages) error {
	item, err := store.MessagesItem(id, next)
	if err == nil {
		err = s.replace(ctx, item)
	}
	if err != nil {
		return fmt.Errorf("save the messages of request %s: %w", id, err)
	}
	return nil
}

// replace writes one item on its condition. A single write has no token: the
// SDK's second try meets what the first has written, and knows it by its body.
func (s *Store) replace(ctx context.Context, item store.Item) error {
	expression, values := condition(item)
	_, err := s.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &s.table, Item: attributes(item),
		ConditionExpression: &expression, ExpressionAttributeNames: names(values), ExpressionAttributeValues: values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	var refused *types.ConditionalCheckFailedException
	if !errors.As(err, &refused) {
		return err
	}
	if old, err := itemOf(refused.Item); err == nil && old.Body == item.Body {
		return nil
	}
	return stale(refused.Item)
}

// condition is what must hold in the table for an item to be written: the
// version before it, in a format that this software knows, or nothing at all.
func condition(item store.Item) (expression string, values map[string]types.AttributeValue) {
	if item.Version <= 1 {
		return "attribute_not_exists(pk)", nil
	}
	return "#version = :before AND #format <= :known", map[string]types.AttributeValue{
		":before": number(strconv.Itoa(item.Version - 1)), ":known": number(strconv.Itoa(store.Format)),
	}
}

// names are those that a condition with values uses; DynamoDB refuses others.
func names(values map[string]types.AttributeValue) map[string]string {
	if values == nil {
		return nil
	}
	return map[string]string{"#version": "version", "#format": "format"}
}

// stale says why an item's condition failed, given what is in its place.
func stale(held map[string]types.AttributeValue) error {
	old, err := itemOf(held)
	if err == nil && old.Newer() {
		return old.Decode(nil)
	}
	return access.ErrStale
}

// taken names the request that a unique key led to.
func taken(held map[string]types.AttributeValue) error {
	item, err := itemOf(held)
	if err != nil {
		return err
	}
	var taken access.Duplicate
	if err := item.Decode(&taken.Request); err != nil {
		return err
	}
	return &taken
}

func failed(r types.CancellationReason) bool { return aws.ToString(r.Code) == "ConditionalCheckFailed" }

// conflict reports whether somebody else was writing the same at that moment.
func conflict(reasons []types.CancellationReason) bool { return has(reasons, "TransactionConflict") }

// busy reports whether the same write may succeed a moment later. The SDK does
// not try these again by itself.
func busy(reasons []types.CancellationReason) bool {
	return conflict(reasons) || has(reasons, "ThrottlingError") || has(reasons, "ProvisionedThroughputExceeded")
}

func has(reasons []types.CancellationReason, code string) bool {
	for _, r := range reasons {
		if aws.ToString(r.Code) == code {
			return true
		}
	}
	return false
}
