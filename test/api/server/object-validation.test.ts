import { describe, expect, test } from 'vitest';
import { builtinKinds } from '../../../api/kinds/registry.ts';
import type { AnyObject } from '../../../api/meta/object-meta.ts';
import { KindTable, type ServedKind } from '../../../api/server/kind-table.ts';
import {
  checkFields,
  objectOf,
  validateObject,
  validateStatus,
} from '../../../api/server/object-validation.ts';
import { reasonOf } from '../../reason-of.ts';

const table = new KindTable(builtinKinds);
const jobs = served('gantry.dev', 'jobs');
const tasks = served('gantry.dev', 'tasks');

function served(group: string, plural: string): ServedKind {
  const found = table.byPlural(group, 'v1', plural);
  if (!found) throw new Error(`${plural} is not served`);
  return found;
}

type Fields = Record<string, unknown>;

const container = { name: 'main', image: 'busybox:1.36' };

function job(spec: Fields = {}, containerFields: Fields = {}, metadata: Fields = {}): AnyObject {
  return {
    apiVersion: 'gantry.dev/v1',
    kind: 'Job',
    metadata: { name: 'web', namespace: 'default', ...metadata },
    spec: {
      type: 'Service',
      template: { spec: { containers: [{ ...container, ...containerFields }] } },
      ...spec,
    },
  };
}

function task(spec: Fields = {}, status: Fields = {}): AnyObject {
  return {
    apiVersion: 'gantry.dev/v1',
    kind: 'Task',
    metadata: { name: 'web-0-0', namespace: 'default' },
    spec: { containers: [container], ...spec },
    status,
  };
}

/** `field: message` of every cause. */
function causes(object: AnyObject, kind = jobs, old?: AnyObject): string[] {
  const error = reasonOf(() => validateObject(kind, object, old));
  expect(error.reason).toBe('Invalid');
  return (error.details.causes ?? []).map(({ field, message }) => `${field}: ${message}`);
}

describe('defaults', () => {
  test('reach into nested objects and lists', () => {
    const web = job({ tolerations: undefined }, { ports: [{ containerPort: 80 }], env: [{ name: 'A' }] });
    validateObject(jobs, web);
    expect(web.spec).toMatchObject({
      replicas: 1,
      update: { maxUnavailable: 1, maxSurge: 0, minReadySeconds: 0 },
      disconnect: { lostAfterSeconds: 60 },
      template: {
        metadata: {},
        spec: {
          restartPolicy: 'Always',
          terminationGracePeriodSeconds: 30,
          schedulerName: 'default-scheduler',
          containers: [
            {
              ports: [{ containerPort: 80, protocol: 'TCP' }],
              env: [{ name: 'A', value: '' }],
              resources: {},
            },
          ],
        },
      },
    });
    expect(web.status).toEqual({});
  });

  test('applied twice change nothing', () => {
    const web = job({ type: 'Batch' });
    validateObject(jobs, web);
    const once = structuredClone(web);
    validateObject(jobs, web);
    expect(web).toEqual(once);
  });

  test('are not shared between objects', () => {
    const [first, second] = [job(), job()];
    validateObject(jobs, first);
    (first.spec?.['update'] as Fields)['maxSurge'] = 9;
    validateObject(jobs, second);
    expect(second.spec?.['update']).toMatchObject({ maxSurge: 0 });
  });

  test('null is the same as absent, but for times that may be null', () => {
    const web = job({ suspend: null, update: null }, { image: 'busybox', args: null }, { labels: null });
    (web.metadata as unknown as Fields)['creationTimestamp'] = null;
    (web as Fields)['status'] = null;
    validateObject(jobs, web);
    expect(web.spec).not.toHaveProperty('suspend');
    expect(web.spec?.['update']).toMatchObject({ maxUnavailable: 1 });
    expect(web.metadata).not.toHaveProperty('labels');
    expect(web.metadata.creationTimestamp).toBeNull();
    expect(web.status).toEqual({});
  });

  test('quantities are stored as canonical text, whatever they were written as', () => {
    const amounts = { cpu: 0.5, memory: '1024Ki', 'example.com/gpu': 2 };
    const web = job({}, { resources: { limits: amounts } });
    validateObject(jobs, web);
    const canonical = { cpu: '500m', memory: '1Mi', 'example.com/gpu': '2' };
    expect(web).toHaveProperty('spec.template.spec.containers.0.resources.limits', canonical);
    expect(web).toHaveProperty('spec.template.spec.containers.0.resources.requests', canonical);
  });
});

