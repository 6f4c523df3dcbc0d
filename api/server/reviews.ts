/**
 * What may I do, and who am I: authorization.k8s.io and authentication.k8s.io self reviews, answered from
 * the same table that decides (`kubectl auth can-i`, `auth can-i --list`, `auth whoami`). Nothing is stored.
 */
import { ApiError, hasReason } from '../meta/api-error.ts';
import type { Authenticator } from './authenticate.ts';
import { authorize, commonPaths, type Decision, rulesFor } from './authorize.ts';
import { isJsonObject, type JsonObject } from './json-schema.ts';
import { tokenAudience } from './service-account-tokens.ts';
import type { User } from './user.ts';

export interface ReviewKind {
  group: string;
  version: string;
  kind: string;
  plural: string;
}

export const reviewKinds: readonly ReviewKind[] = [
  { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenReview', plural: 'tokenreviews' },
  { group: 'authentication.k8s.io', version: 'v1', kind: 'SelfSubjectReview', plural: 'selfsubjectreviews' },
  {
    group: 'authentication.k8s.io',
    version: 'v1beta1',
    kind: 'SelfSubjectReview',
    plural: 'selfsubjectreviews',
  },
  {
    group: 'authorization.k8s.io',
    version: 'v1',
    kind: 'SelfSubjectAccessReview',
    plural: 'selfsubjectaccessreviews',
  },
  {
    group: 'authorization.k8s.io',
    version: 'v1',
    kind: 'SelfSubjectRulesReview',
    plural: 'selfsubjectrulesreviews',
  },
];

export function reviewKindOf(group: string, version: string, plural: string): ReviewKind | undefined {
  return reviewKinds.find(
    (review) => review.group === group && review.version === version && review.plural === plural,
  );
}

/** The review with its status filled in (201 Created). `body` is decoded JSON. Throws ApiError BadRequest. */
export function answerReview(
  review: ReviewKind,
  body: unknown,
  { user, authenticator }: { user: User; authenticator: Authenticator },
): JsonObject {
  if (!isJsonObject(body)) throw new ApiError('BadRequest', 'the body of a review must be a JSON object');
  const spec = isJsonObject(body['spec']) ? body['spec'] : {};
  return {
    apiVersion: `${review.group}/${review.version}`,
    kind: review.kind,
    metadata: { creationTimestamp: null },
    ...(review.kind === 'SelfSubjectReview' ? {} : { spec }),
    status: review.kind === 'TokenReview' ? tokenStatus(spec, authenticator) : statusOf(review, spec, user),
  };
}

function statusOf({ kind }: ReviewKind, spec: JsonObject, user: User): JsonObject {
  if (kind === 'SelfSubjectReview') return { userInfo: { username: user.name, groups: user.groups } };
  if (kind === 'SelfSubjectRulesReview') return rulesStatus(user);
  const decision = decideAccess(spec, user);
  return decision.allowed
    ? { allowed: true }
    : { allowed: false, ...(decision.reason === '' ? {} : { reason: decision.reason }) };
}

/** Whose token it is, for those who serve programs of this cluster. Says nothing about why one is not good. */
function tokenStatus({ token }: JsonObject, authenticator: Authenticator): JsonObject {
  try {
    const user = authenticator.authenticate({ authorization: `Bearer ${String(token)}` });
    return {
      authenticated: true,
      user: { username: user.name, groups: user.groups },
      audiences: [tokenAudience],
    };
  } catch (error) {
    if (!hasReason(error, 'Unauthorized')) throw error;
    return { authenticated: false, user: {}, error: 'invalid bearer token' };
  }
}

function decideAccess(spec: JsonObject, user: User): Decision {
  const { resourceAttributes, nonResourceAttributes } = spec;
  if (isJsonObject(resourceAttributes)) {
    const { verb = '', group = '', resource = '', subresource, namespace, name } = resourceAttributes;
    return authorize({
      user,
      verb: String(verb),
      group: String(group),
      resource: String(resource),
      ...(subresource ? { subresource: String(subresource) } : {}),
      ...(namespace ? { namespace: String(namespace) } : {}),
      ...(name ? { name: String(name) } : {}),
    });
  }
  if (isJsonObject(nonResourceAttributes)) {
    const { verb = '', path = '' } = nonResourceAttributes;
    return authorize({ user, verb: String(verb), path: String(path) });
  }
  throw new ApiError('BadRequest', 'spec must have resourceAttributes or nonResourceAttributes');
}

function rulesStatus(user: User): JsonObject {
  return {
    resourceRules: rulesFor(user).map(({ verbs, group, resources, name }) => ({
      verbs,
      apiGroups: [group],
      resources,
      ...(name === undefined ? {} : { resourceNames: [name] }),
    })),
    nonResourceRules: [
      { verbs: ['get'], nonResourceURLs: commonPaths.flatMap((path) => [path, `${path}/*`]) },
    ],
    incomplete: false,
  };
}
