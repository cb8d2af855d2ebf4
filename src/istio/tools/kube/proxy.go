package main

import (
	"context"
	"net"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/events"
	sysctl "k8s.io/component-helpers/node/util/sysctl"
	proxyv1alpha1 "k8s.io/kube-proxy/config/v1alpha1"
	proxyapp "k8s.io/kubernetes/cmd/kube-proxy/app"
	proxyconfig "k8s.io/kubernetes/pkg/proxy/apis/config"
	proxyscheme "k8s.io/kubernetes/pkg/proxy/apis/config/scheme"
	"k8s.io/kubernetes/pkg/proxy/healthcheck"
	"k8s.io/kubernetes/pkg/proxy/iptables"
	proxyutil "k8s.io/kubernetes/pkg/proxy/util"
	utiliptables "k8s.io/kubernetes/pkg/util/iptables"
)

const (
	// Network of pods and of the node.
	podRange = "10.77.0.0/16"
	// Name of the Node object.
	nodeName = "meshmock"
)

// newProxy does as the command kube-proxy in its mode iptables. It is the part of that command that needs no Node, which
// the mesh makes later.
func (p *controlPlane) newProxy(ctx context.Context) (func(context.Context) error, error) {
	config, err := p.proxyConfig()
	if err != nil {
		return nil, err
	}
	clientConfig, err := clientcmd.BuildConfigFromFlags("", p.kubeconfig())
	if err != nil {
		return nil, err
	}
	clientConfig.ContentType = config.ClientConnection.ContentType
	clientConfig.QPS = -1
	if p.client, err = kubernetes.NewForConfig(clientConfig); err != nil {
		return nil, err
	}
	recorder := &events.FakeRecorder{}
	health := healthcheck.NewProxyHealthServer("", 0, nil)
	proxier, err := iptables.NewProxier(ctx, config, v1.IPv4Protocol, utiliptables.New(utiliptables.ProtocolIPv4),
		sysctl.New(), proxyutil.NewDetectLocalByCIDR(podRange), nodeName, net.ParseIP(p.address), recorder, health, false)
	if err != nil {
		return nil, err
	}
	p.proxy = &followedProxy{Provider: proxier, health: health, services: versions{}, slices: versions{}}
	server := &proxyapp.ProxyServer{
		Config: config, Client: p.client, Proxier: p.proxy, Recorder: recorder, NodeName: nodeName,
	}
	return server.Run, nil
}

// proxyConfig returns the defaults, but rules follow each change at once.
func (p *controlPlane) proxyConfig() (*proxyconfig.KubeProxyConfiguration, error) {
	versioned := &proxyv1alpha1.KubeProxyConfiguration{Mode: "iptables", NodePortAddresses: []string{p.address + "/32"}}
	proxyscheme.Scheme.Default(versioned)
	config := &proxyconfig.KubeProxyConfiguration{}
	if err := proxyscheme.Scheme.Convert(versioned, config, nil); err != nil {
		return nil, err
	}
	config.MinSyncPeriod.Duration = 0
	config.Linux.OOMScoreAdj = nil
	config.MetricsBindAddress = ""
	return config, nil
}
