package machine

// regions are the Regions whose STS is asked, by partition, with the ending of its host names. The
// list (docs/facts.md#j2) is this package's own: a name that only looks like a Region, or a host that a machine names,
// leads nowhere. A new Region takes a new version. The iso partitions are missing, because their
// endpoints cannot be reached from elsewhere (docs/facts.md#b2).
var regions = [...]struct {
	partition, suffix string
	names             []string
}{
	{"aws", "amazonaws.com", []string{
		"af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1",
		"ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5",
		"ap-southeast-6", "ap-southeast-7", "ca-central-1", "ca-west-1", "eu-central-1", "eu-central-2", "eu-north-1",
		"eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3", "il-central-1", "me-central-1", "me-south-1",
		"me-west-1", "mx-central-1", "sa-east-1", "sa-west-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
	}},
	{"aws-cn", "amazonaws.com.cn", []string{"cn-north-1", "cn-northwest-1"}},
	{"aws-us-gov", "amazonaws.com", []string{"us-gov-east-1", "us-gov-west-1"}},
	{"aws-eusc", "amazonaws.eu", []string{"eusc-de-east-1"}},
}

// endpointOf returns the address of the STS of a Region, and the partition of everybody whom it knows;
// ok is false for a Region that is not in the list.
func endpointOf(region string) (address, partition string, ok bool) {
	for _, p := range regions {
		for _, name := range p.names {
			if name == region {
				return "https://sts." + name + "." + p.suffix, p.partition, true
			}
		}
	}
	return "", "", false
}
