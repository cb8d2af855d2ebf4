package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
)

const (
	followPoll = 100 * time.Millisecond
	// A followed log ends when its container has gone.
	runPoll = time.Second
)

// serveLogs answers with a container's log. Its lines have no times, so parameters about times have no effect.
func (k *kubeletAPI) serveLogs(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	k.located(w, r, func(place *containerPlace) {
		name := place.Log
		if query.Get("previous") == "true" {
			name = place.PreviousLog
		}
		file, err := os.Open(name)
		if err != nil {
			http.Error(w, "this container has no such log", http.StatusBadRequest)
			return
		}
		defer file.Close()
		if lines, err := strconv.Atoi(query.Get("tailLines")); err == nil {
			if err := seekTail(file, lines); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
		}
		var out io.Writer = flushing{w}
		if limit, err := strconv.ParseInt(query.Get("limitBytes"), 10, 64); err == nil {
			out = &limited{out, limit}
		}
		isRunning := func(context.Context) bool { return false }
		if query.Get("follow") == "true" && name == place.Log {
			isRunning = func(ctx context.Context) bool { return k.isSameRun(ctx, r, place) }
		}
		w.Header().Set("Content-Type", "text/plain")
		// The header has been sent: the client sees an error as the end of the log.
		follow(r.Context(), file, out, isRunning)
	})
}

// isSameRun reports whether the container of a request still writes the log of a place.
func (k *kubeletAPI) isSameRun(ctx context.Context, r *http.Request, place *containerPlace) bool {
	now, err := k.find(ctx, r)
	return err == nil && now.Log == place.Log
}

// attachedLog shows what a container writes from now on. Containers have no input.
type attachedLog struct {
	log       string
	isRunning func(context.Context) bool
}

func (a attachedLog) AttachContainer(
	ctx context.Context, _, _, _ string, _ io.Reader, out, _ io.WriteCloser, _ bool, _ <-chan remotecommand.TerminalSize,
) error {
	file, err := os.Open(a.log)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	if out == nil {
		out = discard{io.Discard}
	}
	return follow(ctx, file, out, a.isRunning)
}

// follow copies a file to its end, and then all that is appended while a container runs.
func follow(ctx context.Context, file *os.File, out io.Writer, isRunning func(context.Context) bool) error {
	ticks := time.NewTicker(followPoll)
	defer ticks.Stop()
	for checked, ended := (time.Time{}), false; ; {
		if _, err := io.Copy(out, file); err != nil || ended {
			return err
		}
		if time.Since(checked) > runPoll {
			// What was written before the end is copied once more.
			ended, checked = !isRunning(ctx), time.Now()
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticks.C:
		}
		if err := rewindTruncated(file); err != nil {
			return err
		}
	}
}

func rewindTruncated(file *os.File) error {
	offset, err := file.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	status, err := file.Stat()
	if err != nil || status.Size() >= offset {
		return err
	}
	_, err = file.Seek(0, io.SeekStart)
	return err
}

const tailBlock = 64 << 10

// seekTail moves to the begin of a file's last lines.
func seekTail(file *os.File, lines int) error {
	end, err := file.Seek(0, io.SeekEnd)
	if err != nil || lines <= 0 {
		return err
	}
	block := make([]byte, tailBlock)
	for start := end; start > 0; {
		from := max(0, start-tailBlock)
		part := block[:start-from]
		if _, err := file.ReadAt(part, from); err != nil {
			return err
		}
		// The line break at the end of the file ends the last line.
		if start == end && part[len(part)-1] == '\n' {
			part = part[:len(part)-1]
		}
		for at := bytes.LastIndexByte(part, '\n'); at >= 0; at = bytes.LastIndexByte(part[:at], '\n') {
			if lines--; lines == 0 {
				_, err := file.Seek(from+int64(at)+1, io.SeekStart)
				return err
			}
		}
		start = from
	}
	_, err = file.Seek(0, io.SeekStart)
	return err
}

// flushing sends each write at once, as followers expect.
type flushing struct{ http.ResponseWriter }

func (f flushing) Write(content []byte) (int, error) {
	count, err := f.ResponseWriter.Write(content)
	if err == nil {
		err = http.NewResponseController(f.ResponseWriter).Flush()
	}
	return count, err
}

var errLimit = errors.New("the limit of bytes is reached")

type limited struct {
	out  io.Writer
	left int64
}

func (l *limited) Write(content []byte) (int, error) {
	if int64(len(content)) > l.left {
		content = content[:l.left]
	}
	count, err := l.out.Write(content)
	if l.left -= int64(count); err == nil && l.left == 0 {
		err = errLimit
	}
	return count, err
}

type discard struct{ io.Writer }

func (discard) Close() error { return nil }
