import { EngineError } from '../errors/index.ts';
import { type ImageReference, parseReference } from '../reference/index.ts';

/** Where an image is, or is to be put. */
export type ImageLocation =
  /** In this store, by a name or an id. */
  | { readonly transport: 'store'; readonly name: string }
  | { readonly transport: 'docker'; readonly reference: ImageReference }
  /** `name`: by which text it is found there. */
  | { readonly transport: 'oci' | 'oci-archive'; readonly path: string; readonly name: string | undefined }
  | { readonly transport: 'docker-archive'; readonly path: string; readonly name: string | undefined }
  /** A root file system. */
  | { readonly transport: 'directory'; readonly path: string };

/** Of skopeo's and podman's, those that mean something else here. */
const foreign = [
  'docker-daemon',
  'containers-storage',
  'dir',
  'docker-dir',
  'sif',
  'tarball',
  'ostree',
  'static',
];

/**
 * Parses where an image is, in skopeo's words (containers-transports(5)): `docker://NAME`, `oci:FOLDER[:NAME]`,
 * `oci-archive:FILE[:NAME]`, `docker-archive:FILE[:NAME]`, `@host`, `@/folder`; anything else is a name or id in this store.
 * Folders and files cannot have a colon in their names.
 * @throws EngineError ERR_TRANSPORT_INVALID, ERR_REFERENCE_INVALID
 */
export function parseLocation(text: string): ImageLocation {
  if (text.startsWith('docker://')) {
    return { transport: 'docker', reference: parseReference(text.slice('docker://'.length)) };
  }
  if (text.startsWith('@')) return { transport: 'directory', path: directoryOf(text) };
  const [, transport, path = '', name] =
    /^(oci|oci-archive|docker-archive):([^:]*)(?::(.+))?$/s.exec(text) ?? [];
  if (transport !== undefined) {
    if (path === '') throw invalid(text, 'a path is missing');
    return { transport: transport as 'oci' | 'oci-archive' | 'docker-archive', path, name };
  }
  const prefix = /^([a-z-]+):/.exec(text)?.[1];
  if (prefix !== undefined && (foreign.includes(prefix) || text.includes('://')))
    throw invalid(text, `${prefix} is none of docker://, oci:, oci-archive:, docker-archive: and @`);
  return { transport: 'store', name: text };
}

function directoryOf(text: string): string {
  if (text === '@host') return '/';
  if (text.startsWith('@/')) return text.slice(1);
  throw invalid(text, "write @host for this machine's root file system, or @ and an absolute directory");
}

function invalid(text: string, complaint: string): EngineError {
  return new EngineError(
    'ERR_TRANSPORT_INVALID',
    `${JSON.stringify(text)} is no place for an image: ${complaint}`,
    {
      details: { location: text },
    },
  );
}
