package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// runTransactionChecks prints one line per check of transactions and returns how many failed.
func runTransactionChecks(ctx context.Context, bootstrap, only string) int {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	if err != nil {
		fmt.Println("not ok connecting:", err)
		return 1
	}
	defer client.Close()
	c := &checks{ctx: ctx, bootstrap: bootstrap, client: client, admin: kadm.NewClient(client), run: fmt.Sprintf("%x", time.Now().UnixMilli()), only: only}
	c.check("franz-go: committed records are read by all, aborted ones by read_uncommitted alone", c.isolation)
	c.check("franz-go: readers of committed records wait for an open transaction", c.openTransaction)
	c.check("franz-go: a second producer with the same id fences the first", c.fencing)
	c.check("franz-go: a session consumes, transforms and produces; what it aborts comes again", c.session)
	c.check("kadm: transactions and producers described, listed, and ended by markers", c.transactionAdmin)
	c.check("sarama: committed and aborted transactions, with offsets of a group", c.saramaTransactions)
	return c.failed
}

func (c *checks) transactional(id string) (*kgo.Client, error) {
	return newProducer(c.bootstrap, kgo.TransactionalID(id), kgo.TransactionTimeout(30*time.Second))
}

func (c *checks) transact(client *kgo.Client, topic string, end kgo.TransactionEndTry, values ...string) error {
	if err := client.BeginTransaction(); err != nil {
		return err
	}
	return first(c.sendAll(client, topic, values...), client.EndTransaction(c.ctx, end))
}

func (c *checks) sendAll(client *kgo.Client, topic string, values ...string) error {
	for _, value := range values {
		if err := client.ProduceSync(c.ctx, &kgo.Record{Topic: topic, Value: []byte(value)}).FirstErr(); err != nil {
			return err
		}
	}
	return nil
}

// reads waits until partition 0 holds these committed values: markers are written after a transaction is over for its producer. A record
// that no transaction holds up is written behind them, so that reading has an end.
func (c *checks) reads(isolation kgo.IsolationLevel, topic string, values ...string) error {
	if _, err := produce(c.ctx, c.bootstrap, topic, [][]byte{[]byte("end")}); err != nil {
		return err
	}
	records, err := consume(c.ctx, c.bootstrap, topic, 0, kgo.NewOffset().AtStart(), len(values)+1, kgo.FetchIsolationLevel(isolation))
	if err != nil {
		return err
	}
	var got []string
	for _, record := range records {
		got = append(got, string(record.Value))
	}
	return equal(append(slices.Clone(values), "end"), got, "values of "+topic)
}

func (c *checks) isolation() error {
	topic, err := c.topic(1)
	if err != nil {
		return err
	}
	client, err := c.transactional("id-" + topic)
	if err != nil {
		return err
	}
	defer client.Close()
	return first(
		c.transact(client, topic, kgo.TryCommit, "a", "b"),
		c.transact(client, topic, kgo.TryAbort, "c"),
		c.transact(client, topic, kgo.TryCommit, "d"),
		c.reads(kgo.ReadCommitted(), topic, "a", "b", "d"),
		c.uncommitted(topic, "a", "b", "c", "d", "end"),
	)
}

func (c *checks) uncommitted(topic string, values ...string) error {
	records, err := consume(c.ctx, c.bootstrap, topic, 0, kgo.NewOffset().AtStart(), len(values), kgo.FetchIsolationLevel(kgo.ReadUncommitted()))
	if err != nil {
		return err
	}
	for i, record := range records {
		if err := equal(values[i], string(record.Value), "uncommitted value"); err != nil {
			return err
		}
	}
	return nil
}

func (c *checks) openTransaction() error {
	topic, err := c.topic(1)
	if err != nil {
		return err
	}
	slow, err := c.transactional("slow-" + topic)
	if err != nil {
		return err
	}
	defer slow.Close()
	quick, err := c.transactional("quick-" + topic)
	if err != nil {
		return err
	}
	defer quick.Close()
	if err := first(slow.BeginTransaction(), c.sendAll(slow, topic, "a"), c.transact(quick, topic, kgo.TryCommit, "b")); err != nil {
		return err
	}
	stable, err := c.admin.ListCommittedOffsets(c.ctx, topic)
	if err != nil {
		return err
	}
	offset, _ := stable.Lookup(topic, 0)
	return first(
		equal(int64(0), offset.Offset, "last stable offset"),
		slow.EndTransaction(c.ctx, kgo.TryCommit),
		c.reads(kgo.ReadCommitted(), topic, "a", "b"),
	)
}

func (c *checks) fencing() error {
	topic, err := c.topic(1)
	if err != nil {
		return err
	}
	one, err := c.transactional("id-" + topic)
	if err != nil {
		return err
	}
	defer one.Close()
	if err := first(one.BeginTransaction(), c.sendAll(one, topic, "left open")); err != nil {
		return err
	}
	other, err := c.transactional("id-" + topic)
	if err != nil {
		return err
	}
	defer other.Close()
	if err := c.transact(other, topic, kgo.TryCommit, "a"); err != nil {
		return err
	}
	if one.EndTransaction(c.ctx, kgo.TryCommit) == nil {
		return fmt.Errorf("the first could commit")
	}
	return first(c.transact(other, topic, kgo.TryCommit, "b"), c.reads(kgo.ReadCommitted(), topic, "a", "b"))
}

