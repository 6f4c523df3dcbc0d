import { describe, expect, it } from 'vitest';
import { credentialsFor, parseDockerConfig } from '../../nodeagent/images/credentials.ts';
import { defaultPullPolicy, imageName, pinned } from '../../nodeagent/images/reference.ts';
import { endpointsOf, registriesOf } from '../../nodeagent/images/registries.ts';

const digest = `sha256:${'a'.repeat(64)}`;

describe('an image name', () => {
  it.each([
    ['busybox:latest', { registry: 'docker.io', repository: 'library/busybox', tag: 'latest' }],
    ['team/app:1', { registry: 'docker.io', repository: 'team/app', tag: '1' }],
    ['localhost/app:1', { registry: 'localhost', repository: 'app', tag: '1' }],
    ['127.0.0.1:5000/a/b:1', { registry: '127.0.0.1:5000', repository: 'a/b', tag: '1' }],
    [`127.0.0.1:5000/a@${digest}`, { registry: '127.0.0.1:5000', repository: 'a', digest }],
    [`127.0.0.1:5000/a:1@${digest}`, { registry: '127.0.0.1:5000', repository: 'a', digest }],
  ])('%s has its parts', (name, parts) => {
    expect(imageName(name)).toEqual(parts);
  });

  it('is pinned to a digest without its tag', () => {
    for (const name of ['127.0.0.1:5000/a:1', `127.0.0.1:5000/a:1@sha256:${'b'.repeat(64)}`])
      expect(pinned(name, digest)).toBe(`127.0.0.1:5000/a@${digest}`);
  });

  it('is asked for always when it is latest', () => {
    const policies = ['a:latest', 'a:1', `a@${digest}`].map(defaultPullPolicy);
    expect(policies).toEqual(['Always', 'IfNotPresent', 'IfNotPresent']);
  });
});

describe('a Docker configuration', () => {
  const config = JSON.stringify({
    auths: {
      'https://index.docker.io/v1/': { auth: 'aHVi' },
      'localhost:5000': { auth: 'bG9jYWw=' },
      'localhost:5000/team': { username: 'u', password: 'p' },
      'localhost:50': { auth: 'b3RoZXI=' },
      empty: {},
    },
  });
  const loginsFor = (name: string): string[] =>
    credentialsFor(parseDockerConfig(config), imageName(name)).map(({ auth }) => auth);

  it('gives the logins of a registry, the most specific first, and no others', () => {
    expect(loginsFor('localhost:5000/team/app:1')).toEqual(['dTpw', 'bG9jYWw=']);
    expect(loginsFor('localhost:5000/teams/app:1')).toEqual(['bG9jYWw=']);
    expect(loginsFor('busybox:latest')).toEqual(['aHVi']);
    expect(loginsFor('localhost:5001/app:1')).toEqual([]);
  });

  it.each(['', '[', 'null', '{"auths": 7}'])('%j is refused', (text) => {
    expect(() => parseDockerConfig(text)).toThrow(/JSON|Docker|auths/);
  });
});

describe('the registries of a node', () => {
  it('put mirrors before the registry they stand for', () => {
    const registries = registriesOf({
      mirrors: { 'docker.io': { endpoint: ['https://127.0.0.1:5000/'] }, '*': { endpoint: ['localhost'] } },
      configs: { '127.0.0.1:5000': { tls: { insecure_skip_verify: true } } },
    });
    expect(endpointsOf(registries, 'docker.io')).toEqual([
      { host: '127.0.0.1:5000', verify: false },
      { host: 'docker.io', verify: true },
    ]);
    expect(endpointsOf(registries, 'else.invalid').map(({ host }) => host)).toEqual([
      'localhost',
      'else.invalid',
    ]);
  });

  it.each([
    [{ mirrors: [] }, 'mirrors must be a map'],
    [{ mirrors: { a: { endpoint: 'x' } } }, 'mirrors[a].endpoint must be'],
    [{ mirrors: { a: { endpoint: ['--help'] } } }, 'mirrors[a].endpoint must be'],
    [{ configs: { a: { tls: { ca_file: 7 } } } }, 'configs[a].tls.ca_file must be'],
  ])('say what is wrong with %j', (content, problem) => {
    expect(() => registriesOf(content)).toThrow(problem);
  });
});
