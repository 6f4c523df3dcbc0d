/** The command line: from the table of commands to commander's program, and from words to a call. */
import { Command, CommanderError, Option } from 'commander';
import type { CommandFlag, CommandRow, GlobalOptions } from './command.ts';
import { commandContext, type World } from './context.ts';
import { exitCodes, reportFailure } from './failure.ts';
import { clientVersion } from './version.ts';

/** Runs `gantry <words>`; resolves with the exit code, and never throws. */
export async function runProgram(
  rows: readonly CommandRow[],
  words: readonly string[],
  world: World,
): Promise<number> {
  let code: number = exitCodes.ok;
  const program = buildProgram(rows, world, (result) => {
    code = result;
  });
  try {
    await program.parseAsync(plainFlags(words, rows), { from: 'user' });
    return code;
  } catch (error) {
    // Commander has said what is wrong itself; help and version are no failures.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    return reportFailure(error, world.io);
  }
}

function buildProgram(rows: readonly CommandRow[], world: World, done: (code: number) => void): Command {
  const program = new Command('gantry')
    .description('A cluster manager: runs services and batch jobs on many machines.')
    .version(clientVersion, '--version', 'print the version of this program')
    .option('--kubeconfig <file>', 'kubeconfig file to use')
    .option('--context <name>', 'kubeconfig context to use')
    .option('-n, --namespace <name>', 'namespace to work in')
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ writeOut: world.io.out, writeErr: world.io.err });
  for (const row of rows) addCommand(program, row, world, done);
  return program;
}

function addCommand(program: Command, row: CommandRow, world: World, done: (code: number) => void): void {
  const [first = '', second] = row.name.split(' ');
  const parent = second === undefined ? program : groupOf(program, first);
  const command = parent
    .command(`${second ?? first} ${row.arguments ?? ''}`.trim(), { hidden: row.hidden === true })
    .description(row.summary)
    .helpOption('-h, --help', 'show this help');
  for (const alias of row.aliases ?? []) command.alias(alias);
  for (const flag of row.flags ?? []) command.addOption(optionOf(flag));
  if (row.examples) command.addHelpText('after', `\nExamples:\n${row.examples.trimEnd()}`);
  command.action(async () => {
    const options = command.optsWithGlobals<GlobalOptions>();
    const run = await row.load();
    // The flags' shapes are the row's promise to its function.
    done(await run(commandContext(world, options), command.args, options as never));
  });
}

function groupOf(program: Command, name: string): Command {
  const known = program.commands.find((command) => command.name() === name);
  return known ?? program.command(name).description(`${name} commands`);
}

function optionOf({ flags, description, default: value, repeatable }: CommandFlag): Option {
  const option = new Option(flags, description);
  if (value !== undefined) option.default(value);
  if (repeatable) option.argParser((word: string, before: string[] | undefined) => [...(before ?? []), word]);
  return option;
}

/**
 * kubectl's users write `--wait=false`, `--watch=true` and `-o=yaml`, which commander has no notion of:
 * a boolean flag with a value becomes the flag, `--no-…`, or nothing; the `=` of a short flag goes.
 */
function plainFlags(words: readonly string[], rows: readonly CommandRow[]): string[] {
  const flags = rows.flatMap((row) => row.flags ?? []).map((flag) => flag.flags);
  const booleans = new Set(
    flags.filter((text) => !/[<[]/.test(text)).flatMap((text) => text.match(/--[\w-]+/g) ?? []),
  );
  const end = words.indexOf('--');
  return words.flatMap((word, at) => {
    if (end >= 0 && at > end) return [word];
    const [, name = '', value] = /^(--[\w-]+)=(true|false)$/.exec(word) ?? [];
    const negated = `--no-${name.slice(2)}`;
    if (booleans.has(name) || booleans.has(negated)) {
      if (value === 'true') return booleans.has(name) ? [name] : [];
      return booleans.has(negated) ? [negated] : [];
    }
    return [/^-\w=./.test(word) ? word.slice(0, 2) + word.slice(3) : word];
  });
}
