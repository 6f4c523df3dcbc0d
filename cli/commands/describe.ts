/** `gantry describe`: everything a person wants to know of an object, its events at the end. */
import { jobNameLabel } from '../../api/kinds/job-labels.ts';
import { EndpointSlice, Event, type Job, type Node, type Service, Task } from '../../api/kinds/resources.ts';
import { serviceNameLabel } from '../../api/kinds/service-labels.ts';
import { hasReason } from '../../api/meta/api-error.ts';
import type { AnyObject } from '../../api/meta/object-meta.ts';
import type { CommandFunction, Session } from '../command.ts';
import { eventEntries } from '../describe/conditions.ts';
import { describeAny } from '../describe/generic.ts';
import { describeJob } from '../describe/job.ts';
import { describeNode } from '../describe/node.ts';
import { type Entry, formatOutline } from '../describe/outline.ts';
import { describeService } from '../describe/service.ts';
import { describeTask } from '../describe/task.ts';
import { exitCodes, reportFailure } from '../failure.ts';
import { fetchObjects } from '../object-source.ts';
import { printable } from '../output.ts';
import { parseTargets, type Target } from '../target.ts';

export interface DescribeOptions {
  selector?: string;
  allNamespaces?: boolean;
  showEvents: boolean;
}

export const describe: CommandFunction<DescribeOptions> = async (
  { io, clock, session: connect },
  args,
  options,
) => {
  const session = await connect();
  const targets = await parseTargets(args, session.discovery);
  let code: number = exitCodes.ok;
  let shown = 0;
  for (const target of targets) {
    for (const query of queriesOf(target, session, options)) {
      try {
        for (const { object } of await fetchObjects(session, query)) {
          const entries = await describeObject(session, object, {
            nowMs: clock.now(),
            events: options.showEvents,
          });
          io.out(printable(`${shown++ > 0 ? '\n\n' : ''}${formatOutline(entries)}`, io));
        }
      } catch (error) {
        code = reportFailure(error, io);
      }
    }
  }
  if (shown === 0 && code === exitCodes.ok) io.err('No resources found.\n');
  return code;
};

function queriesOf({ resource, names }: Target, session: Session, options: DescribeOptions) {
  const query = {
    resource,
    ...(options.allNamespaces || !resource.namespaced ? {} : { namespace: session.namespace }),
    ...(options.selector === undefined ? {} : { labelSelector: options.selector }),
  };
  return names.length === 0 ? [query] : names.map((name) => ({ ...query, name }));
}

/** Reads what belongs to the object, and leaves the wording to its describer. */
async function describeObject(
  session: Session,
  object: AnyObject,
  { nowMs, events }: { nowMs: number; events: boolean },
): Promise<Entry[]> {
  const [entries, happened] = await Promise.all([
    bodyOf(session, object, nowMs),
    events ? eventsOf(session, object) : undefined,
  ]);
  return happened === undefined ? entries : [...entries, ...eventEntries(happened, nowMs)];
}

async function bodyOf({ client }: Session, object: AnyObject, nowMs: number): Promise<Entry[]> {
  const { apiVersion, kind, metadata } = object;
  const { namespace, name } = metadata;
  switch (`${apiVersion}/${kind}`) {
    case 'gantry.dev/v1/Task':
      return describeTask(object as unknown as Task, nowMs);
    case 'gantry.dev/v1/Job': {
      const labelSelector = `${jobNameLabel}=${name}`;
      const { items } = await client.list(Task, {
        labelSelector,
        ...(namespace === undefined ? {} : { namespace }),
      });
      return describeJob(object as unknown as Job, items, nowMs);
    }
    case 'v1/Service': {
      const { items } = await client.list(EndpointSlice, {
        labelSelector: `${serviceNameLabel}=${name}`,
        ...(namespace === undefined ? {} : { namespace }),
      });
      return describeService(object as unknown as Service, items, nowMs);
    }
    case 'v1/Node': {
      const { items } = await client.list(Task, { fieldSelector: `spec.nodeName=${name}` });
      return describeNode(object as unknown as Node, items, nowMs);
    }
    default:
      return describeAny(object, nowMs);
  }
}

/** Events name their object by kind, name and uid; those of an earlier object of the same name do not count. */
async function eventsOf({ client }: Session, { kind, metadata }: AnyObject): Promise<Event[]> {
  const { name, uid, namespace } = metadata;
  const terms = [`involvedObject.kind=${kind}`, `involvedObject.name=${name}`];
  try {
    const { items } = await client.list(Event, {
      fieldSelector: terms.join(','),
      ...(namespace === undefined ? {} : { namespace }),
    });
    return items.filter(
      ({ involvedObject }) =>
        !involvedObject.uid || involvedObject.uid === uid || involvedObject.uid === name,
    );
  } catch (error) {
    if (hasReason(error, 'Forbidden', 'NotFound')) return [];
    throw error;
  }
}
