package store

// DeviceSort is the sort key of a device, in the table Devices.
const DeviceSort = "device"

// DeviceKey returns the partition key of a device by the thumbprint of its key.
func DeviceKey(thumbprint string) string { return "device#" + thumbprint }
