package slackui

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

var deviceTerms = access.DeviceTerms{For: 30 * 24 * time.Hour, Most: 5}

func deviceOf(id, name string) access.Device {
	return access.Device{
		ID: id + strings.Repeat("x", 43-len(id)), Name: name, Owner: dev.ID, Paired: noon, Expires: noon.Add(deviceTerms.For),
	}
}

func deviceNotice(kind access.NoticeKind, name string) access.Notice {
	d := deviceOf("mB2_q", name)
	return access.Notice{To: dev.ID, Kind: kind, Device: d.ID, Name: name, At: noon, Expires: d.Expires}
}

func deviceMessages() map[string]Message {
	two := []access.Device{deviceOf("mB2_q", "laptop"), deviceOf("-rT9a", "")}
	const url = "https://x.example.com/v1#NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
	reused := must(active().EndForDevice(noon.Add(7 * time.Minute)))
	return map[string]Message{
		"pairing-code":        PairingCode(url, access.NewSecret("01234-56789-ABCDE-FGHJK-MNPQR-S"), noon),
		"on-its-way-login":    OnItsWay(access.PairDevice),
		"on-its-way-devices":  OnItsWay(access.ListDevices),
		"devices":             Devices(two, deviceTerms),
		"devices-none":        Devices(nil, deviceTerms),
		"device-removed":      DeviceRemoved(two[0], two[1:], deviceTerms),
		"device-removed-last": DeviceRemoved(two[0], nil, deviceTerms),
		"devices-failed":      NoDevices(access.RefuseTooManyDevices(5), reference),
		"told-device-paired":  PersonNotice(deviceNotice(access.DevicePaired, "laptop")),
		"told-paired-and-gone": PersonNotice(func() access.Notice {
			n, _ := deviceNotice(access.DevicePaired, "laptop").AfterRemoval(later)
			return n
		}()),
		"told-device-removed": PersonNotice(deviceNotice(access.DeviceRemoved, "")),
		"told-code-reused":    PersonNotice(deviceNotice(access.CodeReused, "laptop")),
		"told-role-cut": PersonNotice(access.Notice{
			Kind: access.RoleCut, To: "U0DEV1", At: noon, Expires: noon.Add(time.Hour), Account: "payments-prod", Role: "Admin",
		}),
		"told-of-a-later-kind": PersonNotice(deviceNotice("of a later version", "laptop")),
		"grant-ended-device":   RequesterMessage(reused, later),
	}
}

// A computer chooses its name itself.
func TestTheNameOfAComputerIsNoMarkup(t *testing.T) {
	evil := "<!channel> *Approve* <https://evil.example.com|here>"
	for name, m := range map[string]Message{
		"list":     Devices([]access.Device{deviceOf("a", evil)}, deviceTerms),
		"role cut": PersonNotice(access.Notice{Kind: access.RoleCut, At: noon, Expires: noon, Account: evil, Role: evil}),
		"notice":   PersonNotice(deviceNotice(access.DevicePaired, evil)),
		"removed":  DeviceRemoved(deviceOf("a", evil), nil, deviceTerms),
	} {
		blocks, err := json.Marshal(m.Blocks)
		if all := m.Text + string(blocks); err != nil || strings.Contains(all, "<!channel>") ||
			strings.Contains(all, `\u003c!channel`) || strings.Contains(all, "<https") {
			t.Errorf("%s: %s, %v", name, all, err)
		}
	}
}

// People with as many computers as a policy may allow read all of them.
func TestTheLongestListOfComputersFitsIntoOneMessage(t *testing.T) {
	var many []access.Device
	for range 20 {
		many = append(many, deviceOf("abc", strings.Repeat("w", 64)))
	}
	if m := DeviceRemoved(many[0], many, deviceTerms); len(m.Blocks) > 50 {
		t.Errorf("%d blocks", len(m.Blocks))
	}
}
