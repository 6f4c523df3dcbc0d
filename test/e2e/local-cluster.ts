/**
 * A local cluster for a test, made and removed by the real commands: `gantry up` and `gantry down` with a
 * home and a kubeconfig of its own.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa, type Options, type Result } from 'execa';
import { sleep, systemClock } from '../../api/meta/clock.ts';
import { type ClusterRecord, clusterHome } from '../../cluster/cluster-home.ts';
import type { PartsRecord } from '../../cluster/supervisor.ts';

const root = resolve(import.meta.dirname, '../..');

export interface CommandResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

export class LocalCluster {
  readonly name: string;
  readonly directory: string;
  /** Its name on the machine; other homes may have clusters of the same. */
  readonly machineName: string;
  readonly runDirectory: string;
  readonly environment: Record<string, string>;
  readonly #scratch: string;

  constructor(name: string) {
    this.name = name;
    this.#scratch = mkdtempSync(join(tmpdir(), 'gantry-e2e-'));
    const gantryHome = join(this.#scratch, 'home');
    const home = clusterHome(name, { home: this.#scratch, gantryHome, isRoot: process.getuid?.() === 0 });
    this.directory = home.directory;
    this.machineName = home.machineName;
    this.runDirectory = home.runDirectory;
    this.environment = {
      GANTRY_HOME: gantryHome,
      KUBECONFIG: join(this.#scratch, 'kubeconfig'),
      HOME: this.#scratch,
      KUBECACHEDIR: join(this.#scratch, 'kube-cache'),
    };
  }

  up(...flags: string[]): Promise<CommandResult> {
    return this.succeed('up', '--name', this.name, ...flags);
  }

  /** Runs the CLI; rejects when it fails, with everything it printed. */
  async succeed(...args: string[]): Promise<CommandResult> {
    const result = await this.gantry(args);
    if (result.exitCode !== 0)
      throw new Error(
        `gantry ${args.join(' ')} ended with ${result.exitCode}\n${result.stdout}\n${result.stderr}`,
      );
    return result;
  }

  /** Runs the CLI, whatever its exit code. */
  async gantry(args: string[], options: Options = {}): Promise<CommandResult> {
    return outcome(
      await execa(join(root, 'gantry'), args, {
        cwd: root,
        reject: false,
        timeout: 120_000,
        env: this.environment,
        ...options,
      }),
    );
  }

  async kubectl(...args: string[]): Promise<CommandResult> {
    return outcome(
      await execa(newestKubectl(), args, {
        cwd: root,
        reject: false,
        timeout: 60_000,
        env: this.environment,
      }),
    );
  }

  async json<T>(...args: string[]): Promise<T> {
    return JSON.parse((await this.succeed(...args, '-o', 'json')).stdout) as T;
  }

  get record(): ClusterRecord {
    return JSON.parse(readFileSync(join(this.directory, 'cluster.json'), 'utf8')) as ClusterRecord;
  }

  get parts(): PartsRecord {
    return JSON.parse(readFileSync(join(this.directory, 'parts.json'), 'utf8')) as PartsRecord;
  }

  /** Processes, mounts, namespaces, links and cgroups that carry this cluster's name. */
  traces(): string[] {
    return [...this.#processes(), ...this.#mounts(), ...this.#namespaces(), ...this.#cgroups()];
  }

  async remove(): Promise<void> {
    try {
      if (existsSync(this.directory)) await this.succeed('down', '--name', this.name);
    } finally {
      rmSync(this.#scratch, { recursive: true, force: true });
    }
  }

  #processes(): string[] {
    const found: string[] = [];
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      const line = readIfThere(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
      if (line.includes(this.directory) || line.includes(`${this.runDirectory}/`))
        found.push(`process ${pid}: ${line.slice(0, 200)}`);
    }
    return found;
  }

  #mounts(): string[] {
    return readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .filter((line) => line.includes(`${this.directory}/`) || line.includes(`${this.runDirectory}/`));
  }

  #namespaces(): string[] {
    return readdirOrEmpty('/var/run/netns')
      .filter((name) => name.startsWith(`gantry-${this.machineName}-`))
      .map((name) => `network namespace ${name}`);
  }

  #cgroups(): string[] {
    const hierarchies = [
      '/sys/fs/cgroup',
      ...readdirOrEmpty('/sys/fs/cgroup').map((name) => join('/sys/fs/cgroup', name)),
    ];
    return hierarchies
      .map((hierarchy) => join(hierarchy, 'gantry', this.machineName))
      .filter((path) => existsSync(path));
  }
}

function outcome(result: Result<Options>): CommandResult {
  return {
    exitCode: result.exitCode ?? 1,
    stdout: String(result.stdout ?? ''),
    stderr: String(result.stderr ?? ''),
  };
}

let kubectlPath: string | undefined;

/** The newest kubectl of this machine: `kubectl.1.NN` beside the plain one, else the plain one. */
export function newestKubectl(): string {
  kubectlPath ??= findKubectl();
  return kubectlPath;
}

function findKubectl(): string {
  const plain = execFileSync('sh', ['-c', 'readlink -f "$(command -v kubectl)"'], {
    encoding: 'utf8',
  }).trim();
  const directory = resolve(plain, '..');
  const versioned = readdirOrEmpty(directory).filter((name) => /^kubectl\.1\.\d+$/.test(name));
  const newest = versioned
    .sort((left, right) => Number(left.split('.')[2]) - Number(right.split('.')[2]))
    .at(-1);
  return newest ? join(directory, newest) : plain;
}

/** Waits until `condition` gives something other than undefined or false; fails with `what` after `timeoutMs`. */
export async function eventually<T>(
  what: string,
  condition: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 60_000,
): Promise<T> {
  const deadline = systemClock.monotonicMs() + timeoutMs;
  let problem = '';
  while (systemClock.monotonicMs() < deadline) {
    try {
      const value = await condition();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      problem = (error as Error).message;
    }
    await sleep(systemClock, 100);
  }
  throw new Error(`not within ${timeoutMs} ms: ${what} ${problem}`);
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function readdirOrEmpty(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