describe('a broken field is named with its path and what it may be', () => {
  const path = 'spec.template.spec.containers[0]';
  test.each<[string, AnyObject, string | RegExp]>([
    ['text for a number', job({ replicas: '3' }), 'spec.replicas: Invalid value: "3": must be an integer'],
    ['a fraction', job({ replicas: 1.5 }), 'spec.replicas: Invalid value: 1.5: must be an integer'],
    [
      'less than nothing',
      job({ replicas: -1 }),
      'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    ],
    [
      'a billion',
      job({ replicas: 1e9 }),
      'spec.replicas: Invalid value: 1000000000: must be less than or equal to 100000',
    ],
    [
      'an unknown word',
      job({ type: 'Servic' }),
      'spec.type: Unsupported value: "Servic": supported values: "Service", "Batch"',
    ],
    ['a number for an object', job({ template: 5 }), 'spec.template: Invalid value: 5: must be an object'],
    [
      'a list for an object',
      job({ template: [] }),
      'spec.template: Invalid value: a list of 0: must be an object',
    ],
    ['a missing object', job({ template: null }), 'spec.template: Required value'],
    ['a missing name', job({}, { name: undefined }), `${path}.name: Required value`],
    ['text for a list', job({}, { command: 'sh' }), `${path}.command: Invalid value: "sh": must be a list`],
    [
      'no container',
      job({ template: { spec: { containers: [] } } }),
      /containers: .*must have at least 1 item/,
    ],
    [
      'a thousand containers',
      job({ template: { spec: { containers: Array(1000).fill(container) } } }),
      'spec.template.spec.containers: Too many: 1000: must have at most 50 items',
    ],
    [
      'half a percentage',
      job({ update: { maxSurge: 'half' } }),
      'spec.update.maxSurge: Invalid value: "half": must be a whole number of 0 or more or a percentage such as 25%',
    ],
    [
      'port 0',
      job({}, { ports: [{ containerPort: 0 }] }),
      `${path}.ports[0].containerPort: Invalid value: 0: must be greater than or equal to 1`,
    ],
    ['port 65536', job({}, { ports: [{ containerPort: 65536 }] }), /must be less than or equal to 65535/],
    [
      'a word for an amount',
      job({}, { resources: { limits: { cpu: 'lots' } } }),
      `${path}.resources.limits.cpu: Invalid value: "lots": must be a quantity such as 500m, 1.5, 64Mi or 2Gi`,
    ],
    [
      'a negative amount',
      job({}, { resources: { limits: { memory: '-5Mi' } } }),
      `${path}.resources.limits[memory]: Invalid value: "-5Mi": must not be negative`,
    ],
    ['an absurd amount', job({}, { resources: { limits: { memory: '1e30' } } }), /must be a quantity/],
    ['two suffixes', job({}, { resources: { limits: { memory: '1e3Ki' } } }), /must be a quantity/],
    ['fullwidth digits', job({}, { resources: { limits: { cpu: '１' } } }), /must be a quantity/],
    [
      'request over limit',
      job({}, { resources: { requests: { cpu: 2 }, limits: { cpu: 1 } } }),
      /less than or equal to the limit of 1/,
    ],
    [
      'an unknown resource',
      job({}, { resources: { limits: { cpus: 1 } } }),
      /limits\[cpus\]: .*is not a resource/,
    ],
    [
      'an impossible image',
      job({}, { image: '..//x@sha256:zz' }),
      `${path}.image: Invalid value: "..//x@sha256:zz": "..//x@sha256:zz" is not an image reference such as busybox, registry.example/app:1.2 or app@sha256:…`,
    ],
    ['an image like an option', job({}, { image: '--privileged' }), /is not an image reference/],
    ['NUL in an argument', job({}, { args: ['a\0b'] }), /NUL/],
    ['an environment name with =', job({}, { env: [{ name: 'A=B', value: '' }] }), /env\[0\]\.name/],
    [
      'two containers of one name',
      job({ template: { spec: { containers: [container, container] } } }),
      'spec.template.spec.containers[1].name: Duplicate value: "main"',
    ],
    [
      'a batch that always restarts',
      job({ type: 'Batch', template: { spec: { containers: [container], restartPolicy: 'Always' } } }),
      /Never or OnFailure/,
    ],
    [
      'a batch with replicas',
      job({ type: 'Batch', replicas: 2 }),
      'spec.replicas: Invalid value: 2: has no meaning in a Batch job',
    ],
    [
      'an update that cannot go on',
      job({ update: { maxUnavailable: 0, maxSurge: '0%' } }),
      /must not both be 0/,
    ],
    [
      'a number as label',
      job({}, {}, { labels: { a: 5 } }),
      'metadata.labels.a: Invalid value: 5: must be a string',
    ],
  ])('%s', (_name, object, cause) => {
    const found = causes(object);
    expect(found).toHaveLength(1);
    if (typeof cause === 'string') expect(found[0]).toBe(cause);
    else expect(found[0]).toMatch(cause);
  });

  test('all broken fields are named at once, in the words of Kubernetes', () => {
    const error = reasonOf(() => validateObject(jobs, job({ replicas: -1, type: 'X' })));
    expect(error.message).toBe(
      'Job.gantry.dev "web" is invalid: [spec.type: Unsupported value: "X": supported values: "Service", "Batch", spec.replicas: Invalid value: -1: must be greater than or equal to 0]',
    );
    expect(error.status).toBe(422);
    expect(error.details).toMatchObject({ group: 'gantry.dev', kind: 'Job', name: 'web' });
    expect(error.details.causes?.map(({ reason }) => reason)).toEqual([
      'FieldValueNotSupported',
      'FieldValueInvalid',
    ]);
  });

  test('a hostile object is answered with few causes', () => {
    const env = Array.from({ length: 1000 }, () => ({ name: 5, value: 5 }));
    const containers = Array.from({ length: 50 }, () => ({ ...container, env }));
    const found = causes(job({ template: { spec: { containers } } }));
    expect(found.length).toBeLessThanOrEqual(50);
    const huge = Array.from({ length: 200_000 }, () => ({}));
    expect(causes(job({ template: { spec: { containers: huge } } }))).toHaveLength(1);
  });

  test('the value of a secret is never in an error', () => {
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', namespace: 'default' },
      data: { password: 'hunter2!' },
    };
    const [cause] = causes(secret, served('', 'secrets'));
    expect(cause).toContain('data[password]: Invalid value: must be base64');
    expect(cause).not.toContain('hunter2');
  });
});

