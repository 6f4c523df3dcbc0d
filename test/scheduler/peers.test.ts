/**
 * The peers' own tables, re-expressed as data (test/scheduler/peers/*.json: each names its source file and
 * cases). A case we answer differently says why; when it no longer differs, the remark must go.
 */
import { describe, expect, it } from 'vitest';
import { comparable, outcomeOf } from './peers/peer-case.ts';
import { peerFiles } from './peers/peer-files.ts';

for (const { peer, source, tables } of peerFiles()) {
  for (const table of tables) {
    describe(`${peer}: ${table.name} (${source})`, () => {
      for (const one of table.cases) {
        it(one.name, () => {
          const outcome = comparable(table, outcomeOf(table, one));
          const expected = comparable(table, one.expect);
          if (one.differs) expect(outcome).not.toEqual(expected);
          else expect(outcome).toEqual(expected);
        });
      }
    });
  }
}
