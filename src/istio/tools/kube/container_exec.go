package main

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"syscall"
	"time"

	"github.com/creack/pty"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
)

// ExecInContainer runs a command with the streams of a client, until it ends or the client goes.
func (c *containerPlace) ExecInContainer(
	ctx context.Context, _, _, _ string, command []string, in io.Reader, out, stderr io.WriteCloser, tty bool,
	resize <-chan remotecommand.TerminalSize, _ time.Duration,
) error {
	argv := append(append([]string{}, c.Exec...), command...)
	process := exec.CommandContext(ctx, argv[0], argv[1:]...)
	process.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	// The command's children are in its session.
	process.Cancel = func() error { return syscall.Kill(-process.Process.Pid, syscall.SIGKILL) }
	process.WaitDelay = time.Second
	var err error
	if tty {
		err = runInTerminal(process, in, out, resize)
	} else {
		err = runWithPipes(process, in, out, stderr)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return utilexec.CodeExitError{Err: err, Code: exitCode(exit)}
	}
	return err
}

// exitCode returns the code that a shell reports, which has one for signals too.
func exitCode(exit *exec.ExitError) int {
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return exit.ExitCode()
}

func runWithPipes(process *exec.Cmd, in io.Reader, out, stderr io.WriteCloser) error {
	if out != nil {
		process.Stdout = out
	}
	if stderr != nil {
		process.Stderr = stderr
	}
	if in != nil {
		// With `Stdin`, the end of the command would wait for the end of the client's input.
		stdin, err := process.StdinPipe()
		if err != nil {
			return err
		}
		go func() {
			io.Copy(stdin, in)
			stdin.Close()
		}()
	}
	return process.Run()
}

func runInTerminal(process *exec.Cmd, in io.Reader, out io.WriteCloser, resize <-chan remotecommand.TerminalSize) error {
	terminal, err := pty.Start(process)
	if err != nil {
		return err
	}
	defer terminal.Close()
	go func() {
		for size := range resize {
			pty.Setsize(terminal, &pty.Winsize{Rows: size.Height, Cols: size.Width})
		}
	}()
	if in != nil {
		go io.Copy(terminal, in)
	}
	if out != nil {
		// It ends with an error when the last process closes the terminal.
		io.Copy(out, terminal)
	}
	return process.Wait()
}
