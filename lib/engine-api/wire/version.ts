import type { SystemInfo, SystemVersion } from '../../engine/index.ts';

/** What API versions there are, as `1.24`. */
export interface ApiVersions {
  readonly newest: string;
  readonly oldest: string;
}

/** Docker's SystemVersion. `GoVersion` is what other engines were compiled with; this one says what it runs on. */
export function versionDocument(
  { version, node, native }: SystemVersion,
  { kernel, architecture }: Pick<SystemInfo, 'kernel' | 'architecture'>,
  api: ApiVersions,
) {
  const shared = {
    ApiVersion: api.newest,
    MinAPIVersion: api.oldest,
    GitCommit: '',
    GoVersion: `node ${node}`,
    Os: 'linux',
    Arch: goArchitecture(architecture),
    KernelVersion: kernel,
    BuildTime: '',
  };
  const parts = Object.entries(native).filter(([name]) => name !== 'strake');
  return {
    Platform: { Name: 'strake' },
    Components: [
      { Name: 'Engine', Version: version, Details: { ...shared, Experimental: 'false' } },
      ...parts.map(([name, partVersion]) => ({ Name: name, Version: partVersion })),
    ],
    Version: version,
    ...shared,
    Experimental: false,
  };
}

const goArchitectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', arm64: 'arm64' };

/** Node's name of an architecture as Go has it. */
export function goArchitecture(architecture: string): string {
  return goArchitectures[architecture] ?? architecture;
}

const machines: Readonly<Record<string, string>> = { x64: 'x86_64', ia32: 'i686', arm64: 'aarch64' };

/** Node's name of an architecture as uname(2) has it. */
export function machineName(architecture: string): string {
  return machines[architecture] ?? architecture;
}
