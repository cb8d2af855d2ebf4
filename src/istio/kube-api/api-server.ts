/** Address of an API server, and the certificate of a client that may do everything. All texts but the URL are PEM. */
export interface ApiServer {
  /** URL without a path, such as `https://10.77.0.1:6443`. */
  readonly url: string;
  /** Certificate of the authority that signed the server's certificate. */
  readonly ca: string;
  /** Certificate of the client. */
  readonly cert: string;
  /** Private key of the client's certificate. */
  readonly key: string;
  /** Path of the socket at which kubectl's apply merges a manifest into a live object. */
  readonly applySocket: string;
}
