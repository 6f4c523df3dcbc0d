/**
 * Images for tasks that are to start: what is here and may be used is given at once; the rest is pulled beside
 * the task's turn, which is woken when that ended.
 *
 *   asked ─▶ pulling ─▶ ready
 *              └─▶ failed (ErrImagePull) ─▶ backing off (ImagePullBackOff, 10 s × 2 … 5 min) ─▶ pulling
 *
 * Invariant: one digest is fetched once at a time, however many tasks want it.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { ApiError, asApiError } from '../../api/meta/api-error.ts';
import type { Clock } from '../../api/meta/clock.ts';
import { InFlightLimit } from '../../api/meta/in-flight-limit.ts';
import { type Credential, credentialsFor, fingerprint, parseDockerConfig } from './credentials.ts';
import type { MakeRoom } from './disk-space.ts';
import { makePublic, readAccess, restrict } from './image-access.ts';
import type { ImagePeers } from './image-peers.ts';
import { fetchImage, type ResolvedImage, resolveImage } from './image-pull.ts';
import { findImage, imageAt, lookUp, type ReadyImage, touchImage, writeName } from './image-store.ts';
import {
  defaultPullPolicy,
  digestOf,
  imageName,
  normalReference,
  type PullPolicy,
  pinned,
} from './reference.ts';
import { noRegistries, type Registries } from './registries.ts';

export interface PullerOptions {
  directory: string;
  clock: Clock;
  registries?: Registries;
  /** The node's own logins: a Docker configuration file, read at every pull. */
  authFile?: string;
  makeRoom?: MakeRoom;
  /** Other nodes that may have the image; absent: there are none. */
  peers?: Pick<ImagePeers, 'having'>;
}

export interface ImageRequest {
  /** Whose pull it is: the container's own, over all its starts. */
  owner: string;
  image: string;
  policy?: PullPolicy;
  /** The task's own logins, asked for only when they matter. */
  logins: () => Promise<Credential[]>;
  /** The pull ended, in whichever way. */
  wake: () => void;
  onEvent: (type: 'Normal' | 'Warning', reason: string, message: string) => void;
}

export type ImageAnswer =
  | { state: 'ready'; image: ReadyImage; imageID: string }
  | { state: 'waiting'; reason: string; message: string; retryAtMs: number };

type Pull =
  | { state: 'pulling' }
  | { state: 'pulled'; imageID: string; digest: string }
  | { state: 'failed'; failures: number; atMs: number; reason: string; message: string };

const pullsAtOnce = 3;
const deadlineMs = 1_800_000;
const baseBackoffMs = 10_000;
const maxBackoffMs = 300_000;
/** How long the failure itself is shown, before the back-off. */
const failureShownMs = 2000;
const lookAgainMs = 10_000;

export class ImagePuller {
  readonly #options: Required<Pick<PullerOptions, 'registries'>> & PullerOptions;
  readonly #pulls = new Map<string, Pull>();
  readonly #fetches = new Map<string, Promise<void>>();
  readonly #slots = new InFlightLimit(pullsAtOnce);
  readonly #stopped = new AbortController();
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(options: PullerOptions) {
    this.#options = { registries: noRegistries, ...options };
  }

