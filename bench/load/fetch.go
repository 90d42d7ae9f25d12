// Consumers: every connection reads its partition over and over, one request at a time as Kafka's consumers do. The records are counted by
// their bytes and not looked at. At an offset where nothing comes they are idle: each long poll ends by its time, and the next begins.
package main

import "encoding/binary"

func fetch(job *Job) (*Result, error) {
	l, err := newLoop()
	if err != nil {
		return nil, err
	}
	bufferBytes := 32 << 10
	if job.FetchTo == 0 {
		bufferBytes = 1 << 10
	}
	var connections []*connection
	for i := 0; i < job.Connections; i++ {
		c, err := l.connect(job.Bootstrap, bufferBytes)
		if err != nil {
			return nil, err
		}
		c.headOnly = job.FetchTo != 0
		connections = append(connections, c)
	}
	w := openWindow(job)
	for i, c := range connections {
		follow(job, w, c, i)()
	}
	err = l.run(func() {
		w.tick()
		if w.over {
			l.stop()
		}
	})
	return &w.result, err
}

// follow returns what sends the first request.
func follow(job *Job, w *window, c *connection, index int) func() {
	frame, fetchOffsetAt := fetchFrame(job, index%job.Partitions, 1)
	// Each begins elsewhere, so that not all read the same bytes at once.
	offset := job.FetchFrom
	if batches := (job.FetchTo - job.FetchFrom) / int64(job.RecordsPerBatch); batches > 0 {
		offset += (int64(index) * 7919 % batches) * int64(job.RecordsPerBatch)
	}
	ask := func() {
		binary.BigEndian.PutUint64(frame[fetchOffsetAt:], uint64(offset))
		c.send(frame)
		c.sentAt.push(nowNs())
		c.flush()
	}
	c.onAnswer = func(answer []byte) {
		errorCode, _, recordsBytes := fetchAnswer(answer, job.Topic)
		sentNs := c.sentAt.shift()
		batches := 0
		if job.FetchTo != 0 && errorCode == 0 {
			batches = recordsBytes / job.FetchBatchBytes
			if job.FetchTo > 0 {
				// What is fetched beyond the end does not count.
				batches = min(batches, int((job.FetchTo-offset)/int64(job.RecordsPerBatch)))
			}
			offset += int64(batches * job.RecordsPerBatch)
			if offset == job.FetchTo {
				offset = job.FetchFrom
			}
		}
		if w.counting {
			w.result.Requests++
			w.result.Records += int64(batches * job.RecordsPerBatch)
			w.result.Bytes += int64(batches * job.FetchBatchBytes)
			w.latency.add(nowNs() - sentNs)
			if errorCode != 0 {
				w.result.Errors[errorCode]++
			}
		}
		ask()
	}
	return ask
}
