package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kubectl/pkg/cmd/apply"
	kubectlutil "k8s.io/kubectl/pkg/util"
)

// Request of `serveApply`. A new object has no live one.
type applyRequest struct {
	Manifest unstructured.Unstructured  `json:"manifest"`
	Live     *unstructured.Unstructured `json:"live"`
}

// serveApply answers with the object that `kubectl apply` writes for a manifest, at a socket in the folder.
func (p *controlPlane) serveApply(ctx context.Context) error {
	listener, err := net.Listen("unix", filepath.Join(p.folder, "apply.sock"))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request := &applyRequest{}
		object, err := []byte{}, json.NewDecoder(r.Body).Decode(request)
		if err == nil {
			object, err = request.apply()
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Write(object)
	})}
	context.AfterFunc(ctx, func() { server.Close() })
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	return nil
}

func (r *applyRequest) apply() ([]byte, error) {
	codec := unstructured.UnstructuredJSONScheme
	wanted, err := kubectlutil.GetModifiedConfiguration(&r.Manifest, true, codec)
	if err != nil {
		return nil, err
	}
	// kubectl refuses such objects. Without the annotation, a later apply only does not remove fields.
	if len(wanted) > validation.TotalAnnotationSizeLimitB {
		if wanted, err = kubectlutil.GetModifiedConfiguration(&r.Manifest, false, codec); err != nil {
			return nil, err
		}
	}
	if r.Live == nil {
		return wanted, nil
	}
	patcher := &apply.Patcher{Mapping: &meta.RESTMapping{GroupVersionKind: r.Live.GroupVersionKind()}, Overwrite: true}
	_, merged, err := patcher.PatchLocal(r.Live, wanted, io.Discard)
	if err != nil {
		return nil, fmt.Errorf("the manifest cannot be merged: %w", err)
	}
	return runtime.Encode(codec, merged)
}
