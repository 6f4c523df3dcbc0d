/** Plugins from a user's file: they count like the core's, and one that fails is off while the rest goes on. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ClassIndex } from '../../scheduler/core/class-index.ts';
import { defaultPlugins, Profile } from '../../scheduler/core/profile.ts';
import { scheduleTask } from '../../scheduler/core/schedule.ts';
import { schedulingTask } from '../../scheduler/core/scheduling-task.ts';
import { loadUserPlugins, UserPlugins } from '../../scheduler/user-plugins/load-plugins.ts';
import { Cell, nodeOf, type TaskWords, taskOf } from './cell.ts';

const scratch = mkdtempSync(join(tmpdir(), 'gantry-plugins-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function cellWith(plugins: UserPlugins, cell: Cell) {
  const profile = new Profile([...defaultPlugins, ...plugins.entries]);
  const failures: string[] = [];
  plugins.onFailure(({ plugin, message }) => {
    failures.push(`${plugin}: ${message}`);
    cell.state.voidAnswers();
  });
  const index = new ClassIndex(profile, cell.state.snapshot);
  const decide = (words: TaskWords = {}): string => {
    const task = profile.sign(schedulingTask(taskOf('asked', words)));
    const decision = index.schedule(task);
    expect(decision).toEqual(scheduleTask(profile, cell.state.snapshot, task));
    return decision.node ?? decision.explanation.message;
  };
  return { decide, failures };
}

const of = (source: string): UserPlugins => new UserPlugins(`module.exports = ${source};`, 'plugins.js');

describe('plugins of a file', () => {
  it('the example filters and scores, and says why not', async () => {
    const plugins = await loadUserPlugins('docs/examples/scheduler-plugins.ts');
    const cell = new Cell({
      a: {},
      b: { labels: { energy: 'solar' } },
      c: { labels: { 'licences/matlab': '' } },
    });
    const { decide } = cellWith(plugins, cell);
    expect(decide()).toBe('b');
    expect(decide({ labels: { licence: 'matlab' } })).toBe('c');
    expect(decide({ labels: { licence: 'abaqus' } })).toBe(
      '0/3 nodes are available: 3 without a licence for abaqus',
    );
    cell.state.setNode(nodeOf('a', { labels: { 'licences/abaqus': '' } }));
    expect(decide({ labels: { licence: 'abaqus' } })).toBe('a');
  });

  it('CommonJS is taken as it stands, ES modules are bundled', async () => {
    const plugin = "{ name: 'Only', filter: (task, node) => (node.name === 'b' ? undefined : 'not it') }";
    for (const [name, source] of [
      ['plain.cjs', `module.exports = ${plugin};`],
      ['plain.mjs', `export default ${plugin};`],
      ['plain.js', `export default [${plugin}];`],
    ] as const) {
      const file = join(scratch, name);
      writeFileSync(file, source);
      expect(cellWith(await loadUserPlugins(file), new Cell({ a: {}, b: {} })).decide()).toBe('b');
    }
  });

  it('a file that is not there is refused by its name', async () => {
    for (const name of ['absent.cjs', 'absent.ts'])
      await expect(loadUserPlugins(join(scratch, name))).rejects.toThrow(name);
  });

  it('TypeScript that imports another file is taken', async () => {
    writeFileSync(join(scratch, 'names.ts'), "export const wanted: string = 'b';\n");
    const file = join(scratch, 'plugins.ts');
    writeFileSync(
      file,
      "import { wanted } from './names.ts';\n" +
        "export default { name: 'Only', filter: (_t: unknown, node: { name: string }) => node.name === wanted ? undefined : 'not it' };\n",
    );
    expect(cellWith(await loadUserPlugins(file), new Cell({ a: {}, b: {} })).decide()).toBe('b');
  });

  it.each([
    ['that does not parse', 'export default {', /plugins.ts/],
    ['that throws when it is read', "throw new Error('bang');", /bang/],
    ['that loops when it is read', 'for (;;);', /timed out/],
    ['without a plugin in it', 'export default { name: "Idle" };', /filter\(\) or score\(\)/],
  ])('a file %s is refused by its name', async (_name, text, problem) => {
    const file = join(scratch, 'plugins.ts');
    writeFileSync(file, text);
    await expect(loadUserPlugins(file)).rejects.toThrow(problem);
  });
});

describe('a plugin that', () => {
  it.each([
    ['throws', "() => { throw new Error('bang'); }", /Bad: bang/],
    ['loops', '() => { for (;;); }', /Bad: .*timed out/],
    ['refuses with no reason', '() => 7', /neither a reason nor undefined/],
    ['reaches for the process', '() => process.exit(1)', /process is not defined/],
  ])('%s is off, and the rest goes on', (_name, filter, problem) => {
    const plugins = of(`[
      { name: 'Bad', filter: ${filter} },
      { name: 'Good', filter: (task, node) => node.name === 'b' ? undefined : 'not b' },
    ]`);
    const { decide, failures } = cellWith(plugins, new Cell({ a: {}, b: {} }));
    expect([decide(), decide()]).toEqual(['b', 'b']);
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatch(problem);
  });

  it('fails later than others have been refused by it no longer refuses them', () => {
    const plugins = of(`{ name: 'Bad', filter: (task, node) => {
      if (task.labels.odd) throw new Error('odd');
      return 'never';
    } }`);
    const { decide, failures } = cellWith(plugins, new Cell({ a: {} }));
    expect(decide()).toContain('1 never');
    expect(decide({ labels: { odd: 'yes' } })).toBe('a');
    expect(decide()).toBe('a');
    expect(failures).toEqual(['Bad: odd']);
  });

  it('scores beyond 100 is off', () => {
    const { decide, failures } = cellWith(
      of("{ name: 'Loud', score: () => 1000 }"),
      new Cell({ a: {}, b: {} }),
    );
    expect(decide()).toBe('a');
    expect(failures[0]).toContain('not a number from 0 to 100');
  });

  it('changes what it is given changes nothing', () => {
    const plugins = of(
      "{ name: 'Vandal', score: (task, node) => { node.labels.zone = 'x'; task.requests.cpu = 0; return 1; } }",
    );
    const cell = new Cell({ a: { labels: { zone: 'a' } } });
    expect(cellWith(plugins, cell).decide({ requests: { cpu: '1' } })).toBe('a');
    expect(cell.state.snapshot.labels[0]).toMatchObject({ zone: 'a' });
  });
});
