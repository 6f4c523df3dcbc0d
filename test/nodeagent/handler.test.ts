import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Handler } from '../../api/kinds/task-probes.ts';
import { systemClock, VirtualClock } from '../../api/meta/clock.ts';
import { maxAnswerBytes, runHandler } from '../../nodeagent/probes/handler.ts';
import { container } from '../kit/nodeagent-objects.ts';

describe('runHandler', () => {
  let server: Server;
  let port = 0;
  let seen: string[] = [];
  beforeAll(async () => {
    server = createServer((request, response) => {
      seen.push(`${request.url} ${request.headers['x-probe'] ?? ''}`.trim());
      if (request.url === '/good') response.end('ok');
      else if (request.url === '/here') response.writeHead(302, { location: '/good' }).end();
      else if (request.url === '/there') response.writeHead(302, { location: 'http://192.0.2.1/' }).end();
      else if (request.url === '/round') response.writeHead(302, { location: '/round' }).end();
      else if (request.url === '/endless') {
        response.writeHead(500);
        const pour = (): void => {
          while (response.write('x'.repeat(65_536)));
          response.once('drain', pour);
        };
        pour();
      } else if (request.url !== '/hangs') response.writeHead(503).end('not yet');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  const run = (handler: Handler, run: (command: readonly string[]) => number = () => 0) =>
    runHandler(
      handler,
      {
        container: container({ ports: [{ name: 'web', containerPort: port, protocol: 'TCP' }] }),
        cid: 'c',
        address: '127.0.0.1',
        hostNetwork: true,
        runtime: { run: async (_cid, command) => ({ exitCode: run(command), output: 'oh no' }) },
      },
      { timeoutMs: 300, clock: systemClock },
    );
  const get = (path: string, more: object = {}) => run({ httpGet: { path, port, scheme: 'HTTP', ...more } });

  it('takes 200 to 399 as good and says what else it got', async () => {
    expect(await get('/good')).toEqual({ good: true, message: '' });
    expect(await get('/bad')).toEqual({ good: false, message: 'HTTP 503: not yet' });
  });

  it('finds a port by its name and sends the headers', async () => {
    seen = [];
    await get('/good', { port: 'web', httpHeaders: [{ name: 'X-Probe', value: 'yes' }] });
    expect(seen).toEqual(['/good yes']);
  });

  it('follows redirects on the host, not to others, and not for ever', async () => {
    seen = [];
    expect((await get('/here')).good).toBe(true);
    expect(seen).toEqual(['/here', '/good']);
    expect(await get('/there')).toEqual({
      good: true,
      message: 'it redirects to 192.0.2.1, which is not asked',
    });
    expect(await get('/round')).toEqual({ good: false, message: 'more than 10 redirects' });
  });

  it('reads no more of an endless answer than it needs', async () => {
    const { good, message } = await get('/endless');
    expect(good).toBe(false);
    expect(message.length).toBeLessThan(maxAnswerBytes + 100);
  });

  it('gives up a server that does not answer', async () => {
    expect(await get('/hangs')).toEqual({ good: false, message: 'no answer within 0.3 s' });
  });

  it('connects, or says why it could not', async () => {
    expect((await run({ tcpSocket: { port: 'web' } })).good).toBe(true);
    expect((await run({ tcpSocket: { port: 1 } })).message).toMatch(/ECONNREFUSED/);
  });

  it('judges a command by its exit code', async () => {
    expect((await run({ exec: { command: ['true'] } })).good).toBe(true);
    const bad = await run({ exec: { command: ['false'] } }, () => 3);
    expect(bad).toEqual({ good: false, message: 'exit code 3: oh no' });
  });

  describe('by gRPC', () => {
    const statuses: Record<string, number> = { '': 1, db: 1, away: 2, hangs: -1, odd: 77 };
    let grpc: GrpcServer;
    let grpcPort = 0;
    beforeAll(async () => {
      grpc = new GrpcServer();
      const check = {
        path: '/grpc.health.v1.Health/Check',
        requestStream: false,
        responseStream: false,
        requestDeserialize: (bytes: Buffer) => ({ service: bytes.subarray(2).toString() }),
        responseSerialize: (status: number) => Buffer.from(status === 0 ? [] : [0x08, status]),
      };
      grpc.addService({ Check: check } as never, {
        Check: (
          { request }: { request: { service: string } },
          answer: (error: object | null, status?: number) => void,
        ) => {
          const status = statuses[request.service];
          if (status === undefined) answer({ code: 5, details: 'unknown service' });
          else if (status >= 0) answer(null, status);
        },
      });
      grpcPort = await new Promise<number>((resolve, reject) =>
        grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
          error ? reject(error) : resolve(bound),
        ),
      );
    });
    afterAll(() => grpc.forceShutdown());

    const ask = (service?: string) => run({ grpc: { port: grpcPort, ...(service ? { service } : {}) } });

    it('SERVING is good, of the server and of a service', async () => {
      expect(await ask()).toEqual({ good: true, message: '' });
      expect(await ask('db')).toEqual({ good: true, message: '' });
    });

    it.each([
      ['away', /service away is NOT_SERVING/],
      ['none', /unknown service/],
      ['odd', /no HealthCheckResponse/],
      ['hangs', /no answer within 0.3 s/],
    ])('%s is bad, and says why', async (service, message) => {
      const outcome = await ask(service);
      expect(outcome.good).toBe(false);
      expect(outcome.message).toMatch(message);
    });

    it('a server that is not there, or speaks something else, is bad', async () => {
      expect((await run({ grpc: { port: 1 } })).good).toBe(false);
      expect((await run({ grpc: { port } })).good).toBe(false);
    });
  });

  it('leaves no timer behind', async () => {
    const clock = new VirtualClock();
    const target = { container: container(), cid: 'c', address: '127.0.0.1', hostNetwork: true };
    const runtime = { run: async () => ({ exitCode: 0, output: '' }) };
    await runHandler({ exec: { command: ['true'] } }, { ...target, runtime }, { timeoutMs: 1000, clock });
    expect(clock.pendingTimers).toBe(0);
  });
});
