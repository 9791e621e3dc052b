package lambdafake

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maxEnvironment is Lambda's limit for all names and values together, in bytes.
const maxEnvironment = 4 << 10

// reserved lists the names that Lambda sets, and that a function's configuration must
// not set. On AWS they include the names of the role's credentials; here Env gives
// those.
var reserved = []string{
	"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
	"AWS_LAMBDA_FUNCTION_NAME",
	"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE",
	"AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_MAX_CONCURRENCY",
	"LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
}

var roleKeys = []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}

var variableName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]+$`)

// checkEnvironment refuses what Lambda refuses. Its errors contain no values.
func checkEnvironment(env map[string]string) error {
	var wrong []error
	size := 0
	for name, value := range env {
		if slices.Contains(roleKeys, name) {
			continue
		}
		size += len(name) + len(value)
		switch {
		case slices.Contains(reserved, name):
			wrong = append(wrong, fmt.Errorf("the environment must not set %s: Lambda sets it", name))
		case !variableName.MatchString(name):
			wrong = append(wrong, fmt.Errorf("%q is not a valid name of a variable", name))
		case strings.ContainsRune(value, 0):
			wrong = append(wrong, fmt.Errorf("%s contains a zero byte", name))
		}
	}
	if size > maxEnvironment {
		wrong = append(wrong, fmt.Errorf("the environment has %d bytes; the limit is 4,096", size))
	}
	return errors.Join(wrong...)
}

// environment returns the whole environment of an instance. It contains nothing of
// this process's environment.
func (v *version) environment(api, stream string) []string {
	env := map[string]string{
		"PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin", "LANG": "en_US.UTF-8", "TZ": ":UTC",
		"LD_LIBRARY_PATH": "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
	}
	for name, value := range v.Env {
		env[name] = value
	}
	for name, value := range map[string]string{
		"_HANDLER":                        "bootstrap",
		"AWS_REGION":                      region,
		"AWS_DEFAULT_REGION":              region,
		"AWS_LAMBDA_FUNCTION_NAME":        v.Name,
		"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(v.MemoryMB),
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/" + v.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME":      stream,
		"AWS_LAMBDA_RUNTIME_API":          api,
		"LAMBDA_TASK_ROOT":                v.Dir,
		"LAMBDA_RUNTIME_DIR":              "/var/runtime",
	} {
		env[name] = value
	}
	var out []string
	for name, value := range env {
		out = append(out, name+"="+value)
	}
	slices.Sort(out)
	return out
}
