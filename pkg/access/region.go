package access

// RegionPattern is a regular expression, without anchors, for the names of AWS
// Regions, from eu-west-1 to us-gov-west-1 and eusc-de-east-1. A name becomes part
// of host names and ARNs, so nothing else may match.
const RegionPattern = `[a-z][a-z][a-z]?[a-z]?(-[a-z]+)(-[a-z]+)?(-[a-z]+)?-[0-9][0-9]?`
