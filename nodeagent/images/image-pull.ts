/**
 * One pull: which manifest a name stands for now (resolve), and everything that manifest names, verified and
 * unpacked (fetch).
 *
 * Invariant: a failed pull leaves no image, no name and no half of a file; blobs that came whole are kept for
 * the next try, unless the disk is short.
 */
import { rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { hasReason } from '../../api/meta/api-error.ts';
import { InFlightLimit } from '../../api/meta/in-flight-limit.ts';
import { hasCode } from '../volumes/system-errors.ts';
import { type Credential, credentialsFor } from './credentials.ts';
import { freeBytes, type MakeRoom, noSpace, requireSpace } from './disk-space.ts';
import { type Descriptor, manifestForHere, parseManifest } from './image-manifest.ts';
import type { PeerFetch } from './image-peers.ts';
import { addBlob, blobPath, inScratch, makeBlobDirectory, unpackImage } from './image-store.ts';
import { imageName } from './reference.ts';
import { endpointsOf, type Registries } from './registries.ts';
import { type FoundManifest, RegistryClient, type Repository } from './registry-client.ts';

/** What a name stands for at its registry, and what showed that. */
export interface ResolvedImage {
  /** Of the manifest for this machine: the image's identity. */
  digest: string;
  /** Of what the name stands for; differs where that is made for many machines. */
  namedDigest: string;
  manifest: Buffer;
  from: Repository;
  /** The login that was needed, or at least taken; absent: nobody in particular. */
  login?: Credential;
}

export interface ResolveOptions {
  registries: Registries;
  logins: readonly Credential[];
  signal: AbortSignal;
}

export interface FetchOptions {
  directory: string;
  signal: AbortSignal;
  /** Asked for every blob before the registry is; absent: the registry alone. */
  fromPeers?: PeerFetch;
  /** Frees space for images, if that can be done. */
  makeRoom?: MakeRoom;
}

/** Compressed layers are kept, and unpacked to about twice their size. */
const diskPerDownload = 3;
const blobsAtOnce = 3;
const client = (): RegistryClient => new RegistryClient();

/** `reference` in its normal form. Asks mirrors first, and with every login that is for them. */
export async function resolveImage(reference: string, options: ResolveOptions): Promise<ResolvedImage> {
  const { registry, repository } = imageName(reference);
  let problem: unknown;
  for (const endpoint of endpointsOf(options.registries, registry)) {
    // A login is for one host: a mirror never gets to see that of the registry it stands for.
    const logins = credentialsFor(options.logins, { registry: endpoint.host, repository });
    for (const login of [...logins, undefined]) {
      const from = { endpoint, repository, ...(login ? { auth: login.auth } : {}) };
      try {
        return { ...(await manifestsOf(reference, from, options.signal)), ...(login ? { login } : {}) };
      } catch (error) {
        options.signal.throwIfAborted();
        // What is told to somebody with a login says more than what is told to nobody.
        if (login || !problem || logins.length === 0) problem = error;
        if (!hasReason(error, 'Unauthorized', 'Forbidden', 'NotFound')) break;
      }
    }
  }
  throw problem;
}

async function manifestsOf(
  reference: string,
  from: Repository,
  signal: AbortSignal,
): Promise<Omit<ResolvedImage, 'login'>> {
  const { digest = '', tag = digest } = imageName(reference);
  const registry = client();
  const named: FoundManifest = await registry.manifest(from, tag, signal);
  const here = manifestForHere(named.bytes);
  const found = here ? await registry.manifest(from, here.digest, signal) : named;
  return { digest: found.digest, namedDigest: named.digest, manifest: found.bytes, from };
}

/** Throws ApiError InsufficientStorage, BadRequest (corrupt) or what the registry said. */
export async function fetchImage(image: ResolvedImage, options: FetchOptions): Promise<void> {
  const { directory } = options;
  const { config, layers } = parseManifest(image.manifest);
  const wanted = await missing(directory, [config, ...layers]);
  const bytes = wanted.reduce((sum, { size }) => sum + size, 0) * diskPerDownload;
  await requireSpace(directory, bytes, options.makeRoom);
  await makeBlobDirectory(directory);
  await inScratch(directory, async (scratch) => {
    try {
      await fetchBlobs(image, wanted, { ...options, scratch });
      await addBlob(directory, image.manifest, image.digest);
      await unpackImage(directory, image.digest, scratch);
    } catch (error) {
      const isFull = hasCode(error, 'ENOSPC') || (await freeBytes(directory)) < bytes;
      if (isFull) for (const { digest } of wanted) await rm(blobPath(directory, digest), { force: true });
      throw hasCode(error, 'ENOSPC') ? noSpace(bytes, await freeBytes(directory)) : error;
    }
  });
}

async function missing(directory: string, blobs: readonly Descriptor[]): Promise<Descriptor[]> {
  const unique = [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
  const sizes = await Promise.all(
    unique.map(({ digest }) => stat(blobPath(directory, digest)).catch(() => undefined)),
  );
  return unique.filter(({ size }, index) => sizes[index]?.size !== size);
}

async function fetchBlobs(
  { from }: ResolvedImage,
  blobs: readonly Descriptor[],
  { directory, scratch, signal, fromPeers }: FetchOptions & { scratch: string },
): Promise<void> {
  const slots = new InFlightLimit(blobsAtOnce);
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const registry = client();
  const one = async (blob: Descriptor): Promise<void> => {
    either.throwIfAborted();
    const path = join(scratch, blob.digest.replace(':', '-'));
    const download = { path, signal: either };
    const isHere = await fromPeers?.(blob, download);
    if (!isHere) await registry.blob(from, blob, download);
    await rename(path, blobPath(directory, blob.digest));
  };
  const results = await Promise.allSettled(
    blobs.map((blob) =>
      slots
        .run(() => one(blob))
        .catch((error: unknown) => {
          // The first failure is the reason; the others end because of it.
          if (!failed.signal.aborted) failed.abort(error);
          throw error;
        }),
    ),
  );
  if (results.some(({ status }) => status === 'rejected')) throw failed.signal.reason;
}
