/** Bytes that are no request, or not one alone; clients that take their time; hosts and names that are not ours. */
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configMapDraft, configMaps } from '../test-server.ts';
import { WireServer } from './wire-server.ts';

let server: WireServer;
beforeAll(async () => {
  server = await WireServer.start({ patience: { headersMs: 300, requestMs: 600, readMs: 300 } });
});
afterAll(() => server.close());

const head = (lines: string[], path = '/readyz', method = 'GET'): string =>
  [`${method} ${path} HTTP/1.1`, 'Host: a', ...lines, '', ''].join('\r\n');
const post = (lines: string[], body: string): string => `${head(lines, configMaps, 'POST')}${body}`;
const smuggled = 'GET /api/v1/secrets HTTP/1.1\r\nHost: a\r\n\r\n';

describe('the connection ends with an error for', () => {
  test.each<[string, string]>([
    ['two lengths', post(['Content-Length: 1', 'Content-Length: 2'], 'x')],
    [
      'a length and chunks',
      post(['Content-Length: 1', 'Transfer-Encoding: chunked'], `0\r\n\r\n${smuggled}`),
    ],
    [
      'chunks and a length',
      post(['Transfer-Encoding: chunked', 'Content-Length: 5'], `0\r\n\r\n${smuggled}`),
    ],
    ['a length with a sign', post(['Content-Length: +5'], 'hello')],
    ['a hexadecimal length', post(['Content-Length: 0x5'], 'hello')],
    ['a negative length', post(['Content-Length: -1'], smuggled)],
    ['a list of lengths', post(['Content-Length: 5, 5'], 'hello')],
    [
      'chunks that are not chunked at last',
      post(['Transfer-Encoding: chunked, identity'], `0\r\n\r\n${smuggled}`),
    ],
    ['an unknown transfer coding', post(['Transfer-Encoding: xchunked'], `0\r\n\r\n${smuggled}`)],
    ['a chunk with a size that is none', post(['Transfer-Encoding: chunked'], 'zz\r\nhello\r\n0\r\n\r\n')],
    ['a folded header', head(['X: a', ' b'])],
    ['a bare carriage return', head(['X: a\rY: b'])],
    ['a space before the colon', head(['Transfer-Encoding : chunked'])],
    ['a NUL in a header', head(['X: a\0b'])],
    ['no host', 'GET /readyz HTTP/1.1\r\n\r\n'],
    ['a header of 20 KiB', head([`X: ${'x'.repeat(20_000)}`])],
    ['10,000 headers', head(Array.from({ length: 10_000 }, (_, index) => `X${index}: a`))],
    ['a URL of 20 KiB', head([], `/${'x'.repeat(20_000)}`)],
    ['a URL with a space', head([], '/a b')],
    ['no HTTP at all', '\x16\x03\x01 hello\r\n\r\n'],
    ['HTTP/2 in the clear', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ])('%s', async (_name, bytes) => {
    const answer = await server.answerTo(bytes);
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(answer.match(/HTTP\/1\.1 \d/g)).toHaveLength(1);
  });
});

describe('one request is answered as what it is:', () => {
  const close = 'Connection: close';
  test.each<[string, string, number]>([
    ['an absolute URL', head([close], 'https://elsewhere/api/v1/nodes'), 400],
    ['an asterisk', head([close], '*', 'OPTIONS'), 400],
    ['TRACE', head([close], '/readyz', 'TRACE'), 404],
    ['another host', head([close, 'X-Forwarded-Host: evil.example'], '/readyz'), 200],
    [
      'an upgrade to h2c',
      head(['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AA'], '/readyz'),
      200,
    ],
    ['an expectation nobody can meet', post([close, 'Expect: 200-maybe', 'Content-Length: 2'], '{}'), 417],
  ])('%s', async (_name, bytes, status) => {
    expect(await server.answerTo(bytes)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  });

  test('CONNECT opens nothing', async () => {
    expect(await server.answerTo('CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: a\r\n\r\n')).not.toMatch(
      / 2\d\d /,
    );
  });

  test('requests in a pipeline are answered one after the other, in their order', async () => {
    const answer = await server.answerTo(
      head([], '/version') + head([], `${configMaps}/none`) + head(['Connection: close'], '/readyz'),
    );
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 404', 'HTTP/1.1 200']);
  });
});

describe('a client that', () => {
  const ended = async (socket: TLSSocket): Promise<string> => text(socket).catch(() => '');

  test('never ends its headers is sent away', async () => {
    const socket = server.connect();
    socket.write('GET /readyz HTTP/1.1\r\nHost: a\r\n');
    const drip = setInterval(() => socket.write('X: a\r\n'), 50);
    const answer = await ended(socket);
    clearInterval(drip);
    expect(answer).toMatch(/^(HTTP\/1\.1 408 .*)?/);
    expect(socket.destroyed).toBe(true);
  });

  test('never ends its body is sent away', async () => {
    const socket = server.connect();
    socket.write(head(['Content-Length: 1000000', 'Content-Type: application/json'], configMaps, 'POST'));
    const drip = setInterval(() => socket.write(' '), 50);
    await ended(socket);
    clearInterval(drip);
    expect(socket.destroyed).toBe(true);
  });

  test('sends chunks without end is told to stop', async () => {
    const socket = server.connect();
    socket.write(head(['Transfer-Encoding: chunked'], configMaps, 'POST'));
    const chunk = Buffer.concat([
      Buffer.from('100000\r\n'),
      Buffer.alloc(0x100000, 0x20),
      Buffer.from('\r\n'),
    ]);
    const answer = ended(socket);
    for (let sent = 0; sent < 24 && !socket.destroyed; sent++) socket.write(chunk);
    expect(await answer).toMatch(/^(HTTP\/1\.1 413 |$)/);
    expect(socket.destroyed).toBe(true);
  });

  test('never reads its list is cut off', async () => {
    const data = { a: 'x'.repeat(1_000_000) };
    for (let index = 0; index < 12; index++)
      await server.inside.post(configMaps, configMapDraft(`big${index}`, data));
    const socket = server.connect();
    socket.write(head([], configMaps));
    await once(socket, 'readable');
    // Being cut off shows when it reads at last: the list has no end.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const answer = await ended(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer.endsWith('0\r\n\r\n')).toBe(false);
  });

  test('names a host we are not is served what its certificate allows', async () => {
    const socket = server.connect({ servername: 'evil.example', checkServerIdentity: () => undefined });
    socket.write(head(['Connection: close'], `${configMaps}/none`));
    expect(await ended(socket)).toMatch(/^HTTP\/1\.1 404 /);
  });

  test('speaks TLS 1.1 is not spoken to', async () => {
    const socket = server.connect({
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    socket.write(head([]));
    expect(await ended(socket)).toBe('');
  });
});

test('and afterwards the server is well', async () => {
  expect((await server.send({ method: 'GET', path: '/readyz' })).status).toBe(200);
});
