package access

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var (
	deviceTerms = DeviceTerms{For: 30 * 24 * time.Hour, Most: 2}
	owner       = Person{ID: "U0DEV1", Name: "Dev One", Membership: Member}
	pairTime    = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
)

func standing(m Membership) Person { return Person{ID: owner.ID, Membership: m} }

func thumbprint(n int) string { return fmt.Sprintf("%043d", n) }

// orderCode gives the owner a code, or fails the test.
func orderCode(t *testing.T, l DeviceList, id string, now time.Time) DeviceChange {
	t.Helper()
	o := DeviceOrder{Do: PairDevice, ID: id, By: owner.ID, At: now}
	change, err := l.Issue(owner, o, "key of "+id, deviceTerms, now)
	if err != nil {
		t.Fatalf("issue a code: %v", err)
	}
	return change
}

func pairOne(t *testing.T, l DeviceList, n int, now time.Time) DeviceChange {
	t.Helper()
	issued := orderCode(t, l, fmt.Sprint("order", n), now)
	d := Device{ID: thumbprint(n), Key: "{}", Name: fmt.Sprint("pc", n)}
	change, err := issued.List.Pair(owner, *issued.Code, d, deviceTerms, fmt.Sprint("N", n), now)
	if err != nil {
		t.Fatalf("pair device %d: %v", n, err)
	}
	return change
}

func TestACodeIsGivenToMembersOnlyAndWithinTheLimits(t *testing.T) {
	full := DeviceList{Owner: owner.ID}
	for n := range deviceTerms.Most {
		full = pairOne(t, full, n, pairTime).List
	}
	used := orderCode(t, DeviceList{}, "o", pairTime).List
	many := DeviceList{}
	for n := range MaxCodeOrders {
		many = orderCode(t, many, fmt.Sprint("o", n), pairTime).List
	}
	one, old := pairOne(t, DeviceList{}, 1, pairTime).List, pairOne(t, DeviceList{}, 1, pairTime.Add(-time.Hour)).List
	order := DeviceOrder{Do: PairDevice, ID: "o", By: owner.ID, At: pairTime}
	for name, c := range map[string]struct {
		list  DeviceList
		by    Person
		terms DeviceTerms
		after time.Duration
		code  string
	}{
		"member":                          {DeviceList{}, owner, deviceTerms, 0, ""},
		"guest":                           {DeviceList{}, standing(Guest), deviceTerms, 0, "guest"},
		"deactivated":                     {DeviceList{}, standing(Deactivated), deviceTerms, 0, "deactivated"},
		"unread":                          {DeviceList{}, standing(""), deviceTerms, 0, "unknown_person"},
		"machine":                         {DeviceList{}, standing(MachineMembership), deviceTerms, 0, "machine"},
		"devices: none":                   {DeviceList{}, owner, DeviceTerms{}, 0, "devices_off"},
		"the same order again":            {used, owner, deviceTerms, 0, "order_repeated"},
		"an old order":                    {DeviceList{}, owner, deviceTerms, OrderLife, "order_late"},
		"an order of the future":          {DeviceList{}, owner, deviceTerms, -OrderLife, "order_late"},
		"as many devices as may be":       {full, owner, deviceTerms, 0, "too_many_devices"},
		"as many devices as today's most": {one, owner, DeviceTerms{time.Hour, 1}, 0, "too_many_devices"},
		"a device that has expired":       {old, owner, DeviceTerms{time.Hour, 1}, 0, ""},
		"as many codes as may be ordered": {many, owner, deviceTerms, 0, "too_many_codes"},
	} {
		_, err := c.list.Issue(c.by, order, "key", c.terms, pairTime.Add(c.after))
		if got := Code(err); got != c.code || got == "" && err != nil {
			t.Errorf("%s: got %v, want the code %q", name, err, c.code)
		}
	}
}

