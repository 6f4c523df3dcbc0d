/** Looks into an image archive: what kind it is, and which images it holds under which names. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError } from '../../api/meta/api-error.ts';
import { tryCommand } from '../command.ts';
import { normalReference } from './reference.ts';

export interface ArchivedImage {
  /** As skopeo wants it: transport, path, and which of several. */
  source: string;
  names: string[];
}

interface OciIndex {
  manifests: { annotations?: Record<string, string> }[];
}

const refNameAnnotation = 'org.opencontainers.image.ref.name';
/** containerd's exports keep the whole name here and only the tag in the other. */
const imageNameAnnotation = 'io.containerd.image.name';

/** `path` must be free of colons. `name`, when given, replaces the name of the only image. */
export async function archiveContents(path: string, name?: string): Promise<ArchivedImage[]> {
  const isDirectory = (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
  const index = isDirectory
    ? await readFile(join(path, 'index.json'), 'utf8').catch(() => undefined)
    : ((await member(path, 'index.json')) ?? (await member(path, './index.json')));
  const docker = isDirectory ? undefined : await member(path, 'manifest.json');
  const images =
    docker !== undefined
      ? dockerImages(path, parse(docker))
      : index !== undefined
        ? ociImages(`${isDirectory ? 'oci' : 'oci-archive'}:${path}`, parse(index))
        : undefined;
  if (!images?.length)
    throw new ApiError('BadRequest', 'this is no image archive: want docker save or an OCI layout, as a tar');
  return named(images, name);
}

function dockerImages(path: string, manifest: { RepoTags?: string[] | null }[]): ArchivedImage[] {
  return manifest.map(({ RepoTags }, position) => ({
    source: `docker-archive:${path}:@${position}`,
    names: RepoTags ?? [],
  }));
}

function ociImages(source: string, { manifests }: OciIndex): ArchivedImage[] {
  return manifests.map(({ annotations = {} }) => {
    const reference = annotations[refNameAnnotation];
    const name = annotations[imageNameAnnotation] ?? reference;
    const which = manifests.length > 1 && reference !== undefined ? `:${reference}` : '';
    return { source: `${source}${which}`, names: name === undefined ? [] : [name] };
  });
}

function named(images: ArchivedImage[], name: string | undefined): ArchivedImage[] {
  if (name !== undefined && images.length > 1)
    throw new ApiError('BadRequest', `the archive holds ${images.length} images: they keep their own names`);
  return images.map(({ source, names }) => {
    const wanted = name === undefined ? names : [name];
    if (wanted.length === 0)
      throw new ApiError('BadRequest', 'an image in the archive has no name: give it one with --name');
    return { source, names: wanted.map(valid) };
  });
}

function valid(name: string): string {
  const normal = normalReference(name);
  if (normal !== undefined) return normal;
  throw new ApiError('BadRequest', `${JSON.stringify(name)} is not an image reference such as busybox:1.36`);
}

async function member(path: string, name: string): Promise<string | undefined> {
  const { exitCode, stdout } = await tryCommand('tar', ['-xOf', path, '--', name]);
  return exitCode === 0 ? stdout : undefined;
}

function parse<T>(text: string): T {
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError('BadRequest', 'the table of contents of the archive is no JSON');
  }
}
