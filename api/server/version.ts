/**
 * What GET /version says. kubectl warns when the minor versions differ by more than one, so the server
 * names one in the middle of those it is tested with (1.27 to 1.33).
 */
export const gantryVersion = '0.1.0';

export function versionInfo(): Record<string, string> {
  return {
    major: '1',
    minor: '30',
    gitVersion: `v1.30.0+gantry.${gantryVersion}`,
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: `node${process.versions.node}`,
    compiler: 'v8',
    platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  };
}
