/** How to reach one cluster and as whom: what a kubeconfig context comes down to. */
export interface ClusterConfig {
  /** `https://host:port[/prefix]`. */
  server: string;
  /** PEM. Absent: the system's authorities. */
  ca?: string;
  /** Do not verify the server's certificate. */
  insecureSkipTlsVerify?: boolean;
  /** The name the server's certificate must have, when it is not the host of `server`. */
  tlsServerName?: string;
  /** Who we are: a client certificate with its key (PEM), or a bearer token. */
  clientCertificate?: string;
  clientKey?: string;
  token?: string;
  /** Namespace of commands that name none. */
  namespace: string;
  /** Name of the kubeconfig context this came from. */
  context?: string;
}
