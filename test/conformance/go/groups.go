package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// runGroupChecks prints one line per check of groups and returns how many failed.
func runGroupChecks(ctx context.Context, bootstrap, only string) int {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	if err != nil {
		fmt.Println("not ok connecting:", err)
		return 1
	}
	defer client.Close()
	c := &checks{ctx: ctx, bootstrap: bootstrap, client: client, admin: kadm.NewClient(client), run: fmt.Sprintf("%x", time.Now().UnixMilli()), only: only}
	const what = "three members share a topic while they come and go, and a later one goes on, "
	franz := func(name string, options ...kgo.Opt) {
		c.check("franz-go: "+what+name, func() error { return c.shareTopic(&franzGroup{c, options}) })
	}
	franz("range", kgo.Balancers(kgo.RangeBalancer()))
	franz("cooperative-sticky", kgo.Balancers(kgo.CooperativeStickyBalancer()))
	franz("consumer protocol", kgo.ServerSideBalancer())
	c.check("kadm: lag, describing and deleting of groups", c.groupAdmin)
	c.check("sarama: "+what+"range", func() error { return c.shareWithSarama(sarama.NewBalanceStrategyRange()) })
	c.check("sarama: "+what+"sticky", func() error { return c.shareWithSarama(sarama.NewBalanceStrategySticky()) })
	return c.failed
}

type franzGroup struct {
	checks  *checks
	options []kgo.Opt
}

func (f *franzGroup) send(topic string, values []string) error {
	client, err := newProducer(f.checks.bootstrap)
	if err != nil {
		return err
	}
	defer client.Close()
	records := make([]*kgo.Record, len(values))
	for partition, value := range values {
		records[partition] = &kgo.Record{Topic: topic, Partition: int32(partition), Value: []byte(value)}
	}
	return client.ProduceSync(f.checks.ctx, records...).FirstErr()
}

func (f *franzGroup) join(name, topic, group string, ledger *ledger) (func(), error) {
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(f.checks.bootstrap), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.BlockRebalanceOnPoll(),
		kgo.HeartbeatInterval(300 * time.Millisecond), kgo.SessionTimeout(6 * time.Second),
	}, f.options...)...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(f.checks.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer client.CloseAllowingRebalance()
		for ctx.Err() == nil {
			fetches := client.PollFetches(ctx)
			var last = map[int32]int64{}
			fetches.EachRecord(func(record *kgo.Record) {
				ledger.consumed(name, record.Partition, record.Offset, record.Value)
				last[record.Partition] = record.Offset + 1
			})
			// No rebalance takes the partitions away between the poll and this commit.
			if err := client.CommitRecords(context.WithoutCancel(ctx), fetches.Records()...); err == nil {
				for partition, offset := range last {
					ledger.committed(partition, offset)
				}
			}
			client.AllowRebalance()
		}
	}()
	return func() { cancel(); <-done }, nil
}

func (c *checks) groupAdmin() error {
	topic, err := c.topic(1)
	if err != nil {
		return err
	}
	group := "group-of-" + topic
	if _, err = produce(c.ctx, c.bootstrap, topic, numbered(10)); err != nil {
		return err
	}
	offsets := kadm.Offsets{}
	offsets.AddOffset(topic, 0, 4, -1)
	if _, err = c.admin.CommitOffsets(c.ctx, group, offsets); err != nil {
		return err
	}
	lags, err := c.admin.Lag(c.ctx, group)
	if err != nil {
		return err
	}
	lag, _ := lags[group].Lag.Lookup(topic, 0)
	described, err := c.admin.DescribeGroups(c.ctx, group)
	if err := first(err, equal(int64(6), lag.Lag, "lag"), equal("Empty", described[group].State, "state")); err != nil {
		return err
	}
	_, err = c.admin.DeleteGroup(c.ctx, group)
	_, twice := c.admin.DeleteGroup(c.ctx, group)
	return first(err, fails(kerr.GroupIDNotFound, twice, "deleting twice"))
}

func (c *checks) shareWithSarama(strategy sarama.BalanceStrategy) error {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Return.Successes = true
	producer, err := sarama.NewSyncProducer([]string{c.bootstrap}, config)
	if err != nil {
		return err
	}
	defer producer.Close()
	return c.shareTopic(&saramaGroup{c, producer, strategy})
}

type saramaGroup struct {
	checks   *checks
	producer sarama.SyncProducer
	strategy sarama.BalanceStrategy
}

func (s *saramaGroup) send(topic string, values []string) error {
	messages := make([]*sarama.ProducerMessage, len(values))
	for partition, value := range values {
		messages[partition] = &sarama.ProducerMessage{Topic: topic, Partition: int32(partition), Value: sarama.StringEncoder(value)}
	}
	return s.producer.SendMessages(messages)
}

func (s *saramaGroup) join(name, topic, group string, ledger *ledger) (func(), error) {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{s.strategy}
	config.Consumer.Group.Session.Timeout = 6 * time.Second
	config.Consumer.Group.Heartbeat.Interval = 300 * time.Millisecond
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Enable = false
	member, err := sarama.NewConsumerGroup([]string{s.checks.bootstrap}, group, config)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(s.checks.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if err := member.Consume(ctx, []string{topic}, &saramaMember{name: name, ledger: ledger}); err != nil && ctx.Err() == nil {
				ledger.failed(name, err)
				return
			}
		}
	}()
	var once sync.Once
	return func() {
		once.Do(func() {
			cancel()
			<-done
			member.Close()
		})
	}, nil
}

// saramaMember consumes one claim per partition, each on a goroutine of its own. sarama does not tell whether a commit was
// accepted, so repeats are not counted against the group here.
type saramaMember struct {
	name   string
	ledger *ledger
}

func (m *saramaMember) Setup(sarama.ConsumerGroupSession) error { return nil }

func (m *saramaMember) Cleanup(session sarama.ConsumerGroupSession) error {
	session.Commit()
	return nil
}

func (m *saramaMember) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, open := <-claim.Messages():
			if !open {
				return nil
			}
			m.ledger.consumed(m.name, message.Partition, message.Offset, message.Value)
			session.MarkMessage(message, "")
			if len(claim.Messages()) == 0 {
				session.Commit()
			}
		case <-session.Context().Done():
			return nil
		}
	}
}
