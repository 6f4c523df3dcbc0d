/**
 * Carries out what a probe or a lifecycle hook says: a command in the container, an HTTP or gRPC request, a
 * connection. Only ever the task itself is asked, and of its answer 10 KB at most are read.
 */
import type { IncomingMessage } from 'node:http';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect } from 'node:net';
import type { Handler, HttpGet } from '../../api/kinds/task-probes.ts';
import { listeningPort } from '../../api/kinds/task-request.ts';
import type { Container } from '../../api/kinds/task-spec.ts';
import { type Clock, sleep as pause } from '../../api/meta/clock.ts';
import type { Runtime } from '../runtime/runtime.ts';

export interface Outcome {
  good: boolean;
  /** Why not, for people; of a good one what is odd about it. */
  message: string;
}

/** Where a task listens: at its node's address, or at its own. */
export interface TaskPlace {
  address: string;
  hostNetwork: boolean;
}

export interface HandlerTarget extends TaskPlace {
  container: Container;
  cid: string;
  runtime: Pick<Runtime, 'run'>;
}

export const maxAnswerBytes = 10 * 1024;
const maxRedirects = 10;

/** Never throws: whatever goes wrong is a bad outcome. */
export async function runHandler(
  handler: Handler,
  target: HandlerTarget,
  { timeoutMs, clock, signal }: { timeoutMs: number; clock: Clock; signal?: AbortSignal },
): Promise<Outcome> {
  const ended = new AbortController();
  const end = (): void => ended.abort();
  const timer = clock.after(timeoutMs, end);
  signal?.addEventListener('abort', end, { once: true });
  if (signal?.aborted) end();
  try {
    if (handler.sleep) {
      await pause(clock, handler.sleep.seconds * 1000, ended.signal);
      return { good: true, message: '' };
    }
    return await attempt(handler, target, ended.signal);
  } catch (error) {
    if (ended.signal.aborted) return { good: false, message: `no answer within ${timeoutMs / 1000} s` };
    return { good: false, message: error instanceof Error ? error.message : String(error) };
  } finally {
    timer.cancel();
    signal?.removeEventListener('abort', end);
  }
}

async function attempt(handler: Handler, target: HandlerTarget, signal: AbortSignal): Promise<Outcome> {
  const { exec, httpGet, tcpSocket, grpc } = handler;
  if (exec) return runCommandInside(exec.command, target, signal);
  if (httpGet) return getHttp(httpGet, target, signal);
  if (tcpSocket) return connectTcp(portNumber(tcpSocket.port, target), target, signal);
  if (grpc) return askGrpc(grpc, target, signal);
  return { good: true, message: '' };
}

async function askGrpc(
  { port, service = '' }: NonNullable<Handler['grpc']>,
  target: HandlerTarget,
  signal: AbortSignal,
): Promise<Outcome> {
  const { checkGrpcHealth } = await import('./grpc-health.ts');
  const address = `${hostOf(target)}:${portNumber(port, target)}`;
  const status = await checkGrpcHealth({ address, service }, signal);
  const of = service === '' ? 'the server' : `service ${service}`;
  return { good: status === 'SERVING', message: status === 'SERVING' ? '' : `${of} is ${status}` };
}

/** As it stands in a URL. */
function hostOf({ address }: HandlerTarget): string {
  return address.includes(':') ? `[${address}]` : address;
}

/** A port of the container, by number or name, is where the task listens; any other number stands for itself. */
function portNumber(port: number | string, { container, hostNetwork }: HandlerTarget): number {
  const own = container.ports?.find(({ name, containerPort }) => name === port || containerPort === port);
  if (own) return listeningPort(own, { hostNetwork });
  if (typeof port === 'number') return port;
  throw new Error(`the container has no port named ${port}`);
}

async function runCommandInside(
  command: readonly string[],
  { runtime, cid }: HandlerTarget,
  signal: AbortSignal,
): Promise<Outcome> {
  const { exitCode, output } = await runtime.run(cid, command, signal);
  if (signal.aborted) throw new Error('given up');
  if (exitCode === 0) return { good: true, message: '' };
  return { good: false, message: `exit code ${exitCode ?? 'unknown'}: ${output.trim()}` };
}

function connectTcp(port: number, { address }: HandlerTarget, signal: AbortSignal): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, signal });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.destroy();
      resolve({ good: true, message: '' });
    });
  });
}

async function getHttp(httpGet: HttpGet, target: HandlerTarget, signal: AbortSignal): Promise<Outcome> {
  const { scheme, path } = httpGet;
  let url = new URL(`${scheme.toLowerCase()}://${hostOf(target)}:${portNumber(httpGet.port, target)}${path}`);
  for (let redirects = 0; redirects <= maxRedirects; redirects++) {
    const { status, location, body } = await getOnce(url, httpGet, signal);
    if (status < 200 || status >= 400) return { good: false, message: `HTTP ${status}: ${body.trim()}` };
    const next = status >= 300 && location !== undefined ? redirection(location, url) : undefined;
    if (!next) return { good: true, message: '' };
    // Somebody else's answer says nothing about this task: being sent there is answer enough.
    if (next.host !== url.host)
      return { good: true, message: `it redirects to ${next.host}, which is not asked` };
    url = next;
  }
  return { good: false, message: `more than ${maxRedirects} redirects` };
}

function redirection(location: string, from: URL): URL | undefined {
  const url = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  return url && ['http:', 'https:'].includes(url.protocol) ? url : undefined;
}

interface HttpAnswer {
  status: number;
  location: string | undefined;
  body: string;
}

function getOnce(url: URL, { httpHeaders = [] }: HttpGet, signal: AbortSignal): Promise<HttpAnswer> {
  const headers: Record<string, string> = {
    'user-agent': 'gantry-probe',
    accept: '*/*',
    connection: 'close',
  };
  for (const { name, value } of httpHeaders) headers[name.toLowerCase()] = value;
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const options = { headers, signal, agent: false, rejectUnauthorized: false };
    request(url, options, (response) => {
      readSome(response).then(
        (body) => resolve({ status: response.statusCode ?? 0, location: response.headers.location, body }),
        reject,
      );
    })
      .once('error', reject)
      .end();
  });
}

async function readSome(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    // Leaving the loop closes the connection.
    if (bytes >= maxAnswerBytes) break;
  }
  return Buffer.concat(chunks).subarray(0, maxAnswerBytes).toString();
}
