import { describe, expect, test } from 'vitest';
import { createAuthenticator } from '../../../api/server/authenticate.ts';
import { answerReview, reviewKindOf } from '../../../api/server/reviews.ts';
import type { User } from '../../../api/server/user.ts';
import { reasonOf } from '../../reason-of.ts';

const authenticator = createAuthenticator();
const access = reviewKindOf('authorization.k8s.io', 'v1', 'selfsubjectaccessreviews')!;
const rules = reviewKindOf('authorization.k8s.io', 'v1', 'selfsubjectrulesreviews')!;
const whoAmI = reviewKindOf('authentication.k8s.io', 'v1', 'selfsubjectreviews')!;
const admin: User = { name: 'gantry-admin', groups: ['system:masters', 'system:authenticated'] };
const scheduler: User = { name: 'system:gantry-scheduler', groups: ['system:authenticated'] };

const can = (user: User, spec: object) =>
  (answerReview(access, { spec }, { user, authenticator }) as { status: { allowed: boolean } }).status
    .allowed;

describe('self reviews', () => {
  test('answer what the closed table decides', () => {
    const create = {
      resourceAttributes: { verb: 'create', group: 'gantry.dev', resource: 'jobs', namespace: 'default' },
    };
    expect(can(admin, create)).toBe(true);
    expect(can(scheduler, create)).toBe(false);
    expect(
      can(scheduler, {
        resourceAttributes: {
          verb: 'create',
          group: 'gantry.dev',
          resource: 'tasks',
          subresource: 'binding',
        },
      }),
    ).toBe(true);
    expect(can(admin, { resourceAttributes: { verb: '*', group: '*', resource: '*' } })).toBe(true);
    expect(can(scheduler, { resourceAttributes: { verb: '*', group: '*', resource: '*' } })).toBe(false);
    expect(can(scheduler, { nonResourceAttributes: { verb: 'get', path: '/healthz' } })).toBe(true);
    expect(can(scheduler, { nonResourceAttributes: { verb: 'get', path: '/metrics' } })).toBe(false);
  });

  test('list the rules of a user', () => {
    expect(
      answerReview(rules, { spec: { namespace: 'default' } }, { user: admin, authenticator }),
    ).toMatchObject({
      kind: 'SelfSubjectRulesReview',
      status: { resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }], incomplete: false },
    });
  });

  test('say who asks', () => {
    expect(answerReview(whoAmI, {}, { user: scheduler, authenticator })).toMatchObject({
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'SelfSubjectReview',
      status: { userInfo: { username: 'system:gantry-scheduler', groups: ['system:authenticated'] } },
    });
  });

  test('of nothing are refused', () => {
    expect(reasonOf(() => answerReview(access, { spec: {} }, { user: admin, authenticator })).reason).toBe(
      'BadRequest',
    );
    expect(reasonOf(() => answerReview(access, [], { user: admin, authenticator })).reason).toBe(
      'BadRequest',
    );
  });
});