func (c *checks) session() error {
	input, err := c.topic(1)
	if err != nil {
		return err
	}
	output, err := c.topic(1)
	if err != nil {
		return err
	}
	if _, err := produce(c.ctx, c.bootstrap, input, numbered(20)); err != nil {
		return err
	}
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(c.bootstrap), kgo.TransactionalID("id-"+output), kgo.ConsumerGroup("group-"+output), kgo.ConsumeTopics(input),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.RequireStableFetchOffsets(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
	)
	if err != nil {
		return err
	}
	defer session.Close()
	var expected []string
	ctx, cancel := context.WithTimeout(c.ctx, 30*time.Second)
	defer cancel()
	for round := 0; len(expected) < 20; round++ {
		records := session.PollRecords(ctx, 5).Records()
		if len(records) == 0 {
			return fmt.Errorf("only %d records came", len(expected))
		}
		if err := session.Begin(); err != nil {
			return err
		}
		for _, record := range records {
			session.Produce(ctx, &kgo.Record{Topic: output, Value: record.Value}, nil)
		}
		committed, err := session.End(ctx, kgo.TransactionEndTry(round%2 == 1))
		if err != nil {
			return err
		}
		for _, record := range records {
			if committed {
				expected = append(expected, string(record.Value))
			}
		}
	}
	var all []string
	for _, value := range numbered(20) {
		all = append(all, string(value))
	}
	return first(equal(all, expected, "what was committed"), c.reads(kgo.ReadCommitted(), output, all...))
}

func (c *checks) transactionAdmin() error {
	topic, err := c.topic(1)
	if err != nil {
		return err
	}
	id := "id-" + topic
	client, err := c.transactional(id)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := first(client.BeginTransaction(), c.sendAll(client, topic, "a", "b")); err != nil {
		return err
	}
	described, err := c.admin.DescribeTransactions(c.ctx, id)
	if err != nil {
		return err
	}
	transaction := described[id]
	var set kadm.TopicsSet
	set.Add(topic, 0)
	producers, err := c.admin.DescribeProducers(c.ctx, set)
	if err != nil {
		return err
	}
	listed, err := c.admin.ListTransactions(c.ctx, []int64{transaction.ProducerID}, []string{"Ongoing"})
	if err != nil {
		return err
	}
	unknown, err := c.admin.DescribeTransactions(c.ctx, "unknown-"+topic)
	if err := first(err,
		equal("Ongoing", transaction.State, "state"), equal(set, transaction.Topics, "partitions"),
		equal([]string{id}, listed.TransactionalIDs(), "listed"),
		fails(kerr.TransactionalIDNotFound, unknown["unknown-"+topic].Err, "an unknown id"),
	); err != nil {
		return err
	}
	active := producers.SortedProducers()
	if len(active) != 1 || active[0].ProducerID != transaction.ProducerID || active[0].CurrentTxnStartOffset != 0 || active[0].LastSequence != 1 {
		return fmt.Errorf("producers: %v", active)
	}
	marker := kadm.TxnMarkers{ProducerID: transaction.ProducerID, ProducerEpoch: transaction.ProducerEpoch, Topics: set}
	written, err := c.admin.WriteTxnMarkers(c.ctx, marker)
	if err != nil {
		return err
	}
	for _, response := range written.SortedPartitions() {
		if response.Err != nil {
			return response.Err
		}
	}
	return c.reads(kgo.ReadCommitted(), topic)
}

func (c *checks) saramaTransactions() error {
	topic, err := c.topic(1)
	if err != nil {
		return err
	}
	group := "group-" + topic
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Producer.Idempotent = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Return.Successes = true
	config.Producer.Transaction.ID = "id-" + topic
	config.Net.MaxOpenRequests = 1
	producer, err := sarama.NewSyncProducer([]string{c.bootstrap}, config)
	if err != nil {
		return err
	}
	defer producer.Close()
	for i, value := range []string{"a", "b", "c", "d"} {
		if err := producer.BeginTxn(); err != nil {
			return err
		}
		_, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(value)})
		offsets := map[string][]*sarama.PartitionOffsetMetadata{topic: {{Partition: 0, Offset: int64(i), LeaderEpoch: -1}}}
		end := producer.CommitTxn
		if i%2 == 1 {
			end = producer.AbortTxn
		}
		if err := first(err, producer.AddOffsetsToTxn(offsets, group), end()); err != nil {
			return err
		}
	}
	if err := c.reads(kgo.ReadCommitted(), topic, "a", "c"); err != nil {
		return err
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		committed, err := c.admin.FetchOffsets(c.ctx, group)
		if err != nil {
			return err
		}
		offset, _ := committed.Lookup(topic, 0)
		if offset.At == 2 || time.Now().After(deadline) {
			return equal(int64(2), offset.At, "committed offset")
		}
	}
}
