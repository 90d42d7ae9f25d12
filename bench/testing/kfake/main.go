// Command kfake runs franz-go's fake cluster of one broker until it is told to stop, and prints its port.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/twmb/franz-go/pkg/kfake"
)

func main() {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "startup"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	address := cluster.ListenAddrs()[0]
	fmt.Printf("{\"port\":%s}\n", address[strings.LastIndex(address, ":")+1:])
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	<-stop
	cluster.Close()
}
