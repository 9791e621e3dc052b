package operators

import (
	"archive/zip"
	"bytes"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/config"
	"github.com/aws-access/aws-access/pkg/version"
)

// unhealthy returns the findings of a report that are not ok, and their texts.
func unhealthy(r report) (found []string, told string) {
	for _, f := range r.Checks {
		if f.Verdict != healthy {
			found = append(found, f.Check+" "+string(f.Verdict)+" "+f.Code)
			told += f.Reason + "\n" + f.Do + "\n"
		}
	}
	slices.Sort(found)
	return found, told
}

// replace deploys other code of a function, by its id in the template.
func (c *testDeployment) replace(id string, code deployedCode) { c.api.code[c.api.names[id]] = code }

// released returns a directory with the programs of theRelease, as in an unpacked
// release.
func released(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range config.Functions {
		put(t, filepath.Join(dir, string(f.Name), "bootstrap"), releasedProgram(t, f.Name))
	}
	return dir
}

func put(t *testing.T, name string, text []byte) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(name), 0o700)
	if err == nil {
		err = os.WriteFile(name, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// flipped returns a copy of a program in which one bit of its code is different.
func flipped(program []byte) []byte {
	program = slices.Clone(program)
	program[len(program)/3] ^= 1
	return program
}

// codeFault is a fault of deployed code, with the findings of doctor and words in them.
type codeFault struct {
	name   string
	breaks func(t *testing.T, c *testDeployment)
	want   []string
	words  []string
}

func codeFaults() []codeFault {
	vend := func(change func(t *testing.T, program []byte) deployedCode) func(*testing.T, *testDeployment) {
		return func(t *testing.T, c *testDeployment) {
			c.replace("VendFunction", change(t, releasedProgram(t, config.Vend)))
		}
	}
	return []codeFault{
		{"a function of an older version", vend(func(t *testing.T, p []byte) deployedCode {
			return zipped(t, changed(t, p, theRelease, "v1.1.9"))
		}), []string{"version history warning not_deployed", "versions problem differ"},
			[]string{"vend: v1.1.9 (commit", "slack, api, cut, notify, tick: v1.2.0 (commit"}},
		{"a function of another commit", vend(func(t *testing.T, p []byte) deployedCode {
			was := programOf(config.Vend, p).Build.Commit
			return zipped(t, changed(t, p, was, strings.Repeat("5", 40)))
		}), []string{"version history warning not_deployed", "versions problem differ"},
			[]string{"vend: v1.2.0 (commit 55555555"}},
		{"the program of another function", vend(func(t *testing.T, _ []byte) deployedCode {
			return releaseOf(t, config.Slack)
		}), []string{"code of vend problem other_program"}, []string{version.Module + "/functions/slack", "SECURITY"}},
		{"a script", vend(func(t *testing.T, _ []byte) deployedCode {
			return zipped(t, []byte("#!/bin/sh\n"))
		}), []string{
			"code of vend problem other_program", "version history warning not_deployed", "versions problem differ",
		}, []string{"not a Go program"}},
		{"no package", vend(func(*testing.T, []byte) deployedCode { return packageOf([]byte("PK")) }),
			[]string{"code of vend problem package"}, []string{"not a zip file"}},
		{"other bytes than Lambda states", vend(func(t *testing.T, p []byte) deployedCode {
			return deployedCode{zipped(t, flipped(p)).pack, releaseOf(t, config.Vend).stated}
		}), []string{"code of vend problem package"}, []string{"its SHA-256 is not the one that Lambda states"}},
	}
}

// aroundTheCode are faults of published versions, policies, rights and the template.
func aroundTheCode() []codeFault {
	return []codeFault{
		{"a published version that the routes call", func(t *testing.T, c *testDeployment) {
			name := c.api.names["SlackFunction"]
			c.api.aliases[name] = []map[string]any{{"Name": "live", "FunctionVersion": "7"}}
			c.api.code[name+":7"] = zipped(t, changed(t, releasedProgram(t, config.Slack), theRelease, "v1.1.0"))
		}, []string{"versions problem differ"}, []string{"slack (published version 7): v1.1.0"}},
		{"a published version with a small weight", func(t *testing.T, c *testDeployment) {
			name := c.api.names["SlackFunction"]
			c.api.aliases[name] = []map[string]any{{"Name": "live", "FunctionVersion": "7",
				"RoutingConfig": map[string]any{"AdditionalVersionWeights": map[string]any{"8": 0.01}}}}
			c.api.code[name+":7"] = releaseOf(t, config.Slack)
			c.api.code[name+":8"] = zipped(t, []byte("evil"))
		}, []string{"code of slack (published version 8) problem other_program", "versions problem differ"}, nil},
		{"a published version with a layer, a wrapper and another vend", func(t *testing.T, c *testDeployment) {
			name := c.api.names["SlackFunction"]
			c.api.aliases[name] = []map[string]any{{"Name": "live", "FunctionVersion": "7"}}
			c.api.code[name+":7"] = releaseOf(t, config.Slack)
			env := maps.Clone(c.api.env("SlackFunction"))
			env["AWS_LAMBDA_EXEC_WRAPPER"], env["VEND_FUNCTION"] = "/opt/evil", "evil"
			c.api.config[name+":7"] = map[string]any{
				"Layers":      []map[string]any{{"Arn": "arn:aws:lambda:eu-west-1:111111111111:layer:evil:1"}},
				"Environment": map[string]any{"Variables": env},
			}
		}, []string{"settings of slack (published version 7) problem changed"},
			[]string{"layers", "AWS_LAMBDA_EXEC_WRAPPER", "another value than the function itself in VEND_FUNCTION"}},
		{"another policy beside the same program", func(t *testing.T, c *testDeployment) {
			c.replace("SlackFunction", zippedWith(t, releasedProgram(t, config.Slack), []byte("another")))
		}, []string{"policies problem differ"}, []string{"SECURITY", "slack: sha256 ", "vend: sha256 "}},
		{"another policy in vend than the one that answers", func(t *testing.T, c *testDeployment) {
			for _, f := range config.Functions {
				c.replace(f.LogicalID, zippedFor(t, f, releasedProgram(t, f.Name), []byte("another")))
			}
		}, []string{"version history warning not_deployed"}, []string{"the vend function that answers has the policy"}},
		{"no right to read the code", func(_ *testing.T, c *testDeployment) { c.api.refuse["lambda:GetFunction"] = true },
			[]string{"code of slack not checked not_allowed"}, []string{"doctor --rights"}},
		{"no download", func(_ *testing.T, c *testDeployment) { c.api.url += "/nowhere" },
			[]string{
				"code of api not checked unreadable", "code of cut not checked unreadable",
				"code of notify not checked unreadable",
				"code of slack not checked unreadable", "code of tick not checked unreadable",
				"code of vend not checked unreadable",
			}, []string{"status 404"}},
		{"a template of an earlier release", func(_ *testing.T, c *testDeployment) { c.api.outputs["Version"] = "v1.1.0" },
			[]string{"version of the template warning differs"}, []string{"The template is of v1.1.0", "v1.2.0 (commit"}},
		{"a template without a version", func(_ *testing.T, c *testDeployment) { delete(c.api.outputs, "Version") },
			[]string{"version of the template warning none"}, nil},
	}
}

func TestDoctorNamesTheFunctionWithWrongCode(t *testing.T) {
	if testing.Short() {
		t.Skip("takes more than two seconds")
	}
	for _, f := range append(codeFaults(), aroundTheCode()...) {
		t.Run(f.name, func(t *testing.T) {
			c := newClinic(t, thePolicy(t))
			f.breaks(t, c)
			r, code := c.doctor("--only", "stack")
			found, told := unhealthy(r)
			if diff := cmp.Diff(f.want, found); diff != "" {
				t.Errorf("found (-want +got):\n%s%s", diff, told)
			}
			for _, words := range f.words {
				if !strings.Contains(told, words) {
					t.Errorf("%q is missing in: %s", words, told)
				}
			}
			if code != r.exit() || code == exitOK && !strings.Contains(f.want[0], "warning") {
				t.Errorf("ended with %d", code)
			}
		})
	}
}

func TestDoctorComparesTheDeployedCodeWithABuildByteByByte(t *testing.T) {
	c := newClinic(t, thePolicy(t))
	dir := released(t)
	r, code := c.doctor("--build", dir, "--only", "stack")
	said := slices.ContainsFunc(r.Checks, func(f finding) bool {
		return f.Check == "build" && f.Verdict == healthy &&
			strings.Contains(f.Reason, "6 deployed programs are, byte for byte")
	})
	if found, told := unhealthy(r); code != exitOK || len(found) > 0 || !said || len(r.Programs) != len(config.Functions) {
		t.Errorf("the release itself: ended with %d, %v, %s%+v", code, found, told, r)
	}
	for _, f := range config.Functions {
		was := releaseOf(t, f.Name)
		other := flipped(releasedProgram(t, f.Name))
		c.replace(f.LogicalID, zippedFor(t, f, other, compiledPolicy(t)))
		r, code := c.doctor("--build", dir, "--only", "stack")
		found, told := unhealthy(r)
		want := []string{"build of " + string(f.Name) + " problem differs"}
		if diff := cmp.Diff(want, found); diff != "" || code != exitProblem {
			t.Errorf("one byte of %s: ended with %d (-want +got)\n%s", f.Name, code, diff)
		}
		for _, sum := range []string{programOf(f.Name, other).Sum, programOf(f.Name, releasedProgram(t, f.Name)).Sum} {
			if !strings.Contains(told, "sha256 "+sum) {
				t.Errorf("%s: %s is missing in: %s", f.Name, sum, told)
			}
		}
		c.replace(f.LogicalID, was)
	}
}

func TestOnlyOtherBytesOfTheSameVersionAreASecurityProblem(t *testing.T) {
	of := func(version string, modified bool) program {
		return program{Function: config.Vend, Processor: "arm64", Sum: version,
			Build: buildStating(version, modified)}
	}
	d := doctor{examination: examination{build: "bin"}}
	const cannot = "They cannot be compared by version"
	for _, c := range []struct {
		deployed, given    program
		code, reason, todo string
	}{
		{of("v1.2.0", false), of("v1.2.0", false), "differs", "SECURITY: the deployed program of vend", "go version -m"},
		{of("v1.2.0", false), of("v1.3.0", false), "other_version",
			"is another version (v1.2.0 (commit 11111111)) than the given build (v1.3.0 (commit 11111111)).",
			"If you did not deploy v1.2.0, find out who deployed it"},
		{of("v1.2.0+dirty", true), of("v1.2.0+dirty", true), "differs", cannot, "If you did not build the deployed program"},
		{of("v1.2.0", false), of("v1.2.0+dirty", true), "differs", cannot, "Compare with a build of a commit"},
		{of("v1.2.0", false), of(version.Unknown, false), "differs", cannot, "Compare with a build of a commit"},
		{of(version.Unknown, false), of("v1.2.0", false), "differs", cannot, "find out who deployed it"},
	} {
		f := d.buildDiffers(c.deployed, c.given)
		if f.Verdict != problem || f.Code != c.code || !strings.Contains(f.Reason, c.reason) ||
			!strings.Contains(f.Do, c.todo) || !strings.Contains(f.Reason, "\nbin: sha256 "+c.given.Sum) ||
			strings.Contains(f.Reason, "SECURITY") != strings.Contains(c.reason, "SECURITY") {
			t.Errorf("%s and %s: got %+v, want %s: %s", c.deployed.Build, c.given.Build, f, c.code, c.reason)
		}
	}
}

// buildStating is a build of a version, with a commit if the version is known.
func buildStating(v string, modified bool) version.Build {
	b := version.Build{Version: v, Modified: modified}
	if v != version.Unknown {
		b.Commit = strings.Repeat("1", 40)
	}
	return b
}

func TestIncompleteBuildIsReported(t *testing.T) {
	c := newClinic(t, thePolicy(t))
	dir := released(t)
	tick := filepath.Join(dir, "tick", "bootstrap")
	for _, step := range []struct {
		name string
		do   func()
		want []string
		exit int
	}{
		{"as sam build leaves it", func() {
			put(t, filepath.Join(dir, "TickFunction", "bootstrap"), releasedProgram(t, config.Tick))
			c.must(os.RemoveAll(filepath.Dir(tick)))
		}, nil, exitOK},
		{"without tick", func() { c.must(os.RemoveAll(filepath.Join(dir, "TickFunction"))) },
			[]string{"build of tick not checked no_build"}, exitUnchecked},
		{"for another processor", func() {
			p := slices.Clone(releasedProgram(t, config.Tick))
			if p[18] == 0xb7 { // e_machine of an ELF file
				p[18] = 0x3e
			} else {
				p[18] = 0xb7
			}
			put(t, tick, p)
		}, []string{"build of tick problem other_processor"}, exitProblem},
		{"without the right to read code", func() { c.api.refuse["lambda:GetFunction"] = true },
			[]string{
				"build of api not checked no_code", "build of cut not checked no_code", "build of notify not checked no_code",
				"build of slack not checked no_code", "build of tick not checked no_code", "build of vend not checked no_code",
				"code of slack not checked not_allowed",
			}, exitUnchecked},
	} {
		step.do()
		r, code := c.doctor("--build", dir, "--only", "stack")
		found, told := unhealthy(r)
		if diff := cmp.Diff(step.want, found); diff != "" || code != step.exit {
			t.Errorf("%s: ended with %d, want %d (-want +got)\n%s%s", step.name, code, step.exit, diff, told)
		}
	}
	for line, want := range map[string]string{
		"--build " + t.TempDir():              "has none of slack/bootstrap, api/bootstrap, vend/bootstrap, cut/",
		"--build " + dir + " --only slack":    "--build compares the functions",
		"--build " + dir + "/tick/bootstrap":  "is a file; give the directory of make build (bin)",
		"--build " + dir + "/tick/bootstrap/": "is a file; give the directory of make build (bin)",
		"--build " + dir + "\x00":             "read the build",
	} {
		if text, code := c.read(strings.Fields(line)...); code != exitUsage || !strings.Contains(text, want) {
			t.Errorf("%s: ended with %d, %q, want %q", line, code, text, want)
		}
	}
}

// A redirect could lead anywhere, and plain http is for fakes on this computer.
func TestCodeIsDownloadedOnlyFromLambdasLink(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/there", http.StatusFound)
			return
		}
		_, _ = w.Write([]byte("there"))
	}))
	defer server.Close()
	c := newClinic(t, thePolicy(t))
	d, err := newDoctor(t.Context(), examination{}, new(bytes.Buffer))
	c.must(err)
	if text, err := d.download(t.Context(), server.URL+"/there?"+canaryLink); err != nil || string(text) != "there" {
		t.Errorf("a fake on this computer: %q, %v", text, err)
	}
	for link, want := range map[string]string{
		server.URL + "/moved?" + canaryLink:                    "status 302",
		"http://s3.eu-west-1.amazonaws.com/code?" + canaryLink: "not an https address",
		"https://user@example.com/code?" + canaryLink:          "not an https address",
		"https://127.0.0.1:1/code?" + canaryLink:               "download its code: ",
		"file:///etc/passwd?" + canaryLink:                     "not an https address",
		"%zz" + canaryLink:                                     "not an https address",
	} {
		_, err := d.download(t.Context(), link)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, want %q without the link", link, err, want)
		}
	}
	if asked != 2 {
		t.Errorf("the server was asked %d times, want 2: the redirect is not followed", asked)
	}
	t.Setenv("AWS_ENDPOINT_URL_LAMBDA", "")
	d, err = newDoctor(t.Context(), examination{}, new(bytes.Buffer))
	c.must(err)
	_, err = d.download(t.Context(), server.URL+"/there")
	if err == nil || !strings.Contains(err.Error(), "not an https") {
		t.Errorf("http although Lambda is the real one: %v", err)
	}
}

func TestPackageThatIsTooLargeIsRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("packs more than a hundred megabytes")
	}
	if _, err := readLimited(bytes.NewReader(make([]byte, 1025)), 1024); err == nil {
		t.Error("more than the limit is read")
	}
	bomb := packedBy(t, zip.Deflate, entry{"bootstrap", make([]byte, maxProgram+1)}, entry{"policy.compiled", nil}).pack
	if _, _, err := unpack(bomb, true); err == nil || !strings.Contains(err.Error(), "more than 128 MB") {
		t.Errorf("got %v", err)
	}
}

func TestFunctionVersionsAreComparedWithTheCommand(t *testing.T) {
	at := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	build := func(v, commit string) version.Build {
		return version.Build{
			Version: v, Commit: strings.Repeat(commit, 40), Time: at, Modified: strings.HasSuffix(v, "+dirty"),
		}
	}
	unknown := version.Build{Version: version.Unknown}
	for _, c := range []struct {
		name           string
		deployed, own  version.Build
		verdict        verdict
		code, contains string
	}{
		{"the same", build("v1.2.0", "1"), build("v1.2.0", "1"), healthy, "ok", "as this command is"},
		{"a command without git", build("v1.2.0", "1"), unknown, healthy, "ok", "is not compared"},
		{"another command", build("v1.2.0", "1"), build("v1.3.0", "2"), warning, "other_command", "this command is v1.3.0"},
		{"another commit", build("v1.2.0", "1"), build("v1.2.0", "2"), warning, "other_command", "commit 22222222"},
		{"functions without git", unknown, build("v1.2.0", "1"), warning, "unknown", "built without git"},
		{"functions of changed files", build("v1.2.0+dirty", "1"), build("v1.2.0+dirty", "1"), warning, "modified",
			"files with uncommitted changes"},
	} {
		all := []program{{Function: config.Slack, Build: c.deployed}, {Function: config.Vend, Build: c.deployed}}
		got := judgeVersions(all, c.own)
		if got.Verdict != c.verdict || got.Code != c.code || !strings.Contains(got.Reason, c.contains) {
			t.Errorf("%s: %+v, want %s %s with %q", c.name, got, c.verdict, c.code, c.contains)
		}
	}
}

