package operators

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"maps"
	"net/http"
	"slices"

	"github.com/aws-access/aws-access/pkg/config"
)

// stackAPI is a fake of CloudFormation and Lambda with one stack, as far as doctor
// calls them. Tests change what it answers.
type stackAPI struct {
	state   string
	outputs map[string]string
	names   map[string]string // physical by logical id
	config  map[string]map[string]any
	mapping []map[string]any // of notify
	// cutMapping is that of cut.
	cutMapping []map[string]any
	triggers   []map[string]any // mappings of vend
	urls       []map[string]any // of vend
	policy     string           // of vend; "" for none
	async      map[string]any   // of vend; nil for none
	refuse     map[string]bool  // actions that the shell may not do
	frozen     bool             // vend's concurrency is zero
	reserved   map[string]int   // concurrency, by name
	invoke     func(payload []byte) ([]byte, error)
	// invokeCut invokes cut.
	invokeCut func(payload []byte) ([]byte, error)
	url       string
	code      map[string]deployedCode     // by physical name, and name:version
	aliases   map[string][]map[string]any // by physical name
}

const stackID = "arn:aws:cloudformation:eu-west-1:" + theBastion + ":stack/aws-access/0a1b"

func functionARN(name string) string {
	return "arn:aws:lambda:eu-west-1:" + theBastion + ":function:" + name
}

// newStackAPI is a deployment as the template makes it.
func newStackAPI(url string) *stackAPI {
	a := &stackAPI{
		state:  "UPDATE_COMPLETE",
		names:  map[string]string{},
		config: map[string]map[string]any{},
		refuse: map[string]bool{},
		url:    url, code: map[string]deployedCode{}, aliases: map[string][]map[string]any{},
		outputs: map[string]string{
			"CommandsUrl":           url + "/slack/commands",
			"InteractionsUrl":       url + "/slack/interactions",
			"OptionsUrl":            url + "/slack/options",
			"CommandUrl":            url + "/v1",
			"State":                 "open",
			"Version":               theRelease,
			"SecretsKey":            "alias/aws-access",
			"SlackHost":             "slack.com",
			"OperatorsTopicArn":     "arn:aws:sns:eu-west-1:" + theBastion + ":operators",
			"UndeliveredBucketName": "undelivered",
		},
		async: map[string]any{
			"MaximumRetryAttempts":     0,
			"MaximumEventAgeInSeconds": 60,
			"DestinationConfig": map[string]any{
				"OnSuccess": map[string]any{},
				"OnFailure": map[string]any{"Destination": "arn:aws:sns:eu-west-1:" + theBastion + ":operators"},
			},
		},
		mapping: []map[string]any{
			{
				"UUID":                       "u-1",
				"State":                      "Enabled",
				"BatchSize":                  25,
				"ParallelizationFactor":      1,
				"BisectBatchOnFunctionError": true,
				"FunctionResponseTypes":      []string{"ReportBatchItemFailures"},
				"MaximumRetryAttempts":       1000,
				"MaximumRecordAgeInSeconds":  7200,
				"LastProcessingResult":       "OK",
				"EventSourceArn":             "arn:aws:dynamodb:eu-west-1:" + theBastion + ":table/aws-access-Table-1/stream/2026",
				"FilterCriteria": map[string]any{
					"Filters": []map[string]any{
						{"Pattern": `{"eventName":["INSERT"],"dynamodb":{"Keys":{"sk":{"S":[{"prefix":"event#"},"notice"]}}}}`},
					},
				},
				"DestinationConfig": map[string]any{"OnFailure": map[string]any{"Destination": "arn:aws:s3:::undelivered"}},
			},
		},
	}
	ofCut := maps.Clone(a.mapping[0])
	ofCut["UUID"] = "u-2"
	ofCut["FilterCriteria"] = map[string]any{"Filters": []map[string]any{
		{"Pattern": `{"eventName":["INSERT"],"dynamodb":{"NewImage":{"cut":{"S":[{"exists":true}]}}}}`},
	}}
	a.cutMapping = []map[string]any{ofCut}
	for _, f := range config.Functions {
		a.addFunction(f)
	}
	a.reserved = map[string]int{a.names["ApiFunction"]: 20}
	return a
}

