/** Rows of the command table for `gantry top`. */
import type { CommandFlag, CommandRow } from './command.ts';
import { allNamespaces, selector } from './command-flags.ts';

const flags: readonly CommandFlag[] = [
  selector,
  { flags: '--sort-by <resource>', description: 'the most first, of cpu or memory' },
  { flags: '--no-headers', description: 'no header line' },
];

export const topRows: readonly CommandRow[] = [
  {
    name: 'top nodes',
    arguments: '[name]',
    summary: 'show what nodes use now, of what tasks may have of them',
    aliases: ['node', 'no'],
    flags,
    load: async () => (await import('./commands/top.ts')).topNodes,
  },
  {
    name: 'top tasks',
    arguments: '[name]',
    summary: 'show what tasks use now, against their requests and limits',
    aliases: ['task', 'gt'],
    flags: [...flags, allNamespaces, { flags: '--containers', description: 'one line for each container' }],
    load: async () => (await import('./commands/top.ts')).topTasks,
  },
];
