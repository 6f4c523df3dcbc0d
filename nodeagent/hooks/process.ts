/** What runs, as whom and with which rights: the task's words over the image's. */
import type { Container } from '../../api/kinds/task-spec.ts';
import { commandLine, userOf } from '../images/image-config.ts';
import { containerSecurity } from '../task/container-security.ts';
import type { TaskRecord } from '../task/task-record.ts';
import type { StartHook } from './hook.ts';

export const processHook: StartHook = async ({ container, imageConfig, root, spec, node, record }) => {
  const args = commandLine(container, imageConfig);
  if (args.length === 0)
    return { reason: 'ContainerCannotRun', message: 'neither the task nor its image says what to run' };
  if (!node.cgroups && (container.tty || container.stdin))
    return {
      reason: 'ContainerCannotRun',
      message:
        'this node runs plain processes (driver unconfined): it can keep no terminal or input for them',
    };
  const security = { ...record.task.spec.securityContext, ...container.securityContext };
  const user = await userOf(security, imageConfig, root.from === 'image' ? root.rootfs : undefined);
  if (!user)
    return { reason: 'ContainerCannotRun', message: `the image has no user ${imageConfig.User ?? ''}` };
  const target = targetOf(record, container);
  if (target?.life.state === 'running') spec.processesOf = target.life.pid;
  else if (target)
    return { reason: 'ContainerCreating', message: `waits for container ${target.name}, which does not run` };
  if (security.runAsNonRoot && user.uid === 0)
    return {
      reason: 'CreateContainerConfigError',
      message: `container ${container.name} has runAsNonRoot and would run as root`,
    };
  spec.args = args;
  spec.terminal = container.tty ?? false;
  if (container.stdin) spec.stdin = container.stdinOnce ? 'once' : 'open';
  spec.user = user;
  spec.security = containerSecurity(record.task.spec, container);
  spec.workingDir = container.workingDir ?? (imageConfig.WorkingDir || '/');
  return undefined;
};

/** The container of the task whose processes an ephemeral one wants to see. */
function targetOf({ containers }: TaskRecord, container: Container & { targetContainerName?: string }) {
  const { targetContainerName: name } = container;
  return name === undefined ? undefined : containers.find((each) => each.name === name);
}
