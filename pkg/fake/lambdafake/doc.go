// Package lambdafake plays AWS Lambda for tests: it runs the real bootstrap
// binaries, each instance under a Runtime API of its own, and delivers to them
// what AWS would deliver.
//
// It promises what a function may count on and nothing more: one invocation at
// a time in an instance, frozen in between, ended by a time-out or a new
// version; asynchronous invocations at least once, with retries; records of a
// stream in order for each shard, tried again, split, parked. It refuses what
// Lambda refuses. It must never be linked into a function.
//
// Where Lambda's documentation leaves open what happens, the harder case is
// played: a stream record that a function reports as failed for good is parked
// together with everything behind it in its batch, because halving is promised
// for invocations that fail, not for those that answer with a report.
//
// What differs from AWS, so that tests are repeatable: an invocation is answered
// once the instance is free again, so that the next one in a row finds it; an
// instance whose start fails is not started a second time within the same
// invocation; idle instances are kept until the next version, Kill or Close; a
// function begins with 50 instances at most, not 1,000. Memory is not limited,
// signatures are not computed, and what waits in a queue does not survive Close.
//
// It needs a Unix; CPU shares need Linux and the right to write cgroups.
package lambdafake