describe('metadata', () => {
  test.each<[string, Fields, string | RegExp]>([
    ['no name', { name: undefined }, /metadata\.name: Required value/],
    ['an empty name', { name: '' }, /metadata\.name: Required value/],
    ['a slash', { name: 'a/b' }, /metadata\.name: Invalid value: "a\/b"/],
    ['an escaped slash', { name: 'a%2fb' }, /metadata\.name/],
    ['a dot', { name: '.' }, /metadata\.name/],
    ['two dots', { name: '..' }, /metadata\.name/],
    ['NUL', { name: 'a\0' }, /metadata\.name/],
    ['a trailing newline', { name: 'web\n' }, /metadata\.name/],
    ['upper case', { name: 'Web' }, /metadata\.name/],
    ['a leading dash', { name: '-web' }, /metadata\.name/],
    ['a trailing dash', { name: 'web-' }, /metadata\.name/],
    ['a job name too long for its tasks', { name: 'a'.repeat(48) }, /no more than 47/],
    ['a prefix too long', { name: undefined, generateName: 'a'.repeat(47) }, /metadata\.generateName/],
    ['a homoglyph', { name: 'wеb' }, /metadata\.name/],
    ['a namespace with a dot', { namespace: 'a.b' }, /metadata\.namespace/],
    ['a label key of three parts', { labels: { 'a/b/c': '' } }, /metadata\.labels\[a\/b\/c\]/],
    ['a label value of 64 characters', { labels: { a: 'x'.repeat(64) } }, /metadata\.labels\[a\]/],
    ['a label value with a newline', { labels: { a: 'x\n' } }, /metadata\.labels\[a\]/],
    [
      'annotations over 256 KiB',
      { annotations: { a: 'x'.repeat(262_144) } },
      /metadata\.annotations: Too long/,
    ],
    [
      'an owner without uid',
      { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'n', uid: '' }] },
      /ownerReferences\[0\]\.uid: Required value/,
    ],
    [
      'itself as owner',
      { uid: 'u', ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'n', uid: 'u' }] },
      /cannot own itself/,
    ],
    [
      'two managing owners',
      {
        ownerReferences: ['a', 'b'].map((uid) => ({
          apiVersion: 'v1',
          kind: 'Node',
          name: 'n',
          uid,
          controller: true,
        })),
      },
      /only one owner/,
    ],
    ['a finalizer without a domain', { finalizers: ['cleanup'] }, /metadata\.finalizers\[0\]/],
    [
      '10,000 finalizers',
      { finalizers: Array(10_000).fill('a.b/c') },
      /metadata\.finalizers: Too many: 10000/,
    ],
  ])('with %s is refused', (_name, metadata, cause) => {
    expect(causes(job({}, {}, metadata)).join('\n')).toMatch(cause);
  });

  test.each<[string, Fields]>([
    [
      'words that are methods of objects as labels',
      { labels: { constructor: 'a', toString: 'b', hasOwnProperty: 'c' } },
    ],
    ['a prefix that ends in a dash', { name: undefined, generateName: 'web-' }],
    ['finalizers of Kubernetes', { finalizers: ['foregroundDeletion', 'example.com/x'] }],
  ])('with %s is accepted', (_name, metadata) => {
    expect(() => validateObject(jobs, job({}, {}, metadata))).not.toThrow();
  });

  test('a namespace on a kind of the cluster is refused', () => {
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1', namespace: 'default' } };
    expect(causes(node, served('', 'nodes'))).toEqual([
      'metadata.namespace: Forbidden: not allowed on this type',
    ]);
  });

  test('an object that is being deleted takes no new finalizers', () => {
    const old = job({}, {}, { deletionTimestamp: '2030-01-01T00:00:00Z', finalizers: ['a.b/c'] });
    validateObject(jobs, old);
    const added = structuredClone(old);
    added.metadata.finalizers = ['a.b/c', 'a.b/d'];
    expect(causes(added, jobs, old).join()).toMatch(/no new finalizers/);
    const removed = structuredClone(old);
    removed.metadata.finalizers = [];
    expect(() => validateObject(jobs, removed, old)).not.toThrow();
  });
});

