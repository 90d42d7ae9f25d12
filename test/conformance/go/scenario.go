package main

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

const partitions = 6

// ledger keeps what the members of one group did to one topic. A record may come again only while its offset is not committed, and
// a partition goes on where it was or where it is committed: nothing is left out, and order is kept.
type ledger struct {
	mutex    sync.Mutex
	next     []int64
	accepted []int64
	counts   map[string]int
	problem  error
}

func newLedger() *ledger {
	return &ledger{next: make([]int64, partitions), accepted: make([]int64, partitions), counts: map[string]int{}}
}

func (l *ledger) consumed(member string, partition int32, offset int64, value []byte) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if offset < l.accepted[partition] {
		l.breach("%s got %d:%d, though %d was committed", member, partition, offset, l.accepted[partition])
	}
	if offset > l.next[partition] {
		l.breach("%s got %d:%d before %d", member, partition, offset, l.next[partition])
	}
	if string(value) != valueOf(partition, offset) {
		l.breach("%d:%d has the value %s", partition, offset, value)
	}
	l.next[partition] = max(l.next[partition], offset+1)
	l.counts[member]++
}

// committed notes an offset to go on at, once the broker has accepted it.
func (l *ledger) committed(partition int32, offset int64) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.accepted[partition] = max(l.accepted[partition], offset)
}

func (l *ledger) failed(member string, err error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.breach("%s: %w", member, err)
}

func (l *ledger) breach(format string, args ...any) {
	if l.problem == nil {
		l.problem = fmt.Errorf(format, args...)
	}
}

func (l *ledger) positions() []int64 {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return slices.Clone(l.next)
}

func (l *ledger) count(member string) int {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.counts[member]
}

func (l *ledger) until(what string, holds func() bool) error {
	for deadline := time.Now().Add(25 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		l.mutex.Lock()
		problem := l.problem
		l.mutex.Unlock()
		switch {
		case problem != nil:
			return problem
		case holds():
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("%s; partitions are at %v", what, l.positions())
		}
	}
}

func (l *ledger) heardBy(members ...string) error {
	for _, member := range members {
		if err := l.until(member+" got nothing", func() bool { return l.count(member) > 0 }); err != nil {
			return err
		}
	}
	return nil
}

func (l *ledger) at(wanted []int64, what string) error {
	return l.until(what, func() bool {
		for partition, position := range l.positions() {
			if position < wanted[partition] {
				return false
			}
		}
		return true
	})
}

func valueOf(partition int32, offset int64) string {
	return fmt.Sprintf("%d:%d", partition, offset)
}

// groupClient is what a library does in the scenario.
type groupClient interface {
	// send writes one value to each partition of a topic and waits for all.
	send(topic string, values []string) error
	// join starts a member that tells the ledger what it consumes and commits; leave ends it, and may be called twice.
	join(name, topic, group string, ledger *ledger) (leave func(), err error)
}

// shareTopic: two members join, a third joins, one leaves, all while records are written; in the end a single one goes on at what
// was committed.
func (c *checks) shareTopic(client groupClient) (err error) {
	topic, err := c.topic(partitions)
	if err != nil {
		return err
	}
	group := "group-of-" + topic
	ledger := newLedger()
	var members []func()
	join := func(name string) error {
		leave, err := client.join(name, topic, group, ledger)
		if err == nil {
			members = append(members, leave)
		}
		return err
	}
	leaveAll := func() {
		for _, leave := range members {
			leave()
		}
	}
	defer leaveAll()
	writer := startWriter(func(values []string) error { return client.send(topic, values) })
	defer writer.end()

	if err := first(join("a"), join("b"), ledger.heardBy("a", "b"), join("c"), ledger.heardBy("c")); err != nil {
		return err
	}
	members[1]()
	wanted := ledger.positions()
	for i := range wanted {
		wanted[i] += 3
	}
	if err := ledger.at(wanted, "a partition stands still after a member left"); err != nil {
		return err
	}
	ends, err := writer.end()
	if err := first(err, ledger.at(ends, fmt.Sprintf("not every record of %v came", ends))); err != nil {
		return err
	}
	leaveAll()
	committed, err := c.admin.FetchOffsets(c.ctx, group)
	if err != nil {
		return err
	}
	values := make([]string, partitions)
	for partition := range int32(partitions) {
		offset, _ := committed.Lookup(topic, partition)
		if err := equal(ends[partition], offset.At, "committed"); err != nil {
			return err
		}
		values[partition] = valueOf(partition, ends[partition])
	}
	if err := first(client.send(topic, values), join("later")); err != nil {
		return err
	}
	err = ledger.until("a later member does not go on where the group was", func() bool { return ledger.count("later") >= partitions })
	return first(err, equal(partitions, ledger.count("later"), "records of the later member"))
}

// writer writes "partition:offset" to every partition in turn.
type writer struct {
	ending chan struct{}
	once   sync.Once
	done   chan struct{}
	ends   []int64
	err    error
}

func startWriter(send func([]string) error) *writer {
	w := &writer{ending: make(chan struct{}), done: make(chan struct{}), ends: make([]int64, partitions)}
	go func() {
		defer close(w.done)
		for {
			values := make([]string, partitions)
			for partition := range int32(partitions) {
				values[partition] = valueOf(partition, w.ends[partition])
			}
			if w.err = send(values); w.err != nil {
				return
			}
			for partition := range w.ends {
				w.ends[partition]++
			}
			select {
			case <-w.ending:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	return w
}

// end tells where each partition ends.
func (w *writer) end() ([]int64, error) {
	w.once.Do(func() { close(w.ending) })
	<-w.done
	return w.ends, w.err
}
