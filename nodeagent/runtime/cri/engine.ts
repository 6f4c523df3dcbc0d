/**
 * The engine as one agent sees it: its calls, and by their labels the containers and sandboxes that are the agent's,
 * whoever else the engine works for. Without an endpoint it is a containerd of the node's own.
 *
 * Invariant: a call finds the node's own engine running, though it died a moment ago.
 */
import { ApiError } from '../../../api/meta/api-error.ts';
import type { Clock } from '../../../api/meta/clock.ts';
import { Containerd } from './containerd.ts';
import { type CallOptions, CriClient } from './cri-client.ts';
import { labels } from './cri-config.ts';
import type { Calls, ListedContainer, ListedSandbox, Method } from './cri-messages.ts';

export interface EngineOptions {
  rootDirectory: string;
  runDirectory: string;
  /** `unix:///run/containerd/containerd.sock` */
  endpoint: string | undefined;
  clock: Clock;
}

export class Engine {
  readonly endpoint: string;
  /** What the agent's things are labelled with. */
  readonly agent: string;
  readonly #own: Containerd | undefined;
  readonly #client: CriClient;

  constructor({ endpoint, clock, ...place }: EngineOptions) {
    this.agent = place.rootDirectory;
    if (endpoint === undefined) this.#own = new Containerd(place, clock);
    this.endpoint = this.#own?.endpoint ?? endpoint ?? '';
    this.#client = new CriClient(this.endpoint);
  }

  async call<M extends Method>(
    method: M,
    request: Calls[M][0],
    options: CallOptions = {},
  ): Promise<Calls[M][1]> {
    await this.#own?.ensure();
    return this.#client.call(method, request, options);
  }

  async containers(
    wanted: Record<string, string> = {},
    filter: { state?: { state: number } } = {},
  ): Promise<ListedContainer[]> {
    const labelSelector = { ...wanted, [labels.agent]: this.agent };
    return (await this.call('ListContainers', { filter: { labelSelector, ...filter } })).containers;
  }

  async sandboxes(wanted: Record<string, string> = {}): Promise<ListedSandbox[]> {
    const labelSelector = { ...wanted, [labels.agent]: this.agent };
    return (await this.call('ListPodSandbox', { filter: { labelSelector } })).items;
  }

  async find(cid: string): Promise<ListedContainer | undefined> {
    return (await this.containers({ [labels.cid]: cid }))[0];
  }

  /** Throws ApiError NotFound. */
  async existing(cid: string): Promise<ListedContainer> {
    const found = await this.find(cid);
    if (found) return found;
    throw new ApiError('NotFound', `the engine has no container ${cid}`);
  }

  close(): void {
    this.#client.close();
  }

  /** For the end of a node, when nothing of it is left: its own engine goes too. */
  async end(): Promise<void> {
    this.close();
    await this.#own?.end();
  }
}
