import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../api/meta/clock.ts';
import { silentLogger } from '../../api/meta/logger.ts';
import { openStore, parseStoreAddress } from '../../api/store/open-store.ts';
import { reasonOf } from '../reason-of.ts';
import { put, write } from './backend.ts';

const options = { clock: new VirtualClock(), logger: silentLogger };

describe('a store address', () => {
  test.each([
    ['memory', { type: 'memory' }],
    ['embedded:/var/lib/gantry', { type: 'embedded', directory: '/var/lib/gantry' }],
    ['etcd://127.0.0.1:2379', { type: 'etcd', endpoints: ['127.0.0.1:2379'] }],
    ['etcd://a.example:1,b-2:2/', { type: 'etcd', endpoints: ['a.example:1', 'b-2:2'] }],
    ['etcd://[::1]:2379?prefix=/x/', { type: 'etcd', endpoints: ['[::1]:2379'], prefix: '/x/' }],
    [
      'etcd://h:1?ca=ca.crt&cert=c.crt&key=c.key',
      { type: 'etcd', endpoints: ['h:1'], tlsFiles: { ca: 'ca.crt', cert: 'c.crt', key: 'c.key' } },
    ],
  ])('%s is understood', (url, address) => {
    expect(parseStoreAddress(url)).toEqual(address);
  });

  test.each([
    ['', 'want memory'],
    ['Memory', 'want memory'],
    ['embedded:', 'want memory'],
    ['embedded', 'want memory'],
    ['etcd:', 'want memory'],
    ['http://127.0.0.1:2379', 'want memory'],
    ['etcd://', '"" is not host:port'],
    ['etcd://localhost', '"localhost" is not host:port'],
    ['etcd://localhost:0', 'is not host:port'],
    ['etcd://localhost:65536', 'is not host:port'],
    ['etcd://a:1,', '"" is not host:port'],
    ['etcd://a:1,b', '"b" is not host:port'],
    ['etcd://user:secret@a:1', 'is not host:port'],
    ['etcd://a:1/path', 'is not host:port'],
    ['etcd://a:1?prefx=/x', 'unknown parameter "prefx"'],
    ['etcd://a:1?ca=x&cert=y', 'cert and key come together'],
    ['etcd://a:1?cert=y&key=z', 'need ca'],
  ])('%j is refused: %s', (url, message) => {
    expect(reasonOf(() => parseStoreAddress(url))).toMatchObject({
      reason: 'BadRequest',
      message: expect.stringContaining(message),
    });
  });

  test('opens what it names', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'gantry-open-'));
    for (const url of ['memory', `embedded:${join(directory, 'deeper', 'store')}`]) {
      const store = await openStore(url, options);
      expect(await write(store, put('a', '1'))).toBe(2);
      await store.close();
    }
    await rm(directory, { recursive: true, force: true });
  });

  test('a TLS file that is not there is named', async () => {
    await expect(openStore('etcd://a:1?ca=/nowhere/ca.crt', options)).rejects.toMatchObject({
      reason: 'BadRequest',
      message: expect.stringContaining('/nowhere/ca.crt'),
    });
  });
});
