/** Objects that mean nothing: names, labels, text, owners, numbers, and what a Job may not ask for. */
import { job, jobOf, jobs, type Row, strict } from './row.ts';

const invalid = (name: string, body: string, says: RegExp): Row => [name, { body }, 422, 'Invalid', says];
const named = (name: string, is: string): Row =>
  invalid(`the name ${name}`, job({}, { name: is }), /metadata\.name/);
const labelled = (what: string, labels: object): Row =>
  invalid(`a label with ${what}`, job({}, { labels }), /metadata\.labels/);
const requests = (name: string, cpu: unknown): Row =>
  invalid(`a request of ${name}`, jobOf({ resources: { requests: { cpu } } }), /requests/);
const owner = (fields: object): object => ({
  apiVersion: 'v1',
  kind: 'Node',
  name: 'n',
  uid: 'u',
  ...fields,
});

export const objectRows: readonly Row[] = [
  ['a typo', { path: strict, body: job({ replica: 3 }) }, 400, 'BadRequest', /did you mean "replicas"/],
  [
    'a wrong type',
    { body: job({ completions: 'three' }) },
    422,
    'Invalid',
    /spec\.completions: .*must be an integer/,
  ],
  ['a negative count', { body: job({ completions: -1 }) }, 422, 'Invalid', /spec\.completions/],
  ['a billion', { body: job({ completions: 1e9 }) }, 422, 'Invalid', /spec\.completions/],
  [
    'an absurd quantity',
    {
      body: job({
        template: {
          spec: { containers: [{ name: 'a', image: 'a', resources: { limits: { cpu: '1e30' } } }] },
        },
      }),
    },
    422,
    'Invalid',
    /quantity/,
  ],
  ['a name with a slash', { body: job({}, { name: 'a/b' }) }, 422, 'Invalid', /metadata\.name/],
  ['the name ..', { body: job({}, { name: '..' }) }, 422, 'Invalid', /metadata\.name/],
  ['no name', { body: job({}, { name: undefined }) }, 422, 'Invalid', /metadata\.name/],
  ['another namespace', { body: job({}, { namespace: 'kube-system' }) }, 400, 'BadRequest', /namespace/],
  [
    'a namespace that is not there',
    { path: jobs.replace('default', 'nope'), body: job() },
    404,
    'NotFound',
    /nope/,
  ],
  [
    'a stale resourceVersion',
    { method: 'PUT', path: `${jobs}/kept`, body: job({}, { name: 'kept', resourceVersion: '1' }) },
    409,
    'Conflict',
    /kept/,
  ],

  named('.', '.'),
  named('with a NUL', 'a\0b'),
  named('that begins with a dash', '-a'),
  named('that ends with a dash', 'a-'),
  named('of 254 characters', 'a'.repeat(254)),
  named('of 64 KiB', 'a'.repeat(65_536)),
  named('in capitals', 'Web'),
  named('in full width', 'ｗｅｂ'),
  named('with a homoglyph', 'wеb'),
  named('with a combining accent', 'cafe\u0301'),
  named('with a direction override', 'a\u202eb'),
  named('with nothing wide', 'a\u200bb'),
  named('with a dotless i', 'ı'),
  named('with a newline', 'web\n'),
  named('with an escape', 'web\u001b[31m'),
  named('with a percent sign', 'a%2fb'),
  labelled('two slashes', { 'a/b/c': 'x' }),
  labelled('an empty key', { '': 'x' }),
  labelled('a value of 64 characters', { a: 'x'.repeat(64) }),
  labelled('a newline', { a: 'x\n' }),
  labelled('an accent', { a: 'é' }),
  labelled('a number', { a: 1 }),
  labelled('null in a list', { a: [null] }),
  invalid(
    'annotations over 256 KiB',
    job({}, { annotations: { a: 'x'.repeat(300_000) } }),
    /metadata\.annotations/,
  ),
  invalid(
    '10,000 owners',
    job({}, { ownerReferences: Array(10_000).fill(owner({})) }),
    /metadata\.ownerReferences/,
  ),
  invalid(
    'an owner without uid',
    job({}, { ownerReferences: [owner({ uid: '' })] }),
    /ownerReferences\[0\]\.uid/,
  ),
  invalid(
    'two controllers',
    job({}, { ownerReferences: [owner({ controller: true }), owner({ uid: 'v', controller: true })] }),
    /controller/,
  ),
  invalid(
    '10,000 finalizers',
    job({}, { finalizers: Array.from({ length: 10_000 }, (_, index) => `a.b/c${index}`) }),
    /metadata\.finalizers/,
  ),
  invalid('a finalizer that is no name', job({}, { finalizers: ['a b'] }), /metadata\.finalizers\[0\]/),
  invalid('a generateName that is none', job({}, { name: undefined, generateName: '../' }), /metadata/),
  requests('nothing', ''),
  requests('a space', ' 7 '),
  requests('hexadecimal', '0x10'),
  requests('two suffixes', '1e3Ki'),
  requests('less than nothing', '-5m'),
  requests('a full-width digit', '１'),
  requests('infinity', 'Infinity'),
  requests('a flag', true),
  invalid('half a replica', job({ type: 'Service', replicas: 1.5 }), /spec\.replicas/),
  invalid('replicas in quotes', job({ type: 'Service', replicas: '3' }), /spec\.replicas/),
  invalid('a spec in a list', job().replace('"spec":{', '"spec":[{').replace(/}$/, ']}'), /spec/),
  invalid('a back-off below zero', job({ backoffLimit: -1 }), /spec\.backoffLimit/),
  invalid('a deadline of zero', job({ activeDeadlineSeconds: 0 }), /spec\.activeDeadlineSeconds/),
  invalid('no containers', job({ template: { spec: { containers: [] } } }), /containers/),
  invalid(
    '10,000 containers',
    job({
      template: {
        spec: {
          containers: Array.from({ length: 10_000 }, (_, index) => ({ name: `c${index}`, image: 'a' })),
        },
      },
    }),
    /containers: Too many/,
  ),
  invalid(
    'two containers of one name',
    jobOf(
      {},
      {
        containers: [
          { name: 'a', image: 'a' },
          { name: 'a', image: 'b' },
        ],
      },
    ),
    /containers\[1\]\.name: Duplicate/,
  ),
  invalid('port 0', jobOf({ ports: [{ containerPort: 0 }] }), /containerPort/),
  invalid('port 65536', jobOf({ ports: [{ containerPort: 65_536 }] }), /containerPort/),
  invalid('an environment variable with =', jobOf({ env: [{ name: 'A=B', value: '' }] }), /env\[0\]\.name/),
  invalid('an environment variable with a NUL', jobOf({ env: [{ name: 'A', value: 'a\0b' }] }), /env\[0\]/),
  invalid('an image that climbs', jobOf({ image: '..//x@sha256:zz' }), /image/),
  invalid(
    'a grace below zero',
    jobOf({}, { terminationGracePeriodSeconds: -1 }),
    /terminationGracePeriodSeconds/,
  ),
  invalid('a command that is a text', jobOf({ command: 'sleep' }), /command/),
  invalid(
    'a limit below the request',
    jobOf({ resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } }),
    /requests/,
  ),
];
