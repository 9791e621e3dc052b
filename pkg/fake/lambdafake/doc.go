// Package lambdafake is a fake of AWS Lambda for tests. It runs the real bootstrap
// binaries, gives each instance a Runtime API of its own, and delivers the events
// that AWS would deliver.
//
// It promises what a function may rely on, and nothing more:
//
//   - an instance runs one invocation at a time, is frozen between invocations, and
//     ends after a timeout or a new version;
//   - an asynchronous invocation is delivered at least once, with retries;
//   - the records of a stream arrive in order for each shard. A failed batch is
//     retried, split in half, and finally parked with the failure destination.
//
// It refuses what Lambda refuses. It never calls AWS, and no function may link it.
//
// Where Lambda's documentation leaves the behaviour open, the fake takes the harder
// case for the function. For example, if a function's report names a record that has
// failed for good, the fake parks that record together with all records after it in
// the batch: Lambda promises to split only batches whose invocation failed, not
// batches with a report.
//
// These differences from AWS make tests repeatable:
//
//   - the answer to an invocation is sent when the instance is free again, so the
//     next invocation uses the same instance;
//   - if an instance fails to start, the same invocation does not start it again;
//   - idle instances stay until the next version, Kill or Close;
//   - a function has at most 50 instances at first, not 1,000;
//   - memory is not limited, and signatures are not verified;
//   - events that are queued are lost on Close.
//
// The package needs Unix. Shares of a CPU need Linux and permission to write
// cgroups.
package lambdafake
