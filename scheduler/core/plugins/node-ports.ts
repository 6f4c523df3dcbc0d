/** Tasks share the network of their node: a port on it goes to one task at a time. */
import { feasible, type Plugin } from '../plugin.ts';

export const nodePorts = {
  name: 'NodePorts',

  preFilter: ({ ports }) => (ports.length > 0 ? ports : undefined),

  filter(ports, snapshot, { column, mark }) {
    for (const port of ports) {
      for (const slot of snapshot.portHolders(port)) {
        if (column[slot] === feasible) column[slot] = mark;
      }
    }
  },

  admits: (ports, snapshot, slot) => !ports.some((port) => snapshot.isPortTaken(port, slot)),

  explain: (ports, snapshot, slot) =>
    ports
      .filter((port) => snapshot.isPortTaken(port, slot))
      .map((port) => ({ reason: `port ${port} taken` })),

  relax: (_task, _snapshot, { ports }) =>
    ports.length === 0
      ? []
      : [
          {
            kind: 'ports',
            text: `if it did not need ${ports.length === 1 ? 'port' : 'ports'} ${ports.join(', ')}`,
            change: ({ containers }) => ({
              containers: containers.map(({ ports: _dropped, ...container }) => container),
            }),
          },
        ],

  hint: (event, { ports }, snapshot) =>
    event.type !== 'NodeChanged' && !ports.some((port) => snapshot.isPortTaken(port, event.slot)),
} satisfies Plugin<readonly string[]>;
