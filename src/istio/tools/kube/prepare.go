package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"

	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
)

const (
	prepareTimeout = 3 * time.Minute
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
	flags.StringVar(&out, "out", "", "folder for the data")
	return command
}

func (s settings) prepare(ctx context.Context, files []string, out string) error {
	objects, err := readObjects(files)
	if err != nil {
		return err
	}
	plane, err := s.start(ctx)
	if err != nil {
		return err
	}
	if err := plane.waitForAPI(ctx); err != nil {
		return err
	}
	applier, err := newApplier(s.kubeconfig())
	if err != nil {
		return err
	}
	// Objects of a kind can be made once its definition is served.
	for _, definitions := range []bool{true, false} {
		for _, object := range objects {
			if (object.GetKind() == "CustomResourceDefinition") == definitions {
				if err := applier.apply(ctx, object); err != nil {
					return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
				}
			}
		}
	}
	if err := plane.waitForQuiet(ctx); err != nil {
		return err
	}
	plane.stop()
	for range []string{"API server", "controllers"} {
		select {
		case err := <-plane.ended:
			if err != nil && !errors.Is(err, context.Canceled) {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := shrink(plane.etcd); err != nil {
		return err
	}
	plane.etcd.Close()
	return saveEtcd(filepath.Join(s.folder, "etcd"), out)
}

func readObjects(files []string) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	for _, file := range files {
		reader, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer reader.Close()
		decoder := yaml.NewYAMLOrJSONDecoder(reader, 4096)
		for {
			object := &unstructured.Unstructured{}
			if err := decoder.Decode(object); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			if len(object.Object) > 0 {
				objects = append(objects, object)
			}
		}
	}
	return objects, nil
}

type applier struct {
	client dynamic.Interface
	mapper *restmapper.DeferredDiscoveryRESTMapper
}

func newApplier(kubeconfig string) (*applier, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	kinds, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	return &applier{client, restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(kinds))}, nil
}

// apply applies an object, and waits until its kind and its namespace exist.
func (a *applier) apply(ctx context.Context, object *unstructured.Unstructured) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, 20*time.Second, true, func(ctx context.Context) (bool, error) {
		last = a.applyOnce(ctx, object)
		if meta.IsNoMatchError(last) || apierrors.IsNotFound(last) {
			a.mapper.Reset()
			return false, nil
		}
		return true, last
	})
	if last != nil {
		return last
	}
	return err
}

func (a *applier) applyOnce(ctx context.Context, object *unstructured.Unstructured) error {
	kind := object.GroupVersionKind()
	mapping, err := a.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return err
	}
	var resource dynamic.ResourceInterface = a.client.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		namespace := object.GetNamespace()
		if namespace == "" {
			namespace = metav1.NamespaceDefault
		}
		resource = a.client.Resource(mapping.Resource).Namespace(namespace)
	}
	_, err = resource.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: "meshmock", Force: true})
	return err
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
