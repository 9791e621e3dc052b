package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/awscall"
	"github.com/aws-access/aws-access/pkg/store"
)

// Table reads devices from the Devices table, without the SDK of DynamoDB, which has
// everything with which to write it.
type Table struct {
	DynamoDB awscall.Client
	Name     string
}

// Device returns a device (dynamodb:GetItem, with strong consistency: a device is used
// right after it was paired). Errors: access.ErrNotFound; access.ErrNewer if a newer
// version of the software wrote it.
func (t Table) Device(ctx context.Context, thumbprint string) (access.Device, error) {
	text := func(s string) map[string]string { return map[string]string{"S": s} }
	body, err := json.Marshal(map[string]any{
		"TableName": t.Name, "ConsistentRead": true,
		"Key": map[string]any{"pk": text(store.DeviceKey(thumbprint)), "sk": text(store.DeviceSort)},
	})
	if err != nil {
		return access.Device{}, err
	}
	response, err := t.DynamoDB.Post(ctx, "/", http.Header{
		"Content-Type": {"application/x-amz-json-1.0"}, "X-Amz-Target": {"DynamoDB_20120810.GetItem"},
	}, body)
	if err != nil {
		return access.Device{}, fmt.Errorf("dynamodb:GetItem: %w", err)
	}
	var out struct {
		Item map[string]events.DynamoDBAttributeValue
	}
	switch {
	case json.Unmarshal(response, &out) != nil:
		return access.Device{}, errors.New("dynamodb:GetItem: the answer cannot be read")
	case out.Item == nil:
		return access.Device{}, access.ErrNotFound
	}
	item, err := store.FromImage(out.Item)
	if err != nil {
		return access.Device{}, err
	}
	var d access.Device
	return d, item.Decode(&d)
}
