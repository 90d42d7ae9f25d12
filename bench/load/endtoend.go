// Latency from one producer to one or more consumers at a steady rate. Records fall due by the clock and carry the time at which they were due, not
// the one at which they were sent, so a broker that stalls is charged for everything that it made wait. As a real producer does, all records that
// are due go into one batch when the window of five requests has room. Consumers long-poll.
package main

import (
	"encoding/binary"
	"time"
)

func endToEnd(job *Job) (*Result, error) {
	l, err := newLoop()
	if err != nil {
		return nil, err
	}
	w := openWindow(job)
	for i := 0; i < job.Consumers; i++ {
		c, err := l.connect(job.Bootstrap, 256<<10)
		if err != nil {
			return nil, err
		}
		receive(job, w, c)
	}
	c, err := l.connect(job.Bootstrap, 4096)
	if err != nil {
		return nil, err
	}
	p := &paced{job: job, window: w, connection: c, startedNs: nowNs()}
	c.onAnswer = p.answered
	if err := l.every(max(int64(1e9/job.Rate), 100_000), p.sendDue); err != nil {
		return nil, err
	}
	err = l.run(func() {
		w.tick()
		if w.over {
			l.stop()
		}
	})
	w.result.Unsent = p.due() - p.sent
	return &w.result, err
}

type paced struct {
	job        *Job
	window     *window
	connection *connection
	startedNs  int64
	sent       int64
	values     [][]byte
}

// Records that are due by now; the first at once.
func (p *paced) due() int64 { return int64(float64(nowNs()-p.startedNs)*p.job.Rate/1e9) + 1 }

func (p *paced) answered(frame []byte) {
	errorCode := produceAnswer(frame, p.job.Topic)
	if p.connection.sentAt.shift(); p.window.counting {
		p.window.result.Requests++
		if errorCode != 0 {
			p.window.result.Errors[errorCode]++
		}
	}
	p.sendDue()
}

// A batch stays below what brokers take by default.
func (p *paced) recordsMax() int64 { return int64(500_000 / (p.job.RecordBytes + 16)) }

func (p *paced) sendDue() {
	due := p.due()
	for p.sent < due && p.connection.sentAt.length() < p.job.InFlight {
		count := min(due-p.sent, p.recordsMax())
		p.values = p.values[:0]
		for i := int64(0); i < count; i++ {
			value := make([]byte, max(p.job.RecordBytes, 8))
			binary.BigEndian.PutUint64(value, uint64(p.startedNs+int64(float64(p.sent+i)*1e9/p.job.Rate)))
			p.values = append(p.values, value)
		}
		batch := appendBatch(nil, p.values, time.Now().UnixMilli())
		p.connection.send(produceFrame(p.job.Topic, 0, p.job.Acks, batch))
		p.connection.sentAt.push(nowNs())
		p.connection.flush()
		p.sent += count
	}
}

func receive(job *Job, w *window, c *connection) {
	frame, fetchOffsetAt := fetchFrame(job, 0, 1)
	offset := job.FetchFrom
	ask := func() {
		binary.BigEndian.PutUint64(frame[fetchOffsetAt:], uint64(offset))
		c.send(frame)
		c.flush()
	}
	c.onAnswer = func(answer []byte) {
		errorCode, at, length := fetchAnswer(answer, job.Topic)
		now := nowNs()
		if errorCode == 0 {
			offset = eachValue(answer[at:at+length], offset, offset, func(value []byte) {
				dueNs := int64(binary.BigEndian.Uint64(value))
				if w.counting && dueNs >= w.startNs {
					w.result.Records++
					w.result.Bytes += int64(len(value))
					w.latency.add(now - dueNs)
				}
			})
		} else if w.counting {
			w.result.Errors[errorCode]++
		}
		ask()
	}
	ask()
}
