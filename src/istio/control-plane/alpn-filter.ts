import type { KubeObject } from '../resources/objects.ts';

/**
 * Protocols that a sidecar offers in the TLS handshake between sidecars, by the protocol of the request.
 *
 * By these names the inbound listener of the callee chooses its HTTP filter chain for ports whose names say no protocol.
 * With the name `istio` alone, which istiod sets, it takes the connection for TCP: then policies about HTTP refuse all
 * requests. Istio's own build of Envoy has the filter `istio.alpn` for this; this object makes it from vanilla parts
 * (Envoy, `set_filter_state`, object `envoy.network.application_protocols`).
 *
 * The protocol of the request can differ from that of the cluster: HTTP/1.1 becomes HTTP/2 for a port named `http2`, and
 * a gateway's HTTP/2 becomes HTTP/1.1 for a port named `http`. So the lists leave out `http/1.1` and `h2`: the callee
 * agrees on no protocol and reads it from the first bytes.
 *
 * As with Istio's filter, a cluster whose metadata has `alpn_override` keeps its own list: TLS to others than sidecars.
 */
const offeredProtocols =
  "%CEL(has(xds.cluster_metadata.filter_metadata.istio.alpn_override) ? '' : " +
  "request.protocol == 'HTTP/2' ? 'istio-h2,istio' : 'istio-http/1.1,istio')%";

const router = 'envoy.filters.http.router';
const connectionManager = 'envoy.filters.network.http_connection_manager';

/** Returns the EnvoyFilter that offers Istio's protocols, for all proxies of the mesh. */
export function alpnFilter(rootNamespace: string): KubeObject {
  const value = {
    name: 'meshmock.alpn',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config',
      on_request_headers: [
        {
          object_key: 'envoy.network.application_protocols',
          format_string: { text_format_source: { inline_string: offeredProtocols } },
          shared_with_upstream: 'ONCE',
          skip_if_empty: true,
        },
      ],
    },
  };
  const configPatches = ['SIDECAR_OUTBOUND', 'GATEWAY'].map((context) => ({
    applyTo: 'HTTP_FILTER',
    match: {
      context,
      listener: { filterChain: { filter: { name: connectionManager, subFilter: { name: router } } } },
    },
    patch: { operation: 'INSERT_BEFORE', value },
  }));
  return {
    apiVersion: 'networking.istio.io/v1alpha3',
    kind: 'EnvoyFilter',
    metadata: { name: 'meshmock-alpn', namespace: rootNamespace },
    spec: { configPatches },
  };
}
