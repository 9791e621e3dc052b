package awsfake

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// serveS3 serves a few read-only buckets of the caller's account. It checks the
// permission for operations that write, and then refuses them as not simulated.
func (s *Server) serveS3(c *caller, q request) (answer, *failure) {
	if f := s.authorizeS3(c, q); f != nil {
		return answer{}, f
	}
	if q.operation == "ListBuckets" {
		return s3Answer(listBuckets(c.account)), nil
	}
	b := findBucket(c.account, q.bucket)
	if b == nil {
		return answer{}, fail(http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist")
	}
	switch q.operation {
	case "ListObjectsV2":
		return b.list(q.form)
	case "HeadBucket":
		header := http.Header{"X-Amz-Bucket-Region": {"us-east-1"}}
		return answer{status: http.StatusOK, headOnly: true, header: header}, nil
	case "GetBucketLocation":
		return s3Answer(struct {
			XMLName xml.Name `xml:"LocationConstraint"`
			Space   string   `xml:"xmlns,attr"`
		}{Space: s3Space}), nil
	case "GetObject", "HeadObject":
		return b.get(q.object, q.operation == "HeadObject")
	}
	return answer{}, notSimulated("s3:" + q.operation)
}

// s3Actions maps operations to the actions of IAM that they need, where the names
// differ. HeadBucket and HeadObject have no actions of their own.
var s3Actions = map[string]string{
	"ListBuckets":   "ListAllMyBuckets",
	"ListObjectsV2": "ListBucket",
	"HeadBucket":    "ListBucket",
	"HeadObject":    "GetObject",
}

// authorizeS3 checks the permission for an operation on its bucket or object.
func (s *Server) authorizeS3(c *caller, q request) *failure {
	action, ok := s3Actions[q.operation]
	if !ok {
		action = q.operation
	}
	resource := "*"
	if q.bucket != "" {
		resource = strings.TrimSuffix("arn:"+c.partition+":s3:::"+q.bucket+"/"+q.object, "/")
	}
	keys := map[string][]string{}
	if action == "ListBucket" {
		keys["s3:prefix"] = []string{q.form.Get("prefix")}
	}
	return s.authorize(c, "s3:"+action, resource, keys)
}

// readS3 finds out which operation a request is for. It reads the path after
// handlers have stripped their prefix. The operation is "Unknown" for a
// sub-resource that is not simulated.
func readS3(r *http.Request) (operation, bucket, object string) {
	bucket, object, _ = strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	q, err := url.ParseQuery(r.URL.RawQuery)
	for _, sub := range []string{"acl", "policy", "versioning", "uploads", "uploadId", "tagging", "versions", "delete"} {
		if err != nil || q.Has(sub) {
			return "Unknown", bucket, object
		}
	}
	switch {
	case r.Method == http.MethodGet && bucket == "":
		return "ListBuckets", bucket, object
	case r.Method == http.MethodGet && object == "" && q.Has("location"):
		return "GetBucketLocation", bucket, object
	case r.Method == http.MethodGet && object == "" && q.Get("list-type") == "2":
		return "ListObjectsV2", bucket, object
	}
	level := map[bool]string{true: "Bucket", false: "Object"}[object == ""]
	verb, ok := map[string]string{
		http.MethodHead: "Head", http.MethodGet: "Get", http.MethodPut: "Put", http.MethodDelete: "Delete",
	}[r.Method]
	switch {
	case !ok || bucket == "", level == "Bucket" && verb == "Get":
		return "Unknown", bucket, object
	case level == "Bucket" && verb == "Put":
		return "CreateBucket", bucket, object
	}
	return verb + level, bucket, object
}

// bucket is one of the buckets that every account has, so that sessions can read
// something.
type bucket struct {
	name    string
	made    time.Time
	objects []object
}

type object struct{ key, text string }

var bucketsMade = time.Date(2026, 1, 5, 8, 30, 0, 0, time.UTC)

func bucketsOf(account string) []bucket {
	return []bucket{
		{"demo-" + account, bucketsMade, []object{
			{"README.txt", "The sandbox simulates this bucket.\n"},
			{"reports/2026-10.csv", "day,payouts\n2026-10-30,41\n2026-10-31,38\n"},
			{"reports/2026-11.csv", "day,payouts\n2026-11-19,40\n2026-11-20,3\n"},
		}},
		{"logs-" + account, bucketsMade.AddDate(0, 1, 0), []object{{"2026/11/20/app.log", "payout 4711 is stuck\n"}}},
	}
}

func findBucket(account, name string) *bucket {
	for _, b := range bucketsOf(account) {
		if b.name == name {
			return &b
		}
	}
	return nil
}

const s3Time = "2006-01-02T15:04:05.000Z"

func listBuckets(account string) any {
	type shown struct{ Name, CreationDate string }
	out := struct {
		XMLName xml.Name `xml:"ListAllMyBucketsResult"`
		Space   string   `xml:"xmlns,attr"`
		Owner   struct{ ID, DisplayName string }
		Buckets []shown `xml:"Buckets>Bucket"`
	}{Space: s3Space}
	out.Owner.ID, out.Owner.DisplayName = account, account
	for _, b := range bucketsOf(account) {
		out.Buckets = append(out.Buckets, shown{b.name, b.made.Format(s3Time)})
	}
	return out
}

// listing is the answer of ListObjectsV2. All objects fit on one page.
type listing struct {
	XMLName        xml.Name `xml:"ListBucketResult"`
	Space          string   `xml:"xmlns,attr"`
	Name           string
	Prefix         string
	Delimiter      string `xml:",omitempty"`
	EncodingType   string `xml:",omitempty"`
	KeyCount       int
	MaxKeys        int
	IsTruncated    bool
	Contents       []listed
	CommonPrefixes []struct{ Prefix string }
}

type listed struct {
	Key, LastModified, ETag string
	Size                    int
	StorageClass            string
}

func (b *bucket) list(form url.Values) (answer, *failure) {
	out := listing{
		Space: s3Space, Name: b.name, MaxKeys: 1000,
		Prefix: form.Get("prefix"), Delimiter: form.Get("delimiter"), EncodingType: form.Get("encoding-type"),
	}
	var folders []string
	for _, o := range b.objects {
		rest, ok := strings.CutPrefix(o.key, out.Prefix)
		if !ok {
			continue
		}
		if head, _, folder := strings.Cut(rest, out.Delimiter); folder && out.Delimiter != "" {
			folders = append(folders, out.Prefix+head+out.Delimiter)
			continue
		}
		out.Contents = append(out.Contents, listed{o.key, b.made.Format(s3Time), etag(o.text), len(o.text), "STANDARD"})
	}
	for _, folder := range slices.Compact(folders) {
		out.CommonPrefixes = append(out.CommonPrefixes, struct{ Prefix string }{folder})
	}
	out.KeyCount = len(out.Contents) + len(out.CommonPrefixes)
	return s3Answer(out), nil
}

func etag(text string) string { return `"` + hexSum([]byte(text))[:32] + `"` }

func (b *bucket) get(key string, head bool) (answer, *failure) {
	for _, o := range b.objects {
		if o.key == key {
			a := answer{status: http.StatusOK, kind: "text/plain", body: []byte(o.text), header: http.Header{
				"Etag": {etag(o.text)}, "Last-Modified": {b.made.Format(http.TimeFormat)},
			}}
			if head {
				a = a.withoutBody()
			}
			return a, nil
		}
	}
	return answer{}, fail(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
}

// withoutBody turns the answer to GET into the answer to HEAD: it drops the body
// and keeps its length in the header.
func (a answer) withoutBody() answer {
	a.header.Set("Content-Length", strconv.Itoa(len(a.body)))
	a.body, a.headOnly = nil, true
	return a
}
