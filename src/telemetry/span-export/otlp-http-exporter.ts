import { OTLPExporterBase } from '@opentelemetry/otlp-exporter-base';
import { convertLegacyHttpOptions, createOtlpHttpExportDelegate } from '@opentelemetry/otlp-exporter-base/node-http';
import {
  type EncodedSpans,
  type EncodedSpansExporter,
  encodedSpansCount,
  encodedSpansSerializer,
} from './encoded-spans.ts';

/** Creates an exporter of encoded spans over OTLP with HTTP, with the settings of the standard variables. */
export function createOtlpHttpExporter(): EncodedSpansExporter {
  const headers = { 'Content-Type': 'application/x-protobuf' };
  return new OTLPExporterBase<EncodedSpans>(
    createOtlpHttpExportDelegate(
      convertLegacyHttpOptions({}, 'TRACES', 'v1/traces', headers),
      encodedSpansSerializer,
      'otlp_http_span_exporter',
      encodedSpansCount,
      undefined,
    ),
  );
}
