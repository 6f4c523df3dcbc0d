/**
 * What the scheduler tells about itself, over plain HTTP on an address that only its operators reach:
 *
 *   /healthz   /metrics (Prometheus)   /decisions[?task=namespace/name] (the last placements, with scores)
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ApiError } from '../api/meta/api-error.ts';
import type { DecisionRing } from './decision-ring.ts';
import type { CommitMetrics } from './plan-committer.ts';

export interface DebugSource {
  readonly metrics: CommitMetrics & { decisions: number; refused: number };
  readonly decisionHash: string;
  readonly records: DecisionRing;
  readonly queue: { depths(): Record<string, number> };
}

export interface DebugServer {
  address: string;
  close(): Promise<void>;
}

/** `listenOn`: `127.0.0.1:10259`; port 0 takes a free one. Throws ApiError BadRequest for anything else. */
export async function serveDebug(source: DebugSource, listenOn: string): Promise<DebugServer> {
  const [, host = '', port = ''] = /^(.+):(\d{1,5})$/.exec(listenOn) ?? [];
  if (host === '')
    throw new ApiError(
      'BadRequest',
      `${JSON.stringify(listenOn)} must be an address such as 127.0.0.1:10259`,
    );
  const server = createServer((request, response) => answer(source, request.url ?? '/', response));
  await listening(server, { host, port: Number(port) });
  return {
    address: `${host}:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listening(server: Server, at: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(at.port, at.host, resolve);
  });
}

function answer(source: DebugSource, url: string, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(url, 'http://scheduler');
  if (pathname === '/healthz') response.end('ok\n');
  else if (pathname === '/metrics')
    response.setHeader('content-type', 'text/plain; version=0.0.4').end(metricsText(source));
  else if (pathname === '/decisions')
    response
      .setHeader('content-type', 'application/json')
      .end(`${JSON.stringify({ items: source.records.list(searchParams.get('task') ?? undefined) })}\n`);
  else response.writeHead(404).end('not found\n');
}

const help: Record<keyof DebugSource['metrics'], string> = {
  decisions: 'Tasks decided on.',
  refused: 'Decisions that found no node.',
  plans: 'Plans handed to the API server.',
  bound: 'Tasks bound.',
  conflicts: 'Binds refused because somebody else was faster.',
  thrownAway: 'Decisions that came to nothing, conflicts included: wasted work.',
  evicted: 'Tasks told to end for more important ones.',
};

export function metricsText({ metrics, queue }: DebugSource): string {
  const counters = Object.entries(help).flatMap(([name, text]) => {
    const full = `scheduler_${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}_total`;
    return [
      `# HELP ${full} ${text}`,
      `# TYPE ${full} counter`,
      `${full} ${metrics[name as keyof typeof help]}`,
    ];
  });
  const { bound, conflicts } = metrics;
  const fraction = bound + conflicts === 0 ? 0 : conflicts / (bound + conflicts);
  const { gone: _gone, ...depths } = queue.depths();
  const gauges = [
    '# HELP scheduler_conflict_fraction Of the binds asked for, the share that somebody else was faster with.',
    '# TYPE scheduler_conflict_fraction gauge',
    `scheduler_conflict_fraction ${fraction}`,
    '# HELP scheduler_pending_tasks Tasks that wait, by where they wait.',
    '# TYPE scheduler_pending_tasks gauge',
    ...Object.entries(depths).map(([place, count]) => `scheduler_pending_tasks{queue="${place}"} ${count}`),
  ];
  return `${[...counters, ...gauges].join('\n')}\n`;
}
