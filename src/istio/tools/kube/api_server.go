package main

import (
	"context"
	"fmt"

	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	logsapi "k8s.io/component-base/logs/api/v1"

	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	apiserveroptions "k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

func (p *controlPlane) apiServerFlags() []string {
	return []string{
		"--etcd-servers=http://" + etcdAddress,
		"--bind-address=0.0.0.0",
		"--advertise-address=" + p.address,
		fmt.Sprintf("--secure-port=%d", apiPort),
		"--tls-cert-file=" + p.pki("apiserver.crt"),
		"--tls-private-key-file=" + p.pki("apiserver.key"),
		"--client-ca-file=" + p.pki("ca.crt"),
		"--cert-dir=" + p.pki(""),
		"--kubelet-certificate-authority=" + p.pki("ca.crt"),
		"--kubelet-client-certificate=" + p.pki("apiserver-kubelet-client.crt"),
		"--kubelet-client-key=" + p.pki("apiserver-kubelet-client.key"),
		"--kubelet-preferred-address-types=InternalIP",
		"--authorization-mode=RBAC",
		"--allow-privileged",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + p.pki("sa.pub"),
		"--service-account-signing-key-file=" + p.pki("sa.key"),
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
