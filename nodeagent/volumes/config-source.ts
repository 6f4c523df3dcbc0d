/**
 * ConfigMaps and Secrets as the API server has them now, asked for once for all tasks of the node within a
 * few seconds. Nothing of them is kept longer: what a task goes on with when nobody answers is its own.
 */
import { ConfigMap, Secret } from '../../api/kinds/resources.ts';
import { ApiError, hasReason } from '../../api/meta/api-error.ts';
import { type Clock, sleep } from '../../api/meta/clock.ts';
import type { Client, ObjectKey } from '../../client/client.ts';

export type ConfigKind = 'configMap' | 'secret';
/** Bytes by key. */
export type ConfigData = ReadonlyMap<string, Buffer>;

const maxAgeMs = 3000;
const maxWaitMs = 5000;

export class ConfigSource {
  readonly #client: Pick<Client, 'get'>;
  readonly #clock: Clock;
  readonly #answers = new Map<string, { atMs: number; data: Promise<ConfigData | undefined> }>();

  constructor(client: Pick<Client, 'get'>, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** Undefined when there is no such object; throws ApiError when that cannot be found out. */
  read(kind: ConfigKind, key: ObjectKey): Promise<ConfigData | undefined> {
    const nowMs = this.#clock.monotonicMs();
    for (const [known, { atMs }] of this.#answers) if (nowMs - atMs > maxAgeMs) this.#answers.delete(known);
    const id = `${kind}/${key.namespace}/${key.name}`;
    const answer = this.#answers.get(id) ?? { atMs: nowMs, data: this.#askInTime(kind, key) };
    this.#answers.set(id, answer);
    answer.data.catch(() => this.#answers.delete(id));
    return answer.data;
  }

  /** A container that is to start, or to end, does not wait long for a server that is away. */
  async #askInTime(kind: ConfigKind, key: ObjectKey): Promise<ConfigData | undefined> {
    const answered = new AbortController();
    const late = sleep(this.#clock, maxWaitMs, answered.signal).then(() => {
      throw new ApiError('Timeout', `the API server did not answer within ${maxWaitMs / 1000} s`);
    });
    try {
      return await Promise.race([this.#ask(kind, key), late]);
    } finally {
      late.catch(() => {});
      answered.abort();
    }
  }

  async #ask(kind: ConfigKind, key: ObjectKey): Promise<ConfigData | undefined> {
    try {
      return kind === 'secret'
        ? decoded({}, (await this.#client.get(Secret, key)).data)
        : await this.#client.get(ConfigMap, key).then(({ data, binaryData }) => decoded(data, binaryData));
    } catch (error) {
      if (hasReason(error, 'NotFound')) return undefined;
      throw error;
    }
  }
}

function decoded(texts: Record<string, string> = {}, base64: Record<string, string> = {}): ConfigData {
  return new Map([
    ...Object.entries(texts).map(([key, value]) => [key, Buffer.from(value)] as const),
    ...Object.entries(base64).map(([key, value]) => [key, Buffer.from(value, 'base64')] as const),
  ]);
}
