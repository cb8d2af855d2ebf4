package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"time"

	"github.com/vishvananda/netns"
	certutil "k8s.io/client-go/util/cert"
	"k8s.io/cri-streaming/pkg/streaming/portforward"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
)

const (
	kubeletPort       = 10250
	streamIdleTimeout = 4 * time.Hour
)

// The part of the kubelet's API that kubectl uses: logs, exec, attach, port-forward. Containers are processes in network
// namespaces, and another program runs them. It says where they are at a socket.
type kubeletAPI struct {
	client *http.Client
}

// Answer of the node to GET /pods/NAMESPACE/NAME and GET /pods/NAMESPACE/NAME/CONTAINER, or status 404.
type containerPlace struct {
	// Name of the pod's network namespace (ip-netns(8)), or empty for that of the node.
	NetworkNamespace string `json:"netns"`
	// Path of the container's log.
	Log string `json:"log"`
	// Path of the log of the container's run before this one, if there was one.
	PreviousLog string `json:"previousLog"`
	// Command line that runs a command in the container, without the command.
	Exec []string `json:"exec"`
}

// serveKubelet serves the API for clients with a certificate of the control plane.
func (p *controlPlane) serveKubelet(ctx context.Context) error {
	certificate, err := tls.LoadX509KeyPair(p.pki("apiserver.crt"), p.pki("apiserver.key"))
	if err != nil {
		return err
	}
	authorities, err := certutil.NewPool(p.pki("ca.crt"))
	if err != nil {
		return err
	}
	api := newKubeletAPI(p.nodeSocket)
	server := &http.Server{
		Addr:    net.JoinHostPort(p.address, strconv.Itoa(kubeletPort)),
		Handler: api.handler(),
		TLSConfig: &tls.Config{
			Certificates: []tls.Certificate{certificate},
			ClientAuth:   tls.RequireAndVerifyClientCert,
			ClientCAs:    authorities,
			// Streams upgrade the connection, which HTTP/2 does not allow.
			NextProtos: []string{"http/1.1"},
		},
	}
	context.AfterFunc(ctx, func() { server.Close() })
	return server.ListenAndServeTLS("", "")
}

func newKubeletAPI(nodeSocket string) *kubeletAPI {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", nodeSocket)
	}
	return &kubeletAPI{&http.Client{Transport: &http.Transport{DialContext: dial}, Timeout: 10 * time.Second}}
}

func (k *kubeletAPI) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", k.serveLogs)
	mux.HandleFunc("/exec/{namespace}/{pod}/{container}", k.serveExec)
	mux.HandleFunc("/attach/{namespace}/{pod}/{container}", k.serveAttach)
	mux.HandleFunc("/portForward/{namespace}/{pod}", k.servePortForward)
	return mux
}

var errNotFound = errors.New("the container does not run on this node")

// find asks the node for a container, or for a pod if the request names no container.
func (k *kubeletAPI) find(ctx context.Context, request *http.Request) (*containerPlace, error) {
	path := "/pods"
	for _, name := range []string{"namespace", "pod", "container"} {
		if value := request.PathValue(name); value != "" {
			path += "/" + url.PathEscape(value)
		}
	}
	question, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://node"+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := k.client.Do(question)
	if err != nil {
		return nil, fmt.Errorf("the node does not answer: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusNotFound {
		return nil, errNotFound
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the node answers with status %d", answer.StatusCode)
	}
	place := &containerPlace{}
	return place, json.NewDecoder(answer.Body).Decode(place)
}

// located calls a handler with the place of the request's container.
func (k *kubeletAPI) located(w http.ResponseWriter, r *http.Request, handle func(*containerPlace)) {
	switch place, err := k.find(r.Context(), r); {
	case errors.Is(err, errNotFound):
		http.Error(w, err.Error(), http.StatusNotFound)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		handle(place)
	}
}

func (k *kubeletAPI) serveExec(w http.ResponseWriter, r *http.Request) {
	options, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	k.located(w, r, func(place *containerPlace) {
		if len(place.Exec) == 0 {
			http.Error(w, "this container cannot run commands", http.StatusBadRequest)
			return
		}
		remotecommand.ServeExec(w, r, place, "", "", "", r.URL.Query()["command"], options,
			streamIdleTimeout, remotecommand.DefaultStreamCreationTimeout, remotecommand.SupportedStreamingProtocols)
	})
}

func (k *kubeletAPI) serveAttach(w http.ResponseWriter, r *http.Request) {
	options, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	k.located(w, r, func(place *containerPlace) {
		attached := attachedLog{place.Log, func(ctx context.Context) bool { return k.isSameRun(ctx, r, place) }}
		remotecommand.ServeAttach(w, r, attached, "", "", "", options,
			streamIdleTimeout, remotecommand.DefaultStreamCreationTimeout, remotecommand.SupportedStreamingProtocols)
	})
}

func (k *kubeletAPI) servePortForward(w http.ResponseWriter, r *http.Request) {
	options, err := portforward.NewV4Options(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	k.located(w, r, func(place *containerPlace) {
		portforward.ServePortForward(w, r, place, "", "", options,
			streamIdleTimeout, remotecommand.DefaultStreamCreationTimeout, portforward.SupportedProtocols)
	})
}

// PortForward connects a stream with a port of the pod's loopback interface.
func (c *containerPlace) PortForward(_ context.Context, _, _ string, port int32, stream io.ReadWriteCloser) error {
	defer stream.Close()
	connection, err := c.dial(port)
	if err != nil {
		return err
	}
	defer connection.Close()
	go func() {
		io.Copy(connection, stream)
		connection.(*net.TCPConn).CloseWrite()
	}()
	// The pod can answer after the client has ended its request, but not the other way round.
	_, err = io.Copy(stream, connection)
	return err
}

// dial connects to a port in the pod's network namespace. Only a thread can enter a namespace, so this one ends with it.
func (c *containerPlace) dial(port int32) (connection net.Conn, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if c.NetworkNamespace != "" {
			runtime.LockOSThread()
			var namespace netns.NsHandle
			if namespace, err = netns.GetFromName(c.NetworkNamespace); err != nil {
				return
			}
			defer namespace.Close()
			if err = netns.Set(namespace); err != nil {
				return
			}
		}
		connection, err = net.Dial("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
	}()
	<-done
	return connection, err
}
