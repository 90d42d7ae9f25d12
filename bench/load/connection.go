// Sockets on one epoll: written with one system call for all frames that are due, read with one for all answers that are there. A
// connection belongs to the loop's thread alone.
package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"unsafe"
)

const partsMax = 64

type connection struct {
	fd   int
	loop *loop
	// Frames not wholly written; shared, never changed while they are here.
	out      [][]byte
	outFirst int
	// How much of the first frame was written.
	written  int
	blocked  bool
	in       []byte
	inStart  int
	inEnd    int
	skip     int
	onAnswer func(frame []byte)
	// Answers longer than the buffer are given out by their beginning, once all of them has arrived; the rest is not even copied.
	headOnly bool
	head     []byte
	// Of the requests in flight, oldest first: when each was sent and was due.
	sentAt times
	dueAt  times
}

type loop struct {
	epoll       int
	connections map[int32]*connection
	onTimer     func()
	timer       int
	scrap       []byte
	failure     error
	stopped     bool
}

func newLoop() (*loop, error) {
	fd, err := syscall.EpollCreate1(0)
	if err != nil {
		return nil, err
	}
	return &loop{epoll: fd, connections: map[int32]*connection{}, timer: -1, scrap: make([]byte, 1<<20)}, nil
}

func (l *loop) connect(bootstrap string, bufferBytes int) (*connection, error) {
	host, portText, err := net.SplitHostPort(bootstrap)
	if err != nil {
		return nil, err
	}
	address, err := net.ResolveIPAddr("ip4", host)
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, err
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, err
	}
	remote := &syscall.SockaddrInet4{Port: port}
	copy(remote.Addr[:], address.IP.To4())
	if err := syscall.Connect(fd, remote); err != nil {
		return nil, fmt.Errorf("cannot connect to %s: %w", bootstrap, err)
	}
	_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	if err := syscall.SetNonblock(fd, true); err != nil {
		return nil, err
	}
	event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)}
	if err := syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, fd, &event); err != nil {
		return nil, err
	}
	c := &connection{fd: fd, loop: l, in: make([]byte, bufferBytes)}
	l.connections[int32(fd)] = c
	return c, nil
}

// every calls onTimer each time so many nanoseconds have passed.
func (l *loop) every(periodNs int64, onTimer func()) error {
	fd, _, errno := syscall.RawSyscall(syscall.SYS_TIMERFD_CREATE, 1, syscall.O_NONBLOCK, 0)
	if errno != 0 {
		return errno
	}
	spec := [4]int64{periodNs / 1e9, periodNs % 1e9, periodNs / 1e9, periodNs % 1e9}
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_TIMERFD_SETTIME, fd, 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0); errno != 0 {
		return errno
	}
	l.timer, l.onTimer = int(fd), onTimer
	event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)}
	return syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, int(fd), &event)
}

// run serves the sockets until stop or a failure; afterEach is called after each round.
func (l *loop) run(afterEach func()) error {
	events := make([]syscall.EpollEvent, 512)
	for !l.stopped && l.failure == nil {
		count, err := syscall.EpollWait(l.epoll, events, 20)
		if err != nil && err != syscall.EINTR {
			return err
		}
		for i := 0; i < count && l.failure == nil; i++ {
			event := &events[i]
			if int(event.Fd) == l.timer {
				_, _, _ = syscall.RawSyscall(syscall.SYS_READ, uintptr(l.timer), uintptr(unsafe.Pointer(&l.scrap[0])), 8)
				l.onTimer()
				continue
			}
			c := l.connections[event.Fd]
			if event.Events&(syscall.EPOLLIN|syscall.EPOLLHUP|syscall.EPOLLERR) != 0 {
				c.read()
			}
			if event.Events&syscall.EPOLLOUT != 0 {
				c.flush()
			}
		}
		afterEach()
	}
	return l.failure
}

func (l *loop) stop() { l.stopped = true }

func (l *loop) fail(err error) {
	if l.failure == nil {
		l.failure = err
	}
}

// send queues a frame; flush writes it.
func (c *connection) send(frame []byte) { c.out = append(c.out, frame) }

