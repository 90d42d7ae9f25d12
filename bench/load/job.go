// What can be asked of the generator, and what it answers. Both are plain JSON; bench/generator.mjs is the other end.
package main

import (
	"errors"
	"time"
)

// Job says what to send. The topic exists already, and the broker at Bootstrap leads all its partitions.
type Job struct {
	Kind        string `json:"kind"`
	Bootstrap   string `json:"bootstrap"`
	Topic       string `json:"topic"`
	Partitions  int    `json:"partitions"`
	Connections int    `json:"connections"`
	// Requests on each connection that are not answered.
	InFlight int `json:"inFlight"`
	// Counted is only what happens after WarmSeconds and within Seconds.
	WarmSeconds float64 `json:"warmSeconds"`
	Seconds     float64 `json:"seconds"`
	// Ends after so many answers, whatever Seconds says; 0: no limit.
	RequestsMax int `json:"requestsMax"`
	// Requests (records, end to end) that fall due per second, whether or not earlier ones were answered; 0: the next when one is answered.
	Rate float64 `json:"rate"`
	// The broker's process: its CPU time and memory are read at both ends of the counted time. 0: not read.
	Pid int `json:"pid"`

	Acks            int `json:"acks"`
	RecordBytes     int `json:"recordBytes"`
	RecordsPerBatch int `json:"recordsPerBatch"`
	// A prepared batch in a file, instead of RecordBytes and RecordsPerBatch; for compressed ones.
	BatchFile string `json:"batchFile"`
	// Every request has one partition. False: a connection stays with one, its own while there are enough; true: it goes round all.
	RoundRobin bool `json:"roundRobin"`

	// Fetch: every connection reads its partition from FetchFrom to FetchTo and begins anew. The batches there are all alike,
	// FetchBatchBytes long with RecordsPerBatch records each. FetchTo of 0: waits at FetchFrom for what does not come (an idle consumer);
	// FetchTo of -1: has no end and follows a producer.
	FetchFrom       int64 `json:"fetchFrom"`
	FetchTo         int64 `json:"fetchTo"`
	FetchBatchBytes int   `json:"fetchBatchBytes"`
	FetchMaxBytes   int   `json:"fetchMaxBytes"`
	FetchMaxWaitMs  int   `json:"fetchMaxWaitMs"`
	Consumers       int   `json:"consumers"`
}

func (job *Job) complete() error {
	setDefault(&job.Partitions, 1)
	setDefault(&job.Connections, 1)
	setDefault(&job.InFlight, 1)
	setDefault(&job.FetchMaxBytes, 1<<20)
	setDefault(&job.FetchMaxWaitMs, 500)
	setDefault(&job.RecordBytes, 100)
	setDefault(&job.RecordsPerBatch, 1)
	setDefault(&job.Consumers, 1)
	if job.Acks == 0 {
		job.Acks = -1
	}
	if job.Bootstrap == "" || job.Topic == "" {
		return errors.New("a job needs bootstrap and topic")
	}
	if len(job.Topic) > 100 {
		return errors.New("the topic's name may have 100 characters")
	}
	if job.Seconds <= 0 && job.RequestsMax <= 0 {
		return errors.New("a job needs seconds or requestsMax")
	}
	return nil
}

func setDefault(field *int, value int) {
	if *field == 0 {
		*field = value
	}
}

func (job *Job) warm() time.Duration    { return time.Duration(job.WarmSeconds * float64(time.Second)) }
func (job *Job) counted() time.Duration { return time.Duration(job.Seconds * float64(time.Second)) }

// Result is what was counted. Bytes are those of record batches; latencies are in milliseconds.
type Result struct {
	Seconds  float64 `json:"seconds"`
	Requests int64   `json:"requests"`
	Records  int64   `json:"records"`
	Bytes    int64   `json:"bytes"`
	// From the time a request was sent (or, with a rate, a record fell due) to its answer (end to end: to its arrival).
	Latency *Quantiles `json:"latency,omitempty"`
	// With a rate: from the time a request was due, even if the window was full then.
	LatencyFromDue *Quantiles `json:"latencyFromDue,omitempty"`
	// Due at the end of the counted time and not sent: more than a few say that the rate was more than the broker took.
	Unsent int64 `json:"unsent,omitempty"`
	// Error codes of partitions and how often they came.
	Errors map[int16]int64 `json:"errors,omitempty"`
	// CPU time of this process in the counted time; near Seconds, the generator was the limit.
	ClientCpuMs float64 `json:"clientCpuMs"`
	// Of the broker's process; absent without a pid.
	Server *ServerUse `json:"server,omitempty"`
	// The bytes of one batch as they were sent.
	BatchBytes int `json:"batchBytes,omitempty"`
}

// ServerUse is what the broker's process took.
type ServerUse struct {
	CpuMs            float64 `json:"cpuMs"`
	ResidentBytes    int64   `json:"residentBytes"`
	ResidentBytesMax int64   `json:"residentBytesMax"`
}
