package main

import (
	"context"
	"io"
	"net/http"
	"strings"

	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	controlleroptions "k8s.io/kubernetes/cmd/kube-controller-manager/app/options"
)

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

func (p *controlPlane) controllerFlags() []string {
	return []string{
		"--kubeconfig=" + p.kubeconfig(),
		"--service-account-private-key-file=" + p.pki("sa.key"),
		"--root-ca-file=" + p.pki("ca.crt"),
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
