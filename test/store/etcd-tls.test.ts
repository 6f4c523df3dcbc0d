import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../api/meta/clock.ts';
import { silentLogger } from '../../api/meta/logger.ts';
import { createCertificateAuthority, issueCertificate, type KeyPair } from '../../api/server/pki.ts';
import { openStore } from '../../api/store/open-store.ts';
import type { Store } from '../../api/store/store.ts';
import { TestEtcd } from '../kit/etcd.ts';
import { put, write } from './backend.ts';
import { WatchRecorder } from './watch-recorder.ts';

describe('the etcd store over TLS', () => {
  let directory: string;
  let etcd: TestEtcd;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'gantry-tls-'));
    const authority = await createCertificateAuthority();
    const hosts = ['127.0.0.1', 'localhost'];
    await save('ca', authority);
    await save('other-ca', await createCertificateAuthority());
    await save(
      'etcd',
      await issueCertificate(authority, { commonName: 'etcd', hosts, usage: 'both', days: 1 }),
    );
    await save('client', await issueCertificate(authority, { commonName: 'api', usage: 'client', days: 1 }));
    etcd = await TestEtcd.start({
      tls: { ca: path('ca.crt'), cert: path('etcd.crt'), key: path('etcd.key') },
    });
  });
  afterAll(async () => {
    await etcd?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  const path = (name: string): string => join(directory, name);
  const save = async (name: string, { certPem, keyPem }: KeyPair): Promise<void> => {
    await writeFile(path(`${name}.crt`), certPem);
    await writeFile(path(`${name}.key`), keyPem);
  };
  const open = (query: string): Promise<Store> =>
    openStore(`etcd://${etcd.endpoint}?${query}`, { clock: systemClock, logger: silentLogger });

  test('a client with a certificate of the authority reads, writes and watches', async () => {
    const store = await open(`ca=${path('ca.crt')}&cert=${path('client.crt')}&key=${path('client.key')}`);
    const revision = await write(store, put('a', '1'));
    const recorder = new WatchRecorder();
    const watch = store.watch('', revision, recorder);
    await recorder.count(1);
    watch.cancel();
    expect((await store.get('a')).kv?.value.toString()).toBe('1');
    await store.close();
  });

  test.each([
    ['no certificate', ['ca=ca.crt']],
    ['another authority', ['ca=other-ca.crt', 'cert=client.crt', 'key=client.key']],
  ])('a client with %s gets ServiceUnavailable', async (_, parameters) => {
    const store = await open(
      parameters.map((parameter) => parameter.replace('=', `=${directory}/`)).join('&'),
    );
    await expect(store.get('a')).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
    await store.close();
  });
});
