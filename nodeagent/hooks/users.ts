/** The users of a container: of its task alone, where the node can do that and nothing speaks against it. */
import { freeUserBase, wantsOwnUsers } from '../task/user-range.ts';
import type { StartHook } from './hook.ts';

export const usersHook: StartHook = async ({ node, record, container, root, spec, takenUserBases }) => {
  // Who is to see another container's processes needs rights over that one's users.
  if (spec.processesOf !== undefined) return undefined;
  // Devices are the node's, and so are the rights to them.
  if (spec.deviceEdits?.length) return undefined;
  const user = spec.user ?? { uid: 0, gid: 0 };
  const { hostUsers, hostNetwork = true } = record.task.spec;
  if (hostUsers === false && !hostNetwork)
    return refused('its network is its own already, and an exec can enter but one of the two');
  if (!wantsOwnUsers(record.task.spec, container, { root, user })) return undefined;
  const problem = node.userNamespaces?.problem;
  if (node.userNamespaces && problem === undefined) {
    record.userRange ??= { base: freeUserBase(record.uid, takenUserBases()) };
    spec.userRange = record.userRange;
    return undefined;
  }
  return hostUsers === false ? refused(problem ?? 'the driver has none') : undefined;
};

function refused(why: string) {
  return {
    reason: 'CreateContainerConfigError',
    message: `the task wants users of its own (hostUsers: false): ${why}`,
  };
}
