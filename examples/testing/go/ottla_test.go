package billing

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// ottla is `ottla serve --testing` as a process, for all tests. Copy this file into your project.
type ottla struct {
	process *exec.Cmd
	Control string
}

// startOttla runs `npx ottla` where the variable OTTLA_COMMAND says nothing else.
func startOttla() (*ottla, error) {
	command := os.Getenv("OTTLA_COMMAND")
	if command == "" {
		command = "npx ottla"
	}
	words := append(strings.Fields(command), "serve", "--testing", "--port", "0", "--json")
	process := exec.Command(words[0], words[1:]...)
	process.Stderr = os.Stderr
	out, err := process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := process.Start(); err != nil {
		return nil, err
	}
	started := &ottla{process: process}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	return started, json.Unmarshal(line, started)
}

func (o *ottla) stop() {
	o.process.Process.Signal(os.Interrupt)
	o.process.Wait()
}

type object map[string]any

// ask fails the test when the answer is not 200.
func (o *ottla) ask(t testing.TB, method, path string, body object) object {
	t.Helper()
	text, _ := json.Marshal(body)
	request, err := http.NewRequest(method, o.Control+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer := object{}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		t.Fatal(answer["message"])
	}
	return answer
}

type broker struct {
	*ottla
	id               string
	bootstrapServers string
}

func (o *ottla) broker(t testing.TB, options object) broker {
	status := o.ask(t, "POST", "/brokers", options)
	return broker{o, status["id"].(string), status["bootstrapServers"].(string)}
}

func (b broker) ask(t testing.TB, method, path string, body object) object {
	t.Helper()
	return b.ottla.ask(t, method, "/brokers/"+b.id+path, body)
}

// fork lives as long as the test.
func (b broker) fork(t testing.TB) broker {
	fork := b.broker(t, object{"fork": b.id})
	t.Cleanup(func() { fork.ask(t, "DELETE", "", nil) })
	return fork
}

func (b broker) advance(t testing.TB, by string) {
	b.ask(t, "POST", "/clock/advance", object{"by": by})
}

func (b broker) addFault(t testing.TB, fault object) {
	b.ask(t, "POST", "/faults", fault)
}

func (b broker) expect(t testing.TB, topic string, exactly bool, records ...object) {
	t.Helper()
	b.ask(t, "POST", "/topics/"+topic+"/expect", object{"records": records, "exactly": exactly, "timeoutMs": 60_000})
}

func (b broker) records(t testing.TB, topic string) []any {
	return b.ask(t, "GET", "/topics/"+topic+"/records", nil)["records"].([]any)
}
