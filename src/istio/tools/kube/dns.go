package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/file"
	"github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	"k8s.io/klog/v2"
)

// The Corefile of kubeadm, with a file of hosts outside the cluster in place of another name server. Names are cached
// for a second, because a change must be in effect at once. The second server is the one of the node's machine, which
// knows no names of the cluster. The arguments are the folder and the addresses of both.
const corefile = `(outside) {
	errors
	file %[1]s/external.zone {
		reload 50ms
	}
	loadbalance
}
. {
	bind %[2]s
	kubernetes cluster.local in-addr.arpa ip6.arpa {
		kubeconfig %[1]s/kubeconfig
		pods insecure
		fallthrough in-addr.arpa ip6.arpa
		ttl 1
	}
	follow
	import outside
}
. {
	bind %[3]s
	import outside
}
`

// Zone without hosts, until the node writes one. Its serial number is 1, because CoreDNS takes 0 for no change.
const emptyZone = ". 1 IN SOA ns.dns. hostmaster. 1 7200 1800 86400 1\n"

// runDNS does as the command coredns.
func (p *controlPlane) runDNS(ctx context.Context) error {
	if err := p.createZone(); err != nil {
		return err
	}
	if err := dnsserver.Register(); err != nil {
		return err
	}
	dnsserver.Quiet = true
	dnsserver.Directives = append(dnsserver.Directives, "follow")
	plugin.Register("follow", p.followNames)
	instance, err := caddy.Start(caddy.CaddyfileInput{
		ServerTypeName: "dns",
		Filepath:       filepath.Join(p.folder, "Corefile"),
		Contents:       fmt.Appendf(nil, corefile, p.folder, p.address, p.resolverAddress),
	})
	if err != nil {
		return err
	}
	// CoreDNS takes over the logs of Kubernetes' own libraries.
	klog.ClearLogger()
	<-ctx.Done()
	return instance.Stop()
}

// createZone writes a zone file if the node has not written one yet.
func (p *controlPlane) createZone() error {
	file, err := os.OpenFile(filepath.Join(p.folder, "external.zone"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.WriteString(emptyZone)
	return err
}

// followNames is the setup of a plugin that keeps the plugin kubernetes of the same server, for waitForServices.
func (p *controlPlane) followNames(c *caddy.Controller) error {
	c.OnStartup(func() error {
		names, isFound := dnsserver.GetConfig(c).Handler("kubernetes").(*kubernetes.Kubernetes)
		if !isFound {
			return errors.New("CoreDNS has no plugin kubernetes")
		}
		p.names.Store(names)
		return nil
	})
	return nil
}