  /** Never throws for what is wrong with the image, its registry or the network. */
  async ensure(request: ImageRequest): Promise<ImageAnswer> {
    const { directory, clock } = this.#options;
    const normal = normalReference(request.image);
    if (normal === undefined)
      return this.#wait('InvalidImageName', `${JSON.stringify(request.image)} is no image reference`);
    const done = this.#takePulled(request.owner);
    if (done) return this.#ready(done.digest, done.imageID);
    const running = this.#pulls.get(request.owner);
    if (running?.state === 'pulling') return this.#wait('ContainerCreating', `pulling image ${normal}`);

    const here = await findImage(directory, normal);
    const isAllowed = here && (await this.#mayUse(here.digest, normal, request));
    const policy = request.policy ?? (await this.#defaultPolicy(normal));
    if (policy === 'Never' && !isAllowed) return this.#wait('ErrImageNeverPull', neverMessage(normal, here));
    if (here && isAllowed && policy !== 'Always') {
      this.#pulls.delete(request.owner);
      await touchImage(directory, here.digest, clock.now());
      return { state: 'ready', image: here, imageID: await this.#imageId(normal, here.digest) };
    }
    if (running?.state === 'failed') {
      const retryAtMs = running.atMs + backoffMs(running.failures);
      const { reason, message } = running;
      if (clock.now() < running.atMs + failureShownMs)
        return { state: 'waiting', reason, message, retryAtMs: running.atMs + failureShownMs };
      if (clock.now() < retryAtMs)
        return {
          state: 'waiting',
          reason: 'ImagePullBackOff',
          message: `Back-off pulling image ${JSON.stringify(normal)}: ${message}`,
          retryAtMs,
        };
    }
    this.#start(normal, request, running?.state === 'failed' ? running.failures : 0);
    return this.#wait('ContainerCreating', `pulling image ${normal}`);
  }

  /** Nobody waits for it any more; what is under way is finished, for the next who wants it. */
  forget(owner: string): void {
    this.#pulls.delete(owner);
  }

  /** Pulls for the node itself, with its own logins; throws ApiError. */
  async pull(reference: string): Promise<{ name: string; digest: string }> {
    const normal = normalReference(reference);
    if (normal === undefined)
      throw new ApiError('BadRequest', `${JSON.stringify(reference)} is not an image reference`);
    const { digest } = await this.#pullInTime(normal, async () => []);
    return { name: normal, digest };
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new ApiError('ServiceUnavailable', 'the agent stops'));
    await Promise.allSettled(this.#underWay);
  }

  #takePulled(owner: string): Extract<Pull, { state: 'pulled' }> | undefined {
    const pull = this.#pulls.get(owner);
    if (pull?.state !== 'pulled') return undefined;
    this.#pulls.delete(owner);
    return pull;
  }

  async #ready(digest: string, imageID: string): Promise<ImageAnswer> {
    const { directory, clock } = this.#options;
    await touchImage(directory, digest, clock.now());
    const image = await imageAt(directory, digest);
    return image
      ? { state: 'ready', image, imageID }
      : this.#wait('ErrImagePull', 'the image was removed as soon as it was there');
  }

  #wait(reason: string, message: string): ImageAnswer {
    return { state: 'waiting', reason, message, retryAtMs: this.#options.clock.now() + lookAgainMs };
  }

  #start(normal: string, request: ImageRequest, failures: number): void {
    const { clock } = this.#options;
    const pull: Pull = { state: 'pulling' };
    this.#pulls.set(request.owner, pull);
    const quoted = JSON.stringify(normal);
    request.onEvent('Normal', 'Pulling', `pulling image ${quoted}`);
    const startedMs = clock.monotonicMs();
    const settle = (outcome: Pull, event: Parameters<ImageRequest['onEvent']>): void => {
      if (this.#pulls.get(request.owner) !== pull) return;
      this.#pulls.set(request.owner, outcome);
      request.onEvent(...event);
      request.wake();
    };
    void this.#pullInTime(normal, request.logins).then(
      ({ digest, namedDigest }) => {
        const seconds = ((clock.monotonicMs() - startedMs) / 1000).toFixed(1);
        settle({ state: 'pulled', digest, imageID: pinned(normal, namedDigest) }, [
          ...(['Normal', 'Pulled'] as const),
          `pulled image ${quoted} in ${seconds} s`,
        ]);
      },
      (error: unknown) => {
        const message = `pulling image ${quoted}: ${asApiError(error).message}`;
        const failure = { reason: 'ErrImagePull', message, atMs: clock.now() };
        settle({ state: 'failed', failures: failures + 1, ...failure }, ['Warning', 'Failed', message]);
      },
    );
  }

