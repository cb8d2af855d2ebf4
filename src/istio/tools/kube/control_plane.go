package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/apimachinery/pkg/util/wait"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	cliflag "k8s.io/component-base/cli/flag"
)

// Growth of the heap between two garbage collections, in percent. The start allocates five times what
// stays alive.
const (
	startGCPercent = 100
	runGCPercent   = 40
	startTime      = 10 * time.Second
)

const (
	apiPort      = 6443
	serviceRange = "10.96.0.0/16"
)

// First address of the range: the Service `kubernetes`.
var kubernetesAddress = net.IPv4(10, 96, 0, 1)

// Settings of a control plane.
type settings struct {
	// Folder for certificates (pki), kubeconfig and etcd's data.
	folder string
	// Folder with etcd's data to begin with, or empty.
	data    string
	address string
	// Socket at which the node says where containers are, or empty for a control plane without a kubelet's API.
	nodeSocket string
}

// Running control plane.
type controlPlane struct {
	settings
	pki  *pki
	etcd *embed.Etcd
	// Ends the programs.
	stop context.CancelFunc
	// Receives the error of each program that ends.
	ended chan error
}

func (s settings) kubeconfig() string { return filepath.Join(s.folder, "kubeconfig") }

func controlPlaneCommand() *cobra.Command {
	var s settings
	command := &cobra.Command{
		Use:          "control-plane",
		Short:        "Runs etcd, kube-apiserver and kube-controller-manager in one process",
		SilenceUsage: true,
		Args:         cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			debug.SetGCPercent(startGCPercent)
			plane, err := s.start(genericapiserver.SetupSignalContext())
			if err != nil {
				return err
			}
			time.AfterFunc(startTime, func() {
				debug.SetGCPercent(runGCPercent)
				debug.FreeOSMemory()
			})
			return <-plane.ended
		},
	}
	flags := command.Flags()
	flags.StringVar(&s.folder, "folder", "", "folder for certificates, kubeconfig and data")
	flags.StringVar(&s.data, "data", "", "folder with prepared data of etcd")
	flags.StringVar(&s.address, "address", "", "IPv4 address of the API server")
	flags.StringVar(&s.nodeSocket, "node-socket", "", "socket of the node, to serve the kubelet's API for its containers")
	return command
}

// start starts all programs. The kubeconfig exists before the API server is ready.
func (s settings) start(ctx context.Context) (*controlPlane, error) {
	address := net.ParseIP(s.address)
	if s.folder == "" || address == nil {
		return nil, errors.New("--folder and --address are needed")
	}
	var err error
	if s.folder, err = filepath.Abs(s.folder); err != nil {
		return nil, err
	}
	plane := &controlPlane{settings: s, ended: make(chan error, 3)}
	if plane.pki, err = createPKI(filepath.Join(s.folder, "pki"), address, kubernetesAddress); err != nil {
		return nil, err
	}
	if err := plane.pki.writeKubeconfig(s.kubeconfig(), fmt.Sprintf("https://%s:%d", s.address, apiPort)); err != nil {
		return nil, err
	}
	etcdFolder := filepath.Join(s.folder, "etcd")
	if s.data != "" {
		if err := os.CopyFS(etcdFolder, os.DirFS(s.data)); err != nil {
			return nil, err
		}
	}
	if err := os.Chmod(s.folder, 0o700); err != nil {
		return nil, err
	}
	etcd, err := startEtcd(etcdFolder)
	if err != nil {
		return nil, err
	}
	plane.etcd = etcd
	// Logs and feature gates are the process's, so the API server alone sets them.
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	programs, stop := context.WithCancel(ctx)
	plane.stop = stop
	server, err := newAPIServer(programs, plane.apiServerFlags())
	if err != nil {
		return nil, err
	}
	go func() { plane.ended <- server(programs) }()
	if s.nodeSocket != "" {
		go func() { plane.ended <- plane.serveKubelet(programs, s.nodeSocket) }()
	}
	manager, err := newControllers(programs, plane.controllerFlags())
	if err != nil {
		return nil, err
	}
	go func() {
		if err := plane.waitForAPI(programs); err != nil {
			plane.ended <- err
			return
		}
		plane.ended <- manager(programs)
	}()
	return plane, nil
}

// Paths that answer 200 once the API server is ready. Two of its steps begin with a wait of a second. They make default
// roles and priority classes, which the prepared data has.
const (
	readyPath         = "/readyz"
	readyPreparedPath = readyPath + "?exclude=poststarthook/rbac/bootstrap-roles" +
		"&exclude=poststarthook/scheduling/bootstrap-system-priority-classes"
)

// waitForAPI waits until the API server is ready. The controllers' own wait looks only once a second.
func (p *controlPlane) waitForAPI(ctx context.Context) error {
	path := readyPath
	if p.data != "" {
		path = readyPreparedPath
	}
	config, err := clientcmd.BuildConfigFromFlags("", p.kubeconfig())
	if err != nil {
		return err
	}
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	return wait.PollUntilContextCancel(ctx, 20*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		_, err := client.Discovery().RESTClient().Get().RequestURI(path).DoRaw(ctx)
		return err == nil, nil
	})
}

func parse(name string, sets cliflag.NamedFlagSets, args []string) error {
	flags := pflag.NewFlagSet(name, pflag.ContinueOnError)
	for _, set := range sets.FlagSets {
		flags.AddFlagSet(set)
	}
	return flags.Parse(args)
}
