package dynamo

// Attributes lets tests write an item without its condition.
var Attributes = attributes
