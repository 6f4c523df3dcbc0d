/** A real API server over TLS on a memory store, and the real kubectls of this machine to talk to it. */
import { execFileSync } from 'node:child_process';
import { readdirSync, realpathSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { execa, type ResultPromise } from 'execa';
import { createCertificateAuthority, issueCertificate, type KeyPair } from '../../api/server/pki.ts';
import { TestServer } from '../api/server/test-server.ts';
import { measuredAgents } from './measured-agents.ts';

export interface Run {
  exitCode: number | undefined;
  /** Standard output and standard error together. */
  output: string;
}

export interface RunOptions {
  /** Standard input. */
  input?: string;
  env?: Record<string, string>;
}

export class KubectlServer {
  readonly #server: TestServer;
  readonly directory: string;

  private constructor(server: TestServer, directory: string) {
    this.#server = server;
    this.directory = directory;
  }

  static async start(): Promise<KubectlServer> {
    const authority = await createCertificateAuthority();
    const serving = await issueCertificate(authority, {
      commonName: 'gantry-apiserver',
      hosts: ['127.0.0.1'],
      usage: 'server',
      days: 1,
    });
    const admin = await issueCertificate(authority, {
      commonName: 'gantry-admin',
      organizations: ['system:masters'],
      usage: 'client',
      days: 1,
    });
    const server: TestServer = await TestServer.start({ nodeClient: measuredAgents(() => uidsOf(server)) });
    const { port } = await server.server.listen({
      addresses: ['127.0.0.1'],
      port: 0,
      tls: { cert: serving.certPem, key: serving.keyPem, clientCa: authority.certPem },
    });
    const directory = await mkdtemp(join(tmpdir(), 'gantry-kubectl-'));
    await writeFile(join(directory, 'kubeconfig'), kubeconfig(port, authority, admin));
    return new KubectlServer(server, directory);
  }

  async close(): Promise<void> {
    await this.#server.close();
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Writes a manifest and gives its path. */
  async manifest(name: string, content: object): Promise<string> {
    const file = join(this.directory, `${name}.json`);
    await writeFile(file, JSON.stringify(content));
    return file;
  }

  run(binary: string, ...args: string[]): Promise<Run> {
    return this.runWith({}, binary, ...args);
  }

  async runWith({ input = '', env = {} }: RunOptions, binary: string, ...args: string[]): Promise<Run> {
    const options = {
      reject: false,
      all: true,
      stripFinalNewline: false,
      timeout: 15_000,
      input,
      env,
    } as const;
    const { exitCode, all } = await execa(binary, [...this.#flags(binary), ...args], options);
    return { exitCode, output: all };
  }

  /** Starts a kubectl that does not end by itself. */
  lines(binary: string, ...args: string[]): Lines {
    return new Lines(execa(binary, [...this.#flags(binary), ...args], { reject: false, timeout: 15_000 }));
  }

  #flags(binary: string): string[] {
    const cache = join(this.directory, 'cache', basename(binary));
    return ['--kubeconfig', join(this.directory, 'kubeconfig'), '--cache-dir', cache];
  }
}

/** The lines a process prints, as it prints them. */
export class Lines {
  readonly #process: ResultPromise<{ reject: false }>;
  readonly #lines: AsyncIterator<string>;

  constructor(process: ResultPromise<{ reject: false }>) {
    this.#process = process;
    this.#lines = process[Symbol.asyncIterator]();
  }

  async next(): Promise<string> {
    return String((await this.#lines.next()).value);
  }

  async end(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#process;
  }
}

/** Of all tasks: every agent of these tests has measured all of them. */
async function uidsOf(server: TestServer): Promise<string[]> {
  const { body } = await server.get('/apis/gantry.dev/v1/tasks');
  return body.items.map(({ metadata }: { metadata: { uid: string } }) => metadata.uid);
}

function kubeconfig(port: number, authority: KeyPair, admin: KeyPair): string {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'gantry',
    contexts: [{ name: 'gantry', context: { cluster: 'gantry', user: 'admin' } }],
    clusters: [
      {
        name: 'gantry',
        cluster: {
          server: `https://127.0.0.1:${port}`,
          'certificate-authority-data': base64(authority.certPem),
        },
      },
    ],
    users: [
      {
        name: 'admin',
        user: {
          'client-certificate-data': base64(admin.certPem),
          'client-key-data': base64(admin.keyPem),
        },
      },
    ],
  });
}

/** Every `kubectl.1.NN` beside the kubectl of the PATH, oldest first; that one itself where there are none. */
export function kubectls(): string[] {
  const plain = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((directory) => join(directory, 'kubectl'))
    .find((file) => readable(dirname(file)).includes('kubectl'));
  if (plain === undefined) throw new Error('these tests need kubectl on the PATH');
  const directory = dirname(realpathSync(plain));
  const versioned = readable(directory).filter((name) => /^kubectl\.1\.\d+$/.test(name));
  const minor = (name: string): number => Number(name.split('.').at(-1));
  const sorted = versioned.sort((left, right) => minor(left) - minor(right));
  return sorted.length > 0 ? sorted.map((name) => join(directory, name)) : [plain];
}

/** From this minor version on every verb is promised; of older ones (Debian has 1.20) only the basic ones. */
const oldestPromised = 27;

/** Those of `kubectls()` that every verb is promised for; may be empty. */
export function promisedKubectls(): string[] {
  return kubectls().filter((binary) => {
    const output = execFileSync(binary, ['version', '--client', '-o', 'json'], { encoding: 'utf8' });
    return Number(/"gitVersion": "v1\.(\d+)/.exec(output)?.[1]) >= oldestPromised;
  });
}

function readable(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** `1.33` */
export async function versionOf(binary: string): Promise<string> {
  const { stdout } = await execa(binary, ['version', '--client', '-o', 'json']);
  const version = /"gitVersion": "v(\d+\.\d+)/.exec(stdout)?.[1];
  if (version === undefined) throw new Error(`${binary} does not say which version it is`);
  return version;
}
