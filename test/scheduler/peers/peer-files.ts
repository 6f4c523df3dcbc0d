/** The peers' tables on disk. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PeerFile } from './peer-case.ts';

export function peerFiles(): PeerFile[] {
  const names = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.json'));
  return names.map((name) => JSON.parse(readFileSync(join(import.meta.dirname, name), 'utf8')) as PeerFile);
}
