package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// loginCase is one of those that ../logins.mjs lists.
type loginCase struct {
	Name, Expect, Bootstrap, Protocol, Mechanism, User, Password, Token, Ca, Cert, Topic string
}

// runLoginChecks tries each case with franz-go, and returns how many failed.
func runLoginChecks(ctx context.Context, casesFile string) int {
	text, err := os.ReadFile(casesFile)
	var cases []loginCase
	if err == nil {
		err = json.Unmarshal(text, &cases)
	}
	if err != nil {
		fmt.Println("not ok reading the cases:", err)
		return 1
	}
	failed := 0
	for _, one := range cases {
		if err := one.check(ctx); err != nil {
			failed++
			fmt.Printf("not ok %s: %s: %s\n", one.Name, one.Expect, strings.ReplaceAll(err.Error(), "\n", " | "))
		} else {
			fmt.Printf("ok %s: %s\n", one.Name, one.Expect)
		}
	}
	return failed
}

func (one loginCase) check(ctx context.Context) error {
	err := one.writeAndRead(ctx)
	expected := false
	switch one.Expect {
	case "works":
		return err
	case "login refused":
		// The status of a bad token is an error of its own to franz-go.
		expected = errors.Is(err, kerr.SaslAuthenticationFailed) ||
			err != nil && strings.Contains(err.Error(), "unexpected data in oauth response")
	case "topic refused":
		expected = errors.Is(err, kerr.TopicAuthorizationFailed)
	case "connection refused":
		expected = err != nil
	}
	if !expected {
		return fmt.Errorf("expected a refusal, got %v", err)
	}
	return nil
}

func (one loginCase) writeAndRead(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	options, err := one.options()
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(append(options, kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.Ping(ctx); err != nil {
		return err
	}
	record := &kgo.Record{Topic: one.Topic, Value: []byte(one.Name)}
	if err := client.ProduceSync(ctx, record).FirstErr(); err != nil {
		return err
	}
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{one.Topic: {0: kgo.NewOffset().At(record.Offset)}})
	fetches := client.PollRecords(ctx, 1)
	if err := fetches.Err(); err != nil {
		return err
	}
	if got := string(fetches.Records()[0].Value); got != one.Name {
		return fmt.Errorf("read %q", got)
	}
	return nil
}

func (one loginCase) options() ([]kgo.Opt, error) {
	options := []kgo.Opt{kgo.SeedBrokers(one.Bootstrap), kgo.RequestRetries(0), kgo.RecordRetries(0)}
	if strings.HasSuffix(one.Protocol, "SSL") {
		config, err := one.tls()
		if err != nil {
			return nil, err
		}
		options = append(options, kgo.DialTLSConfig(config))
	}
	if one.Mechanism != "" {
		options = append(options, kgo.SASL(one.sasl()))
	}
	return options, nil
}

func (one loginCase) sasl() sasl.Mechanism {
	switch one.Mechanism {
	case "PLAIN":
		return plain.Auth{User: one.User, Pass: one.Password}.AsMechanism()
	case "SCRAM-SHA-256":
		return scram.Auth{User: one.User, Pass: one.Password}.AsSha256Mechanism()
	case "SCRAM-SHA-512":
		return scram.Auth{User: one.User, Pass: one.Password}.AsSha512Mechanism()
	default:
		return oauth.Auth{Token: one.Token}.AsMechanism()
	}
}

func (one loginCase) tls() (*tls.Config, error) {
	authority, err := os.ReadFile(one.Ca)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	config := &tls.Config{RootCAs: roots}
	if one.Cert != "" {
		own, err := tls.LoadX509KeyPair(one.Cert, one.Cert)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{own}
	}
	return config, nil
}
