/** Every row of Kubernetes' table of resourceVersion, resourceVersionMatch, limit and continue. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../api/meta/clock.ts';
import { type Answer, configMapDraft, TestServer } from './test-server.ts';

const namespace = '/api/v1/namespaces/table';
const root = `${namespace}/configmaps`;

let server: TestServer;
/** Versions: with `a` alone, and with all of `a`, `b` and `c`. */
let past: string;
let now: string;
/** Continues a list of `now` after `a`. */
let token: string;

beforeAll(async () => {
  server = await TestServer.start();
  await server.post('/api/v1/namespaces', { metadata: { name: 'table' } });
  const versions: string[] = [];
  for (const name of ['a', 'b', 'c'])
    versions.push((await server.post(root, configMapDraft(name))).body.metadata.resourceVersion);
  [past = '', , now = ''] = versions;
  token = (await server.get(`${root}?limit=1`)).body.metadata.continue;
});
afterAll(() => server.close());

const namesOf = ({ body }: Answer): string =>
  body.items.map((item: { metadata: { name: string } }) => item.metadata.name).join('');

const list = (query: string): Promise<Answer> =>
  server.get(`${root}?${query.replaceAll('PAST', past).replaceAll('NOW', now).replaceAll('TOKEN', token)}`);

describe('a list', () => {
  it.each([
    ['', 'abc', 'now', 'the latest'],
    ['resourceVersion=', 'abc', 'now', 'the latest'],
    ['resourceVersion=0', 'abc', 'now', 'what is at hand'],
    ['resourceVersion=PAST', 'abc', 'now', 'not older than that'],
    ['resourceVersion=NOW', 'abc', 'now', 'not older than that'],
    ['limit=2', 'ab', 'now', 'the latest'],
    ['limit=2&resourceVersion=0', 'ab', 'now', 'what is at hand'],
    ['limit=2&resourceVersion=PAST', 'a', 'past', 'exactly that'],
    ['limit=1&continue=TOKEN', 'b', 'now', 'the next page'],
    ['continue=TOKEN', 'bc', 'now', 'the rest'],
    ['limit=1&continue=TOKEN&resourceVersion=0', 'b', 'now', 'the next page'],
    ['resourceVersionMatch=Exact&resourceVersion=PAST', 'a', 'past', 'exactly that'],
    ['resourceVersionMatch=Exact&resourceVersion=NOW&limit=2', 'ab', 'now', 'exactly that'],
    ['resourceVersionMatch=NotOlderThan&resourceVersion=0', 'abc', 'now', 'what is at hand'],
    ['resourceVersionMatch=NotOlderThan&resourceVersion=0&limit=2', 'ab', 'now', 'what is at hand'],
    ['resourceVersionMatch=NotOlderThan&resourceVersion=PAST', 'abc', 'now', 'not older than that'],
    ['resourceVersionMatch=NotOlderThan&resourceVersion=PAST&limit=2', 'ab', 'now', 'not older than that'],
  ])('with %j has %s at %s: %s', async (query, names, at) => {
    const answer = await list(query);
    expect([answer.status, namesOf(answer)]).toEqual([200, names]);
    expect(answer.body.metadata.resourceVersion).toBe(at === 'now' ? now : past);
  });

  it.each([
    ['resourceVersionMatch=Exact', 'resourceVersionMatch is forbidden unless resourceVersion is provided'],
    ['resourceVersionMatch=NotOlderThan&limit=1', 'is forbidden unless resourceVersion is provided'],
    ['resourceVersionMatch=Exact&resourceVersion=0', '"exact" is forbidden for resourceVersion "0"'],
    ['resourceVersionMatch=Exact&resourceVersion=PAST&continue=TOKEN', 'forbidden when continue is provided'],
    ['resourceVersionMatch=NotOlderThan&resourceVersion=0&continue=TOKEN', 'forbidden when continue is'],
    ['resourceVersionMatch=Newest&resourceVersion=PAST', 'supported values: "Exact", "NotOlderThan"'],
    ['sendInitialEvents=true', 'sendInitialEvents is forbidden for list'],
    ['watch=true&resourceVersionMatch=NotOlderThan', 'forbidden for watch unless sendInitialEvents'],
    ['watch=true&sendInitialEvents=true', 'requires setting resourceVersionMatch to NotOlderThan'],
    ['watch=true&sendInitialEvents=true&resourceVersionMatch=Exact', 'requires setting resourceVersionMatch'],
  ])('with %s is invalid', async (query, message) => {
    const { status, body } = await list(query);
    expect([status, body.reason, body.message]).toEqual([422, 'Invalid', expect.stringContaining(message)]);
    expect(body.message).toMatch(/^ListOptions\.meta\.k8s\.io "" is invalid: /);
  });

  it.each([
    ['limit=1&continue=TOKEN&resourceVersion=PAST', 'not allowed when using continue'],
    ['resourceVersion=-1', 'resourceVersion'],
    ['resourceVersion=1e3', 'resourceVersion'],
    ['limit=many', 'limit'],
    ['continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ', 'continue key is not valid'],
  ])('with %s is a bad request', async (query, message) => {
    const { status, body } = await list(query);
    expect([status, body.reason, body.message]).toEqual([
      400,
      'BadRequest',
      expect.stringContaining(message),
    ]);
  });

  it.each([
    ['limit=1', '2'],
    ['limit=2&continue=TOKEN', undefined],
    ['limit=1&fieldSelector=metadata.name!%3Dz', undefined],
  ])('with %s says how many follow, if it knows: %s', async (query, remaining) => {
    const { body } = await list(query);
    expect(body.metadata.remainingItemCount?.toString()).toBe(remaining);
  });
});

