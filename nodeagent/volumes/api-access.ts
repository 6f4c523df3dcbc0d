/**
 * The way of a task's programs to the API: where it is, whom to trust, and a token of the task's service account, in
 * the places where Kubernetes' clients look for them. Tokens are bound to the task, asked for by the agent, and
 * asked for anew when four fifths of their time are over.
 */
import { apiVersionOf, names } from '../../api/kinds/names.ts';
import type { TaskSpec } from '../../api/kinds/task.ts';
import type { Container } from '../../api/kinds/task-spec.ts';
import type { Volume, VolumeMount } from '../../api/kinds/task-volumes.ts';
import type { Clock } from '../../api/meta/clock.ts';
import type { Client } from '../../client/client.ts';
import type { NodeFacts } from '../hooks/hook.ts';
import type { TaskRecord } from '../task/task-record.ts';

const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';

/** A ConfigMap that every namespace has in Kubernetes, and nobody keeps here: every node knows what is in it. */
export const rootCertificates = 'kube-root-ca.crt';

/** As Kubernetes makes it. Its name is none that a task could give. */
export const apiAccessVolume: Volume = {
  name: 'kube_api_access',
  projected: {
    defaultMode: 0o644,
    sources: [
      { serviceAccountToken: { path: 'token', expirationSeconds: 3600 } },
      { configMap: { name: rootCertificates } },
      { downwardAPI: { items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
    ],
  },
};

/** For tasks that name an account, on nodes that can mount something. */
export function hasApiAccess(
  { apiAccess, cgroups }: Pick<NodeFacts, 'apiAccess' | 'cgroups'>,
  {
    serviceAccountName,
    automountServiceAccountToken = true,
  }: Pick<TaskSpec, 'serviceAccountName' | 'automountServiceAccountToken'>,
): boolean {
  const isWanted = serviceAccountName !== undefined && automountServiceAccountToken;
  return isWanted && apiAccess !== undefined && cgroups !== undefined;
}

/** What a container mounts beside its own; nothing when it has something else in that place. */
export function apiAccessMounts({ volumeMounts = [] }: Pick<Container, 'volumeMounts'>): VolumeMount[] {
  const isTaken = volumeMounts.some((mount) => mount.mountPath === mountPath);
  return isTaken ? [] : [{ name: apiAccessVolume.name, mountPath, readOnly: true }];
}

export interface TokenWish {
  audience?: string;
  expirationSeconds: number;
}

interface Held {
  token: Promise<string>;
  renewMs: number;
}

export interface ApiAccessOptions {
  client: Pick<Client, 'raw'>;
  /** Base URL of the API server, and the PEM of who signed its certificate. */
  server: string;
  certificateAuthority: string;
  clock: Clock;
}

export class ApiAccess {
  /** Of the ConfigMap of that name. */
  readonly rootCertificates: ReadonlyMap<string, Buffer>;
  readonly variables: Readonly<Record<string, string>>;
  readonly #client: ApiAccessOptions['client'];
  readonly #clock: Clock;
  readonly #held = new Map<string, Held>();

  constructor({ client, server, certificateAuthority, clock }: ApiAccessOptions) {
    this.#client = client;
    this.#clock = clock;
    this.rootCertificates = new Map([['ca.crt', Buffer.from(certificateAuthority)]]);
    const { hostname, port } = new URL(server);
    const number = port === '' ? '443' : port;
    this.variables = {
      KUBERNETES_SERVICE_HOST: hostname.replace(/^\[|\]$/g, ''),
      KUBERNETES_SERVICE_PORT: number,
      KUBERNETES_SERVICE_PORT_HTTPS: number,
    };
  }

  /** Throws ApiError when the server gives none, or cannot be asked. */
  token({ uid, task }: Pick<TaskRecord, 'uid' | 'task'>, wish: TokenWish): Promise<string> {
    const nowMs = this.#clock.monotonicMs();
    for (const [key, { renewMs }] of this.#held) if (renewMs <= nowMs) this.#held.delete(key);
    const key = JSON.stringify([uid, wish.audience, wish.expirationSeconds]);
    const known = this.#held.get(key);
    if (known) return known.token;
    const token = this.#ask(task, wish);
    this.#held.set(key, { token, renewMs: nowMs + wish.expirationSeconds * 800 });
    token.catch(() => this.#held.delete(key));
    return token;
  }

  async #ask(
    { metadata, spec }: TaskRecord['task'],
    { audience, expirationSeconds }: TokenWish,
  ): Promise<string> {
    const { namespace = '', name, uid } = metadata;
    const account = spec.serviceAccountName ?? 'default';
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {
        audiences: audience === undefined ? [] : [audience],
        expirationSeconds,
        boundObjectRef: { apiVersion: apiVersionOf(names.Pod), kind: names.Pod.kind, name, uid },
      },
    };
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
    const answer = (await this.#client.raw(path, { method: 'POST', body })) as { status: { token: string } };
    return answer.status.token;
  }
}