describe('unknown fields', () => {
  const typo = (): AnyObject => job({ replica: 3 }, { imagge: 'x', env: [{ name: 'A', vlaue: 'x' }] });
  const warnings = [
    'unknown field "spec.template.spec.containers[0].imagge" (did you mean "image"?)',
    'unknown field "spec.template.spec.containers[0].env[0].vlaue" (did you mean "value"?)',
    'unknown field "spec.replica" (did you mean "replicas"?)',
  ];

  test('are refused when strict, with the name that was meant', () => {
    const error = reasonOf(() => checkFields(jobs, typo(), 'Strict'));
    expect(error.reason).toBe('BadRequest');
    expect(error.message).toMatch(
      /^Job in version "v1" cannot be handled as a Job: strict decoding error: unknown field "spec\./,
    );
    for (const warning of warnings) expect(error.message).toContain(warning);
  });

  test('are dropped with a warning', () => {
    const object = typo();
    expect(checkFields(jobs, object, 'Warn').sort()).toEqual([...warnings].sort());
    expect(JSON.stringify(object)).not.toMatch(/imagge|vlaue|replica"/);
    expect(checkFields(jobs, object, 'Strict')).toEqual([]);
  });

  test('are dropped in silence', () => {
    const object = typo();
    expect(checkFields(jobs, object, 'Ignore')).toEqual([]);
    expect(object.spec).not.toHaveProperty('replica');
  });

  test('100,000 of them are dropped, 20 are named', () => {
    const many = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`field${index}`, 1]));
    const object = job(many);
    expect(checkFields(jobs, object, 'Warn')).toHaveLength(20);
    expect(Object.keys(object.spec ?? {})).toEqual(['type', 'template']);
  });

  test('of maps and managed fields do not exist: any key is known', () => {
    const object = job(
      {},
      {},
      {
        labels: { constructor: 'x' },
        annotations: { anything: '1' },
        managedFields: [{ manager: 'm', fieldsV1: { 'f:spec': { 'f:x': {} } } }],
      },
    );
    expect(checkFields(jobs, object, 'Strict')).toEqual([]);
  });
});

describe('the outside of an object', () => {
  test.each<[string, unknown, RegExp]>([
    ['a list', [], /must be a JSON object/],
    [
      'another kind',
      { apiVersion: 'gantry.dev/v1', kind: 'Task' },
      /gantry.dev\/v1 Task.*takes gantry.dev\/v1 Job/,
    ],
    ['another group', { apiVersion: 'batch/v1', kind: 'Job' }, /batch\/v1 Job/],
    ['a number as kind', { kind: 5 }, /5/],
    ['metadata that is a list', { metadata: [] }, /metadata must be an object/],
  ])('%s is refused', (_name, body, says) => {
    const error = reasonOf(() => objectOf(jobs, body));
    expect(error.reason).toBe('BadRequest');
    expect(error.message).toMatch(says);
  });

  test('absent apiVersion, kind and metadata are filled in', () => {
    expect(objectOf(jobs, {})).toEqual({ apiVersion: 'gantry.dev/v1', kind: 'Job', metadata: {} });
  });
});

describe('status', () => {
  test('an illegal transition is refused, and so is a broken status', () => {
    const running = task({}, { phase: 'Running' });
    const over = task({}, { phase: 'Succeeded' });
    expect(() => validateStatus(tasks, over, running)).not.toThrow();
    const back = reasonOf(() => validateStatus(tasks, running, over));
    expect(back.message).toContain('status.phase: Forbidden: a task that is Succeeded cannot become Running');
    expect(reasonOf(() => validateStatus(tasks, task({}, { phase: 'Runing' }), running)).message).toContain(
      'Unsupported value: "Runing"',
    );
  });

  test('a time that is none is refused', () => {
    const broken = task({}, { phase: 'Running', startTime: 'yesterday' });
    expect(reasonOf(() => validateStatus(tasks, broken, task())).message).toContain(
      'status.startTime: Invalid value: "yesterday": must be a time such as 2030-01-31T12:00:00Z',
    );
  });
});
