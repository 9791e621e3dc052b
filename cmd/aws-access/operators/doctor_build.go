package operators

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws-access/aws-access/pkg/config"
)

// buildPaths are the possible places of a function's program below the directory of
// --build: the first as in the output of make build and in a release's archive, the
// second as in the output of sam build.
func buildPaths(dir string, f config.Spec) []string {
	return []string{filepath.Join(dir, string(f.Name), theHandler), filepath.Join(dir, f.LogicalID, theHandler)}
}

// readBuild reads the program of a function below a directory. The error is
// fs.ErrNotExist if there is none.
func readBuild(dir string, f config.Spec) (p program, err error) {
	for _, name := range buildPaths(dir, f) {
		var file *os.File
		if file, err = os.Open(name); err == nil {
			text, err := readLimited(file, maxProgram)
			if err = errors.Join(err, file.Close()); err != nil {
				return p, fmt.Errorf("read %s: %w", name, err)
			}
			return programOf(f.Name, text), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return p, fmt.Errorf("read the build: %w", err)
		}
	}
	return p, fs.ErrNotExist
}

// loadBuilds reads all programs below a directory, by function. It fails if there are
// none, or if a file cannot be read.
func loadBuilds(dir string) (map[config.Function]program, error) {
	if info, err := os.Stat(filepath.Clean(dir)); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("--build: %s is a file; give the directory of make build (bin), or that of an unpacked "+
			"release", dir)
	}
	builds := make(map[config.Function]program)
	var paths []string
	for _, f := range config.Functions {
		paths = append(paths, filepath.Join(string(f.Name), theHandler))
		p, err := readBuild(dir, f)
		switch {
		case err == nil:
			builds[f.Name] = p
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	if len(builds) == 0 {
		return nil, fmt.Errorf("--build: %s has none of %s; give the directory of make build (bin), "+
			"or that of an unpacked release", dir, strings.Join(paths, ", "))
	}
	return builds, nil
}

// checkBuild compares the deployed programs, byte by byte, with those of --build.
func (d *doctor) checkBuild(deployed []program) {
	compared, same := 0, true
	for _, f := range config.Functions {
		if d.found.functions[f.LogicalID] == "" {
			continue // reported by checkFunctions
		}
		check := "build of " + string(f.Name)
		build, given := d.builds[f.Name]
		if !given {
			d.report.add(finding{inStack, check, notKnown, "no_build",
				d.build + " has no " + filepath.Join(string(f.Name), theHandler) + ", so " + string(f.Name) + " is not compared.",
				"Build all functions (make build), or unpack the whole archive."})
			same = false
			continue
		}
		of := slices.DeleteFunc(slices.Clone(deployed), func(p program) bool { return p.Function != f.Name })
		if len(of) == 0 { // the finding about its code says why
			d.report.add(finding{inStack, check, notKnown, "no_code", "The code of " + string(f.Name) +
				" could not be read, so it is not compared.", "Correct what the check of its code says."})
			same = false
		}
		for _, p := range of {
			compared++
			if p.Sum != build.Sum {
				same = false
				d.report.add(d.buildDiffers(p, build))
			}
		}
	}
	if same && compared > 0 {
		d.report.ok(inStack, "build",
			fmt.Sprintf("the %d deployed programs are, byte for byte, those of %s", compared, d.build))
	}
}

// buildDiffers is the finding about a deployed program that is not the given build.
func (d *doctor) buildDiffers(p, build program) finding {
	const deployer = "find out who deployed it (CloudTrail: UpdateFunctionCode)"
	f := finding{inStack, "build of " + string(p.Function), problem, "differs",
		"The deployed program of " + p.String() + " is not the one in " + d.build + ".",
		"Compare `go version -m` of both: another version of Go or other flags give different bytes. Otherwise " +
			deployer + ", and deploy your build."}
	switch {
	case p.Processor != build.Processor:
		f.Code, f.Do = "other_processor", "The programs are for different processors ("+p.Processor+" and "+
			build.Processor+"): give the build for "+p.Processor+": make build ARCH="+goarch(p.Processor)+"."
	case !p.Build.Known(), !build.Build.Known(), p.Build.Modified, build.Build.Modified:
		f.Reason += " They cannot be compared by version: at least one was built without git or from uncommitted changes."
		f.Do = "Compare with a build of a commit. If you did not build the deployed program, " + deployer + "."
	case !p.Build.Same(build.Build):
		f.Code = "other_version"
		f.Reason = "The deployed program of " + p.String() + " is another version (" + p.Build.String() +
			") than the given build (" + build.Build.String() + ")."
		f.Do = "Give the build or the release of the version that should run, or deploy your build. If you did not deploy " +
			p.Build.Version + ", " + deployer + "."
	default:
		f.Reason = "SECURITY: the" + strings.TrimPrefix(f.Reason, "The")
	}
	f.Reason += "\ndeployed: " + identify(p) + "\n" + d.build + ": " + identify(build)
	return f
}

func goarch(processor string) string {
	if processor == "x86_64" {
		return "amd64"
	}
	return processor
}

// identify describes a program by its bytes and its build.
func identify(p program) string {
	text := "sha256 " + p.Sum + ", " + p.Processor + ", " + p.Build.String()
	if p.Build.Go != "" {
		text += ", " + p.Build.Go
	}
	return text
}
