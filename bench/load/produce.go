// Producers: every connection sends prepared requests, as many unanswered as its window allows. Without a rate the next goes out when one
// is answered (closed loop); with a rate requests fall due by the clock, whatever the broker does, and wait here while windows are full.
package main

import (
	"fmt"
	"os"
)

type producers struct {
	job         *Job
	window      *window
	loop        *loop
	connections []*connection
	frames      [][]byte
	next        []int // by connection: which frame comes next
	batch       []byte
	startedNs   int64
	sent        int64
	turn        int
}

func produce(job *Job) (*Result, error) {
	p := &producers{job: job}
	var err error
	if p.batch, err = theBatch(job); err != nil {
		return nil, err
	}
	for partition := 0; partition < job.Partitions; partition++ {
		p.frames = append(p.frames, produceFrame(job.Topic, partition, job.Acks, p.batch))
	}
	if p.loop, err = newLoop(); err != nil {
		return nil, err
	}
	for i := 0; i < job.Connections; i++ {
		c, err := p.loop.connect(job.Bootstrap, 4096)
		if err != nil {
			return nil, err
		}
		index := i
		c.onAnswer = func(frame []byte) { p.answered(c, index, frame) }
		p.connections = append(p.connections, c)
		p.next = append(p.next, i%job.Partitions)
	}
	p.window = openWindow(job)
	p.startedNs = nowNs()
	if job.Rate > 0 {
		if err := p.loop.every(max(int64(1e9/job.Rate), 100_000), p.sendDue); err != nil {
			return nil, err
		}
	} else {
		for i, c := range p.connections {
			for n := 0; n < job.InFlight; n++ {
				p.send(c, i, nowNs())
			}
			c.flush()
		}
	}
	err = p.loop.run(func() {
		p.window.tick()
		if p.window.over {
			p.loop.stop()
		}
	})
	if job.Rate > 0 {
		p.window.result.Unsent = p.due() - p.sent
	}
	p.window.result.BatchBytes = len(p.batch)
	return &p.window.result, err
}

func theBatch(job *Job) ([]byte, error) {
	if job.BatchFile == "" {
		return newBatch(job.RecordsPerBatch, job.RecordBytes), nil
	}
	batch, err := os.ReadFile(job.BatchFile)
	if err == nil && len(batch) <= batchHeaderBytes {
		err = fmt.Errorf("%s holds no batch", job.BatchFile)
	}
	return batch, err
}

func (p *producers) send(c *connection, index int, dueNs int64) {
	c.send(p.frames[p.next[index]])
	c.sentAt.push(nowNs())
	c.dueAt.push(dueNs)
	if p.job.RoundRobin {
		p.next[index] = (p.next[index] + 1) % len(p.frames)
	}
	p.sent++
}

func (p *producers) answered(c *connection, index int, frame []byte) {
	errorCode := produceAnswer(frame, p.job.Topic)
	sentNs, dueNs := c.sentAt.shift(), c.dueAt.shift()
	w := p.window
	if w.counting {
		w.result.Requests++
		w.result.Records += int64(p.job.RecordsPerBatch)
		w.result.Bytes += int64(len(p.batch))
		now := nowNs()
		w.latency.add(now - sentNs)
		if p.job.Rate > 0 {
			w.latencyFromDue.add(now - dueNs)
		}
		if errorCode != 0 {
			w.result.Errors[errorCode]++
		}
	}
	if p.job.Rate > 0 {
		p.sendDue()
		return
	}
	p.send(c, index, 0)
	// One write for all answers that came with one read.
	if c.inStart == c.inEnd {
		c.flush()
	}
}

func (p *producers) due() int64 { return int64(float64(nowNs()-p.startedNs) * p.job.Rate / 1e9) }

// sendDue gives what is due to connections with room, in turns.
func (p *producers) sendDue() {
	due := p.due()
	full := 0
	for p.sent < due && full < len(p.connections) {
		index := p.turn % len(p.connections)
		p.turn++
		c := p.connections[index]
		if c.sentAt.length() >= p.job.InFlight {
			full++
			continue
		}
		full = 0
		p.send(c, index, p.startedNs+int64(float64(p.sent)*1e9/p.job.Rate))
		c.flush()
	}
}
