import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../api/meta/object-meta.ts';
import { byLabel, ObjectCache } from '../../client/object-cache.ts';

function object(name: string, metadata: Partial<KubeObject['metadata']> = {}): KubeObject {
  return { apiVersion: 'v1', kind: 'Thing', metadata: { name, namespace: 'default', ...metadata } };
}

const namesOf = (objects: readonly KubeObject[]): string[] => objects.map(({ metadata }) => metadata.name);

describe('an object cache', () => {
  test('finds objects by key text and by key object, namespaced or not', () => {
    const cache = new ObjectCache<KubeObject>();
    cache.set(object('a'));
    cache.set({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } });
    expect(cache.get('default/a')).toBeDefined();
    expect(cache.get({ namespace: 'default', name: 'a' })).toBe(cache.get('default/a'));
    expect(cache.get('n1')).toBe(cache.get({ name: 'n1' }));
    expect(cache.get('a')).toBeUndefined();
  });

  test('finds objects by owner, namespace, label and own index, and forgets old values', () => {
    const cache = new ObjectCache<KubeObject>();
    cache.set(object('early', { labels: { app: 'web' } }));
    cache.addIndex('app', byLabel('app'));
    const owner = { apiVersion: 'v1', kind: 'Job', name: 'j', uid: 'u1' };
    cache.set(object('a', { labels: { app: 'web' }, ownerReferences: [owner] }));
    cache.set(object('b', { namespace: 'other', ownerReferences: [owner] }));
    expect(namesOf(cache.by('app', 'web'))).toEqual(['early', 'a']);
    expect(namesOf(cache.ownedBy({ metadata: { uid: 'u1' } }))).toEqual(['a', 'b']);
    expect(namesOf(cache.list('other'))).toEqual(['b']);
    cache.set(object('a', { labels: { app: 'api' } }));
    expect(namesOf(cache.by('app', 'web'))).toEqual(['early']);
    expect(namesOf(cache.ownedBy({ metadata: { uid: 'u1' } }))).toEqual(['b']);
    cache.remove('other/b');
    expect(cache.list('other')).toEqual([]);
    expect(cache.ownedBy({ metadata: {} })).toEqual([]);
    expect(cache.size).toBe(2);
  });

  test('names the index that does not exist', () => {
    expect(() => new ObjectCache().by('node', 'n1')).toThrow('no index called "node"');
  });
});
