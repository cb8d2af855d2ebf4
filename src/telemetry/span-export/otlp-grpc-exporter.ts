import { OTLPExporterBase } from '@opentelemetry/otlp-exporter-base';
import { convertLegacyOtlpGrpcOptions, createOtlpGrpcExportDelegate } from '@opentelemetry/otlp-grpc-exporter-base';
import {
  type EncodedSpans,
  type EncodedSpansExporter,
  encodedSpansCount,
  encodedSpansSerializer,
} from './encoded-spans.ts';

/** Creates an exporter of encoded spans over OTLP with gRPC, with the settings of the standard variables. */
export function createOtlpGrpcExporter(): EncodedSpansExporter {
  return new OTLPExporterBase<EncodedSpans>(
    createOtlpGrpcExportDelegate(
      convertLegacyOtlpGrpcOptions({}, 'TRACES'),
      encodedSpansSerializer,
      'otlp_grpc_span_exporter',
      encodedSpansCount,
      undefined,
      'TraceExportService',
      '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
    ),
  );
}
