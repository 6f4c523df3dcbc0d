import { describe, expect, it } from 'vitest';
import type { ApiResource } from '../../cli/discovery.ts';
import { resourcesOf } from '../../cli/discovery.ts';
import {
  fullName,
  ofKind,
  resourcesNamed,
  shownName,
  unknownKind,
  unknownResource,
} from '../../cli/resource-names.ts';
import { checkName } from '../../cli/target.ts';

function entry(resource: string, kind: string, shortNames: string[] = [], categories: string[] = []) {
  return {
    resource,
    responseKind: { kind },
    scope: 'Namespaced' as const,
    singularResource: kind.toLowerCase(),
    verbs: ['get', 'list'],
    shortNames,
    categories,
    subresources: [{ subresource: 'status' }],
  };
}

const resources: ApiResource[] = resourcesOf({
  items: [
    {
      metadata: { name: '' },
      versions: [
        { version: 'v1', resources: [entry('nodes', 'Node', ['no']), entry('pods', 'Pod', ['po'], ['all'])] },
      ],
    },
    { metadata: { name: 'batch' }, versions: [{ version: 'v1', resources: [entry('jobs', 'Job')] }] },
    {
      metadata: { name: 'gantry.dev' },
      versions: [
        {
          version: 'v1',
          resources: [entry('jobs', 'Job', ['gj'], ['all']), entry('tasks', 'Task', ['gt'], ['all'])],
        },
      ],
    },
    {
      metadata: { name: 'coordination.k8s.io' },
      versions: [{ version: 'v1', resources: [entry('leases', 'Lease')] }],
    },
  ],
});

const told = (word: string): string[] =>
  resourcesNamed(word, resources).map(({ apiVersion, plural }) => `${apiVersion}/${plural}`);

describe('words for resources', () => {
  it.each([
    ['jobs', ['gantry.dev/v1/jobs']],
    ['job', ['gantry.dev/v1/jobs']],
    ['Job', ['gantry.dev/v1/jobs']],
    ['gj', ['gantry.dev/v1/jobs']],
    ['jobs.batch', ['batch/v1/jobs']],
    ['jobs.v1.batch', ['batch/v1/jobs']],
    ['Job.gantry.dev', ['gantry.dev/v1/jobs']],
    ['nodes.v1', ['v1/nodes']],
    ['no', ['v1/nodes']],
    ['po', ['v1/pods']],
    ['all', ['gantry.dev/v1/jobs', 'gantry.dev/v1/tasks']],
    ['jobs.other', []],
    ['jbos', []],
  ])("%s means %j, Gantry's own before others", (word, wanted) => {
    expect(told(word)).toEqual(wanted);
  });

  it('an unknown word is answered with the nearest one', () => {
    expect(unknownResource('taks', resources).message).toContain('did you mean "tasks"');
    expect(unknownResource('zzzzzz', resources).message).toContain('gantry api-resources');
  });

  it('a kind is found only in its own group and version, and the error names the right one', () => {
    expect(ofKind('gantry.dev/v1', 'Job', resources)?.plural).toBe('jobs');
    expect(ofKind('gantry.dev/v2', 'Job', resources)).toBeUndefined();
    expect(unknownKind('gantry.dev/v2', 'Task', resources).message).toContain(
      'did you mean kind "Task" in apiVersion "gantry.dev/v1"',
    );
    expect(unknownKind('gantry.dev/v1', 'Jobb', resources).message).toContain('did you mean kind "Job"');
  });

  it('people read short names, machines full ones', () => {
    const [lease] = resourcesNamed('leases', resources);
    expect(shownName(lease!, 'n1')).toBe('lease.coordination.k8s.io/n1');
    const [job] = resourcesNamed('jobs', resources);
    expect(shownName(job!, 'web')).toBe('job/web');
    expect(fullName(job!, 'web')).toBe('job.gantry.dev/web');
  });

  it.each(['', '.', '..', '../x', 'a/b', 'a%2fb', 'a b', 'a?b', 'a#b', 'a\\b'])(
    'the name %j never reaches a path',
    (name) => {
      expect(() => checkName(name)).toThrow(/the name/);
    },
  );
});
