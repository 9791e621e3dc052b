package dynamo_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/aws-access/aws-access/pkg/store"
	"github.com/aws-access/aws-access/pkg/store/dynamo"
	"github.com/aws-access/aws-access/pkg/store/dynamo/dynamotest"
	"github.com/aws-access/aws-access/pkg/store/storetest"
)

func now() time.Time { return storetest.Now }

// subject returns the store in a table as a subject of the contract.
func subject(s *dynamo.Store, table dynamotest.Table) storetest.Subject {
	put := func(name string) func(ctx context.Context, item store.Item) error {
		return func(ctx context.Context, item store.Item) error {
			in := &dynamodb.PutItemInput{TableName: &name, Item: dynamo.Attributes(item)}
			_, err := table.Client(nil).PutItem(ctx, in)
			return err
		}
	}
	return storetest.Subject{
		Store: s.WithDevices(table.Devices), PutItem: put(table.Name), PutDevice: put(table.Devices),
		StreamRecords: table.Records,
	}
}

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Subject {
		table := dynamotest.NewTable(t)
		return subject(dynamo.New(table.Client(nil), table.Name, now), table)
	})
}
