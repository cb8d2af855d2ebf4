package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/wait"

	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
)

const (
	prepareTimeout = 5 * time.Minute
	// Controllers have done their work when nothing was written for this long.
	quietTime = 2 * time.Second
)

func prepareCommand() *cobra.Command {
	s := settings{}
	var out string
	command := &cobra.Command{
		Use:          "prepare FILE...",
		Short:        "Applies manifests to a new control plane and saves its data for `control-plane --data`",
		SilenceUsage: true,
		Args:         cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, files []string) error {
			ctx, cancel := context.WithTimeout(context.Background(), prepareTimeout)
			defer cancel()
			return s.prepare(ctx, files, out)
		},
	}
	flags := command.Flags()
	flags.StringVar(&s.folder, "folder", "", "folder for the files of this run")
	flags.StringVar(&s.address, "address", "", "IPv4 address of the API server")
	flags.StringVar(&out, "out", "", "file for the data")
	return command
}

func (s settings) prepare(ctx context.Context, files []string, out string) error {
	plane, err := s.start(ctx)
	if err != nil {
		return err
	}
	if err := plane.apply(ctx, files); err != nil {
		return err
	}
	if err := plane.waitForQuiet(ctx); err != nil {
		return err
	}
	plane.stop()
	for range []string{"API server", "controllers", "apply"} {
		select {
		case err := <-plane.ended:
			if err != nil && !errors.Is(err, context.Canceled) {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	defer plane.etcd.Close()
	return saveEtcd(ctx, plane.etcd, out)
}

// apply applies files with kubectl. Until the API is ready and the kinds and namespaces of all objects exist, it fails.
func (p *controlPlane) apply(ctx context.Context, files []string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	args := []string{
		"kubectl", "--kubeconfig", p.kubeconfig(), "--cache-dir", filepath.Join(p.folder, "cache"),
		"apply", "--server-side", "--force-conflicts", "--field-manager", "meshmock",
	}
	for _, file := range files {
		args = append(args, "--filename", file)
	}
	var output []byte
	if err := wait.PollUntilContextCancel(ctx, time.Second, true, func(ctx context.Context) (bool, error) {
		var err error
		output, err = exec.CommandContext(ctx, program, args...).CombinedOutput()
		return err == nil, nil
	}); err != nil {
		return fmt.Errorf("%w: %s", err, output)
	}
	return nil
}

// waitForQuiet waits until nothing has been written for a while.
func (p *controlPlane) waitForQuiet(ctx context.Context) error {
	client := v3client.New(p.etcd.Server)
	var revision int64
	since := time.Now()
	return wait.PollUntilContextCancel(ctx, 100*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		answer, err := client.Get(ctx, "/")
		if err != nil {
			return false, err
		}
		if answer.Header.Revision != revision {
			revision, since = answer.Header.Revision, time.Now()
		}
		return time.Since(since) > quietTime, nil
	})
}
