package main

import (
	"context"
	"net/http"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/kubernetes/pkg/proxy"
	proxyapis "k8s.io/kubernetes/pkg/proxy/apis"
	"k8s.io/kubernetes/pkg/proxy/healthcheck"
)

const (
	// Address on the node's loopback interface. GET answers 200 once kube-proxy and CoreDNS have applied all changes of
	// Services and endpoints that the API server has when it is asked.
	servicesAppliedAddress = "127.0.0.1:10256"
	servicesPollInterval   = 5 * time.Millisecond
)

// serveServicesApplied answers at servicesAppliedAddress.
func (p *controlPlane) serveServicesApplied(ctx context.Context) error {
	server := &http.Server{
		Addr: servicesAppliedAddress,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := p.waitForServices(r.Context()); err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
			}
		}),
	}
	context.AfterFunc(ctx, func() { server.Close() })
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		return err
	}
	return nil
}

func (p *controlPlane) waitForServices(ctx context.Context) error {
	services, err := p.client.CoreV1().Services("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	slices, err := p.client.DiscoveryV1().EndpointSlices("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	if err := wait.PollUntilContextCancel(ctx, servicesPollInterval, true, func(context.Context) (bool, error) {
		return p.proxy.has(services, slices) && p.hasNames(services, slices), nil
	}); err != nil {
		return err
	}
	return p.proxy.apply(ctx)
}

// hasNames reports whether CoreDNS has the objects of lists.
func (p *controlPlane) hasNames(services *v1.ServiceList, slices *discovery.EndpointSliceList) bool {
	names := p.names.Load()
	if names == nil {
		return false
	}
	wanted, wantedSlices := versions{}, versions{}
	for _, service := range services.Items {
		wanted.set(&service)
		if _, err := names.APIConn.GetNamespaceByName(service.Namespace); err != nil {
			return false
		}
	}
	for _, slice := range slices.Items {
		wantedSlices.set(&slice)
	}
	own, ownSlices := versions{}, versions{}
	for _, one := range names.APIConn.ServiceList() {
		own[types.NamespacedName{Namespace: one.Namespace, Name: one.Name}] = one.Version
	}
	for _, one := range names.APIConn.EndpointsList() {
		ownSlices[types.NamespacedName{Namespace: one.Namespace, Name: one.Name}] = one.Version
	}
	return own.include(wanted, services.ResourceVersion) && ownSlices.include(wantedSlices, slices.ResourceVersion)
}

// kube-proxy with the versions of the objects that it has received.
type followedProxy struct {
	proxy.Provider
	health *healthcheck.ProxyHealthServer
	mutex  sync.Mutex
	services,
	slices versions
}

func (p *followedProxy) OnServiceAdd(service *v1.Service) {
	p.Provider.OnServiceAdd(service)
	p.received(func() { p.services.set(service) })
}

func (p *followedProxy) OnServiceUpdate(old, service *v1.Service) {
	p.Provider.OnServiceUpdate(old, service)
	p.received(func() { p.services.set(service) })
}

func (p *followedProxy) OnServiceDelete(service *v1.Service) {
	p.Provider.OnServiceDelete(service)
	p.received(func() { p.services.delete(service) })
}

func (p *followedProxy) OnEndpointSliceAdd(slice *discovery.EndpointSlice) {
	p.Provider.OnEndpointSliceAdd(slice)
	p.received(func() { p.slices.set(slice) })
}

func (p *followedProxy) OnEndpointSliceUpdate(old, slice *discovery.EndpointSlice) {
	p.Provider.OnEndpointSliceUpdate(old, slice)
	p.received(func() { p.slices.set(slice) })
}

func (p *followedProxy) OnEndpointSliceDelete(slice *discovery.EndpointSlice) {
	p.Provider.OnEndpointSliceDelete(slice)
	p.received(func() { p.slices.delete(slice) })
}

func (p *followedProxy) received(change func()) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	change()
}

// has reports whether kube-proxy has received the objects of lists, without those that it does not read.
func (p *followedProxy) has(services *v1.ServiceList, slices *discovery.EndpointSliceList) bool {
	wanted, wantedSlices := versions{}, versions{}
	for _, service := range services.Items {
		_, hasOtherProxy := service.Labels[proxyapis.LabelServiceProxyName]
		if service.Spec.ClusterIP != v1.ClusterIPNone && !hasOtherProxy {
			wanted.set(&service)
		}
	}
	for _, slice := range slices.Items {
		if _, isHeadless := slice.Labels[v1.IsHeadlessService]; !isHeadless {
			wantedSlices.set(&slice)
		}
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.services.include(wanted, services.ResourceVersion) && p.slices.include(wantedSlices, slices.ResourceVersion)
}

// apply brings the rules up to date with what kube-proxy has received. OnServiceSynced does so before it returns, and
// has no other effect once kube-proxy has started.
func (p *followedProxy) apply(ctx context.Context) error {
	startedAt := time.Now()
	return wait.PollUntilContextCancel(ctx, servicesPollInterval, true, func(context.Context) (bool, error) {
		p.Provider.OnServiceSynced()
		return p.health.Health().Status[v1.IPv4Protocol].LastUpdated.After(startedAt), nil
	})
}

// Resource versions of objects of one kind.
type versions map[types.NamespacedName]string

func (v versions) set(object metav1.Object) {
	v[nameOf(object)] = object.GetResourceVersion()
}

func (v versions) delete(object metav1.Object) {
	delete(v, nameOf(object))
}

// include reports whether each object of a list is here in its version or a newer one, and none that was deleted before
// the version of the list.
func (v versions) include(list versions, version string) bool {
	for name, listed := range list {
		if isOlder(v[name], listed) {
			return false
		}
	}
	for name, own := range v {
		if _, isListed := list[name]; !isListed && isOlder(own, version) {
			return false
		}
	}
	return true
}

func nameOf(object metav1.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetName()}
}

// isOlder reports whether a version is older than another one, or absent.
func isOlder(version, other string) bool {
	order, err := resourceversion.CompareResourceVersion(version, other)
	return err != nil || order < 0
}