func TestOnlyTheNewestCodesWork(t *testing.T) {
	var l DeviceList
	var codes []PairingCode
	for n := range MaxCodes + 2 {
		change := orderCode(t, l, fmt.Sprint("o", n), pairTime.Add(time.Duration(n)*time.Second))
		l, codes = change.List, append(codes, *change.Code)
	}
	if len(l.Codes) != MaxCodes {
		t.Errorf("%d unused codes, want %d", len(l.Codes), MaxCodes)
	}
	for i, c := range codes {
		_, err := l.Pair(owner, c, Device{ID: thumbprint(1)}, deviceTerms, "N", pairTime.Add(time.Minute))
		if replaced := i < len(codes)-MaxCodes; replaced != (Code(err) == "unknown_code") || !replaced && err != nil {
			t.Errorf("code %d of %d: %v", i, len(codes), err)
		}
	}
}

func TestACodePairsOneDeviceOfItsOwnerWithinTenMinutes(t *testing.T) {
	issued := orderCode(t, DeviceList{}, "o", pairTime)
	usedUp := *issued.Code
	usedUp.Device = thumbprint(9)
	foreign := *issued.Code
	foreign.Owner = "U0DEV2"
	for name, c := range map[string]struct {
		by    Person
		code  PairingCode
		terms DeviceTerms
		after time.Duration
		want  string
	}{
		"at once":               {owner, *issued.Code, deviceTerms, 0, ""},
		"at the last moment":    {owner, *issued.Code, deviceTerms, PairingCodeLife - 1, ""},
		"after ten minutes":     {owner, *issued.Code, deviceTerms, PairingCodeLife, "code_expired"},
		"a used code":           {owner, usedUp, deviceTerms, 0, "code_used"},
		"somebody else's code":  {owner, foreign, deviceTerms, 0, "unknown_code"},
		"no code":               {owner, PairingCode{}, deviceTerms, 0, "unknown_code"},
		"a guest":               {standing(Guest), *issued.Code, deviceTerms, 0, "guest"},
		"a person who has left": {standing(Deactivated), *issued.Code, deviceTerms, 0, "deactivated"},
		"devices: none":         {owner, *issued.Code, DeviceTerms{}, 0, "devices_off"},
	} {
		now := pairTime.Add(c.after)
		change, err := issued.List.Pair(c.by, c.code, Device{ID: thumbprint(1), Key: "{}", Name: "pc"}, c.terms, "N", now)
		if Code(err) != c.want || c.want == "" && err != nil {
			t.Errorf("%s: got %v, want the code %q", name, err, c.want)
		}
		if c.want != "" {
			continue
		}
		d := change.Devices[0]
		if d.Owner != owner.ID || !d.Expires.Equal(now.Add(c.terms.For)) || change.Code.Device != d.ID ||
			change.Notice.Kind != DevicePaired || change.Notice.To != owner.ID || len(change.List.Codes) != 0 {
			t.Errorf("%s: %+v", name, change)
		}
	}
}

