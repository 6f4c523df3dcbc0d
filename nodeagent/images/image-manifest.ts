/**
 * Manifests: what an image is made of, by digest. Docker's and OCI's differ only in the names of their media
 * types. Pure.
 */
import { createHash } from 'node:crypto';
import { ApiError } from '../../api/meta/api-error.ts';
import { architecture } from '../machine.ts';

export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

export interface ImageManifest {
  config: Descriptor;
  layers: Descriptor[];
}

const ociPrefix = 'application/vnd.oci.image';
const ociManifestType = `${ociPrefix}.manifest.v1+json`;
const ociTypes: Record<string, string> = {
  'application/vnd.docker.distribution.manifest.v2+json': ociManifestType,
  'application/vnd.docker.container.image.v1+json': `${ociPrefix}.config.v1+json`,
  'application/vnd.docker.image.rootfs.diff.tar': `${ociPrefix}.layer.v1.tar`,
  'application/vnd.docker.image.rootfs.diff.tar.gzip': `${ociPrefix}.layer.v1.tar+gzip`,
};
/** What a registry is asked for, the whole family. */
export const manifestTypes: readonly string[] = [
  ociManifestType,
  `${ociPrefix}.index.v1+json`,
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];

export const maxManifestBytes = 4 * 1024 * 1024;
const maxLayers = 500;

export function sha256(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Of an index, the manifest for this machine; undefined when `bytes` are no index. Throws ApiError NotFound. */
export function manifestForHere(bytes: Buffer): Descriptor | undefined {
  const { manifests } = parsed(bytes) as {
    manifests?: (Descriptor & { platform?: { os?: string; architecture?: string } })[];
  };
  if (!Array.isArray(manifests)) return undefined;
  const wanted = architecture();
  const found = manifests.find(
    ({ platform }) => platform?.os === 'linux' && platform.architecture === wanted,
  );
  if (found && isDescriptor(found)) return found;
  throw new ApiError('NotFound', `the image is not made for linux/${wanted}`);
}

/** Throws ApiError BadRequest when the manifest is malformed or of a kind that cannot be run. */
export function parseManifest(bytes: Buffer): ImageManifest {
  const { config, layers } = parsed(bytes) as Partial<ImageManifest>;
  if (!isDescriptor(config) || !Array.isArray(layers) || !layers.every(isDescriptor))
    throw new ApiError(
      'BadRequest',
      'the manifest is of a kind this node cannot run (want OCI or Docker v2)',
    );
  if (layers.length > maxLayers)
    throw new ApiError('BadRequest', `the image has ${layers.length} layers, more than ${maxLayers}`);
  return { config, layers };
}

/** The manifest with OCI's names in it, for tools that know no others. */
export function ociManifest(bytes: Buffer): Buffer {
  const { config, layers } = parseManifest(bytes);
  const renamed = (descriptor: Descriptor): Descriptor => ({
    ...descriptor,
    mediaType: ociTypes[descriptor.mediaType] ?? descriptor.mediaType,
  });
  const manifest = { schemaVersion: 2, mediaType: ociManifestType, config: renamed(config) };
  return Buffer.from(JSON.stringify({ ...manifest, layers: layers.map(renamed) }));
}

/** A layout's table of contents that names one manifest `image`. */
export function layoutIndex(manifest: Buffer): { schemaVersion: 2; manifests: [Descriptor] } {
  const descriptor = {
    mediaType: ociManifestType,
    digest: sha256(manifest),
    size: manifest.length,
    annotations: { 'org.opencontainers.image.ref.name': 'image' },
  };
  return { schemaVersion: 2, manifests: [descriptor] };
}

function isDescriptor(value: unknown): value is Descriptor {
  const { mediaType, digest, size } = (value ?? {}) as Partial<Descriptor>;
  return (
    typeof mediaType === 'string' &&
    /^sha256:[a-f0-9]{64}$/.test(digest ?? '') &&
    Number.isSafeInteger(size) &&
    (size ?? -1) >= 0
  );
}

function parsed(bytes: Buffer): object {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Said below.
  }
  throw new ApiError('BadRequest', 'the manifest is no JSON object');
}
