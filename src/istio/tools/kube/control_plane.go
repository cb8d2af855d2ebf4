package main

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"
	"time"

	corednskubernetes "github.com/coredns/coredns/plugin/kubernetes"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/apimachinery/pkg/util/wait"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/kubernetes/cmd/kubeadm/app/constants"
)

// Time after which the memory of the start is returned: the start allocates five times what stays alive.
const startTime = 10 * time.Second

const (
	apiPort      = 6443
	serviceRange = "10.96.0.0/16"
)

// Settings of a control plane.
type settings struct {
	// Folder for certificates (pki), kubeconfig and etcd's data.
	folder string
	// Snapshot of etcd to begin with, or empty.
	data    string
	address string
	// Socket at which the node says where containers are, or empty for a control plane without a node.
	nodeSocket string
	// IPv4 address of the name server that the machine of the node has.
	resolverAddress string
}

// Running control plane.
type controlPlane struct {
	settings
	etcd *embed.Etcd
	// Ends the programs.
	stop context.CancelFunc
	// Receives the error of each program that ends.
	ended chan error
	// Programs of the node, if there is one, and their client.
	client kubernetes.Interface
	proxy  *followedProxy
	names  atomic.Pointer[corednskubernetes.Kubernetes]
}

func (s settings) kubeconfig() string {
	return filepath.Join(s.folder, constants.SuperAdminKubeConfigFileName)
}

func controlPlaneCommand() *cobra.Command {
	var s settings
	command := &cobra.Command{
		Use:          "control-plane",
		Short:        "Runs etcd, kube-apiserver, kube-controller-manager, and what a node has in one process",
		SilenceUsage: true,
		Args:         cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			plane, err := s.start(genericapiserver.SetupSignalContext())
			if err != nil {
				return err
			}
			time.AfterFunc(startTime, debug.FreeOSMemory)
			return <-plane.ended
		},
	}
	flags := command.Flags()
	flags.StringVar(&s.folder, "folder", "", "folder for certificates, kubeconfig and data")
	flags.StringVar(&s.data, "data", "", "file with prepared data of etcd")
	flags.StringVar(&s.address, "address", "", "IPv4 address of the API server")
	flags.StringVar(&s.nodeSocket, "node-socket", "", "socket of the node, to run its kube-proxy, CoreDNS and the kubelet's API")
	flags.StringVar(&s.resolverAddress, "resolver-address", "", "IPv4 address of the name server that the machine of the node has")
	return command
}

// start starts all programs.
func (s settings) start(ctx context.Context) (*controlPlane, error) {
	if s.folder == "" || net.ParseIP(s.address) == nil {
		return nil, errors.New("--folder and --address are needed")
	}
	var err error
	if s.folder, err = filepath.Abs(s.folder); err != nil {
		return nil, err
	}
	plane := &controlPlane{settings: s, ended: make(chan error, 7)}
	if err := plane.createPKI(); err != nil {
		return nil, err
	}
	if err := os.Chmod(s.folder, 0o700); err != nil {
		return nil, err
	}
	if plane.etcd, err = startEtcd(filepath.Join(s.folder, "etcd"), s.data); err != nil {
		return nil, err
	}
	// Logs and feature gates are the process's, so the API server alone sets them.
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	programs, stop := context.WithCancel(ctx)
	plane.stop = stop
	server, err := newAPIServer(programs, plane.apiServerFlags())
	if err != nil {
		return nil, err
	}
	run := func(program func(context.Context) error) { go func() { plane.ended <- program(programs) }() }
	run(server)
	run(plane.serveApply)
	clients := []func(context.Context) error{}
	manager, err := newControllers(programs, plane.controllerFlags())
	if err != nil {
		return nil, err
	}
	clients = append(clients, manager)
	if s.nodeSocket != "" {
		runProxy, err := plane.newProxy(programs)
		if err != nil {
			return nil, err
		}
		run(plane.serveKubelet)
		clients = append(clients, runProxy, plane.runDNS, plane.serveServicesApplied)
	}
	go func() {
		if err := plane.waitForAPI(programs); err != nil {
			plane.ended <- err
			return
		}
		for _, client := range clients {
			run(client)
		}
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

// waitForAPI waits until the API server is ready, and then adds the file `kubeconfig`. The controllers' own wait looks
// only once a second.
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
	if err := wait.PollUntilContextCancel(ctx, 20*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		_, err := client.Discovery().RESTClient().Get().RequestURI(path).DoRaw(ctx)
		return err == nil, nil
	}); err != nil {
		return err
	}
	return os.Link(p.kubeconfig(), filepath.Join(p.folder, "kubeconfig"))
}

func parse(name string, sets cliflag.NamedFlagSets, args []string) error {
	flags := pflag.NewFlagSet(name, pflag.ContinueOnError)
	for _, set := range sets.FlagSets {
		flags.AddFlagSet(set)
	}
	return flags.Parse(args)
}
