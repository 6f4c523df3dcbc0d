/** The profile that flags name: of a scheduler's process, and of who asks what such a scheduler would do. */
import { ApiError } from '../api/meta/api-error.ts';
import { Profile, pluginSets } from './core/profile.ts';
import { loadUserPlugins, type UserPlugins } from './user-plugins/load-plugins.ts';

export interface ProfileFlags {
  /** One of `pluginSets`; default `pack`. */
  profile?: string;
  /** File of the operator's own plugins. */
  plugins?: string;
}

export interface ProfileChoice {
  profile: Profile;
  userPlugins?: UserPlugins;
}

/** Throws ApiError BadRequest for a profile nobody knows, Invalid for plugins that are no good. */
export async function chooseProfile({ profile = 'pack', plugins }: ProfileFlags): Promise<ProfileChoice> {
  const entries = pluginSets.get(profile);
  if (!entries)
    throw new ApiError(
      'BadRequest',
      `--profile ${JSON.stringify(profile)} must be one of ${[...pluginSets.keys()].join(', ')}`,
    );
  if (plugins === undefined) return { profile: new Profile(entries) };
  const userPlugins = await loadUserPlugins(plugins);
  return { profile: new Profile([...entries, ...userPlugins.entries]), userPlugins };
}
