/**
 * Paths of requests without conditions. No server has the method of gRPC. Over TCP it is the text: a proxy that tells TLS
 * from plain text waits for the first 5 bytes, the length of a record's header.
 */
export const basePaths = { http: '/', grpc: '/probe.Service/Method', tcp: '/probe' } as const;
