/**
 * Job lifecycle scripts: readable text in, the controller's actions out. A script is blocks of
 * commands, each followed by `----` and what came of it; a blank line ends a block.
 *
 *   job type=Service replicas=3 update.maxSurge=1     a new world with one job
 *   set replicas=5                                    changes the spec; template=v2 changes the template
 *   reconcile | settle                                one decision, or decisions until nothing is left to do
 *   run|fail|evict|succeed|silence|unready <task> …         what nodes report
 *   end <task> …                                      the agent has stopped a task that was going
 *   delete <task> …                                   by hand
 *   after 10s                                         time goes by
 *   show                                              the tasks and the status
 */
import type { Job } from '../../../api/kinds/resources.ts';
import { newJob, templateOf, World } from './world.ts';

export function runTranscript(text: string): string {
  let world: World | undefined;
  const blocks = text.split(/\n\n+/).map((block) => {
    const [commands = ''] = block.split(/^----$/m);
    const lines = commands.trim().split('\n');
    const output: string[] = [];
    for (const line of lines) {
      if (line.startsWith('#') || line === '') continue;
      const [command = '', ...words] = line.split(/\s+/);
      if (command === 'job') world = new World(jobOf(words));
      else if (world) output.push(...runCommand(world, command, words));
    }
    const isProse = lines.every((line) => line.startsWith('#'));
    return isProse ? commands.trim() : `${commands.trim()}\n----\n${output.join('\n')}`.trimEnd();
  });
  return `${blocks.join('\n\n')}\n`;
}

function runCommand(world: World, command: string, words: string[]): string[] {
  const from = world.journal.length;
  for (const word of command === 'after' || command === 'set' ? [words.join(' ')] : words) {
    if (command === 'run') world.report(word, 'Running');
    else if (command === 'unready') world.report(word, 'Running', { ready: false });
    else if (command === 'fail') world.report(word, 'Failed');
    else if (command === 'evict') world.report(word, 'Failed', { disrupted: true });
    else if (command === 'succeed') world.report(word, 'Succeeded');
    else if (command === 'silence') world.report(word, 'Unknown');
    else if (command === 'end') world.vanish(word);
    else if (command === 'delete') world.delete(word);
    else if (command === 'after') world.nowMs += Number.parseInt(word, 10) * 1000;
    else if (command === 'set') world.apply((spec) => specOf(spec, word.split(' ')));
    else throw new RangeError(`unknown command ${command}`);
  }
  if (command === 'settle') settle(world);
  else if (command === 'reconcile') world.reconcile();
  else if (command === 'show') return show(world);
  else return [];
  const { requeueAfterMs } = world.decide();
  const wake = requeueAfterMs === undefined ? [] : [`again in ${requeueAfterMs / 1000}s`];
  return [...world.journal.slice(from), describeStatus(world.job), ...wake];
}

function settle(world: World): void {
  for (let turn = 0; turn < 50; turn++) {
    if (world.reconcile().length === 0) return;
  }
  throw new RangeError('the controller never comes to rest');
}

function jobOf(words: string[]): Job {
  const type = words.includes('type=Batch') ? 'Batch' : 'Service';
  const job = newJob({ type, template: templateOf('v1') });
  return { ...job, spec: specOf(job.spec, words) };
}

function specOf(spec: Job['spec'], words: string[]): Job['spec'] {
  const changed = structuredClone(spec) as Record<string, unknown>;
  for (const word of words) {
    const [path = '', text = ''] = word.split('=');
    const keys = path.split('.');
    const field = keys.pop() ?? '';
    const target = keys.reduce((object, key) => object[key] as Record<string, unknown>, changed);
    target[field] = field === 'template' ? templateOf(text) : parsed(text);
  }
  return changed as Job['spec'];
}

function parsed(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^\d+$/.test(text) ? Number(text) : text;
}

function show(world: World): string[] {
  const tasks = [...world.tasks.values()].sort((left, right) =>
    left.metadata.name < right.metadata.name ? -1 : 1,
  );
  const rows = tasks.map(({ metadata, status }) => {
    const going = metadata.deletionTimestamp ? ' going' : '';
    return `  ${metadata.name} ${status.phase}${going} ${metadata.labels?.['version'] ?? ''}`.trimEnd();
  });
  return [...rows, describeStatus(world.job)];
}

function describeStatus({ spec, status }: Job): string {
  const { phase, readyReplicas, updatedReplicas, replicas, succeeded, failed, completedIndexes } = status;
  const conditions = (status.conditions ?? []).map(
    (condition) => `${condition.type}=${condition.status}/${condition.reason}`,
  );
  const counts =
    spec.type === 'Service'
      ? `ready ${readyReplicas}/${replicas} updated ${updatedReplicas}`
      : `live ${replicas} succeeded ${succeeded} [${completedIndexes}] failed ${failed}`;
  return `${phase}: ${counts} ${conditions.join(' ')}`.trimEnd();
}