// addFunction adds a function with the settings of the template.
func (a *stackAPI) addFunction(f config.Spec) {
	name := "aws-access-" + f.LogicalID + "-1"
	a.names[f.LogicalID] = name
	env := map[string]any{"BASTION_ACCOUNT": theBastion}
	for name, value := range map[string]string{
		"TABLE":                          "aws-access-Table-1",
		"POLICY":                         "policy.compiled",
		"SLACK_TEAM":                     "T0SANDBOX",
		"SLACK_ENTERPRISE":               "",
		"SLACK_HOST":                     "slack.com",
		"SLACK_BOT_TOKEN_PARAMETER":      "/jit-access/slack/bot-token",
		"SLACK_SIGNING_SECRET_PARAMETER": signingAt,
		"VEND_FUNCTION":                  functionARN("aws-access-VendFunction-1"),
		"CUT_FUNCTION":                   functionARN("aws-access-CutFunction-1"),
		"EXTERNAL_ID_PARAMETER":          "/jit-access/external-id",
		"CONSOLE_ISSUER":                 "https://slack.com/",
		"EXACT_EXPIRY":                   "preferred",
		"DEVICES_TABLE":                  "aws-access-DevicesTable-1",
		"URL_PARAMETER":                  "/jit-access/url",
		"ANSWER_KEY_PARAMETER":           "/jit-access/answer-key",
	} {
		if slices.Contains(f.Variables, name) {
			env[name] = value
		}
	}
	role := "arn:aws:iam::" + theBastion + ":role/aws-access-" + f.LogicalID + "Role-1"
	if f.Name == config.Vend {
		role = theVendRole
	}
	a.config[name] = map[string]any{
		"FunctionName":     name,
		"FunctionArn":      functionARN(name),
		"State":            "Active",
		"LastUpdateStatus": "Successful",
		"Architectures":    []string{"arm64"},
		"Runtime":          "provided.al2023",
		"Handler":          "bootstrap",
		"Role":             role,
		"Timeout":          int(f.Timeout.Seconds()),
		"Environment":      map[string]any{"Variables": env},
	}
}

// env is a function's environment.
func (a *stackAPI) env(id string) map[string]any {
	return a.config[a.names[id]]["Environment"].(map[string]any)["Variables"].(map[string]any)
}

func (a *stackAPI) set(id, key string, value any) { a.config[a.names[id]][key] = value }

type xmlMember struct {
	LogicalResourceID  string `xml:"LogicalResourceId,omitempty"`
	PhysicalResourceID string `xml:"PhysicalResourceId,omitempty"`
	ResourceType       string `xml:",omitempty"`
	ResourceStatus     string `xml:",omitempty"`
	OutputKey          string `xml:",omitempty"`
	OutputValue        string `xml:",omitempty"`
}

func (a *stackAPI) cloudformation(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	action, stack := r.Form.Get("Action"), r.Form.Get("StackName")
	w.Header().Set("Content-Type", "text/xml")
	switch {
	case a.refuse["cloudformation:"+action]:
		w.WriteHeader(http.StatusForbidden)
		printf(
			w,
			"%s",
			`<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>`+
				`User is not authorized to perform: cloudformation:`+action+`</Message></Error></ErrorResponse>`,
		)
		return
	case stack != "aws-access":
		w.WriteHeader(http.StatusBadRequest)
		printf(
			w,
			"%s",
			`<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>`+
				`Stack with id `+stack+` does not exist</Message></Error></ErrorResponse>`,
		)
		return
	}
	if action == "ListStackResources" {
		a.listResources(w)
		return
	}
	var members []xmlMember
	for key, value := range a.outputs {
		members = append(members, xmlMember{OutputKey: key, OutputValue: value})
	}
	inner, _ := xml.Marshal(struct {
		XMLName xml.Name    `xml:"Outputs"`
		Members []xmlMember `xml:"member"`
	}{Members: members})
	printf(
		w,
		`<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>aws-access</StackName>`+
			`<StackId>%s</StackId><StackStatus>%s</StackStatus>`+
			`<CreationTime>2026-11-21T12:00:00Z</CreationTime>%s</member></Stacks>`+
			`</DescribeStacksResult></DescribeStacksResponse>`,
		stackID,
		a.state,
		inner,
	)
}

func (a *stackAPI) listResources(w http.ResponseWriter) {
	var members []xmlMember
	for id, name := range a.names {
		members = append(
			members,
			xmlMember{
				LogicalResourceID:  id,
				PhysicalResourceID: name,
				ResourceType:       "AWS::Lambda::Function",
				ResourceStatus:     "UPDATE_COMPLETE",
			},
		)
	}
	inner, _ := xml.Marshal(struct {
		XMLName xml.Name    `xml:"StackResourceSummaries"`
		Members []xmlMember `xml:"member"`
	}{Members: members})
	printf(
		w,
		`<ListStackResourcesResponse><ListStackResourcesResult>%s</ListStackResourcesResult></ListStackResourcesResponse>`,
		inner,
	)
}

