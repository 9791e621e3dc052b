package operators

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/config"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// change gives a role another trust.
func (c *testDeployment) change(account, role, from, to string) {
	r, ok := c.aws.Role(account, role)
	if !ok || !strings.Contains(r.Trust, from) {
		c.t.Fatalf("%s in %s: no %s in its trust", role, account, from)
	}
	r.Trust = strings.Replace(r.Trust, from, to, 1)
	c.must(c.aws.PutRole(account, r))
}

// cutting puts a grant on a cut list some time ago, and lets a try fail with a code.
func (c *testDeployment) cutting(code string, ago time.Duration) {
	r := access.Request{ID: "01ARZ3NDEKTSV4RRFFQ69G5FAV", Account: "222222222222", Role: "Admin"}
	l := access.CutList{}.Add(r, c.clock().Add(time.Hour), c.clock().Add(-ago))
	c.must(c.store.SaveCutList(c.t.Context(), l))
	if code != "" {
		c.must(c.store.SaveCutList(c.t.Context(), l.FailedWith(code, c.clock())))
	}
}

// breakages are faults of a deployment and what doctor must report for each:
// check, verdict, code, and words of its reason and advice. It must report
// nothing else.
var breakages = map[string]struct {
	breaks func(c *testDeployment)
	want   []string
	words  []string
	exit   int
}{
	"sessions that must be narrowed, and cannot be": {
		func(c *testDeployment) {
			c.narrow = awsfake.FaultCode + "InvalidAction"
			c.api.env("VendFunction")["EXACT_EXPIRY"] = "required"
		},
		[]string{"exact expiry problem not_exact"},
		[]string{"in 5 of 5 accounts STS refuses to narrow", "vend refuses sessions of these roles"}, exitProblem,
	},
	"a freeze by the table": {
		func(c *testDeployment) {
			f, _ := access.Freeze{}.Start(access.Person{ID: "U0LEAD1", Name: "canary"}, "canary", c.clock())
			c.must(c.store.SaveFreeze(c.t.Context(), f))
		},
		[]string{"freeze warning on"}, []string{"Everything is frozen since 20", "aws-access thaw does"}, exitOK,
	},
	"a revoker that does not trust cut": {
		func(c *testDeployment) {
			c.change("222222222222", "aws-access-revoker", theCutRole, theCutRole+"-of-yesterday")
		},
		[]string{"revokers problem revoker_refused"}, []string{"1 of 5 accounts, tried with", "(222222222222)",
			"Sessions in these accounts could not be cut. AWS refuses the account's revoker role"}, exitProblem,
	},
	"a revoker that may write nothing": {
		func(c *testDeployment) {
			r, _ := c.aws.Role("222222222222", "aws-access-revoker")
			r.Permissions = []string{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListBucket",` +
				`"Resource":"*"}]}`}
			c.must(c.aws.PutRole("222222222222", r))
		},
		[]string{"revokers problem refused"}, []string{"The revoker may not write this role's policy"}, exitProblem,
	},
	"a cut function that fails": {
		func(c *testDeployment) {
			c.api.invokeCut = func([]byte) ([]byte, error) { return nil, errors.New("out of memory") }
		},
		[]string{"revokers problem cut_failed"}, []string{"Cut failed: out of memory"}, exitProblem,
	},
	"a stream of cut that is disabled": {
		func(c *testDeployment) { c.api.cutMapping[0]["State"] = "Disabled" },
		[]string{"stream of cut problem disabled"}, []string{"The stream mapping of cut is Disabled. Sessions are cut only " +
			"when tick orders it", "--uuid u-2 --enabled"}, exitProblem,
	},
	"a stream of cut with the filter of notify": {
		func(c *testDeployment) { c.api.cutMapping[0]["FilterCriteria"] = c.api.mapping[0]["FilterCriteria"] },
		[]string{"stream of cut problem settings"}, []string{"its filter is not the one of the template"}, exitProblem,
	},
	"a cut that fails": {
		func(c *testDeployment) { c.cutting("revoker_refused", 0) },
		[]string{"cuts problem revoker_refused"}, []string{"Admin in payments-dev (222222222222), 1 grant, 1 tries since",
			"SECURITY: sessions that were to be cut may still work. AWS refuses the account's revoker role"}, exitProblem,
	},
	"a cut that nobody tries": {
		func(c *testDeployment) { c.cutting("", 6*time.Minute) },
		[]string{"cuts problem late"}, []string{"nobody has tried for more than five minutes"}, exitProblem,
	},
	"a cut that is on its way": {
		func(c *testDeployment) { c.cutting("", time.Second) },
		[]string{"cuts warning cutting"}, []string{"being cut at this moment"}, exitOK,
	},
	"a trust that refuses": {
		func(c *testDeployment) { c.change("222222222222", "Admin", theVendRole, theVendRole+"-of-yesterday") },
		[]string{"roles problem refused"}, []string{"1 of 18 roles: Admin in payments-dev (222222222222)",
			"1. Does the role exist", "3. Is its external id the one in the SSM parameter /jit-access/external-id"}, exitProblem,
	},
	"a role that is missing": {
		func(c *testDeployment) { c.aws.RemoveRole("333333333333", "Operator") },
		[]string{
			"roles problem refused",
		},
		[]string{"Operator in data-prod (333333333333)", "It does not say why"},
		exitProblem,
	},
	"another external id everywhere": {
		func(c *testDeployment) { c.external = "canary-other-external-id" },
		[]string{
			"roles problem refused",
		},
		[]string{"18 of 18 roles", "first check what they share: the external id"},
		exitProblem,
	},
	"a trust open without the external id": {
		func(c *testDeployment) {
			c.change("111111111111", "ReadOnly", `,"sts:ExternalId":"`+canaryExternal+`"`, "")
		},
		[]string{"roles problem open_without_external_id"}, []string{"SECURITY: these roles can be assumed without the " +
			"external id", "ReadOnly in payments-prod"}, exitProblem,
	},
	"a trust open without tags": {
		func(c *testDeployment) { c.change("111111111111", "Admin", `"aws:RequestTag/GrantId":"?*",`, "") },
		[]string{"roles problem open_without_tags"}, []string{"SECURITY", "without the tag GrantId"}, exitProblem,
	},
	"a trust open without a source identity": {
		func(c *testDeployment) { c.change("111111111111", "Admin", `,"sts:SourceIdentity":"?*"`, "") },
		[]string{
			"roles problem open_without_source_identity",
		},
		[]string{"SECURITY", "does not show who used them"},
		exitProblem,
	},
	"a trust open under any session name": {
		func(c *testDeployment) {
			c.change("111111111111", "Admin", `"sts:RoleSessionName":"aws-access-*",`, "")
		},
		[]string{"roles problem open_under_any_session_name"}, []string{"SECURITY", "ended by name"}, exitProblem,
	},
	"a trust that allows no tags": {
		func(c *testDeployment) { c.change("444444444444", "ReadOnly", "sts:TagSession", "sts:Nothing") },
		[]string{"roles problem refused_tags"}, []string{"AWS refuses sts:TagSession"}, exitProblem,
	},
	"an external id that cannot be read": {
		func(c *testDeployment) { c.external = "" },
		[]string{
			"roles problem no_external_id",
		},
		[]string{"Vend cannot read the SSM parameter /jit-access/external-id"},
		exitProblem,
	},
	"an STS that has no time": {
		func(c *testDeployment) { c.throttle = func(int) string { return awsfake.FaultThrottled } },
		[]string{"roles not checked throttled"}, []string{"nothing is known about these roles"}, exitUnchecked,
	},
	"a bot token that was revoked": {
		func(c *testDeployment) { c.slack.SetToken(access.NewSecret("xoxb-canary-new")) },
		[]string{
			"bot token problem invalid_auth",
		},
		[]string{"Slack refuses the bot token", "Install the app again", "/jit-access/slack/bot-token"},
		exitProblem,
	},
	"a scope that is missing": {
		func(c *testDeployment) {
			c.scopes = slices.DeleteFunc(c.scopes, func(s string) bool { return s == "users:read.email" })
		},
		[]string{
			"scopes problem missing_scope",
		},
		[]string{"The token lacks users:read.email", "aws-access manifest"},
		exitProblem,
	},
	"a scope too many": {
		func(c *testDeployment) { c.scopes = append(c.scopes, "channels:history") },
		[]string{"scopes warning more_than_needed"}, []string{"channels:history"}, exitOK,
	},
	"scopes with which channels cannot be seen": {
		func(c *testDeployment) {
			c.scopes = slices.DeleteFunc(c.scopes, func(s string) bool { return s == "channels:read" || s == "groups:read" })
		},
		[]string{
			"channel C0APPROVALS not checked missing_scope",
			"channel C0OPS not checked missing_scope",
			"channel C0PAYMENTS not checked missing_scope",
		},
		[]string{"lacks channels:read and groups:read"},
		exitUnchecked,
	},
	"a channel without the bot": {
		func(c *testDeployment) {
			c.slack.SetChannel(slackfake.Channel{ID: "C0APPROVALS", BotOut: true})
		},
		[]string{"channel C0APPROVALS problem not_member"}, []string{"/invite @aws-access"}, exitProblem,
	},
	"a channel without the bot, which may post to all": {
		func(c *testDeployment) {
			c.slack.SetChannel(slackfake.Channel{ID: "C0APPROVALS", BotOut: true})
			c.scopes = append(c.scopes, "chat:write.public")
		},
		[]string{"channel C0APPROVALS warning not_member",
			"scopes warning more_than_needed"}, []string{"only while the channel is public"}, exitOK,
	},
	"a private channel without the bot": {
		func(c *testDeployment) {
			c.slack.SetChannel(slackfake.Channel{ID: "C0APPROVALS", Private: true, BotOut: true})
		},
		[]string{"channel C0APPROVALS problem channel_not_found"}, []string{"private and the bot is not in it"}, exitProblem,
	},
	"a channel shared with another company": {
		func(c *testDeployment) { c.slack.SetChannel(slackfake.Channel{ID: "C0APPROVALS", Shared: true}) },
		[]string{"channel C0APPROVALS warning shared"}, []string{"Its people can read the names"}, exitOK,
	},
	"a channel that is archived": {
		func(c *testDeployment) { c.slack.SetChannel(slackfake.Channel{ID: "C0OPS", Archived: true}) },
		[]string{"channel C0OPS problem archived"}, []string{"nothing can be posted"}, exitProblem,
	},
	"a group that is gone": {
		func(c *testDeployment) {
			c.slack.RemoveGroup("S0LEADS")
			c.readAgain()
		},
		[]string{"group leads (S0LEADS) problem gone"}, []string{"no such user group", "approves nothing"}, exitProblem,
	},
	"a group without members": {
		func(c *testDeployment) {
			c.must(c.slack.SetGroup("S0LEADS", nil))
			c.readAgain()
		},
		[]string{"group leads (S0LEADS) warning empty"}, []string{"has no members"}, exitOK,
	},
	"people of the policy whom Slack does not prove": {
		func(c *testDeployment) {
			no, twin := false, "DEV2@example.com"
			c.must(c.slack.SetUser(slackfake.UserChange{ID: "U0LEAD2", EmailConfirmed: &no}))
			c.must(c.slack.SetUser(slackfake.UserChange{ID: "U0TWIN", Email: &twin}))
			c.readAgain()
		},
		[]string{"person dev2@example.com warning shared", "person dev2@example.com warning shared",
			"person lead2@example.com warning unconfirmed"},
		[]string{"Slack has not confirmed this address of U0LEAD2", "Write the Slack id U0LEAD2 into policy.yaml",
			"More than one user has this address, U0TWIN among them"}, exitOK,
	},
	"people of the policy who are not there": {
		func(c *testDeployment) {
			other, gone := "dev.two@example.com", true
			c.must(c.slack.SetUser(slackfake.UserChange{ID: "U0DEV2", Email: &other}))
			c.must(c.slack.SetUser(slackfake.UserChange{ID: "U0LEAD2", Deleted: &gone}))
			c.readAgain()
		},
		[]string{"person dev2@example.com warning nobody", "person lead2@example.com warning deactivated"},
		[]string{"Nobody in the workspace has this address or id", "rules that name it apply to nobody",
			"is not a full member of the workspace (deactivated)"}, exitOK,
	},
	"people who are not known": {
		func(c *testDeployment) {
			c.changeDirectory(func(d *access.Directory) { d.PeopleAt = d.PeopleAt.Add(-access.PeopleStaleAfter) })
		},
		[]string{"people problem unknown"}, []string{"The people of the workspace were not all read in the " +
			"last half hour"}, exitProblem,
	},
	"people who are known for a while yet": {
		func(c *testDeployment) {
			c.changeDirectory(func(d *access.Directory) { d.PeopleAt = d.PeopleAt.Add(-26 * time.Minute) })
		},
		[]string{"people warning late"}, []string{"complete reading of the workspace began 26m"}, exitOK,
	},
	"the first reading of a large workspace": {
		func(c *testDeployment) {
			c.changeDirectory(func(d *access.Directory) { d.PeopleAt, d.Size = time.Time{}, 36_000 })
		},
		[]string{"people warning first_reading"}, []string{"36000 users have been read so far",
			"Slack allows about 18,000 users a minute"}, exitOK,
	},
	"a workspace that is too large": {
		func(c *testDeployment) { c.changeDirectory(func(d *access.Directory) { d.Size = 250_000 }) },
		[]string{"people warning too_large"}, []string{"The workspace has 250000 users",
			"at most 200000 are supported"}, exitOK,
	},
	"a tick that is silent": {
		func(c *testDeployment) { c.age(20 * time.Minute) },
		[]string{
			"group developers (S0DEVS) problem unknown",
			"group leads (S0LEADS) problem unknown",
			"group security (S0SECURITY) problem unknown",
			"tick problem silent",
		},
		[]string{"People and groups were last read 20m", "tick's rule is enabled"},
		exitProblem,
	},
	"a tick that is late": {
		func(c *testDeployment) { c.age(6 * time.Minute) },
		[]string{"tick warning late"}, []string{"They should be read every minute"}, exitOK,
	},
	"a stream mapping that is disabled": {
		func(c *testDeployment) { c.api.mapping[0]["State"] = "Disabled" },
		[]string{
			"stream problem disabled",
		},
		[]string{"is Disabled", "update-event-source-mapping --uuid u-1 --enabled"},
		exitProblem,
	},
	"a stream mapping that retries for ever": {
		func(c *testDeployment) {
			c.api.mapping[0]["MaximumRetryAttempts"], c.api.mapping[0]["BisectBatchOnFunctionError"] = -1, false
		},
		[]string{"stream problem settings"}, []string{"-1 retries, not 1000", "a failed batch is not split"}, exitProblem,
	},
	"a stream mapping without filter": {
		func(c *testDeployment) { delete(c.api.mapping[0], "FilterCriteria") },
		[]string{"stream problem settings"}, []string{"its filter is not the one of the template"}, exitProblem,
	},
	"no stream mapping": {
		func(c *testDeployment) { c.api.mapping = nil },
		[]string{"stream problem missing"}, []string{"so no card or message is posted"}, exitProblem,
	},
	"orders that are tried again": {
		func(c *testDeployment) { c.api.async["MaximumRetryAttempts"] = 2 },
		[]string{"orders problem settings"}, []string{"could vend twice"}, exitProblem,
	},
	"orders as Lambda has them by itself": {
		func(c *testDeployment) { c.api.async = nil },
		[]string{"orders problem settings"}, []string{"three times, within six hours"}, exitProblem,
	},
	"a URL of vend": {
		func(c *testDeployment) {
			c.api.urls = []map[string]any{
				{
					"AuthType":     "NONE",
					"FunctionUrl":  "https://x.lambda-url.eu-west-1.on.aws/",
					"FunctionArn":  functionARN("v"),
					"CreationTime": "2026-11-21T12:00:00Z",
				},
			}
		},
		[]string{"ways into vend problem open"}, []string{"a URL with the authorisation NONE"}, exitProblem,
	},
	"somebody else who may invoke vend": {
		func(c *testDeployment) {
			c.api.policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"lambda:InvokeFunction",` +
				`"Resource":"*","Principal":{"AWS":"arn:aws:iam::666666666666:root"}}]}`
		},
		[]string{
			"ways into vend problem open",
		},
		[]string{"a resource policy that allows arn:aws:iam::666666666666:root"},
		exitProblem,
	},
	"a function that was changed by hand": {
		func(c *testDeployment) { c.api.env("TickFunction")["TABLE"] = "another-table" },
		[]string{"functions alike problem not_alike"}, []string{"differ in TABLE"}, exitProblem,
	},
	"a function that failed to update": {
		func(c *testDeployment) {
			c.api.set("VendFunction", "LastUpdateStatus", "Failed")
			c.api.set("VendFunction", "LastUpdateStatusReason", "InvalidImage")
		},
		[]string{"function vend problem not_updated"}, []string{"Failed: InvalidImage"}, exitProblem,
	},
	"a function that was deleted": {
		func(c *testDeployment) { delete(c.api.config, c.api.names["TickFunction"]) },
		[]string{
			"function tick problem missing",
			"functions alike not checked unreadable",
		},
		[]string{"TickFunction was deleted outside of the stack"},
		exitProblem,
	},
	"a secret in an environment": {
		func(c *testDeployment) { c.api.env("NotifyFunction")["TOKEN"] = "xoxb-canary-in-the-environment" },
		[]string{"function notify problem changed", "function notify problem " +
			"secret_in_environment"}, []string{"its environment has TOKEN, which", "TOKEN seems to hold a secret"}, exitProblem,
	},
	"a function that calls elsewhere": {
		func(c *testDeployment) { c.api.env("VendFunction")["SLACK_API_URL"] = "http://127.0.0.1:1/" },
		[]string{
			"function vend problem changed",
		},
		[]string{"its environment has SLACK_API_URL, which the product does not set"},
		exitProblem,
	},
	"a function that trusts and asks somebody else": {
		func(c *testDeployment) {
			for _, name := range []string{
				"HTTPS_PROXY", "SSL_CERT_FILE", "GODEBUG", "AWS_ENDPOINT_URL_STS", "AWS_LAMBDA_EXEC_WRAPPER",
			} {
				c.api.env("SlackFunction")[name] = "canary-of-the-environment"
			}
		},
		[]string{
			"function slack problem changed",
		},
		[]string{"AWS_ENDPOINT_URL_STS, AWS_LAMBDA_EXEC_WRAPPER, GODEBUG, HTTPS_PROXY, SSL_CERT_FILE, which"},
		exitProblem,
	},
	"a function with another's variable": {
		func(c *testDeployment) {
			c.api.env("NotifyFunction")["EXTERNAL_ID_PARAMETER"] = "/jit-access/external-id"
		},
		[]string{"function notify problem changed"}, []string{"its environment has EXTERNAL_ID_PARAMETER"}, exitProblem,
	},
	"a function with a layer": {
		func(c *testDeployment) {
			c.api.set(
				"VendFunction",
				"Layers",
				[]map[string]any{{"Arn": "arn:aws:lambda:eu-west-1:666666666666:layer:canary:1"}},
			)
		},
		[]string{"function vend problem changed"}, []string{"SECURITY", "it has layers"}, exitProblem,
	},
	"a vend with another role": {
		func(c *testDeployment) { c.api.set("VendFunction", "Role", theVendRole+"-too") },
		[]string{
			"function vend problem changed",
		},
		[]string{"its role is not role/aws-access-vend of this account"},
		exitProblem,
	},
	"a vend with a role of that name below a path": {
		func(c *testDeployment) {
			c.api.set("VendFunction", "Role", "arn:aws:iam::"+theBastion+":role/other/aws-access-vend")
		},
		[]string{
			"function vend problem changed",
		},
		[]string{"its role is not role/aws-access-vend of this account"},
		exitProblem,
	},
	"a public function with vend's role": {
		func(c *testDeployment) { c.api.set("SlackFunction", "Role", theVendRole) },
		[]string{
			"function slack problem changed",
		},
		[]string{"its role is role/aws-access-vend, which is vend's alone"},
		exitProblem,
	},
	"functions with another policy": {
		func(c *testDeployment) {
			for _, f := range config.Functions {
				c.api.env(f.LogicalID)["POLICY"] = "/opt/canary.compiled"
			}
		},
		[]string{
			"function api problem changed", "function cut problem changed",
			"function notify problem changed",
			"function slack problem changed",
			"function tick problem changed",
			"function vend problem changed",
		},
		[]string{"POLICY is not policy.compiled"},
		exitProblem,
	},
	"a function of another runtime": {
		func(c *testDeployment) { c.api.set("TickFunction", "Runtime", "python3.13") },
		[]string{"function tick problem changed"}, []string{"it is not bootstrap on provided.al2023"}, exitProblem,
	},
	"a function with another handler": {
		func(c *testDeployment) { c.api.set("TickFunction", "Handler", "other") },
		[]string{"function tick problem changed"}, []string{"it is not bootstrap on provided.al2023"}, exitProblem,
	},
	"a function that was changed and fails": {
		func(c *testDeployment) {
			c.api.set("VendFunction", "State", "Failed")
			c.api.env("VendFunction")["HTTPS_PROXY"] = "canary"
		},
		[]string{
			"function vend problem changed",
			"function vend problem not_active",
		},
		[]string{"its environment has HTTPS_PROXY"},
		exitProblem,
	},
	"failed orders that go elsewhere": {
		func(c *testDeployment) {
			c.api.async["DestinationConfig"] = map[string]any{
				"OnFailure": map[string]any{"Destination": "arn:aws:sns:eu-west-1:666666666666:operators"},
			}
		},
		[]string{
			"orders problem settings",
		},
		[]string{"do not go to the stack's own topic (output OperatorsTopicArn)"},
		exitProblem,
	},
	"failed orders of which nobody hears": {
		func(c *testDeployment) { delete(c.api.async, "DestinationConfig") },
		[]string{"orders problem settings"}, []string{"nobody is told of a failed order"}, exitProblem,
	},
	"orders of which somebody hears": {
		func(c *testDeployment) {
			c.api.async["DestinationConfig"].(map[string]any)["OnSuccess"] = map[string]any{
				"Destination": "arn:aws:sqs:eu-west-1:" + theBastion + ":other",
			}
		},
		[]string{"orders problem settings"}, []string{"each completed order is reported to a destination that the " +
			"template does not have"}, exitProblem,
	},
	"undelivered records that go elsewhere": {
		func(c *testDeployment) {
			c.api.mapping[0]["DestinationConfig"] = map[string]any{
				"OnFailure": map[string]any{"Destination": "arn:aws:s3:::other-undelivered"},
			}
		},
		[]string{"stream problem settings"}, []string{"do not go to the stack's own bucket (output " +
			"UndeliveredBucketName)"}, exitProblem,
	},
	"undelivered records that are not kept": {
		func(c *testDeployment) { delete(c.api.mapping[0], "DestinationConfig") },
		[]string{"stream problem settings"}, []string{"undelivered records are not kept"}, exitProblem,
	},
	"a stack that does not tell its topic and bucket": {
		func(c *testDeployment) {
			delete(c.api.outputs, "OperatorsTopicArn")
			delete(c.api.outputs, "UndeliveredBucketName")
		},
		[]string{
			"orders problem settings",
			"stream of cut problem settings",
			"stream problem settings",
		},
		[]string{"OperatorsTopicArn", "UndeliveredBucketName"},
		exitProblem,
	},
	"an update that was taken back": {
		func(c *testDeployment) { c.api.state = "UPDATE_ROLLBACK_COMPLETE" },
		[]string{"stack warning rolled_back"}, []string{"failed and was rolled back"}, exitOK,
	},
	"a stack that is broken": {
		func(c *testDeployment) { c.api.state = "UPDATE_ROLLBACK_FAILED" },
		[]string{"stack problem broken"}, []string{"UPDATE_ROLLBACK_FAILED"}, exitProblem,
	},
	"a stack that is frozen": {
		func(c *testDeployment) { c.api.outputs["State"], c.api.frozen = "frozen", true },
		[]string{
			"bot token not checked frozen",
			"public endpoint not checked frozen",
			"roles not checked frozen",
			"stack warning frozen",
			"vend not checked frozen",
		},
		[]string{"Frozen=false"},
		exitUnchecked,
	},
	"a clock that is wrong": {
		func(c *testDeployment) { c.skew = -4 * time.Minute },
		[]string{"clock problem clock"}, []string{"differ by 4m0s", "Set this computer's clock"}, exitProblem,
	},
	"a signing secret that the function does not have": {
		func(c *testDeployment) { c.signing = "canary-old-signing-secret" },
		[]string{"signing secret problem refused"}, []string{"/slack/commands refuses a request that is signed with the " +
			"secret in /jit-access/slack/signing-secret"}, exitProblem,
	},
	"a signing secret that the shell may not read": {
		func(c *testDeployment) {
			c.api.outputs["SecretsKey"] = "arn:aws:kms:eu-west-1:" + theBastion + ":key/of-the-company"
			c.ssm.Refuse(signingAt, true)
		},
		[]string{"signing secret not checked not_allowed"}, []string{"Type /aws-access help in Slack: an answer " +
			"proves the same", "can approve anything in anybody's name", "aws-access doctor --rights --ping"}, exitUnchecked,
	},
	"a secret that every reader of the account can read": {
		func(c *testDeployment) { c.must(c.ssm.Put(signingAt, canarySigning)) },
		[]string{"secrets problem shared_key"},
		[]string{"SECURITY: the key of /jit-access/slack/signing-secret is alias/aws/ssm", "ReadOnlyAccess",
			"--key-id alias/aws-access", "make a new one"}, exitProblem,
	},
	"a secret that is not there": {
		func(c *testDeployment) { c.ssm.Delete("/jit-access/external-id") },
		[]string{"secrets problem missing"}, []string{"/jit-access/external-id", "step 4"}, exitProblem,
	},
	"a shell that may not list parameters": {
		func(c *testDeployment) { c.ssm.Refuse("ssm:DescribeParameters", true) },
		[]string{"secrets not checked not_allowed"}, []string{"ssm:DescribeParameters", "--rights"}, exitUnchecked,
	},
	"an endpoint that accepts anything": {
		func(c *testDeployment) { c.api.outputs["CommandsUrl"] = c.acceptsAll() },
		[]string{"public endpoint problem open"}, []string{"accepts a request that nobody signed", "Frozen=true"},
		exitProblem,
	},
	"a shell that may not look": {
		func(c *testDeployment) { c.api.refuse["lambda:GetPolicy"] = true },
		[]string{"ways into vend not checked not_allowed"}, []string{"lambda:GetPolicy", "--rights"}, exitUnchecked,
	},
	"a shell that may not ask vend": {
		func(c *testDeployment) { c.api.refuse["lambda:InvokeFunction"] = true },
		[]string{
			"bot token not checked not_allowed",
			"roles not checked not_allowed",
			"vend not checked not_allowed",
		},
		[]string{"lambda:InvokeFunction", "--rights"},
		exitUnchecked,
	},
	"a vend that knows no checks": {
		func(c *testDeployment) {
			c.api.invoke = func([]byte) ([]byte, error) { return nil, fmt.Errorf("load request : not found") }
		},
		[]string{"bot token problem vend_failed", "roles problem vend_failed",
			"vend problem vend_failed"}, []string{"An older vend cannot answer checks"}, exitProblem,
	},
}
