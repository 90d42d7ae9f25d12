package main

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	aborted  = 0.15
	batchMax = 50
)

// transform is the application of the exactly-once run: it consumes records, writes "offset value" to the same partition of another
// topic, and commits both in one transaction; some it aborts. It ends when a transaction cannot end; whoever started it starts another.
func transform(bootstrap, input, output, group, transactionalID string) error {
	ctx := context.Background()
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(bootstrap), kgo.TransactionalID(transactionalID), kgo.TransactionTimeout(10*time.Second),
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(input), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.RequireStableFetchOffsets(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.SessionTimeout(2*time.Second), kgo.HeartbeatInterval(300*time.Millisecond),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(5*time.Millisecond), kgo.FetchMaxWait(200*time.Millisecond),
		kgo.RequestTimeoutOverhead(5*time.Second), kgo.RetryTimeout(15*time.Second),
	)
	if err != nil {
		return err
	}
	defer session.Close()
	fmt.Println("# ready")
	for {
		fetches := session.PollRecords(ctx, batchMax)
		records := fetches.Records()
		if len(records) == 0 {
			continue
		}
		if err := session.Begin(); err != nil {
			return err
		}
		failed := kgo.AbortingFirstErrPromise(session.Client())
		for _, record := range records {
			value := fmt.Appendf(nil, "%d %s", record.Offset, record.Value)
			session.Produce(ctx, &kgo.Record{Topic: output, Partition: record.Partition, Value: value}, failed.Promise())
			if rand.IntN(batchMax) == 0 {
				time.Sleep(time.Duration(rand.IntN(50)) * time.Millisecond) // so that transactions meet what happens to them
			}
		}
		commit := failed.Err() == nil && rand.Float64() >= aborted
		committed, err := session.End(ctx, kgo.TransactionEndTry(commit))
		if err != nil {
			return err
		}
		if committed {
			fmt.Println("# committed")
		} else {
			fmt.Println("# aborted")
		}
	}
}

// readCommitted prints "partition offset value" for every committed record, until it is killed.
func readCommitted(bootstrap, topic string, count int32) error {
	offsets := map[int32]kgo.Offset{}
	for partition := range count {
		offsets[partition] = kgo.NewOffset().AtStart()
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(bootstrap), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: offsets}),
	)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	for {
		client.PollFetches(context.Background()).EachRecord(func(record *kgo.Record) {
			fmt.Fprintf(out, "%d %d %s\n", record.Partition, record.Offset, record.Value)
		})
		if err := out.Flush(); err != nil {
			return err
		}
	}
}
