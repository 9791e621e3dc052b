package deployed_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/lambdafake"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
	"github.com/aws-access/aws-access/pkg/store"
)

// streamRetries is how often a batch is retried; more often in template.yaml.
const streamRetries = 6

// mapStream connects the table's stream to notify and to cut, as the template does.
func (w *world) mapStream() {
	w.t.Helper()
	table, err := w.table.Client(nil).DescribeTable(w.t.Context(), &dynamodb.DescribeTableInput{TableName: &w.table.Name})
	w.must(err)
	mapping := lambdafake.Mapping{
		Function: name("notify"), StreamARN: *table.Table.LatestStreamArn,
		Streams: dynamodbstreams.New(dynamodbstreams.Options{
			Region: region, BaseEndpoint: &w.table.Endpoint,
			Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
		}),
		Filter: func(r events.DynamoDBEventRecord) bool {
			sk := r.Change.Keys["sk"].String()
			return r.EventName == "INSERT" && (strings.HasPrefix(sk, store.EventPrefix) || sk == store.NoticeSort)
		},
		BatchSize: 25, Bisect: true, ReportFailures: true, Retries: streamRetries, MaxAge: 2 * time.Hour,
		OnFailure: w.keep(&w.parked), Retry: shortPause,
	}
	_, err = w.lambda.Map(mapping)
	w.must(err)
	mapping.Function, mapping.ReportFailures = name("cut"), false
	mapping.Filter = func(r events.DynamoDBEventRecord) bool { _, orders := store.CutOrderOf(r); return orders }
	_, err = w.lambda.Map(mapping)
	w.must(err)
}

// item is an item as the table holds it.
type item = map[string]types.AttributeValue

// items returns the whole table.
func (w *world) items(table string) (all []item) {
	w.t.Helper()
	pages := dynamodb.NewScanPaginator(w.table.Client(nil),
		&dynamodb.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(w.t.Context())
		w.must(err)
		all = append(all, page.Items...)
	}
	return all
}

// put writes an item without the functions.
func (w *world) put(i item) {
	w.t.Helper()
	_, err := w.table.Client(nil).PutItem(w.t.Context(), &dynamodb.PutItemInput{TableName: &w.table.Name, Item: i})
	w.must(err)
}

func textOf(i item, name string) string {
	s, _ := i[name].(*types.AttributeValueMemberS)
	if s == nil {
		return ""
	}
	return s.Value
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// bodies decodes all items of a kind.
func bodies[T any](w *world, is func(sk string) bool) (all []T) {
	w.t.Helper()
	for _, i := range w.items(w.table.Name) {
		if !is(textOf(i, "sk")) {
			continue
		}
		var one T
		w.must(json.Unmarshal([]byte(textOf(i, "body")), &one))
		all = append(all, one)
	}
	return all
}

// requests returns all requests, oldest first.
func (w *world) requests() []access.Request {
	w.t.Helper()
	all := bodies[access.Request](w, func(sk string) bool { return sk == store.RequestSort })
	slices.SortFunc(all, func(a, b access.Request) int {
		return cmp.Or(a.Submitted.Compare(b.Submitted), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// request returns the only request.
func (w *world) request() access.Request {
	w.t.Helper()
	all := w.requests()
	if len(all) != 1 {
		w.t.Fatalf("there are %d requests, want one", len(all))
	}
	return all[0]
}

// events returns all events, request by request.
func (w *world) events() []access.Event {
	w.t.Helper()
	var order []string
	for _, r := range w.requests() {
		order = append(order, r.ID)
	}
	all := bodies[access.Event](w, func(sk string) bool { return strings.HasPrefix(sk, store.EventPrefix) })
	slices.SortFunc(all, func(a, b access.Event) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Request), slices.Index(order, b.Request)), cmp.Compare(a.Seq, b.Seq))
	})
	return all
}

// moment is a time as the table holds it, in bodies and in keys.
var moment = regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z`)

// age makes every request and cut list older: it moves all their times into the past.
func (w *world) age(d time.Duration) {
	w.t.Helper()
	earlier := func(in string) string {
		return moment.ReplaceAllStringFunc(in, func(at string) string {
			t, err := time.Parse(time.RFC3339Nano, at)
			w.must(err)
			return store.TimeKey(t.Add(-d))
		})
	}
	for _, i := range w.items(w.table.Name) {
		if sk := textOf(i, "sk"); sk != store.RequestSort && sk != store.CutSort {
			continue
		}
		for _, attribute := range []string{"body", "due", "submitted"} {
			if was := textOf(i, attribute); was != "" {
				i[attribute] = text(earlier(was))
			}
		}
		w.put(i)
	}
}

// pass makes everything in the table older, and then runs a tick.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	w.age(d)
	w.tick()
}

// messages returns the messages that pass a filter, oldest first.
func (w *world) messages(is func(slackfake.Message) bool) (found []slackfake.Message) {
	for _, m := range w.slack.Messages() {
		if is(m) {
			found = append(found, m)
		}
	}
	return found
}

func in(channel string) func(slackfake.Message) bool {
	return func(m slackfake.Message) bool { return m.Channel == channel && m.To == "" }
}

func with(user string) func(slackfake.Message) bool {
	return func(m slackfake.Message) bool { return m.DMWith == user && m.To == "" }
}

func onlyTo(user string) func(slackfake.Message) bool {
	return func(m slackfake.Message) bool { return m.To == user }
}

// last returns the text of the newest message that passes; "" if there is none.
func (w *world) last(is func(slackfake.Message) bool) string {
	found := w.messages(is)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1].Text
}

// pressing returns a click on the newest message in a place that has, or had, the
// button. A place is a channel, or @ and a person for that person's direct channel.
func (w *world) pressing(as, label, on string) slackfake.UserAction {
	w.t.Helper()
	if m, found := w.slack.NewestWithButton(on, label, 0); found {
		return slackfake.UserAction{As: as, Click: label, On: m.Channel + "/" + m.TS}
	}
	w.t.Fatalf("nothing on %s has, or had, a button %q", on, label)
	return slackfake.UserAction{}
}

func number(n string) types.AttributeValue { return &types.AttributeValueMemberN{Value: n} }

func join(all [][]byte) []byte { return bytes.Join(all, []byte("\n")) }

// keysOf returns the private messages with keys for a person.
func (w *world) keysOf(user string) []slackfake.Message {
	return w.messages(func(m slackfake.Message) bool {
		return m.To == user && m.DMWith == user && strings.HasPrefix(m.Text, "```\nexport AWS_ACCESS_KEY_ID=")
	})
}
