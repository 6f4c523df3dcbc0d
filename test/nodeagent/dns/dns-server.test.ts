/** The DNS server on loopback, asked by node's resolver and by strangers. */
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { connect } from 'node:net';
import { decode, encode, type Packet } from 'dns-packet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../api/meta/clock.ts';
import { silentLogger } from '../../../api/meta/logger.ts';
import { seededRandom } from '../../../api/meta/random.ts';
import { answerMessage } from '../../../nodeagent/dns/dns-message.ts';
import { DnsServer } from '../../../nodeagent/dns/dns-server.ts';
import { Forwarder, FrameReader, framed } from '../../../nodeagent/dns/forwarder.ts';
import { namesOf, service, slice } from './names.ts';

const many = Array.from({ length: 90 }, (_, index) => ({ addresses: [`10.0.0.${index + 1}`] }));
const names = namesOf(
  [
    service('web', { clusterIP: '10.96.0.7' }),
    service('many', { clusterIP: 'None' }),
    service('far', { type: 'ExternalName', externalName: 'upstream.example' }),
  ],
  { many: [slice(many)] },
);
const zone = { names, zones: ['dev', 'cluster.local'], hasVirtualIps: () => true, random: seededRandom(1) };

let [upstream, server]: DnsServer[] = [];
let [port, upstreamPort] = [0, 0];

function serverOver(resolvers: number[]): DnsServer {
  const forwarder = new Forwarder({
    resolvers: resolvers.map((each) => ({ address: '127.0.0.1', port: each })),
    clock: systemClock,
    timeoutMs: 300,
  });
  return new DnsServer({ zone, forwarder, logger: silentLogger });
}

beforeAll(async () => {
  const theirs = service('upstream', { clusterIP: '192.0.2.1' });
  const others = {
    ...namesOf([], {}),
    service: (_ns: string, name: string) => (name === 'up' ? theirs : undefined),
  };
  const far = { ...zone, zones: ['example'], names: others };
  upstream = new DnsServer({
    zone: far,
    forwarder: new Forwarder({ resolvers: [], clock: systemClock }),
    logger: silentLogger,
  });
  upstreamPort = await upstream.listen('127.0.0.1', 0);
  // The first resolver is dead: nobody listens on the discard port.
  server = serverOver([9, upstreamPort]);
  port = await server.listen('127.0.0.1', 0);
});
afterAll(() => Promise.all([server?.close(), upstream?.close()]));

function resolver(): Resolver {
  const own = new Resolver({ timeout: 2_000, tries: 2 });
  own.setServers([`127.0.0.1:${port}`]);
  return own;
}

async function exchange(message: Buffer): Promise<Buffer> {
  const socket = createSocket('udp4');
  try {
    return await new Promise((resolve) => {
      socket.on('message', resolve);
      socket.send(message, port, '127.0.0.1');
    });
  } finally {
    socket.close();
  }
}

const queryOf = (name: string, more: Packet = {}): Buffer =>
  encode({ type: 'query', id: 7, flags: 0x0100, questions: [{ type: 'A', name, class: 'IN' }], ...more });

