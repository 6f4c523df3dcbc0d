/**
 * A watch on etcd that survives lost connections without loss or repetition.
 *
 * Rules (each one a fault measured in etcd3's own watcher or in etcd 3.4.23): only delivered events move
 * `next`, never a header; what is older than `next` is dropped; fragments are joined before anything is
 * delivered; a compacted start is an Expired for the caller; an etcd that went back in time, or is another
 * one, too. Resumption asks for the revision before `next`: etcd accepts a start at the compact revision
 * itself, where it may have dropped deletes already.
 */
import type { Etcd3, IDuplexStream, IWatchRequest, IWatchResponse } from 'etcd3';
import { ApiError, asApiError } from '../meta/api-error.ts';
import type { Clock } from '../meta/clock.ts';
import type { Logger } from '../meta/logger.ts';
import { Loop } from '../meta/loop.ts';
import type { KeySpace } from './etcd-codec.ts';
import type { EtcdEndpoints } from './etcd-endpoints.ts';
import type { Revision, StoreEvent, Watch, WatchHandler } from './store.ts';
import { expired } from './store-errors.ts';
import { eventRevision } from './store-event.ts';

type Stream = IDuplexStream<IWatchRequest, IWatchResponse>;

export interface EtcdWatchOptions {
  endpoints: EtcdEndpoints;
  keys: KeySpace;
  prefix: string;
  fromRevision: Revision;
  handler: WatchHandler;
  clock: Clock;
  logger: Logger;
}

const reconnectPauseMs = 20;
/** A member that lags behind looks like an etcd that lost data; this many looks tell them apart. */
const maxRegressions = 6;

export class EtcdWatch implements Watch {
  readonly #options: EtcdWatchOptions;
  readonly #loop: Loop;
  /** The first revision not delivered yet. */
  #next: Revision;
  /** The last revision delivered: etcd has at least this much. */
  #seen: Revision = 0;
  #clusterId: string | undefined;
  #regressions = 0;
  #stream: Stream | undefined;
  #fragments: StoreEvent[] = [];
  #ended = false;

  constructor(options: EtcdWatchOptions) {
    this.#options = options;
    this.#next = Math.max(1, options.fromRevision);
    this.#loop = new Loop({
      name: 'etcd-watch',
      intervalMs: reconnectPauseMs,
      backoff: { baseMs: 50, maxMs: 2_000 },
      clock: options.clock,
      logger: options.logger,
      step: () => this.#followOnce(),
    }).start();
  }

  cancel(): void {
    this.#ended = true;
    this.#stream?.cancel();
    void this.#loop.stop();
  }

  fail(error: ApiError): void {
    if (this.#ended) return;
    this.cancel();
    this.#options.handler.onError(error);
  }

  /** One stream, from its opening to its end. Throws when it did not get as far as being created. */
  async #followOnce(): Promise<void> {
    const { endpoints } = this.#options;
    const stream = await endpoints.openStream((client: Etcd3, call) => client.watchClient.watch(call));
    this.#stream = stream;
    this.#fragments = [];
    let created = false;
    const failure = await new Promise<unknown>((resolve) => {
      stream.on('data', (response) => {
        if (this.#ended) return;
        created ||= response.created && !response.canceled && this.#checkOrigin(response);
        if (created || response.canceled) this.#onResponse(response);
        if (!created || response.canceled) stream.cancel();
      });
      stream.on('error', resolve);
      stream.on('end', () => resolve(undefined));
      stream.write({ create_request: this.#createRequest() });
      if (this.#ended) stream.cancel();
    });
    if (this.#ended) return;
    endpoints.moveOn();
    if (!created) throw new ApiError('ServiceUnavailable', 'etcd did not open the watch', {}, failure);
  }

  #createRequest(): NonNullable<IWatchRequest['create_request']> {
    const { keys, prefix } = this.#options;
    return {
      ...keys.range(prefix),
      start_revision: String(Math.max(1, this.#next - 1)),
      fragment: true,
    };
  }

  /** Is this the etcd we know, and at least as far as we have seen it? */
  #checkOrigin({ header }: IWatchResponse): boolean {
    this.#clusterId ??= header.cluster_id;
    const isOther = header.cluster_id !== this.#clusterId;
    if (!isOther && Number(header.revision) >= this.#seen) {
      this.#regressions = 0;
      return true;
    }
    if (isOther || ++this.#regressions >= maxRegressions) {
      this.fail(new ApiError('Expired', `etcd does not have revision ${this.#seen} any more: list again`));
    }
    return false;
  }

  #onResponse(response: IWatchResponse): void {
    if (response.canceled) {
      const compactRevision = Number(response.compact_revision);
      if (compactRevision > 0) this.fail(expired(this.#next, compactRevision));
      else this.#options.logger.warn({ reason: response.cancel_reason }, 'etcd cancelled the watch');
      return;
    }
    for (const event of response.events) {
      if (Number(event.kv.mod_revision) >= this.#next) this.#fragments.push(this.#options.keys.event(event));
    }
    if (!response.fragment && this.#fragments.length > 0) this.#deliver();
  }

  #deliver(): void {
    const events = this.#fragments;
    const last = eventRevision(events.at(-1)!);
    this.#fragments = [];
    this.#seen = last;
    this.#next = last + 1;
    try {
      this.#options.handler.onEvents(events, last);
    } catch (error) {
      this.fail(asApiError(error));
    }
  }
}
