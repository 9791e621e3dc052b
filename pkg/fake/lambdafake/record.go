package lambdafake

import (
	"fmt"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// recordOf converts a record of the stream to the form in which Lambda delivers it.
func recordOf(raw types.Record, stream string) (record events.DynamoDBEventRecord, err error) {
	record = events.DynamoDBEventRecord{
		AWSRegion: aws.ToString(raw.AwsRegion), EventID: aws.ToString(raw.EventID), EventName: string(raw.EventName),
		EventSource: aws.ToString(raw.EventSource), EventVersion: aws.ToString(raw.EventVersion), EventSourceArn: stream,
	}
	if by := raw.UserIdentity; by != nil {
		record.UserIdentity = &events.DynamoDBUserIdentity{
			Type: aws.ToString(by.Type), PrincipalID: aws.ToString(by.PrincipalId),
		}
	}
	change := raw.Dynamodb
	if change == nil {
		return record, fmt.Errorf("record %s contains no change", record.EventID)
	}
	record.Change = events.DynamoDBStreamRecord{
		ApproximateCreationDateTime: events.SecondsEpochTime{Time: aws.ToTime(change.ApproximateCreationDateTime)},
		SequenceNumber:              aws.ToString(change.SequenceNumber), SizeBytes: aws.ToInt64(change.SizeBytes),
		StreamViewType: string(change.StreamViewType),
	}
	for _, image := range []struct {
		from map[string]types.AttributeValue
		to   *map[string]events.DynamoDBAttributeValue
	}{
		{change.Keys, &record.Change.Keys},
		{change.NewImage, &record.Change.NewImage},
		{change.OldImage, &record.Change.OldImage},
	} {
		if *image.to, err = attributesOf(image.from); err != nil {
			return record, fmt.Errorf("record %s: %w", record.EventID, err)
		}
	}
	return record, nil
}

func attributesOf(from map[string]types.AttributeValue) (map[string]events.DynamoDBAttributeValue, error) {
	if from == nil {
		return nil, nil
	}
	to := make(map[string]events.DynamoDBAttributeValue, len(from))
	for name, value := range from {
		v, err := attributeOf(value)
		if err != nil {
			return nil, fmt.Errorf("attribute %s: %w", name, err)
		}
		to[name] = v
	}
	return to, nil
}

func attributeOf(value types.AttributeValue) (events.DynamoDBAttributeValue, error) {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return events.NewStringAttribute(v.Value), nil
	case *types.AttributeValueMemberN:
		return events.NewNumberAttribute(v.Value), nil
	case *types.AttributeValueMemberB:
		return events.NewBinaryAttribute(v.Value), nil
	case *types.AttributeValueMemberBOOL:
		return events.NewBooleanAttribute(v.Value), nil
	case *types.AttributeValueMemberNULL:
		return events.NewNullAttribute(), nil
	case *types.AttributeValueMemberSS:
		return events.NewStringSetAttribute(v.Value), nil
	case *types.AttributeValueMemberNS:
		return events.NewNumberSetAttribute(v.Value), nil
	case *types.AttributeValueMemberBS:
		return events.NewBinarySetAttribute(v.Value), nil
	case *types.AttributeValueMemberL:
		list := make([]events.DynamoDBAttributeValue, len(v.Value))
		for i, element := range v.Value {
			var err error
			if list[i], err = attributeOf(element); err != nil {
				return list[i], err
			}
		}
		return events.NewListAttribute(list), nil
	case *types.AttributeValueMemberM:
		m, err := attributesOf(v.Value)
		return events.NewMapAttribute(m), err
	}
	return events.DynamoDBAttributeValue{}, fmt.Errorf("unknown type of value %T", value)
}
