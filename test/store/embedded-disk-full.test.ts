import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../api/meta/clock.ts';
import { silentLogger } from '../../api/meta/logger.ts';
import { openEmbeddedStore } from '../../api/store/embedded-store.ts';
import type { Store } from '../../api/store/store.ts';
import { put, remove, write } from './backend.ts';

const isRoot = process.getuid?.() === 0;

describe('the embedded store on a full disk', () => {
  let mountPoint: string;
  let opened: Store[];
  beforeEach(async () => {
    mountPoint = await mkdtemp(join(tmpdir(), 'gantry-full-'));
    opened = [];
  });
  afterEach(async () => {
    for (const store of opened) await store.close();
    if (isRoot) await execa('umount', [mountPoint], { reject: false });
    await rm(mountPoint, { recursive: true, force: true });
  });

  const mount = (size: string): Promise<unknown> =>
    execa('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', mountPoint]);
  const open = async (reserveBytes: number): Promise<Store> => {
    const store = await openEmbeddedStore(join(mountPoint, 'store'), {
      clock: systemClock,
      logger: silentLogger,
      compactEverySeconds: 0,
      reserveBytes,
    });
    opened.push(store);
    return store;
  };

  test(`writes are refused while the reserve is used up, deletes are not, and nothing has to be restarted ${
    isRoot ? '(tmpfs)' : '(no root: a reserve larger than the disk stands in for a full one)'
  }`, async () => {
    if (isRoot) await mount('40m');
    const { bavail, bsize } = await statfs(mountPoint);
    const free = bavail * bsize;
    const store = await open(isRoot ? 8 << 20 : free / 2);
    await write(store, put('kept', '1'), put('doomed', '1'));
    const ballast = join(mountPoint, 'ballast');
    if (isRoot) await writeFile(ballast, Buffer.alloc(free - (6 << 20)));
    const full = isRoot ? store : await reopen(store, free * 2);
    const { revision } = await full.get('kept');
    await expect(write(full, put('kept', '2'))).rejects.toMatchObject({ reason: 'InsufficientStorage' });
    expect(await full.get('kept')).toMatchObject({ revision, kv: { version: 1 } });
    const deleted = isRoot ? await write(full, remove('doomed')) : revision;
    if (isRoot) await rm(ballast);
    const roomy = isRoot ? full : await reopen(full, 0);
    expect(await write(roomy, put('kept', '3'))).toBe(deleted + 1);
  });

  const reopen = async (store: Store, reserveBytes: number): Promise<Store> => {
    await store.close();
    return open(reserveBytes);
  };

  test.runIf(isRoot)(
    'a write that meets ENOSPC is not acknowledged, the store then refuses all, and reopened has all it said yes to',
    async () => {
      await mount('12m');
      const store = await open(0);
      const acknowledged = new Map<string, number>();
      // In groups, so that the write that fails is one of many in its batch.
      let failure: unknown;
      for (let at = 0; failure === undefined; at += 8) {
        const group = Array.from({ length: 8 }, async (_, member) => {
          const key = `k${String(at + member).padStart(5, '0')}`;
          acknowledged.set(key, await write(store, put(key, randomBytes(20_000))));
        });
        const outcomes = await Promise.allSettled(group);
        failure = outcomes.find((outcome) => outcome.status === 'rejected')?.reason;
      }
      expect(failure).toMatchObject({ reason: 'InsufficientStorage' });
      await expect(write(store, put('later', '1'))).rejects.toMatchObject({ reason: 'InsufficientStorage' });
      expect((await store.list('')).count).toBe(acknowledged.size);
      await store.close();

      await execa('mount', ['-o', 'remount,size=64m', mountPoint]);
      const reopened = await open(0);
      const { items } = await reopened.list('');
      expect(new Map(items.map(({ key, modRevision }) => [key, modRevision]))).toEqual(acknowledged);
      expect(items.every(({ value }) => value.byteLength === 20_000)).toBe(true);
      await write(reopened, put('later', '1'));
    },
  );
});
