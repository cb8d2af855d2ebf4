package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/embed"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	genericapiserver "k8s.io/apiserver/pkg/server"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	cliflag "k8s.io/component-base/cli/flag"
	logsapi "k8s.io/component-base/logs/api/v1"

	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	apiserveroptions "k8s.io/kubernetes/cmd/kube-apiserver/app/options"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	controlleroptions "k8s.io/kubernetes/cmd/kube-controller-manager/app/options"
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

// Controllers that a mesh needs. Others need volumes, clouds or metrics, or act on nodes that do not report.
var controllerNames = []string{
	"clusterrole-aggregation-controller",
	"cronjob-controller",
	"daemonset-controller",
	"deployment-controller",
	"endpoints-controller",
	"endpointslice-controller",
	"endpointslice-mirroring-controller",
	"garbage-collector-controller",
	"job-controller",
	"namespace-controller",
	"replicaset-controller",
	"replicationcontroller-controller",
	"root-ca-certificate-publisher-controller",
	"service-cidr-controller",
	"serviceaccount-controller",
	"serviceaccount-token-controller",
	"statefulset-controller",
	"ttl-after-finished-controller",
}

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

func (p *controlPlane) apiServerFlags() []string {
	return []string{
		"--etcd-servers=http://" + etcdAddress,
		"--bind-address=0.0.0.0",
		"--advertise-address=" + p.address,
		fmt.Sprintf("--secure-port=%d", apiPort),
		"--tls-cert-file=" + p.pki.crt("apiserver"),
		"--tls-private-key-file=" + p.pki.key("apiserver"),
		"--client-ca-file=" + p.pki.crt("ca"),
		"--cert-dir=" + p.pki.folder,
		"--kubelet-certificate-authority=" + p.pki.crt("ca"),
		"--kubelet-client-certificate=" + p.pki.crt("kubelet-client"),
		"--kubelet-client-key=" + p.pki.key("kubelet-client"),
		"--kubelet-preferred-address-types=InternalIP",
		"--authorization-mode=RBAC",
		"--allow-privileged",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + p.pki.key("service-account"),
		"--service-account-signing-key-file=" + p.pki.key("service-account"),
		"--api-audiences=https://kubernetes.default.svc,istio-ca",
		"--service-cluster-ip-range=" + serviceRange,
		// The prepared data has the endpoint of the Service `kubernetes`.
		"--endpoint-reconciler-type=none",
		// Webhooks are called at the endpoints of their Service.
		"--enable-aggregator-routing",
		// Only the node-lifecycle controller removes the taint of new nodes.
		"--disable-admission-plugins=TaintNodesByCondition",
		// All clients are local: nobody is to be kept from the API by others.
		"--enable-priority-and-fairness=false",
		"--profiling=false",
		"--event-ttl=24h",
		"--v=0",
	}
}

func (p *controlPlane) controllerFlags() []string {
	return []string{
		"--kubeconfig=" + p.kubeconfig(),
		"--service-account-private-key-file=" + p.pki.key("service-account"),
		"--root-ca-file=" + p.pki.crt("ca"),
		"--leader-elect=false",
		"--secure-port=0",
		"--kube-api-qps=1000",
		"--kube-api-burst=2000",
		"--concurrent-deployment-syncs=10",
		"--concurrent-replicaset-syncs=10",
		"--concurrent-statefulset-syncs=10",
		"--concurrent-serviceaccount-token-syncs=10",
		"--concurrent-gc-syncs=10",
		"--profiling=false",
		"--controllers=" + strings.Join(controllerNames, ","),
	}
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

// newAPIServer does as the command kube-apiserver, whose own signal handler a process can have only once.
func newAPIServer(ctx context.Context, args []string) (func(context.Context) error, error) {
	options := apiserveroptions.NewServerRunOptions()
	if err := parse("kube-apiserver", options.Flags(), args); err != nil {
		return nil, err
	}
	if err := options.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return nil, err
	}
	if err := logsapi.ValidateAndApply(options.Logs, utilfeature.DefaultFeatureGate); err != nil {
		return nil, err
	}
	completed, err := options.Complete(ctx)
	if err != nil {
		return nil, err
	}
	if errs := completed.Validate(); len(errs) != 0 {
		return nil, utilerrors.NewAggregate(errs)
	}
	return func(ctx context.Context) error { return apiserver.Run(ctx, completed) }, nil
}

// newControllers does as the command kube-controller-manager.
func newControllers(ctx context.Context, args []string) (func(context.Context) error, error) {
	options, err := controlleroptions.NewKubeControllerManagerOptions()
	if err != nil {
		return nil, err
	}
	known, disabled, aliases := controllers.KnownControllers(), controllers.ControllersDisabledByDefault(), controllers.ControllerAliases()
	sets := options.Flags(known, disabled, aliases)
	options.ParsedFlags = &sets
	if err := parse("kube-controller-manager", sets, args); err != nil {
		return nil, err
	}
	config, err := options.Config(ctx, known, disabled, aliases)
	if err != nil {
		return nil, err
	}
	config.Kubeconfig.Wrap(func(next http.RoundTripper) http.RoundTripper { return healthy{next} })
	return func(ctx context.Context) error { return controllers.Run(ctx, config.Complete()) }, nil
}

// healthy answers the controllers' own question for the API server's health, since they start once it is ready.
type healthy struct{ next http.RoundTripper }

func (h healthy) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Path != "/healthz" {
		return h.next.RoundTrip(request)
	}
	body := io.NopCloser(strings.NewReader("ok"))
	return &http.Response{StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: body, Request: request}, nil
}
