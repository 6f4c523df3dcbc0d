/**
 * The way of every request, one function per step:
 *
 *   authenticate → path → authorize → limits → verb (decode → default → validate → admit → store) → audit
 *
 * Whatever a step throws becomes a v1.Status here and nowhere else.
 */
import { ApiError } from '../meta/api-error.ts';
import { absentList } from './absent-kinds.ts';
import type { ApiDocuments } from './api-documents.ts';
import type { AuditLog, AuditRecord } from './audit.ts';
import { type Authenticator, refuseImpersonation } from './authenticate.ts';
import { requireAuthorized, type Verb } from './authorize.ts';
import type { Backend, Call } from './call.ts';
import { type HealthCheck, healthAnswer, isHealthPath } from './health.ts';
import type { InFlightLimits, Lane } from './overload.ts';
import { flagOf } from './parameters.ts';
import { type ApiRequest, type ApiResponse, bytesResponse, jsonResponse } from './request.ts';
import { parseRequestPath, type RequestPath, type ResourcePath } from './request-path.ts';
import { answerMetrics, isMetricsPath } from './resource-metrics/answer.ts';
import { answerReview, type ReviewKind, reviewKindOf } from './reviews.ts';
import { statusAnswer } from './status-answer.ts';
import { nodeNameOf, type User } from './user.ts';
import { jsonBody } from './verbs/body.ts';
import { postPlan } from './verbs/plan.ts';
import { verbFor } from './verbs/table.ts';
import { checkScope } from './verbs/target.ts';

export interface Pipeline {
  backend: Backend;
  authenticator: Authenticator;
  documents: ApiDocuments;
  limits: InFlightLimits;
  healthChecks: readonly HealthCheck[];
  audit: AuditLog | undefined;
  version: object;
}

/** Short requests that take longer are given up; what they wrote may or may not have happened. */
const deadlineMs = 60_000;

/** What is known about a request so far, for metrics and audit. */
interface Progress {
  verb: string;
  path?: RequestPath;
  user?: User;
}

export async function handleRequest(pipeline: Pipeline, request: ApiRequest): Promise<ApiResponse> {
  const { clock, logger } = pipeline.backend;
  const startMs = clock.monotonicMs();
  const progress: Progress = { verb: request.method.toLowerCase() };
  let response: ApiResponse;
  let failure: unknown;
  try {
    response = await answer(pipeline, request, progress);
  } catch (error) {
    failure = error;
    response = statusAnswer(error, logger);
  }
  observe(pipeline, request, { progress, response, failure, durationMs: clock.monotonicMs() - startMs });
  return response;
}

async function answer(pipeline: Pipeline, request: ApiRequest, progress: Progress): Promise<ApiResponse> {
  const { rawPath, query } = splitUrl(request.url);
  const path = parseRequestPath(rawPath);
  progress.path = path;
  if (path.type === 'other' && isHealthPath(path.path))
    return healthAnswer(pipeline.healthChecks, path.path, query.has('verbose'));
  const user = request.user ?? authenticate(pipeline, request);
  progress.user = user;
  if (path.type === 'other') return answerDocument(pipeline, request, { path: path.path, user });
  const verb = verbOf(request.method, path, query);
  progress.verb = verb;
  authorizeResource({ user, verb, path, query });
  const review = reviewKindOf(path.group, path.version, path.resource);
  if (review) return answerReviewRequest(pipeline, { review, request, verb, user });
  const act = route(pipeline, { request, path, verb, query, user });
  if (isLongRunning(verb, path)) return act();
  const lane = laneOf(user, verb, path);
  return pipeline.limits.run({ lane, user: user.name }, () => withDeadline(pipeline, act));
}

function splitUrl(url: string): { rawPath: string; query: URLSearchParams } {
  const at = url.indexOf('?');
  if (!url.startsWith('/')) throw new ApiError('BadRequest', 'the request target must be a path');
  return at < 0
    ? { rawPath: url, query: new URLSearchParams() }
    : { rawPath: url.slice(0, at), query: new URLSearchParams(url.slice(at + 1)) };
}

function authenticate({ authenticator }: Pipeline, { certificate, headers }: ApiRequest): User {
  refuseImpersonation(headers);
  const authorization = headers['authorization'];
  return authenticator.authenticate({
    ...(certificate ? { certificate } : {}),
    ...(authorization === undefined ? {} : { authorization }),
  });
}

function verbOf(method: string, { name, subresource }: ResourcePath, query: URLSearchParams): Verb {
  const onObject = name !== undefined;
  switch (method) {
    case 'GET':
      // A WebSocket begins with GET, whatever it does.
      if (isStream(subresource)) return 'create';
      if (onObject) return 'get';
      return flagOf(query, 'watch') ? 'watch' : 'list';
    case 'POST':
      if (!onObject || subresource !== undefined) return 'create';
      break;
    case 'PUT':
      if (onObject) return 'update';
      break;
    case 'PATCH':
      if (onObject) return 'patch';
      break;
    case 'DELETE':
      return onObject ? 'delete' : 'deletecollection';
  }
  throw methodNotAllowed(method);
}

function methodNotAllowed(method: string): ApiError {
  return new ApiError(
    'MethodNotAllowed',
    `the server does not allow ${method.slice(0, 20)} on the requested resource`,
  );
}

