package main

import (
	"context"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
)

const (
	// A followed log ends when its container has gone.
	runPoll = time.Second
	// Time in which tail(1) shows what was written before that.
	lastLines = 100 * time.Millisecond
)

// serveLogs answers with a container's log. Its lines have no times, so parameters about times have no effect.
func (k *kubeletAPI) serveLogs(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	k.located(w, r, func(place *containerPlace) {
		log := place.Log
		if query.Get("previous") == "true" {
			log = place.PreviousLog
		}
		if _, err := os.Stat(log); err != nil {
			http.Error(w, "this container has no such log", http.StatusBadRequest)
			return
		}
		lines := query.Get("tailLines")
		if lines == "" {
			lines = "+1"
		}
		limit, err := strconv.ParseInt(query.Get("limitBytes"), 10, 64)
		if err != nil {
			limit = math.MaxInt64
		}
		var isRunning func(context.Context) bool
		if query.Get("follow") == "true" && log == place.Log {
			isRunning = func(ctx context.Context) bool { return k.isSameRun(ctx, r, place) }
		}
		w.Header().Set("Content-Type", "text/plain")
		// The header has been sent: the client sees an error as the end of the log.
		tail(r.Context(), log, lines, flushing{w}, limit, isRunning)
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
	if out == nil {
		<-ctx.Done()
		return nil
	}
	return tail(ctx, a.log, "0", out, math.MaxInt64, a.isRunning)
}

// tail copies the last lines of a file, and then all that is appended while a container runs.
func tail(
	ctx context.Context, file, lines string, out io.Writer, limit int64, isRunning func(context.Context) bool,
) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	args := []string{"--lines", lines, file}
	if isRunning != nil {
		args = append(args, "--follow")
		go func() {
			wait.PollUntilContextCancel(ctx, runPoll, false, func(ctx context.Context) (bool, error) {
				return !isRunning(ctx), nil
			})
			time.AfterFunc(lastLines, stop)
		}()
	}
	command := exec.CommandContext(ctx, "tail", args...)
	content, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	_, err = io.Copy(out, io.LimitReader(content, limit))
	stop()
	command.Wait()
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
