// When counting begins and ends, and what the broker's process and this one took in between.
package main

import (
	"fmt"
	"math/bits"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Linux counts CPU time in /proc in hundredths of a second, on every architecture.
const ticksPerSecond = 100

var begun = time.Now()

// nowNs is monotonic.
func nowNs() int64 { return int64(time.Since(begun)) }

// window knows whether what happens now counts.
type window struct {
	job             *Job
	result          Result
	startNs         int64
	endNs           int64
	counting        bool
	over            bool
	latency         histogram
	latencyFromDue  histogram
	clientCpuBefore float64
	serverCpuBefore float64
	residentMax     int64
	residentReadNs  int64
}

func openWindow(job *Job) *window {
	w := &window{job: job, startNs: nowNs() + int64(job.warm())}
	w.endNs = w.startNs + int64(job.counted())
	if job.Seconds == 0 {
		w.endNs = 1 << 62
	}
	w.result.Errors = map[int16]int64{}
	return w
}

// tick begins and ends counting; called in every round of the loop.
func (w *window) tick() {
	now := nowNs()
	if !w.counting && !w.over && now >= w.startNs {
		w.counting = true
		w.startNs = now
		w.clientCpuBefore = ownCpuMs()
		w.serverCpuBefore = w.serverCpuMs()
	}
	if !w.counting {
		return
	}
	if w.job.Pid != 0 && now-w.residentReadNs > 50e6 {
		w.residentReadNs = now
		w.residentMax = max(w.residentMax, residentBytes(w.job.Pid))
	}
	if now >= w.endNs || (w.job.RequestsMax > 0 && w.result.Requests >= int64(w.job.RequestsMax)) {
		w.close(now)
	}
}

func (w *window) close(now int64) {
	w.counting, w.over = false, true
	w.result.Seconds = float64(now-w.startNs) / 1e9
	w.result.ClientCpuMs = ownCpuMs() - w.clientCpuBefore
	if w.job.Pid != 0 {
		w.result.Server = &ServerUse{
			CpuMs:            w.serverCpuMs() - w.serverCpuBefore,
			ResidentBytes:    residentBytes(w.job.Pid),
			ResidentBytesMax: w.residentMax,
		}
	}
	w.result.Latency = w.latency.quantiles()
	w.result.LatencyFromDue = w.latencyFromDue.quantiles()
	if len(w.result.Errors) == 0 {
		w.result.Errors = nil
	}
}

func (w *window) serverCpuMs() float64 {
	if w.job.Pid == 0 {
		return 0
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.job.Pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) * 1000 / ticksPerSecond
}

func residentBytes(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	pages, _ := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

func ownCpuMs() float64 {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e6
}

// histogram has buckets of about 1.6 per cent from a nanosecond on.
type histogram struct {
	counts [64 * 64]int64
	total  int64
	max    int64
}

func (h *histogram) add(ns int64) {
	value := uint64(max(ns, 0))
	bucket := int(value)
	if value >= 64 {
		exponent := bits.Len64(value) - 7
		bucket = exponent*64 + int(value>>exponent)
	}
	h.counts[bucket]++
	h.total++
	h.max = max(h.max, ns)
}

// Quantiles are in milliseconds.
type Quantiles struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

func (h *histogram) quantiles() *Quantiles {
	if h.total == 0 {
		return nil
	}
	return &Quantiles{P50: h.quantile(0.5), P99: h.quantile(0.99), P999: h.quantile(0.999), Max: float64(h.max) / 1e6}
}

func (h *histogram) quantile(q float64) float64 {
	rank := int64(q*float64(h.total)) + 1
	for bucket, count := range h.counts {
		if rank -= count; rank <= 0 {
			if bucket < 128 {
				return float64(bucket) / 1e6
			}
			exponent := bucket/64 - 1
			return float64(uint64(bucket-exponent*64)<<exponent) / 1e6
		}
	}
	return float64(h.max) / 1e6
}