describe('a version of the future', () => {
  const queries = ['resourceVersion=1000', 'resourceVersionMatch=NotOlderThan&resourceVersion=1000&limit=1'];
  const paths = [
    ...queries.map((query) => `?${query}`),
    '/a?resourceVersion=1000',
    '?resourceVersionMatch=Exact&resourceVersion=1000',
    '?watch=true&resourceVersion=1000',
  ];
  it.each(paths)('%s is waited for, then refused with the cause clients know', async (path) => {
    const clock = new VirtualClock();
    const other = await TestServer.start({ clock });
    const pending = other.get(`/api/v1/namespaces/default/configmaps${path}`);
    for (let step = 0; step < 4; step++) {
      await new Promise((resolve) => setImmediate(resolve));
      await clock.advance(1000);
    }
    const { status, headers, body } = await pending;
    expect({ status, reason: body.reason, retry: headers['retry-after'] }).toEqual({
      status: 504,
      reason: 'Timeout',
      retry: '1',
    });
    expect(body.details.causes[0].reason).toBe('ResourceVersionTooLarge');
    await other.close();
  });
});

describe('a compacted version', () => {
  let old: TestServer;
  let first: Answer;
  beforeAll(async () => {
    old = await TestServer.start();
    for (const name of ['a', 'b', 'c'])
      await old.post('/api/v1/namespaces/default/configmaps', configMapDraft(name));
    first = await old.get('/api/v1/namespaces/default/configmaps?limit=1');
    const { body } = await old.post('/api/v1/namespaces/default/configmaps', configMapDraft('d'));
    await old.store.compact(Number(body.metadata.resourceVersion));
  });
  afterAll(() => old.close());

  const read = (query: string): Promise<Answer> => old.get(`/api/v1/namespaces/default/configmaps?${query}`);

  it.each(['resourceVersionMatch=Exact&', 'limit=1&'])('read with %s is expired', async (query) => {
    const { status, body } = await read(`${query}resourceVersion=${first.body.metadata.resourceVersion}`);
    expect([status, body.reason, body.metadata.continue]).toEqual([410, 'Expired', undefined]);
  });

  it('of a page is expired, with a token for the rest of the current state, page by page', async () => {
    const gone = await read(`limit=1&continue=${first.body.metadata.continue}`);
    expect([gone.status, gone.body.reason]).toEqual([410, 'Expired']);
    const second = await read(`limit=2&continue=${gone.body.metadata.continue}`);
    expect(namesOf(second)).toBe('bc');
    await old.post('/api/v1/namespaces/default/configmaps', configMapDraft('e'));
    expect(namesOf(await read(`continue=${second.body.metadata.continue}`))).toBe('d');
  });
});

describe('a get', () => {
  it.each(['', 'resourceVersion=0', 'resourceVersion=PAST', 'resourceVersion=NOW'])(
    'with %j has the object',
    async (query) => {
      const { status, body } = await server.get(
        `${root}/a?${query.replace('PAST', past).replace('NOW', now)}`,
      );
      expect([status, body.metadata.name]).toEqual([200, 'a']);
    },
  );
});

describe('a watch with initial events', () => {
  const start = 'watch=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan';
  async function firstEvents(query: string, count: number): Promise<string[]> {
    const abort = new AbortController();
    const shown: string[] = [];
    const url = `${root}?${start}&${query.replace('PAST', past)}`;
    for await (const { type, object } of server.watch(url, { signal: abort.signal })) {
      const end = object.metadata.annotations?.['k8s.io/initial-events-end'];
      shown.push(
        type === 'BOOKMARK' ? `${type} ${end} ${object.metadata.resourceVersion}` : object.metadata.name,
      );
      if (shown.length === count) break;
    }
    abort.abort();
    return shown;
  }

  it.each(['', 'resourceVersion=', 'resourceVersion=0', 'resourceVersion=PAST'])(
    'and %j shows the present state, then a bookmark of its version',
    async (query) => {
      const shown = await firstEvents(`sendInitialEvents=true&${query}`, 4);
      expect(shown).toEqual(['a', 'b', 'c', `BOOKMARK true ${now}`]);
    },
  );

  it('switched off shows what is newer than its version alone', async () => {
    expect(await firstEvents('sendInitialEvents=false&resourceVersion=PAST', 2)).toEqual(['b', 'c']);
  });
});
