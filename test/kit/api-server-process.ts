/**
 * A real API server in a process of its own, over TLS and with certificates made for it; what it weighs and
 * how long its event loop was held up can be asked at any time.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import {
  createCertificateAuthority,
  createTokenKey,
  issueCertificate,
  type KeyPair,
} from '../../api/server/pki.ts';
import type { LoopReport } from './event-loop-monitor.ts';

const root = new URL('../../', import.meta.url).pathname;

export interface ProcessAnswer {
  status: number;
  body: string;
}

export interface ProcessRequest {
  method?: string;
  path: string;
  body?: string | Buffer;
  headers?: Record<string, string>;
}

export class ApiServerProcess {
  readonly port: number;
  readonly authority: KeyPair;
  readonly admin: KeyPair;
  readonly #child: ChildProcess;
  readonly #directory: string;
  readonly #agent: https.Agent;

  private constructor(
    child: ChildProcess,
    {
      port,
      authority,
      admin,
      directory,
    }: { port: number; authority: KeyPair; admin: KeyPair; directory: string },
  ) {
    this.#child = child;
    this.#directory = directory;
    this.port = port;
    this.authority = authority;
    this.admin = admin;
    this.#agent = new https.Agent({
      ca: authority.certPem,
      cert: admin.certPem,
      key: admin.keyPem,
      keepAlive: true,
    });
  }

  /** `flags` come after those every server needs, `nodeFlags` are for node itself; the store is memory. */
  static async start(
    flags: readonly string[] = [],
    nodeFlags: readonly string[] = [],
  ): Promise<ApiServerProcess> {
    const directory = await mkdtemp(join(tmpdir(), 'gantry-apiserver-'));
    const authority = await createCertificateAuthority();
    const admin = await writePki(directory, authority);
    const child = spawn(
      process.execPath,
      [
        ...nodeFlags,
        ...['--import', 'tsx', '--import', join(root, 'test/kit/event-loop-monitor.ts')],
        ...[join(root, 'api/server/main.ts'), '--store', 'memory', '--port', '0', '--pki-dir', directory],
        ...flags,
      ],
      { cwd: root, stdio: ['ignore', 'pipe', 'inherit', 'ipc'] },
    );
    const port = await listeningPort(child);
    return new ApiServerProcess(child, { port, authority, admin, directory });
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** What happened since the last report. */
  async report(): Promise<LoopReport> {
    this.#child.send('report');
    const [report] = (await once(this.#child, 'message')) as [LoopReport];
    return report;
  }

  async request({ method = 'GET', path, body, headers = {} }: ProcessRequest): Promise<ProcessAnswer> {
    const response = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
      const request = https.request(
        {
          host: '127.0.0.1',
          port: this.port,
          method,
          path,
          agent: this.#agent,
          headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        },
        resolve,
      );
      request.on('error', reject);
      request.end(body);
    });
    return { status: response.statusCode ?? 0, body: await text(response) };
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    if (this.alive) {
      this.#child.kill('SIGTERM');
      await once(this.#child, 'exit');
    }
    await rm(this.#directory, { recursive: true, force: true });
  }
}

async function writePki(directory: string, authority: KeyPair): Promise<KeyPair> {
  const [serving, client, admin] = await Promise.all([
    issueCertificate(authority, { commonName: 's', hosts: ['127.0.0.1'], usage: 'server', days: 1 }),
    issueCertificate(authority, { commonName: 'system:gantry-apiserver', usage: 'client', days: 1 }),
    issueCertificate(authority, {
      commonName: 'gantry-admin',
      organizations: ['system:masters'],
      usage: 'client',
      days: 1,
    }),
  ]);
  const files = {
    'ca.crt': authority.certPem,
    'ca.key': authority.keyPem,
    'apiserver.crt': serving.certPem,
    'apiserver.key': serving.keyPem,
    'sa.key': createTokenKey(),
    'apiserver-client.crt': client.certPem,
    'apiserver-client.key': client.keyPem,
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(directory, name), content);
  return admin;
}

async function listeningPort({ stdout }: ChildProcess): Promise<number> {
  for await (const line of createInterface({ input: stdout! })) {
    const { port } = JSON.parse(line) as { port?: number };
    if (port !== undefined) {
      stdout!.resume();
      return port;
    }
  }
  throw new Error('the API server ended before it listened');
}
