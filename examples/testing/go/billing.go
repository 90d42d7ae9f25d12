// Package billing is the application under test: for each order an invoice, exactly once, with franz-go. It knows nothing of Ottla.
package billing

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Run makes invoices until ctx is done.
func Run(ctx context.Context, bootstrapServers string) error {
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(bootstrapServers), kgo.ClientID("billing"), kgo.TransactionalID("billing-0"),
		kgo.ConsumerGroup("billing"), kgo.ConsumeTopics("orders"), kgo.RequireStableFetchOffsets(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.SessionTimeout(10*time.Second), kgo.HeartbeatInterval(100*time.Millisecond), kgo.FetchMaxWait(100*time.Millisecond),
		kgo.AllowAutoTopicCreation(), kgo.MetadataMinAge(100*time.Millisecond),
	)
	if err != nil {
		return err
	}
	defer session.Close()
	for ctx.Err() == nil {
		orders := session.PollFetches(ctx).Records()
		if len(orders) == 0 {
			continue
		}
		if err := session.Begin(); err != nil {
			return err
		}
		failed := kgo.AbortingFirstErrPromise(session.Client())
		for _, order := range orders {
			invoice := fmt.Appendf(nil, "invoice of %s", order.Value)
			session.Produce(context.Background(), &kgo.Record{Topic: "invoices", Key: order.Key, Value: invoice}, failed.Promise())
		}
		if _, err := session.End(context.Background(), kgo.TransactionEndTry(failed.Err() == nil)); err != nil {
			return err
		}
	}
	return nil
}
