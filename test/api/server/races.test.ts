/** Many writers at one object: every write is done once or refused with 409, and the last state is one of theirs. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  addNode,
  configMapDraft,
  configMaps,
  nodeUser,
  TestServer,
  taskDraft,
  tasks,
} from './test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
  for (const name of ['n1', 'n2']) await addNode(server, name, { cpu: '4', memory: '4Gi', pods: '10' });
});
afterAll(() => server.close());

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const count = (statuses: number[], status: number): number =>
  statuses.filter((each) => each === status).length;

describe('racing writers', () => {
  test('of one name: one creates it, the others are told that it exists', async () => {
    const answers = await Promise.all(numbers(100).map(() => server.post(configMaps, configMapDraft('one'))));
    const statuses = answers.map(({ status }) => status);
    expect([count(statuses, 201), count(statuses, 409)]).toEqual([1, 99]);
  });

  test('that create and delete one name a thousand times see every life of it once', async () => {
    const created = new Set<string>();
    const deleted: string[] = [];
    await Promise.all(
      numbers(10).map(async () => {
        for (let round = 0; round < 50; round++) {
          const made = await server.post(configMaps, configMapDraft('again'));
          if (made.status === 201) created.add(made.body.metadata.uid);
          else expect(made.status).toBe(409);
          const gone = await server.delete(`${configMaps}/again`);
          if (gone.status === 200) deleted.push(gone.body.details.uid);
          else expect(gone.status).toBe(404);
        }
      }),
    );
    expect(new Set(deleted).size).toBe(deleted.length);
    expect([...created].sort()).toEqual([...deleted].sort());
  });

  test('that patch without a version lose nothing', async () => {
    await server.post(configMaps, configMapDraft('shared'));
    const answers = await Promise.all(
      numbers(50).map((index) => server.mergePatch(`${configMaps}/shared`, { data: { [`k${index}`]: 'x' } })),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(Object.keys((await server.get(`${configMaps}/shared`)).body.data)).toHaveLength(50);
  });

  test('that update the same version: one does, the others conflict', async () => {
    const { body } = await server.post(configMaps, configMapDraft('versioned'));
    const answers = await Promise.all(
      numbers(50).map((index) =>
        server.put(`${configMaps}/versioned`, { ...body, data: { by: String(index) } }),
      ),
    );
    const statuses = answers.map(({ status }) => status);
    expect([count(statuses, 200), count(statuses, 409)]).toEqual([1, 49]);
  });

  test('that apply as managers of their own all have their say', async () => {
    const headers = { 'content-type': 'application/apply-patch+yaml' };
    const answers = await Promise.all(
      numbers(20).map((index) =>
        server.raw(
          'PATCH',
          `${configMaps}/applied?fieldManager=m${index}`,
          configMapDraft('applied', { [`k${index}`]: 'x' }),
          { headers },
        ),
      ),
    );
    expect(answers.every(({ status }) => status === 200 || status === 201 || status === 409)).toBe(true);
    const taken = answers.filter(({ status }) => status !== 409).length;
    const { body } = await server.get(`${configMaps}/applied`);
    expect(Object.keys(body.data)).toHaveLength(taken);
    expect(body.metadata.managedFields).toHaveLength(taken);
  });

  test('of one uid delete that one and no later one', async () => {
    const { body } = await server.post(configMaps, configMapDraft('lives'));
    await server.delete(`${configMaps}/lives`);
    await server.post(configMaps, configMapDraft('lives'));
    const { status } = await server.delete(`${configMaps}/lives`, {
      preconditions: { uid: body.metadata.uid },
    });
    expect(status).toBe(409);
    expect((await server.get(`${configMaps}/lives`)).status).toBe(200);
  });
});

describe('a task', () => {
  test('bound by many at once is bound to one node', async () => {
    await server.post(tasks, taskDraft('t'));
    const answers = await Promise.all(
      numbers(20).map((index) =>
        server.post(`${tasks}/t/binding`, { target: { name: index % 2 ? 'n1' : 'n2' } }),
      ),
    );
    const statuses = answers.map(({ status }) => status);
    expect([count(statuses, 201), count(statuses, 409)]).toEqual([1, 19]);
  });

  test('takes its status from the agent of its node alone, and never goes back', async () => {
    const { nodeName } = (await server.get(`${tasks}/t`)).body.spec;
    const stranger = nodeUser(nodeName === 'n1' ? 'n2' : 'n1');
    const report = async (phase: string, user = nodeUser(nodeName)): Promise<number> =>
      (await server.mergePatch(`${tasks}/t/status`, { status: { phase } }, { user })).status;
    expect(await report('Running', stranger)).toBe(403);
    expect(await report('Running')).toBe(200);
    expect(await report('Succeeded')).toBe(200);
    expect(await report('Running')).toBe(422);
    expect((await server.get(`${tasks}/t`)).body.status.phase).toBe('Succeeded');
  });
});
