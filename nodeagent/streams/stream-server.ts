/**
 * Streams to running tasks on the agent's own server, for the API server alone:
 *
 *   GET /exec/{namespace}/{task}/{container}?uid=&command=…&stdin=&stdout=&stderr=&tty=
 *   GET /attach/{namespace}/{task}/{container}?uid=&stdin=&stdout=&stderr=&tty=
 *   GET /portforward/{namespace}/{task}?uid=&ports=
 *
 * Everything that can be refused is refused in HTTP, before the upgrade. Invariant: never more streams
 * than the limits; when the agent ends, or a client goes away, nothing of its commands is left.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { targetPortNumber } from '../../api/kinds/task-address.ts';
import { ApiError, asApiError } from '../../api/meta/api-error.ts';
import { type Clock, systemClock } from '../../api/meta/clock.ts';
import type { Logger } from '../../api/meta/logger.ts';
import { streamProtocols } from '../../api/meta/stream-channels.ts';
import {
  agreedProtocol,
  attachRequestOf,
  execRequestOf,
  portOf,
  refusalText,
} from '../../api/meta/stream-requests.ts';
import { ChannelSocket, socketOptions } from '../../client/channel-socket.ts';
import { logSource } from '../logs/log-source.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { containerSpec, containerRecordOf as recordOf, type TaskRecord } from '../task/task-record.ts';
import { AttachedContainer } from './attached-container.ts';
import { serveExec } from './exec-session.ts';
import { connectPort, servePort } from './port-forward.ts';

export interface StreamServerOptions {
  records: () => TaskRecord[];
  runtime: Pick<Runtime, 'exec' | 'attach' | 'logRotation'>;
  logDirectory: string;
  logger: Logger;
  clock?: Clock;
  limits?: StreamLimits;
}

export interface StreamLimits {
  perTask: number;
  perNode: number;
}

const defaultLimits: StreamLimits = { perTask: 32, perNode: 256 };
const retryAfterSeconds = 1;

/** What a stream does once it is open; made, or refused, before that. */
interface Prepared {
  serve(socket: ChannelSocket): Promise<void>;
  /** The client went away before the stream was open. */
  abandon(): void;
}

export class StreamServer {
  readonly #options: Required<StreamServerOptions>;
  readonly #webSockets = new WebSocketServer({ ...socketOptions, noServer: true, clientTracking: false });
  readonly #open = new Map<Duplex, string>();
  readonly #serving = new Set<Promise<void>>();

  constructor(options: StreamServerOptions) {
    this.#options = { clock: systemClock, limits: defaultLimits, ...options };
  }

  /** Ends every stream, and with it its command. */
  async close(): Promise<void> {
    for (const socket of this.#open.keys()) socket.destroy();
    await Promise.all(this.#serving);
  }

  /** Takes over a socket whose request asks for an upgrade, from a caller who is trusted. Never throws. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const serving = this.#accept(request, socket, head)
      .catch((error: unknown) => refuse(socket, error))
      .finally(() => {
        this.#open.delete(socket);
        this.#serving.delete(serving);
      });
    this.#serving.add(serving);
  }

  async #accept(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy());
    const url = new URL(request.url ?? '/', 'https://node');
    const [route = '', namespace = '', name = '', container = ''] = url.pathname.split('/').slice(1);
    const record = this.#record(namespace, name, url.searchParams.get('uid'));
    request.headers['sec-websocket-protocol'] = agreedProtocol(
      request.headers['sec-websocket-protocol'],
      streamProtocols,
    );
    this.#take(socket, record.uid);
    const prepared = await this.#prepare(route, record, { container, query: url.searchParams });
    const stream = await this.#upgrade(request, socket, head);
    if (!stream) return prepared.abandon();
    await prepared.serve(new ChannelSocket(stream, this.#options.clock));
  }

  #record(namespace: string, name: string, uid: string | null): TaskRecord {
    const record = this.#options
      .records()
      .find(
        ({ task: { metadata }, uid: held }) =>
          metadata.namespace === namespace && metadata.name === name && (!uid || uid === held),
      );
    if (record) return record;
    throw new ApiError('NotFound', `task ${namespace}/${name} is not on this node`);
  }

  #take(socket: Duplex, uid: string): void {
    const { perTask, perNode } = this.#options.limits;
    const ofTask = [...this.#open.values()].filter((each) => each === uid).length;
    if (ofTask >= perTask || this.#open.size >= perNode)
      throw new ApiError('TooManyRequests', 'too many streams are open to this task or node', {
        retryAfterSeconds,
      });
    this.#open.set(socket, uid);
  }

  async #prepare(
    route: string,
    record: TaskRecord,
    { container, query }: { container: string; query: URLSearchParams },
  ): Promise<Prepared> {
    if (route === 'exec') return this.#prepareExec(runningCid(record, container), query);
    if (route === 'attach') return this.#prepareAttach(record, container, query);
    if (route === 'portforward') return preparePort(taskPort(record, portOf(query)), record.address);
    throw new ApiError('NotFound', `a node agent has no streams at /${route}`);
  }

  async #prepareExec(cid: string, query: URLSearchParams): Promise<Prepared> {
    const request = execRequestOf(query);
    const command = await this.#options.runtime.exec(cid, request);
    return {
      serve: (socket) => serveExec(socket, command, request),
      abandon: () => void command.kill(),
    };
  }

  async #prepareAttach(record: TaskRecord, name: string, query: URLSearchParams): Promise<Prepared> {
    const request = attachRequestOf(query);
    const cid = runningCid(record, name);
    const container = recordOf(record, name);
    const { runtime, logDirectory, clock } = this.#options;
    const { stdin = false, stdinOnce = false, tty = false } = containerSpec(record, container);
    const start = { record, container, start: container.starts - 1 };
    const log = await logSource(start, { runtime, logDirectory });
    const attachment = await runtime.attach(cid, { stdin: stdin && request.stdin, tty });
    const fromStart = stdinOnce || container.role === 'ephemeral';
    const attached = await AttachedContainer.open({ attachment, log, fromStart, clock });
    return {
      serve: (socket) => serveExec(socket, attached, request),
      abandon: () => void attached.kill(),
    };
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<WebSocket | undefined> {
    return new Promise((resolve) => {
      socket.once('close', () => resolve(undefined));
      if (socket.destroyed) resolve(undefined);
      else
        this.#webSockets.handleUpgrade(request, socket, head, (stream) => {
          stream.pause();
          resolve(stream);
        });
    });
  }
}

/** Who names the port of a container means where that listens. */
function taskPort({ task }: TaskRecord, port: number): number {
  return targetPortNumber(task.spec, { targetPort: port, protocol: 'TCP' }) ?? port;
}

/** `address` is the task's own, when it has one. */
async function preparePort(port: number, address: string | undefined): Promise<Prepared> {
  const target = await connectPort(port, address);
  return { serve: (socket) => servePort(socket, target, port), abandon: () => void target.destroy() };
}

function runningCid(record: TaskRecord, name: string): string {
  const { life } = recordOf(record, name);
  if (life.state === 'running') return life.cid;
  throw new ApiError('Conflict', `container ${name} of task ${record.task.metadata.name} is not running`);
}

function refuse(socket: Duplex, error: unknown): void {
  if (!socket.destroyed) socket.end(refusalText(asApiError(error)));
}
