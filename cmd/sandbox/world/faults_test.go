package world

import (
	"testing"
	"time"
)

// A fault meets the calls that it names, as often and as long as it says.
func TestFaultsMeetTheirCallsForTheirTime(t *testing.T) {
	c := NewClock(noon, time.Now)
	c.Hold()
	f := &Faults{now: c.Now}
	until := noon.Add(30 * time.Minute)
	f.Add(Fault{At: "slack:chat.postMessage", How: FaultError, Times: 2})
	f.Add(Fault{At: "slack:*", How: FaultLost, Until: &until})
	f.Add(Fault{At: "*", How: FaultSlow, Times: 1})
	take := func(want string, names ...string) {
		t.Helper()
		if got := f.take(names...); got != want {
			t.Errorf("%v: got %q, want %q", names, got, want)
		}
	}
	take(FaultError, "slack:chat.postMessage")
	take(FaultLost, "slack:chat.update")
	take(FaultError, "slack:chat.postMessage")
	take(FaultLost, "slack:chat.postMessage")
	take(FaultSlow, "sts:AssumeRole")
	take("", "sts:AssumeRole")
	if f.takeDelivery(FaultDouble) || f.takeDelivery(FaultDelay) {
		t.Error("the fault of a call met a delivery")
	}
	if end, ok := f.nextEnd(); !ok || !end.Equal(until) {
		t.Errorf("ends %v %v, want %v", end, ok, until)
	}
	if err := c.Set(until); err != nil {
		t.Fatal(err)
	}
	take("", "slack:chat.update")
	if n := len(f.Active()); n != 0 {
		t.Errorf("%d faults are active, want none", n)
	}
	f.Add(Fault{At: "store:load", How: FaultError, Times: 1})
	take("", "store:save")
	take(FaultError, "store:due", "store:load")
	f.Add(Fault{At: "*", How: FaultError})
	f.Clear()
	take("", "slack:chat.update")
}