func TestTemplateIsComparedWithTheFunctions(t *testing.T) {
	after := "v1.2.1-0.20261126090000-1a2b3c4d5e6f"
	for _, c := range []struct {
		stated, functions string
		want              string
	}{
		{"v1.2.0", "v1.2.0", "ok"},
		{"v1.2.0", "v1.2.0+dirty", "ok"},
		{"v1.2.0", after, "ok"},     // a company's own commits after the release
		{"v1.3.0-dev", after, "ok"}, // between two releases
		{"v1.3.0-dev", "v1.3.0-rc.1", "ok"},
		{"v0.1.0-dev", version.Unknown, "ok"},
		{"v0.1.0-dev", "v0.0.0-20261126090000-1a2b3c4d5e6f", "ok"},
		{"v1.2.0", "v1.3.0", "differs"},
		{"v1.2.0-dev", "v1.2.0", "differs"},
		{"v1.2.0-dev", after, "differs"},
		{"v1.3.0", "v1.2.0", "differs"},
		{"", "v1.2.0", "none"},
		{"latest", "v1.2.0", "none"},
	} {
		got := judgeTemplate([]program{{Build: version.Build{Version: c.functions}}}, c.stated)
		if got.Code != c.want {
			t.Errorf("template %q, functions %s: %s, want %s", c.stated, c.functions, got.Code, c.want)
		}
	}
}

