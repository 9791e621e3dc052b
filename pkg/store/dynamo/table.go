package dynamo

import (
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/aws-access/aws-access/pkg/store"
)

// The indexes. They hold keys only. A move that changes neither the state nor the due
// time then writes to no index, and lists read the requests from the table itself.
const (
	// IndexState holds pending and active requests by state and due time, and closed ones while
	// their cut is not known to be done: only they have the attributes "state" and "due". One
	// index answers both questions, because every move writes, and pays for, each index. A
	// partition takes 1,000 writes per second.
	IndexState     = "state"
	IndexRequester = "requester"
)

// TTLAttribute is the attribute with the time after which DynamoDB may delete an item.
// Unique keys and the records that limit people have one.
const TTLAttribute = "forget"

// TableInput creates the table for tests and local use. template.yaml creates the
// table on AWS with the same keys, indexes and stream.
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

// attributes returns an item as the table takes it.
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

// itemOf reads an item from what the table holds.
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
