package access

import "strings"

// RegionPattern is a regular expression, without anchors, for the names of AWS
// Regions, from eu-west-1 to us-gov-west-1 and eusc-de-east-1. A name becomes part
// of host names and ARNs, so nothing else may match.
const RegionPattern = `[a-z][a-z][a-z]?[a-z]?(-[a-z]+)(-[a-z]+)?(-[a-z]+)?-[0-9][0-9]?`

// Partition returns the part of AWS that a Region belongs to, as ARNs name it; aws for no
// Region.
func Partition(region string) string {
	for _, p := range [...]struct{ regions, id string }{
		{"cn-", "aws-cn"}, {"us-gov-", "aws-us-gov"}, {"eusc-", "aws-eusc"},
	} {
		if strings.HasPrefix(region, p.regions) {
			return p.id
		}
	}
	return "aws"
}
