import { describe, expect, it } from 'vitest';
import { environmentHook, ownVariables } from '../../nodeagent/hooks/environment.ts';
import type { Start } from '../../nodeagent/hooks/hook.ts';
import { container, record, task } from '../kit/nodeagent-objects.ts';

const node = { name: 'n1', address: '10.0.0.1' };

describe('the environment of a container', () => {
  it('says who and where the task is', () => {
    const of = task({ metadata: { name: 'web-3-1' }, spec: { index: 3, attempt: 1 } });
    expect(ownVariables({ task: of }, {}, node)).toMatchObject({
      GANTRY_TASK_NAME: 'web-3-1',
      GANTRY_TASK_NAMESPACE: 'default',
      GANTRY_TASK_INDEX: '3',
      GANTRY_TASK_ATTEMPT: '1',
      GANTRY_NODE_NAME: 'n1',
      GANTRY_JOB_NAME: 'web',
    });
  });

  it('names the ports that are taken on the node', () => {
    const { ports } = container({
      ports: [
        { name: 'web-ui', containerPort: 80, hostPort: 20_080, protocol: 'TCP' },
        { containerPort: 90, protocol: 'TCP' },
      ],
    });
    expect(ownVariables(record(), { ports }, node)).toMatchObject({ PORT: '20080', PORT_WEB_UI: '20080' });
  });

  it("goes from the image over Gantry's own to the task's, which win", async () => {
    const start = {
      container: container({ env: [{ name: 'GANTRY_NODE_NAME', value: 'mine' }] }),
      imageConfig: { Env: ['PATH=/image', 'A=b=c', 'broken'] },
      record: record(),
      node,
      spec: {},
    } as unknown as Start;
    expect(await environmentHook(start)).toBeUndefined();
    expect(start.spec.env).toEqual(expect.arrayContaining(['PATH=/image', 'A=b=c', 'GANTRY_NODE_NAME=mine']));
    expect(start.spec.env?.filter((entry) => entry.startsWith('GANTRY_NODE_NAME='))).toHaveLength(1);
  });
});
