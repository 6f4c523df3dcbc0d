/** What `gantry up`, `down` and `status` take: the shape commander hands over. */

export type Driver = 'auto' | 'oci' | 'cri' | 'unconfined';

export interface UpOptions {
  /** Manifests to apply once the cluster is up. */
  filename?: string[];
  name?: string;
  nodes?: string;
  /** True for one member, or the number of members. */
  etcd?: boolean | string;
  /** `etcd://host:port,…`: a cluster that exists. */
  store?: string;
  /** How long to wait for nodes and for what was applied: 60s, 2m. */
  wait?: string;
  driver?: Driver;
  port?: string;
  /** For every node agent, without the dashes: `cpu-policy=static`. */
  agentFlag?: string[];
}

export interface DownOptions {
  name?: string;
  /** Keep store, logs and images for the next `up`. */
  keepData?: boolean;
}

export interface StatusOptions {
  name?: string;
}

/** Where the commands write. */
export interface Output {
  out: (text: string) => void;
  err: (text: string) => void;
}
