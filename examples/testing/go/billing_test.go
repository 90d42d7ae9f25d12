package billing

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Tests of an application that uses Kafka, with Go's testing: one prepared broker, and a fork of it for each test.

var shared *ottla

func TestMain(m *testing.M) {
	var err error
	if shared, err = startOttla(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	shared.stop()
	os.Exit(status)
}

func prepared(t *testing.T) broker {
	first := shared.broker(t, object{})
	t.Cleanup(func() { first.ask(t, "DELETE", "", nil) })
	order(t, first, "first")
	return first
}

func TestEveryOrderHasOneInvoiceAlthoughAnswersAreLost(t *testing.T) {
	broker := prepared(t).fork(t)
	startBilling(t, broker)
	broker.addFault(t, object{"api": "Produce", "clientId": "billing", "nth": 2, "action": object{"drop": "after"}})
	broker.addFault(t, object{"api": "EndTxn", "clientId": "billing", "action": object{"drop": "after"}})
	order(t, broker, "second")
	order(t, broker, "third")
	broker.expect(t, "invoices", true, object{"key": "first"}, object{"key": "second"}, object{"key": "third"})
	verdict := broker.ask(t, "POST", "/exactly-once", object{"input": "orders", "output": "invoices", "group": "billing"})
	if verdict["exactlyOnce"] != true {
		t.Fatal(verdict["text"])
	}
}

func TestTheApplicationJoinsAgainWhenItsSessionRanOut(t *testing.T) {
	broker := prepared(t).fork(t)
	startBilling(t, broker)
	broker.expect(t, "invoices", true, object{"key": "first"})
	broker.advance(t, "1 minute")
	order(t, broker, "second")
	broker.expect(t, "invoices", true, object{"key": "first"}, object{"key": "second"})
}

func TestOrdersAreForgottenAfterAWeek(t *testing.T) {
	first := prepared(t)
	broker := first.fork(t)
	broker.advance(t, "8 days")
	if found := len(broker.records(t, "orders")); found != 0 {
		t.Fatalf("%d orders are still there", found)
	}
	if found := len(first.records(t, "orders")); found != 1 {
		t.Fatalf("the first broker has %d orders", found)
	}
}

// startBilling runs the application until the end of the test.
func startBilling(t *testing.T, broker broker) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, broker.bootstrapServers) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func order(t *testing.T, broker broker, id string) {
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.bootstrapServers), kgo.ClientID("shop"), kgo.AllowAutoTopicCreation())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(context.Background(), &kgo.Record{Topic: "orders", Key: []byte(id), Value: []byte("100")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
}
