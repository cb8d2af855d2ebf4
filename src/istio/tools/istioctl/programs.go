//go:build tools

// Package programs keeps what is built in go.mod.
package programs

import _ "istio.io/istio/istioctl/cmd/istioctl"
