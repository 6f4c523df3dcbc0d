/** A real image registry (Debian's docker-registry) on a free port of this machine, with TLS of its own and one user. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { createCertificateAuthority, issueCertificate } from '../../api/server/pki.ts';
import { runCommand } from '../../nodeagent/command.ts';
import { type Registries, registriesOf } from '../../nodeagent/images/registries.ts';
import { eventually } from '../e2e/nodeagent/machine-traces.ts';
import { freePorts } from './free-port.ts';

/** bcrypt of `secret`, as htpasswd writes it. */
const passwordHash = '$2y$05$abcdefghijklmnopqrstuu';

export class TestRegistry {
  readonly directory: string;
  readonly user = 'user:secret';
  readonly caFile: string;
  host = '';
  /** The log of requests, as it comes. */
  log = '';
  #process: ChildProcess | undefined;

  /** Keeps everything below `directory`. */
  constructor(directory: string) {
    this.directory = join(directory, 'registry');
    this.caFile = join(this.directory, 'trusted', 'ca.crt');
  }

  async up({ open = false }: { open?: boolean } = {}): Promise<this> {
    this.host = `127.0.0.1:${(await freePorts(1))[0]}`;
    mkdirSync(join(this.directory, 'trusted'), { recursive: true });
    const ca = await createCertificateAuthority();
    const hosts = ['127.0.0.1', 'localhost'];
    const pair = await issueCertificate(ca, { commonName: 'registry', hosts, usage: 'server', days: 2 });
    const file = (name: string, text: string): string => {
      writeFileSync(join(this.directory, name), text);
      return join(this.directory, name);
    };
    file('trusted/ca.crt', ca.certPem);
    const hash = await runCommand('perl', ['-e', 'print crypt("secret", $ARGV[0])', passwordHash]);
    const config = {
      version: '0.1',
      log: { level: 'error' },
      storage: { filesystem: { rootdirectory: join(this.directory, 'data') }, delete: { enabled: true } },
      http: {
        addr: this.host,
        secret: 'test',
        tls: { certificate: file('tls.crt', pair.certPem), key: file('tls.key', pair.keyPem) },
      },
      ...(open ? {} : { auth: { htpasswd: { realm: 'test', path: file('users', `user:${hash}\n`) } } }),
    };
    file('config.yml', JSON.stringify(config));
    await this.start();
    return this;
  }

  /** At the same address, with all it had. */
  async start(): Promise<void> {
    const config = join(this.directory, 'config.yml');
    this.#process = spawn('docker-registry', ['serve', config], { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#process.stdout?.on('data', (chunk: Buffer) => {
      this.log += chunk;
    });
    await eventually('the registry answers', () => this.#answers());
  }

  /** As in a node's registries file. */
  get registries(): Registries {
    return registriesOf({ configs: { [this.host]: { tls: { ca_file: this.caFile } } } });
  }

  /** A Docker configuration that logs in here. */
  dockerConfig(user = this.user): string {
    return JSON.stringify({ auths: { [this.host]: { auth: Buffer.from(user).toString('base64') } } });
  }

  /** Gives the reference it can be pulled by. */
  async push(source: string, name: string): Promise<string> {
    const target = ['--dest-cert-dir', join(this.directory, 'trusted'), '--dest-creds', this.user];
    await runCommand('skopeo', ['copy', '--quiet', ...target, source, `docker://${this.host}/${name}`]);
    return `${this.host}/${name}`;
  }

  /** The file of a blob in the registry's own storage. */
  blobFile(digest: string): string {
    const hex = digest.slice('sha256:'.length);
    const path = ['docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data'];
    return join(this.directory, 'data', ...path);
  }

  /** How often blobs were fetched from it. */
  get blobsServed(): number {
    return this.log.match(/"GET \/v2\/\S+\/blobs\/\S+ HTTP\/\S+" 200/g)?.length ?? 0;
  }

  async down(): Promise<void> {
    const registry = this.#process;
    this.#process = undefined;
    if (!registry || registry.exitCode !== null) return;
    const ended = new Promise((resolve) => registry.once('exit', resolve));
    registry.kill('SIGKILL');
    await ended;
  }

  #answers(): Promise<boolean> {
    const ca = readFileSync(this.caFile);
    return new Promise((resolve) => {
      const probe = request(`https://${this.host}/v2/`, { ca }, (answer) => {
        answer.resume();
        resolve(true);
      });
      probe.once('error', () => resolve(false));
      probe.end();
    });
  }
}