  async #pullInTime(normal: string, logins: ImageRequest['logins']): Promise<ResolvedImage> {
    const late = new AbortController();
    const timer = this.#options.clock.after(deadlineMs, () =>
      late.abort(new ApiError('Timeout', `not done within ${deadlineMs / 60_000} minutes`)),
    );
    const signal = AbortSignal.any([late.signal, this.#stopped.signal]);
    const pulling = this.#slots.run(async () => {
      signal.throwIfAborted();
      return this.#pullNow(normal, await logins(), signal);
    });
    this.#underWay.add(pulling);
    try {
      return await pulling;
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    } finally {
      this.#underWay.delete(pulling);
      timer.cancel();
    }
  }

  async #pullNow(
    normal: string,
    taskLogins: readonly Credential[],
    signal: AbortSignal,
  ): Promise<ResolvedImage> {
    const { directory, registries } = this.#options;
    await mkdir(directory, { recursive: true, mode: 0o711 });
    const logins = [...taskLogins, ...(await this.#nodeLogins())];
    const resolved = await resolveImage(normal, { registries, logins, signal });
    const { digest, namedDigest, login } = resolved;
    // Whom the node itself speaks for is everybody on it.
    const isPrivate = login !== undefined && taskLogins.includes(login);
    const isNew = (await imageAt(directory, digest)) === undefined;
    if (isPrivate) {
      const print = fingerprint(login, imageName(normal));
      await restrict(directory, digest, { fingerprint: print, isNew });
    } else await makePublic(directory, digest);
    // Nodes give one another what is for everybody alone.
    if (isNew) await this.#fetchOnce(resolved, { signal, askPeers: !isPrivate });
    const names = new Set([normal, pinned(normal, namedDigest), pinned(normal, digest)]);
    for (const name of names) await writeName(directory, name, { digest, origin: 'pulled' });
    return resolved;
  }

  /** Who comes second shares what becomes of the first. */
  #fetchOnce(image: ResolvedImage, how: { signal: AbortSignal; askPeers: boolean }): Promise<void> {
    const underWay = this.#fetches.get(image.digest);
    if (underWay) return underWay;
    const fetching = this.#fetch(image, how).finally(() => this.#fetches.delete(image.digest));
    this.#fetches.set(image.digest, fetching);
    return fetching;
  }

  async #fetch(
    image: ResolvedImage,
    { signal, askPeers }: { signal: AbortSignal; askPeers: boolean },
  ): Promise<void> {
    const { directory, makeRoom, peers } = this.#options;
    const fromPeers = askPeers ? await peers?.having(image.digest, signal) : undefined;
    const options = {
      directory,
      signal,
      ...(makeRoom ? { makeRoom } : {}),
      ...(fromPeers ? { fromPeers } : {}),
    };
    await fetchImage(image, options);
  }

  /** A task's own login counts only if the registry once took it for this very image. */
  async #mayUse(digest: string, normal: string, { logins }: ImageRequest): Promise<boolean> {
    const access = await readAccess(this.#options.directory, digest);
    if (access === 'everybody') return true;
    const name = imageName(normal);
    const own = credentialsFor(await logins(), name);
    return own.some((login) => access.has(fingerprint(login, name)));
  }

  /** What somebody loaded by hand under this name is what he wants to run. */
  async #defaultPolicy(normal: string): Promise<PullPolicy> {
    const known = await lookUp(this.#options.directory, normal);
    return known?.origin === 'loaded' ? 'IfNotPresent' : defaultPullPolicy(normal);
  }

  async #imageId(normal: string, digest: string): Promise<string> {
    const known = await lookUp(this.#options.directory, normal);
    return known?.origin === 'pulled' || digestOf(normal) !== undefined ? pinned(normal, digest) : digest;
  }

  async #nodeLogins(): Promise<Credential[]> {
    const { authFile } = this.#options;
    if (authFile === undefined) return [];
    try {
      return parseDockerConfig(await readFile(authFile, 'utf8'));
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      throw new ApiError('ServiceUnavailable', `the node's own registry logins: ${problem}`);
    }
  }
}

export function backoffMs(failures: number): number {
  return Math.min(maxBackoffMs, baseBackoffMs * 2 ** Math.min(failures - 1, 20));
}

function neverMessage(normal: string, here: ReadyImage | undefined): string {
  return here
    ? `image ${normal} is on the node, but the task shows no login that may pull it`
    : `image ${normal} is not on the node, and may not be pulled`;
}
