/** `npm run fuzz -- <target>… [--seconds N] [--seed S]`: tries inputs until the time is up or one fails. */
import { Command, Option } from 'commander';
import { type Failure, fuzz } from './fuzzer.ts';
import { targets } from './targets.ts';

const command = new Command('fuzz')
  .argument('[target...]', `of ${targets.map(({ name }) => name).join(', ')} (default: all)`)
  .addOption(new Option('--seconds <n>', 'how long, for each target').default(10).argParser(Number))
  .addOption(new Option('--seed <n>', 'where the inputs come from').default(process.pid).argParser(Number))
  .parse();
const { seconds, seed } = command.opts<{ seconds: number; seed: number }>();

for (const name of command.args.length > 0 ? command.args : targets.map((target) => target.name)) {
  const target = targets.find((each) => each.name === name);
  if (!target) throw new Error(`no target ${name}`);
  const end = performance.now() + seconds * 1000;
  const { tried, failure } = fuzz(target, { seed, goOn: () => performance.now() < end });
  process.stdout.write(
    `${name}: ${tried} inputs with seed ${seed}: ${failure ? tell(name, failure) : 'ok'}\n`,
  );
  if (failure) process.exitCode = 1;
}

function tell(name: string, { input, error }: Failure): string {
  const bytes = Buffer.from(input, 'latin1');
  const keep = `echo ${bytes.toString('base64')} | base64 -d > test/api/fuzz/corpus/${name}/<what it shows>`;
  const stack = error instanceof Error ? error.stack : String(error);
  return `FAILED\n  ${JSON.stringify(input)}\n  ${stack}\n  to keep it: ${keep}`;
}