describe('a resolver', () => {
  test('finds services, and learns that others do not exist', async () => {
    expect(await resolver().resolve4('web.default.svc.dev')).toEqual(['10.96.0.7']);
    await expect(resolver().resolve4('nobody.default.svc.dev')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    await expect(resolver().resolve6('web.default.svc.dev')).rejects.toMatchObject({ code: 'ENODATA' });
    expect(await resolver().resolveSrv('_http._tcp.web.default.svc.cluster.local')).toMatchObject([
      { port: 80, name: 'web.default.svc.cluster.local' },
    ]);
    expect(await resolver().reverse('10.96.0.7')).toEqual(['web.default.svc.dev']);
  });

  test('gets a long answer whole: truncated over UDP, then over TCP', async () => {
    expect(await resolver().resolve4('many.default.svc.dev')).toHaveLength(90);
  });

  test('gets the answers of the next resolver when the first is dead', async () => {
    expect(await resolver().resolve4('up.any.svc.example')).toEqual(['192.0.2.1']);
  });
});

describe('over UDP', () => {
  test('an answer is never longer than the asker takes', async () => {
    const plain = decode(await exchange(queryOf('many.default.svc.dev')));
    expect(plain).toMatchObject({ id: 7, flag_tc: true, answers: [] });
    const opt = { type: 'OPT', name: '.', udpPayloadSize: 4096, flags: 0, options: [] } as const;
    const answer = await exchange(queryOf('many.default.svc.dev', { additionals: [opt as never] }));
    expect(answer.length).toBeLessThanOrEqual(1232);
    expect(decode(answer).additionals).toMatchObject([{ type: 'OPT', udpPayloadSize: 1232 }]);
  });

  test('a failure is said when no resolver answers', async () => {
    const lonely = serverOver([9]);
    const lonelyPort = await lonely.listen('127.0.0.1', 0);
    const own = new Resolver({ timeout: 2_000, tries: 1 });
    own.setServers([`127.0.0.1:${lonelyPort}`]);
    await expect(own.resolve4('example.org')).rejects.toMatchObject({ code: 'ESERVFAIL' });
    await lonely.close();
  });
});

test('over TCP queries may come in pieces, and several on one connection', async () => {
  const socket = connect(port, '127.0.0.1');
  const answers: Buffer[] = [];
  const frames = new FrameReader();
  socket.on('data', (chunk) => answers.push(...frames.read(chunk)));
  const bytes = Buffer.concat([
    framed(queryOf('web.default.svc.dev')),
    framed(queryOf('many.default.svc.dev')),
  ]);
  for (const byte of bytes) socket.write(Buffer.from([byte]));
  await expect.poll(() => answers.length).toBe(2);
  expect(answers.map((answer) => decode(answer).answers?.length)).toEqual([1, 90]);
  socket.destroy();
});

describe('garbage', () => {
  const answering = { zone, forwarder: new Forwarder({ resolvers: [], clock: systemClock }) };

  test('never makes it throw, and gets an error code or nothing', async () => {
    const random = seededRandom(7);
    const byte = (): number => Math.floor(random.next() * 256);
    for (let round = 0; round < 20_000; round++) {
      const base = round % 2 === 0 ? Buffer.from(queryOf('web.default.svc.dev')) : Buffer.alloc(byte());
      if (round % 2 === 1) for (let at = 0; at < base.length; at++) base[at] = byte();
      for (let hits = 0; hits < 4; hits++) base[Math.floor(random.next() * base.length)] = byte();
      const message = base.subarray(0, 1 + Math.floor(random.next() * base.length));
      const answer = await answerMessage(answering, message, round % 3 === 0 ? 'tcp' : 'udp');
      if (answer) {
        expect(answer.readUInt16BE(0)).toBe(message.readUInt16BE(0));
        expect(answer[2]! & 0x80).toBe(0x80);
      }
    }
  });

  test.each<[string, Buffer, number | undefined]>([
    ['an answer', encode({ type: 'response', id: 7, questions: [] }), undefined],
    ['half a header', Buffer.alloc(11), undefined],
    ['no question', encode({ type: 'query', id: 7, questions: [] }), 1],
    ['a question that ends early', queryOf('web.default.svc.dev').subarray(0, 20), 1],
    [
      'a name that points at itself',
      Buffer.from('00070100000100000000000 0c00c00010001'.replace(' ', ''), 'hex'),
      1,
    ],
    ['an update', Buffer.from('000728000001000000000000', 'hex'), 4],
  ])('%s is answered as the protocol says', async (_name, message, code) => {
    const answer = await answerMessage(answering, message, 'udp');
    expect(answer && answer[3]! & 0xf).toBe(code);
  });
});
