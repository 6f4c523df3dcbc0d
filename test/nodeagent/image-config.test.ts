import { describe, expect, it } from 'vitest';
import { commandLine, userOf } from '../../nodeagent/images/image-config.ts';
import { container } from '../kit/nodeagent-objects.ts';

const image = { Entrypoint: ['/entry'], Cmd: ['default'] };

describe('commandLine', () => {
  it.each([
    ['nothing said', {}, ['/entry', 'default']],
    ['args', { args: ['a'] }, ['/entry', 'a']],
    ['command', { command: ['c'] }, ['c']],
    ['both', { command: ['c'], args: ['a'] }, ['c', 'a']],
  ])('with %s follows the table of Kubernetes', (_case, words, expected) => {
    const { command: _default, ...rest } = container();
    expect(commandLine({ ...rest, ...words }, image)).toEqual(expected);
  });
});

describe('userOf', () => {
  it('is root when nobody says otherwise', async () => {
    expect(await userOf({}, {}, undefined)).toEqual({ uid: 0, gid: 0 });
  });

  it("takes numbers of the image, and the task's over them", async () => {
    expect(await userOf({}, { User: '7:8' }, undefined)).toEqual({ uid: 7, gid: 8 });
    expect(await userOf({ runAsUser: 9 }, { User: '7:8' }, undefined)).toEqual({ uid: 9, gid: 0 });
  });

  it('does not know a name that is in no file', async () => {
    expect(await userOf({}, { User: 'ghost' }, '/nonexistent')).toBeUndefined();
  });
});
