// Package jaegerstorage with one kind of storage, memory, in place of Jaeger's own with all of them.
package jaegerstorage

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"

	"github.com/jaegertracing/jaeger/internal/storage/v1"
	v1 "github.com/jaegertracing/jaeger/internal/storage/v1/memory"
	"github.com/jaegertracing/jaeger/internal/storage/v2/api/tracestore"
	"github.com/jaegertracing/jaeger/internal/storage/v2/memory"
	"github.com/jaegertracing/jaeger/internal/telemetry"
)

// Config names the storages.
type Config struct {
	TraceBackends map[string]struct {
		Memory v1.Configuration `mapstructure:"memory"`
	} `mapstructure:"backends"`
}

type storageExt struct {
	config    *Config
	telset    component.TelemetrySettings
	factories map[string]tracestore.Factory
}

func newStorageExt(config *Config, telset component.TelemetrySettings) *storageExt {
	return &storageExt{config: config, telset: telset, factories: map[string]tracestore.Factory{}}
}

func (s *storageExt) Start(_ context.Context, host component.Host) error {
	for name, backend := range s.config.TraceBackends {
		factory, err := memory.NewFactory(backend.Memory, telemetry.FromOtelComponent(s.telset, host))
		if err != nil {
			return err
		}
		s.factories[name] = factory
	}
	return nil
}

func (*storageExt) Shutdown(context.Context) error { return nil }

// GetTraceStoreFactory finds a storage by its name.
func GetTraceStoreFactory(name string, host component.Host) (tracestore.Factory, error) {
	for id, ext := range host.GetExtensions() {
		if id.Type() == componentType {
			if factory, ok := ext.(*storageExt).factories[name]; ok {
				return factory, nil
			}
		}
	}
	return nil, fmt.Errorf("there is no storage %q", name)
}

// GetMetricStorageFactory finds nothing: there is no storage of metrics.
func GetMetricStorageFactory(name string, _ component.Host) (storage.MetricStoreFactory, error) {
	return nil, fmt.Errorf("there is no storage of metrics %q", name)
}
