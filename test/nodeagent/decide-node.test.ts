import { describe, expect, it } from 'vitest';
import { decideNode } from '../../nodeagent/decide-node.ts';
import { record, task, testUid } from '../kit/nodeagent-objects.ts';

const deleting = { deletionTimestamp: '2030-01-01T00:00:00Z', deletionGracePeriodSeconds: 7 };

describe('decideNode', () => {
  it('runs a task that is not held yet', () => {
    const wanted = task();
    expect(decideNode([wanted], [])).toEqual([{ do: 'run', task: wanted }]);
  });

  it.each(['Succeeded', 'Failed'])('leaves a task alone that is %s already', (phase) => {
    expect(decideNode([task({ status: { phase } })], [])).toEqual([]);
  });

  it('does nothing about a task that is held as it is wanted', () => {
    const wanted = task();
    expect(decideNode([wanted], [record(wanted)])).toEqual([]);
  });

  it('hands a changed object to its runner', () => {
    const changed = task({ status: { phase: 'Unknown' } });
    expect(decideNode([changed], [record()])).toEqual([{ do: 'update', task: changed }]);
  });

  it('stops a deleted task with the grace the API granted', () => {
    const wanted = task({ metadata: deleting });
    expect(decideNode([wanted], [record(wanted)])).toEqual([{ do: 'stop', uid: testUid, graceSeconds: 7 }]);
  });

  it('confirms a deletion when nothing of the task is left', () => {
    const wanted = task({ metadata: deleting });
    expect(decideNode([wanted], [record(wanted, { cleaned: true })])).toEqual([
      { do: 'confirm', task: wanted },
    ]);
    expect(decideNode([wanted], [])).toEqual([{ do: 'confirm', task: wanted }]);
  });

  it('stops a task somebody else declared over', () => {
    const wanted = task({ status: { phase: 'Failed' } });
    expect(decideNode([wanted], [record(wanted)])).toEqual([{ do: 'stop', uid: testUid, graceSeconds: 30 }]);
  });

  it('stops a vanished task within seconds, whatever its grace', () => {
    expect(decideNode([], [record()])).toEqual([{ do: 'stop', uid: testUid, graceSeconds: 5 }]);
  });

  it('forgets a vanished task once it is cleaned', () => {
    expect(decideNode([], [record(task(), { cleaned: true })])).toEqual([{ do: 'forget', uid: testUid }]);
  });

  it('takes a task made again under its name for another one', () => {
    const again = task({ metadata: { uid: 'other' } });
    expect(decideNode([again], [record()]).map((action) => action.do)).toEqual(['run', 'stop']);
  });
});
