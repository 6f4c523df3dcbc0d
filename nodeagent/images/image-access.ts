/**
 * Who may use an image that is on the node: everybody, if it was loaded by hand or could be pulled by nobody in
 * particular; else whoever showed a login that the registry took. Kept as fingerprints, never as logins.
 *
 * Invariant: that a tenant's image is on a node gives it to no other tenant (Kubernetes KEP-2535).
 */

import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeWhole } from './whole-file.ts';

/** Fingerprints of the logins that may; 'everybody' when the image is not private. */
export type Access = 'everybody' | ReadonlySet<string>;

export async function readAccess(directory: string, digest: string): Promise<Access> {
  const text = await readFile(accessPath(directory, digest), 'utf8').catch(() => undefined);
  return text === undefined ? 'everybody' : new Set(JSON.parse(text) as string[]);
}

/** A restriction is in place before the image is; what everybody may use stays so. */
export async function restrict(
  directory: string,
  digest: string,
  { fingerprint, isNew }: { fingerprint: string; isNew: boolean },
): Promise<void> {
  const known = await readAccess(directory, digest);
  if (known === 'everybody' && !isNew) return;
  const logins = [...new Set([...(known === 'everybody' ? [] : known), fingerprint])];
  await writeWhole(directory, accessPath(directory, digest), JSON.stringify(logins));
}

export async function makePublic(directory: string, digest: string): Promise<void> {
  await rm(accessPath(directory, digest), { force: true });
}

function accessPath(directory: string, digest: string): string {
  return join(directory, 'access', `${digest.slice('sha256:'.length)}.json`);
}