func (c *connection) flush() {
	for c.outFirst < len(c.out) {
		var parts [partsMax]syscall.Iovec
		count := 0
		total := 0
		for i := c.outFirst; i < len(c.out) && count < partsMax; i++ {
			part := c.out[i]
			if i == c.outFirst {
				part = part[c.written:]
			}
			parts[count].Base = &part[0]
			parts[count].SetLen(len(part))
			total += len(part)
			count++
		}
		n, _, errno := syscall.RawSyscall(syscall.SYS_WRITEV, uintptr(c.fd), uintptr(unsafe.Pointer(&parts[0])), uintptr(count))
		if errno == syscall.EAGAIN {
			c.setBlocked(true)
			return
		}
		if errno != 0 {
			c.loop.fail(fmt.Errorf("writing failed: %w", errno))
			return
		}
		c.wrote(int(n))
		if int(n) < total {
			c.setBlocked(true)
			return
		}
	}
	c.out, c.outFirst = c.out[:0], 0
	c.setBlocked(false)
}

func (c *connection) wrote(n int) {
	for n > 0 {
		rest := len(c.out[c.outFirst]) - c.written
		if n < rest {
			c.written += n
			return
		}
		n -= rest
		c.written = 0
		c.outFirst++
	}
}

func (c *connection) setBlocked(blocked bool) {
	if c.blocked == blocked {
		return
	}
	c.blocked = blocked
	event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(c.fd)}
	if blocked {
		event.Events |= syscall.EPOLLOUT
	}
	if err := syscall.EpollCtl(c.loop.epoll, syscall.EPOLL_CTL_MOD, c.fd, &event); err != nil {
		c.loop.fail(err)
	}
}

func (c *connection) read() {
	if c.skip > 0 {
		c.readSkipped()
		return
	}
	if c.inStart > 0 {
		copy(c.in, c.in[c.inStart:c.inEnd])
		c.inEnd -= c.inStart
		c.inStart = 0
	}
	room := c.in[c.inEnd:]
	n, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(c.fd), uintptr(unsafe.Pointer(&room[0])), uintptr(len(room)))
	if errno == syscall.EAGAIN {
		return
	}
	if errno != 0 || n == 0 {
		c.loop.fail(fmt.Errorf("the broker closed a connection (%v)", errno))
		return
	}
	c.inEnd += int(n)
	c.giveOut()
}

func (c *connection) giveOut() {
	for c.inEnd-c.inStart >= 4 {
		size := int(binary.BigEndian.Uint32(c.in[c.inStart:]))
		have := c.inEnd - c.inStart - 4
		if have >= size {
			frame := c.in[c.inStart+4 : c.inStart+4+size]
			c.inStart += 4 + size
			c.onAnswer(frame)
			continue
		}
		if c.headOnly && have >= fetchHeadBytes {
			c.head = append(c.head[:0], c.in[c.inStart+4:c.inStart+4+fetchHeadBytes]...)
			c.skip = size - have
			c.inStart, c.inEnd = 0, 0
			return
		}
		if !c.headOnly && size+4 > len(c.in) {
			larger := make([]byte, size+4+64<<10)
			c.inEnd = copy(larger, c.in[c.inStart:c.inEnd])
			c.inStart = 0
			c.in = larger
		}
		return
	}
}

// readSkipped lets the kernel drop what nobody looks at, instead of copying it.
func (c *connection) readSkipped() {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(c.fd), uintptr(unsafe.Pointer(&c.loop.scrap[0])),
		uintptr(min(c.skip, len(c.loop.scrap))), syscall.MSG_TRUNC, 0, 0)
	if errno == syscall.EAGAIN {
		return
	}
	if errno != 0 || n == 0 {
		c.loop.fail(fmt.Errorf("the broker closed a connection (%v)", errno))
		return
	}
	c.skip -= int(n)
	if c.skip == 0 {
		c.onAnswer(c.head)
	}
}

// times is a queue of nanoseconds.
type times struct {
	values []int64
	first  int
}

func (t *times) push(value int64) { t.values = append(t.values, value) }

func (t *times) shift() int64 {
	value := t.values[t.first]
	t.first++
	if t.first >= 64 && t.first*2 >= len(t.values) {
		t.values = t.values[:copy(t.values, t.values[t.first:])]
		t.first = 0
	}
	return value
}

func (t *times) length() int { return len(t.values) - t.first }
