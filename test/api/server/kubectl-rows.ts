/** What people do with kubectl on this server, one row per verb or form of it. */
import type { Row } from '../../kit/kubectl-matrix.ts';
import { applies } from './kubectl-rows/applying.ts';
import { pods } from './kubectl-rows/pods.ts';
import { discovery, gets, stories } from './kubectl-rows/reading.ts';
import { waits, watches } from './kubectl-rows/watching.ts';
import { changes, creates, customKinds, deletes } from './kubectl-rows/writing.ts';

export const kubectlRows: readonly Row[] = [
  ...discovery,
  ...gets,
  ...watches,
  ...creates,
  ...applies,
  ...changes,
  ...waits,
  ...deletes,
  ...stories,
  ...customKinds,
  ...pods,
];
