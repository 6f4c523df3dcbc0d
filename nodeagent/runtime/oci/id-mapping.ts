/**
 * Files as a user namespace sees them: what belongs to user 0 on the disk belongs to the container's root, and
 * the other way round. Nothing is copied and no owner is changed: each source gets an idmapped mount
 * (mount_setattr(2), Linux 5.12; below an overlay 5.19).
 *
 * Neither Node nor this generation of mount(8) knows that call, so a few lines of Perl make it; Perl belongs to
 * the base system of the distributions.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand, tryCommand } from '../../command.ts';
import type { UserRange } from '../runtime.ts';

export const userRangeSize = 65_536;

export interface MappedMount {
  source: string;
  /** Must be there, a directory or a file as the source is. */
  target: string;
}

/** The numbers are the same on every architecture. A failed mount ends it with what failed. */
const script = `
use strict;
my ($base, $size, @mounts) = @ARGV;
my $pid = open(my $keep, '|-', 'unshare', '--user', 'cat') or die "unshare: $!\\n";
my $own = readlink('/proc/self/ns/user');
for (1 .. 2000) { last if readlink("/proc/$pid/ns/user") ne $own; select(undef, undef, undef, 0.001); }
for my $kind ('uid', 'gid') {
  open(my $map, '>', "/proc/$pid/\${kind}_map") or die "map: $!\\n";
  syswrite($map, "0 $base $size\\n") or die "map: $!\\n";
}
open(my $ns, '<', "/proc/$pid/ns/user") or die "namespace: $!\\n";
my ($here, $none) = (-100, '');
while (my ($source, $target) = splice(@mounts, 0, 2)) {
  my $tree = syscall(428, $here, $source, 1 | 0x80000);
  die "open_tree $source: $!\\n" if $tree < 0;
  my $attributes = pack('QQQQ', 0x100000, 0, 0, fileno($ns));
  die "mount_setattr $source: $!\\n" if syscall(442, $tree, $none, 0x1000, $attributes, length $attributes);
  die "move_mount $target: $!\\n" if syscall(429, $tree, $none, $here, $target, 4);
}
kill 'KILL', $pid;
`;

/** Throws ApiError InternalError with what cannot be mapped. */
export async function mountMapped({ base }: UserRange, mounts: readonly MappedMount[]): Promise<void> {
  const pairs = mounts.flatMap(({ source, target }) => [source, target]);
  await runCommand('perl', ['-e', script, String(base), String(userRangeSize), ...pairs]);
}

/** Why containers cannot have users of their own here, tried rather than guessed; undefined when they can. */
export async function idMappingProblem(directory: string): Promise<string | undefined> {
  const home = join(directory, 'preflight-users');
  const places = ['lower', 'mapped', 'upper', 'work', 'merged'].map((name) => join(home, name));
  const [lower = '', mapped = '', upper, work, merged = ''] = places;
  try {
    for (const place of places) await mkdir(place, { recursive: true });
    await writeFile(join(lower, 'file'), '');
    await mountMapped({ base: userRangeSize }, [{ source: lower, target: mapped }]);
    const options = `lowerdir=${mapped},upperdir=${upper},workdir=${work}`;
    await runCommand('mount', ['-t', 'overlay', 'overlay', '-o', options, merged]);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    for (const place of [merged, mapped]) await tryCommand('umount', [place]);
    await rm(home, { recursive: true, force: true });
  }
}
