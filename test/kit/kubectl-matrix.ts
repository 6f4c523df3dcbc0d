/**
 * Verbs × versions of kubectl: every row is one way people use kubectl, every column one binary. A cell runs
 * its row with its binary in a namespace of that version; rows must not disturb each other.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type KubectlServer, type RunOptions, versionOf } from './kubectl.ts';

export interface Row {
  verb: string;
  /** The first minor version that knows it; default all. */
  since?: number;
  act: (kubectl: Kubectl) => Promise<unknown>;
}

/** What became of one cell: undefined where the version does not know the verb, '' when all is well. */
export type Cell = string | undefined;

export interface Matrix {
  versions: string[];
  cells: Map<string, Cell[]>;
}

/** One binary, in one namespace. */
export class Kubectl {
  readonly #server: KubectlServer;
  readonly #binary: string;
  /** Fits into names: `1-27`. */
  readonly version: string;
  readonly namespace: string;

  constructor(server: KubectlServer, binary: string, version: string) {
    this.#server = server;
    this.#binary = binary;
    this.version = version.replace('.', '-');
    this.namespace = `matrix-${this.version}`;
  }

  /** Splits `command` at spaces; `args` are taken as they are. Throws unless it ends well; gives what it says. */
  async run(command: string, ...args: string[]): Promise<string> {
    return this.runWith({}, command, ...args);
  }

  async runWith(options: RunOptions, command: string, ...args: string[]): Promise<string> {
    const { exitCode, output } = await this.#start(options, command, args);
    if (exitCode !== 0) throw new Error(`${command} ended with ${exitCode}: ${output}`);
    return output;
  }

  /** Must say something like `wanted`. */
  async says(wanted: RegExp, command: string, ...args: string[]): Promise<string> {
    return said(await this.run(command, ...args), wanted, command);
  }

  /** Must end with `code`, 1 when it is not given, and say something like `wanted`. */
  async fails(wanted: RegExp, command: string, { code = 1 } = {}): Promise<string> {
    const { exitCode, output } = await this.#start({}, command, []);
    if (exitCode !== code) throw new Error(`${command} ended with ${exitCode}: ${output}`);
    return said(output, wanted, command);
  }

  /** A command that does not end by itself: the lines it prints, one by one, and what is done between them. */
  async watches(command: string, steps: readonly (RegExp | (() => Promise<unknown>))[]): Promise<void> {
    const lines = this.#server.lines(this.#binary, ...this.#words(command));
    try {
      for (const step of steps) {
        if (step instanceof RegExp) said(await lines.next(), step, command);
        else await step();
      }
    } finally {
      await lines.end();
    }
  }

  /** Creates objects from a manifest given as JSON. */
  async create(...objects: object[]): Promise<void> {
    await this.runWith({ input: listOf(objects) }, 'create -f -');
  }

  /** Writes files into a fresh directory and gives its path. */
  async directory(name: string, files: Record<string, object>): Promise<string> {
    const path = join(this.#server.directory, `${name}-${this.version}`);
    await mkdir(path, { recursive: true });
    for (const [file, content] of Object.entries(files))
      await writeFile(join(path, file), JSON.stringify(content));
    return path;
  }

  async file(name: string, content: object): Promise<string> {
    const path = await this.directory(name, { 'manifest.json': content });
    return join(path, 'manifest.json');
  }

  #start(options: RunOptions, command: string, args: readonly string[]) {
    return this.#server.runWith(options, this.#binary, ...this.#words(command), ...args);
  }

  #words(command: string): string[] {
    return ['--namespace', this.namespace, ...command.split(' ')];
  }
}

function said(output: string, wanted: RegExp, command: string): string {
  if (!wanted.test(output)) throw new Error(`${command} does not say ${wanted}: ${output}`);
  return output;
}

function listOf(items: readonly object[]): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}

export interface MatrixOptions {
  server: KubectlServer;
  binaries: readonly string[];
  rows: readonly Row[];
  /** Cells of one version under way at once. */
  inFlight: number;
}

/** One version after the other. */
export async function runMatrix({ server, binaries, rows, inFlight }: MatrixOptions): Promise<Matrix> {
  const cells = new Map<string, Cell[]>(rows.map(({ verb }) => [verb, []]));
  const versions: string[] = [];
  for (const [column, binary] of binaries.entries()) {
    versions[column] = await versionOf(binary);
    const kubectl = new Kubectl(server, binary, versions[column]);
    await kubectl.run('create namespace', kubectl.namespace);
    const waiting = [...rows];
    const work = async (): Promise<void> => {
      for (let row = waiting.shift(); row; row = waiting.shift())
        cells.get(row.verb)![column] = await cellOf(row, kubectl);
    };
    await Promise.all(Array.from({ length: inFlight }, work));
  }
  return { versions, cells };
}

async function cellOf({ act, since = 0 }: Row, kubectl: Kubectl): Promise<Cell> {
  if (Number(kubectl.version.split('-')[1]) < since) return undefined;
  try {
    await act(kubectl);
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** `verb | 1.27 1.28 …` with ✓, ✗ and · for what a version does not know. */
export function formatMatrix({ versions, cells }: Matrix): string {
  const width = Math.max(...[...cells.keys()].map((verb) => verb.length));
  const line = (verb: string, marks: readonly string[]): string =>
    `${verb.padEnd(width)}  ${marks.map((mark) => mark.padEnd(5)).join('')}`.trimEnd();
  const rows = [...cells].map(([verb, marks]) =>
    line(
      verb,
      marks.map((cell) => (cell === undefined ? '·' : cell === '' ? '✓' : '✗')),
    ),
  );
  return [line('', versions), ...rows].join('\n');
}

const oldestPromised = 27;

/** `verb with version: what went wrong`, for every red cell of a version that is promised to work. */
export function redCells({ versions, cells }: Matrix): string[] {
  const isPromised = (version = ''): boolean => Number(version.split('.')[1]) >= oldestPromised;
  return [...cells].flatMap(([verb, marks]) =>
    marks.flatMap((cell, column) =>
      cell && isPromised(versions[column]) ? [`${verb} with ${versions[column]}: ${cell}`] : [],
    ),
  );
}
