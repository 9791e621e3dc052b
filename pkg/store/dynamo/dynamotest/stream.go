package dynamotest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-lambda-go/events"
)

// Records reads all records of the table's stream, in the form in which a stream
// mapping delivers them. It makes its few calls without the SDK, to avoid a module.
func (t Table) Records(ctx context.Context) (records []events.DynamoDBEventRecord, err error) {
	var streams struct{ Streams []struct{ StreamArn string } }
	if err := t.streams(ctx, "ListStreams", map[string]any{"TableName": t.Name}, &streams); err != nil {
		return nil, err
	}
	for _, stream := range streams.Streams {
		var described struct {
			StreamDescription struct{ Shards []struct{ ShardId string } }
		}
		if err := t.streams(ctx, "DescribeStream", map[string]any{"StreamArn": stream.StreamArn}, &described); err != nil {
			return nil, err
		}
		for _, shard := range described.StreamDescription.Shards {
			found, err := t.shard(ctx, stream.StreamArn, shard.ShardId)
			if err != nil {
				return nil, err
			}
			records = append(records, found...)
		}
	}
	return records, nil
}

// shard reads the present records of a shard.
func (t Table) shard(ctx context.Context, stream, shard string) (records []events.DynamoDBEventRecord, err error) {
	var at struct{ ShardIterator string }
	err = t.streams(ctx, "GetShardIterator", map[string]any{
		"StreamArn": stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON",
	}, &at)
	for err == nil && at.ShardIterator != "" {
		var page struct {
			NextShardIterator string
			Records           []events.DynamoDBEventRecord
		}
		err = t.streams(ctx, "GetRecords", map[string]any{"ShardIterator": at.ShardIterator}, &page)
		if len(page.Records) == 0 {
			return records, err
		}
		for _, record := range page.Records {
			record.EventSourceArn = stream // as the mapping does
			records = append(records, record)
		}
		at.ShardIterator = page.NextShardIterator
	}
	return records, err
}

// streams makes one call to the streams API.
func (t Table) streams(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.Endpoint, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	req.Header.Set("X-Amz-Target", "DynamoDBStreams_20120810."+operation)
	// DynamoDB Local requires a signature, but does not check it.
	req.Header.Set(
		"Authorization",
		"AWS4-HMAC-SHA256 Credential=local/20261121/eu-west-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
	)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", operation, resp.Status, text)
	}
	return json.Unmarshal(text, out)
}
