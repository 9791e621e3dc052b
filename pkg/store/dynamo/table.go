package dynamo

import (
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/aws-access/aws-access/pkg/store"
)

// The indexes. They project keys only: a move that changes neither state nor
// due time then writes to none of them, and a list reads the table, not a copy.
const (
	// IndexState holds the open requests, by state and by when time will next
	// matter to them: only they have the attributes "state" and "due". One
	// index does for both questions, because each one is written, and paid
	// for, with every move. A partition is good for 1,000 writes a second.
	IndexState     = "state"
	IndexRequester = "requester"
)

// TTLAttribute is the attribute with the time after which housekeeping may delete an
// item (TTL): unique keys have one, nothing else has.
const TTLAttribute = "forget"

// TableInput makes the table of tests and of local use. The table on AWS is
// made by template.yaml, with the same keys, indexes and stream.
func TableInput(name string) *dynamodb.CreateTableInput {
	in := &dynamodb.CreateTableInput{
		TableName:   &name,
		BillingMode: types.BillingModePayPerRequest,
		KeySchema:   keySchema("pk", "sk"),
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{
			index(IndexState, "state", "due"),
			index(IndexRequester, "requester", "submitted"),
		},
		StreamSpecification: &types.StreamSpecification{
			StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewAndOldImages,
		},
	}
	for _, attribute := range []string{"pk", "sk", "due", "requester", "state", "submitted"} {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{
			AttributeName: aws.String(attribute), AttributeType: types.ScalarAttributeTypeS,
		})
	}
	return in
}

func index(name, partition, sort string) types.GlobalSecondaryIndex {
	return types.GlobalSecondaryIndex{
		IndexName: &name, KeySchema: keySchema(partition, sort),
		Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly},
	}
}

func keySchema(partition, sort string) []types.KeySchemaElement {
	return []types.KeySchemaElement{
		{AttributeName: &partition, KeyType: types.KeyTypeHash},
		{AttributeName: &sort, KeyType: types.KeyTypeRange},
	}
}

// attributes is an item as the table takes it.
func attributes(item store.Item) map[string]types.AttributeValue {
	out := make(map[string]types.AttributeValue)
	for name, v := range item.Image() {
		if v.DataType() == events.DataTypeNumber {
			out[name] = number(v.Number())
		} else {
			out[name] = text(v.String())
		}
	}
	return out
}

// itemOf reads an item out of what the table holds.
func itemOf(held map[string]types.AttributeValue) (store.Item, error) {
	image := make(map[string]events.DynamoDBAttributeValue)
	for name, v := range held {
		switch v := v.(type) {
		case *types.AttributeValueMemberS:
			image[name] = events.NewStringAttribute(v.Value)
		case *types.AttributeValueMemberN:
			image[name] = events.NewNumberAttribute(v.Value)
		}
	}
	return store.FromImage(image)
}

func text(s string) types.AttributeValue   { return &types.AttributeValueMemberS{Value: s} }
func number(n string) types.AttributeValue { return &types.AttributeValueMemberN{Value: n} }
