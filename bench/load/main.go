// A load generator for any broker that speaks the Kafka protocol: it replays prepared Produce and Fetch requests over many connections
// from one thread and looks at no more of an answer than its error code, so that on a small machine the broker has the other core.
//
// It reads one job as JSON from standard input and writes one result as JSON to standard output (job.go says what can be asked for).
// Linux only: epoll, /proc. Nothing but the standard library.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
)

func main() {
	var job Job
	decoder := json.NewDecoder(os.Stdin)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&job); err != nil {
		fail(fmt.Errorf("the job cannot be read: %w", err))
	}
	// Almost nothing is allocated while it runs; a collection in between would only disturb latencies.
	debug.SetGCPercent(800)
	runtime.LockOSThread()
	result, err := run(&job)
	if err != nil {
		fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		fail(err)
	}
}

func run(job *Job) (*Result, error) {
	if err := job.complete(); err != nil {
		return nil, err
	}
	switch job.Kind {
	case "produce":
		return produce(job)
	case "fetch":
		return fetch(job)
	case "end-to-end":
		return endToEnd(job)
	}
	return nil, fmt.Errorf("there is no kind of job %q; there are produce, fetch and end-to-end", job.Kind)
}

func fail(err error) {
	fmt.Fprintf(os.Stderr, "load: %v\n", err)
	os.Exit(1)
}
