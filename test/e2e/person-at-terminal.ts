/** Somebody at a terminal of 41 rows and 133 columns, made by `script`: types, and reads what comes. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { eventually } from './local-cluster.ts';

const patienceMs = 20_000;

export class PersonAtTerminal {
  readonly #script: ChildProcessWithoutNullStreams;
  #seen = '';

  /** Runs the line in the terminal; when it is over, `code N` is to be seen. */
  constructor(line: string, env: Record<string, string>) {
    const inside = `stty rows 41 cols 133; ${line}; echo "code $?"`;
    const flags = ['-q', '-e', '-E', 'never', '-c', inside, '/dev/null'];
    this.#script = spawn('script', flags, { env: { ...process.env, ...env } });
    this.#script.stdout.on('data', (chunk: Buffer) => {
      this.#seen += chunk;
    });
  }

  type(text: string): void {
    this.#script.stdin.write(text);
  }

  /** Waits until the text has come, `meanwhile` typing again and again what asks for it. */
  async sees(text: string, meanwhile = ''): Promise<void> {
    const what = `${JSON.stringify(text)} in the terminal`;
    await eventually(
      what,
      () => {
        this.type(meanwhile);
        if (this.#seen.includes(text)) return true;
        throw new Error(JSON.stringify(this.#seen.slice(-500)));
      },
      patienceMs,
    );
  }

  /** Waits until the line is over. */
  async sawEnd(code: number): Promise<void> {
    await this.sees(`code ${code}`);
    this.#script.stdin.end();
    if (this.#script.exitCode === null) await once(this.#script, 'exit');
  }
}
