/** Rows of the command table: taking nodes out of use and back. */
import type { CommandRow } from './command.ts';

export const nodeRows: readonly CommandRow[] = [
  {
    name: 'cordon',
    arguments: '[node...]',
    summary: 'let no new tasks come to nodes',
    load: async () => (await import('./commands/cordon.ts')).cordon,
  },
  {
    name: 'uncordon',
    arguments: '[node...]',
    summary: 'let new tasks come to nodes again',
    load: async () => (await import('./commands/cordon.ts')).uncordon,
  },
  {
    name: 'drain',
    arguments: '[node...]',
    summary: 'cordon nodes and evict their tasks, the lowest band first, within disruption budgets',
    flags: [
      {
        flags: '--deadline <duration>',
        description: 'shared out among the bands; who is left when the share of his band ends is deleted',
      },
      { flags: '--timeout <duration>', description: 'give up after so long; the node stays cordoned' },
      { flags: '--force', description: 'end tasks too that nothing would make anew' },
    ],
    examples: '  gantry drain n2 --timeout 10m\n  gantry drain n2 --deadline 2m',
    load: async () => (await import('./commands/drain.ts')).drain,
  },
];
