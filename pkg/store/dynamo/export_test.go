package dynamo

// Attributes is an item as the table takes it, for tests that plant one.
var Attributes = attributes