func (a *stackAPI) lambda() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc(
		"GET /2015-03-31/functions/{name}/configuration",
		a.about("GetFunctionConfiguration", func(name string) any { return a.config[name] }),
	)
	m.HandleFunc("GET /2015-03-31/functions/{name}", a.function)
	m.HandleFunc(
		"GET /2019-09-25/functions/{name}/event-invoke-config",
		a.about("GetFunctionEventInvokeConfig", func(string) any { return orNil(a.async) }),
	)
	m.HandleFunc(
		"GET /2021-10-31/functions/{name}/urls",
		a.about("ListFunctionUrlConfigs", func(string) any { return map[string]any{"FunctionUrlConfigs": a.urls} }),
	)
	m.HandleFunc(
		"GET /2015-03-31/functions/{name}/aliases",
		a.about("ListAliases", func(name string) any { return map[string]any{"Aliases": a.aliases[name]} }),
	)
	m.HandleFunc("GET /2015-03-31/functions/{name}/versions", a.about("ListVersionsByFunction", func(string) any {
		return map[string]any{"Versions": []any{map[string]any{"Version": "$LATEST"}}}
	}))
	m.HandleFunc("GET /2015-03-31/functions/{name}/policy", a.about("GetPolicy", func(string) any {
		if a.policy == "" {
			return nil
		}
		return map[string]any{"Policy": a.policy}
	}))
	m.HandleFunc("GET /2015-03-31/event-source-mappings", a.mappings)
	m.HandleFunc("GET /2015-03-31/event-source-mappings/", a.mappings)
	m.HandleFunc("POST /2015-03-31/functions/{name}/invocations", a.invocation)
	return m
}

func orNil(m map[string]any) any {
	if m == nil {
		return nil
	}
	return m
}

// about answers a question about a function; nil means that it is not there.
func (a *stackAPI) about(action string, answer func(name string) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("name")
		if a.refused(w, action) {
			return
		}
		found := answer(name)
		if found == nil || a.config[name] == nil {
			no(w, http.StatusNotFound, "ResourceNotFoundException", "The resource you requested does not exist.")
			return
		}
		yes(w, found)
	}
}

func (a *stackAPI) refused(w http.ResponseWriter, action string) bool {
	if !a.refuse["lambda:"+action] {
		return false
	}
	no(w, http.StatusForbidden, "AccessDeniedException", "User is not authorized to perform: lambda:"+action)
	return true
}

func (a *stackAPI) mappings(w http.ResponseWriter, r *http.Request) {
	if a.refused(w, "ListEventSourceMappings") {
		return
	}
	list := a.triggers
	if r.URL.Query().Get("FunctionName") == a.names["NotifyFunction"] {
		list = a.mapping
	}
	if r.URL.Query().Get("FunctionName") == a.names["CutFunction"] {
		list = a.cutMapping
	}
	yes(w, map[string]any{"EventSourceMappings": list})
}

func (a *stackAPI) invocation(w http.ResponseWriter, r *http.Request) {
	payload, err := io.ReadAll(r.Body)
	invoke := a.invoke
	switch {
	case a.refused(w, "InvokeFunction"):
		return
	case a.frozen:
		no(w, http.StatusTooManyRequests, "TooManyRequestsException", "Rate Exceeded.")
		return
	case err == nil && r.PathValue("name") == a.names["CutFunction"]:
		invoke = a.invokeCut
	case err != nil || r.PathValue("name") != a.names["VendFunction"] ||
		r.Header.Get("X-Amz-Invocation-Type") != "RequestResponse":
		no(w, http.StatusBadRequest, "InvalidParameterValueException", "Doctor invokes vend, and waits.")
		return
	}
	answer, err := invoke(payload)
	if err != nil {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		yes(w, map[string]any{"errorMessage": err.Error(), "errorType": "errorString"})
		return
	}
	_, _ = w.Write(answer)
}

func yes(w http.ResponseWriter, answer any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

func no(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("X-Amzn-Errortype", code)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"Message": message, "Type": "User", "Reason": reason(status)})
}

func reason(status int) string {
	if status == http.StatusTooManyRequests {
		return "ReservedFunctionConcurrentInvocationLimitExceeded"
	}
	return ""
}