func TestADeviceIsRefusedWhenItIsRemovedExpiredOrSwitchedOff(t *testing.T) {
	d := pairOne(t, DeviceList{}, 1, pairTime).Devices[0]
	removed := d
	removed.Removed = pairTime
	for name, c := range map[string]struct {
		device Device
		terms  DeviceTerms
		after  time.Duration
		want   string
	}{
		"a device":                   {d, deviceTerms, 0, ""},
		"none":                       {Device{}, deviceTerms, 0, "unknown_device"},
		"a removed one":              {removed, deviceTerms, 0, "device_removed"},
		"an expired one":             {d, deviceTerms, deviceTerms.For, "device_expired"},
		"the last moment":            {d, deviceTerms, deviceTerms.For - 1, ""},
		"a policy that is stricter":  {d, DeviceTerms{time.Hour, 2}, time.Hour, "device_expired"},
		"a policy that is looser":    {d, DeviceTerms{2 * deviceTerms.For, 2}, deviceTerms.For, "device_expired"},
		"a policy with devices:none": {d, DeviceTerms{}, 0, "devices_off"},
	} {
		if got := Code(c.device.CheckUnder(c.terms, pairTime.Add(c.after))); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestRemovingADeviceTellsItsOwner(t *testing.T) {
	l := pairOne(t, DeviceList{}, 1, pairTime).List
	if _, err := l.Remove(thumbprint(2), DeviceRemoved, "N2", pairTime); Code(err) != "not_your_device" {
		t.Errorf("a device of somebody else: %v", err)
	}
	change, err := l.Remove(thumbprint(1), CodeReused, "N2", pairTime.Add(time.Hour))
	if err != nil || len(change.List.Devices) != 0 || change.Devices[0].Check(pairTime) == nil ||
		change.Notice.Kind != CodeReused || change.Notice.Name != "pc1" || change.Devices[0].Version != 2 {
		t.Errorf("got %+v, %v", change, err)
	}
}

func TestEverythingOfAPersonIsRemovedAtOnce(t *testing.T) {
	if _, some := (DeviceList{}).RemoveAll(pairTime); some {
		t.Error("a person without devices has something to remove")
	}
	l := orderCode(t, pairOne(t, DeviceList{}, 1, pairTime).List, "another", pairTime).List
	change, some := l.RemoveAll(pairTime)
	if !some || len(change.List.Devices)+len(change.List.Codes) != 0 || len(change.Devices) != 1 ||
		Code(change.Devices[0].Check(pairTime)) != CodeDeviceRemoved {
		t.Errorf("got %+v", change)
	}
}

func TestAMalformedDeviceOrderIsRefusedWithoutQuotingIt(t *testing.T) {
	whole := DeviceOrder{Do: RemoveDevice, ID: "1234.5.ab", By: "U0DEV1", Device: thumbprint(1), At: pairTime}
	if err := whole.Check(); err != nil {
		t.Fatal(err)
	}
	const secret = "SECRET-TEXT"
	for name, spoil := range map[string]func(*DeviceOrder){
		"another verb":      func(o *DeviceOrder) { o.Do = secret },
		"no id":             func(o *DeviceOrder) { o.ID = "" },
		"a long id":         func(o *DeviceOrder) { o.ID = strings.Repeat("x", MaxOrderField+1) },
		"an id with spaces": func(o *DeviceOrder) { o.ID = secret + " " },
		"nobody":            func(o *DeviceOrder) { o.By = "" },
		"not a person":      func(o *DeviceOrder) { o.By = "M" + secret },
		"no device":         func(o *DeviceOrder) { o.Device = "" },
		"a short device":    func(o *DeviceOrder) { o.Device = secret },
		"a list of one":     func(o *DeviceOrder) { o.Do = ListDevices },
		"a code of one":     func(o *DeviceOrder) { o.Do = PairDevice },
		"no time":           func(o *DeviceOrder) { o.At = time.Time{} },
	} {
		o := whole
		spoil(&o)
		if err := o.Check(); !errors.Is(err, ErrBadOrder) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// Whatever a person does in whatever order: never more devices than the policy allows, never
// more unused codes than the limit, each version once, and a notice for each new device.
func TestDevicesStayWithinTheirLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, now := DeviceList{Owner: owner.ID}, pairTime
		var codes []PairingCode
		for n := range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "seconds")) * time.Second)
			var change DeviceChange
			var err error
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				o := DeviceOrder{Do: PairDevice, ID: fmt.Sprint("o", n), By: owner.ID, At: now}
				if change, err = l.Issue(owner, o, fmt.Sprint("key", n), deviceTerms, now); err == nil {
					codes = append(codes, *change.Code)
				}
			case 2:
				if len(codes) == 0 {
					continue
				}
				i := rapid.IntRange(0, len(codes)-1).Draw(t, "code")
				change, err = l.Pair(owner, codes[i], Device{ID: thumbprint(n)}, deviceTerms, fmt.Sprint("N", n), now)
				if err == nil && (change.Notice == nil || !now.Before(codes[i].Expires)) {
					t.Fatalf("paired by %+v at %v without a notice or too late", codes[i], now)
				}
				if err == nil {
					codes[i] = *change.Code
				}
			case 3:
				if len(l.Devices) == 0 {
					continue
				}
				change, err = l.Remove(l.Devices[0].ID, DeviceRemoved, fmt.Sprint("N", n), now)
			}
			if err != nil {
				continue
			}
			if change.List.Version != l.Version+1 {
				t.Fatalf("version %d after %d", change.List.Version, l.Version)
			}
			l = change.List
			if len(l.Living(deviceTerms, now)) > deviceTerms.Most || len(l.Codes) > MaxCodes || len(l.Orders) > MaxCodeOrders {
				t.Fatalf("beyond the limits: %+v", l)
			}
		}
	})
}
