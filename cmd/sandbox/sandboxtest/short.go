package sandboxtest

import "testing"

// SkipIfShort skips a test under go test -short, which make quick uses. The
// reason says what makes the test slow or what it needs.
func SkipIfShort(t *testing.T, reason string) {
	t.Helper()
	if testing.Short() {
		t.Skip("left out by -short: " + reason)
	}
}
