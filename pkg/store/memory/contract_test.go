package memory

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/store"
	"github.com/aws-access/aws-access/pkg/store/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Subject {
		s := New(func() time.Time { return storetest.Now })
		return storetest.Subject{
			Store:     s,
			PutItem:   func(_ context.Context, item store.Item) error { s.Put(item); return nil },
			PutDevice: func(_ context.Context, item store.Item) error { s.PutDevice(item); return nil },
			StreamRecords: func(context.Context) (carried []events.DynamoDBEventRecord, _ error) {
				records, _ := s.Records(0, 1<<20)
				for _, record := range records {
					carried = append(carried, throughJSON(t, record))
				}
				return carried, nil
			},
		}
	})
}