function authorizeResource({
  user,
  verb,
  path,
  query,
}: {
  user: User;
  verb: Verb;
  path: ResourcePath;
  query: URLSearchParams;
}): void {
  const { group, resource, subresource, namespace, name } = path;
  const fieldSelector = query.get('fieldSelector');
  requireAuthorized({
    user,
    verb,
    group,
    resource,
    ...(subresource === undefined ? {} : { subresource }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
    ...(fieldSelector === null ? {} : { fieldSelector }),
  });
}

/** Discovery, OpenAPI, version, metrics. */
async function answerDocument(
  { backend, documents, version }: Pipeline,
  { method, headers }: ApiRequest,
  { path, user }: { path: string; user: User },
): Promise<ApiResponse> {
  requireAuthorized({ user, verb: method.toLowerCase(), path });
  if (method !== 'GET') throw methodNotAllowed(method);
  if (path === '/version') return jsonResponse(200, version);
  if (path === '/metrics')
    return bytesResponse(200, Buffer.from(await backend.metrics.text()), {
      'content-type': 'text/plain; version=0.0.4; charset=utf-8',
    });
  const document = documents.at(path, headers['accept']);
  if (!document) throw noSuchResource();
  const { body, contentType, etag } = document;
  // Caches put the headers of a 304 over the ones they kept: they must be the same.
  const shared = { 'content-type': contentType, etag, vary: 'Accept' };
  if (headers['if-none-match'] === etag) return bytesResponse(304, Buffer.alloc(0), shared);
  return bytesResponse(200, body, shared);
}

function noSuchResource(): ApiError {
  return new ApiError('NotFound', 'the server could not find the requested resource');
}

function answerReviewRequest(
  { authenticator }: Pipeline,
  { review, request, verb, user }: { review: ReviewKind; request: ApiRequest; verb: Verb; user: User },
): ApiResponse {
  if (verb !== 'create') throw methodNotAllowed(request.method);
  return jsonResponse(201, answerReview(review, jsonBody({ request }), { user, authenticator }));
}

type Act = () => Promise<ApiResponse>;

/** Finds who answers; throws ApiError NotFound or MethodNotAllowed when nobody does. */
function route(
  { backend }: Pipeline,
  { request, path, verb, query, user }: Omit<Call, 'backend' | 'served' | 'warnings'>,
): Act {
  if (path.group === 'gantry.dev' && path.version === 'v1' && path.resource === 'plans') {
    if (verb !== 'create' || path.namespace !== undefined || path.name !== undefined)
      throw methodNotAllowed(request.method);
    return () => postPlan(backend, jsonBody({ request }));
  }
  if (isMetricsPath(path)) return () => answerMetrics({ backend, path, verb, query });
  const served = backend.kinds.byPlural(path.group, path.version, path.resource);
  if (!served) return routeAbsent(backend, path, verb);
  const call: Call = { backend, served, path, verb, query, user, request, warnings: [] };
  checkScope(call);
  const act = verbFor(call);
  if (act === 'no such subresource') throw noSuchResource();
  if (act === 'no such verb') throw methodNotAllowed(request.method);
  return () => act(call);
}

function routeAbsent({ cache }: Backend, path: ResourcePath, verb: Verb): Act {
  const answer = absentList(path, verb, cache.revision);
  if (!answer) throw noSuchResource();
  return async () => answer;
}

function isLongRunning(verb: Verb, { subresource }: ResourcePath): boolean {
  return verb === 'watch' || subresource === 'log' || isStream(subresource);
}

function isStream(subresource: string | undefined): boolean {
  return subresource === 'exec' || subresource === 'attach' || subresource === 'portforward';
}

/** Heartbeats, elections and what nodes report must get through when people and controllers flood the server. */
function laneOf(user: User, verb: Verb, { resource }: ResourcePath): Lane {
  if (resource === 'leases' || nodeNameOf(user) !== undefined) return 'system';
  return verb === 'get' || verb === 'list' ? 'read' : 'write';
}

function withDeadline({ backend: { clock } }: Pipeline, act: Act): Promise<ApiResponse> {
  return new Promise((resolve, reject) => {
    const late = clock.after(deadlineMs, () =>
      reject(
        new ApiError(
          'Timeout',
          `no answer within ${deadlineMs / 1000} s; a write may or may not have happened`,
        ),
      ),
    );
    act()
      .then(resolve, reject)
      .finally(() => late.cancel());
  });
}

interface Outcome {
  progress: Progress;
  response: ApiResponse;
  failure: unknown;
  durationMs: number;
}

const readVerbs = new Set(['get', 'list', 'watch', 'head', 'options']);

function observe({ backend, audit }: Pipeline, request: ApiRequest, outcome: Outcome): void {
  const { verb, path, user } = outcome.progress;
  const { status: code } = outcome.response;
  const resource = path?.type === 'resource' ? path : undefined;
  const known = resource && backend.kinds.byPlural(resource.group, resource.version, resource.resource);
  backend.metrics.request({
    verb,
    resource: known ? known.kind.plural : '',
    code,
    durationMs: outcome.durationMs,
  });
  if (!audit || !user || !resource || readVerbs.has(verb)) return;
  const record: AuditRecord = {
    time: new Date(backend.clock.now()).toISOString(),
    user: user.name,
    verb,
    resource: resource.group === '' ? resource.resource : `${resource.resource}.${resource.group}`,
    namespace: resource.namespace,
    name: resource.name,
    subresource: resource.subresource,
    dryRun: request.url.includes('dryRun='),
    code,
    reason: outcome.failure instanceof ApiError ? outcome.failure.reason : undefined,
    latencyMs: Math.round(outcome.durationMs * 1000) / 1000,
    userAgent: request.headers['user-agent'],
    ...(resource.subresource === 'exec' ? { command: splitUrl(request.url).query.getAll('command') } : {}),
  };
  audit.write(record);
  const { clock } = backend;
  const openedMs = clock.monotonicMs() - outcome.durationMs;
  outcome.response.onStreamEnd = () => {
    const time = new Date(clock.now()).toISOString();
    audit.write({ ...record, time, stage: 'ended', latencyMs: Math.round(clock.monotonicMs() - openedMs) });
  };
}
