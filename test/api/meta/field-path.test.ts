import { describe, expect, test } from 'vitest';
import { didYouMean, fieldPath, valueAt } from '../../../api/meta/field-path.ts';

describe('field paths', () => {
  test.each([
    ['', ''],
    ['/spec/replicas', 'spec.replicas'],
    ['/spec/containers/0/image', 'spec.containers[0].image'],
    ['/metadata/labels/app.kubernetes.io~1name', 'metadata.labels[app.kubernetes.io/name]'],
    ['/a~01', '[a~1]'],
  ])('%j is written %j', (pointer, path) => {
    expect(fieldPath(pointer)).toBe(path);
  });

  const object = {
    spec: { containers: [{ image: 'busybox' }] },
    metadata: { labels: { 'app.kubernetes.io/name': 'web' } },
  };
  test.each<[string, unknown]>([
    ['spec.containers[0].image', 'busybox'],
    ['.spec.containers[0].image', 'busybox'],
    ['metadata.labels[app.kubernetes.io/name]', 'web'],
    ['spec.containers[1].image', undefined],
    ['spec.containers.constructor', undefined],
    ['spec.__proto__.x', undefined],
    ['nothing.at.all', undefined],
  ])('%j leads to %j', (path, value) => {
    expect(valueAt(object, path)).toBe(value);
  });

  test.each<[string, string | undefined]>([
    ['imagge', 'image'],
    ['Image', 'image'],
    ['iamge', 'image'],
    ['vlaue', 'value'],
    ['comand', 'command'],
    ['xyz', undefined],
    ['namename'.repeat(9), undefined],
  ])('%j suggests %j', (word, suggestion) => {
    expect(didYouMean(word, ['name', 'image', 'command', 'value'])).toBe(suggestion);
  });
});
