/** Go's name of an architecture, which docker's documents have, by Node's. */
export function goArchitecture(nodeName: string): string {
  const names: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' };
  return names[nodeName] ?? nodeName;
}

/** uname(2)'s name of an architecture, by Node's. */
export function machineName(nodeName: string): string {
  const names: Readonly<Record<string, string>> = { x64: 'x86_64', ia32: 'i686', arm64: 'aarch64' };
  return names[nodeName] ?? nodeName;
}