func TestDoctorShowsTheVersionHistory(t *testing.T) {
	c := newClinic(t, thePolicy(t))
	history := func(ran ...access.Build) {
		b, err := c.store.Builds(t.Context())
		c.must(err)
		c.must(c.store.SaveBuilds(t.Context(), access.Builds{Version: b.Version + 1, Ran: ran}))
	}
	build := programOf(config.Tick, releasedProgram(t, config.Tick)).Build
	at := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	older, present := access.Build{Version: "v1.1.0", Commit: strings.Repeat("1", 40), Since: at},
		access.Build{Version: build.Version, Commit: build.Commit, Since: at.Add(time.Hour)}
	for _, step := range []struct {
		name    string
		ran     []access.Build
		verdict verdict
		code    string
		words   string
	}{
		{"an upgrade", []access.Build{older, present}, healthy, "ok",
			" since 2026-11-26 10:00 UTC; before: v1.1.0 (commit 11111111) since 2026-11-26 09:00 UTC"},
		{"the older one still runs", []access.Build{present, older}, warning, "not_deployed",
			"the tick that ran last is v1.1.0 (commit 11111111), and v1.2.0"},
		{"a record that somebody else wrote", []access.Build{{Version: "\x1b[2J", Commit: "\x1b"}}, warning, "not_deployed",
			"the tick that ran last is unknown"},
		{"no record", nil, warning, "none", "has not recorded"},
	} {
		history(step.ran...)
		r, _ := c.doctor("--only", "stack")
		i := slices.IndexFunc(r.Checks, func(f finding) bool { return f.Check == "version history" })
		if i < 0 || r.Checks[i].Verdict != step.verdict || r.Checks[i].Code != step.code ||
			!strings.Contains(r.Checks[i].Reason, step.words) {
			t.Errorf("%s: %+v, want %s %s: %s", step.name, r.Checks, step.verdict, step.code, step.words)
		}
	}
	history(present)
	c.vend.Checks.Build.Version = "v1.1.0"
	r, _ := c.doctor("--only", "stack")
	found, told := unhealthy(r)
	if want := "the vend function that answers is v1.1.0"; !slices.Equal(found,
		[]string{"version history warning not_deployed"}) || !strings.Contains(told, want) {
		t.Errorf("an older vend: %v %s, want %q", found, told, want)
	}
}

// A vend function whose code was replaced could hide the findings about it.
func TestAnAnswerCannotForgeOrHideAFinding(t *testing.T) {
	r := report{Checks: []finding{
		{inStack, "code of vend", problem, "other_program", "SECURITY: it was replaced.", "Find out who did it."},
		{inStack, "policy\x1b[2J\nok", healthy, "ok", "digest \x1b[2J\u009b2J\u202e\r\nok           build: the same", ""},
		{inStack, "people", warning, "unknown\nok", "\x1b[1A\nok           build: the same", "\x07"},
	}, Reminders: []string{"\x1b[2J\nok           build: the same"}}
	var out bytes.Buffer
	r.write(&out)
	forged := func(line string) bool {
		return strings.HasPrefix(line, "ok") && !strings.HasPrefix(line, "ok           policy")
	}
	if text := out.String(); strings.ContainsAny(text, "\x1b\u009b\u202e\r\x07") ||
		slices.ContainsFunc(strings.Split(text, "\n"), forged) {
		t.Errorf("printed %q", text)
	}
}
