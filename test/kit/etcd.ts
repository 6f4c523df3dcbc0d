/**
 * A real etcd for tests: one member or several, own temporary directories, free ports.
 *
 * Starting waits for etcd's own word that it serves, then asks it for its name: whoever answers on the
 * port is the child started here. Ended by pid, and its directory is removed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from './free-port.ts';

export interface EtcdOptions {
  /** Default false: tests that are not about durability need no fsync. */
  durable?: boolean;
  arguments?: readonly string[];
  /** PEM files; clients then need a certificate of this authority. */
  tls?: { ca: string; cert: string; key: string };
}

/** On Linux etcd dies with the test process, even when that is killed. */
const launcher = process.platform === 'linux' ? ['setpriv', '--pdeathsig', 'KILL', 'etcd'] : ['etcd'];
/** A launcher's word for a program that does not exist. */
const notFound = 127;

interface Membership {
  name: string;
  clientPort: number;
  /** Peer URL of every member, by name. */
  peers: ReadonlyMap<string, string>;
}

/** Whether every thread is stopped: the state stands after the name in brackets (proc(5), `stat`). */
async function isStopped(pid: number): Promise<boolean> {
  const threads = await readdir(`/proc/${pid}/task`);
  const stats = await Promise.all(threads.map((id) => readFile(`/proc/${pid}/task/${id}/stat`, 'latin1')));
  return stats.every((stat) => stat.slice(stat.lastIndexOf(')') + 2).startsWith('T'));
}

const howToInstall =
  'etcd is not on the PATH: install it with "apt-get install etcd-server" (Debian, Ubuntu)';

export class TestEtcd {
  readonly endpoint: string;
  readonly #directory: string;
  readonly #arguments: readonly string[];
  readonly #name: string;
  readonly #isSecure: boolean;
  #child: ChildProcess | undefined;

  private constructor(directory: string, { name, clientPort, peers }: Membership, options: EtcdOptions) {
    this.endpoint = `127.0.0.1:${clientPort}`;
    this.#directory = directory;
    this.#name = name;
    const { durable = false, tls } = options;
    this.#isSecure = tls !== undefined;
    const client = `${tls ? 'https' : 'http'}://${this.endpoint}`;
    const peer = peers.get(name)!;
    this.#arguments = [
      ...['--name', name, '--data-dir', directory, '--logger', 'zap'],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
      ...['--initial-cluster', [...peers].map(([member, url]) => `${member}=${url}`).join(',')],
      ...(durable ? [] : ['--unsafe-no-fsync']),
      ...(tls ? ['--cert-file', tls.cert, '--key-file', tls.key] : []),
      ...(tls ? ['--trusted-ca-file', tls.ca, '--client-cert-auth'] : []),
      ...(options.arguments ?? []),
    ];
  }

  static async start(options: EtcdOptions = {}): Promise<TestEtcd> {
    const [etcd] = await TestEtcd.startCluster(1, options);
    return etcd!;
  }

  static async startCluster(size: number, options: EtcdOptions = {}): Promise<TestEtcd[]> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await TestEtcd.#tryCluster(size, options);
      } catch (error) {
        // Somebody else may have taken a port that was free a moment ago.
        if (attempt === 3 || (error instanceof Error && error.message === howToInstall)) throw error;
      }
    }
  }

  static async #tryCluster(size: number, options: EtcdOptions): Promise<TestEtcd[]> {
    const ports = await freePorts(2 * size);
    const names = ports.slice(0, size).map((port) => `test-${process.pid}-${port}`);
    const peers = new Map(names.map((name, at) => [name, `http://127.0.0.1:${ports[size + at]}`]));
    const members = await Promise.all(
      names.map(async (name, at) => {
        const directory = await mkdtemp(join(tmpdir(), 'gantry-etcd-'));
        return new TestEtcd(directory, { name, clientPort: ports[at]!, peers }, options);
      }),
    );
    try {
      await Promise.all(members.map((member) => member.launch()));
    } catch (error) {
      await Promise.all(members.map((member) => member.stop()));
      throw error;
    }
    return members;
  }

  /** Starts the process again on the same data, after `kill`. */
  async launch(): Promise<void> {
    const [command = '', ...before] = launcher;
    const child = spawn(command, [...before, ...this.#arguments], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    await new Promise<void>((resolve, reject) => {
      let log = '';
      child.once('error', () => reject(new Error(howToInstall)));
      child.once('exit', (code) => {
        reject(new Error(code === notFound ? howToInstall : `etcd ended with ${code}:\n${log.slice(-2000)}`));
      });
      child.stderr?.on('data', (text: Buffer) => {
        log = (log + text).slice(-10_000);
        if (/serving insecure client requests|serving client traffic/.test(log)) resolve();
      });
    });
    // Read on, or etcd blocks on a full pipe.
    child.stderr?.removeAllListeners('data').resume();
    // With TLS only the child has the key that clients accept.
    if (!this.#isSecure) await this.#assertOwn();
  }

  /** SIGKILL, as a power cut would. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  /**
   * Freezes it. Resolves when every thread stands: on a busy machine one may go on, and answer, for a
   * while after the signal was sent.
   */
  async pause(): Promise<void> {
    const child = this.#child;
    if (!child) throw new Error('etcd does not run');
    child.kill('SIGSTOP');
    while (!(await isStopped(child.pid!))) await new Promise((resolve) => setImmediate(resolve));
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** Of several members, is this the one that leads? */
  async isLeader(): Promise<boolean> {
    const answer = await fetch(`http://${this.endpoint}/v3/maintenance/status`, {
      method: 'POST',
      body: '{}',
    });
    const { leader, header } = (await answer.json()) as { leader: string; header: { member_id: string } };
    return leader === header.member_id;
  }

  async #assertOwn(): Promise<void> {
    const answer = await fetch(`http://${this.endpoint}/v3/cluster/member/list`, {
      method: 'POST',
      body: '{}',
    });
    const { members } = (await answer.json()) as { members: { name: string }[] };
    if (!members.some(({ name }) => name === this.#name))
      throw new Error(`another etcd listens on ${this.endpoint}`);
  }
}
